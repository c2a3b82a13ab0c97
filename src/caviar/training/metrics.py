"""Metrics by name: raw outputs and targets in, one number out.

`error` is the share misclassified. AUC and F1 are those of the last class in sorted order when there are two classes,
and means over the classes (one against the rest, unweighted) when there are more. Regression metrics are in the
target's unit.
"""

from typing import Literal, assert_never, get_args

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from caviar.arrays import Mask, Numbers, Whole
from caviar.data.task import Task
from caviar.errors import BadConfig, nearest

ClassificationMetric = Literal["error", "auc", "log_loss", "f1", "balanced_accuracy"]
RegressionMetric = Literal["rmse", "mae", "r2"]
MetricName = Literal[ClassificationMetric, RegressionMetric]

_CALIBRATION_ROWS = 2_000
_PAIRS, _FEW = 4_000_000, 4
"""Pairs of a positive and a negative row up to which the AUC compares them all, as one product of matrices, where there
are more than a few weightings; for one, to sort the rows takes a tenth of the time."""

_SHARPNESS = (-4.0, 4.0)
"""Natural logarithm of 1 / temperature."""

LARGER_IS_BETTER: tuple[MetricName, ...] = ("auc", "f1", "balanced_accuracy", "r2")


def metrics_of(task: Task) -> tuple[MetricName, ...]:
    """The metrics that a task has, the default first."""
    return get_args(ClassificationMetric) if task == "classification" else get_args(RegressionMetric)


def task_of(metric: str) -> Task:
    """The task to which a metric belongs.

    Raises:
        BadConfig: no such metric; the nearest is suggested.
    """
    for task in get_args(Task):
        if metric in metrics_of(task):
            return task
    known = [*get_args(ClassificationMetric), *get_args(RegressionMetric)]
    raise BadConfig(f"The metric must be one of {', '.join(known)}, got {metric!r}. {nearest(metric, known)}")


def metric_for(task: Task, name: str | None) -> MetricName:
    """The metric of a task by its name; None is error or rmse.

    Raises:
        BadConfig: no such metric, or one of the other task.
    """
    if name is None:
        return "error" if task == "classification" else "rmse"
    if task_of(name) != task:
        raise BadConfig(
            f"The metric for {task} must be one of {', '.join(metrics_of(task))}, got {name!r}, which is for "
            f"{task_of(name)}."
        )
    return name  # pyright: ignore[reportReturnType]


def score(  # noqa: PLR0911  (one per word)
    metric: MetricName, outputs: Numbers, y: np.ndarray, unit: float, weights: Numbers | None = None
) -> Numbers:
    """The values of a metric, one per weighting of the rows.

    Args:
        metric: its name.
        outputs: raw outputs, shape (rows, classes) or (rows, 1).
        y: class numbers, or the standardised target.
        unit: standard deviation of the target, by which errors of a regression are multiplied.
        weights: shape (weightings, rows), each at least 0 and of sum 1; None weights all rows alike.

    Returns:
        float64 array (weightings,). Classes that are absent are left out of means over classes; NaN where the metric
        is not defined at all, such as the AUC of rows of a single class.
    """
    w = np.full((1, len(y)), 1 / len(y)) if weights is None else weights
    with np.errstate(invalid="ignore", divide="ignore"):
        match metric:
            case "error":
                return w @ row_errors(outputs, y)
            case "log_loss":
                return w @ row_losses(outputs, y)
            case "balanced_accuracy":
                right, _, true = _class_shares(outputs, y, w)
                return np.nanmean(right / true, axis=0)
            case "f1":
                right, predicted, true = _class_shares(outputs, y, w)
                each = np.nan_to_num(2 * right / (predicted + true))
                return each[1] if len(each) == 2 else each.mean(axis=0)
            case "auc":
                if outputs.shape[1] == 2:
                    return _auc(outputs[:, 1].astype(float) - outputs[:, 0], y == 1, w)
                shares = softmax(outputs.astype(float), axis=1)
                each = np.stack([_auc(shares[:, c], y == c, w) for c in range(outputs.shape[1])])
                known = np.isfinite(each)
                return np.where(known, each, 0).sum(axis=0) / known.sum(axis=0)
            case "rmse":
                return np.sqrt(w @ row_errors(outputs, y)) * unit
            case "mae":
                return w @ np.abs(outputs[:, 0].astype(float) - y) * unit
            case "r2":
                target = np.asarray(y, float)
                return 1 - w @ row_errors(outputs, y) / (w @ target**2 - (w @ target) ** 2)
            case _:
                assert_never(metric)


