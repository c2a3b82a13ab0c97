import datetime

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

import caviar
from caviar.data.sizes import Sizes
from caviar.data.table import Table
from caviar.data.times import blocks_of_time, cut_by_time
from caviar.errors import BadData


def dated(days, **more):
    rows = len(days)
    random = np.random.default_rng(1)
    frame = pl.DataFrame({"x": random.normal(size=rows), "day": days} | more)
    return Table("sales", frame, pl.Series("y", random.normal(size=rows)))


@given(st.lists(st.integers(0, 40), min_size=40, max_size=120), st.integers(0, 5))
def test_dev_is_later_than_train_and_test_later_than_dev(days, seed):
    table = dated(days)
    before_the_last_two = sum(day < sorted(set(days))[-2] for day in days) if len(set(days)) > 2 else 0
    if before_the_last_two < 10:
        with pytest.raises(BadData, match="Dev and test rows must be later than train rows"):
            caviar.split(table, time="day", seed=seed)
        return
    done = caviar.split(table, time="day", seed=seed)
    train, dev, test = (done.raw()[name].beside["day"].to_list() for name in ("train", "dev", "test"))
    assert max(train) < min(dev)
    assert max(dev) < min(test)
    assert sorted(train + dev + test) == sorted(days)
    assert "day" not in done.preparation.names
    assert done.dev_given, "networks are never judged by earlier rows"


def test_boundaries_are_as_near_to_the_sizes_as_equal_times_allow():
    times = pl.Series("t", np.repeat(np.arange(20), [5] * 20))
    order = np.random.default_rng(0).permutation(100)
    cut = cut_by_time(times, Sizes(62, 18, 20), order)
    assert (len(cut.train), len(cut.dev), len(cut.test)) == (60, 20, 20)
    assert cut.said.startswith("Divided by time, 't': train up to 11, dev from 12, test from 16.")
    only_dev = cut_by_time(times, Sizes(80, 20, 0), order)
    assert (len(only_dev.train), len(only_dev.dev), len(only_dev.test)) == (80, 20, 0)
    only_test = cut_by_time(times, Sizes(80, 0, 20), order)
    assert (len(only_test.train), len(only_test.dev), len(only_test.test)) == (80, 0, 20)
    coarse = cut_by_time(pl.Series("t", np.repeat([0, 1, 2], [50, 30, 20])), Sizes(89, 1, 10), order)
    assert (len(coarse.train), len(coarse.dev), len(coarse.test)) == (50, 30, 20), "a set that was asked for has rows"
    assert cut.train.tolist() != sorted(cut.train.tolist()), "rows of a set are in random order"


def test_dates_are_told_as_dates():
    first = datetime.date(2024, 1, 1)
    done = caviar.split(dated([first + datetime.timedelta(days=i) for i in range(100)]), time="day")
    told = " ".join(done.explanation)
    assert "train up to 2024-02-29, dev from 2024-03-01, test from 2024-03-21. It is not learned from" in told
    assert (done.n_train, done.n_dev, done.n_test) == (60, 20, 20)


@given(st.lists(st.integers(0, 30), min_size=10, max_size=60), st.integers(2, 6))
def test_folds_are_stretches_of_time(days, k):
    times = np.array(days)
    if len(set(days)) < k:
        with pytest.raises(BadData, match="at most that of different times"):
            blocks_of_time(times, k)
        return
    folds = blocks_of_time(times, k)
    assert set(folds) == set(range(k))
    order = np.argsort(times, kind="stable")
    assert (np.diff(folds[order]) >= 0).all()
    assert all(len(set(folds[times == day])) == 1 for day in set(days))


def test_folds_of_a_split_are_stretches_of_time_of_equal_size():
    done = caviar.split(dated(list(range(100))), time="day")
    folds, days = done.folds(4), np.r_[done.raw()["train"].beside["day"], done.raw()["dev"].beside["day"]]
    np.testing.assert_array_equal(folds, days // 20)


@pytest.mark.parametrize(
    ("days", "words"),
    [
        ([None, *range(59)], "time must be known in every row, but 'day' has 1 missing cell"),
        (["spring"] * 60, "must hold dates or numbers, but 'day' holds 'spring'"),
        ([1] * 30 + [2] * 30, "has only 2 different times"),
        ([1] * 5 + [2] * 30 + [3] * 25, "too few rows before the last ones"),
    ],
)
def test_times_that_give_no_order(days, words):
    with pytest.raises(BadData, match=words):
        caviar.split(dated(days), time="day")
