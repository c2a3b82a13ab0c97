"""The folder of one run: taken by one process, for one request, and continued by the same."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from caviar.errors import BadRun
from caviar.reporting.run_folder import RunFolder, next_folder, read_run, read_summary

ASKED = {"data": "/data/houses.csv", "seed": 0, "config": {"hidden_units": [64, 64]}, "rows": "ab12"}


def test_a_new_folder_is_made_and_says_what_was_asked(tmp_path):
    path = tmp_path / "a" / "b"
    with RunFolder(path, ASKED) as folder:
        assert read_summary(folder.path) is None
        assert folder.seconds_before == 0
        assert (path / ".pid").read_text() == str(os.getpid())
    content = json.loads((path / "run.json").read_text())
    assert content["format"] == 1
    assert content["asked"] == ASKED
    assert {"python", "caviar", "jax", "numpy", "optuna"} <= content["versions"].keys()
    assert not (path / ".pid").exists()
    begun = datetime.fromisoformat(content["begun"])
    assert timedelta(0) <= datetime.now(UTC) - begun < timedelta(minutes=5)


def test_an_empty_folder_will_do(tmp_path):
    with RunFolder(tmp_path, ASKED):
        assert read_run(tmp_path)["asked"] == ASKED


def test_a_foreign_folder_is_left_as_it_was(tmp_path):
    (tmp_path / "thesis.tex").write_text("x")
    with (
        pytest.raises(BadRun, match=r"new or empty folder or a run's, but .* holds 'thesis.tex'"),
        RunFolder(tmp_path, ASKED),
    ):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


def test_the_same_request_goes_on(tmp_path):
    with RunFolder(tmp_path / "run", ASKED) as folder:
        folder.spent(12.5)
    with RunFolder(tmp_path / "run", dict(ASKED)) as folder:
        assert folder.seconds_before == 12.5
        folder.spent(20.0)
    assert read_run(tmp_path / "run")["seconds"] == 20.0
    assert read_run(tmp_path / "run")["asked"] == ASKED


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ({"seed": 1}, "was asked for seed = 0, now seed = 1 came"),
        ({"seed": 1, "rows": "cd34"}, "was asked for seed = 0, now seed = 1 came"),
        ({"data": "/data/flats.csv"}, 'data = "/data/houses.csv", now data = "/data/flats.csv" came'),
        ({"config": None}, r'config = {"hidden_units": \[64, 64\]}, now config = null came'),
        ({"config": {"hidden_units": [8] * 99}}, r"now config = .{57}\.\.\. came"),
        ({"rows": "cd34"}, "the data hold others. Give another --out"),
        ({"trials": 9}, "trials = null, now trials = 9 came"),
    ],
)
def test_another_request_is_refused_with_both_values(tmp_path, other, words):
    with RunFolder(tmp_path, ASKED):
        pass
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(BadRun, match=words) as error, RunFolder(tmp_path, ASKED | other):
        pass
    assert "another --out" in str(error.value)
    assert (tmp_path / "run.json").read_bytes() == before
    with RunFolder(tmp_path, ASKED):  # the refused one has let go of it
        pass


def test_a_plan_is_made_once(tmp_path):
    with RunFolder(tmp_path, ASKED) as folder:
        assert folder.plan("size", lambda: 16) == 16
        assert folder.plan("size", lambda: 99) == 16
        folder.spent(3.0)
    with RunFolder(tmp_path, ASKED) as folder:
        assert folder.plan("size", lambda: 99) == 16
        assert folder.plan("left out", lambda: {"larger": "no time"}) == {"larger": "no time"}


def test_json_is_strict_and_whole(tmp_path):
    with RunFolder(tmp_path, ASKED) as folder:
        folder.write_json("summary.json", {"error": 0.25})
        with pytest.raises(ValueError, match="not JSON compliant"):
            folder.write_json("summary.json", {"error": float("nan")})
        assert read_summary(folder.path) == {"error": 0.25}
        (tmp_path / "checkpoints").mkdir()
        (tmp_path / "checkpoints" / "x").write_text("x")
        folder.tidy()
        folder.tidy()
    assert {path.name for path in tmp_path.iterdir()} - {".lock"} == {"run.json", "summary.json"}


HOLD = """
import sys, time
from pathlib import Path
from caviar.reporting.run_folder import RunFolder, read_summary
with RunFolder(Path(sys.argv[1]), {"seed": 0}):
    print("held", flush=True)
    time.sleep(120)
