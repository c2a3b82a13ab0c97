"""The search: generation after generation of points, each judged as one list.

A generation is a function of the seed, its number and the trials of earlier generations, so that a search that was
interrupted goes on to the same study. What points are - configs of networks or arguments of a function - is known by
whoever proposes and judges them.
"""

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import optuna

from caviar.network.config import Config
from caviar.training.metrics import MetricName
from caviar.tuning import store
from caviar.tuning.kept_space import plain_space
from caviar.tuning.propose import Proposal, Proposer, Request, Together, Tried, Zoom
from caviar.tuning.records import Recalled
from caviar.tuning.space import Point, Space
from caviar.tuning.trials import LOSS_DECIDES, Outcome, Trial


class Entry(NamedTuple):
    """A point that is to be judged."""

    values: Point
    """Of the searched settings; those of a config that was given may lie outside the space."""
    config: Config | None
    """The whole config; None where a function is tuned."""


class Judge(Protocol):
    """Judges the points of a generation."""

    def __call__(self, entries: Sequence[Entry], generation: int) -> list[Outcome]:
        """One outcome for each, in their order; the same ones when it is asked again."""
        ...


class Records(Protocol):
    """Where generations are kept beside the study, with their curves."""

    def recall(self, generation: int) -> Recalled | None:
        """A generation that was judged before; None where it is not kept."""
        ...

    def keep(self, generation: int, trials: Sequence[Trial], zooms: tuple[Zoom, ...]) -> list[Trial]:
        """Keep a generation; the trials that are given back hold no arrays that are kept."""
        ...


