"""Which of many drawn points to try: those that promise the largest improvement by the trend.

Source: expected improvement, Jones et al. 1998; several points at once as in the "believer" of Ginsbourger et al. 2010:
each chosen point counts as tried, with the score that is expected of it, when the next is chosen.
"""

import numpy as np
from scipy.special import log_ndtr, ndtr

from caviar.arrays import Numbers
from caviar.tuning.proposals.trend import Trend


class Promise:
    """Points to choose from, one after the other."""

    def __init__(self, trend: Trend, x: Numbers, beside: Numbers, best: float) -> None:
        """Points to choose from.

        Args:
            trend: what is known.
            x: features of the points.
            beside: features of points of the same generation that are chosen already.
            best: the lowest score that is expected of a tried point.
        """
        self._mean, self._spread = trend.joint(x, beside)
        self._noise, self._best = trend.noise, best
        self._left = np.ones(len(x), bool)

    def choose(self, among: np.ndarray) -> int | None:
        """The most promising point of those in a mask that was not chosen before; None where none is left."""
        among = among & self._left
        if not among.any():
            return None
        improvement = log_improvement(self._mean, self._spread.diagonal(), self._best)
        chosen = int(np.argmax(np.where(among, improvement, -np.inf)))
        self._left[chosen] = False
        return chosen

    def believe(self, chosen: int) -> None:
        """Count a point as tried, with the score that is expected of it."""
        column = self._spread[:, chosen] / np.sqrt(self._spread[chosen, chosen] + self._noise)
        self._spread = self._spread - np.outer(column, column)
        self._best = min(self._best, float(self._mean[chosen]))


def log_improvement(mean: Numbers, variance: Numbers, best: float) -> Numbers:
    """The logarithm of E[max(0, best - score)] for normal scores, also far below what a float can hold."""
    deviation = np.sqrt(np.maximum(variance, 1e-12))
    z = (best - mean) / deviation
    log_density = -0.5 * z**2 - 0.5 * np.log(2 * np.pi)
    plain = np.log(np.maximum(z * ndtr(z) + np.exp(log_density), 1e-300))
    # Below, the terms cancel: density * (1 + z * Phi(z) / density), whose bracket is about 1 / z^2 far below.
    below = np.minimum(z, -1.0)
    bracket = 1 + below * np.exp(log_ndtr(below) + 0.5 * below**2 + 0.5 * np.log(2 * np.pi))
    far = log_density + np.log(np.where(z < -100, 1 / below**2, np.maximum(bracket, 1e-300)))
    return np.log(deviation) + np.where(z > -1, plain, far)
