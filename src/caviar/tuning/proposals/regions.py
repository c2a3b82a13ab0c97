"""Regions: where the good points lie, each a box on the scales; several where a ridge of worse points lies between.

Two good points are of one region unless the trend expects a worse score than both of theirs on the way from one to
the other, by more than it is unsure of. Settings that do not matter therefore part nothing.

Source: hill-valley clustering, Maree et al. 2019, with a trend in place of trials on the way.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.tuning.proposals.trend import Trend
from caviar.tuning.spaces.dimensions import Choice, Dimension
from caviar.tuning.spaces.space import Point, Space

MOST = 4
"""Regions at once; the points of others join the nearest."""

_MARGIN, _MARGIN_FEW = 0.05, 0.3
"""Part of a scale by which a box is wider than its points on either side, and what is added over their number."""

_AT_EDGE = 0.1
"""Part of a box in which its best point counts as lying on the edge."""

_AT_END = 0.02
"""Part of a scale in which a value counts as lying on the edge of the space."""

NARROWED = 0.7
"""Part of a scale below which a box counts as narrowed."""

_WAY = (0.25, 0.5, 0.75)


@dataclasses.dataclass(frozen=True)
class Box:
    """The part of one dimension that a region covers.

    Attributes:
        low, high: places on the scale, in [0, 1].
        weights: of a choice's options, how often each is drawn; () of numbers.
        widened: "down", "up" or "": where it was widened because the best point lies on its edge.
        at_end: "low", "high" or "": the end of the scale at which the best point lies.
    """

    low: float
    high: float
    weights: tuple[float, ...] = ()
    widened: str = ""
    at_end: str = ""

    @property
    def width(self) -> float:
        """Part of the scale that is covered."""
        return self.high - self.low


@dataclasses.dataclass(frozen=True, eq=False)
class Region:
    """Good points without a ridge between them.

    Attributes:
        points: the best first.
        boxes: by name.
    """

    points: tuple[Point, ...]
    boxes: Mapping[str, Box]


def regions(space: Space, good: Sequence[Point], x: Numbers, trend: Trend) -> list[Region]:
    """The regions of the good points, that of the best point first.

    Args:
        space: what is searched.
        good: points, the best first.
        x: their features.
        trend: of all points.
    """
    groups: list[list[int]] = []
    expected, _ = trend.at(x)
    for i in range(len(good)):
        ridges = [_ridge(space, x[group[0]], x[i], max(expected[group[0]], expected[i]), trend) for group in groups]
        if not groups or (min(ridges) > 0 and len(groups) < MOST):
            groups.append([i])
        else:
            groups[int(np.argmin(ridges))].append(i)
    return [_region(space, [good[i] for i in group]) for group in groups]


def _ridge(space: Space, one: Numbers, other: Numbers, worse: float, trend: Trend) -> float:
    """By how much the way from one point to another is surely worse than both; choices may change anywhere on it."""
    numbers = np.array([not isinstance(dimension, Choice) for dimension in space.values()])
    way = np.array([np.where(numbers, one + t * (other - one), end) for t in _WAY for end in (one, other)])
    mean, deviation = trend.at(way)
    return float((mean - deviation).reshape(len(_WAY), 2).min(axis=1).max() - worse)


def _region(space: Space, points: Sequence[Point]) -> Region:
    boxes = {}
    for name, dimension in space.items():
        values = [point[name] for point in points if name in point]
        boxes[name] = _options(dimension, values) if isinstance(dimension, Choice) else _box(dimension, values)
    return Region(tuple(points), boxes)


def _options(dimension: Choice, values: Sequence[Any]) -> Box:
    """Options as often as the good points have them, none never."""
    counts = np.array([1.0 + values.count(option) for option in dimension.options])
    return Box(0, 1, tuple((counts / counts.sum()).tolist()))


def _box(dimension: Dimension, values: Sequence[Any]) -> Box:
    """Where good values lie, a little widened, and much on the side on whose edge the best of them lies."""
    if not values:
        return Box(0, 1)
    places = [dimension.place(value) for value in values]
    low, high, best = min(places), max(places), places[0]
    margin = _MARGIN + _MARGIN_FEW / len(places)
    size = max(high - low, 2 * margin)
    below = above = margin
    edge = _AT_EDGE * (high - low)
    widened = ""
    if len(places) > 1 and high - low < NARROWED:
        if best <= low + edge and low > 0:
            below, widened = margin + size / 2, "down"
        elif best >= high - edge and high < 1:
            above, widened = margin + size / 2, "up"
    at_end = "low" if best <= _AT_END else "high" if best >= 1 - _AT_END else ""
    return Box(max(0.0, low - below), min(1.0, high + above), (), widened, at_end)
