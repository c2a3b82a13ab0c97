"""By how much a noisy curve has shifted, with an interval that knows of the noise from epoch to epoch.

Within a window a curve is taken as a straight line and noise around it, in which neighbours are alike:

    y_t = a + b t + e_t        e_t = rho e_(t-1) + u_t        (AR(1), rho in [0, 0.95])

Taken as independent, epochs that follow each other would make an interval too narrow: the mean of n of them has the
variance sigma^2 / n times about (1 + rho) / (1 - rho). sigma and rho are read off what the line leaves. A line through
few points takes a part of the noise with it, and most of what neighbours have in common: both are set right by the
moments that such a line leaves of AR(1) noise. rho is then raised by a standard error, 1 / sqrt(epochs), because few
epochs tell it poorly and an interval that is too narrow does more harm than one that is too wide. The quantile is
Student's t, with the degrees of freedom of the residuals' sum of squares.

Sources: Zwiers & von Storch 1995 (means of few, autocorrelated values); Marriott & Pope 1954 (autocorrelation of a
detrended series is too low); Box 1954 (degrees of freedom of a quadratic form).
"""

import functools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from caviar.arrays import Numbers

LEVEL = 0.95

FEWEST = 6
"""Epochs of a window, at least."""

_RHO = np.linspace(0.0, 0.95, 39)
_ROUNDING = 1e-6
"""Of the level: what values of float32 are rounded by, and more."""


class Shift(NamedTuple):
    """A difference with its interval."""

    value: float
    low: float
    high: float


class _Noise(NamedTuple):
    variance: float
    rho: float
    freedom: float


def mean_of(curve: Numbers, level: float = LEVEL) -> Shift:
    """The mean of a curve that may have a straight trend, such as the difference of two networks.

    Args:
        curve: values of epochs that follow each other, at least `FEWEST`.
        level: of the interval.
    """
    n = len(curve)
    return _contrast(curve, np.full(n, 1 / n), _noise([curve]), level)


def beyond_trend(before: Numbers, after: Numbers, level: float = LEVEL) -> tuple[Shift, Shift]:
    """How far the mean of a window lies from what the window before it would have gone on to, by two guesses.

    A loss that falls ever more slowly, as nearly all do, goes on above the straight line through it and below the
    level at its end: that is so of every falling convex curve, whose remainder over its least-squares line has the
    signs +, -, + and stays positive. What would have come lies between the two guesses; only what lies beyond both is a
    shift.

    Args:
        before: values of epochs that follow each other, at least `FEWEST`.
        after: as many that follow them.
        level: of the intervals.

    Returns:
        The mean of `after` less that of the line carried on, and less the mean of the last quarter of `before`.
    """
    n = len(before)
    t = np.arange(n) - (n - 1) / 2
    line = 1 / n + n * t / np.square(t).sum()  # the value of the line n epochs after its middle
    late = np.where(np.arange(n) >= n - max(1, n // 4), 1.0, 0.0)
    noise = _noise([before, after])
    own = _noise([before])  # the line rests on it: a window after it that is calmer does not make it surer
    noise = noise._replace(variance=max(noise.variance, own.variance))
    both, mean = np.r_[before, after], np.full(n, 1 / n)
    along, level_at_end = (
        _contrast(both, np.r_[-weights, mean], noise, level) for weights in (line, late / late.sum())
    )
    return along, level_at_end


def _contrast(curve: Numbers, weights: Numbers, noise: _Noise, level: float) -> Shift:
    """A weighted sum of values with AR(1) noise."""
    places = np.arange(len(curve))
    alike = noise.rho ** np.abs(places[:, None] - places)
    value = float(weights @ curve)
    half = (
        float(stats.t.ppf((1 + level) / 2, noise.freedom)) * (noise.variance * float(weights @ alike @ weights)) ** 0.5
    )
    return Shift(value, value - half, value + half)


def _noise(windows: Sequence[Numbers]) -> _Noise:
    """The noise around a line of each of several windows of one length."""
    n, count = len(windows[0]), len(windows)
    known = _moments(n)
    left = np.stack(windows) @ known.remainder
    squares, products = float(np.square(left).sum()), float((left[:, 1:] * left[:, :-1]).sum())
    rho = float(np.interp(products / squares, known.ratio, _RHO)) if squares else 0.0
    at = min(len(_RHO) - 1, int(np.searchsorted(_RHO, rho + (n * count) ** -0.5)))
    rounding = (_ROUNDING * float(np.abs(windows).mean())) ** 2
    variance = max(squares / (count * known.trace[at]), rounding)
    return _Noise(variance, float(_RHO[at]), count * float(known.freedom[at]))


class _Moments(NamedTuple):
    """What a line through n points leaves of AR(1) noise of variance 1, for every rho of the grid."""

    remainder: Numbers
    """(n, n): a curve times it is what the line leaves."""
    ratio: Numbers
    """Expected products of neighbours over expected squares, never falling."""
    trace: Numbers
    """Expected sum of squares."""
    freedom: Numbers
    """Degrees of freedom of that sum."""


@functools.lru_cache(maxsize=256)
def _moments(n: int) -> _Moments:
    t = np.arange(n) - (n - 1) / 2
    remainder = np.eye(n) - 1 / n - np.outer(t, t) / np.square(t).sum()
    apart = np.abs(np.arange(n)[:, None] - np.arange(n))
    left = [remainder @ rho**apart @ remainder for rho in _RHO]
    trace = np.array([np.trace(one) for one in left])
    products = np.array([np.trace(one, 1) for one in left])
    freedom = trace**2 / np.array([np.square(one).sum() for one in left])
    return _Moments(remainder, np.maximum.accumulate(products / trace), trace, freedom)
