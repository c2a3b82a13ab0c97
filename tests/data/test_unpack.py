"""Packed files, and the bounds of what is unpacked."""

import bz2
import gzip
import lzma

import pytest

from caviar.data.bounds import ALWAYS, MOST_TIMES, check_unpacked, most_bytes
from caviar.data.unpack import contents
from caviar.errors import BadData

DATA = bytes(range(256)) * 40


@pytest.mark.parametrize(
    ("ending", "pack"), [("", bytes), (".gz", gzip.compress), (".bz2", bz2.compress), (".XZ", lzma.compress)]
)
def test_contents(tmp_path, ending, pack):
    path = tmp_path / f"f.csv{ending}"
    path.write_bytes(pack(DATA))
    assert contents(path) == DATA
    assert contents(path, 300) == DATA[:300]
    assert contents(path, 10**12) == DATA


@pytest.mark.parametrize(("ending", "pack"), [(".gz", gzip.compress), (".bz2", bz2.compress), (".xz", lzma.compress)])
def test_what_cannot_be_unpacked(tmp_path, ending, pack, monkeypatch):
    path = tmp_path / f"f.csv{ending}"
    for data in (pack(DATA)[:-9], b"hello", pack(DATA)[:30] + bytes(9) + pack(DATA)[39:]):
        path.write_bytes(data)
        with pytest.raises(BadData, match=rf"must be a \{ending} file, but it cannot be unpacked"):
            contents(path)
    path.write_bytes(pack(bytes(100_000)))
    monkeypatch.setattr("caviar.data.bounds.ALWAYS", 1000)
    monkeypatch.setattr("caviar.data.bounds.MOST_TIMES", 10)
    with pytest.raises(BadData, match=r"would unpack to more. It is damaged, or made to fill the memory"):
        contents(path)


def test_what_is_small_is_always_unpacked_and_the_rest_by_its_size():
    assert most_bytes(0) == most_bytes(ALWAYS // MOST_TIMES) == ALWAYS
    assert most_bytes(1 << 30) == MOST_TIMES << 30
    check_unpacked(1, ALWAYS, "'f'")
    with pytest.raises(BadData, match="A file may unpack to 268 MB when it has 1 byte, but 'f' would unpack to 269 MB"):
        check_unpacked(1, ALWAYS + 10**6, "'f'")
