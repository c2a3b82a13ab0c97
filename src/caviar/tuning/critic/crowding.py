"""Whether the good values of a setting crowd at one end of a linear scale, which another scale would spread."""

import dataclasses

import numpy as np

from caviar.tuning.critic.edges import AGREEMENT, best_curves, best_places
from caviar.tuning.critic.surrogate import Surrogate
from caviar.tuning.spaces.dimensions import Integer, Uniform
from caviar.tuning.spaces.space import Space

PART = 0.15
"""Part of a range in which good values crowd."""

_GRID = 41

LINEAR = ("dropout", "label_smoothing", "input_noise", "mixup", "warmup", "layers")
"""Settings that are searched evenly, though their best value may be 0 or few."""

_SMALLEST = 1e-3
"""Where a log scale begins, in the range's high end, that so far begins at 0."""


@dataclasses.dataclass(frozen=True)
class Crowd:
    """Good values in a small part at one end.

    Attributes:
        upper: which end.
        part: part of the range in which they lie.
        near: of the best trials, how many lie in it.
        of: the best trials that were counted.
        agreement: share of the parts of the trials in which the setting is best there.
        low: of the range to be searched on a log scale (of 1 - value at the upper end).
        high: its other end.
    """

    upper: bool
    part: float
    near: int
    of: int
    agreement: float
    low: float
    high: float


def crowded(space: Space, name: str, model: Surrogate) -> Crowd | None:
    """Where good values crowd at an end; None where they do not, or the scale spreads them already.

    At the lower end the range must not be below 0; at the upper one it must lie in [0, 1], as weights of averages do.
    """
    dimension = space[name]
    if not isinstance(dimension, Uniform | Integer) or (isinstance(dimension, Integer) and dimension.log):
        return None
    if name in LINEAR or dimension.low < 0 or (dimension.levels or _GRID) < _GRID:
        return None
    low, high = dimension.low, dimension.high
    best = best_places(space, name, model)
    places = np.linspace(0, 1, _GRID)
    curves = best_curves(space, name, model, places)
    if curves is None:
        return None
    at = places[np.argmin(curves, axis=1)]
    for upper in (False, True):
        near = sum((1 - place if upper else place) <= 2 * PART for place in best)
        agreement = float(np.mean((1 - at if upper else at) <= PART))
        if 3 * near < len(best) or agreement < AGREEMENT:
            continue
        if not upper and (low == 0 or high / low >= 1 / PART):
            start = (
                low if low > 0 else max(1.0, high * _SMALLEST) if isinstance(dimension, Integer) else high * _SMALLEST
            )
            return Crowd(upper, 2 * PART, near, len(best), agreement, float(start), float(high))
        if upper and high <= 1 and (1 - low) / max(1 - high, 1e-12) >= 1 / PART:
            return Crowd(upper, 2 * PART, near, len(best), agreement, max(low, 0.5), min(high, 1 - 1e-4))
    return None
