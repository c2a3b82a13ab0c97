"""`Trial`: one point of a study, and what came of it. No arrays: ten thousand of them are to fit into memory."""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from caviar.arrays import Numbers
from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER, MetricName
from caviar.training.scores import Score
from caviar.tuning.spaces.space import Point

State = Literal["complete", "pruned", "failed"]
"""`complete`: it has its value | `pruned` at a rung: it has the values of the rungs until then | `failed`: its function
raised, hung or was ended. A network that diverged is complete: it has the constant model's value."""

LOSS_DECIDES: tuple[MetricName, ...] = ("error", "rmse", "r2")
"""Metrics for which configs are ranked by their held-out loss."""


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What came of one point.

    Attributes:
        state: complete | pruned | failed.
        values: one number per objective as people read it, in the study's directions; empty where it failed, and
            where it was pruned those of its last rung.
        criterion: what points are ranked by, less is better: for networks see `criterion`, for functions the first
            value (negated where it is maximised). Infinite where it failed; where it was pruned that of its last rung.
        noise: standard error of the criterion, 0 where it is not known.
        rungs: by epoch or step, the first value there, in the study's direction, or what the function reported; empty
            with several objectives, for which Optuna has none.
        facts: plain values to be kept with the trial: status, train_error, best_epoch, ....
        curves: by name, one value per epoch; None where they are not at hand. They are kept in files of their own, see
            `records`.
        score: of networks, with a loss per row, as long as it is at hand.
    """

    state: State
    values: tuple[float, ...]
    criterion: float
    noise: float = 0.0
    rungs: Mapping[int, float] = dataclasses.field(default_factory=dict)
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    curves: Mapping[str, Numbers] | None = None
    score: Score | None = None


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One point of a study.

    Attributes:
        number: place in the study, from 0.
        generation: the generation it belongs to; -1 for a trial that others have added to the study.
        index: place in the generation, from 0.
        values: searched settings by name, those whose condition holds.
        config: the whole config; None where a function is tuned.
        outcome: how it did.
    """

    number: int
    generation: int
    index: int
    values: Point
    config: Config | None
    outcome: Outcome

    @property
    def id(self) -> str:
        """Generation/index: what a resumed search knows it by."""
        return f"{self.generation}/{self.index}"

    @property
    def network(self) -> Config:
        """The config of a trial that has one."""
        assert self.config is not None
        return self.config

    @property
    def score(self) -> Score:
        """The score of a network that is still at hand."""
        assert self.outcome.score is not None
        return self.outcome.score


def criterion(score: Score, metric: MetricName) -> float:
    """What configs are ranked by, less is better: the metric, but for `error` the held-out loss.

    A few hundred or thousand rows cannot tell apart the error rates of good configs, while their losses differ visibly.
    """
    if metric in LOSS_DECIDES:
        return float(score.loss.mean())
    if not np.isfinite(score.value):
        return math.inf
    return -score.value if metric in LARGER_IS_BETTER else score.value


def outcome_of(score: Score, metric: MetricName) -> Outcome:
    """The outcome of a network that was trained to its end."""
    decides = score.loss if metric in LOSS_DECIDES else score.error
    return Outcome(
        state="complete",
        values=(score.value,),
        criterion=criterion(score, metric),
        noise=float(decides.std() / math.sqrt(len(decides))),
        facts={
            "caviar:status": score.status,
            "loss": float(score.loss.mean()),
            "train_error": score.train_error,
            "best_epoch": score.best_epoch,
            "networks": score.networks,
        },
        curves=score.history,
        score=score,
    )
