"""Quick models beside the network: what they reach on rows they have not seen, the optimal error cannot exceed.

Boosting, trees, nearest neighbours and a linear model learn in other ways than a network does, and take seconds. They
bound the optimal error from above, no more: on images, say, networks leave them far behind.
"""

import time
import warnings
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.errors import BadData

FOLDS = 5
JUDGED_LEAST, JUDGED_MOST = 600, 2_000
"""Rows that are judged: folds until there are enough, and of large folds so many."""
FITTED, REMEMBERED = 5_000, 20_000
"""Rows from which a model is fitted, and among which neighbours are sought."""
FEWEST_ROWS = 40
"""Train rows below which nothing is fitted."""

_WIDEST = 20_000_000  # rows x inputs from which models are fitted, so that images take seconds too
_TREES, _ITERATIONS, _NEIGHBOURS = 100, 100, 5
_BOOSTED_COST = 30_000  # iterations x classes x inputs up to which boosting takes a second or so
_LINEAR_COST = 10_000  # inputs x classes
_KEPT = 4  # splits whose references are remembered


class References(NamedTuple):
    """Quick models, judged on rows they were not fitted on."""

    names: tuple[str, ...]
    errors: Numbers
    """(references, rows): 0 or 1, or squared error of the standardised target; none where there are too few rows."""
    probabilities: Numbers
    """(rows, classes) by the trees; (rows, 0) for a regression."""
    y: np.ndarray
    """(rows,) targets of the rows judged."""
    fitted: int
    """Rows from which models were fitted, at most."""
    seconds: float
    """What it took."""

    @property
    def best(self) -> int:
        """The reference with the lowest error."""
        return int(self.errors.mean(axis=1).argmin())


_known: OrderedDict[str, References] = OrderedDict()


def references(split: Split) -> References:
    """The quick models of a split, fitted when they are first asked for.

    Rows are those of train, and of dev where it is of the same kind, in the folds that networks have too: whole groups
    and stretches of time are held out.

    Args:
        split: whose train rows; the same one (by fingerprint) is not fitted again.
    """
    key = split.fingerprint
    if key not in _known:
        _known[key] = _fitted(split)
        while len(_known) > _KEPT:
            _known.popitem(last=False)
    return _known[key]


def _fitted(split: Split) -> References:
    from sklearn import ensemble, linear_model, neighbors  # noqa: F401, PLC0415  limits hold for what is loaded
    from threadpoolctl import threadpool_limits  # noqa: PLC0415

    began = time.perf_counter()
    rows = split.n_train if split.dev_given else split.rows
    if rows < FEWEST_ROWS:
        none = np.empty(0, split.y.dtype)
        return References((), np.empty((0, 0)), np.empty((0, split.outputs)), none, 0, 0.0)
    parts: list[tuple[dict[str, Numbers], Numbers, np.ndarray]] = []
    most = 0
    # Boosting's threads wait for each other on a busy machine: with one it takes a second, with two a minute.
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of a class with few rows, or a direction that is good enough
        for fit, judged in _folds(split, rows):
            parts.append(_judged(split, fit, judged))
            most = max(most, min(FITTED, len(fit)))
    # A class that a fold lacks can keep a model from being fitted there: those that all folds have are compared.
    names = tuple(name for name in parts[0][0] if all(name in errors for errors, *_ in parts))
    return References(
        names,
        np.stack([np.concatenate([errors[name] for errors, *_ in parts]) for name in names]),
        np.concatenate([probabilities for _, probabilities, _ in parts]),
        np.concatenate([y for *_, y in parts]),
        most,
        time.perf_counter() - began,
    )


def _folds(split: Split, rows: int) -> Iterator[tuple[Whole, Whole]]:
    """Rows to fit and to judge, in random order, until enough are judged."""
    random = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 5, 0, 0]))
    try:
        folds = split.folds(FOLDS)[:rows]
    except BadData:  # fewer groups than that
        folds = split.folds(2)[:rows]
    seen = 0
    for fold in range(int(folds.max()) + 1):
        judged = random.permutation(np.flatnonzero(folds == fold))[:JUDGED_MOST]
        fit = random.permutation(np.flatnonzero(folds != fold))
        if len(judged) and len(fit) and seen < JUDGED_LEAST:
            seen += len(judged)
            yield fit, judged


def _judged(split: Split, fit: Whole, judged: Whole) -> tuple[dict[str, Numbers], Numbers, np.ndarray]:
    """Errors of every reference, probabilities of the trees, and the targets of the rows judged."""
    few = max(FEWEST_ROWS, _WIDEST // split.width)
    small, large = fit[: min(FITTED, few)], fit[: min(REMEMBERED, few)]
    x, y = split.x[judged], split.y[judged]
    classes = split.task == "classification"
    errors: dict[str, Numbers] = {}
    probabilities = np.zeros((len(judged), split.outputs if classes else 0))
    for name, model in _models(split):
        at = large if name == "nearest neighbours" else small
        if classes and len(np.unique(split.y[at])) < 2:
            continue
        model.fit(split.x[at], split.y[at])
        if name == "trees" and classes:
            probabilities[:, model.classes_] = model.predict_proba(x)
            errors[name] = (model.classes_[model.predict_proba(x).argmax(axis=1)] != y).astype(float)
        else:
            answer = np.asarray(model.predict(x))
            errors[name] = (answer != y).astype(float) if classes else np.square(answer.astype(float) - y)
    return errors, probabilities, y


def _models(split: Split) -> Iterator[tuple[str, Any]]:
    """Those that take seconds on these inputs and classes."""
    from sklearn import ensemble, linear_model, neighbors  # noqa: PLC0415

    classes = split.task == "classification"
    near = {"n_neighbors": _NEIGHBOURS, "weights": "distance"}
    yield "nearest neighbours", (neighbors.KNeighborsClassifier if classes else neighbors.KNeighborsRegressor)(**near)
    # As `checks.label_noise` has them, whose rule reads their probabilities.
    grown = {"n_estimators": _TREES, "min_samples_leaf": 2, "bootstrap": True, "random_state": 0}
    if classes:
        yield (
            "trees",
            ensemble.ExtraTreesClassifier(
                **grown,
                max_features="sqrt" if split.width > 4 else 1.0,  # pyright: ignore[reportArgumentType]
            ),
        )
    else:
        yield "trees", ensemble.ExtraTreesRegressor(**grown)
    if split.width * split.outputs <= _LINEAR_COST:
        yield "linear", linear_model.LogisticRegression(max_iter=100) if classes else linear_model.RidgeCV()
    trees = split.outputs if split.outputs > 2 else 1
    if _ITERATIONS * trees * split.width <= _BOOSTED_COST:
        boosted = {"max_iter": _ITERATIONS, "early_stopping": False, "random_state": 0}
        kind = ensemble.HistGradientBoostingClassifier if classes else ensemble.HistGradientBoostingRegressor
        yield "boosting", kind(**boosted)
