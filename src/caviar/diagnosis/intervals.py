"""95 % intervals, the ground on which every verdict stands.

Two noises are always there: other rows would have been drawn (sampling), and another seed would have trained another
network. Both are counted. Arrays of the shape (seeds, rows) hold one value per network and held-out row.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from caviar.arrays import Numbers

LEVEL = 0.95
RESAMPLES = 2_000


@dataclasses.dataclass(frozen=True)
class Estimate:
    """A figure with its 95 % interval; `low` and `high` are NaN where it has none.

    Attributes:
        value: the figure.
        low: lower end.
        high: upper end.
        rows: rows on which it rests.
    """

    value: float
    low: float
    high: float
    rows: int

    def to_json(self) -> dict[str, float | int | None]:
        """Plain values; null where a figure is not finite."""
        figures = {"value": self.value, "low": self.low, "high": self.high}
        return {name: float(f) if np.isfinite(f) else None for name, f in figures.items()} | {"rows": self.rows}


def share(values: Sequence[float], rows: int) -> Estimate:
    """A share of rows, such as an error rate, from one value per seed, where single rows are not known.

    All seeds are taken to err on the same rows, which is the widest that sampling can be; see `rate` for the interval.

    Args:
        values: share for each seed, in [0, 1].
        rows: rows on which each share was counted.
    """
    p, seeds = float(np.mean(values)), len(values)
    of_seeds = float(np.var(values, ddof=1)) / seeds if seeds > 1 else 0.0
    return _of_share(p, rows, Spread(p, p * (1 - p) / rows, of_seeds, seeds, rows))


def rate(errors: Numbers) -> Estimate:
    """A share of rows, such as an error rate, from what each network did on each row.

    Wilson's interval for the sampling of rows (it holds at 0 and at few rows), widened in quadrature by the noise of
    the seeds. Seeds that err on different rows know the rate as if there were more rows: up to `seeds` times as many.
    Its quantile is Student's t, because the noise of a few seeds is itself poorly known.

    Args:
        errors: shape (seeds, rows), 0 or 1, or shares between where several networks of a seed answer for a row.

    Source: Wilson 1927; Korn & Graubard 1998 (effective number of rows); Satterthwaite 1946 (degrees of freedom).
    """
    spread = spread_of(errors)
    p, seeds, rows = spread.mean, spread.seeds, spread.rows
    of_one = p * (1 - p) / rows
    # How often seeds err on the same rows is poorly known where errors are few: as if on three more they all agreed.
    agreement = 1.0 if not of_one else min(1.0, (p * rows * spread.of_rows / of_one + 3) / (p * rows + 3))
    return _of_share(p, rows / max(agreement, 1 / seeds), spread)


def positive_mean(values: Numbers) -> Estimate:
    """The mean over seeds and rows of values that cannot be negative and are skewed, such as squared errors.

    The interval is symmetric in the logarithm, from the same two noises and with the same quantile as in `rate`.

    Args:
        values: shape (seeds, rows).
    """
    spread = spread_of(values)
    if spread.mean <= 0:
        return Estimate(spread.mean, 0.0, spread.mean, spread.rows)
    factor = float(np.exp(min(700.0, spread.quantile(spread.rows - 1) * spread.variance**0.5 / spread.mean)))
    return Estimate(spread.mean, spread.mean / factor, spread.mean * factor, spread.rows)


class Spread(NamedTuple):
    """Variance of a mean over seeds and rows, by what it comes from.

    Source: Searle, Casella & McCulloch 1992, two-way random model without replication.
    """

    mean: float
    of_rows: float
    """Variance from the sampling of rows."""
    of_seeds: float
    """Variance from the seeds, beyond what their rows explain; 0 for a single seed, whose noise is unknown."""
    seeds: int
    rows: int

    @property
    def variance(self) -> float:
        """Of the mean."""
        return self.of_rows + self.of_seeds

    def quantile(self, freedom_of_rows: float = np.inf) -> float:
        """Of Student's t, for the degrees of freedom that the sum of the two variances has.

        Args:
            freedom_of_rows: degrees of freedom of the first; infinite for shares, whose variance follows from them.
        """
        known = self.of_seeds**2 / max(1, self.seeds - 1) + self.of_rows**2 / max(1, freedom_of_rows)
        return float(stats.t.ppf(0.5 + LEVEL / 2, self.variance**2 / known if known > 0 else np.inf))


def spread_of(values: Numbers) -> Spread:
    """The noise of the mean of an array (seeds, rows), from rows and from seeds."""
    seeds, rows = values.shape
    middle, of_row, of_seed = float(values.mean()), values.mean(axis=0), values.mean(axis=1)
    of_rows = float(of_row.var(ddof=1)) / rows if rows > 1 else 0.0
    if seeds == 1 or rows == 1:
        return Spread(middle, of_rows, 0.0, seeds, rows)
    alone = values - of_row - of_seed[:, None] + middle  # what neither row nor seed explains
    explained = float((alone**2).sum()) / ((seeds - 1) * (rows - 1)) / (seeds * rows)
    return Spread(middle, of_rows, max(0.0, float(of_seed.var(ddof=1)) / seeds - explained), seeds, rows)


def _of_share(p: float, rows: float, spread: Spread) -> Estimate:
    """Wilson's interval with Student's quantile for so many rows, and the noise of the seeds in quadrature."""
    q = spread.quantile()
    middle = (p + q * q / (2 * rows)) / (1 + q * q / rows)
    half = q / (1 + q * q / rows) * np.sqrt(p * (1 - p) / rows + (q / (2 * rows)) ** 2)
    seeds = q * spread.of_seeds**0.5
    low = p - np.hypot(p - max(0.0, middle - half), seeds)
    high = p + np.hypot(min(1.0, middle + half) - p, seeds)
    return Estimate(p, float(max(0.0, low)), float(min(1.0, high)), spread.rows)


def mean(values: Numbers) -> Estimate:
    """The mean over seeds and rows of an array (seeds, rows), resampling both.

    Source: Owen 2007, the pigeonhole bootstrap.
    """
    resampled = resampled_means(values)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values.mean()), float(low), float(high), values.shape[1])


def difference(first: Estimate, second: Estimate, correlation: float = 0.0) -> Estimate:
    """Second - first of two estimates, from their intervals.

    Args:
        first: what is subtracted.
        second: from what.
        correlation: of their errors, in [0, 1): 0 where they rest on different rows.

    Source: Newcombe 1998, method 10; Zou & Donner 2008 (MOVER), with the correlation as in Zou 2007.
    """
    value = second.value - first.value

    def width(one: float, other: float) -> float:
        return max(0.0, one**2 + other**2 - 2 * correlation * one * other) ** 0.5

    low = value - width(second.value - second.low, first.high - first.value)
    high = value + width(second.high - second.value, first.value - first.low)
    return Estimate(value, float(low), float(high), min(first.rows, second.rows))


def paired_gain(before: Numbers, after: Numbers, level: float = LEVEL) -> Estimate:
    """Mean of before - after over the same seeds and the same rows: positive where `after` is better.

    The spread is the bootstrap's over seeds and rows. Its quantile is Student's t, since the part that comes from a few
    seeds is itself poorly known.

    Args:
        before: losses or errors, shape (seeds, rows).
        after: the same seeds and rows.
        level: of the interval; raised when many remedies are tried.

    Source: Satterthwaite 1946, for the degrees of freedom of a sum of two variances.
    """
    gains = before - after
    seeds, rows = gains.shape
    middle, variance = float(gains.mean()), float(resampled_means(gains).var())
    if variance == 0:
        return Estimate(middle, middle, middle, rows)
    of_seeds = min(variance, float(gains.mean(axis=1).var(ddof=1)) / seeds) if seeds > 1 else 0.0
    freedom = variance**2 / (of_seeds**2 / max(1, seeds - 1) + (variance - of_seeds) ** 2 / max(1, rows - 1))
    # Tails below 1 % cannot be read off a few thousand resamples: a quantile of the distribution is taken instead.
    half = float(stats.t.ppf((1 + level) / 2, freedom)) * variance**0.5
    return Estimate(middle, middle - half, middle + half, rows)


def of_metric(metric: Callable[[Numbers | None], Numbers], rows: int) -> Estimate:
    """Any metric of one network, by resampling rows.

    Args:
        metric: its values for weightings of the rows, shape (weightings, rows), or for None: all alike.
        rows: number of rows.
    """
    value = float(metric(None)[0])
    drawn = metric(_row_weights(rows))
    drawn = drawn[np.isfinite(drawn)]
    if not np.isfinite(value) or not len(drawn):
        return Estimate(value, float("nan"), float("nan"), rows)
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(value, float(low), float(high), rows)


def resampled_means(values: Numbers) -> Numbers:
    """Means of an array (seeds, rows) with seeds and rows drawn again, with replacement; shape (resamples,).

    The same ones for every array of this shape, so that the means of several are paired. Few seeds resample too
    narrowly, by (n - 1) / n in variance: their deviations from the mean are stretched for it.
    """
    seeds, rows = values.shape
    if seeds > 1:
        own = values.mean(axis=1, keepdims=True)
        values = values + (own - own.mean()) * (np.sqrt(seeds / (seeds - 1)) - 1)
    row_weights = _row_weights(rows)
    stream = np.random.Generator(np.random.Philox(key=seeds))
    seed_weights = stream.multinomial(seeds, np.full(seeds, 1 / seeds), size=len(row_weights)) / seeds
    return ((row_weights @ values.T) * seed_weights).sum(axis=1)


@functools.lru_cache(maxsize=2)
def _row_weights(rows: int) -> Numbers:
    """How often each row is drawn in each resample, as shares, shape (resamples, rows): Poisson(1) counts.

    Source: Hanley & MacGibbon 2006, who show that they resample as drawing with replacement does.
    """
    stream = np.random.Generator(np.random.Philox(key=rows))
    counts = stream.poisson(1, size=(max(300, min(RESAMPLES, 20_000_000 // rows)), rows)).astype(float)
    return counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
