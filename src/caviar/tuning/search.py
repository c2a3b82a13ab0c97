"""The search: generation after generation of points, each judged as one list.

A generation is a function of the seed, its number and the trials of earlier generations, so that a search that was
interrupted goes on to the same study. What points are - configs of networks or arguments of a function - is known by
whoever proposes and judges them.
"""

import dataclasses
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple, Protocol

import optuna

from caviar.network.config import Config
from caviar.training.metrics import MetricName
from caviar.tuning import store
from caviar.tuning.propose import Proposal, Proposer, Request, Together, Tried, Zoom
from caviar.tuning.space import Point, Space
from caviar.tuning.trials import Outcome, Trial


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
    """Where outcomes are kept beside the study, with their curves."""

    def recall(self, generation: int) -> list[Outcome] | None:
        """The outcomes of a generation that was judged before; None where they are not kept."""
        ...

    def keep(self, generation: int, trials: Sequence[Trial]) -> None:
        """Keep the trials of a generation."""
        ...


class Nowhere:
    """Keeps nothing: curves stay with their trials."""

    def recall(self, generation: int) -> list[Outcome] | None:  # noqa: ARG002
        """Nothing is known."""
        return None

    def keep(self, generation: int, trials: Sequence[Trial]) -> None:
        """Trials keep what they have."""


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
        records: where curves are kept.
        again: judge also what the study holds: whoever judges remembers it, and knows more than the study keeps.
        enough: asked between generations; the search ends when it says so.
        tell: told after each generation of its trials and its zooms.

    Returns:
        The study, with every trial.
    """
    kept, records = store.trials_of(study, plan.space), records or Nowhere()
    others = [trial for trial in kept.values() if trial.generation < 0]
    done: list[Trial] = []
    zooms: list[Zoom] = []
    generation = 0

    def propose(generation: int, size: int, left: int) -> Proposal:
        if size <= 0:
            return Proposal([])
        until = generation - 1 if plan.propose.ahead else generation
        tried = [_tried(trial) for trial in (*others, *done) if trial.generation < until]
        together, own = plan.together(generation), plan.trials - len(plan.given)
        left = min(left, own)
        return plan.propose(Request(plan.space, tried, size, generation, plan.seed, together, left, own - left))

    def wanted(generation: int, left: int) -> int:
        return min(plan.generation_size(generation), left) - (len(plan.given) if generation == 0 else 0)

    with ThreadPoolExecutor(1, "caviar proposals") as pool:
        ahead = None
        # A generation that the study holds is gone through again, so that a resumed search never ends before it.
        while len(done) < plan.trials and (not done or f"{generation}/0" in kept or not enough()):
            left = plan.trials - len(done)
            proposal = ahead.result() if ahead else propose(generation, wanted(generation, left), left)
            given = plan.given[:left] if generation == 0 else ()
            entries = [*given, *(_entry(point, plan) for point in proposal.points)]
            if not entries:
                break
            after = left - len(entries)
            if plan.propose.ahead and after > 0:
                ahead = pool.submit(propose, generation + 1, wanted(generation + 1, after), after)
            outcomes = _known(generation, len(entries), kept, records, again=again)
            judged = judge(entries, generation) if outcomes is None else outcomes
            fresh = [
                Trial(len(done) + index, generation, index, entry.values, entry.config, outcome)
                for index, (entry, outcome) in enumerate(zip(entries, judged, strict=True))
            ]
            if outcomes is None:
                records.keep(generation, fresh)
            for trial in fresh:
                if trial.id not in kept:
                    store.add_trial(study, plan.space, trial)
            done += fresh
            zooms += proposal.zooms
            tell(fresh, proposal.zooms)
            generation += 1
    return Study(plan.space, plan.metric, tuple(done), tuple(zooms), study)


def _known(
    generation: int, size: int, kept: dict[str, Trial], records: Records, *, again: bool
) -> list[Outcome] | None:
    """The outcomes of a generation, where the study or the records hold all of them."""
    ids = [f"{generation}/{index}" for index in range(size)]
    if all(one in kept for one in ids) and not again:
        return [kept[one].outcome for one in ids]
    outcomes = records.recall(generation)
    return outcomes if outcomes is not None and len(outcomes) == size else None


def _entry(point: Point, plan: Plan) -> Entry:
    """A proposed point; of a network with the values as its config has them."""
    return Entry(point, plan.config(point) if plan.config else None)


def _tried(trial: Trial) -> Tried:
    outcome = trial.outcome
    return Tried(trial.values, outcome.criterion, outcome.noise, outcome.state == "complete", outcome.values)


def asked_of(plan: Plan, **more: Any) -> dict[str, Any]:
    """What a study must be continued with, as plain values."""
    return {
        "seed": plan.seed,
        "metric": plan.metric,
        "generation": plan.generation_size(0),
        "proposals": repr(plan.propose),
        "space": repr(plan.space),
        "given": [entry.config.to_json() if entry.config else entry.values for entry in plan.given],
        **more,
    }
