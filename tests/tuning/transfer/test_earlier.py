"""Earlier studies on disk become priors: run folders, journals, databases, and what is wrong with some."""

import json
import math

import optuna
import pytest

from caviar.errors import BadRun
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.transfer.earlier import LIKE, kept_study, prior_from, space_in, top_settings
from caviar.tuning.transfer.likeness import figures_of
from diagnosis.made_scores import classes
from tuning import made_searches

SPLIT = classes(400, 100)


@pytest.fixture
def run(tmp_path):
    """A run folder with a study, and a summary as `improve` writes it."""
    folder = tmp_path / "houses"
    folder.mkdir()
    made_searches.run(trials=24, storage=folder / "study.log")
    error = {"value": 0.2, "low": 0.1, "high": 0.3, "rows": 100}
    baselines = [{"name": "constant", "dev_error": error | {"value": 0.5}}, {"name": "linear", "dev_error": error}]
    summary = {"task": "classification", "split": {"train": 200, "dev": 50, "test": 0}, "baselines": baselines}
    (folder / "summary.json").write_text(json.dumps(summary))
    return folder


def test_a_run_folder_its_journal_and_a_database_are_one_study(run, tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    made_searches.run(trials=24, storage=url)
    found = [kept_study(where) for where in (run, run / "study.log", url)]
    for one in found:
        assert one.space == made_searches.SPACE
        assert len(one.trials) == 24
        criteria = [trial.outcome.criterion for trial in one.trials]
        assert criteria == sorted(criteria)
        assert [t.network for t in one.trials] == [t.network for t in found[0].trials]
    assert found[0].name == "houses"
    assert found[2].like == {}


def test_what_the_data_were_like_comes_from_the_study_or_the_summary(run):
    found = kept_study(run)
    assert found.train_rows == 200
    assert found.like == {"task": "classification", "train_rows": 200, "log_rows": math.log(200), "linear": 0.4}
    (run / "summary.json").unlink()
    assert kept_study(run).train_rows is None
    other = run.parent / "other"
    other.mkdir()
    study = made_searches.run(trials=8, storage=other / "study.log")
    study.optuna.set_user_attr(LIKE, figures_of(SPLIT))
    assert kept_study(other).like == figures_of(SPLIT)


def test_a_prior_weighs_studies_by_their_data_and_moves_penalties_with_the_rows(run):
    space = Space({"learning_rate": LogUniform(1e-4, 1e-1), "l2": LogUniform(1e-3, 100), "units": Integer(8, 128)})
    start = made_searches.START.changed(l2=4.0)
    other = run.parent / "with l2"
    other.mkdir()
    study = made_searches.run(trials=16, storage=other / "study.log", start=start, around=start)
    study.optuna.set_user_attr(LIKE, figures_of(SPLIT) | {"train_rows": 100})
    first, second = prior_from([run, other], space, SPLIT).earlier
    assert (first.name, second.name) == ("houses", "with l2")
    assert 0 < first.likeness < second.likeness == 1
    assert {point["l2"] for point in second.points} == {16.0}  # four times the rows
    assert all(set(point) >= {"learning_rate", "units"} for point in first.points)
    assert prior_from([], space, SPLIT).earlier == ()


def test_the_top_settings_are_those_that_differ_in_more_than_the_seed(run):
    found = kept_study(run)
    top = top_settings(found, 3)
    assert len(top) == 3
    assert top[0] == (f"trial {found.trials[0].number}", found.trials[0].network.changed(seed=0))
    assert len({config for _, config in top}) == 3


def test_a_study_of_another_program_is_read(tmp_path):
    path = f"sqlite:///{tmp_path / 'other.db'}"
    study = optuna.create_study(study_name="theirs", storage=path)
    for i in range(12):
        trial = study.ask()
        x, kind = trial.suggest_float("x", 1e-3, 1, log=True), trial.suggest_categorical("kind", ["a", "b"])
        study.tell(trial, (math.log10(x) + 2) ** 2 + (kind == "a") + i * 0)
    found = kept_study(path)
    assert found.space == Space({"x": LogUniform(1e-3, 1), "kind": Choice("a", "b")})
    prior = prior_from([path], found.space, None)
    assert len(prior.earlier[0].points) == 12
    assert top_settings(found, 3) == []


def test_averaging_weights_without_a_kept_space_come_back_on_their_scale(tmp_path):
    study = optuna.create_study(storage=f"sqlite:///{tmp_path / 'old.db'}")
    scale = OneMinusLogUniform(0.8, 0.99)
    study.add_trial(
        optuna.trial.create_trial(params={"beta1": -1.0}, distributions={"beta1": scale.distribution()}, value=1.0)
    )
    found = space_in(study)["beta1"]
    assert isinstance(found, OneMinusLogUniform)
    assert (found.low, found.high) == pytest.approx((0.8, 0.99))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p / "none", "must be a run folder, a journal file or a URL"),
        (lambda p: p, "must hold study.log"),
        (lambda p: f"sqlite:///{p / 'empty.db'}", "there is no file"),
    ],
)
def test_what_is_no_study_is_refused(tmp_path, make, message):
    with pytest.raises(BadRun, match=message):
        kept_study(make(tmp_path))


def test_a_study_without_a_complete_trial_is_refused(tmp_path):
    url = f"sqlite:///{tmp_path / 'study.db'}"
    optuna.create_study(study_name="caviar", storage=url).ask()
    with pytest.raises(BadRun, match="must have trials"):
        kept_study(url)
