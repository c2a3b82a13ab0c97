"""Whether the best values of a setting lie at an end of its range, and how far to widen it.

The best of a few noisy trials lies at an end often enough by chance. So the models of many parts of the trials are
asked: with the other settings as the best trials have them, where is this one best?
"""

import dataclasses
import math
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.tuning.critic.surrogate import Surrogate, features
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.settings import SETTINGS
from caviar.tuning.spaces.space import Space

AGREEMENT = 0.95
"""Share of the parts of the trials that must agree."""

_NEAR = 0.1
"""Part of the scale at an end that is near it."""

_GRID = 21
"""Values of a setting that are compared, at most."""

_BEST = 16
"""Best trials whose other settings are taken."""

_BEYOND = 0.5
"""How far a range is widened, in its own length on its scale."""

BELOW_ONE = ("dropout", "label_smoothing", "momentum", "beta1", "beta2", "norm_beta", "average_weights")
"""Settings that must be below 1."""


@dataclasses.dataclass(frozen=True)
class Edge:
    """The best values lie at an end.

    Attributes:
        upper: which end.
        end: its value.
        near: of the best trials, how many lie near it.
        of: the best trials that were counted.
        agreement: share of the parts of the trials in which the setting is best there.
        to: the end to which the range should be widened.
    """

    upper: bool
    end: float
    near: int
    of: int
    agreement: float
    to: float


def edge_of(space: Space, name: str, model: Surrogate) -> Edge | None:
    """The end of its range at which a setting is best; None where it is best elsewhere, or nothing lies beyond."""
    places = _places(space[name])
    if places is None:
        return None
    curves = best_curves(space, name, model, places)
    if curves is None:
        return None
    at = places[np.argmin(curves, axis=1)]
    for upper in (False, True):
        far = places[-1] if upper else places[0]
        agreement = float(np.mean(np.abs(at - far) <= (_NEAR if len(places) == _GRID else 0)))
        to = _widened(name, space[name], upper=upper)
        if agreement < AGREEMENT or to is None:
            continue
        best = best_places(space, name, model)
        near = sum(abs(place - far) <= max(2 * _NEAR, 0.5 / len(places)) for place in best)
        if 2 * near < len(best):
            continue
        dimension = space[name]
        values = _numbers(dimension) if isinstance(dimension, Choice) else [dimension.low, dimension.high]
        return Edge(upper, float(values[-1] if upper else values[0]), near, len(best), agreement, to)
    return None


def best_places(space: Space, name: str, model: Surrogate) -> list[float]:
    """Where the best tenth of the trials, at least five, have a setting."""
    dimension = space[name]
    among = [point[name] for point in model.points if name in point]
    most = max(5, len(model.points) // 10)
    if isinstance(dimension, Choice):
        numbers = _numbers(dimension)
        return [(numbers.index(value) + 0.5) / len(numbers) for value in among[:most] if value in numbers]
    return [dimension.place(value) for value in among[:most]]


def best_curves(space: Space, name: str, model: Surrogate, places: Numbers) -> Numbers | None:
    """Ranks along a setting beside what else the best trials have, one curve per part; shape (parts, places)."""
    dimension = space[name]
    around = [point for point in model.points if name in point][:_BEST]
    if len(around) < _BEST // 2:
        return None
    values = [_value(dimension, place) for place in places]
    rows = np.array([features(space, [{**point, name: value} for point in around]) for value in values])
    flat = rows.reshape(-1, rows.shape[-1])
    return np.array([part(flat).reshape(len(places), -1).mean(axis=1) for part in model.parts])


def _places(dimension: Dimension) -> Numbers | None:
    """The places that are compared, in order; None where values have no order."""
    if isinstance(dimension, Choice):
        numbers = _numbers(dimension)
        return (np.arange(len(numbers)) + 0.5) / len(numbers) if len(numbers) > 2 else None
    if isinstance(dimension, Integer) and (dimension.levels or 0) <= _GRID // 2:
        values = range(dimension.low, dimension.high + 1, dimension.step)
        return np.array([dimension.place(value) for value in values])
    return np.linspace(0, 1, _GRID)


def _numbers(dimension: Choice) -> list[Any]:
    """The options of a choice between numbers, in order; none where there are others among them."""
    numbers = all(isinstance(option, int | float) and not isinstance(option, bool) for option in dimension.options)
    return sorted(dimension.options) if numbers else []


def _value(dimension: Dimension, place: float) -> Any:
    if isinstance(dimension, Choice):
        numbers = _numbers(dimension)
        return numbers[min(len(numbers) - 1, int(place * len(numbers)))]
    return dimension.at(place)


def _widened(name: str, dimension: Dimension, *, upper: bool) -> float | None:
    """The end beyond the end; None where there is none: no share of dropped units below 0, no layer less than one."""
    match dimension:
        case LogUniform(low, high):
            to = high * (high / low) ** _BEYOND if upper else low * (low / high) ** _BEYOND
        case OneMinusLogUniform(low, high):
            ratio = (1 - high) / (1 - low)
            to = 1 - (1 - high) * ratio**_BEYOND if upper else 1 - (1 - low) * ratio**-_BEYOND
            return _rounded(to, beyond=1.0) if to > 0 else None
        case Uniform(low, high):
            to = high + _BEYOND * (high - low) if upper else low - _BEYOND * (high - low)
        case Integer(low, high, True):
            to = math.ceil(high * (high / low) ** _BEYOND) if upper else math.floor(low * (low / high) ** _BEYOND)
        case Integer(low, high):
            to = high + max(1, (high - low) // 2) if upper else low - max(1, (high - low) // 2)
        case _:
            numbers = _numbers(dimension)
            to = numbers[-1] ** 2 / numbers[-2] if upper else numbers[0] ** 2 / numbers[1] if numbers[1] else -1.0
    if name in SETTINGS:
        least = 1.0 if isinstance(dimension, Integer) else 0.0
        start = dimension.options[0] if isinstance(dimension, Choice) else dimension.low
        if not upper and (start <= least or to < least):
            to = least
            if start <= least:
                return None
        if upper and name in BELOW_ONE:
            to = min(to, 0.95 if dimension.high < 0.95 else 1.0)  # pyright: ignore[reportAttributeAccessIssue]
            return to if to < 1 else None
    return float(round(to)) if isinstance(dimension, Integer) else _rounded(to)


def _rounded(value: float, beyond: float = 0.0) -> float:
    """Two digits, of the distance from `beyond`."""
    away = value - beyond
    return value if away == 0 else beyond + round(away, 1 - math.floor(math.log10(abs(away))))
