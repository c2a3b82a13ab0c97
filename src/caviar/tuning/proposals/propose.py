"""Proposals: whoever searches asks for a whole list of points at a time.

A proposer is a pure function of what it is asked: the points of a generation follow from the seed, its number and the
trials of earlier generations, so that a resumed search proposes the same again. How: `RandomPoints` here, `grid`,
`low_discrepancy`, `coarse_to_fine`, `samplers` (any of Optuna's); by a word: `proposers`.
"""

import dataclasses
import math
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import numpy as np

from caviar.tuning.spaces.space import Point, Space


class Tried(NamedTuple):
    """A point that was tried, as a proposer sees it."""

    point: Point
    criterion: float
    """Less is better; infinite where it failed."""
    noise: float
    """Standard error of the criterion; 0 where it is not known."""
    complete: bool
    """Whether it was trained to its end; otherwise its criterion is that of the rung at which it was pruned."""
    values: tuple[float, ...] = ()
    """One number per objective, less is better."""


def key_of(point: Point) -> tuple[tuple[str, Any], ...]:
    """What two equal points have in common."""
    return tuple(sorted(point.items()))


class Together(NamedTuple):
    """What lets the points of a generation share compiled programs: most of them follow a few leaders."""

    leaders: int
    """Points that are proposed freely; the others copy from one of them, in turn, what a program is compiled for."""
    follow: Callable[[Point, Point, np.random.Generator], Point]
    """(point, leader, random numbers) -> the point with what decides the program copied from the leader."""
    allowed: Callable[[Point], bool]
    """Whether a point may be tried, such as for its cost."""
    decides: tuple[str, ...] = ()
    """The settings that a program is compiled for."""
    switches: Mapping[str, Any] = {}
    """Those that a program is compiled with or without, and the value that is without."""
    given: tuple[Point, ...] = ()
    """Points beside those that are proposed, whose programs are compiled anyway: some follow them, too."""
    program: Callable[[Point], Hashable] = key_of
    """What the program of a point is compiled for."""
    new: int | None = None
    """Leaders whose program may be a new one; None: all. Fewer than the leaders where the time is short."""
    known: int = 0
    """Leaders beside the new ones, whose program has been compiled for earlier generations."""

    def leader_of(self, number: int, points: Sequence[Point]) -> Point | None:
        """Whom a point follows; None where it leads.

        Args:
            number: of the point, counted from 0.
            points: those before it.
        """
        if number < self.leaders:
            return None
        leaders = [*self.given, *points[: self.leaders]]
        return leaders[number % len(leaders)]


class Request(NamedTuple):
    """What a proposer is asked."""

    space: Space
    tried: Sequence[Tried]
    """Of earlier generations, in the order of the study; points of other people's trials come first."""
    n: int
    """Points wanted."""
    generation: int
    """Counted from 0."""
    seed: int
    together: Together
    of: int = 0
    """Points that the whole search may still propose, these included; 0 where it is not known."""
    proposed: int = 0
    """Points that were proposed in earlier generations; given ones and those of others do not count."""


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


class Proposal(NamedTuple):
    """The answer of a proposer."""

    points: list[Point]
    """At most as many as were wanted; fewer, or none, where there is nothing more to try, as in a grid."""
    zooms: tuple[Zoom, ...] = ()


class Proposer(Protocol):
    """Proposes the points of a generation; its `repr` says all that its points follow from."""

    @property
    def ahead(self) -> bool:
        """Whether it proposes while the last generation trains, and so without knowing how that did."""
        ...

    def __call__(self, request: Request) -> Proposal:
        """The points of a generation; the same for the same request."""
        ...


SMALLEST, LARGEST = 4, 64
"""Points of a generation, at least and at most."""


def generation_size(trials: int) -> int:
    """Points per generation of a search of so many trials: about as many as there are generations.

    Small generations learn from each other sooner, large ones train more networks at a time. `benchmarks/search.py`
    measures both: sizes 4, 10 and 22 for 20, 100 and 500 trials reach at equal trials what TPE does one trial at a
    time, and take a fraction of its time.
    """
    return min(LARGEST, max(SMALLEST, round(math.sqrt(trials))))


def stream_of(request: Request) -> np.random.Generator:
    """The random numbers of a generation."""
    return np.random.Generator(np.random.Philox(key=request.seed, counter=[0, 4, request.generation, 0]))


REDRAWS = 100
"""Draws until the last is taken although it is not allowed, or was tried before."""


class Known:
    """The points that were tried, and those proposed beside them: where all is discrete, none should come twice."""

    def __init__(self, request: Request) -> None:
        self._discrete = all(dimension.levels is not None for dimension in request.space.values())
        self._keys = {key_of(one.point) for one in request.tried} if self._discrete else set()

    def __contains__(self, point: Point) -> bool:
        return self._discrete and key_of(point) in self._keys

    def add(self, point: Point) -> None:
        """A point that is proposed."""
        if self._discrete:
            self._keys.add(key_of(point))


def drawn_together(
    request: Request, draw: Callable[[np.random.Generator], Point], first: Sequence[Point] = ()
) -> list[Point]:
    """Points that are drawn one by one and share the programs of the first few.

    A point that is not allowed, or was tried before, is drawn again; where none of many draws will do, the last one is
    taken.

    Args:
        request: what is asked.
        draw: draws one point.
        first: the first draw of each point; none: they are drawn, too.
    """
    stream, together, known = stream_of(request), request.together, Known(request)
    points: list[Point] = []
    for number in range(request.n):
        leader = together.leader_of(number, points)
        point = _led(first[number] if number < len(first) else draw(stream), leader, together, stream)
        for _ in range(REDRAWS):
            if together.allowed(point) and point not in known:
                break
            point = _led(draw(stream), leader, together, stream)
        known.add(point)
        points.append(point)
    return points


def _led(point: Point, leader: Point | None, together: Together, stream: np.random.Generator) -> Point:
    return point if leader is None else together.follow(point, leader, stream)


def anywhere(space: Space) -> Callable[[np.random.Generator], Point]:
    """Draws one point from the whole space, every dimension on its own scale."""
    return lambda stream: space.point({name: stream.random() for name in space})


@dataclasses.dataclass(frozen=True)
class RandomPoints:
    """Every point drawn from the whole space, every dimension on its own scale.

    Source: Bergstra & Bengio 2012, JMLR 13:281.
    """

    @property
    def ahead(self) -> bool:
        """Its points follow from all earlier generations."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The points of a generation."""
        return Proposal(drawn_together(request, anywhere(request.space)))
