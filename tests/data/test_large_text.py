"""In pieces of some bytes a file reads as it does at once."""

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from caviar.data import large_text as module
from caviar.data.large_text import read_large_text
from caviar.data.text import read_text
from caviar.errors import BadData


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rows_of(count, mark=",", end="\n", word="red"):
    rng = np.random.default_rng(count)
    lines = [mark.join(["size", "note", "price"])]
    for i in range(count):
        note = [word, "", f'"two{end}lines"', f'"a {mark} b"', '"say ""yes"""'][i % 5]
        lines.append(mark.join([str(rng.integers(-9, 1000)), note, f"{rng.normal():.3f}"]))
    return end.join(lines) + end


def both(path):
    """The file read at once and in pieces: cells without nulls, delimiter and notes of each."""
    whole, parts = read_text(path), read_large_text(path)
    assert parts is not None
    return [(text.cells[:].with_columns(pl.all().fill_null("")), text.delimiter, text.notes) for text in (whole, parts)]


@pytest.mark.parametrize("piece", [64, 257, 1 << 20])
@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_pieces_put_together_are_the_whole(piece, mark, end, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", piece)
    path = tmp_path / "a.csv"
    path.write_bytes(rows_of(60, mark, end).encode())
    whole, parts = both(path)
    assert_frame_equal(parts[0], whole[0])
    assert parts[1:] == whole[1:]


@settings(max_examples=60, deadline=None)
@given(
    cells=st.lists(
        st.lists(st.text(st.sampled_from('a1 ,"\n;é'), max_size=4), min_size=2, max_size=2), min_size=1, max_size=30
    ),
    piece=st.integers(30, 90),
)
def test_any_cells(cells, piece, tmp_path_factory):
    quoted = [['"' + cell.replace('"', '""') + '"' for cell in row] for row in cells]
    path = tmp_path_factory.mktemp("any") / "a.csv"
    text = "\n".join(",".join(row) for row in [["left", "right"], *quoted]) + "\n"
    path.write_text(text, encoding="utf-8", newline="")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "_PIECE", piece)
        whole, parts = both(path)
    assert_frame_equal(parts[0], whole[0])
    assert parts[1:] == whole[1:]


@pytest.mark.parametrize(
    "beginning", [b"\xef\xbb\xbf", b"sep=,\n", b"\n \n", b""], ids=["mark", "Excel", "blank lines", "plain"]
)
@pytest.mark.parametrize("ending", [b"", b"\n\n", b",,\n,,\n", b"\x1a"], ids=["plain", "blank", "empty rows", "DOS"])
def test_beginnings_and_ends(beginning, ending, tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 200)
    path = tmp_path / "a.csv"
    path.write_bytes(beginning + rows_of(40).encode() + ending)
    whole, parts = both(path)
    assert_frame_equal(parts[0], whole[0])
    assert parts[1:] == whole[1:]


def test_one_letter_far_down_decides_the_encoding(tmp_path, monkeypatch):
    """It is not UTF-8, so none of the file is: pieces before it are read in the same way."""
    monkeypatch.setattr(module, "_PIECE", 64)
    path = tmp_path / "a.csv"
    path.write_bytes(rows_of(50, word="Ã©").encode() + "1,café,2\n".encode("cp1252"))
    whole, parts = read_text(path), read_large_text(path)
    assert parts is not None
    assert parts.cells["note"][-1] == "café"
    assert parts.cells["note"][0] == whole.cells["note"][0] == "ÃƒÂ©"
    assert parts.notes[0].startswith("Read as Windows-1252 (Latin-1), because it is not UTF-8")


def test_the_line_of_a_row_with_other_cells(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "_PIECE", 64)
    path = tmp_path / "a.csv"
    lines = ["a,b"] + [f"{i},{i}" for i in range(100)]
    for number in (2, 57, 101):
        path.write_text("\n".join([*lines[: number - 1], "1,2,3", *lines[number - 1 :]]))
        with pytest.raises(BadData, match=f"line {number} has 3"):
            read_large_text(path)


def test_a_piece_of_other_width_is_found(tmp_path, monkeypatch):
    """Even where all its own lines agree."""
    monkeypatch.setattr(module, "_PIECE", 40)
    path = tmp_path / "a.csv"
    path.write_text("a,b\n" + "1,2\n" * 40 + "1,2,3\n" * 60)
    with pytest.raises(BadData, match=r"must have 2 cells, .* line 4\d has 3"):
        read_large_text(path)


@pytest.mark.parametrize("content", [b"a\n1\n2\n" * 20, "a,b\n1,2\n".encode("utf-16"), b"a,b\r1,2\r3,4\r"])
def test_what_is_needed_at_once_is_left_to_others(content, tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(content)
    assert read_large_text(path) is None
    assert read_large_text(tmp_path / "a.csv.gz") is None
