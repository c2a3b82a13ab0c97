"""Runs of other commands as the page shows them."""

import json
import shutil

import pytest

from caviar.errors import BadRun
from caviar.reporting.training_run import train_networks
from caviar.web.other_view import OtherView
from small_runs import CONFIG, CSV, HOSTILE, written

RUN = {"format": 1, "asked": {"command": "diagnose"}, "seconds": 1.5, "begun": "2026-11-01T00:00:00+00:00"}


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / HOSTILE.replace("/", "")
    place.mkdir()
    (place / "run.json").write_text(json.dumps(RUN))
    return place


def test_a_finished_run_of_networks(tmp_path):
    data = written(tmp_path / "f.csv", CSV)
    train_networks(data, "y", configs={"small": CONFIG}, out=tmp_path / "run")
    view = OtherView(tmp_path / "run")
    told = json.loads(json.dumps(view.whole(), allow_nan=False))["run"]
    summary = json.loads((tmp_path / "run" / "summary.json").read_text())
    assert (told["command"], told["finished"], told["report"]) == ("train", True, False)
    assert told["summary"].keys() | set(told["left_out"]) == summary.keys()
    assert told["summary"]["task"] == summary["task"] == "classification"
    assert "Begun" in told["lines"][0]
    assert view.state() == "finished"
    assert view.since() is None


def test_one_that_is_not_finished_and_then_is(folder):
    view = OtherView(folder)
    assert view.since() is None  # nobody has asked yet
    told = view.whole()["run"]
    assert (told["finished"], told["report"], told["summary"]) == (False, False, {})
    assert (told["command"], view.state()) == ("diagnose", "under way")
    assert told["name"] == folder.name  # as text: what it looks like is for the page to mind
    assert "It is not finished" in " ".join(told["lines"])
    (folder / "summary.json").write_text('{"format": 1, "error": NaN, "large": "' + 70_000 * "x" + '"}')
    (folder / "report.html").write_text("")
    news = view.since()["run"]
    assert (news["finished"], news["report"]) == (True, True)
    assert news["summary"] == {"format": 1, "error": None}
    assert news["left_out"] == ["large"]
    assert "command" not in news
    assert view.since() is None


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("run.json", None, "must hold run.json"),
        ("run.json", '{"format": 1, "asked": {', "cannot be read"),
        ("run.json", '{"format": 2, "asked": {}, "seconds": 0}', "later caviar"),
        ("summary.json", '{"format": 1', "must be JSON"),
        ("summary.json", '{"format": 2}', "later caviar"),
        ("summary.json", "[1, 2]", "must be of format 1"),
    ],
)
def test_what_is_no_run_or_of_a_later_caviar_is_one_line(folder, name, content, said):
    (folder / name).unlink(missing_ok=True)
    if content is not None:
        (folder / name).write_text(content)
    with pytest.raises(BadRun, match=said.replace(".", r"\.")) as raised:
        OtherView(folder).whole()
    assert "\n" not in str(raised.value)


def test_a_run_that_is_damaged_later_is_told(folder):
    view = OtherView(folder)
    view.whole()
    shutil.rmtree(folder)
    with pytest.raises(BadRun, match=r"must hold run\.json"):
        view.since()
