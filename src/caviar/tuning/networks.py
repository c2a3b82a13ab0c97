"""Judges the points of a generation as networks: one list of configs, trained as populations, stopped at rungs."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.training.influence import influences
from caviar.training.metrics import LARGER_IS_BETTER, MetricName
from caviar.training.plan import last_epoch
from caviar.training.population import Callback, Progress, Rung, train
from caviar.training.record import Run
from caviar.training.scores import Score, answers_of, constant_score, networks_for, row_plan, score_of
from caviar.tuning.noise import HALVES, Standing, halves, jitters
from caviar.tuning.objectives import Objective, costs
from caviar.tuning.rungs import Rungs, go_on, may_stop
from caviar.tuning.search import Entry
from caviar.tuning.trials import LOSS_DECIDES, Outcome, Trial, criterion, outcome_of

RUNGS = "caviar:rungs"
"""The fact of an outcome that keeps the values of its rungs where there are several objectives, for which Optuna has no
intermediate values."""


@dataclasses.dataclass(frozen=True, eq=False)
class Networks:
    """Trains the configs of a generation and judges each on rows it was not trained on.

    The first config of the first generation, the user's own, goes on at every rung: it is what gains are told against.

    Attributes:
        split: train and dev rows; where they are few, configs are judged out of fold.
        metric: what is optimised.
        checkpoints: a folder in which networks are kept while they train; None: nowhere.
        callbacks: see `train`.
        crew: see `train`; None: this machine.
        rungs: when configs are compared and stopped; None: all are trained to their end.
        objectives: the error, and what else is to be small.
    """

    split: Split
    metric: MetricName
    checkpoints: Path | None = None
    callbacks: Sequence[Callback] = ()
    crew: Any = None
    rungs: Rungs | None = None
    objectives: tuple[Objective, ...] = ("error",)

    def __call__(self, entries: Sequence[Entry], generation: int, before: Sequence[Trial]) -> list[Outcome]:  # noqa: ARG002
        """One outcome per config.

        Raises:
            BadConfig: the metric has no value on the held-out rows, such as the AUC of rows of a single class.
        """
        configs = [entry.config for entry in entries if entry.config is not None]
        if not generation and not math.isfinite(constant_score(self.split, self.metric).value):
            raise BadConfig(
                f"The metric must have a value on the held-out rows, but {self.metric} has none on them. Split with "
                "more of them, or choose another metric."
            )
        race = _Race(self, configs, generation)
        folder = self.checkpoints and self.checkpoints / f"generation-{generation:05d}"
        with_crew = {} if self.crew is None else {"crew": self.crew}
        runs = train(
            self.split,
            race.networks,
            callbacks=(race.collect, *self.callbacks),
            rungs=race.rungs,
            checkpoints=folder,
            **with_crew,
        )
        return race.outcomes(runs)


class _Race:
    """The configs of one generation, each with one network or one per fold."""

    def __init__(self, asked: Networks, configs: Sequence[Config], generation: int) -> None:
        self._asked, self._split, self._configs = asked, asked.split, configs
        on = row_plan(self._split)
        self._each, self._first = len(on), generation == 0
        self.networks = [network for config in configs for network in networks_for(config, on)]
        self._costs = [costs(config, self._split, asked.objectives) for config in configs]
        self.rungs: list[Rung] = []
        if (how := asked.rungs) is not None and configs:
            most = max(last_epoch(config, self._split) for config in configs)
            for epoch in how.bracket(generation, most).epochs:
                self.rungs.append(Rung(epoch, lambda runs, epoch=epoch: self._keep(runs, epoch, how)))
        self._done: dict[int, Run] = {}
        self._values: list[dict[int, float]] = [{} for _ in configs]
        self._stopped: dict[int, Outcome] = {}

    def collect(self, progress: Progress) -> None:
        """Note the networks that are done: at a rung only the others are at hand."""
        self._done.update(progress.finished)

    def outcomes(self, runs: Sequence[Run]) -> list[Outcome]:
        """What came of every config."""
        left = [i for i in range(len(self._configs)) if i not in self._stopped]
        networks = [runs[i * self._each : (i + 1) * self._each] for i in left]
        found = dict(self._stopped)
        for i, (score, rows), own in zip(left, self._judged(networks), networks, strict=True):
            found[i] = self._outcome(i, score, rows, own)
        return [found[i] for i in range(len(self._configs))]

    def _keep(self, runs: Sequence[Run], epoch: int, how: Rungs) -> list[bool]:
        """Compare the configs of which a network is still in training."""
        numbers = [number for number in range(len(self.networks)) if number not in self._done]
        current = self._done | dict(zip(numbers, runs, strict=True))
        configs = sorted({number // self._each for number in numbers})
        networks = [[current[i * self._each + fold] for fold in range(self._each)] for i in configs]
        judged = list(self._judged(networks))
        for i, (score, _) in zip(configs, judged, strict=True):
            if math.isfinite(score.value):
                self._values[i][epoch] = score.value
        standings = self._standings(judged, networks, epoch)
        may = may_stop([self._configs[i] for i in configs], self._split, [self._costs[i] for i in configs])
        stays = go_on(standings, may, eta=how.eta, rungs=len(self.rungs), strict=how.strict)
        goes_on = {i: bool(stay) or (self._first and i == 0) for i, stay in zip(configs, stays, strict=True)}
        for i, (score, rows), own in zip(configs, judged, networks, strict=True):
            if not goes_on[i]:
                outcome = self._outcome(i, score, rows, own)
                self._stopped[i] = dataclasses.replace(outcome, state="pruned")
        return [goes_on[number // self._each] for number in numbers]

    def _judged(self, networks: Sequence[Sequence[Run]]) -> list[tuple[Score, Numbers]]:
        """The score of each config, and what each held-out row adds to its criterion but for a constant."""
        if not networks:
            return []
        metric, found = self._asked.metric, []
        for answered in answers_of(self._split, networks, metric):
            rows = answered.loss
            if metric not in LOSS_DECIDES:
                moved = influences(metric, answered.answer, answered.y)
                rows = -moved if metric in LARGER_IS_BETTER else moved * self._unit
            found.append((score_of(self._split, answered, metric), rows))
        return found

    @property
    def _unit(self) -> float:
        """By which errors of a regression are multiplied."""
        return self._split.target.std if self._asked.metric == "mae" else 1.0

    def _standings(
        self, judged: Sequence[tuple[Score, Numbers]], networks: Sequence[Sequence[Run]], epoch: int
    ) -> list[Standing]:
        metric = self._asked.metric
        criteria = [criterion(score, metric) for score, _ in judged]
        curves = [np.mean([run.history["dev_loss"] for run in own if run.epochs == epoch], axis=0) for own in networks]
        # How far the loss goes up and down as a part of it says the same of the metric: of a share of the rows that are
        # right, of what is wrong.
        heights = [1 + c if metric in LARGER_IS_BETTER and metric not in LOSS_DECIDES else c for c in criteria]
        return [
            Standing(c, rows, abs(height) * float(part) if math.isfinite(height) else 0.0)
            for c, height, (_, rows), part in zip(criteria, heights, judged, jitters(curves), strict=True)
        ]

    def _outcome(self, i: int, score: Score, rows: Numbers, runs: Sequence[Run]) -> Outcome:
        """What came of a config, without arrays of rows."""
        outcome, several = outcome_of(score, self._asked.metric), len(self._asked.objectives) > 1
        facts = dict(outcome.facts) | {
            "epochs": max(run.epochs for run in runs),
            HALVES: halves(rows).tolist(),
        }
        if several and self._values[i]:
            facts[RUNGS] = {str(epoch): value for epoch, value in self._values[i].items()}
        if not math.isfinite(score.value):
            return Outcome("failed", (), math.inf, facts=facts | {"reason": f"{self._asked.metric} is {score.value}"})
        return dataclasses.replace(
            outcome,
            values=(score.value, *self._costs[i]),
            noise=float(rows.std() / math.sqrt(len(rows))),
            rungs={} if several else dict(self._values[i]),
            facts=facts,
            curves={name: curve.astype(np.float32) for name, curve in score.history.items()},
            score=None,
        )


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Judges configs by a function that scores them and remembers its scores, which stay with the trials."""

    judged: Callable[[Sequence], list[Score]]
    metric: MetricName

    def __call__(self, entries: Sequence[Entry], generation: int, before: Sequence[Trial]) -> list[Outcome]:  # noqa: ARG002
        """One outcome per config."""
        return [outcome_of(score, self.metric) for score in self.judged([entry.config for entry in entries])]
