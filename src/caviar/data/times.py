"""Rows in the order of time: train first, then dev, then test; rows of one time are never divided."""

from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.sizes import FEWEST_TRAIN, Sizes
from caviar.data.words import count
from caviar.errors import BadData


class Cut(NamedTuple):
    """Rows of every set, and where the sets end."""

    train: Whole
    dev: Whole
    test: Whole
    said: str


def check_times(times: pl.Series) -> None:
    """Refuse a column that puts rows into no order.

    Raises:
        BadData: it holds no dates or numbers, or not in every row.
    """
    if not (times.dtype.is_temporal() or times.dtype.is_numeric()):
        raise BadData(
            f"A column of times must hold dates or numbers, but '{times.name}' holds {times.head(1).to_list()[0]!r}. "
            "Write dates as 2026-01-31 or 2026-01-31 12:30."
        )
    if missing := times.null_count():
        raise BadData(
            f"The time must be known in every row, but '{times.name}' has {count(missing, 'missing cell')}. Leave "
            "these rows out: it cannot be told whether they come before the rows to judge by."
        )


def cut_by_time(times: pl.Series, sizes: Sizes, order: Whole) -> Cut:
    """The earliest rows train, those after them choose, the latest judge.

    Args:
        times: of every row, checked.
        sizes: rows that each set should get; a set is as near to it as rows of one time allow.
        order: rows in random order, that of each set.

    Raises:
        BadData: there are too few different times.
    """
    by_time = times.to_physical().to_numpy()
    in_time = np.argsort(by_time, kind="stable")
    ordered = by_time[in_time]
    starts = np.flatnonzero(ordered[1:] != ordered[:-1]) + 1  # where a set may begin
    wanted = [n for n in (sizes.dev, sizes.test) if n]
    if len(starts) < len(wanted) or (wanted and starts[-len(wanted)] < FEWEST_TRAIN):
        raise BadData(
            f"Dev and test rows must be later than train rows, but '{times.name}' has only "
            f"{count(len(starts) + 1, 'different time')}, or too few rows before the last ones. Give a finer time, or "
            "split without it."
        )
    rows = len(ordered)
    ends = {"test": rows, "dev": rows}
    if sizes.test:
        ends["dev"] = _nearest(starts[1:] if sizes.dev else starts, rows - sizes.test)
    end = ends["dev"]
    ends["train"] = _nearest(starts[starts < end], end - sizes.dev) if sizes.dev else end
    place = np.empty(rows, np.int64)
    place[in_time] = np.searchsorted([ends["train"], ends["dev"]], np.arange(rows), side="right")
    if not sizes.test:
        place[place == 2] = 1
    train, dev, test = (order[place[order] == at] for at in range(3))
    said = f"Divided by time, '{times.name}': train up to {times[int(in_time[ends['train'] - 1])]}"
    if len(dev):
        said += f", dev from {times[int(in_time[ends['train']])]}"
    if len(test):
        said += f", test from {times[int(in_time[ends['dev']])]}"
    return Cut(train, dev, test, f"{said}. It is not learned from: later rows hold times that train has never seen.")


def blocks_of_time(times: Whole, k: int) -> Whole:
    """Fold of every row, int32 in [0, k): stretches of time of about equal size, rows of one time in one fold.

    Raises:
        BadData: there are fewer than k different times.
    """
    distinct, at, rows = np.unique(times, return_inverse=True, return_counts=True)
    if len(distinct) < k:
        raise BadData(
            f"The number of folds must be at most that of different times, {len(distinct):,}, got {k}. Ask for fewer."
        )
    before = np.cumsum(rows) - rows  # rows before each time
    starts = [0]
    for fold in range(1, k):
        free = np.arange(starts[-1] + 1, len(distinct) - (k - fold) + 1)
        starts.append(int(free[np.argmin(np.abs(before[free] - len(times) * fold / k))]))
    return (np.searchsorted(starts, at, side="right") - 1).astype(np.int32)


def _nearest(candidates: Whole, wish: int) -> int:
    return int(candidates[np.argmin(np.abs(candidates - wish))])
