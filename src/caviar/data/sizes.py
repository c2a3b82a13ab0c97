"""How many rows train, how many choose (dev), how many judge at the end (test).

Up to 10,000 rows 60/20/20, or 70/30 with one held-out set. Beyond, a held-out set needs no share but a
number: as many rows as tell two networks apart.
"""

import math
from numbers import Integral, Real
from typing import NamedTuple

from caviar.arrays import Whole
from caviar.errors import BadData

DISAGREEMENT = 0.05
"""Share of rows on which two good networks disagree: the variance of the difference of their errors."""
Share = float | int | None
FEWEST_TRAIN = 10


class Sizes(NamedTuple):
    """Rows of each set."""

    train: int
    dev: int
    test: int


def set_sizes(
    rows: int,
    dev: Share = None,
    test: Share = None,
    *,
    resolution: float = 0.01,
    given: tuple[bool, bool] = (False, False),
) -> Sizes:
    """Divide a number of rows by the rule, or as asked.

    Up to 10,000 rows: 60/20/20; 70/30 when dev or test is 0. Up to a million: dev and test get 2,000 rows,
    1 % or `rows_needed(resolution)`, whichever is most, at most 20 %. Above: 10,000, 0.25 % or
    `rows_needed`, at most 3 %. Where a set is given from elsewhere, the rows divide between the remaining
    sets in the proportion the rule gives these.

    Args:
        rows: of the table.
        dev: None by the rule, a share in (0, 1), a number of rows, or 0 for none.
        test: the same.
        resolution: difference between the errors of two networks that must be told apart, in (0, 1).
        given: whether dev, and test, are tables of their own; they then take no rows.

    Returns:
        Rows of train, dev and test; a given set has 0. They add up to `rows`.

    Raises:
        BadData: sizes that are none, or that leave fewer than 10 rows to train.
    """
    if isinstance(resolution, bool) or not isinstance(resolution, Real) or not 0 < float(resolution) < 1:
        raise BadData(
            f"resolution must be in (0, 1), got {resolution!r}. It is the difference between two error "
            "rates to be told apart."
        )
    held = _held_out(rows, float(resolution))
    if any(given):
        held = rows * held / (rows - held)
    elif _is_none(dev) != _is_none(test) and rows <= 10_000:
        held = 0.3 * rows
    n_dev = 0 if given[0] else _asked("dev", dev, rows, held)
    n_test = 0 if given[1] else _asked("test", test, rows, held)
    train = rows - n_dev - n_test
    if train < FEWEST_TRAIN:
        raise BadData(
            f"At least {FEWEST_TRAIN} rows must be left to train, but of {rows:,} dev takes {n_dev:,} and "
            f"test {n_test:,}. Ask for smaller sets, or get more rows."
        )
    return Sizes(train, n_dev, n_test)


def with_room_for_classes(sizes: Sizes, counts: Whole, by_rule: tuple[bool, bool]) -> Sizes:
    """Enlarge the sets that follow the rule, so that every class can have a row in every set.

    Args:
        sizes: rows of train, dev and test.
        counts: (classes,) rows of each class; a class with fewer rows than there are sets needs none.
        by_rule: whether the size of dev, and of test, was left to the rule.

    Returns:
        Sizes with the same sum.

    Raises:
        BadData: not every class can have a row in train.
    """
    sets = 1 + (sizes.dev > 0) + (sizes.test > 0)
    full = int((counts >= sets).sum())
    dev, test = (max(size, full) if size and rule else size for size, rule in zip(sizes[1:], by_rule, strict=True))
    train = sum(sizes) - dev - test
    if train < (needed := full + int(counts[counts < sets].sum())):
        raise BadData(
            f"Train must have a row of every class, which takes {needed:,} rows, but {max(train, 0):,} are "
            f"left beside {dev:,} for dev and {test:,} for test. Ask for smaller sets."
        )
    return Sizes(train, dev, test)


def rows_needed(resolution: float) -> int:
    """Rows on which a difference of `resolution` between two error rates is larger than chance.

    Both networks answer the same rows, so the difference has variance d/n with d the share of rows on which
    only one of them errs: n = 1.96^2 d / r^2 at 95 %, d = 0.05. r = 0.01 takes 1,921 rows.
    """
    return math.ceil(1.96**2 * DISAGREEMENT / resolution**2)


def resolution_of(rows: int) -> float:
    """The difference between two error rates that `rows` rows tell apart, r = 1.96 sqrt(d / n)."""
    return 1.96 * math.sqrt(DISAGREEMENT / rows)


def _held_out(rows: int, resolution: float) -> float:
    """Rows of dev, and of test, by the rule."""
    if rows <= 10_000:
        return 0.2 * rows
    if rows <= 1_000_000:
        return min(max(2_000, rows_needed(resolution), 0.01 * rows), 0.2 * rows)
    return min(max(10_000, rows_needed(resolution), 0.0025 * rows), 0.03 * rows)


def _is_none(size: Share) -> bool:
    return size is not None and size == 0


def _asked(name: str, size: Share, rows: int, rule: float) -> int:
    if size is None:
        return max(1, round(rule))
    whole = isinstance(size, Integral) and not isinstance(size, bool)
    if whole and 0 <= int(size) < rows:
        return int(size)
    if not whole and isinstance(size, Real) and not isinstance(size, bool):
        if float(size) == 0:
            return 0
        if 0 < float(size) < 1:
            return max(1, round(float(size) * rows))
    raise BadData(
        f"{name} must be a share in (0, 1), a number of rows below {rows:,}, a Table, 0 for none or None "
        f"for the rule, got {size!r}. For a fifth of the rows write {name}=0.2."
    )
