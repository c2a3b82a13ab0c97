"""Which row of a table goes to which set: by seed and class, whole groups, by time, or as a column says."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.groups import place
from caviar.data.sizes import Share, Sizes, set_sizes, with_room_for_classes
from caviar.data.strata import allot, choose_rows, shuffled
from caviar.data.times import cut_by_time
from caviar.data.words import count, listed
from caviar.errors import BadData

SET_WORDS = {
    "train": ("train", "training"),
    "dev": ("dev", "development", "val", "valid", "validation"),
    "test": ("test", "testing", "holdout"),
}
"""What a column may call the sets, in any case of letters."""


class Chosen(NamedTuple):
    """Row numbers of each set, in random order, and what was decided."""

    train: Whole
    dev: Whole
    test: Whole
    said: tuple[str, ...] = ()


@dataclass(frozen=True)
class Wishes:
    """What a division must respect, besides its sizes."""

    codes: Whole | None = None
    """Class of every row; None: no classes."""
    together: Whole | None = None
    """Rows with one number go to one set."""
    times: pl.Series | None = None
    """Dev and test rows come later than train rows."""
    marked: Whole | None = None
    """Set of every row that a column names: 0 train, 1 dev, 2 test."""
    wanted: np.ndarray | None = None
    """Which rows may be in dev and test; the others train."""


def choose(
    rows: int, wishes: Wishes, dev: Share, test: Share, *, given: tuple[bool, bool], resolution: float, seed: int
) -> Chosen:
    """Divide the rows of a table.

    Args:
        rows: of the table.
        wishes: what must be respected.
        dev: None by the rule, a share in (0, 1), a number of rows, or 0 for none.
        test: the same.
        given: whether dev, and test, are tables of their own.
        resolution: see `set_sizes`.
        seed: not negative.

    Raises:
        BadData: sizes that do not fit, or too few groups or times.
    """
    at = np.arange(rows)
    named = wishes.marked if wishes.marked is not None else np.zeros(rows, np.int64)
    free = at[named == 0]
    marks = [bool((named == place_).any()) for place_ in (1, 2)]
    sizes = set_sizes(len(free), dev, test, resolution=resolution, given=(given[0] or marks[0], given[1] or marks[1]))
    if not (any(given) or any(marks) or sizes.dev or sizes.test):
        raise BadData(
            "A network must be judged by rows it was not trained on, but dev and test are both 0. Leave one out."
        )
    order = shuffled(rows, seed)
    if not sizes.dev and not sizes.test:
        chosen = Chosen(free if wishes.marked is None else order[named[order] == 0], at[:0], at[:0])
        if wishes.marked is None:
            chosen = Chosen(*choose_rows(wishes.codes, sizes, seed, rows))
    elif wishes.times is not None:
        cut = cut_by_time(wishes.times[free], sizes, shuffled(len(free), seed))
        chosen = Chosen(free[cut.train], free[cut.dev], free[cut.test], (cut.said,))
    else:
        chosen = _at_random(free, wishes, sizes, by_rule=(dev is None, test is None), seed=seed)
    by_name = [order[named[order] == place_] for place_ in (1, 2)]
    return Chosen(
        chosen.train,
        by_name[0] if marks[0] else chosen.dev,
        by_name[1] if marks[1] else chosen.test,
        chosen.said,
    )


def _at_random(free: Whole, wishes: Wishes, sizes: Sizes, *, by_rule: tuple[bool, bool], seed: int) -> Chosen:
    """Rows by chance, those of a class divided alike, those that stay together whole."""
    said: list[str] = []
    codes = None if wishes.codes is None else wishes.codes[free]
    together = None if wishes.together is None else wishes.together[free]
    open_to = np.ones(len(free), bool)
    if wishes.wanted is not None:
        open_to = wishes.wanted[free]
        if together is not None:  # a group with rows of both kinds trains, whole
            open_to = ~np.isin(together, together[~open_to])
        sizes = _within(sizes, int(open_to.sum()), len(free), by_rule)
    at = np.flatnonzero(open_to)
    own = Sizes(len(at) - sizes.dev - sizes.test, sizes.dev, sizes.test)
    if codes is not None:
        own = with_room_for_classes(own, np.bincount(codes[at]), by_rule)
    classes = None if codes is None else codes[at]
    if together is None:
        train, dev, test = choose_rows(classes, own, seed, len(at))
    else:
        train, dev, test = _whole_groups(together[at], classes, own, seed)
        if (came := Sizes(len(train), len(dev), len(test))) != own:
            said.append(
                f"Asked for were {own.dev:,} dev and {own.test:,} test rows; whole groups give {came.dev:,} and "
                f"{came.test:,}."
            )
    train = at[train]
    if len(at) < len(free):
        train = np.r_[train, np.flatnonzero(~open_to)]
        train = train[shuffled(len(train), seed, stream=3)]
    return Chosen(free[train], free[at[dev]], free[at[test]], tuple(said))


def _whole_groups(together: Whole, codes: Whole | None, sizes: Sizes, seed: int) -> tuple[Whole, Whole, Whole]:
    groups, sets = len(np.unique(together)), 1 + (sizes.dev > 0) + (sizes.test > 0)
    if groups < sets:
        raise BadData(
            f"{sets} sets need at least as many groups, but there are {groups}, and no group may be in two sets. Ask "
            "for fewer sets, or split without the group."
        )
    counts = np.array([len(together)]) if codes is None else np.bincount(codes)
    placed = place(together, codes, allot(counts, sizes), seed)
    order = shuffled(len(together), seed)
    train, dev, test = (order[placed[order] == at] for at in range(3))
    return train, dev, test


def _within(sizes: Sizes, open_to: int, rows: int, by_rule: tuple[bool, bool]) -> Sizes:
    """Sizes when only some rows may be held out: by the rule at most half of these, shared as the rule shares."""
    held = sizes.dev + sizes.test
    if all(by_rule[i] or not sizes[1 + i] for i in range(2)) and 2 * held > open_to:
        dev, test = (max(1, size * open_to // (2 * held)) if size else 0 for size in sizes[1:])
        sizes = Sizes(rows - dev - test, dev, test)
    if sizes.dev + sizes.test > open_to:
        raise BadData(
            f"Dev and test take only rows of the wanted source, but there are {open_to:,} and "
            f"{sizes.dev + sizes.test:,} are asked for. Ask for smaller sets."
        )
    return sizes


def marks_of(column: pl.Series) -> Whole:
    """The set that a column names for every row: 0 train, 1 dev, 2 test.

    Raises:
        BadData: a cell that is missing or names no set, or no row to train on.
    """
    words = {word: place_ for place_, own in enumerate(SET_WORDS.values()) for word in own}
    text = column.cast(pl.String).str.strip_chars().str.to_lowercase()
    place_ = text.replace_strict(words, default=None, return_dtype=pl.Int64)
    if place_.null_count():
        strangers = column.filter(place_.is_null()).unique(maintain_order=True).to_list()
        raise BadData(
            f"A column that names the sets must say train, dev or test in every row, but '{column.name}' says "
            f"{listed(strangers, 3)} in {count(place_.null_count(), 'row')}. Correct these cells."
        )
    marked = place_.to_numpy()
    if not (marked == 0).any():
        raise BadData(f"Some rows must train, but '{column.name}' says so of none. Write train into their cells.")
    if not (marked > 0).any():
        raise BadData(
            f"A column that names the sets must name dev or test rows, but '{column.name}' says train in every row. "
            "Leave it out to divide the rows by the rule."
        )
    return marked
