"""The gradient noise scale, and mini-batches that are too large or too small."""

import dataclasses

import numpy as np
import pytest

from caviar.diagnosis import batch
from caviar.diagnosis.batch import noise_scale
from caviar.diagnosis.subject import Probe
from caviar.network.config import Config
from caviar.training.record import Run
from diagnosis import made_scores

SPLIT = made_scores.classes(400, 100)


def test_noise_scale_by_hand():
    # Two mini-batches of 10 rows, gradients 3 and 1: |G|^2 = (20 * 4 - 10 * 5) / 10 = 3, tr = (5 - 4) / (1/10 - 1/20).
    assert noise_scale(np.array([[3.0], [1.0]]), 10) == pytest.approx((1 / 0.05) / 3)


@pytest.mark.parametrize("rows", [4, 32])
def test_noise_scale_of_gradients_with_a_known_one(rows):
    # Every parameter's gradient has mean 0.5 and, for one row, variance 9: 9 / 0.25 = 36 rows whatever the batch.
    gradients = 0.5 + 3 / rows**0.5 * np.random.default_rng(0).normal(size=(32, 4_000))
    assert noise_scale(gradients, rows) == pytest.approx(36, rel=0.1)


def test_noise_scale_does_not_depend_on_the_unit_of_the_loss():
    gradients = 1 + np.random.default_rng(1).normal(size=(8, 50))
    assert noise_scale(100 * gradients, 8) == pytest.approx(noise_scale(gradients, 8))


def test_without_noise_it_is_0_and_without_signal_infinite():
    assert noise_scale(np.ones((4, 3)), 8) == 0
    assert noise_scale(np.array([[1.0, 0.0], [-1.0, 0.0]]), 8) == np.inf
    assert np.isnan(noise_scale(np.ones((1, 3)), 8))


def subject(curve, scale, *, dev=None, companions=(), **settings):
    """A subject whose networks have this training loss by epoch and this noise scale at the end."""
    config = Config(hidden_units=8, epochs=len(curve), **settings)
    history = {"train_loss": np.array(curve, float), "dev_loss": np.array(curve if dev is None else dev, float)}
    run = Run(config, "finished", history, len(curve), (), ())
    none = np.zeros(0)
    probe = Probe(*(none,) * 9, noise_scale=scale)
    made = made_scores.subject([made_scores.score(config, rows=100)], SPLIT, end=probe, companions=companions)
    return dataclasses.replace(made, runs=(run,))


FALLING, DONE = np.linspace(1.1, 0.6, 20), 1.1 * 0.7 ** np.arange(20)
JUMPING = np.r_[1.1, 0.5 + 0.2 * np.sin(2.0 * np.arange(1, 20))]


def test_few_updates_with_a_loss_that_still_falls_are_a_batch_too_large():
    (found,) = batch.find(subject(FALLING, 30.0, batch_size="full"))
    assert (found.name, found.severity) == ("batch_too_large", "warning")
    assert (found.evidence["batch_size"], found.evidence["updates"]) == (400, 20)


@pytest.mark.parametrize(
    ("curve", "scale", "settings"),
    [
        (DONE, 30.0, {"batch_size": "full"}),  # nothing is left to be gained
        (FALLING, 1_000.0, {"batch_size": "full"}),  # a larger batch has a better gradient
        (FALLING, float("inf"), {"batch_size": "full"}),
        (FALLING, float("nan"), {"batch_size": "full"}),
        (FALLING, 3.0, {"batch_size": 8}),  # 1,000 updates
        (FALLING[:4], 30.0, {"batch_size": "full"}),  # too few epochs for any batch
        (FALLING, 3.0, {"batch_size": 32}),
    ],
)
def test_what_is_no_batch_too_large(curve, scale, settings):
    assert batch.find(subject(curve, scale, **settings)) == []


def test_a_dev_loss_that_rises_asks_for_no_more_updates():
    assert batch.find(subject(FALLING, 30.0, dev=FALLING[::-1], batch_size="full")) == []


def test_a_loss_that_has_stopped_on_the_noise_of_a_small_batch():
    (found,) = batch.find(subject(JUMPING, 200.0, batch_size=2))
    assert (found.name, found.severity) == ("batch_too_small", "info")
    assert found.evidence["scatter"] > 0.1
    before = [made_scores.score(loss=np.full(100, 0.9) + 0.01 * np.arange(100))]
    after = [made_scores.score(loss=np.full(100, 0.3) + 0.01 * np.arange(100))]
    lower = (made_scores.companion("lower rate", before, after),)
    (found,) = batch.find(subject(JUMPING, 200.0, batch_size=2, companions=lower))
    assert found.severity == "warning"
    assert "a lower rate, all else equal" in found.meaning


@pytest.mark.parametrize(
    ("curve", "scale", "settings"),
    [
        (JUMPING, 200.0, {"batch_size": 64}),
        (JUMPING, 4.0, {"batch_size": 2}),  # the gradient is no more noise than signal
        (0.02 * JUMPING, 200.0, {"batch_size": 2}),  # it has learned what there is
        (DONE, 200.0, {"batch_size": 2}),
        (np.r_[1.1, np.full(19, 0.5)], 200.0, {"batch_size": 2}),  # it stands still, but not on noise
    ],
)
def test_what_is_no_batch_too_small(curve, scale, settings):
    assert batch.find(subject(curve, scale, **settings)) == []


def test_nothing_is_said_without_a_network_that_trained():
    made = subject(FALLING, 30.0, batch_size="full")
    assert batch.find(dataclasses.replace(made, end=None)) == []
