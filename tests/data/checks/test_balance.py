"""Rare classes: worth knowing by share, a warning by rows."""

import json

import numpy as np
import pytest

import caviar
from caviar.data.checks.balance import check_class_imbalance, check_missing_class, class_imbalance, missing_class

LABELS = ("a", "b", "c")


def codes(*rows):
    return np.repeat(np.arange(len(rows)), rows)


@pytest.mark.parametrize(
    ("rows", "severity"),
    [
        ((500, 500), None),
        ((1000, 100), None),
        ((1001, 100), "info"),
        ((9000, 20), "info"),
        ((9000, 19), "warning"),
        ((19, 19, 19), None),
        ((1, 1), None),
    ],
)
def test_class_imbalance(rows, severity):
    found = class_imbalance(codes(*rows), LABELS[: len(rows)]).checks
    assert [check.severity for check in found] == ([] if severity is None else [severity])
    for check in found:
        assert check.evidence["rarest_rows"] == min(rows)
        assert check.evidence["ratio"] == pytest.approx(max(rows) / min(rows))
        assert check.evidence["too_few_to_learn"] == ({"b": 19} if severity == "warning" else {})
        assert f"errs in only {min(rows) / sum(rows):.1%}" in check.meaning
        json.dumps(check.evidence, allow_nan=False)


def test_a_class_that_dev_or_test_lack_is_a_warning_and_one_that_train_lacks_critical():
    sets = {"train": codes(100, 100, 10), "dev": codes(50, 50), "test": codes(50, 50, 4)}
    (check,) = missing_class(sets, LABELS).checks
    assert check.severity == "warning"
    assert check.evidence == {"lacking": {"dev": ["c"]}, "too_few": {"test": {"c": 4}}}
    assert "The dev set has no row of 'c'." in check.meaning
    sets = {"train": codes(100, 100), "dev": codes(50, 50, 30), "test": np.array([], int)}
    (check,) = missing_class(sets, LABELS).checks
    assert check.severity == "critical"


@pytest.mark.parametrize("dev", [(50, 50, 5), (4, 4, 4), ()])
def test_enough_rows_or_a_small_table_say_nothing(dev):
    assert missing_class({"train": codes(100, 100, 50), "dev": codes(*dev)}, LABELS).checks == ()


def test_splits():
    for name in ("iris", "diabetes"):
        split = caviar.split(caviar.read(name))
        assert check_class_imbalance(split).checks == ()
        assert check_missing_class(split).checks == ()
