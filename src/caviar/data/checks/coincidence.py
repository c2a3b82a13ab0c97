"""How many pairs of equal rows come about by themselves, because the columns take few values.

In three columns of yes and no most rows equal another one, and nothing is wrong. Copies tell themselves apart by their
surroundings: where columns are coarse, there are many more pairs of rows that differ in one single column than pairs
that differ in none; around copies there are none.

For independent columns in which two rows agree with chance r_j, pairs that differ in column j alone are (1 - r_j) / r_j
times as many as equal pairs. Summed over the columns this gives the expected equal pairs from the pairs that differ in
one column. r_j is taken as the square root of the chance a_j with which two rows of the data agree in column j: half
of what a column tells may be known from the others.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Mask, Numbers, Whole
from caviar.data.checks.equal_rows import first_equal, hashed

MOST_COLUMNS = 200
"""So many columns are left out one after the other, evenly chosen."""
_COMMON = 0.02  # of the rows
_ROWS_OF_LEVEL = 20
FACTOR = 3.0
"""More equal pairs than so many times the expected ones are no coincidence."""


class Pairs(NamedTuple):
    """Pairs of equal rows, and how many were to be expected."""

    equal: float
    expected: float

    @property
    def by_themselves(self) -> bool:
        """Whether coarse columns explain the equal pairs."""
        return self.equal <= FACTOR * (self.expected + 2 * self.expected**0.5)


def equal_pairs(frame: pl.DataFrame, second: Mask | None = None) -> Pairs:
    """Count pairs of equal rows, and estimate how many come about by themselves.

    Args:
        frame: as `comparable` makes it.
        second: (rows,) rows of the second of two sets; pairs then have a row in each. None: all pairs.

    Returns:
        Both numbers. With a single column every pair is expected: nothing can be told.
    """
    firsts: list[Whole] = [first_equal(frame.select(name)).astype(np.int32) for name in frame.columns]
    agree = np.array([_chance(column, first) for column, first in zip(frame.get_columns(), firsts, strict=True)])
    tells = _each_once(firsts, agree)
    whole = np.zeros(frame.height, np.uint64)
    for i in tells:
        whole += hashed(firsts[i], i)  # wraps around: a sum of random 64-bit numbers is one
    equal = _pairs(whole, second)
    if len(tells) < 2:
        return Pairs(equal, equal)
    chosen = [tells[i] for i in np.unique(np.linspace(0, len(tells) - 1, MOST_COLUMNS).astype(int))]
    but_one = sum(_pairs(whole - hashed(firsts[i], i), second) - equal for i in chosen)
    chance = np.sqrt(agree[chosen])
    return Pairs(equal, float(but_one / ((1 - chance) / chance).sum()))


def _pairs(codes: Whole, second: Mask | None) -> float:
    """Pairs of rows of the same code."""
    if second is None:
        counts = pl.Series(codes).value_counts()["count"].to_numpy().astype(float)
        return float((counts * (counts - 1) / 2).sum())
    counts = (
        pl.DataFrame({"code": codes, "second": second})
        .group_by("code")
        .agg(pl.len().alias("rows"), pl.col("second").sum().alias("second"))
    )
    inside = counts["second"].to_numpy().astype(float)
    return float((inside * (counts["rows"].to_numpy() - inside)).sum())


def _each_once(firsts: list[Whole], agree: Numbers) -> list[int]:
    """Columns that vary, without those that are another one in other words (of few levels: fine ones seem to be)."""
    seen: dict[bytes | int, int] = {}
    for i, first in enumerate(firsts):
        if agree[i] < 1:
            few = np.count_nonzero(first == np.arange(len(first))) * _ROWS_OF_LEVEL <= len(first)
            seen.setdefault(first.tobytes() if few else i, i)
    return sorted(seen.values())


def _chance(column: pl.Series, first: Whole) -> float:
    """Chance that two rows agree in a column, in (0, 1].

    Where most cells differ, the few that agree may be the copies in question: then it is the step of the column's
    numbers over their spread, as for a rounded normal distribution, or nearly nothing for text. Single values that are
    common all the same, such as 0, count as seen.
    """
    rows = len(first)
    counts = np.bincount(first, minlength=1).astype(float)
    seen = float((counts * (counts - 1)).sum() / max(1, rows * (rows - 1)))
    if np.count_nonzero(counts) <= rows / 2:
        return max(seen, 1 / rows**2)
    common = float(((counts[counts >= _COMMON * rows] / rows) ** 2).sum())
    if not column.dtype.is_numeric():
        return max(common, 1 / rows**2)
    x = column.drop_nulls().cast(pl.Float64).to_numpy()
    smooth = step_of(x) / (2 * np.sqrt(np.pi) * max(x.std(), 1e-300))
    return max(common, float(np.clip(smooth, 1e-15, max(seen, 1e-15))))


def step_of(x: Numbers) -> float:
    """The largest power of ten of which nearly all numbers are multiples; 0 where there is none.

    Args:
        x: (numbers,) finite float64.
    """
    some = np.clip(x[:: max(1, len(x) // 2_000)], -1e200, 1e200)
    sizes = np.abs(some[some != 0])
    if not len(sizes):
        return 0.0
    # No multiple but 0 is smaller than the step; of a far outlier's size every other number would seem to be 0.
    top = int(np.floor(np.log10(np.median(sizes))))
    for power in range(top, top - 13, -1):
        scaled = some / 10.0**power
        if np.mean(np.abs(scaled - np.round(scaled)) < 1e-6 * np.maximum(1, np.abs(scaled)) ** 0.5) >= 0.99:
            return 10.0**power
    return 0.0
