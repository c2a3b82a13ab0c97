"""Run folders on the page: sessions that were left, that train elsewhere, or that cannot be shown."""

import json
import shutil
import signal
import subprocess
import sys
import time
from http.client import HTTPConnection

import pytest

from caviar.cli import main
from caviar.errors import BadCommand
from caviar.network.config import Config
from caviar.watching.watch import watch
from caviar.watching.watching_run import watch_data
from caviar.web.folders import folder_data, folder_source
from small_runs import CSV, written

SMALL = Config(hidden_units=(4,), epochs=6, learning_rate=0.01)


@pytest.fixture(scope="module")
def left(tmp_path_factory):
    """A session that has ended, with a branch."""
    place = tmp_path_factory.mktemp("left")
    data = written(place / "f.csv", CSV)
    typed = ["branch dropout=0.2", "nudge learning_rate=0.02", "note <b>done</b>"]
    watch_data(data, "y", config=SMALL, out=place / "run", typed=typed)
    return place / "run"


def test_a_session_that_was_left_is_shown_as_it_was(left):
    source = folder_source(left, "3")
    assert source.state() == "closed"
    assert source.more() is None  # nothing was told yet
    told = json.loads(json.dumps(source.begin(), allow_nan=False))
    assert (source.id, source.kind, told["run"]["name"]) == ("3", "session", "run")
    assert told["run"]["settings"] == []
    assert told["alive"] is False
    assert set(told["branches"]) == {"0", "1"}
    assert len(told["branches"]["0"]["curves"]["dev_loss"]) == 6
    assert told["branches"]["0"]["curves"]["gradient_norm"]
    assert [line["verb"] for line in told["journal"]] == ["branch", "nudge", "note", "stop", "end"]
    assert source.more() is None
    with pytest.raises(BadCommand, match="caviar watch --resume"):
        source.ask(None, "page")  # type: ignore[arg-type]


def test_its_rows_are_looked_at_when_somebody_asks(left):
    look = folder_data(left)
    assert look is not None
    found = json.loads(json.dumps(look(), allow_nan=False))
    assert found["rows"]["train"] > 0
    assert found["columns"]


def test_what_is_written_while_it_is_shown_comes_as_news(left, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(left, place)
    epochs = place / "epochs" / "branch-0"
    last = sorted(epochs.glob("epoch-*"))[-1]
    held = last.read_bytes()
    last.unlink()
    source = folder_source(place, "0")
    before = source.begin()
    last.write_bytes(held)
    told = source.more()
    assert told is not None
    assert told["branches"]["0"]["epochs"] > before["branches"]["0"]["epochs"]
    assert told["branches"]["0"]["from"] == len(before["branches"]["0"]["curves"]["dev_loss"])


def test_a_session_of_a_process_that_was_killed_is_not_open(left, tmp_path):
    place = tmp_path / "run"
    shutil.copytree(left, place)
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (place / ".pid").write_text(str(process.pid))
    assert folder_source(place, "0").state() == "open"
    process.kill()
    process.wait()
    assert folder_source(place, "0").state() == "closed"


def test_a_session_that_is_killed_while_it_is_shown_stands_still(left, tmp_path):
    place = shutil.copytree(left, tmp_path / "run")
    for file in (place / "epochs").glob("*/epoch-000006.safetensors"):
        file.unlink()
    (place / "journal.jsonl").write_text("")
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    (place / ".pid").write_text(str(process.pid))
    source = folder_source(place, "0")
    assert source.begin()["branches"]["0"]["state"] == "training"
    process.kill()
    process.wait()
    assert source.more()["branches"]["0"]["state"] == "paused"
    assert source.more() is None


def test_what_cannot_be_shown_is_one_line(left, tmp_path, capsys):
    from watching.test_session import SPLIT

    with watch(SPLIT, SMALL, folder=tmp_path / "python"):
        pass
    newer = tmp_path / "newer"
    shutil.copytree(left, newer)
    (newer / "run.json").write_text(json.dumps(json.loads((newer / "run.json").read_text()) | {"format": 99}))
    for folder, words in ((tmp_path / "python", "begun in Python"), (newer, "later caviar"), (tmp_path, "run.json")):
        assert main(["serve", str(folder)]) == 1
        told = capsys.readouterr().err.strip().splitlines()
        assert len(told) == 1
        assert words in told[0]
    assert main(["serve"]) == 2
    assert "at least one run folder" in capsys.readouterr().err


def test_the_commands_serve_a_page(left):
    """`serve` of a folder, from outside: an address with a token, and the page behind it."""
    command = [sys.executable, "-m", "caviar.cli", "serve", str(left), "--port", "0", "--no-browser"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("Page: http://127.0.0.1:")
        host, _, query = line.split("//")[1].strip().partition("/")
        connection = HTTPConnection(host, timeout=20)
        connection.request("GET", "/" + query)
        assert connection.getresponse().status == 200
        connection.close()
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)
    assert process.returncode == 0


def test_a_page_that_nobody_wants_is_not_served(tmp_path):
    data = written(tmp_path / "f.csv", CSV)
    began = time.monotonic()
    command = [sys.executable, "-m", "caviar.cli", "watch", str(data), "--target", "y", "--out", str(tmp_path / "run")]
    config = tmp_path / "small.toml"
    config.write_text("hidden_units = [4]\nepochs = 5\n")
    done = subprocess.run(
        [*command, "--config", str(config), "--no-page"], input="", capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Page:" not in done.stderr
    assert (tmp_path / "run" / "report.html").exists()
    assert time.monotonic() - began < 120
