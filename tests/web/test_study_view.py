"""A search as the page shows it: what is in its folder, once, and then only what is new."""

import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from caviar.errors import BadRun
from caviar.reporting.tuning_kept import kept
from caviar.reporting.tuning_result import of_space
from caviar.reporting.tuning_run import tune_networks
from caviar.tuning.spaces.dimensions import Choice, LogUniform
from caviar.tuning.spaces.space import Space
from caviar.web import study_view
from caviar.web.study_view import StudyView
from reporting.made_tuning import made_search
from small_runs import CONFIG, CSV, written


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return made_search(tmp_path_factory.mktemp("few") / "run", 48, rungs=True)


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """A finished search of networks."""
    place = tmp_path_factory.mktemp("real")
    space = Space({"learning_rate": LogUniform(1e-3, 1e-1), "activation": Choice("relu", "tanh")})
    data = written(place / "f.csv", CSV)
    tune_networks(data, "y", config=CONFIG, space=space, trials=10, strategy="caviar", seed=5, out=place / "run")
    return place / "run"


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """What trials say of the space takes seconds: most tests do without."""
    monkeypatch.setattr(study_view, "of_space", lambda _: {"importance": None, "remarks": []})


def cut(folder, place, lines, half=b""):
    """The folder of a search as it was when its study had so many lines, and a part of the next."""
    shutil.copytree(folder, place)
    log = place / "study.log"
    log.write_bytes(b"".join((folder / "study.log").read_bytes().splitlines(keepends=True)[:lines]) + half)
    return place


def plain(message):
    """As it is sent: whatever is no JSON raises."""
    return json.loads(json.dumps(message, allow_nan=False))


def waited(view):
    """News until what the trials say of the space is among them."""
    view._asked.exception(timeout=120)
    return view.since()


def test_a_search_is_told_as_it_is_kept(few):
    view = StudyView(few)
    told, found = plain(view.whole()), kept(few)
    run, trials = told["run"], told["trials"]
    assert [trial["number"] for trial in trials] == list(range(48))
    for trial, own in zip(trials, found.study.trials, strict=True):
        assert (trial["state"], trial["generation"]) == (own.outcome.state, own.generation)
        assert trial["value"] == own.outcome.values[0]
        assert trial["params"] == own.values
        assert trial["epochs"] == own.outcome.facts["epochs"]
    assert run["curve"] == "dev_loss"
    assert run["most_epochs"] == 40
    curves = dict(found.curves("dev_loss"))
    assert told["curves"].keys() == {str(number) for number in curves}
    for number, curve in curves.items():
        np.testing.assert_allclose(told["curves"][str(number)], curve, rtol=1e-4)
    assert [zoom["reason"] for zoom in told["zooms"]] == [zoom.reason for zoom in found.study.zooms]
    assert (run["name"], run["metric"], run["smaller_is_better"], run["finished"]) == ("run", "error", True, False)
    assert run["best"] == found.study.best.number
    assert "Not finished: after 48 trials" in run["headline"][0]
    assert run["space"]["learning_rate"] == {"kind": "number", "scale": "log", "low": 1e-4, "high": 1e-1}
    assert run["space"]["beta1"]["scale"] == "one_minus_log"
    assert run["space"]["layers"] == {"kind": "whole", "scale": "linear", "low": 1, "high": 3}
    assert run["space"]["batch_size"] == {"kind": "choice", "options": [32, 64, 128]}


def test_rungs_count_who_went_on(few):
    told = StudyView(few).whole()["rungs"]
    by_hand = []
    for generation in range(3):
        own = [trial for trial in kept(few).study.trials if trial.generation == generation]
        stopped = sum(trial.outcome.state == "pruned" for trial in own)  # at the second rung, all of them
        by_hand.append(
            {"generation": generation, "epochs": [4, 12], "begun": 16, "went_on": [len(own), len(own) - stopped]}
        )
    assert told == by_hand


def test_importance_comes_when_it_is_worked_out_and_is_that_of_the_report(few, monkeypatch):
    monkeypatch.setattr(study_view, "of_space", of_space)
    view = StudyView(few)
    assert view.whole()["run"]["importance"] == []
    run = plain(waited(view))["run"]
    critique = kept(few).study.critique()
    assert run.keys() <= {"importance", "critic"}
    assert [one["name"] for one in run["importance"]] == [one.name for one in critique.importance]
    for one, own in zip(run["importance"], critique.importance, strict=True):
        assert one == {"name": own.name, "value": own.share, "low": own.low, "high": own.high, "course": own.course}
    assert view.since() is None


def test_a_search_whose_space_cannot_be_judged_is_followed_further(few, tmp_path, monkeypatch):
    def fails(_):
        raise ZeroDivisionError

    monkeypatch.setattr(study_view, "of_space", fails)
    place = cut(few, tmp_path / "run", 30)
    view = StudyView(place)
    first = len(view.whole()["trials"])
    waited(view)
    shutil.copy(few / "study.log", place / "study.log")
    assert len(view.since()["trials"]) == 48 - first


def test_the_end_of_the_program_does_not_wait_for_what_is_worked_out():
    code = "import time; from caviar.web.study_view import _beside; _beside(lambda _: time.sleep(600), None)"
    ended = subprocess.run([sys.executable, "-c", code], check=False, timeout=120)  # long before its 600 seconds
    assert ended.returncode == 0