class Nowhere:
    """Keeps nothing: curves stay with their trials."""

    def recall(self, generation: int) -> Recalled | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def keep(self, generation: int, trials: Sequence[Trial], zooms: tuple[Zoom, ...]) -> list[Trial]:  # noqa: ARG002
        """Trials keep what they have."""
        return list(trials)


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A finished search.

    Attributes:
        space: what was searched.
        metric: what is optimised; None where a function is tuned.
        trials: all of them, in order; trial 0 is the config from which the search started.
        zooms: the regions that were searched more densely, in order.
        optuna: the same as Optuna's Study.
    """

    space: Space
    metric: MetricName | None
    trials: tuple[Trial, ...]
    zooms: tuple[Zoom, ...]
    optuna: optuna.Study

    @property
    def ranked(self) -> list[Trial]:
        """Trials that are complete, the best first, by their criterion."""
        complete = [trial for trial in self.trials if trial.outcome.state == "complete"]
        return sorted(complete, key=lambda trial: trial.outcome.criterion)

    @property
    def best(self) -> Trial:
        """The best trial by its criterion."""
        return self.ranked[0]

    @property
    def best_value(self) -> float:
        """What the best trial has reached; of several objectives the first."""
        return self.best.outcome.values[0]

    @property
    def best_params(self) -> Point:
        """The searched settings of the best trial, and those that are fixed."""
        return self.space.fixed | self.best.values

    @property
    def best_config(self) -> Config:
        """The config of the best trial."""
        return self.best.network


@dataclasses.dataclass(frozen=True, eq=False)
class Plan:
    """What is searched, and how: with the judge, everything that a study follows from.

    Attributes:
        space: what is searched.
        propose: proposes the points of a generation.
        trials: points in all, those given included.
        generation_size: by the number of a generation, how many points it has; see `seed`.
        seed: of the proposals.
        given: the first points of the first generation; the first of them is trial 0.
        config: the whole config of a point; None where a function is tuned.
        together: what lets the points of a generation share programs.
        metric: what is optimised.
    """

    space: Space
    propose: Proposer
    trials: int
    generation_size: Callable[[int], int]
    seed: int
    given: tuple[Entry, ...]
    config: Callable[[Point], Config] | None
    together: Callable[[int], Together]
    metric: MetricName | None = None


def search(
    plan: Plan,
    judge: Judge,
    study: optuna.Study,
    *,
    records: Records | None = None,
    again: bool = False,
    enough: Callable[[], bool] = lambda: False,
    tell: Callable[[Sequence[Trial], tuple[Zoom, ...]], None] = lambda *_: None,
) -> Study:
    """Search a space.

    Args:
        plan: what is searched, and how.
        judge: trains configs, or calls a function, and says what came of each.
        study: where trials are kept, see `store.open_study`; those of this search that it holds are not judged again.
        records: where generations are kept with their curves, see `records.Curves`.
        again: judge also what the study holds: whoever judges remembers it, and knows more than the study keeps.
        enough: asked between generations; the search ends when it says so.
        tell: told after each generation of its trials and its zooms.

    Returns:
        The study, with every trial; all that it holds of this search, were it more than asked.

    Raises:
        BadRun: the study or the records cannot be written; the same call goes on from there.
    """
    so_far = Progress(plan, study, records or Nowhere(), again=again)
    with ThreadPoolExecutor(1, "caviar proposals") as pool:
        asked: Future[Proposal] | None = None
        for generation in itertools.count():
            batch = so_far.known(generation)
            if batch is None:
                # What is known is gone through first, so that a resumed search never ends before it.
                if so_far.left <= 0 or (so_far.trials and enough()):
                    break
                request = so_far.request(generation)
                batch = so_far.batch(generation, asked.result() if asked else so_far.propose(request))
            if not batch.entries:
                break
            asked = None
            if plan.propose.ahead and (then := so_far.request(generation + 1, before=len(batch.entries))).n > 0:
                asked = pool.submit(plan.propose, then)
            fresh = so_far.settle(generation, batch, batch.outcomes or judge(batch.entries, generation))
            tell(fresh, batch.zooms)
    return so_far.study()


class Batch(NamedTuple):
    """The points of a generation."""

    entries: list[Entry]
    zooms: tuple[Zoom, ...]
    outcomes: list[Outcome] | None = None
    """Where they are known."""
    recorded: bool = False
    """Whether the records hold them, or need not."""


class Progress:
    """What a search has so far, in memory and in the study: trials without arrays, in order.

    Attributes:
        trials: of finished generations.
    """

    def __init__(self, plan: Plan, study: optuna.Study, records: Records, *, again: bool = False) -> None:
        """What the study holds of this search; the generations are gone through by `known` and `settle`."""
        self._plan, self._study, self._records, self._again = plan, study, records, again
        held = store.held_by(study, plan.space)
        self._begun = store.begun_in(study)
        self._kept: dict[int, dict[int, Trial]] = {}
        for trial in held.trials:
            self._kept.setdefault(trial.generation, {}).setdefault(trial.index, trial)
        # Our networks are ranked by their loss; what others have tried has its value only: then that ranks all.
        self._by_value = bool(held.others) and plan.metric in LOSS_DECIDES
        self._maximised = study.directions[0] == optuna.study.StudyDirection.MAXIMIZE
        self._tried = [self._as_tried(trial) for trial in held.others]
        self._ends = [len(self._tried)]
        self._next = held.total
        self.trials: list[Trial] = []
        self._zooms: list[Zoom] = []

    @property
    def left(self) -> int:
        """Points that may still be tried."""
        return self._plan.trials - len(self.trials)

    def known(self, generation: int) -> Batch | None:
        """A generation that the study or the records hold whole; None where it is still to be proposed or judged."""
        kept, begun = self._kept.get(generation, {}), self._begun.get(generation)
        if begun is not None and len(kept) == begun.points:
            entries = [self._entry(generation, index, kept[index].values) for index in range(begun.points)]
            outcomes = None if self._again else [kept[index].outcome for index in range(begun.points)]
            return Batch(entries, begun.zooms, outcomes, recorded=not self._again)
        found = self._records.recall(generation)
        if found is None:
            return None
        entries = [self._entry(generation, index, point) for index, point in enumerate(found.points)]
        return Batch(entries, found.zooms, found.outcomes, recorded=True)

    def request(self, generation: int, before: int = 0) -> Request:
        """What a proposer is asked for a generation.

        Args:
            generation: its number.
            before: points of a generation that is being judged.
        """
        plan, left = self._plan, self.left - before
        given = len(plan.given) if generation == 0 else 0
        begun = self._begun.get(generation)
        wanted = begun.points if begun else min(plan.generation_size(generation), left)
        until = max(0, generation - 1) if plan.propose.ahead else generation
        tried = self._tried[: self._ends[min(until, len(self._ends) - 1)]]
        own = plan.trials - len(plan.given)
        of = min(left, own)
        together = plan.together(generation)
        return Request(plan.space, tried, wanted - given, generation, plan.seed, together, of, own - of)

    def propose(self, request: Request) -> Proposal:
        """The points of a generation; none where none are wanted."""
        return self._plan.propose(request) if request.n > 0 else Proposal([])

    def batch(self, generation: int, proposal: Proposal) -> Batch:
        """What is to be judged: the points that are given, those proposed, and those of which the study holds some."""
        given = self._plan.given[: self.left] if generation == 0 else ()
        points = [*(entry.values for entry in given), *proposal.points]
        kept = self._kept.get(generation, {})
        held = [kept[index].values if index in kept else point for index, point in enumerate(points)]
        return Batch([self._entry(generation, index, point) for index, point in enumerate(held)], proposal.zooms)

    def settle(self, generation: int, batch: Batch, outcomes: Sequence[Outcome]) -> list[Trial]:
        """Keep a generation: first in the records, then in the study what that lacks.

        Raises:
            BadRun: one of them cannot be written.
        """
        kept = self._kept.pop(generation, {})
        fresh = []
        for index, (entry, outcome) in enumerate(zip(batch.entries, outcomes, strict=True)):
            before = kept.get(index)
            number = before.number if before else self._next
            self._next += not before
            known = outcome if before is None or self._again else before.outcome
            fresh.append(Trial(number, generation, index, entry.values, entry.config, known))
        if not batch.recorded:
            fresh = self._records.keep(generation, fresh, batch.zooms)
        begun = store.Begun(len(fresh), batch.zooms)
        for trial in fresh:
            if trial.index not in kept:
                store.add_trial(self._study, self._plan.space, trial, begun if trial.index == 0 else None)
        self.trials += fresh
        self._zooms += batch.zooms
        self._tried += map(self._as_tried, fresh)
        self._ends.append(len(self._tried))
        return fresh

    def study(self) -> Study:
        """The finished search."""
        return Study(self._plan.space, self._plan.metric, tuple(self.trials), tuple(self._zooms), self._study)

    def _entry(self, generation: int, index: int, point: Point) -> Entry:
        """A point with the config that it stands for; those that were given as they were given."""
        plan = self._plan
        if generation == 0 and index < len(plan.given):
            return plan.given[index]
        return Entry(point, plan.config(point) if plan.config else None)

    def _as_tried(self, trial: Trial) -> Tried:
        outcome = trial.outcome
        criterion, noise = outcome.criterion, outcome.noise
        if self._by_value and outcome.values:
            criterion, noise = (-outcome.values[0] if self._maximised else outcome.values[0]), 0.0
        return Tried(trial.values, criterion, noise, outcome.state == "complete", outcome.values)


def asked_of(plan: Plan, **more: Any) -> dict[str, Any]:
    """What a study must be continued with, as plain values.

    Args:
        plan: of the search.
        more: what the judge follows from; `data` is the fingerprint of the rows.
    """
    return {
        "seed": plan.seed,
        "metric": plan.metric,
        "generation": plan.generation_size(0),
        "proposals": repr(plan.propose),
        "space": plain_space(plan.space),
        "given": [entry.config.to_json() if entry.config else entry.values for entry in plan.given],
        **more,
    }


def mark_of(asked: Mapping[str, Any]) -> str:
    """What a search is known by, in its records."""
    return hashlib.sha256(json.dumps(asked, sort_keys=True, default=repr).encode()).hexdigest()[:32]
