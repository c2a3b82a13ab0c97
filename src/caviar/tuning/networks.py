"""Judges the points of a generation as networks: one list of configs, trained as populations."""

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path

from caviar.data.split import Split
from caviar.training.metrics import MetricName
from caviar.training.population import Callback, train
from caviar.training.scores import Score, networks_for, row_plan, score_runs
from caviar.tuning.search import Entry
from caviar.tuning.trials import Outcome, outcome_of


@dataclasses.dataclass(frozen=True, eq=False)
class Networks:
    """Trains the configs of a generation and judges each on rows it was not trained on.

    Attributes:
        split: train and dev rows; where they are few, configs are judged out of fold.
        metric: what is optimised.
        checkpoints: a folder in which networks are kept while they train; None: nowhere.
        callbacks: see `train`.
    """

    split: Split
    metric: MetricName
    checkpoints: Path | None = None
    callbacks: Sequence[Callback] = ()

    def __call__(self, entries: Sequence[Entry], generation: int) -> list[Outcome]:
        """One outcome per config."""
        on = row_plan(self.split)
        configs = [entry.config for entry in entries if entry.config is not None]
        networks = [network for config in configs for network in networks_for(config, on)]
        folder = self.checkpoints and self.checkpoints / f"generation-{generation:05d}"
        runs = train(self.split, networks, callbacks=self.callbacks, checkpoints=folder)
        of_each = [runs[i : i + len(on)] for i in range(0, len(runs), len(on))]
        scores = score_runs(self.split, of_each, self.metric)
        return [dataclasses.replace(outcome_of(score, self.metric), score=None) for score in scores]


@dataclasses.dataclass(frozen=True, eq=False)
class Scored:
    """Judges configs by a function that scores them and remembers its scores, which stay with the trials."""

    judged: Callable[[Sequence], list[Score]]
    metric: MetricName

    def __call__(self, entries: Sequence[Entry], generation: int) -> list[Outcome]:  # noqa: ARG002
        """One outcome per config."""
        return [outcome_of(score, self.metric) for score in self.judged([entry.config for entry in entries])]
