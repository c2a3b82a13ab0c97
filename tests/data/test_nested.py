import numpy as np
import polars as pl
import pytest

from caviar.data.nested import nested_splits
from caviar.data.table import Table
from caviar.errors import BadData


def table(rows=60, **more):
    random = np.random.default_rng(5)
    frame = pl.DataFrame({"row": np.arange(float(rows)), "x": random.normal(size=rows)} | more)
    return Table("small", frame, pl.Series("y", ["a", "b", "c"] * (rows // 3)))


def rows_of(split, name):
    return split.raw()[name].whole()["row"].to_list()


@pytest.mark.parametrize("k", [2, 5, 60])
def test_every_row_is_judged_once_by_networks_that_never_saw_it(k):
    splits = list(nested_splits(table(), k))
    assert len(splits) == k
    assert sorted(row for split in splits for row in rows_of(split, "test")) == list(range(60))
    for split in splits:
        held = [set(rows_of(split, name)) for name in ("train", "dev", "test")]
        assert sum(map(len, held)) == len(set.union(*held)) == 60
        np.testing.assert_allclose(split.x_train.mean(axis=0), 0, atol=1e-5)
        assert not split.dev_given, "dev rows are a random part: networks are judged out of fold"
    if k == 5:
        assert all(np.ptp(np.bincount(split.open_test()[1])) <= 1 for split in splits)


def test_without_dev_rows_and_with_another_seed():
    (first, *_) = nested_splits(table(), 3, dev=0)
    assert (first.n_train, first.n_dev, first.n_test) == (40, 0, 20)
    (again, *_) = nested_splits(table(), 3, dev=0)
    (other, *_) = nested_splits(table(), 3, dev=0, seed=1)
    assert rows_of(first, "test") == rows_of(again, "test")
    assert set(rows_of(first, "test")) != set(rows_of(other, "test"))


def test_groups_and_equal_rows_are_whole():
    who = np.arange(60) // 4
    for split in nested_splits(table(who=who), 5, group="who"):
        owners = [set(split.raw()[name].beside["who"]) for name in ("train", "dev", "test")]
        assert sum(map(len, owners)) == 15
    twice = pl.concat([table().features, table().features])
    both = Table("twice", twice, pl.concat([table().target, table().target]))  # pyright: ignore[reportArgumentType]
    for split in nested_splits(both, 5):
        assert not set(rows_of(split, "test")) & set(rows_of(split, "train"))


def test_regression():
    read = table()
    quantity = Table("small", read.features, pl.Series("y", np.random.default_rng(0).normal(size=60)))
    assert [split.n_test for split in nested_splits(quantity, 4)] == [15] * 4


@pytest.mark.parametrize("k", [1, 61, 2.0, True])
def test_folds_that_cannot_be(k):
    with pytest.raises(BadData, match=r"number of folds must be in \[2, 60\]"):
        next(nested_splits(table(), k))
    with pytest.raises(BadData, match="at most that of groups, 2, got 3"):
        next(nested_splits(table(who=[1, 2] * 30), 3, group="who"))
