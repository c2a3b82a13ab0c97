"""Several objectives: which trials no other beats in everything, and which differences among them are noise.

Trials are compared by their criterion - for networks mostly the held-out loss, of which a few hundred rows tell more
than of the error rate, as everywhere in a study - and by the other objectives as they are. The best of the front is
therefore `Study.best`. Optuna's `best_trials` go by the error rate instead.
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

from caviar.arrays import Numbers, Whole
from caviar.errors import BadSpace
from caviar.tuning.noise import HALVES, LEVEL, beyond
from caviar.tuning.proposals.propose import Tried
from caviar.tuning.trials import Outcome, Trial

Direction = Literal["minimize", "maximize"]


@dataclasses.dataclass(frozen=True, eq=False)
class Member:
    """A trial of the front.

    Attributes:
        trial: the trial.
        as_good_as_best: whether its criterion is not shown to be worse than that of the best.
        no_better_than: numbers of the members before it, which cost less in the first of the other objectives and no
            more in any, than which its criterion is not shown to be better: what it costs more may buy nothing.
    """

    trial: Trial
    as_good_as_best: bool
    no_better_than: tuple[int, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Front:
    """The trials that no other beats.

    Attributes:
        members: from the least to the largest of the second objective; of one objective the best, and its equals.
    """

    members: tuple[Member, ...]

    @property
    def best(self) -> Trial:
        """The member of the best criterion."""
        return min(self.members, key=lambda member: member.trial.outcome.criterion).trial

    @property
    def smallest_as_good(self) -> Trial:
        """The first member that is as good as the best, as far as noise can tell."""
        return next(member for member in self.members if member.as_good_as_best).trial


def front(trials: Sequence[Trial], directions: Sequence[Direction] = ()) -> Front:
    """The non-dominated trials among those that are complete.

    Of two that are equal in everything both are members. That two criteria differ is told apart from noise by what
    random halves of the rows say of them, where networks left that with their trials (see `noise.halves`), else by the
    standard errors of both; the chance of an error is divided among the members (Bonferroni).

    Args:
        trials: of one study; those that failed or were stopped are left out.
        directions: of all objectives, for functions that make one large; () makes all of them small.

    Raises:
        BadSpace: no trial is complete, one has a value that is no number, or they have different numbers of values.
    """
    complete = [trial for trial in trials if trial.outcome.state == "complete"]
    if not complete:
        raise BadSpace(f"A front needs a trial that is complete, got none among {len(trials)}. Search longer.")
    points = np.array(_vectors([trial.outcome for trial in complete], directions))
    on = [complete[i] for i in np.flatnonzero(ranks_of(points) == 0)]
    place = {id(trial): tuple(point) for trial, point in zip(complete, points, strict=True)}
    on.sort(key=lambda trial: (*place[id(trial)][1:], place[id(trial)][0], trial.number))
    best = min(on, key=lambda trial: trial.outcome.criterion)
    chance = (1 - LEVEL) / max(1, len(on) - 1)
    members = []
    for number, trial in enumerate(on):
        cheaper = [
            other
            for other in on[:number]
            if all(a <= b for a, b in zip(place[id(other)][1:], place[id(trial)][1:], strict=True))
            and place[id(other)][1:] != place[id(trial)][1:]
        ]
        no_better = tuple(other.number for other in cheaper if not _worse(other.outcome, trial.outcome, chance))
        members.append(Member(trial, not _worse(trial.outcome, best.outcome, chance), no_better))
    return Front(tuple(members))


def by_front(tried: Sequence[Tried]) -> list[Tried]:
    """The same points with a criterion that serves all objectives, for proposers that go by one number.

    The number of the front on which a point lies, from 0, plus what is below 1 and smaller for points in emptier parts
    of it: 1 / (2 + crowding distance), in which costs count by their logarithm where all are above 0. Points that were
    stopped early stand behind all that are complete, points without values have none.

    Args:
        tried: with values that are to be small; the first is taken from the criterion.

    Source: Deb et al. 2002 (NSGA-II).
    """
    found = [one._replace(criterion=math.inf) for one in tried]
    behind = 0.0
    for complete in (True, False):
        places = [i for i, one in enumerate(tried) if one.complete is complete and _has_values(one)]
        if not places:
            continue
        points = np.array([(tried[i].criterion, *tried[i].values[1:]) for i in places], float)
        ranks = ranks_of(points)
        positive = (points[:, 1:] > 0).all(axis=0)
        points[:, 1:][:, positive] = np.log(points[:, 1:][:, positive])
        for rank in range(int(ranks.max()) + 1):
            members = np.flatnonzero(ranks == rank)
            for i, room in zip(members, crowding(points[members]), strict=True):
                found[places[i]] = tried[places[i]]._replace(criterion=behind + rank + 1 / (2 + float(room)))
        behind += float(ranks.max()) + 1
    return found


def ranks_of(points: Numbers) -> Whole:
    """For each point the number of its front: 0 where none is at least as good in everything and better in something.

    Args:
        points: shape (points, objectives), less is better.

    Source: Zhang, Tian, Cheng & Jin 2015 (efficient non-dominated sort, by binary search over the fronts).
    """
    points = np.asarray(points, float)
    ranks = np.zeros(len(points), int)
    fronts: list[Numbers] = []  # each with room for more
    sizes: list[int] = []
    distinct, place = np.unique(points, axis=0, return_inverse=True)  # in order: none is beaten by a later one
    of_distinct = np.zeros(len(distinct), int)
    for number, point in enumerate(distinct):
        low, high = 0, len(fronts)
        while low < high:  # whoever is beaten by a front is beaten by all fronts before it
            middle = (low + high) // 2
            beaten = (fronts[middle][: sizes[middle]] <= point).all(axis=1).any()
            low, high = (middle + 1, high) if beaten else (low, middle)
        if low == len(fronts):
            fronts.append(np.empty((4, points.shape[1])))
            sizes.append(0)
        if sizes[low] == len(fronts[low]):
            fronts[low] = np.concatenate([fronts[low], np.empty_like(fronts[low])])
        fronts[low][sizes[low]] = point
        sizes[low] += 1
        of_distinct[number] = low
    ranks[:] = of_distinct[place.reshape(-1)]
    return ranks


def crowding(points: Numbers) -> Numbers:
    """How much room each point of a front has: the sides of the box between its neighbours; infinite at the ends.

    Args:
        points: shape (points, objectives).

    Source: Deb et al. 2002.
    """
    room = np.zeros(len(points))
    for values in np.asarray(points, float).T:
        order = np.argsort(values, kind="stable")
        ordered = values[order]
        span = ordered[-1] - ordered[0]
        if span > 0:
            room[order[1:-1]] += (ordered[2:] - ordered[:-2]) / span
            room[order[[0, -1]]] = np.inf
    return room


def _has_values(one: Tried) -> bool:
    return bool(one.values) and bool(np.isfinite([one.criterion, *one.values[1:]]).all())


def _vectors(outcomes: Sequence[Outcome], directions: Sequence[Direction]) -> list[tuple[float, ...]]:
    """What outcomes are compared by, less is better."""
    objectives = len(directions) or len(outcomes[0].values)
    signs = [-1.0 if word == "maximize" else 1.0 for word in directions] or [1.0] * objectives
    vectors = []
    for outcome in outcomes:
        if len(outcome.values) != objectives:
            raise BadSpace(
                f"The trials of a front must have {objectives} values each, got one with {len(outcome.values)}. Take "
                "those of one study."
            )
        if np.isnan([outcome.criterion, *outcome.values]).any():
            raise BadSpace(
                f"Values of a complete trial must be numbers, got {outcome.values}. Let a trial without a value fail."
            )
        rest = zip(signs[1:], outcome.values[1:], strict=True)
        vectors.append((outcome.criterion, *(sign * value for sign, value in rest)))
    return vectors


def _worse(one: Outcome, other: Outcome, chance: float) -> bool:
    """Whether one criterion is worse than another, beyond noise."""
    apart = one.criterion - other.criterion
    left = [outcome.facts.get(HALVES) for outcome in (one, other)]
    if left[0] and left[1]:
        return beyond(apart, np.array(left[0]), np.array(left[1]), chance)
    return apart > float(stats.norm.isf(chance)) * math.hypot(one.noise, other.noise)
