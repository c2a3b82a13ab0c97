"""What a data set is like, in a few figures, and how alike two data sets are.

Sizes say which networks fit; what quick models reach - a line, the nearest neighbour - says what the rows are like
(landmarks). Figures that are not known of one of two sets are left out of their comparison.

Source: Pfahringer, Bensusan & Giraud-Carrier 2000 (landmarking); Feurer, Springenberg & Hutter 2015 (warm starts by
meta-features).
"""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from caviar.data.split import Split

SPREADS: dict[str, float] = {
    "log_rows": 2.0,
    "log_columns": 1.5,
    "log_classes": 1.0,
    "balance": 0.3,
    "linear": 0.25,
    "neighbour": 0.25,
}
"""By how much figures of data sets usually differ, in their own units: logarithms are natural ones, `balance` is the
entropy of the classes as a share of the largest, `linear` and `neighbour` are errors as shares of the constant
model's."""

_ROWS = 1_000
"""Rows that the quick models learn from, and as many, if there are, by which they are judged."""

_OTHER_TASK = 0.25
"""Likeness, at most, of a classification and a regression."""


def figures_of(split: Split) -> dict[str, Any]:
    """What a data set is like, by its train and dev rows.

    Returns:
        `task`, `train_rows` and the figures of `SPREADS`; plain values that can be kept with a study.
    """
    known: dict[str, Any] = {
        "task": split.task,
        "train_rows": split.n_train,
        "log_rows": math.log(split.n_train),
        "log_columns": math.log(max(1, int(np.prod(split.x.shape[1:])))),
        "log_classes": math.log(split.outputs) if split.task == "classification" else 0.0,
        "balance": 1.0,
    }
    if split.task == "classification":
        shares = np.bincount(split.y_train, minlength=split.outputs) / split.n_train
        shares = shares[shares > 0]
        known["balance"] = float(-(shares * np.log(shares)).sum() / max(known["log_classes"], 1e-9))
    return known | _landmarks(split)


def likeness(one: Mapping[str, Any], other: Mapping[str, Any]) -> float:
    """How alike two data sets are: 1 is the same figures, and 0 nothing in common.

    Args:
        one: as `figures_of` gives them; what is not known may be left out.
        other: the same.
    """
    shared = [name for name in SPREADS if one.get(name) is not None and other.get(name) is not None]
    apart = [((one[name] - other[name]) / SPREADS[name]) ** 2 for name in shared]
    alike = math.exp(-0.5 * float(np.mean(apart))) if apart else 0.5
    tasks = one.get("task"), other.get("task")
    return min(alike, _OTHER_TASK) if None not in tasks and tasks[0] != tasks[1] else alike


def _landmarks(split: Split) -> dict[str, float]:
    """Errors of a linear model and of the nearest neighbour, as shares of the constant model's."""
    from sklearn.linear_model import Ridge, RidgeClassifier  # noqa: PLC0415  (a second to import)
    from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    x, y = split.x.reshape(len(split.x), -1), split.y
    order = np.random.Generator(np.random.Philox(key=len(y))).permutation(len(y))
    half = min(_ROWS, len(y) // 2)
    learn, judge = order[:half], order[half : 2 * half]
    if half < 10 or len(np.unique(y[learn])) < 2:
        return {}
    classes = split.task == "classification"
    models = (
        {"linear": RidgeClassifier(), "neighbour": KNeighborsClassifier(1)}
        if classes
        else {"linear": Ridge(), "neighbour": KNeighborsRegressor(3)}
    )
    constant = (
        float((y[judge] != np.bincount(y[learn]).argmax()).mean())
        if classes
        else float(np.square(y[judge] - y[learn].mean()).mean())
    )
    if not constant:
        return {}
    found = {}
    with threadpool_limits(1):
        for name, model in models.items():
            told = model.fit(x[learn], y[learn]).predict(x[judge])
            error = float((told != y[judge]).mean() if classes else np.square(told - y[judge]).mean())
            found[name] = round(min(2.0, error / constant), 4)
    return found
