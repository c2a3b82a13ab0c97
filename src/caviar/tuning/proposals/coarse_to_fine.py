"""Coarse to fine: zooms into the regions of the good points, again and again, and writes down each zoom and why.

1. Coarse: the first points are spread evenly over the whole space, every setting on its own scale.
2. The good points so far - a fifth of them, at most 25, and those that noise cannot tell from the best - are parted
   into `regions`, each a box on the scales and a weight for every option of a choice.
3. Many points are drawn: from the boxes, around a good point, at a good point with a setting or two from anywhere on
   their scale, some anywhere. The `trend` through all tried points chooses among them those that promise most; where
   there are several regions, some points are kept for each.
4. Every tenth point is drawn from the whole space, whatever the trend says: the good region may be elsewhere.

As points gather the boxes shrink: coarse becomes fine. Where the best point lies on the edge of its box, the box is
widened instead.

What a generation takes is bounded: the trend is told of at most `_MOST_TRIED` trials, the best half and an even choice
of the others.
"""

import dataclasses
import math
from collections.abc import Hashable, Sequence

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.tuning.proposals.front import by_front
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.promise import Promise
from caviar.tuning.proposals.propose import (
    Known,
    Proposal,
    Request,
    Tried,
    stream_of,
)
from caviar.tuning.proposals.regions import Region, regions
from caviar.tuning.proposals.together import BY_CLASS
from caviar.tuning.proposals.trend import Trend, features, one_thread
from caviar.tuning.proposals.zooms import zoom
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Point, Space

COARSE = 8
"""Points that are spread over the whole space before there is something to see."""

GOOD_SHARE, GOOD_LEAST, GOOD_MOST = 0.2, 4, 25
"""Share of the points so far whose regions are searched next, and its bounds."""

ELSEWHERE = 10
"""One in so many points is drawn from the whole space."""

TURN = 4
"""Where there are several regions, one in so many points is chosen among those of one region, of each in turn."""

_DRAWN, _DRAWN_ELSEWHERE = 300, 0.1
"""Points from which the trend chooses, and the share of them from anywhere."""

_IN_BOX, _AROUND_POINT = 0.35, 0.7
"""Of the others, drawn by a random number in [0, 1): below the first from the box of a region, below the second around
a good point, and above it a good point with a few settings drawn from their whole scale."""

_DEVIATION, _KEPT, _CHANGED = 0.2, 0.7, 1.5
"""Around a good point: standard deviation as a part of the box, and chance that a setting stays as it is; and how many
settings are drawn from their whole scale, on average."""

_INSIDE = 1e-3
"""Distance, on the scale, that dropout and the like keep from the end at which they are off."""

_NEVER = object()

_MOST_TRIED, _FITTED_ON = 250, 120

_MOST_COMPILED = 8
"""Programs of earlier generations, the best, among which is chosen where there is no time to compile new ones."""


@dataclasses.dataclass(frozen=True)
class CoarseToFine:
    """Most points from the regions of the good ones so far, on the right scales.

    Source: course section 6; regions that follow the trend: Eriksson et al. 2019 (TuRBO), arXiv 1910.01739.
    """

    @property
    def ahead(self) -> bool:
        """Its points follow from all earlier generations."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The points of a generation, and the zooms that they are drawn from."""
        tried = ranked(request.tried)
        if len(tried) < COARSE:
            return LowDiscrepancy()(request)
        with one_thread():
            return self._fine(request, tried)

    def _fine(self, request: Request, tried: Sequence[Tried]) -> Proposal:
        """The points of a generation after the coarse ones."""
        told = [tried[i] for i in _kept(len(tried))]
        x = features(request.space, [one.point for one in told])
        trend = Trend(request.space, x, list(range(len(told))), fitted_on=_FITTED_ON)
        good = _good(tried)
        found = regions(request.space, [one.point for one in tried[:good]], x[:good], trend)
        best = float(trend.at(x[:good])[0].min())
        points = _Generation(request, found, trend, best, _compiled(request, tried)).points()
        zooms = tuple(zoom(request, region, good, len(found), trend.relevance) for region in found)
        return Proposal(points, zooms)


