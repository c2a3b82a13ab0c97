"""Other shares of classes, or another distribution of a quantity, are found; random sets are not."""

import json

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.label_shift import check_label_shift, label_shift_between
from caviar.data.target import TargetCoding

CLASSES = TargetCoding("kind", ("a", "b", "c"))
QUANTITY = TargetCoding("price", None, 100.0, 20.0)


def classes(rows, shares, seed=0):
    return np.random.default_rng(seed).choice(3, rows, p=shares).astype(np.int32)


def test_classes_with_other_shares_are_found_with_their_shares():
    sets = {
        "train": classes(209, (0.66, 0.34, 0)),
        "test": classes(50, (0.2, 0.8, 0), 1),
        "dev": np.array([], np.int32),
    }
    (check,) = label_shift_between(sets, CLASSES).checks
    assert (check.name, check.severity) == ("label_shift", "warning")
    assert check.evidence["sets"] == ["train", "test"]
    shares = {name: np.bincount(y, minlength=3) / len(y) for name, y in sets.items() if len(y)}
    assert check.evidence["first"]["a"] == pytest.approx(shares["train"][0])
    assert check.evidence["second"]["b"] == pytest.approx(shares["test"][1])
    assert f"'a' is {shares['test'][0]:.1%} of the test rows" in check.meaning
    json.dumps(check.evidence, allow_nan=False)


def test_a_quantity_is_told_in_its_unit():
    random = np.random.default_rng(0)
    sets = {n: random.normal(m, 1, 800).astype(np.float32) for n, m in (("train", 0), ("dev", 0), ("test", 0.5))}
    (check,) = label_shift_between(sets, QUANTITY).checks
    assert check.severity == "warning"
    assert "test" in check.evidence["sets"]
    assert 105 < check.evidence["second"]["median"] < 115
    assert "the same holds between" in check.meaning


def test_tiny_differences_of_many_rows_are_an_info():
    sets = {"train": classes(200_000, (0.5, 0.3, 0.2)), "test": classes(200_000, (0.48, 0.32, 0.2), 1)}
    (check,) = label_shift_between(sets, CLASSES).checks
    assert check.severity == "info"


def test_random_sets_are_silent():
    for seed in range(50):
        sets = {n: classes(r, (0.6, 0.3, 0.1), 3 * seed + r) for n, r in (("train", 300), ("dev", 101), ("test", 100))}
        assert label_shift_between(sets, CLASSES).checks == ()


def test_a_given_test_table_of_other_shares_fires_and_stays_sealed():
    x = np.random.default_rng(0).normal(size=(300, 2))
    tables = [caviar.read(pl.DataFrame({"x": x[:, 0], "y": x[:, 1] > cut}), "y") for cut in (0, 1)]
    split = caviar.split(tables[0], test=tables[1])
    (check,) = check_label_shift(split).checks
    assert "test" in check.evidence["sets"]
    assert split.times_opened == 0
