"""What is heard while caviar works: lines in a log, a bar in a terminal, and text from data as it is."""

import io

import pytest
from rich.console import Console

from caviar.reporting import terminal
from caviar.reporting.terminal import PlainLines, Silent, Terminal

ODD = [
    "[red]x[/red]",
    "[/]",
    "[",
    "\\[bold]",
    "a\\",
    ":smile:",
    "[link=http://x]y[/link]",
    "100 % {0} {task.percentage}",
]


class Clock:
    """Time that a test moves on."""

    def __init__(self):
        self.now = 1000.0

    def monotonic(self):
        return self.now


@pytest.fixture
def clock(monkeypatch):
    made = Clock()
    monkeypatch.setattr(terminal, "time", made)
    return made


def test_plain_lines_carry_the_time(clock):
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.stage("Baselines")
    clock.now += 61.5
    lines.say("linear: error 5.00%")
    assert stream.getvalue() == "0:00 == Baselines\n1:01    linear: error 5.00%\n"


def test_plain_lines_tell_of_progress_only_after_silence(clock):
    stream = io.StringIO()
    lines = PlainLines(stream)
    lines.stage("Search")
    for step in range(100):
        lines.progress("of 100 networks", step / 100)
        clock.now += 0.25
    assert stream.getvalue().splitlines() == [
        "0:00 == Search",
        "0:10    of 100 networks: 40%",
        "0:20    of 100 networks: 80%",
    ]
    lines.say("done")
    clock.now += 9.9
    lines.progress("of 100 networks", 0.99)
    assert stream.getvalue().count("\n") == 4


def test_plain_lines_go_to_standard_error(capsys):
    PlainLines().say("x")
    out, err = capsys.readouterr()
    assert (out, err) == ("", "0:00    x\n")


@pytest.mark.usefixtures("clock")
@pytest.mark.parametrize("text", ODD)
def test_a_terminal_shows_text_from_data_as_it_is(text):
    stream = io.StringIO()
    with Terminal(Console(file=stream, force_terminal=False, width=200)) as shown:
        shown.stage(text)
        shown.say(text)
    assert stream.getvalue().splitlines()[:2] == [f"0:00 {text}", f"0:00   {text}"]
    stream = io.StringIO()
    with Terminal(Console(file=stream, force_terminal=True, color_system=None, width=200)) as shown:
        shown.progress(text, 0.5)
        shown._bar.refresh()
    assert f"      {text} " in stream.getvalue()


def test_a_terminal_draws_a_bar_and_keeps_long_lines_whole():
    stream = io.StringIO()
    with Terminal(Console(file=stream, force_terminal=True, width=60, color_system="standard")) as shown:
        shown.stage("Remedies")
        shown.progress("3 of 9 networks", 0.25)
        shown._bar.refresh()
        shown.say("word " * 30)
    out = stream.getvalue()
    assert "\x1b[1mRemedies" in out
    assert "25 %" in out
    assert "word " * 30 in out


def test_a_smaller_share_begins_a_new_bar():
    with Terminal(Console(file=io.StringIO())) as shown:
        shown.progress("a", 0.75)
        (task,) = shown._bar.tasks
        assert (task.completed, task.visible) == (0.75, True)
        shown.progress("b", 0.25)
        assert (task.completed, task.description, task.visible) == (0.25, "b", True)
        shown.progress("b", 1.0)
        assert not task.visible
        shown.progress("c", 0.0)
        assert task.visible


def test_silence(capfd):
    silent = Silent()
    silent.stage("a")
    silent.say("b")
    silent.progress("c", 0.5)
    assert capfd.readouterr() == ("", "")
