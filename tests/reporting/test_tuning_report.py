"""The report of a search: everything that was found stands in it, nothing else, and it stays small."""

import dataclasses
import re

import numpy as np
import pytest

from caviar.errors import BadRun
from caviar.reporting import drawing, tuning_plots
from caviar.reporting.tuning_kept import kept
from caviar.reporting.tuning_report import write_report
from caviar.tuning.objectives import OBJECTIVES
from reporting.made_tuning import HOSTILE, made_search


@pytest.fixture(scope="module")
def few(tmp_path_factory):
    return made_search(tmp_path_factory.mktemp("few") / "run", 48)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return made_search(tmp_path_factory.mktemp("many") / "run", 480, size=64, rungs=True)


@pytest.fixture(scope="module")
def page_of_few(few):
    return write_report(kept(few)).read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def page_of_many(many):
    return write_report(kept(many)).read_text(encoding="utf-8")


def text_of(page):
    return re.sub(r"<[^>]+>", " ", page)


def test_what_an_unfinished_search_has_by_then(few):
    found = kept(few)
    assert not found.finished
    assert [trial.number for trial in found.study.trials] == list(range(48))
    assert [zoom.generation for zoom in found.study.zooms] == [1, 2]
    assert found.content["trials"] == 48
    assert found.content["leading"]["trial"] == min(found.study.trials, key=lambda t: t.outcome.criterion).number


def test_curves_are_those_that_were_kept(few):
    curves = dict(kept(few).curves("dev_loss"))
    assert sorted(curves) == list(range(48))
    for trial in kept(few).study.trials:
        assert len(curves[trial.number]) == 40
        # the formula ends at the criterion, but for what is added to every epoch
        assert 0 <= curves[trial.number][-1] - trial.outcome.criterion < 0.02


def test_of_many_curves_some_are_read_and_the_best_is_among_them(few, monkeypatch):
    monkeypatch.setattr("caviar.reporting.tuning_kept._DRAWN", 5)
    found = kept(few)
    numbers = [number for number, _ in found.curves("dev_loss")]
    assert len(numbers) <= 6
    assert found.content["leading"]["trial"] in numbers


def test_the_report_of_an_unfinished_search(few, page_of_few):
    page, said = page_of_few, text_of(page_of_few)
    assert HOSTILE not in page
    assert "Not finished: after 48 trials" in said
    assert f"caviar tune --resume {few}" in said
    for zoom in kept(few).study.zooms:
        assert zoom.reason in said
    leading = kept(few).content["leading"]["trial"]
    assert re.search(rf'<tr class="chosen"><td>{leading}\b', page)
    assert "decay rate only where schedule is exponential" in said
    assert "How much of what moves the result comes from each setting" in said
    assert page.count("<svg") == 4
    assert not re.search(r"(src|href)=[\"']https?:", page)  # nothing is loaded from elsewhere


def test_the_same_folder_gives_the_same_report(few, page_of_few):
    assert write_report(kept(few)).read_text(encoding="utf-8") == page_of_few


def test_rungs_are_told(many, page_of_many):
    said = text_of(page_of_many)
    pruned = kept(many).content["pruned"]
    assert pruned == 240
    assert re.search(rf"480\s+{pruned}\s+240", said)  # compared, stopped, went on after epoch 12
    assert "(240 stopped at rungs" in said


def test_thousands_of_marks_are_a_raster(page_of_many):
    page = page_of_many
    assert page.count("<use ") < 2_500  # ticks, and marks of the vector pictures
    assert len(page) < 1_000_000


def test_two_objectives_have_a_front(tmp_path):
    found = kept(made_search(tmp_path / "run", 32, objectives=2))
    on = found.study.ranked[:1]
    found.content["front"] = {
        "objectives": OBJECTIVES[:2],
        "trials": [
            {
                "trial": trial.number,
                "values": trial.outcome.values,
                "params": trial.values,
                "as_good_as_best": True,
                "no_better_than": [],
            }
            for trial in on
        ],
    }
    said = text_of(write_report(found).read_text(encoding="utf-8"))
    assert "error against size" in said
    assert "as good as the best" in said


def test_a_run_of_another_command(tmp_path):
    folder = made_search(tmp_path / "run", 8, command="train")
    with pytest.raises(BadRun, match=r"must be the run of caviar tune, but .* is of caviar train"):
        kept(folder)


def test_a_study_that_is_gone(tmp_path):
    folder = made_search(tmp_path / "run", 8)
    (folder / "study.log").unlink()
    with pytest.raises(BadRun, match="has no trial yet"):
        kept(folder)


def test_who_led_until_each_trial():
    criteria = np.array([np.nan, 3.0, 5.0, np.inf, 1.0, 1.0])
    np.testing.assert_array_equal(tuning_plots._leaders(criteria), [-1, 1, 1, 1, 4, 4])


def test_axes_reach_as_far_as_what_led():
    values = np.concatenate([np.linspace(1, 2, 100), [50.0]])
    low, high = tuning_plots._limits(values, np.array([0.5, 7.0]))
    assert low < 0.5
    assert 7 < high < 8


def test_a_search_without_a_sound_network_still_has_pictures():
    nothing = np.full(3, np.nan)
    with drawing.style():
        reached = tuning_plots.Reached(nothing, nothing, "error")
        assert tuning_plots.best_so_far(reached, np.zeros(3), "held-out loss").startswith("<svg")
        assert tuning_plots.curves([(0, nothing)], 0, "loss").startswith("<svg")


def test_what_the_critic_says_stands_in_the_page(few):
    found = kept(few)
    remark = {
        "name": "edge",
        "setting": "dropout",
        "evidence": {},
        "meaning": f"It is {HOSTILE}.",
        "advice": "Widen it.",
    }
    told = dataclasses.replace(found, content=found.content | {"remarks": [remark], "importance": None})
    page = write_report(told).read_text(encoding="utf-8")
    assert HOSTILE not in page
    assert "Widen it." in text_of(page)
    assert 'id="importance"' not in page
