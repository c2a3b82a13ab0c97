"""How lucky the best of many figures must be expected to be, when only the figures and their noise are known.

The best of N is best partly because its noise happened to be low. How far is estimated from all N in two ways, and the
larger one told, because each falls short where the other does not: a distribution of true values of any form is fitted
to the figures and the best one drawn towards it; and the figures, drawn together until they scatter as true values do,
get noise again and again. Where all are alike both come to the best of N draws of noise; where one stands far out, to
nothing. With losses row by row at hand, `diagnosis.optimism` needs no noise.

Source: Robbins 1956; Kiefer & Wolfowitz 1956; Efron 2011, JASA 106:1602 (selection bias by empirical Bayes).
"""

from collections.abc import Sequence

import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.intervals import spread_of

_WITHIN = 8.0
"""Noises above the best figure, beyond which others say nothing about it."""

_PLACES, _STEPS = 100, 200
"""Places of true values, and steps of the fit: more of either change the answer by less than a hundredth of a noise."""

_DRAWS = 400


def luck_of_best(figures: Sequence[float], noise: float) -> float:
    """By how much the lowest figure is expected to lie below its true value.

    Simulated on 4 to 500 figures, alike, scattered or crowded at the lower end: on average within a third of a noise of
    the truth, where that is between a third of a noise and three.

    Args:
        figures: less is better; not finite ones are left out.
        noise: standard deviation of each figure about its true value, what all have in common left out; 0: none.

    Returns:
        At least 0, in the unit of the figures.
    """
    known = np.sort(np.asarray([f for f in figures if np.isfinite(f)], float))
    if noise <= 0 or len(known) < 2:
        return 0.0
    near = (known[known <= known[0] + _WITHIN * noise] - known[0]) / noise
    return noise * max(0.0, _drawn_to_all(near), _drawn_again(near))


def _drawn_to_all(near: Numbers) -> float:
    """How far the first figure is below the mean of what it may truly be; all in noises, sorted."""
    places = np.linspace(near[0], near[-1], _PLACES)
    likely = np.exp(-0.5 * (near[:, None] - places) ** 2)
    weights = np.full(_PLACES, 1 / _PLACES)
    for _ in range(_STEPS):
        shares = likely * weights
        weights = (shares / shares.sum(axis=1, keepdims=True)).mean(axis=0)
    of_best = likely[0] * weights
    return float(of_best @ places / of_best.sum()) - near[0]


def _drawn_again(near: Numbers) -> float:
    """How far the lowest is below its own true value when figures of this scatter get noise."""
    if len(near) < 2 or not near.var():
        return 0.0
    scatter = max(0.0, 1 - 1 / near.var(ddof=1)) ** 0.5
    true = near.mean() + scatter * (near - near.mean())
    noise = np.random.Generator(np.random.Philox(0)).normal(size=(_DRAWS, len(near)))
    return -float(noise[np.arange(_DRAWS), (true + noise).argmin(axis=1)].mean())


def own_noise(losses: Sequence[Numbers]) -> tuple[float, float]:
    """What chance adds to the mean loss of one network beside others on the same rows with the same seed.

    Read off the differences between configs: what seeds and rows do to all alike is none of it.

    Args:
        losses: of each config, shape (seeds, rows); the same seeds and rows, at least two of each.

    Returns:
        Standard deviation from seeds and rows together, and from the rows alone.
    """
    whole, rows = [], []
    for i, one in enumerate(losses):
        for other in losses[:i]:
            apart = one - other
            spread = spread_of(apart)
            of_one_seed = float(apart.var(axis=1, ddof=1).mean()) / spread.rows
            whole.append(of_one_seed + spread.seeds * spread.of_seeds)
            rows.append(max(0.0, spread.seeds * spread.of_rows - of_one_seed) / (spread.seeds - 1))
    if not whole:
        return 0.0, 0.0
    return float(np.sqrt(np.median(whole) / 2)), float(np.sqrt(np.median(rows) / 2))
