"""Of several findings that one fault brings about, the cause comes first and the others are worth knowing."""

import numpy as np
import pytest

from caviar.diagnosis.cause import settled
from caviar.diagnosis.diagnose import ordered
from caviar.diagnosis.finding import Finding
from caviar.network.config import Config
from diagnosis.made_scores import classes, companion, score, subject

ROWS = classes(2_000, 400)
USUAL = Config(hidden_units=(16, 16), learning_rate=0.001, batch_size=64, epochs=60)


def finding(name, severity="warning", gain=None):
    evidence = {} if gain is None else {"gain": {"value": gain}, "loss": 1.0}
    return Finding(name, severity, evidence, "", "")


def after(found, config=USUAL, **others):
    """Names and severities when the cause is told."""
    seen = subject([score(config, rows=400, train_error=0.3)], ROWS, **others)
    return {f.name: f.severity for f in settled(found, seen)}


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"learning_rate": 1e-5}, "learning_rate_too_low"),
        ({"epochs": 2}, "undertrained"),
        ({"batch_size": "full"}, "batch_too_large"),
    ],
)
def test_of_few_or_short_updates_the_cause_is_what_departs_most_from_the_usual(changed, cause):
    slow = ["learning_rate_too_low", "undertrained", "batch_too_large"]
    told = after([finding("learning_rate_too_low", "critical"), *map(finding, slow[1:])], USUAL.changed(**changed))
    assert told == {name: "critical" if name == cause else "info" for name in slow}


def test_where_nothing_departs_the_larger_gain_is_the_cause():
    found = [finding("undertrained", gain=0.1), finding("learning_rate_too_low", "critical", gain=0.8)]
    assert after(found) == {"undertrained": "info", "learning_rate_too_low": "critical"}
    assert after([finding("undertrained"), finding("high_bias")]) == {"undertrained": "warning", "high_bias": "warning"}


def test_a_lower_rate_helps_a_network_that_was_trained_too_long():
    found = [finding("learning_rate_too_high", "critical"), finding("overtrained")]
    assert after(found) == {"learning_rate_too_high": "info", "overtrained": "critical"}
    fast = USUAL.changed(learning_rate=0.1)
    assert after(found, fast) == {"learning_rate_too_high": "critical", "overtrained": "warning"}
    slightly = [finding("learning_rate_too_high"), finding("overtrained", "info")]
    assert after(slightly) == {"learning_rate_too_high": "warning", "overtrained": "info"}
    assert after(slightly, USUAL.changed(epochs=600))["overtrained"] == "warning"


@pytest.mark.parametrize("units", [(1,), (1, 1, 1), ()])
def test_a_tiny_network_is_too_small_before_anything_else(units):
    tiny = USUAL.changed(hidden_units=units)
    faster = companion("higher rate", [score(tiny, rows=400)], [score(tiny, rows=400, loss=0.9, error=0.09)])
    found = [finding("plateau", "critical"), finding("learning_rate_too_low"), finding("high_bias")]
    told = after(found, tiny, companions=(faster,))
    assert told["high_bias"] == "critical"
    assert told["plateau"] == "info"
    wide = after(found, companions=(faster,))
    assert wide == {"plateau": "critical", "learning_rate_too_low": "warning", "high_bias": "warning"}


def test_inputs_that_are_spoilt_weigh_as_much_as_what_they_bring_about():
    spoilt = ordered([finding("exploding_gradients", "critical"), finding("unnormalized_inputs")])
    assert [(f.name, f.severity) for f in spoilt] == [
        ("unnormalized_inputs", "critical"),
        ("exploding_gradients", "critical"),
    ]
    for severity, evidence in (("info", {"sets_scale": True}), ("warning", {"sets_scale": False})):
        apart = Finding("outliers", severity, evidence, "", "")
        told = ordered([finding("exploding_gradients", "critical"), apart])
        assert [(f.name, f.severity) for f in told][1] == ("outliers", severity)
    scale = Finding("outliers", "warning", {"sets_scale": True}, "", "")
    assert ordered([finding("exploding_gradients", "critical"), scale])[0].name == "outliers"


def test_copies_that_are_a_part_of_the_rows_are_not_what_limits_a_network_most():
    told = ordered([finding("duplicate_rows"), finding("high_variance"), finding("too_few_rows", "info")])
    assert [f.name for f in told] == ["high_variance", "duplicate_rows", "too_few_rows"]
    few = ordered([finding("distribution_shift", "critical"), finding("duplicate_rows", "critical")])
    assert few[0].name == "duplicate_rows"


def test_of_one_name_the_most_severe_is_kept():
    (kept,) = ordered([finding("too_few_rows", "info"), finding("too_few_rows", "warning")])
    assert kept.severity == "warning"


def test_losses_of_companions_with_different_seeds_are_compared_by_what_they_reach():
    """A seed that came to little gains most by anything."""
    from caviar.diagnosis.guard import leading

    noise = np.random.default_rng(0).normal(scale=0.01, size=400)
    poor, fair = score(USUAL, loss=1.6 + noise), score(USUAL.changed(seed=1), loss=1.1 + noise)
    beside = (
        companion("higher rate", [poor], [score(loss=0.8 + noise)]),
        companion("plain", [fair], [score(loss=0.5 + noise)]),
    )
    assert leading(subject([poor, fair], ROWS, companions=beside)) == "plain"
