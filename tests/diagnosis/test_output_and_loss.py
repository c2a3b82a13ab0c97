"""Output activation and loss against the target."""

import functools

import numpy as np
import pytest

import caviar
from caviar.diagnosis import output_and_loss
from caviar.network.config import Config
from caviar.network.losses import LOSSES, OUTPUTS
from diagnosis import made_scores


@functools.cache
def many(classes):
    """So many classes, as rows only."""
    x = np.random.default_rng(0).normal(size=(400, 2))
    y = np.array([f"class {number % classes}" for number in range(400)])
    return caviar.split(caviar.read((x, y)), dev=100, test=0)


def found(classes, train_error=0.3, **settings):
    split = many(classes) if classes else made_scores.quantity(300, 100)
    one = made_scores.score(Config(**settings), rows=split.n_dev, train_error=train_error)
    return [(f.name, f.severity) for f in output_and_loss.find(made_scores.subject([one], split))]


@pytest.mark.parametrize(
    ("classes", "settings", "expected"),
    [
        (3, {}, []),
        (26, {"output": "softmax", "loss": "cross_entropy"}, []),
        (26, {"output": "sigmoid"}, [("wrong_output_activation", "info")]),
        (3, {"output": "linear"}, [("wrong_output_activation", "warning")]),
        (10, {"output": "linear", "loss": "absolute"}, [("wrong_output_activation", "warning")]),
        (26, {"loss": "squared"}, [("wrong_loss", "info")]),
        (3, {"loss": "absolute"}, [("wrong_loss", "info")]),
        (10, {"loss": "absolute"}, [("wrong_loss", "warning")]),
        (10, {"output": "sigmoid", "loss": "squared"}, [("wrong_output_activation", "info"), ("wrong_loss", "info")]),
        (
            26,
            {"output": "sigmoid", "loss": "huber"},
            [("wrong_output_activation", "info"), ("wrong_loss", "warning")],
        ),
        (0, {}, []),
        (0, {"loss": "huber"}, []),
        (0, {"loss": "absolute"}, []),
        (0, {"output": "sigmoid", "loss": "squared"}, [("wrong_output_activation", "critical")]),
        (0, {"output": "softmax", "loss": "squared"}, [("wrong_output_activation", "critical")]),
    ],
)
def test_each_combination_by_what_it_costs(classes, settings, expected):
    assert found(classes, **settings) == expected


@pytest.mark.parametrize("classes", [3, 10, 26])
def test_a_network_that_knows_its_rows_gets_no_warning(classes):
    for output in OUTPUTS:
        for loss in LOSSES:
            if (output, loss) != ("linear", "cross_entropy"):
                severities = {severity for _, severity in found(classes, 0.0, output=output, loss=loss)}
                assert severities <= {"info"}


def test_a_softmax_of_one_number_learns_nothing():
    split = made_scores.quantity(300, 100)
    config = Config(hidden_units=8, batch_size=32, epochs=4, output="softmax", loss="squared")
    run = caviar.train(split, [config])[0]
    np.testing.assert_allclose(run.history["dev_loss"], run.history["dev_loss"][0], rtol=1e-6)