def _class_shares(outputs: Numbers, y: Whole, w: Numbers) -> tuple[Numbers, Numbers, Numbers]:
    """Weights of the rows of each class that are right, predicted as it, and truly of it: (classes, weightings)."""
    classes = np.arange(outputs.shape[1])[:, None]
    predicted, true = outputs.argmax(axis=1) == classes, y == classes
    return (predicted & true) @ w.T, predicted @ w.T, true @ w.T


def _auc(scores: Numbers, positive: Mask, w: Numbers) -> Numbers:
    """Chance that a positive row scores above a negative one, ties counting half, for every weighting.

    Source: Mann & Whitney 1947; Hanley & McNeil 1982.
    """
    if len(w) > _FEW and positive.sum() * (~positive).sum() <= _PAIRS:
        one, other = scores[positive][:, None], scores[~positive][None, :]
        wins = (one > other) + 0.5 * (one == other)
        hits, misses = w[:, positive], w[:, ~positive]
        return _share((misses @ wins.T * hits).sum(axis=1), hits.sum(axis=1) * misses.sum(axis=1))
    order = np.argsort(scores, kind="stable")
    ranked, sorted_weights = scores[order], w.T[order]
    hits = np.where(positive[order][:, None], sorted_weights, 0)
    misses = sorted_weights - hits
    ties = np.flatnonzero(np.r_[True, ranked[1:] != ranked[:-1]])
    if len(ties) < len(ranked):
        hits, misses = np.add.reduceat(hits, ties, axis=0), np.add.reduceat(misses, ties, axis=0)
    below = np.cumsum(misses, axis=0) - misses / 2
    return _share((hits * below).sum(axis=0), hits.sum(axis=0) * misses.sum(axis=0))


def _share(won: Numbers, pairs: Numbers) -> Numbers:
    """Of pairs that were won; rounding would make it more than all of them."""
    return np.minimum(won / pairs, 1.0)


def row_losses(outputs: Numbers, y: np.ndarray) -> Numbers:
    """Loss of every row, float64: cross-entropy of the softmax, or squared error of the standardised target."""
    if outputs.shape[1] == 1:
        return np.square(outputs[:, 0].astype(float) - y)
    return -log_softmax(outputs.astype(float), axis=1)[np.arange(len(y)), y]


def calibrated(outputs: Numbers, y: np.ndarray) -> Numbers:
    """Logits divided by the temperature that gives these rows the lowest mean loss; a regression is left as it is.

    One number per network, so that networks are compared by how well they tell classes apart and not by how
    sure they are: label smoothing makes a network unsure and long training makes it too sure, neither of
    which moves a single decision.

    Source: Guo et al. 2017 (temperature scaling); Berta et al. 2025 (refine, then calibrate).
    """
    if outputs.shape[1] == 1:
        return outputs
    step = max(1, len(y) // _CALIBRATION_ROWS)
    logits, target = outputs[::step].astype(float), y[::step]

    def loss(log_sharpness: float) -> float:
        return float(row_losses(np.exp(log_sharpness) * logits, target).mean())

    best = minimize_scalar(loss, bounds=_SHARPNESS, method="bounded", options={"xatol": 1e-3})
    return np.exp(best.x) * outputs


def row_errors(outputs: Numbers, y: np.ndarray) -> Numbers:
    """Error of every row, float64: 1 where misclassified, or squared error of the standardised target."""
    if outputs.shape[1] == 1:
        return row_losses(outputs, y)
    return (outputs.argmax(1) != y).astype(float)
