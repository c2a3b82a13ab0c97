"""Figures and settings as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.reporting import words

NAN = math.nan


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0.0, "0"),
        (-0.0, "0"),
        (1, "1.00"),
        (2.5, "2.50"),
        (9.999, "10.00"),
        (12.345, "12.3"),
        (123.456, "123"),
        (999.6, "1,000"),
        (12345.6, "12,346"),
        (999_999.4, "999,999"),
        (1e6, "1.00e+06"),
        (0.25, "0.25"),
        (0.123456, "0.123"),
        (0.001, "0.001"),
        (0.00099, "9.90e-04"),
        (-3.14159, "-3.14"),
        (-0.05, "-0.05"),
        (NAN, "unknown"),
        (math.inf, "inf"),
    ],
)
def test_number(value, text):
    assert words.number(value) == text


@given(st.floats(-1e300, 1e300))
def test_a_number_keeps_three_digits(value):
    read = float(words.number(value).replace(",", ""))
    assert abs(read - value) <= 0.00500001 * abs(value)


@pytest.mark.parametrize(
    ("value", "task", "text"),
    [
        (0.0217, "classification", "2.17%"),
        (0.0, "classification", "0.00%"),
        (1.0, "classification", "100.00%"),
        (53900.0, "regression", "53,900"),
        (NAN, "classification", "unknown"),
        (NAN, "regression", "unknown"),
    ],
)
def test_error(value, task, text):
    assert words.error(value, task) == text


def test_intervals():
    estimate = Estimate(0.02, 0.0125, 0.03, 360)
    assert words.error_interval(estimate, "classification") == "2.00% (1.25% to 3.00%)"
    assert words.error_interval(estimate, "regression") == "0.02 (0.0125 to 0.03)"
    assert words.error_interval(Estimate(0.02, NAN, NAN, 360), "classification") == "2.00%"
    assert words.interval(Estimate(-0.5, -1.0, 0.0, 360)) == "-0.5 (-1.00 to 0)"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("hidden_units", (64, 32), "units 64-32"),
        ("hidden_units", (), "units none (linear)"),
        ("dropout", 0.2, "dropout 0.2"),
        ("dropout", (0.1, 0.5), "dropout 0.1-0.5"),
        ("dropout", 0.0, "dropout 0"),
        ("batch_norm", True, "batch norm"),
        ("batch_norm", False, "no batch norm"),
        ("batch_size", "full", "mini-batch full"),
        ("batch_size", 64, "mini-batch 64"),
        ("learning_rate", 0.0003, "learning rate 3.00e-04"),
        ("l2", 1.5, "L2 1.50"),
        ("activation", ("relu", "silu"), "activation relu-silu"),
        ("norm_beta", 0.9, "norm beta 0.9"),
        ("early_stopping", None, "early stopping None"),
    ],
)
def test_setting(name, value, text):
    assert words.setting(name, value) == text


def test_changes():
    start = Config()
    assert words.changes(start, start) == "unchanged"
    assert words.changes(start.changed(seed=9, rows="train+dev"), start) == "unchanged"
    assert words.changes(start.changed(stop_after=3), start) == "stop after 3"
    assert words.changes(start.changed(learning_rate=start.rate), start) == "unchanged"
    assert words.changes(start.changed(dropout=0.2, epochs=9), start.changed(epochs=3)) == "dropout 0.2, epochs 9"
    momentum = start.changed(optimizer="momentum", learning_rate=0.3)
    assert words.changes(momentum, start) == "optimizer momentum, learning rate 0.3"


@pytest.mark.parametrize(("seconds", "text"), [(0, "0:00"), (59.99, "0:59"), (60, "1:00"), (3725.4, "62:05")])
def test_duration(seconds, text):
    assert words.duration(seconds) == text
