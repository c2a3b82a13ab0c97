"""A smooth model of a search: how good a point is, as its finished trials tell it.

Searches zoom, so that good regions are sampled densely and bad ones hardly. What is read off the trials themselves -
which share of the good ones lies where - tells as much about who proposed them as about the problem. A Gaussian process
is asked instead, over the whole space evenly, or around the best points: it is sure where there are trials, and returns
to the mean where there are none. It sees ranks, which a network that diverged moves no further than any other bad one.

How sure it is of what is read off it, parts of the trials tell: the same model of many random three quarters of them.
A figure of the whole has the spread over the parts times sqrt(3) (the jackknife that leaves out d of n: (n - d) / d in
the variance). A bootstrap would show the model the same trial twice, which it takes for absence of noise; halves are so
few trials that the model misses what the whole shows.

Source: Rasmussen & Williams 2006, chapter 5 (one length scale per setting); Shao & Wu 1989 (delete-d jackknife).
"""

import math
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import minimize
from scipy.stats import rankdata
from sklearn.exceptions import ConvergenceWarning
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import ConstantKernel, Matern, WhiteKernel
from threadpoolctl import threadpool_limits

from caviar.arrays import Numbers, Whole
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Space
from caviar.tuning.trials import Trial

Predict = Callable[[Numbers], Numbers]
"""Features of points, shape (points, features) -> their ranks, 0 the best, shape (points,)."""

PARTS, OF_ALL = 30, 0.75
"""Random parts of the trials that are modelled, and how much of all they are."""

WIDER = math.sqrt(OF_ALL / (1 - OF_ALL))
"""Spread of a figure of all trials, in its spread over the parts."""

MOST = 256
"""Trials that a model sees; of more, a random part: what it costs grows with the cube."""

LEAST = 20
"""Trials without which nothing is said."""

_STEPS = 20
"""Steps of the search for the length scales."""


class Surrogate(NamedTuple):
    """Models of a search."""

    space: Space
    points: list[dict[str, Any]]
    """Of the trials, the best first."""
    whole: Predict
    """The model of all trials."""
    parts: list[Predict]
    """Models of a part of the trials each."""
    explained: float
    """Share of the variance of ranks that models of a part explain in the rest; below 0 where they mislead."""
    unexplained: Numbers
    """What the model of all trials leaves of the rank of each, in the order of `points`; shape (points,)."""


def surrogate(space: Space, trials: Sequence[Trial], *, seed: int = 0) -> Surrogate | None:
    """Models of a search; None with fewer than `LEAST` trials that can be ranked.

    Args:
        space: what was searched.
        trials: of it, in any order; those that failed say nothing.
        seed: of the parts.
    """
    ranked = by_rank(trials)
    if len(ranked) < LEAST:
        return None
    stream = np.random.default_rng(seed)
    points = [trial.values for trial in ranked]
    x, y = features(space, points), ranks([_place(trial) for trial in ranked])
    seen = stream.permutation(len(points))[:MOST]
    parts, explained = [], []
    with threadpool_limits(1):  # the matrices are small: threads would wait for each other
        whole = _fitted(x[seen], y[seen])
        for _ in range(PARTS):
            order = stream.permutation(len(points))[:MOST]
            part, rest = np.split(order, [round(OF_ALL * len(order))])
            parts.append(_fitted(x[part], y[part]))
            unlike = y[rest].var()
            explained.append(1 - np.mean((parts[-1](x[rest]) - y[rest]) ** 2) / unlike if unlike > 0 else 0.0)
    return Surrogate(space, points, whole, parts, float(np.median(explained)), y - whole(x))


def by_rank(trials: Sequence[Trial]) -> list[Trial]:
    """Trials that were judged, the best first; those that were pruned behind all that were not, the latest first."""
    return sorted((trial for trial in trials if np.isfinite(trial.outcome.criterion)), key=_place)


def _place(trial: Trial) -> tuple[float, float]:
    pruned = trial.outcome.state == "pruned"
    return (-max(trial.outcome.rungs, default=0) if pruned else -np.inf), trial.outcome.criterion


def ranks(places: Sequence[Any]) -> Numbers:
    """Ranks in (0, 1), 0 the best; equal places have equal ranks. Shape as given."""
    distinct = {place: i for i, place in enumerate(sorted(set(places)))}
    return (rankdata([distinct[place] for place in places]) - 0.5) / len(places)


def features(space: Space, points: Sequence[Mapping[str, Any]]) -> Numbers:
    """What the model sees of points: places on their scales, options apart. Shape (points, features).

    What is not searched in a point stands in the middle, where it makes no difference.
    """
    columns = []
    for name, dimension in space.items():
        if isinstance(dimension, Choice) and len(dimension.options) > 2:
            columns += [[float(point.get(name, _NONE) == option) for point in points] for option in dimension.options]
        else:
            columns.append([dimension.place(point[name]) if name in point else 0.5 for point in points])
    return np.array(columns, float).T


_NONE = object()


def _fitted(x: Numbers, y: Numbers) -> Predict:
    """A Gaussian process with a length scale for every feature."""
    kernel = ConstantKernel(1.0, (0.1, 100.0)) * Matern([1.0] * x.shape[1], (0.2, 50.0), nu=2.5)
    process = GaussianProcessRegressor(kernel + WhiteKernel(0.1, (1e-3, 1.0)), normalize_y=True, optimizer=_nearby)  # pyright: ignore[reportArgumentType]
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ConvergenceWarning
        )  # a length at its bound is a setting that makes no difference
        process.fit(x, y)
    return lambda at: np.asarray(process.predict(at))


def _nearby(objective: Callable[..., Any], start: Whole, bounds: Numbers) -> tuple[Numbers, float]:
    found = minimize(objective, start, jac=True, bounds=bounds, method="L-BFGS-B", options={"maxiter": _STEPS})
    return found.x, found.fun
