import errno
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st

from caviar.data import ledger
from caviar.data.ledger import MOST_KEPT, LedgerUnusable, ledger_folder, record_opening


def rows(first, end):
    """Numbers that spread like those of rows."""
    return np.random.Generator(np.random.Philox(7)).integers(1 << 63, size=1_000_000, dtype=np.uint64)[first:end]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("CAVIAR_LEDGER", str(tmp_path / "ledger"))
    return tmp_path / "ledger"


def lines(folder):
    return [json.loads(line) for line in (folder / "ledger.jsonl").read_text().splitlines()]


def test_openings_are_counted_and_named(folder):
    first = record_opening(rows(0, 100), "iris", "a trial")
    assert (first.times, first.seen, first.before, first.remembered) == (1, 0.0, (), True)
    assert ledger_folder() == folder
    again = record_opening(rows(0, 100)[::-1], "iris", "another")
    assert (again.times, again.seen, again.test) == (2, 1.0, first.test)
    assert again.before == (f"{first.opened} by a trial",)
    assert [line["by"] for line in lines(folder)] == ["a trial", "another"]
    assert len(list((folder / "rows").iterdir())) == 1


@given(st.lists(st.tuples(st.integers(0, 300), st.integers(1, 100)), min_size=2, max_size=6))
def test_the_share_of_rows_opened_before(tmp_path_factory, spans):
    """Against sets of row numbers: any overlap counts, over several earlier openings."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CAVIAR_LEDGER", str(tmp_path_factory.mktemp("ledger")))
        before: list[set[int]] = []
        for first, size in spans:
            own = set(range(first, first + size))
            opening = record_opening(rows(first, first + size), "t", "a trial")
            assert opening.times == 1 + sum(bool(own & other) for other in before)
            assert opening.seen == pytest.approx(len(own & set().union(*before)) / size)
            before.append(own)


def test_large_test_sets_are_sampled(folder):
    record_opening(rows(0, 500_000), "big", "a trial")
    (kept,) = (folder / "rows").iterdir()
    assert kept.stat().st_size < 1.02 * 8 * MOST_KEPT
    half = record_opening(rows(250_000, 750_000), "big", "a trial")
    assert half.seen == pytest.approx(0.5, abs=0.01)
    assert record_opening(rows(500_000, 500_100), "big", "a trial").times == 2, "12 of its rows were kept"
    assert record_opening(rows(0, 500_000), "big", "a trial").seen == 1


def test_a_run_that_goes_on_counts_once(folder):
    first = record_opening(rows(0, 10), "t", "run", run="abc")
    again = record_opening(rows(0, 10), "t", "run", run="abc")
    assert (again.times, again.seen, again.opened) == (1, 0.0, first.opened)
    assert len(lines(folder)) == 1
    assert record_opening(rows(0, 10), "t", "run", run="other").times == 2
    assert record_opening(rows(0, 10), "t", "run", run="abc").times == 1


def test_a_torn_line_and_damaged_rows_stop_nothing(folder):
    record_opening(rows(0, 10), "t", "first")
    with (folder / "ledger.jsonl").open("ab") as file:
        file.write(b'{"format": 1, "opened": "2026')
    assert record_opening(rows(0, 10), "t", "second").times == 2
    text = (folder / "ledger.jsonl").read_bytes().splitlines()
    assert [json.loads(line)["by"] for line in (text[0], text[2])] == ["first", "second"]
    for path in (folder / "rows").iterdir():
        path.write_bytes(b"gone")
    with (folder / "ledger.jsonl").open("ab") as file:
        file.write(b'[]\n{"test": "../../etc"}\n\xff\xfe\n')
    assert record_opening(rows(5, 15), "t", "third").times == 1, "of another one nothing is known"
    assert record_opening(rows(0, 10), "t", "fourth").times == 4, "the very same set is known by its fingerprint"


def zipped(path):
    with path.open("wb") as file:
        np.savez(file, a=np.arange(3))


def of_a_size_that_cannot_be(path):
    heading = b"{'descr': '<u8', 'fortran_order': False, 'shape': (%d,), }" % (1 << 60)
    path.write_bytes(b"\x93NUMPY\x01\x00" + len(heading).to_bytes(2, "little") + heading)


@pytest.mark.parametrize(
    "damage",
    [
        Path.unlink,
        zipped,
        of_a_size_that_cannot_be,
        lambda path: path.write_bytes(b"gone"),
        lambda path: path.write_bytes(b"PK\x03\x04 no zip"),
        lambda path: path.write_bytes(path.read_bytes()[:90]),
    ],
    ids=["missing", "npz", "huge", "junk", "no zip", "cut off"],
)
def test_the_very_same_rows_are_known_without_their_file(folder, damage):
    """The share is what the warning goes by, and the file is written again for rows of other sets."""
    record_opening(rows(0, 10), "t", "first")
    (kept,) = (folder / "rows").iterdir()
    whole = kept.read_bytes()
    damage(kept)
    again = record_opening(rows(0, 10), "t", "second")
    assert (again.times, again.seen, again.remembered) == (2, 1.0, True)
    assert kept.read_bytes() == whole
    assert record_opening(rows(5, 15), "t", "third").seen == 0.5


def test_a_line_that_is_too_deep_is_passed_over(folder):
    record_opening(rows(0, 10), "t", "first")
    with (folder / "ledger.jsonl").open("ab") as file:
        file.write(b"[" * 200_000 + b"\n")
    assert record_opening(rows(0, 10), "t", "second").times == 2


def test_a_folder_that_cannot_be_written_is_said_once(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAVIAR_LEDGER", str(tmp_path / "file" / "ledger"))
    with pytest.warns(LedgerUnusable, match="should be remembered in .*Not a directory.* CAVIAR_LEDGER"):
        opening = record_opening(rows(0, 10), "t", "a trial")
    assert (opening.remembered, opening.times) == (False, 1)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        record_opening(rows(0, 10), "t", "a trial")


def test_a_full_disk_leaves_whole_lines(folder, monkeypatch):
    record_opening(rows(0, 10), "t", "first")

    def full(_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(ledger.os, "fsync", full)
    with pytest.warns(LedgerUnusable, match="No space left on device"):
        assert not record_opening(rows(0, 10), "t", "second").remembered
    monkeypatch.undo()
    monkeypatch.setenv("CAVIAR_LEDGER", str(folder))
    assert [line["by"] for line in lines(folder)] == ["first"]
    assert record_opening(rows(0, 10), "t", "third").times == 2


def test_a_ledger_that_stays_locked_is_not_waited_for_for_ever(folder, monkeypatch):
    monkeypatch.setattr(ledger, "_WAIT", 0.1)
    record_opening(rows(0, 10), "t", "first")
    with FileLock(folder / "ledger.lock"), pytest.warns(LedgerUnusable, match="another process keeps it locked"):
        assert not record_opening(rows(0, 10), "t", "second").remembered


def test_two_processes_write_every_line(folder):
    """Every opening sees all those before it: the counts are 1 to n, each once."""
    code = (
        "import numpy as np\nfrom caviar.data.ledger import record_opening\n"
        "for i in range(25): print(record_opening(np.arange(1, 50, dtype=np.uint64), 't', 'a process').times)\n"
    )
    env = os.environ | {"CAVIAR_LEDGER": str(folder)}
    both = [subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, text=True) for _ in "ab"]
    counts = [int(word) for process in both for word in process.communicate()[0].split()]
    assert [process.returncode for process in both] == [0, 0]
    assert sorted(counts) == list(range(1, 51))
    assert len(lines(folder)) == 50


@pytest.mark.parametrize(
    ("platform", "variables", "place"),
    [
        ("linux", {"XDG_DATA_HOME": "/data"}, "/data/caviar"),
        ("linux", {}, "~/.local/share/caviar"),
        ("darwin", {}, "~/Library/Application Support/caviar"),
        ("win32", {"LOCALAPPDATA": "/local"}, "/local/caviar"),
        ("linux", {"CAVIAR_LEDGER": "/mine"}, "/mine"),
    ],
)
def test_the_folder_of_each_platform(monkeypatch, platform, variables, place):
    for name in ("CAVIAR_LEDGER", "XDG_DATA_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(ledger.sys, "platform", platform)
    assert ledger_folder() == Path(place).expanduser()
