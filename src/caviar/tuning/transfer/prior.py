"""What earlier studies on other data tell a search: where to look first, as long as it helps.

Every earlier study becomes a guess of how well any point does beside others there (`Earlier.guess`). In the first
generation the studies count by how alike their data are; from then on by how well their guesses rank what has been
tried on the new data. Points that all the studies together hold to be good are a share of every generation. The share
falls as the search finds out for itself, and is nothing once the guesses rank no better than chance, or the points of
the first generation that came from them did no better than the others: the prior is then left unused, and it is said.

Source: Feurer, Springenberg & Hutter 2015, AAAI (warm starts); Wistuba, Schilling & Schmidt-Thieme 2018, Machine
Learning 107:43 (studies weighed by how well they rank); Feurer et al. 2018, arXiv:1802.02219.
"""

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from scipy import stats

from caviar.arrays import Numbers
from caviar.tuning.proposals.propose import Proposal, Proposer, Request, Tried, Zoom, anywhere
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Point, Space

FIRST_SHARE, LATER_SHARE = 0.5, 0.5
"""Shares of a generation that come from earlier studies: of the first, and of later ones where they rank perfectly."""

_HALF_AFTER = 32
"""Points tried after which the share is half of what it would be."""

_KEPT = 400
"""Trials of an earlier study that are learned from, the best and the worst among them."""

_FEWEST = 8
"""Trials that an earlier study must have, and points that must have been tried before ranks are compared."""

_CHANCE = 1.28
"""Standard deviations of a correlation of ranks that chance alone reaches once in ten times."""

_DRAWN, _NEAR = 96, 48
"""Points drawn from the whole space, and near good ones, among which those are chosen that promise most."""

_WIDTH = 0.08
"""Standard deviation, in parts of a scale, of points that are drawn near others."""

_APART, _PENALTY = 0.15, 0.3
"""Distance (root mean square, in parts of the scales) under which a point is too near to one chosen before, and what
that costs: a share of the ranks."""

_OTHER_STREAM = 0x57A7
"""Keeps random numbers apart from those of the proposer that is warmed."""


@dataclasses.dataclass(frozen=True)
class Earlier:
    """A study on other data, as a search of a space sees it.

    Attributes:
        name: of its data or its folder, in words.
        points: settings of its trials, as values of the space that is searched.
        criteria: of each, less is better.
        likeness: of its data to those that are searched, in [0, 1]; see `likeness`.
    """

    name: str
    points: tuple[Point, ...]
    criteria: tuple[float, ...]
    likeness: float

    def ranks(self) -> Numbers:
        """The place of every trial among all: 0 is the best, 1 the worst."""
        return (stats.rankdata(self.criteria) - 1) / max(1, len(self.criteria) - 1)


@dataclasses.dataclass(frozen=True)
class Prior:
    """Earlier studies, and what they say about points of a space.

    Attributes:
        space: what is searched.
        earlier: the studies, each with at least eight trials.
    """

    space: Space
    earlier: tuple[Earlier, ...]

    @functools.cached_property
    def digest(self) -> str:
        """A word that is the same for the same prior and no other."""
        content = [repr(self.space), [dataclasses.astuple(one) for one in self.earlier]]
        return hashlib.sha256(json.dumps(content, sort_keys=True, default=repr).encode()).hexdigest()[:16]

    def __repr__(self) -> str:
        return f"Prior({', '.join(repr(one.name) for one in self.earlier)}; {self.digest})"

    @functools.cached_property
    def _guesses(self) -> list[Any]:
        from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415  (a second to import)

        found = []
        for one in self.earlier:
            model = ExtraTreesRegressor(100, min_samples_leaf=2, max_features=0.7, random_state=0)
            found.append(model.fit(encoded(self.space, one.points), one.ranks()))
        return found

    def guess(self, points: Sequence[Point]) -> Numbers:
        """The rank that each earlier study expects of points, shape (studies, points): 0 is the best."""
        if not points:
            return np.zeros((len(self.earlier), 0))
        x = encoded(self.space, points)
        return np.stack([model.predict(x) for model in self._guesses])

    def agreement(self, tried: Sequence[Tried]) -> Numbers:
        """How well each study ranks what was tried on the new data, shape (studies,).

        Spearman's correlation, less what chance alone would bring; 0 where it is no better than chance.
        """
        known = [one for one in tried if np.isfinite(one.criterion) and one.complete and one.point]
        if len(known) < _FEWEST:
            return np.array([one.likeness for one in self.earlier])
        came = stats.rankdata([one.criterion for one in known])
        chance = _CHANCE / (len(known) - 1) ** 0.5
        found = []
        for guessed in self.guess([one.point for one in known]):
            alike = float(np.corrcoef(stats.rankdata(guessed), came)[0, 1]) if np.ptp(guessed) and np.ptp(came) else 0.0
            found.append(max(0.0, (alike - chance) / (1 - chance)))
        return np.array(found)


