"""Who is worse than whom beyond noise: configs on the same held-out rows, compared pair by pair.

The difference of two configs on equal rows has two noises: other rows would have been drawn (the standard error of the
difference row by row, which is far smaller than that of either config, because they err on much the same rows), and the
epoch before or after would have come out differently (how far the held-out loss of each goes up and down). The seed is
none: a network that is compared goes on itself.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from scipy import stats

from caviar.arrays import Mask, Numbers

LEVEL = 0.95
"""Chance with which a config that belongs among the best goes on at all rungs of its training, as far as noise goes."""

HALVES = "caviar:halves"
"""The fact of an outcome that keeps its `halves`."""

_HALVES = 32
"""Random halves of the rows by which trials are compared when their rows are no longer at hand."""

_AS_IF = 4
"""Bends of the curves of all configs together that are counted beside a config's own, which may be few."""

_LEAST = 1e-12


class Standing(NamedTuple):
    """How one config does, to be compared with others on the same rows."""

    criterion: float
    """Less is better."""
    rows: Numbers
    """What each held-out row adds to it, shape (rows,); only differences between configs count."""
    jitter: float = 0.0
    """Standard deviation of the criterion from epoch to epoch."""


def worse(standings: Sequence[Standing], chance: float) -> Mask:
    """For each pair whether the first is worse than the second beyond noise.

    That is: criterion_i - criterion_j > t sqrt(var(rows_i - rows_j) / n + jitter_i^2 + jitter_j^2), with t of Student's
    distribution for n - 1 degrees of freedom, one-sided, at the chance divided by the number of others (Bonferroni).
    Whatever the true order: the chance that a config is called worse than any of those that are truly no better than it
    is at most `chance`.

    Args:
        standings: of all configs, on equal rows.
        chance: of each config, in (0, 1).

    Returns:
        Shape (configs, configs).

    Source: Dunn 1961; Hsu 1984 (a config is only ruled out of the best by comparison with each of them).
    """
    criteria = np.array([one.criterion for one in standings])
    rows = np.stack([np.asarray(one.rows, float) for one in standings])
    n, others = rows.shape[1], max(1, len(standings) - 1)
    if n < 2:
        return np.zeros((len(standings),) * 2, bool)
    rows = rows - rows.mean(axis=1, keepdims=True)
    products = rows @ rows.T
    own = np.diag(products)
    of_rows = np.maximum(own[:, None] + own[None, :] - 2 * products, 0) / (n - 1) / n
    jitter = np.array([one.jitter**2 for one in standings])
    t = float(stats.t.isf(chance / others, n - 1))
    with np.errstate(invalid="ignore"):  # two infinite criteria
        apart = criteria[:, None] - criteria[None, :]
    return apart > t * np.sqrt(of_rows + jitter[:, None] + jitter[None, :])


def jitters(curves: Sequence[Numbers]) -> Numbers:
    """How far each curve goes up and down from epoch to epoch, as a part of its height; 0 where nothing can be told.

    From second differences of its logarithm over the second half of its epochs, so that a steady fall is none: their
    mean square is six times the variance of one epoch. A few bends tell little, so those of all curves are counted as
    some of its own.

    Args:
        curves: held-out losses, one value per epoch, as many for every curve.

    Source: Gasser, Sroka & Jennen-Steinmetz 1986; Smyth 2004 (variances of few degrees of freedom, moderated by those
    of all).
    """
    logs = np.log(np.maximum(np.stack([np.asarray(curve, float) for curve in curves]), _LEAST))
    bends = np.diff(logs, 2, axis=1)[:, -max(1, logs.shape[1] // 2) :]
    if not bends.size or not np.isfinite(bends).all():
        return np.zeros(len(logs))
    each = np.square(bends).mean(axis=1) / 6
    n = bends.shape[1]
    return np.sqrt((n * each + _AS_IF * np.median(each)) / (n + _AS_IF))


def halves(rows: Numbers) -> Numbers:
    """What is left of a config's rows when they are gone: how much worse one random half of them does than the mean.

    The halves follow from the number of rows alone. Of two configs on equal rows the mean square of the difference of
    their halves is the variance of their paired difference, known as if from as many observations.

    Args:
        rows: see `Standing`.

    Returns:
        Shape (32,), to six digits.

    Source: McCarthy 1969 (half-sample replication).
    """
    stream = np.random.Generator(np.random.Philox(key=len(rows)))
    drawn = stream.integers(0, 2, size=(_HALVES, len(rows)), dtype=np.int8)
    sums = (2.0 * drawn - 1) @ (rows - rows.mean()) / max(1, len(rows))
    return np.array([float(f"{value:.6g}") for value in sums])


def beyond(difference: float, one: Numbers, other: Numbers, chance: float) -> bool:
    """Whether a difference of criteria is above what the halves of both leave to noise, one-sided."""
    spread = float(np.sqrt(np.square(np.asarray(one) - np.asarray(other)).mean()))
    return difference > float(stats.t.isf(chance, _HALVES)) * spread
