import dataclasses

import numpy as np
import pytest

import caviar
from caviar.diagnosis.examine import subject
from caviar.diagnosis.landscape import landscape
from caviar.diagnosis.rising import every_step_is_exact, find, rises
from caviar.network.config import Config
from training import toy_splits

FULL = Config(hidden_units=(5,), activation="tanh", optimizer="sgd", batch_size="full", epochs=100)


def seen(config):
    split = toy_splits.classes()
    return subject(caviar.train(split, [config]), split)


def test_rises_are_counted_beyond_rounding():
    told = rises(np.array([2.0, 1.0, 1.5, 1.5 + 1e-7, 0.5, 0.75]))
    assert (told.iterations, told.rose, told.first) == (5, 2, 2)
    assert (told.largest, told.lost, told.fell) == (0.5, 0.25, 1.5)
    assert told.share == 0.4
    steady = rises(np.array([2.0, 1.0, 0.5]))
    assert (steady.rose, steady.first, steady.largest, steady.lost) == (0, None, 0.0, 0.0)


def test_j_falls_in_every_iteration_below_the_limit_and_rises_above():
    split = toy_splits.classes()
    (start,) = caviar.train(split, [FULL.changed(learning_rate=0.0, epochs=1)])
    limit = 2 / landscape(start, split).largest.value
    assert find(seen(FULL.changed(learning_rate=limit / 3))) == []
    (found,) = find(seen(FULL.changed(learning_rate=6 * limit)))
    assert found.name == "learning_rate_too_high"
    assert found.evidence["rose"] > 0
    assert found.evidence["learning_rate"] == 6 * limit


def test_rises_that_do_no_harm_are_worth_knowing_and_no_more():
    made = seen(FULL)
    history = {"objective": np.r_[np.linspace(2, 1, 50), 1.01, np.linspace(1, 0.5, 49)]}
    harmless = _with(made, history)
    (found,) = find(harmless)
    assert found.severity == "info"
    bouncing = _with(made, {"objective": np.tile([1.0, 2.0], 50)})
    (found,) = find(bouncing)
    assert found.severity == "warning"
    assert "ended 1 above its lowest value" in found.meaning


def _with(made, history):
    return dataclasses.replace(made, runs=tuple(dataclasses.replace(run, history=history) for run in made.runs))


@pytest.mark.parametrize(
    ("settings", "exact"),
    [
        ({}, True),
        ({"batch_size": 96}, True),
        ({"batch_size": 95}, False),
        ({"dropout": 0.1}, False),
        ({"input_noise": 0.1}, False),
        ({"mixup": 0.2}, False),
        ({"sampling": "balanced"}, False),
        ({"rows": (0, 4)}, True),
        ({"rows": (0, 4), "batch_size": 100}, False),
    ],
)
def test_only_steps_of_all_rows_without_chance_are_exact(settings, exact):
    assert every_step_is_exact(FULL.changed(**settings), toy_splits.classes()) == exact


def test_noise_of_mini_batches_and_momentum_that_comes_back_are_no_findings():
    assert find(seen(FULL.changed(batch_size=8, learning_rate=1.0))) == []
    assert find(seen(FULL.changed(optimizer="momentum", learning_rate=0.5))) == []