def ranked(tried: Sequence[Tried]) -> list[Tried]:
    """The best first: complete ones by their criterion, then those pruned at a rung by theirs; without failed ones.

    With several objectives by the front on which they lie, those in its emptier parts first.
    """
    if max((len(one.values) for one in tried), default=0) > 1:
        tried = by_front(tried)
    return sorted(
        (one for one in tried if math.isfinite(one.criterion)), key=lambda one: (not one.complete, one.criterion)
    )


def _kept(n: int) -> list[int]:
    """Places, in the ranking, of the trials that the trend is told of."""
    if n <= _MOST_TRIED:
        return list(range(n))
    half = _MOST_TRIED // 2
    return [*range(half), *np.linspace(half, n - 1, _MOST_TRIED - half).round().astype(int).tolist()]


def _good(tried: Sequence[Tried]) -> int:
    """How many of the ranked points are good: a share, and those that noise cannot tell from the best one."""
    share = min(len(tried), GOOD_MOST, max(GOOD_LEAST, round(GOOD_SHARE * len(tried))))
    best = tried[0]
    alike = sum(one.complete and one.criterion <= best.criterion + best.noise for one in tried[: 2 * share])
    return max(share, alike) if len(best.values) < 2 else share


def _compiled(request: Request, tried: Sequence[Tried]) -> list[Point]:
    """The best point of every program that did best so far, the best of them first."""
    best: dict[Hashable, Point] = {}
    for one in tried:
        if len(best) == _MOST_COMPILED:
            break
        best.setdefault(request.together.program(one.point), one.point)
    return list(best.values())


