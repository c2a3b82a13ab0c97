"""A search in words."""

import math

import pytest

from caviar.diagnosis.intervals import Estimate
from caviar.reporting import tuning_words
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("learning_rate", 0.00123456, "0.00123"),
        ("beta1", 0.9, "0.9"),
        ("beta2", 0.99953, "0.99953"),
        ("beta2", 0.9995, "0.9995"),
        ("momentum", 0.95, "0.95"),
        ("units", 1024, "1,024"),
        ("batch_norm", True, "yes"),
        ("activation", "relu", "relu"),
        ("clip_norm", None, "None"),
        ("beta1", 1 - 1e-12, "0.999999999999"),
    ],
)
def test_values_keep_the_digits_that_matter(name, value, said):
    assert tuning_words.value(name, value) == said


@pytest.mark.parametrize(
    ("name", "dimension", "said"),
    [
        ("learning_rate", LogUniform(1e-4, 0.1), "learning rate 1.00e-04 to 0.1 (log)"),
        ("beta1", OneMinusLogUniform(0.8, 0.99), "beta1 0.8 to 0.99 (1 - beta1 on a log scale)"),
        ("units", Integer(8, 64, log=True), "units 8 to 64 (log)"),
        ("layers", Integer(1, 3), "layers 1 to 3"),
        ("dropout", Uniform(0, 0.5), "dropout 0 to 0.5"),
        ("batch_size", Choice(32, 64), "mini-batch 32 or 64"),
    ],
)
def test_dimensions(name, dimension, said):
    assert tuning_words.dimension(name, dimension) == said


def test_a_region():
    space = Space({"learning_rate": LogUniform(1e-4, 0.1), "batch_norm": Choice(False, True)})
    zoom = Zoom(1, 4, {"learning_rate": (0.01, 0.02), "batch_norm": (True, True), "gone": (0, 1)}, "because")
    assert tuning_words.region(zoom, space) == "learning rate 0.01 to 0.02, batch norm yes"


def test_values_of_the_metric():
    assert tuning_words.metric(0.0312, "error", "classification") == "3.12%"
    assert tuning_words.metric(0.987654, "auc", "classification") == "0.988"
    assert tuning_words.metric(math.nan, "error", "classification") == "unknown"
    assert tuning_words.metric(None, "rmse", "regression") == "unknown"
    estimate = Estimate(0.5, 0.25, 0.75, 10)
    assert tuning_words.metric_interval(estimate, "error", "classification") == "50.00% (25.00% to 75.00%)"
    assert tuning_words.metric_interval(Estimate(0.5, math.nan, math.nan, 10), "auc", "classification") == "0.5"


def test_settings_without_effect_are_told_together():
    one = {
        "name": "no_effect",
        "setting": "l2",
        "evidence": {"high": 0.02},
        "meaning": "L2 is small.",
        "advice": "Fix it.",
    }
    edge = {"name": "edge", "setting": "dropout", "evidence": {}, "meaning": "It is at an end.", "advice": "Widen it."}
    assert tuning_words.remarks({"remarks": [one, edge]}) == ["L2 is small. Fix it.", "It is at an end. Widen it."]
    two = one | {"setting": "beta1", "evidence": {"high": 0.07}}
    told = tuning_words.remarks({"remarks": [one, edge, two]})
    assert told[0] == "It is at an end. Widen it."
    assert told[1].startswith("L2 and beta1 make hardly any difference between points, each at most 7% of it.")
    assert tuning_words.remarks({}) == []