class Verdict(NamedTuple):
    """Whether a prior is used on, and why."""

    used: bool
    sentence: str


@dataclasses.dataclass(frozen=True)
class Warmed:
    """A proposer that is helped by earlier studies, as long as they help.

    Attributes:
        proposer: proposes the other points.
        prior: the earlier studies.
    """

    proposer: Proposer
    prior: Prior

    @property
    def ahead(self) -> bool:
        """As the proposer does."""
        return self.proposer.ahead

    def __call__(self, request: Request) -> Proposal:
        """The points of a generation: first those that the earlier studies promise most of, then the proposer's."""
        weights = self._weights(request.tried, request.generation)
        wanted = self._wanted(request, weights)
        chosen = _most_promising(request, self.prior, weights, wanted) if wanted else []
        rest = request.n - len(chosen)
        proposal = self.proposer(request._replace(n=rest)) if rest else Proposal([])
        zooms = proposal.zooms
        if request.generation and _seen(request.tried):
            told = _region(request.space, chosen)
            if chosen or request.generation == 1:  # where it is left unused, that is said once
                zooms = (*zooms, Zoom(request.generation, len(chosen), told, self.verdict(request.tried).sentence))
        return Proposal([*chosen, *proposal.points], zooms)

    def verdict(self, tried: Sequence[Tried]) -> Verdict:
        """Whether the earlier studies help, by what was tried so far."""
        known = _seen(tried)
        names = ", ".join(one.name for one in self.prior.earlier) or "none"
        if not self.prior.earlier:
            return Verdict(False, "no earlier study has enough trials of these settings: left unused")
        if len(known) < _FEWEST:
            return Verdict(True, f"earlier studies ({names}) count by how alike their data are")
        agree = self.prior.agreement(tried)
        if not agree.any():
            return Verdict(False, f"earlier studies ({names}) rank these points no better than chance: left unused")
        pays, beside = self._pays(known, agree)
        if not pays:
            return Verdict(
                False, f"points from earlier studies ({names}) did no better than others{beside}: left unused"
            )
        best = int(agree.argmax())
        return Verdict(
            True,
            f"earlier studies help{beside}: {self.prior.earlier[best].name} ranks these points best "
            f"(agreement {agree[best]:.2f} of 1)",
        )

    def _weights(self, tried: Sequence[Tried], generation: int) -> Numbers:
        """What each earlier study counts, in [0, 1]; all zero where the prior is not used."""
        likeness = np.array([one.likeness for one in self.prior.earlier])
        if generation == 0 or len(_seen(tried)) < _FEWEST:
            return likeness
        if not self.verdict(tried).used:
            return np.zeros_like(likeness)
        return self.prior.agreement(tried)

    def _wanted(self, request: Request, weights: Numbers) -> int:
        if not len(weights) or not weights.any():
            return 0
        if request.generation == 0:
            return int(FIRST_SHARE * request.n)
        falling = _HALF_AFTER / (_HALF_AFTER + len(request.tried))
        return int(LATER_SHARE * float(weights.max()) * falling * request.n)

    def _pays(self, known: Sequence[Tried], weights: Numbers) -> tuple[bool, str]:
        """Whether points that the studies held to be good did better than the others; in words too."""
        expected = weights @ self.prior.guess([one.point for one in known])
        came = stats.rankdata([one.criterion for one in known]) / len(known)
        good = expected <= np.median(expected)
        if good.all() or not good.any():
            return True, ""
        mine, others = float(came[good].mean()), float(came[~good].mean())
        return mine < others, f" (mean rank {mine:.2f} of 1 against {others:.2f})"


def encoded(space: Space, points: Sequence[Point]) -> Numbers:
    """Points as numbers, shape (points, columns): places on the scales, and one column for each option of a choice.

    A setting that a point does not have is in the middle, and is none of the options.
    """
    columns = []
    for name, dimension in space.items():
        if isinstance(dimension, Choice):
            columns += [[float(name in p and p[name] == option) for p in points] for option in dimension.options]
        else:
            columns.append([dimension.place(p[name]) if name in p else 0.5 for p in points])
    return np.array(columns, float).reshape(len(columns), len(points)).T


