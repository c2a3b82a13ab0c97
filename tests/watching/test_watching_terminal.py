import json
import os
import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from caviar.cli import main
from caviar.errors import BadCommand
from caviar.reporting.run_folder import read_run
from caviar.watching.commands import Command
from caviar.watching.journal import Journal
from caviar.watching.session import Seen
from caviar.watching.terminal import HELP, command_of
from caviar.watching.watching_run import _hint


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("pause", Command("pause")),
        (" resume 2 ", Command("resume", 2)),
        ("nudge learning_rate=3e-3 dropout=0.5", Command("nudge", 0, {"learning_rate": 0.003, "dropout": 0.5})),
        (
            "nudge 1 hidden_units=[20, 7] clip_norm=none",
            Command("nudge", 1, {"hidden_units": [20, 7], "clip_norm": None}),
        ),
        ("nudge optimizer=sgd hidden_units=(8,8)", Command("nudge", 0, {"optimizer": "sgd", "hidden_units": [8, 8]})),
        ("branch", Command("branch", 0)),
        ("branch 3 l2=1", Command("branch", 3, {"l2": 1})),
        ("rewind 40", Command("rewind", 0, epoch=40)),
        ("rewind 2 0", Command("rewind", 2, epoch=0)),
        ("delete 1", Command("delete", 1)),
        ("stop", Command("stop")),
        ("keep 1", Command("keep", 1)),
        ("note it is = better", Command("note", text="it is = better")),
    ],
)
def test_what_is_typed(line, command):
    assert command_of(line) == command


@pytest.mark.parametrize(
    "line", ["nugde l2=1", "nudge", "nudge x y=1", "rewind", "rewind 1 2 3", "delete", "note", "l2=3"]
)
def test_what_cannot_be_understood(line):
    with pytest.raises(BadCommand):
        command_of(line)


def test_help_names_every_command():
    assert all(
        verb in HELP for verb in ("nudge", "branch", "rewind", "pause", "resume", "stop", "delete", "keep", "note")
    )


def watched(out, lines, *more):
    """`caviar watch` in a process of its own, with lines typed."""
    command = [sys.executable, "-m", "caviar.cli", "watch", "digits", "--out", str(out), "--json", *more]
    return subprocess.run(command, input="\n".join(lines), capture_output=True, text=True, timeout=300, check=False)


def test_a_session_is_typed_and_replayed(tmp_path, capsys):
    config = tmp_path / "small.toml"
    config.write_text("hidden_units = [16]\nepochs = 6\nlearning_rate = 0.01\n")
    typed = ["nudge learning_rate=0.02", "branch dropout=0.2", "nonsense", "help", "note as expected", "keep"]
    done = watched(tmp_path / "run", typed, "--config", str(config))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["ended"] is True
    assert {name: (one["epochs"], one["status"]) for name, one in told["branches"].items()} == {
        "0": (6, "finished"),
        "1": (6, "finished"),
    }
    assert told["branches"]["1"]["config"]["dropout"] == 0.2
    for words in (
        "nudge branch 0, learning_rate = 0.02, at step",
        "branch 1 from branch 0",
        "got 'nonsense'",
        "put words",
    ):
        assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert main(["replay", str(tmp_path / "run"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["equal"] is True
    assert main(["replay", str(tmp_path / "run")]) == 0
    assert "The same bits" in capsys.readouterr().out
    journal = tmp_path / "run" / "journal.jsonl"
    *lines, end = Journal(journal).lines  # a nudge may come after the last step: what it changes need not be seen
    end["branches"]["0"]["digest"] = end["branches"]["1"]["digest"][::-1]
    journal.write_text("".join(f"{json.dumps(line)}\n" for line in [*lines, end]))
    assert main(["replay", str(tmp_path / "run")]) == 1


def test_ctrl_c_leaves_a_session_that_goes_on(tmp_path):
    command = [sys.executable, "-m", "caviar.cli", "watch", "digits", "--out", str(tmp_path / "run")]
    process = subprocess.Popen(
        command, stdin=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdin is not None
    assert process.stderr is not None
    process.stdin.write("nudge learning_rate=0.002\n")
    process.stdin.flush()
    while "nudge branch 0" not in process.stderr.readline():
        pass
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)
    _, told = process.communicate(timeout=120)
    assert process.returncode == 130, told
    assert read_run(tmp_path / "run")["asked"]["command"] == "watch"
    assert "learning rate" in (tmp_path / "run" / "report.html").read_text()
    assert [line["verb"] for line in Journal(tmp_path / "run" / "journal.jsonl").lines] == ["nudge", "stop", "end"]
    again = subprocess.run(
        [sys.executable, "-m", "caviar.cli", "watch", "--resume", str(tmp_path / "run"), "--json"],
        input="stop\n",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert again.returncode == 0, again.stderr
    assert "goes on where it was left, paused" in again.stderr
    assert json.loads(again.stdout)["branches"]["0"]["config"]["learning_rate"] == 0.002


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["watch"], 2, "needs DATA"),
        (["watch", "digits", "--resume", "x"], 2, "leave out DATA"),
        (["watch", "nowhere.csv"], 1, "nowhere.csv"),
        (["replay", "nowhere"], 1, "run.json"),
        (["watch", "--resume", "nowhere"], 1, "run.json"),
    ],
)
def test_what_is_at_fault_is_one_line(arguments, code, words, capsys):
    assert main(arguments) == code
    told = capsys.readouterr().err.strip().splitlines()
    assert words in told[-1]


@pytest.mark.parametrize(
    ("paused", "steps", "lines", "told"),
    [(True, 0, [], "It waits, paused"), (True, 9, [], "where it was left"), (False, 0, [{}], None)],
)
def test_who_waits_is_told_what_to_type(paused, steps, lines, told):
    first = Seen(SimpleNamespace(steps=steps), paused=paused, ended=False, kept=())
    said = _hint(SimpleNamespace(branches={0: first}, lines=lines))
    assert [told in line and line.endswith("Type resume.") for line in said] == ([] if told is None else [True])
