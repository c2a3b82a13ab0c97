"""Panda: the best point so far, nudged in one setting at a time, the most important settings first.

What a person does who watches one network. A setting is moved up and down its own scale by a step; when neither way
helps, its step is halved. Each generation nudges the next settings in turn.

Source: course section 6; a pattern search (Hooke & Jeeves 1961) with one step length per setting.
"""

import dataclasses
from collections.abc import Sequence

from caviar.tuning.proposals.propose import Proposal, Request, Tried, anywhere, stream_of
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Point, Space

FIRST_STEP, _LEAST_STEP = 0.25, 0.01
"""Parts of a setting's scale by which it is moved at first, and at least: of a rate within two powers of ten, a factor
of 3."""

_SAME = 1e-9


@dataclasses.dataclass(frozen=True)
class Nudges:
    """The neighbours of the best point, by the order in which settings matter.

    Attributes:
        order: names of settings, the most important first; others follow in the order of the space.
        start: the point that is nudged before any was tried; None: the first points are random.
    """

    order: tuple[str, ...] = ()
    start: Point | None = None

    @property
    def ahead(self) -> bool:
        """Its points follow from all earlier generations."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The next neighbours that were not tried yet; random points where there are none left, or no point at all."""
        space = request.space
        names = [name for name in self.order if name in space]
        names += [name for name in space if name not in names]
        tried = [one for one in request.tried if one.point]
        if self.start is not None and not tried:
            tried = [Tried(self.start, 0.0, 0.0, complete=True)]
        complete = [one for one in tried if one.complete] or tried
        points: list[Point] = []
        if complete:
            best = min(complete, key=lambda one: one.criterion)
            points = _neighbours(space, names, best.point, tried, request.n)
        stream, draw = stream_of(request), anywhere(space)
        while len(points) < request.n:
            points.append(draw(stream))
        return Proposal(points)


def _neighbours(space: Space, names: Sequence[str], best: Point, tried: Sequence[Tried], n: int) -> list[Point]:
    """Up to n points that differ from the best in one setting; coarser steps before finer ones."""
    known = [space.places(space.active(one.point)) for one in tried]
    own = space.active(best)
    found: list[Point] = []
    step = FIRST_STEP
    while step >= _LEAST_STEP and len(found) < n:
        for name in names:
            if name not in own:
                continue
            for value in _moved(space, name, own[name], step):
                point = space.active({**_filled(space, own), name: value})
                places = space.places(point)
                if not any(_alike(places, other) for other in known):
                    found.append(point)
                    known.append(places)
        step /= 2
    return found[:n]


def _moved(space: Space, name: str, value: object, step: float) -> list[object]:
    """The values up and down the scale; of a choice all others, at the first step."""
    dimension = space[name]
    if isinstance(dimension, Choice):
        return [option for option in dimension.options if option != value] if step == FIRST_STEP else []
    place = dimension.place(value)
    return [dimension.at(min(1.0, max(0.0, place + way))) for way in (step, -step)]


def _filled(space: Space, point: Point) -> Point:
    """The point with the middle of every setting whose condition does not hold, should it hold after a nudge."""
    return {name: point[name] if name in point else space[name].at(0.5) for name in space}


def _alike(one: dict[str, float], other: dict[str, float]) -> bool:
    return one.keys() == other.keys() and all(abs(one[name] - other[name]) < _SAME for name in one)
