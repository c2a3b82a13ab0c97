"""Baselines: what a network must beat, and the noise of the seed against which everything is read."""

import dataclasses
from collections.abc import Sequence

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.remedies.experiment import RATES, at_rates
from caviar.training.metrics import MetricName
from caviar.training.scores import Score, constant_score
from caviar.training.workbench import Workbench

LINEAR_RATE = 0.01


@dataclasses.dataclass(frozen=True, eq=False)
class Baseline:
    """A model that a network is measured against.

    Attributes:
        name: constant | linear | default | yours.
        config: None for the constant model.
        scores: on held-out rows, one per seed.
    """

    name: str
    config: Config | None
    scores: tuple[Score, ...]


def train_baselines(
    split: Split, start: Config, bench: Workbench, *, own: bool, seeds: Sequence[int], metric: MetricName
) -> list[Baseline]:
    """Constant, linear and default model, and the user's own, in one population.

    Args:
        split: the data.
        start: the config that is to be improved.
        own: whether a person gave it; otherwise it is the default.
        seeds: of the replicas of `start`; the first is used for the others.
        metric: of the scores.
        bench: trains.

    Returns:
        The baselines, the one that is to be improved last.
    """
    replicas = [start.changed(seed=seed) for seed in seeds]
    linear = [Config(hidden_units=(), learning_rate=LINEAR_RATE * factor, seed=seeds[0]) for factor in RATES]
    default = Config(seed=seeds[0])
    population = [*replicas, *linear, *([default] if own else [])]
    if bench.fits(split, at_rates(start, seeds[0])):  # the remedies will ask for these rates, and find their scores
        population += [config for seed in seeds for config in at_rates(start, seed)]
    population = list(dict.fromkeys(population))
    score = dict(zip(population, bench.judge(split, population), strict=True))

    best = min((score[config] for config in linear), key=lambda judged: judged.loss.mean())
    found = [Baseline("constant", None, (constant_score(split, metric),)), Baseline("linear", best.config, (best,))]
    if own:
        found.append(Baseline("default", default, (score[default],)))
    return [*found, Baseline("yours" if own else "default", start, tuple(score[config] for config in replicas))]
