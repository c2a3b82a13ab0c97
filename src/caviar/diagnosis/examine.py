"""A config becomes a `Subject`: its networks are trained and measured, beside companions with one thing changed.

Networks of one compiled program and seed are trained a lane at a time, and a lane that a list does not fill is filled
up with copies. Companions take these places: what would happen at another learning rate, without regularisation, or
from other starting weights is seen at next to no cost, and a finding about it is an experiment instead of a threshold.
Out of fold the lanes are full; companions then have one lane of their own, one fold each.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from caviar.data.split import Split
from caviar.diagnosis.probe import probe
from caviar.diagnosis.subject import Companion, CompanionKind, Probe, Subject
from caviar.errors import BadData
from caviar.network.activations import ActivationName
from caviar.network.config import Config
from caviar.network.initializers import InitializerName
from caviar.network.layers import Weights
from caviar.training.drive import starting_weights
from caviar.training.metrics import MetricName, metric_for
from caviar.training.plan import Program, lane_size, program_for
from caviar.training.record import Run
from caviar.training.scores import constant_score, networks_for, row_plan, score_runs

Train = Callable[[Split, Sequence[Config]], list[Run]]
"""Trains networks: `Workbench.train`, or `train` itself."""

RATES = (0.2, 5.0, 1 / 30, 30.0)
"""Factors of a companion's learning rate, the most telling first."""

PLAIN: Mapping[str, Any] = {
    "l1": 0.0,
    "l2": 0.0,
    "weight_decay": 0.0,
    "label_smoothing": 0.0,
    "dropout": 0.0,
    "input_noise": 0.0,
    "mixup": 0.0,
    "max_norm": None,
}
"""Settings of a config without regularisation."""

_NEXT_TO_NOTHING = {"dropout": 1e-6, "input_noise": 1e-9, "mixup": 1e-6, "max_norm": 1e9}
"""What stands for none where a program is compiled for some."""


def examine(
    split: Split, config: Config, train: Train, seeds: Sequence[int], metric: MetricName | None = None
) -> Subject:
    """Train a config's networks and their companions in one list, and measure them.

    Args:
        split: the data.
        config: to be diagnosed; its seed and rows are not read.
        train: trains networks.
        seeds: of its networks, at least one.
        metric: of the scores; None is error or rmse.
    """
    mine, places = _own(split, config, seeds), _places(split, config, seeds)
    runs = train(split, networks(split, config, seeds))
    own, others = runs[: len(mine)], runs[len(mine) :]
    return subject(own, split, [(*what[:2], run) for (what, _, _), run in zip(places, others, strict=True)], metric)


def networks(split: Split, config: Config, seeds: Sequence[int]) -> list[Config]:
    """What `examine` trains: the config's own networks, then those of its companions."""
    beside = [one.changed(seed=seed, rows=rows) for (_, _, one), seed, rows in _places(split, config, seeds)]
    return [*_own(split, config, seeds), *beside]


def _own(split: Split, config: Config, seeds: Sequence[int]) -> list[Config]:
    plan = row_plan(split)
    return [network for seed in seeds for network in networks_for(config.changed(rows=1.0, seed=seed), plan)]


def subject(
    runs: Sequence[Run],
    split: Split,
    companions: Sequence[tuple[CompanionKind, str, Run]] = (),
    metric: MetricName | None = None,
) -> Subject:
    """What was trained, measured.

    Args:
        runs: of one config, that differ in seed and fold only; with every seed the same folds.
        split: they were trained on it.
        companions: what was changed, how it is said, and the network, with a seed and fold of one of the runs.
        metric: of the scores; None is error or rmse.
    """
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        by_seed.setdefault(run.config.seed, []).append(run)
    judged_by = metric_for(split.task, metric)
    paired = {(run.config.seed, run.config.rows): run for run in runs}
    against = [paired[run.config.seed, run.config.rows] for _, _, run in companions]
    sets = [*by_seed.values(), *([run] for _, _, run in companions), *([run] for run in against)]
    scores = score_runs(split, sets, judged_by)
    n = len(by_seed)
    found: dict[str, list[int]] = {}
    for number, (_, name, _) in enumerate(companions):
        found.setdefault(name, []).append(number)
    return Subject(
        split=split,
        config=runs[0].config.changed(rows=1.0),
        runs=tuple(runs),
        scores=tuple(scores[:n]),
        constant=constant_score(split, judged_by, scores[0].on),
        start=_probed(split, runs[0], starting_weights(runs[0].config, split)),
        end=next((seen for run in runs if run.best_epoch and (seen := _probed(split, run, run.weights))), None),
        companions=tuple(
            Companion(
                kind=companions[numbers[0]][0],
                name=name,
                config=companions[numbers[0]][2].config.changed(rows=1.0),
                scores=tuple(scores[n + i] for i in numbers),
                against=tuple(scores[n + len(companions) + i] for i in numbers),
            )
            for name, numbers in found.items()
        ),
    )


