"""Two samples of one column become an effect size and a p-value.

Numbers are compared by their distribution functions, categories by their shares. Both effects are sizes of the
difference and not of the evidence: they stay the same with more rows.
"""

from collections.abc import Hashable
from typing import NamedTuple, TypeVar

import numpy as np

from caviar.arrays import Numbers, Whole

LEVEL = 0.001
"""Chance of a false alarm in one check, all of its columns and pairs of sets together."""
SMALL_KS = 0.08
"""Kolmogorov-Smirnov distance below which a difference is no cause for alarm: a shift of 0.2 standard deviations of a
normal column, Cohen's small effect, gives 2 Phi(0.1) - 1 = 0.08."""
SMALL_SHARES = 0.2
"""The same for shares (`of_shares`); for small shifts of a binned normal column both agree."""

Name = TypeVar("Name", bound=Hashable)

_FEW = 5  # expected rows below which the chi-squared distribution no longer holds
_EXACT = 10_000  # pairs of rows up to which the exact distribution is computed


class Difference(NamedTuple):
    """How much two samples differ."""

    effect: float
    """In [0, 1] for numbers, from 0 up for shares."""
    p_value: float
    """Chance of such a difference, or a larger one, between two random samples of one population."""
    large: bool
    """Whether the effect is at least small in Cohen's sense."""


def of_numbers(first: Numbers, second: Numbers) -> Difference:
    """Kolmogorov-Smirnov: the largest distance between the two distribution functions.

    Args:
        first: (rows,) finite numbers, at least one.
        second: the same of the other sample.

    Returns:
        The difference; conservative where many numbers are equal.

    Source: Hodges 1958; Massey 1951.
    """
    from scipy import stats  # noqa: PLC0415  half a second to import

    first, second = np.sort(first), np.sort(second)
    both = np.concatenate([first, second])
    below = [np.searchsorted(own, both, side="right") / len(own) for own in (first, second)]
    distance = float(np.abs(below[0] - below[1]).max())
    if len(first) * len(second) <= _EXACT:
        p_value = float(np.asarray(stats.ks_2samp(first, second, method="exact"))[1])
    else:
        effective = len(first) * len(second) / (len(first) + len(second))
        p_value = float(stats.kstwo.sf(distance, max(1, round(effective))))
    return Difference(distance, p_value, distance >= SMALL_KS)


def of_shares(first: Whole, second: Whole) -> Difference:
    """Chi-squared on counts by category; the exact test of Fisher where two categories have few rows.

    Categories with fewer than five expected rows in either sample are counted as one, and with the next rarest where
    that is not enough: a single row of a rare category is no evidence. The effect is the square root
    of sum (p - q)^2 / pooled, less what chance alone adds to it: Cohen's w for samples of one size.

    Args:
        first: (categories,) rows of each category.
        second: the same of the other sample; both samples have rows.

    Returns:
        The difference; no effect and p-value 1 when all rows are of one category.

    Source: Pearson 1900; Cohen 1988, chapter 7; Bergsma 2013 for the bias.
    """
    from scipy import stats  # noqa: PLC0415

    table = _pooled(np.stack([first, second]).astype(np.int64))
    if table.shape[1] < 2:
        return Difference(0.0, 1.0, False)
    rows = table.sum(axis=1, keepdims=True)
    expected = rows * table.sum(axis=0) / rows.sum()
    squared = float(((table - expected) ** 2 / expected).sum())
    freedom = table.shape[1] - 1
    if freedom == 1 and expected.min() < _FEW:
        p_value = float(np.asarray(stats.fisher_exact(table))[1])
    else:
        p_value = float(stats.chi2.sf(squared, freedom))
    effective = float(rows.prod() / rows.sum())
    effect = (max(0.0, squared - freedom) / effective) ** 0.5
    return Difference(effect, p_value, effect >= SMALL_SHARES)


def holm(p_values: dict[Name, float]) -> dict[Name, float]:
    """P-values corrected for their number: any below alpha is a false alarm with a chance of at most alpha in all.

    Source: Holm 1979.
    """
    ranked = sorted(p_values, key=lambda name: p_values[name])
    corrected: dict[Name, float] = {}
    last = 0.0
    for place, name in enumerate(ranked):
        last = max(last, min(1.0, (len(ranked) - place) * p_values[name]))
        corrected[name] = last
    return corrected


def _pooled(table: Whole) -> Whole:
    """Rare categories as one, with the rarest common one where they are still rare together.

    With at most one common category it stands against all others.
    """
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] <= 2:
        return table
    smaller = table.sum(axis=1).min() / table.sum()
    common = table.sum(axis=0) * smaller >= _FEW
    if common.sum() < 2:
        common = np.arange(table.shape[1]) == table.sum(axis=0).argmax()
    elif table[:, ~common].sum() * smaller < _FEW:
        common &= np.arange(table.shape[1]) != np.where(common, table.sum(axis=0), table.sum() + 1).argmin()
    rest = table[:, ~common].sum(axis=1, keepdims=True)
    pooled = np.concatenate([table[:, common], rest], axis=1)
    return pooled[:, pooled.sum(axis=0) > 0]
