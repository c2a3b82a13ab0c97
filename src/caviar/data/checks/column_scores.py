"""How well single columns predict the target on rows that were held out.

A column's cells fall into bins (levels of text, quantiles of numbers, one bin for missing cells). What the other folds
know of a bin predicts the target of its rows: shares of the classes, or the mean. An identifier scores nothing, because
its levels do not come back in other folds.
"""

from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.levels import text_form

FOLDS = 5
MOST_BINS = 64
_PRIOR_ROWS = 1.0  # what is known of all rows counts in every bin like so many rows


class Target(NamedTuple):
    """What is to be predicted: codes of classes, or standardised numbers."""

    y: np.ndarray
    """int64 (rows,) codes, or float64 (rows,) numbers of mean 0 and variance 1."""
    classes: int
    """0 for a quantity."""


class Losses(NamedTuple):
    """Held-out losses of every row."""

    wrong: Numbers
    """(rows,) 0 or 1: the answer is wrong; of a quantity: its squared error."""
    surprise: Numbers
    """(rows,) log loss in nats; of a quantity: its squared error."""


class Share(NamedTuple):
    """What is explained, of all there is to explain, with its 95 % interval."""

    value: float
    low: float
    high: float
    rows: int


def explained(losses: Numbers, without: Numbers) -> Share:
    """1 - mean loss / mean loss of who knows no column, by the delta method; 1 is everything.

    Args:
        losses: (rows,) held out.
        without: (rows,) of the same rows.
    """
    base = max(float(without.mean()), 1e-12)
    value = 1 - float(losses.mean()) / base
    half = 1.96 * float((losses - (1 - value) * without).std()) / base / len(losses) ** 0.5
    # No loss at all has no spread, yet with 3 rows of loss it might have been seen with chance .95.
    floor = 3 / len(losses) * float(without.max()) / base if not losses.any() else 0.0
    return Share(value, value - max(half, floor), value + half, len(losses))


def bins_of(column: pl.Series, most: int) -> Whole:
    """Bin of every cell, from 0 without gaps.

    Args:
        column: of any type of a `Table` but images.
        most: bins of numbers. Text has one for each level.
    """
    if not (column.dtype.is_numeric() or column.dtype.is_temporal() or column.dtype == pl.Boolean):
        return _codes(text_form(column).fill_null("\0").to_numpy())
    x = column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = x[np.isfinite(x)]
    values = np.unique(known)
    edges = values if len(values) <= most else np.unique(np.quantile(known, np.linspace(0, 1, most + 1)[1:-1]))
    at = np.searchsorted(edges, x, side="left" if len(values) <= most else "right")
    return _codes(np.where(np.isfinite(x), at, -1))


def held_out(bins: Whole, target: Target, folds: Whole) -> Losses:
    """Losses of every row, predicted by the rows of its bin in the other folds.

    Args:
        bins: (rows,) from 0.
        target: of the same rows.
        folds: (rows,) in [0, FOLDS).
    """
    known = int(bins.max()) + 1
    wrong, surprise = np.empty(len(bins)), np.empty(len(bins))
    for fold in range(FOLDS):
        out = folds == fold
        learn_bins, learn_y, b, y = bins[~out], target.y[~out], bins[out], target.y[out]
        rows = np.bincount(learn_bins, minlength=known)
        if not target.classes:
            sums = np.bincount(learn_bins, weights=learn_y, minlength=known)
            guess = (sums + _PRIOR_ROWS * learn_y.mean()) / (rows + _PRIOR_ROWS)
            wrong[out] = surprise[out] = (y - guess[b]) ** 2
            continue
        prior = (np.bincount(learn_y, minlength=target.classes) + 1) / (len(learn_y) + target.classes)
        cells = np.bincount(learn_bins * target.classes + learn_y, minlength=known * target.classes)
        shares = cells.reshape(known, target.classes) + _PRIOR_ROWS * prior
        shares /= (rows + _PRIOR_ROWS)[:, None]
        wrong[out] = shares.argmax(axis=1)[b] != y
        surprise[out] = -np.log(shares[b, y])
    return Losses(wrong, surprise)


def fold_of_rows(rows: int) -> Whole:
    """A random fold for every row, always the same."""
    return np.random.Generator(np.random.Philox(key=rows)).permutation(rows) % FOLDS


def _codes(x: np.ndarray) -> Whole:
    return np.unique(x, return_inverse=True)[1].astype(np.int64)
