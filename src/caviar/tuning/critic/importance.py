"""How much every setting matters in a search that was made, with an interval, beside the course's order.

The share of a setting is its part in the variance of how points rank, over the whole space, each dimension even on its
scale: the total index of Sobol of the model in `surrogate`, which counts what it does alone and together with others,
scaled so that all settings have 1 together. Over the whole space, not over the trials: after a zoom the trials hardly
differ any more in what mattered most, and to measure it there would call it unimportant.

A setting that is searched under a condition counts where it holds only.

Source: Hutter, Hoos & Leyton-Brown 2014 (functional ANOVA of a model); Jansen 1999 (the estimator of total indices).
"""

import dataclasses

import numpy as np
from scipy.stats import qmc

from caviar.arrays import Numbers
from caviar.tuning.critic.surrogate import WIDER, Predict, Surrogate, features, ranks
from caviar.tuning.spaces.course_order import course_place
from caviar.tuning.spaces.space import Space

_ROWS = 256
"""Base points of the quasi-random design; a power of two."""

EXPLAINED = 0.1
"""Share of the variance that a model must explain in trials it has not seen; otherwise nothing is known."""


@dataclasses.dataclass(frozen=True)
class Importance:
    """How much a setting matters.

    Attributes:
        name: of the setting.
        share: of what all settings together make of the ranks of points, in [0, 1].
        low: lower end of its 95 % interval.
        high: upper end; low 0 and high 1 where too few trials, or too much noise, leave it open.
        course: its place in the course's order from 1, the most important; None where it is not ranked.
    """

    name: str
    share: float
    low: float
    high: float
    course: int | None


def importance_of(space: Space, model: Surrogate | None) -> tuple[Importance, ...]:
    """The importance of every setting as a model of the trials tells it, the most important first; None tells nothing.

    Intervals follow from how the models of parts of the trials differ.
    """
    if model is None or model.explained < EXPLAINED or len(space) < 2:
        return tuple(Importance(name, 1 / len(space), 0.0, 1.0, course_place(name)) for name in space)
    design = _design(space)
    parts = np.array([_shares(design, part) for part in model.parts])
    shares = (_shares(design, model.whole) + parts.mean(axis=0)) / 2  # one model alone takes some settings for nothing
    spread = 1.96 * WIDER * parts.std(axis=0)
    found = [
        Importance(name, float(share), float(max(0.0, share - more)), float(min(1.0, share + more)), course_place(name))
        for name, share, more in zip(space, shares, spread, strict=True)
    ]
    return tuple(sorted(found, key=lambda one: -one.share))


def _design(space: Space) -> Numbers:
    """Features of quasi-random points, and of the same with one changed; shape (1 + settings, rows, features)."""
    sequence = qmc.Sobol(2 * len(space), rng=np.random.default_rng(0)).random(_ROWS)
    base, other = sequence[:, : len(space)], sequence[:, len(space) :]
    sets = [base]
    for column in range(len(space)):
        changed = base.copy()
        changed[:, column] = other[:, column]
        sets.append(changed)
    return np.array(
        [features(space, [space.point(dict(zip(space, row, strict=True))) for row in rows]) for rows in sets]
    )


def _shares(design: Numbers, predict: Predict) -> Numbers:
    """Total indices of the ranks that a model gives the design, with a sum of 1; shape (settings,)."""
    sets, rows, width = design.shape
    told = ranks(list(np.round(predict(design.reshape(-1, width)), 9))).reshape(sets, rows)
    total = ((told[1:] - told[0]) ** 2).mean(axis=1) / 2
    return total / total.sum() if total.sum() > 0 else np.full(sets - 1, 1 / (sets - 1))
