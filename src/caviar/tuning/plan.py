"""What a search is made of: a plan, a judge, records - and the study that comes out of it."""

import dataclasses
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import optuna

from caviar.network.config import Config
from caviar.training.metrics import MetricName
from caviar.tuning.proposals.propose import Proposer, Together, Zoom
from caviar.tuning.spaces.kept import plain_space
from caviar.tuning.spaces.space import Point, Space
from caviar.tuning.study.records import Recalled
from caviar.tuning.trials import Outcome, Trial

if TYPE_CHECKING:
    from caviar.tuning.critic.critic import Critique


class Entry(NamedTuple):
    """A point that is to be judged."""

    values: Point
    """Of the searched settings; those of a config that was given may lie outside the space."""
    config: Config | None
    """The whole config; None where a function is tuned."""


class Judge(Protocol):
    """Judges the points of a generation."""

    def __call__(self, entries: Sequence[Entry], generation: int, before: Sequence[Trial]) -> list[Outcome]:
        """One outcome for each, in their order; the same ones when it is asked again.

        Args:
            entries: the points.
            generation: counted from 0.
            before: the trials of earlier generations, in order.
        """
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

    def critique(self, seed: int = 0) -> "Critique":
        """What the trials say about the space: how much each setting matters, and what to change in the next search.

        Args:
            seed: of the random parts of the trials that must agree. It takes one to a few seconds.
        """
        from caviar.tuning.critic.critic import criticise  # noqa: PLC0415  (a second to import)

        return criticise(self.space, self.trials, seed=seed)


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


def asked_of(plan: Plan, **more: Any) -> dict[str, Any]:
    """What a study must be continued with, as plain values.

    Args:
        plan: of the search.
        more: what the judge follows from; `data` is the fingerprint of the data.
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
