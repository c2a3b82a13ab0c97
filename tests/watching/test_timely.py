import dataclasses

import numpy as np
import pytest

import caviar
from caviar.diagnosis.diagnose import diagnose
from caviar.watching.timely import FEW, has_settled, look
from training.toy_splits import blobs, classes

SMALL = caviar.Config(hidden_units=(8, 8), epochs=40, learning_rate=0.003)
SLOW = SMALL.changed(optimizer="sgd", learning_rate=1e-7)
JUMPS = SMALL.changed(hidden_units=(8,), optimizer="sgd", batch_size="full", learning_rate=30.0, activation="tanh")


@pytest.fixture(scope="module")
def runs():
    return dict(zip(("usual", "slow", "jumps"), caviar.train(classes(), [SMALL, SLOW, JUMPS]), strict=True))


def early(run, n, **config):
    """A network as it was after n epochs, with the weights that it has in the end."""
    history = {name: curve[:n] for name, curve in run.history.items()}
    changed = run.config.changed(**config)
    return dataclasses.replace(run, status="pruned", history=history, best_epoch=n, config=changed)


def names(found):
    return {finding.name for finding in found.findings}


def test_a_network_that_has_ended_is_diagnosed_as_any_other(runs):
    for run in runs.values():
        assert look(run, classes()).findings == tuple(diagnose(run, classes()))


def test_what_is_learned_is_not_judged_while_it_is_still_being_learned(runs):
    run = runs["slow"]
    assert names(look(run, classes())) >= {"learning_rate_too_low", "high_bias"}
    few = look(early(run, FEW - 1), classes())
    assert names(few) <= {"unnormalized_inputs", "missing_class"}
    assert not few.tells("high_bias")
    assert few.tells("diverged")
    assert names(look(early(run, FEW), classes())) >= {"learning_rate_too_low", "high_bias"}
    assert not look(early(run, 30), classes(), since=25).tells("high_bias")


def test_a_slow_network_that_may_still_arrive_is_not_called_slow(runs):
    assert "learning_rate_too_low" in names(look(early(runs["slow"], 20), classes()))
    assert "learning_rate_too_low" not in names(look(early(runs["slow"], 20, epochs=10_000_000), classes()))


def test_that_training_ended_too_early_is_told_when_it_has_ended(runs):
    run = runs["usual"]
    falling = run.history | {name: np.linspace(1.0, 0.4, 40) for name in ("train_loss", "dev_loss", "objective")}
    ended = dataclasses.replace(run, history=falling)
    assert "undertrained" in names(look(ended, classes()))
    going = look(dataclasses.replace(ended, status="pruned"), classes())
    assert "undertrained" not in names(going)
    assert not going.tells("undertrained")


def test_steps_that_are_too_long_are_told_of_the_epochs_since_the_last_change(runs):
    run = early(runs["jumps"], 40)
    assert "learning_rate_too_high" in names(look(run, classes()))
    calm = run.history | {"objective": np.r_[run.history["objective"][:20], np.linspace(0.5, 0.4, 20)]}
    mended = dataclasses.replace(run, history=calm)
    assert "learning_rate_too_high" in names(look(mended, classes()))
    assert "learning_rate_too_high" not in names(look(mended, classes(), since=20))


def test_epochs_are_counted_from_the_start_in_the_words(runs):
    run = runs["usual"]
    history = run.history | {
        "dev_loss": np.r_[np.linspace(1, 0.2, 20), np.linspace(0.2, 0.9, 20)],
        "train_loss": np.linspace(1, 0.1, 40),
    }
    rising = dataclasses.replace(run, status="pruned", history=history)
    for since in (0, 25):
        (found,) = (f for f in look(rising, classes(), since).findings if f.name == "overtrained")
        assert found.evidence["best_epoch"] in range(18, 24)
    falls_again = history | {"dev_loss": np.r_[history["dev_loss"][:30], np.linspace(0.5, 0.4, 10)]}
    assert "overtrained" not in names(look(dataclasses.replace(rising, history=falls_again), classes(), since=30))


def test_without_dev_rows_only_divergence_is_told(runs):
    without = caviar.split(caviar.read(blobs(160, 3, 4)), dev=0, test=32)
    assert look(early(runs["slow"], 40), without).findings == ()
    gone = dataclasses.replace(runs["slow"], status="diverged")
    assert names(look(gone, without)) == {"diverged"}


def test_a_loss_has_settled_when_it_hardly_falls():
    t = np.arange(100)
    assert not has_settled(3 * np.exp(-0.01 * t))
    assert has_settled(3 * np.exp(-0.1 * t))
    assert not has_settled(3 * np.exp(-0.1 * t)[:20])
    assert has_settled(np.full(FEW, 1.1))
    assert not has_settled(np.full(FEW - 1, 1.1))
    assert has_settled(1 + np.tile([0.0, 0.5], 20))
    assert not has_settled(np.full(30, 1.1), since=25)