def fitting_start(activation: ActivationName) -> InitializerName:
    """The initialiser that suits an activation: He for those that cut one side, Glorot for those with two bounds."""
    if activation in ("tanh", "sigmoid", "linear"):
        return "glorot"
    return "lecun" if activation == "selu" else "he"


def _changes(config: Config) -> Iterator[tuple[CompanionKind, str, Config]]:
    """The companions of a config, in the order in which they are worth a place."""
    for factor in RATES:
        said = f"learning rate x {factor:g}" if factor > 1 else f"learning rate / {1 / factor:g}"
        yield "higher rate" if factor > 1 else "lower rate", said, config.at_rate(config.rate * factor)
    plain = {name: none for name, none in PLAIN.items() if _is_some(getattr(config, name))}
    if plain:
        plain |= {name: _NEXT_TO_NOTHING[name] for name in plain if name in _NEXT_TO_NOTHING}
        yield "plain", "no regularisation", config.changed(**plain)
    fitting = fitting_start(config.activations[0]) if config.layers else "lecun"
    if config.network is None and config.initializer in ("normal", "zeros"):
        yield "other start", f"initializer {fitting}", config.changed(initializer=fitting)


def _is_some(value: Any) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)


def _places(
    split: Split, config: Config, seeds: Sequence[int]
) -> list[tuple[tuple[CompanionKind, str, Config], int, Any]]:
    """The companions that are trained, each with its seed and rows: as many as lanes have room for."""
    plan = row_plan(split)
    first, *_ = plan

    def program(one: Config) -> Program:
        return program_for(one.changed(rows=first), split)

    fitting = [change for change in _changes(config) if program(change[2]) == program(config)]
    if len(plan) > 1:
        return [(change, seeds[0], first) for change in fitting[: len(plan)]]
    each = min(lane_size(program(config).architecture) - 1, len(fitting))
    return [
        (fitting[(number * each + i) % len(fitting)], seed, first)
        for number, seed in enumerate(seeds)
        for i in range(each)
    ]


def _probed(split: Split, run: Run, weights: Weights) -> Probe | None:
    """A Probe, unless the weights are not finite."""
    if not all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(weights)):
        return None
    return probe(split, run.config, weights)


def check_same_config(runs: Sequence[Run]) -> None:
    """Refuse runs that are not of one config, or seeds that were not trained on the same folds.

    Raises:
        BadData: alike, or runs on a share of the train rows.
    """
    kinds = {run.config.changed(rows=1.0, seed=0) for run in runs}
    if len(kinds) > 1:
        raise BadData(
            "caviar.diagnose reads the runs of one config that differ in seed or fold only, got "
            f"{len(kinds)} configs. Call it once for each."
        )
    if any(isinstance(run.config.rows, float) and run.config.rows < 1 for run in runs):
        raise BadData(
            "caviar.diagnose reads runs on all train rows or on folds, got one on a share of them. What fewer rows are "
            "worth is told by caviar.diagnosis.learning_curve."
        )
    folds: dict[int, set[Any]] = {}
    for run in runs:
        folds.setdefault(run.config.seed, set()).add(run.config.rows)
    if len({frozenset(own) for own in folds.values()}) > 1:
        raise BadData(
            "caviar.diagnose needs every seed trained on the same folds, but they differ. Train all folds "
            "with every seed."
        )
