"""What every row has to do with a metric: the ground on which two networks are compared row by row.

A metric is a function of how much every row weighs. Its slope by the weight of a row - the influence of the row - tells
to first order how the metric would have come out on other rows: its standard error is the standard deviation of the
influences over the root of their number, and the difference of two networks on the same rows has the influence of one
minus that of the other.

Source: Hampel 1974; Efron 1982 (infinitesimal jackknife); of the AUC DeLong, DeLong & Clarke-Pearson 1988.
"""

from typing import assert_never

import numpy as np
from scipy.special import softmax

from caviar.arrays import Mask, Numbers
from caviar.training.metrics import MetricName, row_errors, row_losses


def influences(metric: MetricName, outputs: Numbers, y: np.ndarray) -> Numbers:  # noqa: PLR0911  (one per word)
    """How each row moves a metric, for networks on equal rows.

    Args:
        metric: its name; of the regression metrics in units of the standardised target.
        outputs: raw outputs, shape (rows, classes) or (rows, 1).
        y: class numbers, or the standardised target.

    Returns:
        float64 array (rows,) of mean 0.
    """
    match metric:
        case "error":
            return _centred(row_errors(outputs, y))
        case "log_loss":
            return _centred(row_losses(outputs, y))
        case "mae":
            return _centred(np.abs(outputs[:, 0].astype(float) - y))
        case "rmse":
            squares = row_errors(outputs, y)
            return _centred(squares) / max(1e-300, 2 * float(np.sqrt(squares.mean())))
        case "r2":
            of_target = np.square(np.asarray(y, float) - np.mean(y))
            share = row_errors(outputs, y).mean() / of_target.mean()
            return _centred(share * of_target - row_errors(outputs, y)) / of_target.mean()
        case "balanced_accuracy":
            classes, numbers, counts = np.unique(y, return_inverse=True, return_counts=True)
            right = (outputs.argmax(axis=1) == y).astype(float)
            recall = np.bincount(numbers, right) / counts
            return (right - recall[numbers]) * len(y) / (counts[numbers] * len(classes))
        case "f1":
            predicted = outputs.argmax(axis=1)
            of_class = np.stack([_of_f1(predicted == c, y == c) for c in range(outputs.shape[1])])
            return of_class[1] if len(of_class) == 2 else of_class.mean(axis=0)
        case "auc":
            if outputs.shape[1] == 2:
                return _of_auc(outputs[:, 1].astype(float) - outputs[:, 0], y == 1)
            shares = softmax(outputs.astype(float), axis=1)
            there = [c for c in range(outputs.shape[1]) if 0 < (y == c).sum() < len(y)]
            return np.mean([_of_auc(shares[:, c], y == c) for c in there], axis=0)
        case _:
            assert_never(metric)


def _centred(values: Numbers) -> Numbers:
    return values - values.mean()


def _of_f1(predicted: Mask, true: Mask) -> Numbers:
    """F1 = 2 hits / (predicted + true), of one class."""
    both = (predicted & true).astype(float)
    size = predicted.astype(float) + true
    if not size.any():
        return np.zeros(len(size))
    f1 = 2 * both.sum() / size.sum()
    return (2 * both - f1 * size) / size.mean()


def _of_auc(scores: Numbers, positive: Mask) -> Numbers:
    """Of a positive row the share of negatives below it, of a negative one that of positives above; see the AUC."""
    moved = np.empty(len(scores))
    for own, sign in ((positive, 1), (~positive, -1)):
        others = np.sort(sign * scores[~own])
        mine = sign * scores[own]
        won = (np.searchsorted(others, mine, "left") + np.searchsorted(others, mine, "right")) / (2 * len(others))
        moved[own] = _centred(won) * len(scores) / own.sum()
    return moved
