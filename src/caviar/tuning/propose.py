"""Proposals: a whole list of points at a time, coarse to fine.

The first generation is drawn at random from the whole space. Every later one looks at the best points so far, draws
most of its points from the box that they span - on each dimension's own scale - and a few from the whole space, in
case the good region is elsewhere. Each zoom is written down.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from caviar.tuning.space import Choice, Dimension, Space

Point = dict[str, Any]

GOOD_SHARE = 0.2
"""Share of the points so far whose region is searched next; at least `GOOD_LEAST` points."""

GOOD_LEAST = 4
ELSEWHERE_SHARE = 0.2
"""Share of a generation that is still drawn from the whole space."""

_MARGIN = 0.05
"""Part of a dimension's scale by which the box is widened on either side."""


@dataclasses.dataclass(frozen=True)
class Zoom:
    """The region from which most points of a generation were drawn.

    Attributes:
        generation: the generation that was drawn from it, counted from 0.
        good: number of points that span it.
        region: by name, (low, high) in the dimension's own unit, or the options that the good points have.
        reason: one sentence.
    """

    generation: int
    good: int
    region: dict[str, tuple[Any, ...]]
    reason: str


def whole_space(space: Space) -> Callable[[np.random.Generator], Point]:
    """Draws one point from the whole space, every dimension on its own scale."""
    return lambda stream: {name: dimension.at(stream.random()) for name, dimension in space.items()}


def coarse_to_fine(
    space: Space, tried: Sequence[tuple[Mapping[str, Any], float]], generation: int
) -> tuple[Callable[[np.random.Generator], Point], Zoom | None]:
    """How the points of a generation are drawn: most of them from the region of the good points so far.

    Args:
        space: the whole space.
        tried: points and what they scored, less is better.
        generation: number of the generation that is proposed, counted from 0.

    Returns:
        What draws one point, and the zoom; None as long as too few points were tried.
    """
    anywhere = whole_space(space)
    if len(tried) < 2 * GOOD_LEAST:
        return anywhere, None
    best = sorted(tried, key=lambda item: item[1])[: max(GOOD_LEAST, round(GOOD_SHARE * len(tried)))]
    boxes = {name: _box(dimension, [point[name] for point, _ in best]) for name, dimension in space.items()}

    def draw(stream: np.random.Generator) -> Point:
        if stream.random() < ELSEWHERE_SHARE:
            return anywhere(stream)
        return {name: _within(space[name], boxes[name], stream) for name in space}

    region = {
        name: tuple(dict.fromkeys(space[name].at(u) for u in box))
        if isinstance(space[name], Choice)
        else (space[name].at(box[0]), space[name].at(box[-1]))
        for name, box in boxes.items()
    }
    width = {name: box[-1] - box[0] for name, box in boxes.items() if not isinstance(space[name], Choice)}
    narrowest = sorted(width, key=lambda name: width[name])[:2]
    reason = f"the best {len(best)} of {len(tried)} points lie here" + (
        f"; {' and '.join(narrowest)} narrowed most" if narrowest else ""
    )
    return draw, Zoom(generation, len(best), region, reason)


def _box(dimension: Dimension, values: Sequence[Any]) -> list[float]:
    """Where the good points lie: (low, high) on the scale, or the place of each one's option."""
    places = [dimension.place(value) for value in values]
    if isinstance(dimension, Choice):
        return sorted(places)
    return [max(0.0, min(places) - _MARGIN), min(1.0, max(places) + _MARGIN)]


def _within(dimension: Dimension, box: Sequence[float], stream: np.random.Generator) -> Any:
    """A value from the box; of a choice, an option as often as the good points have it."""
    if isinstance(dimension, Choice):
        return dimension.at(box[int(stream.integers(len(box)))])
    return dimension.at(box[0] + stream.random() * (box[-1] - box[0]))
