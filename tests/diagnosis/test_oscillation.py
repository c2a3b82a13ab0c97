import dataclasses

import numpy as np
import pytest

from caviar.diagnosis.examine import examine
from caviar.diagnosis.oscillation import find, standing
from caviar.network.config import Config
from caviar.training.population import train
from diagnosis.made_scores import classes

ROWS = dataclasses.replace(classes(600, 300), dev_given=True)
WELL = Config(hidden_units=(8,), learning_rate=0.01, epochs=30)


def with_curve(curve, **settings):
    """A subject whose networks all have this training loss."""
    seen = examine(ROWS, WELL.changed(**settings), train, [0, 1])
    runs = [dataclasses.replace(run, history=run.history | {"train_loss": np.array(curve)}) for run in seen.runs]
    return dataclasses.replace(seen, runs=tuple(runs))


def test_steps_that_are_far_too_long_oscillate_and_a_lower_rate_is_better():
    seen = examine(ROWS, WELL.changed(optimizer="sgd", learning_rate=8.0, batch_size=16), train, [0, 1, 2])
    (found,) = find(seen)
    assert (found.name, found.severity) == ("oscillating_loss", "warning")
    assert found.evidence["best_rate"] < 8
    for run, level, jumps in zip(seen.runs, found.evidence["level"], found.evidence["jumps"], strict=True):
        late = run.history["train_loss"][-10:]
        assert level == pytest.approx(late.mean())
        assert jumps == pytest.approx(np.diff(late).std() / late.mean())


def test_networks_that_are_well_do_not():
    assert find(examine(ROWS, WELL, train, [0, 1, 2])) == []


def test_jumps_alone_are_worth_knowing_and_next_to_nothing_is_not():
    jumping = [1.0 + 0.5 * (-1) ** epoch for epoch in range(30)]
    assert [f.severity for f in find(with_curve(jumping))] == ["info"]
    assert find(with_curve(0.01 * np.array(jumping))) == []
    assert find(with_curve(jumping[:8])) == []
    assert find(with_curve(np.linspace(3, 1, 30) + 0.01 * np.array(jumping))) == []


def test_a_loss_that_falls_does_not_stand():
    assert standing(np.linspace(3, 1, 30)) == (pytest.approx(np.linspace(3, 1, 30)[-10:].mean()), 0.0)
