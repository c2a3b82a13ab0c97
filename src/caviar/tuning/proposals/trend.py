"""The trend of the criterion over the space: what a smooth function through all tried points says of others.

A Gaussian process (Matern 5/2) on the places of the scales, with a length per setting: a short one where the setting
matters. It is fitted to ranks, so that one diverged network does not bend it, and only ever chooses among points that
were drawn without it; the last bits of its arithmetic, which differ between processors, do not reach a point.

Source: Rasmussen & Williams 2006, chapters 2 and 5; prior of the lengths: Hvarfner et al. 2024, arXiv 2402.02229.
"""

import contextlib
import functools
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy.linalg import cho_solve, cholesky, solve_triangular
from scipy.optimize import minimize
from scipy.special import ndtri
from threadpoolctl import ThreadpoolController

from caviar.arrays import Numbers
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Point, Space

_STEPS = 15
"""Steps of the fit."""

_LENGTH_SPREAD, _NOISE, _NOISE_SPREAD = 0.6, 0.1, 1.0
"""Standard deviation of a length's logarithm; what noise is expected as a share of the variance, and how surely."""


class Trend:
    """A fitted trend.

    Attributes:
        scale: variance of the scores.
        scores: of the points that were tried: their ranks as quantiles of the normal distribution.
        noise: variance of a score that the trend does not explain.
    """

    def __init__(self, space: Space, x: Numbers, criteria: Sequence[float], *, fitted_on: int) -> None:
        """Fit the trend.

        Args:
            space: what is searched.
            x: features of the points that were tried, the best first.
            criteria: of the points, less is better; any order-keeping change of them gives the same trend.
            fitted_on: points from which the lengths are found; all points are then used with these lengths.
        """
        self._space, self._x = space, x
        self.scores = normal_scores(criteria)
        every = max(1, -(-len(x) // fitted_on))
        self._weights, self.scale, self.noise = _fit(space, x[::every], self.scores[::every])
        kernel = self._kernel(x, x)
        kernel[np.diag_indices_from(kernel)] += self.noise
        self._factor = cholesky(kernel, lower=True)
        self._solved = cho_solve((self._factor, True), self.scores)

    def _kernel(self, a: Numbers, b: Numbers) -> Numbers:
        return self.scale * _matern(_apart(self._space, self._weights, a, b))

    @property
    def relevance(self) -> dict[str, float]:
        """By setting, its whole scale in lengths: the larger, the more it matters."""
        return dict(zip(self._space, np.sqrt(self._weights).tolist(), strict=True))

    def at(self, x: Numbers) -> tuple[Numbers, Numbers]:
        """Expected scores, less is better, and their standard deviations."""
        cross = self._kernel(self._x, x)
        half = solve_triangular(self._factor, cross, lower=True)
        return cross.T @ self._solved, np.sqrt(np.maximum(self.scale - (half**2).sum(0), 1e-12))

    def joint(self, x: Numbers, beside: Numbers) -> tuple[Numbers, Numbers]:
        """Means and covariances of scores, as if the points `beside` them had been tried and scored as expected."""
        n, both = len(beside), np.concatenate([beside, x])
        cross = self._kernel(self._x, both)
        half = solve_triangular(self._factor, cross, lower=True)
        mean, spread = cross.T @ self._solved, self._kernel(both, both) - half.T @ half
        if n:
            known = spread[:n, :n] + self.noise * np.eye(n)
            spread = spread[n:, n:] - spread[n:, :n] @ np.linalg.solve(known, spread[:n, n:])
        return mean[n:], spread


@functools.cache
def _libraries() -> ThreadpoolController:
    return ThreadpoolController()


def one_thread() -> contextlib.AbstractContextManager[Any]:
    """Arithmetic of matrices in one thread: they are small, and the answer is that of any number of processors."""
    return _libraries().limit(limits=1, user_api="blas")


def normal_scores(criteria: Sequence[float]) -> Numbers:
    """Ranks as quantiles of the normal distribution; equal criteria share their mean rank."""
    values = np.asarray(criteria, float)
    order = np.sort(values)
    rank = (np.searchsorted(order, values, "left") + np.searchsorted(order, values, "right")) / 2
    return ndtri(rank / len(values))


def features(space: Space, points: Sequence[Point]) -> Numbers:
    """Places on the scales, (points, settings); of a choice the number of its option, 0.5 where a condition fails."""
    rows = np.full((len(points), len(space)), 0.5)
    for column, (name, dimension) in enumerate(space.items()):
        for row, point in zip(rows, points, strict=True):
            if name in point:
                row[column] = dimension.place(point[name])
    return rows


def _apart(space: Space, weights: Numbers, a: Numbers, b: Numbers) -> Numbers:
    """Squared distances, (a, b): of numbers by their places, of choices 1 where they differ."""
    choices = np.array([isinstance(dimension, Choice) for dimension in space.values()])
    scaled_a, scaled_b = a[:, ~choices] * np.sqrt(weights[~choices]), b[:, ~choices] * np.sqrt(weights[~choices])
    apart = (scaled_a**2).sum(1)[:, None] + (scaled_b**2).sum(1) - 2 * scaled_a @ scaled_b.T
    for column in np.flatnonzero(choices):
        apart += weights[column] * (a[:, column, None] != b[:, column])
    return np.maximum(apart, 0)


def _matern(apart: Numbers) -> Numbers:
    root = np.sqrt(5 * apart)
    return (1 + root + root**2 / 3) * np.exp(-root)


def _fit(space: Space, x: Numbers, y: Numbers) -> tuple[Numbers, float, float]:
    """Weights of the squared distances, scale and noise that explain the scores best, given what is usual."""
    n, d = x.shape
    apart = np.empty((d, n, n))
    for column, dimension in enumerate(space.values()):
        own = x[:, column]
        apart[column] = own[:, None] != own if isinstance(dimension, Choice) else (own[:, None] - own) ** 2
    usual = np.append(np.full(d, -np.log(d)), [0.0, np.log(_NOISE)])
    spread = np.append(np.full(d, 2 * _LENGTH_SPREAD), [0.5, _NOISE_SPREAD])
    flat = apart.reshape(d, -1)

    def badness(at: Numbers) -> tuple[float, Numbers]:
        weights, scale, noise = np.exp(at[:d]), np.exp(at[d]), np.exp(at[d + 1])
        root = np.sqrt(5 * (weights @ flat).reshape(n, n))
        fading = np.exp(-root)
        kernel = scale * (1 + root + root**2 / 3) * fading
        factor = cholesky(kernel + noise * np.eye(n), lower=True, check_finite=False)
        inverse = cho_solve((factor, True), np.eye(n), check_finite=False)
        solved = inverse @ y
        outer = inverse - np.outer(solved, solved)
        by_apart = (-5 / 6) * scale * (1 + root) * fading  # derivative of the kernel by the squared distance
        slope = np.empty(d + 2)
        slope[:d] = 0.5 * weights * (flat @ (outer * by_apart).ravel())
        slope[d] = 0.5 * (outer * kernel).sum()
        slope[d + 1] = 0.5 * noise * np.trace(outer)
        off = (at - usual) / spread
        likelihood = 0.5 * y @ solved + np.log(np.diag(factor)).sum()
        return likelihood + 0.5 * off @ off, slope + off / spread

    bounds = [(-8.0, 5.0)] * d + [(-3.0, 3.0), (np.log(1e-3), np.log(2.0))]
    found = minimize(badness, usual, jac=True, method="L-BFGS-B", bounds=bounds, options={"maxiter": _STEPS}).x
    return np.exp(found[:d]), float(np.exp(found[d])), float(np.exp(found[d + 1]))
