import dataclasses

import numpy as np
import pytest

from caviar.diagnosis.examine import examine
from caviar.diagnosis.oscillation import find, standing
from caviar.network.config import Config
from caviar.training.population import train
from diagnosis.made_scores import classes, companion, score

ROWS = dataclasses.replace(classes(600, 300), dev_given=True)
WELL = Config(hidden_units=(8,), learning_rate=0.01, epochs=30)


def with_curve(curve, **settings):
    """A subject whose networks all have this training loss."""
    seen = examine(ROWS, WELL.changed(**settings), train, [0, 1])
    runs = [dataclasses.replace(run, history=run.history | {"train_loss": np.array(curve)}) for run in seen.runs]
    return dataclasses.replace(seen, runs=tuple(runs))


@pytest.fixture(scope="module")
def far_too_long():
    return examine(ROWS, WELL.changed(optimizer="sgd", learning_rate=16.0, batch_size=16, epochs=60), train, [0, 1, 2])


def test_steps_that_are_far_too_long_oscillate(far_too_long):
    (found,) = find(far_too_long)
    assert found.name == "oscillating_loss"
    for run, level, jumps in zip(far_too_long.runs, found.evidence["level"], found.evidence["jumps"], strict=True):
        late = run.history["train_loss"][-20:]
        assert level == pytest.approx(late.mean())
        assert jumps == pytest.approx(np.diff(late).std() / late.mean())


def test_a_lower_rate_that_is_better_makes_it_a_warning(far_too_long):
    own = far_too_long.scores[:1]
    lower = score(far_too_long.config.at_rate(0.1), loss=0.1 * own[0].loss)
    (found,) = find(dataclasses.replace(far_too_long, companions=(companion("lower rate", own, [lower]),)))
    assert (found.severity, found.evidence["best_rate"]) == ("warning", 0.1)
    (found,) = find(dataclasses.replace(far_too_long, companions=(companion("lower rate", own, own),)))
    assert found.severity == "info"
    assert "best_rate" not in found.evidence


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
