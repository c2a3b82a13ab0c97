"""Coarse to fine: zooms into the region of the good points, and writes down each zoom and why.

The first generation is drawn at random from the whole space. Every later one looks at the best points so far, draws
most of its points from the box that they span - on each dimension's own scale - and a few from the whole space, in
case the good region is elsewhere.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from caviar.tuning.dimensions import Choice, Dimension
from caviar.tuning.propose import Proposal, Request, Zoom, anywhere, drawn_together
from caviar.tuning.space import Point

GOOD_SHARE = 0.2
"""Share of the points so far whose region is searched next; at least `GOOD_LEAST` points."""

GOOD_LEAST = 4
ELSEWHERE_SHARE = 0.2
"""Share of a generation that is still drawn from the whole space."""

_MARGIN = 0.05
"""Part of a dimension's scale by which the box is widened on either side."""


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """Most points from the region of the good ones so far, on the right scales.

    Source: course section 6.
    """

    @property
    def ahead(self) -> bool:
        """Its points follow from all earlier generations."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The points of a generation, and the zoom that they are drawn from."""
        space, tried = request.space, request.tried
        everywhere = anywhere(space)
        if len(tried) < 2 * GOOD_LEAST:
            return Proposal(drawn_together(request, everywhere))
        best = sorted(tried, key=lambda one: one.criterion)[: max(GOOD_LEAST, round(GOOD_SHARE * len(tried)))]
        boxes = {
            name: _box(dimension, [one.point[name] for one in best if name in one.point])
            for name, dimension in space.items()
        }

        def draw(stream: np.random.Generator) -> Point:
            if stream.random() < ELSEWHERE_SHARE:
                return everywhere(stream)
            return space.active({name: _within(space[name], boxes[name], stream) for name in space})

        return Proposal(drawn_together(request, draw), (_zoom(request, boxes, len(best)),))


def _zoom(request: Request, boxes: dict[str, list[float]], good: int) -> Zoom:
    space = request.space
    region = {
        name: tuple(dict.fromkeys(space[name].at(u) for u in box))
        if isinstance(space[name], Choice)
        else (space[name].at(box[0]), space[name].at(box[-1]))
        for name, box in boxes.items()
    }
    width = {name: box[-1] - box[0] for name, box in boxes.items() if not isinstance(space[name], Choice)}
    narrowest = sorted(width, key=lambda name: width[name])[:2]
    reason = f"the best {good} of {len(request.tried)} points lie here" + (
        f"; {' and '.join(narrowest)} narrowed most" if narrowest else ""
    )
    return Zoom(request.generation, good, region, reason)


def _box(dimension: Dimension, values: Sequence[Any]) -> list[float]:
    """Where the good points lie: (low, high) on the scale, or the place of each one's option."""
    places = [dimension.place(value) for value in values] or [0.0, 1.0]
    if isinstance(dimension, Choice):
        return sorted(places)
    return [max(0.0, min(places) - _MARGIN), min(1.0, max(places) + _MARGIN)]


def _within(dimension: Dimension, box: Sequence[float], stream: np.random.Generator) -> Any:
    """A value from the box; of a choice, an option as often as the good points have it."""
    if isinstance(dimension, Choice):
        return dimension.at(box[int(stream.integers(len(box)))])
    return dimension.at(box[0] + stream.random() * (box[-1] - box[0]))
