import json

import optuna
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.tuning import store
from caviar.tuning.dimensions import Choice, Integer, OneMinusLogUniform, Uniform
from caviar.tuning.space import Space
from caviar.tuning.trials import Outcome, Trial
from tuning.made_searches import content, run

SPACE = Space(
    {
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "units": Integer(8, 64),
        "dropout": Uniform(0, 0.5),
        "batch_norm": Choice(False, True),
    }
)
VALUES = {"beta1": 0.9, "units": 16, "dropout": 0.25, "batch_norm": True, "layers": 2}


def written(storage, values=None, score=0.5) -> optuna.Study:
    study = store.open_study(storage, "minimize")
    add(study, score, VALUES | (values or {}))
    return study


def add(study, score, values=VALUES) -> None:
    """One more trial of the first generation."""
    at = len(study.trials)
    store.add_trial(study, SPACE, Trial(at, 0, at, values, None, Outcome("complete", (score,), score)))


def test_a_trial_is_complete_and_beta_is_stored_as_a_logarithm():
    (trial,) = written(None).trials
    assert trial.state.name == "COMPLETE"
    assert trial.value == 0.5
    assert trial.params == {"beta1": pytest.approx(-1), "units": 16, "dropout": 0.25, "batch_norm": True}
    assert trial.user_attrs == {
        "caviar:id": "0/0",
        "caviar:values": VALUES,
        "caviar:criterion": 0.5,
        "caviar:noise": 0.0,
    }


def test_a_value_outside_the_space_is_kept_as_an_attribute():
    """Its trial has the nearest value inside: the distributions of a study must not change."""
    outside = {"beta1": 0.999, "units": 4, "dropout": (0.1, 0.2), "batch_norm": None}
    study = written(None, outside)
    add(study, 0.4)
    first, second = study.trials
    assert first.params == {"beta1": pytest.approx(-2), "units": 8, "dropout": 0.25, "batch_norm": False}
    assert first.user_attrs["caviar:values"] == VALUES | outside
    assert first.distributions == second.distributions
    assert set(optuna.search_space.intersection_search_space(study.trials)) == set(SPACE)


def test_one_write_for_each_trial(tmp_path):
    """Two lines of the journal start the study; every trial is one more."""
    study = store.open_study(tmp_path / "study.log", "minimize")
    before = (tmp_path / "study.log").read_bytes().count(b"\n")
    for i in range(3):
        add(study, float(i))
    assert (tmp_path / "study.log").read_bytes().count(b"\n") == before + 3


def test_optuna_opens_the_journal_as_it_is(tmp_path):
    study = run(storage=tmp_path / "study.log")
    backend = JournalStorage(JournalFileBackend(str(tmp_path / "study.log")))
    opened = optuna.load_study(study_name="caviar", storage=backend)
    assert content(opened) == content(study.optuna)
    assert opened.direction.name == "MINIMIZE"
    opened.sampler = optuna.samplers.TPESampler(seed=0)
    asked = opened.ask({name: dimension.distribution() for name, dimension in study.space.items()})
    assert asked.params.keys() == study.space.keys()


def test_a_database_by_url(tmp_path):
    url = f"sqlite:///{tmp_path}/study.db"
    study = run(storage=url)
    assert content(optuna.load_study(study_name="caviar", storage=url)) == content(study.optuna)


def test_a_line_that_was_not_written_to_its_end_is_cut(tmp_path):
    path = tmp_path / "study.log"
    study = written(path)
    whole = path.read_bytes()
    written(path)
    torn = path.read_bytes()[:-9]
    assert len(torn) > len(whole)
    path.write_bytes(torn)
    again = store.open_study(path, "minimize")
    assert content(again) == content(study)[:1]
    add(again, 0.7)
    assert [t.value for t in store.open_study(path, "minimize").trials] == [0.5, 0.7]


def test_a_study_whose_first_line_was_not_written_to_its_end_begins_anew(tmp_path):
    path = tmp_path / "study.log"
    written(path)
    path.write_bytes(path.read_bytes()[:6])
    assert store.open_study(path, "minimize").trials == []


def test_a_lock_left_behind_is_removed(tmp_path):
    """Optuna's lock is a link beside the file; on a left one the next reader would wait."""
    path = tmp_path / "study.log"
    written(path)
    lock = tmp_path / "study.log.lock"
    lock.symlink_to(path)
    assert len(store.open_study(path, "minimize").trials) == 1
    assert not lock.is_symlink()
    path.unlink()
    lock.symlink_to(path)
    assert len(written(path).trials) == 1


@pytest.mark.parametrize("held", [b"a,b\n1,2\n3,4", b"{}\n", b"[1]\n[2", b'{"op_code": "?"}\n'])
def test_a_file_that_is_no_study_is_refused_and_not_touched(tmp_path, held):
    path = tmp_path / "data.csv"
    path.write_bytes(held)
    with pytest.raises(BadRun, match=r"must be a file or a database that answers, got .*data\.csv"):
        store.open_study(path, "minimize")
    assert path.read_bytes() == held


@pytest.mark.parametrize(
    "storage", ["sqlite:////nowhere/at/all/study.db", "postgres9://host/study", "{tmp}", "{tmp}/a/b"]
)
def test_a_storage_that_does_not_answer(tmp_path, storage):
    with pytest.raises(BadRun, match="Check the path or the URL"):
        store.open_study(storage.format(tmp=tmp_path), "minimize")


def test_the_same_study_is_opened_again_wherever_one_stands(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = written("study.log")
    monkeypatch.chdir("/")
    add(study, 0.1)
    opened = store.open_study(str(tmp_path / "study.log"), "minimize")
    assert set(store.trials_of(opened, SPACE)) == {"0/0", "0/1"}
    assert [trial.value for trial in opened.trials] == [0.5, 0.1]


def test_trials_of_others_are_not_ours():
    study = written(None)
    study.optimize(lambda trial: trial.suggest_float("x", 0, 1), n_trials=1)
    assert set(store.trials_of(study, SPACE)) == {"0/0"}


def test_configs_can_be_read_back_from_a_study(tmp_path):
    study = run(storage=tmp_path / "study.log")
    opened = store.open_study(tmp_path / "study.log", "minimize")
    configs = [Config.from_mapping(json.loads(trial.user_attrs["caviar:config"])) for trial in opened.trials]
    assert configs == [trial.config for trial in study.trials]