def test_only_what_is_new_is_told(few, tmp_path):
    place = cut(few, tmp_path / "run", 12)
    log, later = place / "study.log", (few / "study.log").read_bytes()
    view = StudyView(place)
    first = view.whole()
    assert 0 < len(first["trials"]) < 16
    assert view.since() is None
    assert view.whole()["trials"] == first["trials"]  # for whoever comes next
    log.write_bytes(later)
    told = plain(view.since())
    numbers = [trial["number"] for trial in told["trials"]]
    assert numbers == list(range(len(first["trials"]), 48))
    assert set(told["curves"]) == {str(number) for number in numbers}
    assert [zoom["generation"] for zoom in told["zooms"]] == [1, 2]
    assert [rung["generation"] for rung in told["rungs"]] == sorted({trial["generation"] for trial in told["trials"]})
    assert "48 trials" in told["run"]["headline"][0]
    assert "space" not in told["run"]
    everything, anew = view.whole(), StudyView(place).whole()
    assert everything["trials"] == anew["trials"]
    assert everything["curves"] == anew["curves"]
    assert everything["rungs"] == anew["rungs"]
    assert everything["zooms"] == anew["zooms"]


def test_half_a_line_is_no_line_yet(few, tmp_path):
    lines = (few / "study.log").read_bytes().splitlines(keepends=True)
    whole = StudyView(cut(few, tmp_path / "whole", 30)).whole()["trials"]
    place = cut(few, tmp_path / "half", 30, half=lines[30][:40])
    view = StudyView(place)
    assert view.whole()["trials"] == whole
    (place / "study.log").write_bytes(b"".join(lines[:31]))
    assert [trial["number"] for trial in view.since()["trials"]] == [len(whole)]


def test_nothing_is_written_and_no_lock_is_taken(few, tmp_path):
    place = shutil.copytree(few, tmp_path / "run")
    before = {path: path.stat().st_mtime_ns for path in place.rglob("*")}
    view = StudyView(place)
    view.whole()
    waited(view)
    assert {path: path.stat().st_mtime_ns for path in place.rglob("*")} == before


def test_a_search_without_a_trial_is_told_as_such_and_looked_at_again(few, tmp_path):
    place = cut(few, tmp_path / "run", 0)
    (place / "study.log").unlink()
    view = StudyView(place)
    told = plain(view.whole())
    assert told["trials"] == []
    assert "has no trial yet" in told["run"]["headline"][0]
    assert view.since() is None
    shutil.copy(few / "study.log", place / "study.log")
    news = plain(view.since())
    assert len(news["trials"]) == 48
    assert news["run"]["space"]


def test_of_many_trials_some_curves_are_told(few, tmp_path, monkeypatch):
    monkeypatch.setattr(study_view, "MOST_CURVES", 9)
    told = StudyView(few).whole()
    best = str(told["run"]["best"])
    assert set(told["curves"]) == {*map(str, range(0, 48, 8)), best}
    place = cut(few, tmp_path / "run", 14)
    view = StudyView(place)
    assert len(view.whole()["trials"]) <= 16
    (place / "study.log").write_bytes((few / "study.log").read_bytes())
    news = view.since()
    assert news["reset"] is True
    assert len(news["trials"]) == 48
    assert news["curves"] == told["curves"]


def test_a_finished_search_of_networks(real):
    view = StudyView(real)
    told = plain(view.whole())
    run, summary = told["run"], json.loads((real / "summary.json").read_text())
    assert view.state() == "finished"
    assert run["finished"] is True
    assert run["best"] == summary["best"]["trial"]
    assert run["curve"] == "dev_error"
    assert len(told["curves"]["0"]) == 20 == run["most_epochs"]
    assert told["trials"][0]["params"].items() >= {"learning_rate": 0.001, "activation": "relu"}.items()
    assert run["space"]["learning_rate"] == {"kind": "number", "scale": "log", "low": 1e-3, "high": 1e-1}
    assert run["headline"][0].startswith(("Best of 10 trials", "Nothing was better"))
    assert view.since() is None


def test_an_end_is_news(real, tmp_path):
    place = shutil.copytree(real, tmp_path / "run")
    (place / "summary.json").rename(tmp_path / "summary.json")
    view = StudyView(place)
    view.whole()
    assert view.state() == "under way"
    shutil.copy(tmp_path / "summary.json", place / "summary.json")
    news = plain(view.since())
    assert news["run"]["finished"] is True
    assert "trials" not in news


def test_another_folder_is_refused(tmp_path, few):
    with pytest.raises(BadRun, match=r"must hold run\.json"):
        StudyView(tmp_path).whole()
    place = cut(few, tmp_path / "run", 30)
    (place / "run.json").write_text(json.dumps({"format": 1, "asked": {"command": "train"}, "seconds": 0.0}))
    with pytest.raises(BadRun, match="is of caviar train"):
        StudyView(place).whole()
    (place / "run.json").write_text(json.dumps({"format": 2, "asked": {"command": "tune"}, "seconds": 0.0}))
    with pytest.raises(BadRun, match="later caviar"):
        StudyView(place).whole()


def test_a_folder_that_goes_away_is_one_line(few, tmp_path):
    place = shutil.copytree(few, tmp_path / "run")
    view = StudyView(place)
    view.whole()
    shutil.rmtree(place)
    with pytest.raises(BadRun):
        view.since()