"""


@contextlib.contextmanager
def held(path):
    """Another process that works in the folder."""
    other = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE)
    try:
        assert other.stdout is not None
        assert other.stdout.readline() == b"held\n"
        yield other
    finally:
        other.kill()
        other.communicate()


def test_one_process_at_a_time_and_a_killed_one_lets_go(tmp_path):
    with held(tmp_path) as other:
        with pytest.raises(BadRun, match=rf"in use by process {other.pid}\. Wait for it, or give another --out"):
            RunFolder(tmp_path, {"seed": 0}).__enter__()
        other.send_signal(signal.SIGKILL)
        other.wait()
        assert (tmp_path / ".pid").exists()
        with RunFolder(tmp_path, {"seed": 0}):
            assert (tmp_path / ".pid").read_text() == str(os.getpid())


def test_an_error_inside_lets_go(tmp_path):
    with pytest.raises(KeyboardInterrupt), RunFolder(tmp_path, ASKED):
        raise KeyboardInterrupt
    with RunFolder(tmp_path, ASKED):
        pass


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"format": 1}',
        b'{"format": 1, "asked": 3, "seconds": 0}',
        b"\xff\xfe",
        b'{"asked": {}}',
    ],
)
def test_a_damaged_run_is_told(tmp_path, content):
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(BadRun, match=r"run.json cannot be read .* start again"):
        read_run(tmp_path)
    with pytest.raises(BadRun, match=r"run.json cannot be read"), RunFolder(tmp_path, ASKED):
        pass
    assert (tmp_path / "run.json").read_bytes() == content


def test_a_later_format_is_told(tmp_path):
    (tmp_path / "run.json").write_text('{"format": 2}')
    with pytest.raises(BadRun, match=r"^A run must have format 1, got 2\. It was written by a later caviar: update"):
        read_run(tmp_path)


def test_a_damaged_summary_is_told(tmp_path):
    (tmp_path / "summary.json").write_text("{")
    with pytest.raises(BadRun, match=r"summary.json cannot be read.* Give another --out"):
        read_summary(tmp_path)


@pytest.mark.parametrize("path", ["none", "file", "file/below"])
def test_what_is_no_run_is_told(tmp_path, path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(BadRun, match=r"must hold run.json, but .* has none. Give the folder of a run"):
        read_run(tmp_path / path)


def test_a_folder_that_cannot_be_is_told(tmp_path):
    (tmp_path / "file").write_text("x")
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(BadRun, match=r"--out must be a folder that can be written, but .*\. Give another one\.$"):
            RunFolder(path, ASKED).__enter__()


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("houses", "houses-1"),
        ("two words", "two-words-1"),
        ("a/b\\c:d", "a-b-c-d-1"),
        ("größe 2.0", "größe-2.0-1"),
        ("..", "run-1"),
        ("../..", "run-1"),
        ("", "run-1"),
        ("-x-", "x-1"),
    ],
)
def test_the_next_folder(tmp_path, monkeypatch, name, folder):
    monkeypatch.chdir(tmp_path)
    assert next_folder(name) == Path("caviar-runs") / folder
    (tmp_path / "caviar-runs" / folder).mkdir(parents=True)
    assert next_folder(name) == Path("caviar-runs") / f"{folder[:-1]}2"
    assert not (tmp_path / next_folder(name)).exists()
