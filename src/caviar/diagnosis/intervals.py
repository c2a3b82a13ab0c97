"""95 % intervals, the ground on which every verdict stands.

Two noises are always there: other rows would have been drawn (sampling), and another seed would have trained another
network. Both are counted. Arrays of the shape (seeds, rows) hold one value per network and held-out row.
"""

import dataclasses
import functools
from collections.abc import Callable, Sequence

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
    """A share of rows, such as an error rate, from one value per seed.

    Wilson's interval for the sampling of rows (it holds at 0 and at few rows), widened in quadrature by the t interval
    of the mean over seeds.

    Args:
        values: share for each seed, in [0, 1].
        rows: rows on which each share was counted.

    Source: Wilson 1927; Brown, Cai & DasGupta 2001.
    """
    p = float(np.mean(values))
    z = float(stats.norm.ppf(0.5 + LEVEL / 2))
    middle = (p + z * z / (2 * rows)) / (1 + z * z / rows)
    half = z / (1 + z * z / rows) * np.sqrt(p * (1 - p) / rows + (z / (2 * rows)) ** 2)
    seeds = _seed_half_width(values)
    low = p - np.hypot(p - max(0.0, middle - half), seeds)
    high = p + np.hypot(min(1.0, middle + half) - p, seeds)
    return Estimate(p, float(max(0.0, low)), float(min(1.0, high)), rows)


def mean(values: Numbers) -> Estimate:
    """The mean over seeds and rows of an array (seeds, rows), resampling both.

    Source: Owen 2007, the pigeonhole bootstrap.
    """
    resampled = resampled_means(values)
    low, high = np.quantile(resampled, [(1 - LEVEL) / 2, (1 + LEVEL) / 2])
    return Estimate(float(values.mean()), float(low), float(high), values.shape[1])


def difference(first: Estimate, second: Estimate) -> Estimate:
    """Second - first of two independent estimates, from their intervals.

    Source: Newcombe 1998, method 10; Zou & Donner 2008 (MOVER).
    """
    value = second.value - first.value
    low = value - np.hypot(second.value - second.low, first.high - first.value)
    high = value + np.hypot(second.high - second.value, first.value - first.low)
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


def _seed_half_width(values: Sequence[float]) -> float:
    """Half the t interval of the mean over seeds; 0 for a single seed, whose noise is unknown."""
    n = len(values)
    if n < 2:
        return 0.0
    return float(stats.t.ppf(0.5 + LEVEL / 2, n - 1) * np.std(values, ddof=1) / np.sqrt(n))
