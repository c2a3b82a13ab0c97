"""What a search has so far, in memory and in the study."""

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import optuna

from caviar.tuning.plan import Entry, Plan, Records, Study
from caviar.tuning.proposals.front import by_front
from caviar.tuning.proposals.propose import Proposal, Request, Tried, Zoom
from caviar.tuning.spaces.space import Point
from caviar.tuning.study import store
from caviar.tuning.study.sharing import shares
from caviar.tuning.trials import LOSS_DECIDES, Outcome, Trial


class Batch(NamedTuple):
    """The points of a generation."""

    entries: list[Entry]
    zooms: tuple[Zoom, ...]
    outcomes: list[Outcome] | None = None
    """Where they are known."""
    recorded: bool = False
    """Whether the records hold them, or need not."""


class Progress:
    """What a search has so far: generations that are settled, and what the study and the records hold of others.

    Attributes:
        unusable: how many of other people's trials do not count, by the reason.
    """

    def __init__(self, plan: Plan, study: optuna.Study, records: Records, *, again: bool = False) -> None:
        """Read the study.

        Args:
            plan: what is searched.
            study: where trials are kept.
            records: where generations are kept.
            again: judge also what the study holds.
        """
        self._plan, self._study, self._records, self._again = plan, study, records, again
        self._begun: dict[int, store.Begun] = {}
        self._kept: dict[int, dict[int, Trial]] = {}
        self._settled: dict[int, list[Trial]] = {}
        self._zooms: dict[int, tuple[Zoom, ...]] = {}
        self._total, self._shared = 0, shares(study)
        held = self.refresh()
        self.unusable = held.unusable
        # Our networks are ranked by their loss; what others have tried has its value only: then that ranks all.
        self._by_value = bool(held.others) and plan.metric in LOSS_DECIDES
        self._signs = [-1 if one == optuna.study.StudyDirection.MAXIMIZE else 1 for one in study.directions]
        self._others = [self._as_tried(trial) for trial in held.others]
        self._tried: dict[int, list[Tried]] = {}

    def refresh(self) -> store.Held:
        """Read what has come into the study since it was last read."""
        held = store.held_by(self._study, self._plan.space, after=self._total)
        for trial in held.trials:
            self._kept.setdefault(trial.generation, {}).setdefault(trial.index, trial)
        self._begun |= held.begun
        self._total = held.total
        return held

    @property
    def trials(self) -> list[Trial]:
        """Those of the settled generations, in order."""
        return [trial for generation in sorted(self._settled) for trial in self._settled[generation]]

    def before(self, generation: int) -> list[Trial]:
        """The trials of the settled generations before one, in order."""
        return [trial for trial in self.trials if trial.generation < generation]

    @property
    def settled(self) -> int:
        """How many generations are settled."""
        return len(self._settled)

    def is_settled(self, generation: int) -> bool:
        """Whether all of a generation is in the study, and known here."""
        return generation in self._settled

    def in_study(self, generation: int) -> bool:
        """Whether the study holds all of a generation."""
        begun = self._begun.get(generation)
        return begun is not None and len(self._kept.get(generation, ())) == begun.points

    def generations(self) -> Iterator[int]:
        """The generations of the whole search: until all its trials are in one, or nothing more is to be tried."""
        left = self._plan.trials
        for generation in itertools.count():
            if left <= 0 or (generation in self._settled and not self._settled[generation]):
                return
            yield generation
            left -= self._points_of(generation)

    def left(self, generation: int) -> int:
        """Points that the search may still try, from a generation on."""
        return self._plan.trials - sum(map(self._points_of, range(generation)))

    def _points_of(self, generation: int) -> int:
        begun = self._begun.get(generation)
        return begun.points if begun else self._plan.generation_size(generation)

    def known(self, generation: int) -> Batch | None:
        """A generation that the study or the records hold whole; None where it is still to be proposed or judged."""
        if self.in_study(generation):
            kept, begun = self._kept[generation], self._begun[generation]
            entries = [self._entry(generation, index, kept[index].values) for index in range(begun.points)]
            outcomes = None if self._again else [kept[index].outcome for index in range(begun.points)]
            return Batch(entries, begun.zooms, outcomes, recorded=not self._again)
        found = self._records.recall(generation)
        if found is None:
            return None
        entries = [self._entry(generation, index, point) for index, point in enumerate(found.points)]
        return Batch(entries, found.zooms, found.outcomes, recorded=True)

    def request(self, generation: int) -> Request:
        """What a proposer is asked for a generation: it may know the trials of the settled ones before it.

        Whoever proposes ahead does not know the last of these.
        """
        plan, left = self._plan, self.left(generation)
        begun = self._begun.get(generation)
        wanted = begun.points if begun else min(plan.generation_size(generation), left)
        given = len(plan.given) if generation == 0 else 0
        until = generation - 1 if plan.propose.ahead else generation
        known = [self._tried[one] for one in sorted(self._tried) if one < until]
        tried = list(itertools.chain(self._others, *known))
        if len(self._signs) > 1:
            tried = by_front(tried)
        own = plan.trials - len(plan.given)
        of, together = min(left, own), plan.together(generation)
        return Request(plan.space, tried, wanted - given, generation, plan.seed, together, of, own - of)

    def propose(self, request: Request) -> Proposal:
        """The points of a generation; none where none are wanted."""
        return self._plan.propose(request) if request.n > 0 else Proposal([])

    def batch(self, generation: int, proposal: Proposal) -> Batch:
        """What is to be judged: the points that are given and those proposed; of what the study holds, that."""
        given = self._plan.given[: self.left(0)] if generation == 0 else ()
        return self.batch_of(generation, [*(entry.values for entry in given), *proposal.points], proposal.zooms)

    def batch_of(self, generation: int, points: Sequence[Point], zooms: tuple[Zoom, ...]) -> Batch:
        """Points that were proposed, with their configs; where the study holds one, as it was."""
        kept = self._kept.get(generation, {})
        held = [kept[index].values if index in kept else point for index, point in enumerate(points)]
        return Batch([self._entry(generation, index, point) for index, point in enumerate(held)], zooms)

    def begin(self, generation: int, batch: Batch) -> None:
        """Count with the points of a generation that is about to be judged."""
        self._begun[generation] = store.Begun(len(batch.entries), batch.zooms)

    def settle(self, generation: int, batch: Batch, outcomes: Sequence[Outcome]) -> list[Trial]:
        """Keep a generation: first in the records, then in the study what that lacks.

        Raises:
            BadRun: one of them cannot be written.
        """
        kept = self._kept.pop(generation, {})
        fresh, number = [], self._total
        for index, (entry, outcome) in enumerate(zip(batch.entries, outcomes, strict=True)):
            before = kept.get(index)
            known = outcome if before is None or self._again else before.outcome
            own = before.number if before else number
            fresh.append(Trial(own, generation, index, entry.values, entry.config, known))
            number += before is None
        if not batch.recorded:
            fresh = self._records.keep(generation, fresh, batch.zooms)
        begun = store.Begun(len(fresh), batch.zooms)
        missing = [trial for trial in fresh if trial.index not in kept]
        for trial in missing:
            store.add_trial(self._study, self._plan.space, trial, begun if trial.index == 0 else None)
        if self._shared and missing:  # others write too: which numbers these are is to be read
            self.refresh()
            numbers = {index: trial.number for index, trial in self._kept.pop(generation, {}).items()}
            fresh = [dataclasses.replace(trial, number=numbers.get(trial.index, trial.number)) for trial in fresh]
        else:
            self._total = number
        self._begun[generation] = begun
        self._settled[generation], self._zooms[generation] = fresh, batch.zooms
        self._tried[generation] = [self._as_tried(trial) for trial in fresh]
        return fresh

    def study(self) -> Study:
        """The finished search."""
        zooms = tuple(zoom for generation in sorted(self._zooms) for zoom in self._zooms[generation])
        return Study(self._plan.space, self._plan.metric, tuple(self.trials), zooms, self._study)

    def _entry(self, generation: int, index: int, point: Point) -> Entry:
        """A point with the config that it stands for; those that were given as they were given."""
        plan = self._plan
        if generation == 0 and index < len(plan.given):
            return plan.given[index]
        return Entry(point, plan.config(point) if plan.config else None)

    def _as_tried(self, trial: Trial) -> Tried:
        outcome = trial.outcome
        criterion, noise = outcome.criterion, outcome.noise
        values = tuple(sign * value for sign, value in zip(self._signs, outcome.values, strict=False))
        if self._by_value and values:
            criterion, noise = values[0], 0.0
        return Tried(trial.values, criterion, noise, outcome.state == "complete", values)