class _Generation:
    """The points of one generation, drawn and chosen."""

    def __init__(
        self, request: Request, found: Sequence[Region], trend: Trend, best: float, compiled: Sequence[Point]
    ) -> None:
        self._request, self._found, self._trend, self._best = request, found, trend, best
        self._compiled = compiled
        self._space, self._together = request.space, request.together
        self._stream, self._known = stream_of(request), Known(request)

    def points(self) -> list[Point]:
        """Leaders first, of new programs and of those that have been compiled, then those that follow them, in turn."""
        together, n = self._together, self._request.n
        new = min(n, together.leaders if together.new is None else together.new)
        leaders = self._choose([None], new, [])
        leaders += self._choose(self._compiled, min(n - new, together.known), leaders, in_turn=False)
        return [*leaders, *self._choose(leaders, n - len(leaders), leaders)]

    def _choose(
        self, leaders: Sequence[Point | None], n: int, beside: Sequence[Point], *, in_turn: bool = True
    ) -> list[Point]:
        """So many points, each following a leader: in turn, or whom it promises most to follow. None: free points."""
        if n == 0:
            return []
        each = _DRAWN // len(leaders)
        places, whence = (np.concatenate(p) for p in zip(*(self._drawn(each, one) for one in leaders), strict=True))
        group = np.repeat(np.arange(len(leaders)), each)
        x = _as_features(self._space, places)
        promise = Promise(self._trend, x, features(self._space, beside), self._best)
        points: list[Point] = []
        for number in range(n):
            whom = number % len(leaders)
            among = group == whom if in_turn else np.ones(len(group), bool)
            turn, rest = divmod(self._request.proposed + len(beside) + number, TURN)
            if rest == 0 and len(self._found) > 1:
                among = among & (whence == turn % len(self._found))
            blind = (self._request.proposed + len(beside) + number + 1) % ELSEWHERE == 0
            chosen, point = None, Point()
            for _ in range(2 * _DRAWN):
                chosen = None if blind else promise.choose(among)
                leader = leaders[whom if chosen is None else int(group[chosen])]
                row = self._stream.random(len(self._space)) if chosen is None else places[chosen]
                point = self._space.point(dict(zip(self._space, row.tolist(), strict=True)))
                if leader is not None:
                    point = self._together.follow(point, leader, self._stream)
                if self._together.allowed(point) and point not in self._known:
                    break
            if chosen is not None:
                promise.believe(chosen)
            self._known.add(point)
            points.append(point)
        return points

    def _drawn(self, n: int, leader: Point | None) -> tuple[Numbers, Whole]:
        """Places of points among which is chosen, (n, settings), and the region of each, -1 for those from anywhere."""
        whence = np.sort(self._stream.choice(len(self._found), n, p=self._shares()))
        parts = [self._from_region(region, int((whence == i).sum())) for i, region in enumerate(self._found)]
        places = np.concatenate(parts)
        elsewhere = self._stream.random(n) < _DRAWN_ELSEWHERE
        whence[elsewhere] = -1
        places[elsewhere] = self._stream.random((int(elsewhere.sum()), len(self._space)))
        copied = self._copied(leader)
        for column, (name, dimension) in enumerate(self._space.items()):
            off = self._together.switches.get(name, _NEVER)
            if name in copied:
                spread = 0.1 * self._stream.normal(size=n) if name in BY_CLASS else 0.0
                places[:, column] = np.clip(copied[name] + spread, 0, 1)
            elif not isinstance(dimension, Choice) and dimension.holds(off):
                # Clipping would leave many exactly there, each with a program of its own.
                places[:, column] = np.clip(places[:, column], _INSIDE, 1 - _INSIDE)
        return places, whence

    def _copied(self, leader: Point | None) -> dict[str, float]:
        """The places of what is copied from a leader: what decides its program, and what is switched off there."""
        if leader is None:
            return {}
        off = [name for name, value in self._together.switches.items() if leader.get(name, value) == value]
        names = [name for name in (*self._together.decides, *off) if name in leader]
        return {name: self._space[name].place(leader[name]) for name in names}

    def _shares(self) -> Numbers:
        """Of the drawn points, the share of each region: half in equal parts, half by its number of good points."""
        sizes = np.array([len(region.points) for region in self._found], float)
        return 0.5 / len(sizes) + 0.5 * sizes / sizes.sum()

    def _from_region(self, region: Region, n: int) -> Numbers:
        """Places of points from a region, (n, settings): from its boxes, around its points, or at one but for a few."""
        stream, kind = self._stream, self._stream.random(n)
        whose = stream.integers(len(region.points), size=n)
        own = features(self._space, region.points)[whose]
        stays = np.where(kind < _IN_BOX, 0.0, np.where(kind < _AROUND_POINT, _KEPT, 1 - _CHANGED / len(self._space)))
        places = np.empty((n, len(self._space)))
        for column, (name, dimension) in enumerate(self._space.items()):
            box = region.boxes[name]
            if isinstance(dimension, Choice):
                numbers = stream.choice(len(dimension.options), n, p=box.weights)
                inside = near = (numbers + 0.5) / len(dimension.options)
            else:
                inside = box.low + stream.random(n) * box.width
                near = own[:, column] + _DEVIATION * box.width * stream.normal(size=n)
            fresh = np.select([kind < _IN_BOX, kind < _AROUND_POINT], [inside, near], stream.random(n))
            places[:, column] = np.clip(np.where(stream.random(n) < stays, own[:, column], fresh), 0, 1)
        return places


def _as_features(space: Space, places: Numbers) -> Numbers:
    """Features of the points at these places: what is not searched under a condition is in the middle."""
    x = places.copy()
    names = list(space)
    for column, dimension in enumerate(space.values()):
        if isinstance(dimension, Choice):
            number = np.minimum((places[:, column] * len(dimension.options)).astype(int), len(dimension.options) - 1)
            x[:, column] = (number + 0.5) / len(dimension.options)
    for name in space.order:
        column = names.index(name)
        for parent, allowed in space.conditions.get(name, {}).items():
            values = [space[parent].at(u) for u in x[:, names.index(parent)].tolist()]
            x[[value not in allowed for value in values], column] = 0.5
    return x
