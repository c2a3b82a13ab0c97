import numpy as np
import pytest

from caviar.errors import BadRun
from caviar.tuning.rungs import Rungs
from caviar.tuning.study import store
from caviar.tuning.study.replay import replay_trial
from caviar.tuning.tune import tune
from tuning.test_tune import BASE, SPACE, SPLIT

RUNGS = Rungs(least=3)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A search with a rung, of which some configs are stopped there."""
    folder = tmp_path_factory.mktemp("run")
    tune(SPLIT, SPACE, base=BASE.changed(epochs=9), trials=12, folder=folder, strategy="caviar", rungs=RUNGS)
    return folder


@pytest.mark.parametrize("state", ["COMPLETE", "PRUNED"])
def test_a_trial_trained_alone_gives_its_curve_again(searched, state):
    study = store.load_study(searched / "study.log")
    trial = next(t for t in reversed(study.trials) if t.state.name == state)
    again = replay_trial(study, SPLIT, trial.number, folder=searched / "curves")
    assert {"train_loss", "dev_loss", "dev_error"} <= again.recorded.keys()
    assert again.differs is None
    assert len(again.recorded["dev_loss"]) == (9 if state == "COMPLETE" else 3)
    again.recorded["dev_loss"][1] += np.float32(1e-6)
    assert again.differs == "dev_loss"


def test_what_cannot_be_replayed(searched):
    study = store.load_study(searched / "study.log")
    with pytest.raises(BadRun, match="must be one of 0 to 11, got 12"):
        replay_trial(study, SPLIT, 12)
    study.set_user_attr("caviar:search", study.user_attrs["caviar:search"] | {"data": "others"})
    with pytest.raises(BadRun, match="on the rows that it was trained on, but the data hold others"):
        replay_trial(study, SPLIT, 0)
    study.ask()
    with pytest.raises(BadRun, match="trial 12 has no config"):
        replay_trial(study, SPLIT, 12)