def earlier_study(
    name: str, space: Space, trials: Sequence[tuple[Mapping[str, Any], float]], *, alike: float
) -> Earlier | None:
    """An earlier study for a space; None where fewer than eight of its trials have settings that are searched.

    Args:
        name: in words.
        space: what is searched on the new data.
        trials: values of settings and criterion of every complete trial; settings that are not searched are left out,
            values outside the space moved to its edge, and settings that are missing left out too.
        alike: see `likeness`.
    """
    found = [(_into(space, values), float(criterion)) for values, criterion in trials if np.isfinite(criterion)]
    found = [(point, criterion) for point, criterion in found if point]
    if len(found) < _FEWEST:
        return None
    found.sort(key=lambda one: one[1])
    # The best are told apart most finely, and the others say where not to look.
    best = found[: _KEPT // 2]
    rest = found[_KEPT // 2 :]
    step = max(1, -(-len(rest) // (_KEPT // 2)))
    kept = [*best, *rest[::step]]
    places = np.linspace(0, 1, len(found))
    taken = [*range(len(best)), *range(len(best), len(found), step)]
    # Ranks among all trials, not among those that are kept.
    return Earlier(name, tuple(point for point, _ in kept), tuple(float(places[i]) for i in taken), alike)


def _into(space: Space, values: Mapping[str, Any]) -> Point:
    """Values of an earlier study as a point of this space."""
    own = {
        name: value if space[name].holds(value) else space[name].at(space[name].place(value))
        for name, value in values.items()
        if name in space and (space[name].holds(value) or _can_move(space, name, value))
    }
    return space.active(own)


def _can_move(space: Space, name: str, value: Any) -> bool:
    return not isinstance(space[name], Choice) and isinstance(value, (int, float)) and not isinstance(value, bool)


def _seen(tried: Sequence[Tried]) -> list[Tried]:
    return [one for one in tried if one.complete and one.point and np.isfinite(one.criterion)]


def _most_promising(request: Request, prior: Prior, weights: Numbers, n: int) -> list[Point]:
    """Points that the studies hold to be good, apart from each other and from what was tried, in few programs."""
    space, together = request.space, request.together
    stream = np.random.Generator(
        np.random.Philox(key=(request.seed ^ _OTHER_STREAM) % (1 << 63), counter=[0, 5, request.generation, 0])
    )
    share = weights / weights.sum()
    pool = _pool(request, prior, share, stream)
    tried = encoded(space, [one.point for one in request.tried if one.point])
    chosen: list[Point] = []
    of_leader: dict[int, tuple[list[Point], Numbers, Numbers]] = {}
    for number in range(n):
        leader = number % together.leaders if number >= together.leaders else -1
        if leader not in of_leader:
            options = pool if leader < 0 else [together.follow(point, chosen[leader], stream) for point in pool]
            options = [point for point in options if together.allowed(point)]
            if not options:
                break
            of_leader[leader] = options, share @ prior.guess(options), encoded(space, options)
        options, expected, x = of_leader[leader]
        there = np.concatenate([tried, encoded(space, chosen)])
        cost = expected + _PENALTY * _nearness(x, there)
        chosen.append(options[int(cost.argmin())])
    return chosen


def _pool(request: Request, prior: Prior, share: Numbers, stream: np.random.Generator) -> list[Point]:
    """Points to choose from: the best of the earlier studies, points near them and near the best so far, and others."""
    space = request.space
    best = [
        one.points[i]
        for one, weight in zip(prior.earlier, share, strict=True)
        if weight > 0
        for i in np.argsort(one.criteria, kind="stable")[: max(3, round(32 * weight))]
    ]
    seen = sorted(_seen(request.tried), key=lambda one: one.criterion)[:8]
    centres = [*best, *(one.point for one in seen)]
    near = [_near(space, centres[int(stream.integers(len(centres)))], stream) for _ in range(_NEAR)]
    draw = anywhere(space)
    # What earlier studies do not search is drawn.
    return [*(_filled(space, p, stream) for p in best), *near, *(draw(stream) for _ in range(_DRAWN))]


def _filled(space: Space, point: Point, stream: np.random.Generator) -> Point:
    return space.active({name: point[name] if name in point else space[name].at(stream.random()) for name in space})


def _near(space: Space, point: Point, stream: np.random.Generator) -> Point:
    """A point in the neighbourhood of another: a little along every scale, now and then another option."""
    own: Point = {}
    for name, value in _filled(space, point, stream).items():
        dimension = space[name]
        if isinstance(dimension, Choice):
            own[name] = value if stream.random() < 1 - _WIDTH else dimension.at(stream.random())
        else:
            place = dimension.place(value) + _WIDTH * stream.normal()
            own[name] = dimension.at(min(1.0, max(0.0, place)))
    return space.active({name: own[name] if name in own else space[name].at(stream.random()) for name in space})


def _nearness(x: Numbers, there: Numbers) -> Numbers:
    """Of every point, how near the nearest of others is: 1 is the same point."""
    if not len(there):
        return np.zeros(len(x))
    apart = np.square(x[:, None, :] - there[None, :, :]).mean(axis=2).min(axis=1)
    return np.exp(-0.5 * apart / _APART**2)


def _region(space: Space, points: Sequence[Point]) -> dict[str, tuple[Any, ...]]:
    """Where points lie, as a `Zoom` says it."""
    region: dict[str, tuple[Any, ...]] = {}
    for name, dimension in space.items():
        values = [point[name] for point in points if name in point]
        if values:
            region[name] = tuple(dict.fromkeys(values)) if isinstance(dimension, Choice) else (min(values), max(values))
    return region
