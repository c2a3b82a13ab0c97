"""Weights of rows: read from a column, never learned from."""

from datetime import date

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.errors import BadData

ROWS = 60


def table(weights, **columns):
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=ROWS), "importance": weights, "y": np.arange(ROWS) % 2} | columns)
    return caviar.read(frame, target="y")


def test_of_mean_one_and_beside_their_rows():
    weights = np.arange(ROWS) / 7
    given = table(weights, row=np.arange(ROWS) * 10.0)
    done = caviar.split(given, dev=12, test=12, weight="importance")
    assert done.preparation.names == ("a", "row")
    assert done.weight.dtype == np.float32
    assert done.weight[: done.n_train].mean() == pytest.approx(1)
    row = np.r_[done._train.frame["row"].to_numpy(), done._dev.frame["row"].to_numpy()] / 10
    np.testing.assert_allclose(done.weight, row / row[: done.n_train].mean(), rtol=1e-6)
    assert caviar.split(given, dev=12, test=12).weight is None
    other = caviar.split(table(weights + 1, row=np.arange(ROWS) * 10.0), dev=12, test=12, weight="importance")
    assert other.fingerprint != done.fingerprint
    assert done.rescaled("robust").weight is done.weight


def test_dev_rows_of_another_table_may_have_none():
    given, dev = table(np.full(ROWS, 2.0)), table(np.full(ROWS, 3.0))
    done = caviar.split(given, dev=dev, test=0, weight="importance")
    np.testing.assert_allclose(done.weight, np.r_[np.ones(ROWS), np.full(ROWS, 1.5)])
    without = caviar.read(pl.DataFrame({"a": np.arange(9.0), "y": np.arange(9) % 2}), target="y")
    done = caviar.split(given, dev=without, test=0, weight="importance")
    np.testing.assert_allclose(done.weight[ROWS:], 0.5)


@pytest.mark.parametrize(
    ("weights", "words"),
    [
        (np.r_[-1.0, np.ones(ROWS - 1)], r"0 or more in every row, but 'importance' has 1 other cell, such as -1.0"),
        ([None, *[1.0] * (ROWS - 1)], r"0 or more in every row, but 'importance' has 1 other cell, such as None"),
        (
            ["much", "little"] * (ROWS // 2),
            r"^Weights must be numbers of 0 or more .* 'importance' holds 'much'\. Corr",
        ),
        ([date(2024, 1, 1)] * ROWS, r"^Weights must be numbers of 0 or more .* 'importance' holds '2024-01-01'"),
        (
            pl.Series([None] * ROWS, dtype=pl.Date),
            r"^Weights must be numbers of 0 or more .* 'importance' holds Date\.",
        ),
        (np.zeros((ROWS, 1, 1, 1)), r"^A column of weights cannot hold images, but 'importance' does"),
        (np.zeros(ROWS), r"must have a weight above 0, but 'importance' is 0 in all of them"),
    ],
)
def test_refused(weights, words):
    with pytest.raises(BadData, match=words):
        caviar.split(table(weights), dev=0, test=12, weight="importance")


def test_names_that_are_not_there():
    with pytest.raises(BadData, match=r"no column 'importanc' of weights. Did you mean 'importance'"):
        caviar.split(table(np.ones(ROWS)), weight="importanc")
    alone = caviar.read(pl.DataFrame({"w": np.ones(ROWS), "y": np.arange(ROWS) % 2}), target="y")
    with pytest.raises(BadData, match=r"columns to predict from, but every column is weights \(w\)\. Read more"):
        caviar.split(alone, weight="w")
