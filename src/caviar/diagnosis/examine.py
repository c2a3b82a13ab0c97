"""A config becomes a `Subject`: its networks are trained and measured, beside companions with one thing changed.

Networks of one compiled program and seed are trained a lane at a time, and a lane that a list does not fill is filled
up with copies. Companions take these places: what would happen at another learning rate, without regularisation, or
from other starting weights is seen at next to no cost, and a finding about it is an experiment instead of a threshold.
Out of fold the lanes are full; companions then have one lane of their own, one fold each.

A network that is plainly bad gets a second look: the companions that found no place, and those that are programs of
their own, are trained then, in no more lanes than the first look took. So are output, loss or starting weights that
fit, where the config sets unusual ones. A network that is well costs what its own training does.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax
import numpy as np

from caviar.data.split import Split
from caviar.diagnosis.batch import usual_size
from caviar.diagnosis.bias_variance import bias_variance
from caviar.diagnosis.guard import stuck, underfits
from caviar.diagnosis.probe import probe
from caviar.diagnosis.subject import Companion, CompanionKind, Probe, Subject
from caviar.errors import BadData
from caviar.network.activations import ActivationName
from caviar.network.config import Config
from caviar.network.initializers import InitializerName
from caviar.network.layers import Weights
from caviar.training.drive import starting_weights
from caviar.training.metrics import MetricName, metric_for
from caviar.training.plan import Program, lane_size, output_for, program_for
from caviar.training.record import Run
from caviar.training.scores import constant_score, networks_for, row_plan, score_runs

Train = Callable[[Split, Sequence[Config]], list[Run]]
"""Trains networks: `Workbench.train`, or `train` itself."""

_NEAR, _FAR = 5.0, 30.0
"""Factors of companions' learning rates."""

_UNUSUAL = 3.0
"""Times the usual learning rate, or a third of it: then the usual one lies on that side."""

_BATCH = 4
"""Times the usual mini-batch, or a quarter of it, from which a mini-batch of the usual size is tried."""

_ALWAYS: tuple[CompanionKind, ...] = ("fitting output", "other start")
"""Kinds that are trained whatever the network does: what they change is set against all custom."""

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
    split: Split,
    config: Config,
    train: Train,
    seeds: Sequence[int],
    metric: MetricName | None = None,
    *,
    optimal_error: float | None = None,
    tolerance: float | None = None,
) -> Subject:
    """Train a config's networks and their companions in one list, and measure them.

    Args:
        split: the data.
        config: to be diagnosed; its seed and rows are not read.
        train: trains networks.
        seeds: of its networks, at least one.
        metric: of the scores; None is error or rmse.
        optimal_error: see `bias_variance`.
        tolerance: alike.
    """
    mine, places = _own(split, config, seeds), _places(split, config, seeds)
    runs = train(split, [*mine, *(place.network for place in places)])
    own, others = runs[: len(mine)], runs[len(mine) :]
    beside = list(zip(places, others, strict=True))
    seen = subject(own, split, beside, metric, optimal_error=optimal_error, tolerance=tolerance)
    left = _second_look(seen, places, seeds)
    if not left:
        return seen
    runs = train(split, [place.network for place in left])
    more = _companions(seen.runs, split, list(zip(left, runs, strict=True)), metric)
    return dataclasses.replace(seen, companions=(*seen.companions, *more))


class Change(NamedTuple):
    """What a companion has that the config has not."""

    kind: CompanionKind
    name: str
    config: Config


class Place(NamedTuple):
    """A companion that is trained: what was changed, and the network, with a seed and fold of the config's own."""

    change: Change
    network: Config


def _own(split: Split, config: Config, seeds: Sequence[int]) -> list[Config]:
    plan = row_plan(split)
    return [network for seed in seeds for network in networks_for(config.changed(rows=1.0, seed=seed), plan)]


def _second_look(seen: Subject, placed: Sequence[Place], seeds: Sequence[int]) -> list[Place]:
    """The companions that are worth trainings of their own: of one seed and fold, as many as fill the first's lanes."""
    config, split = seen.config, seen.split
    before = {place.change.name for place in placed}
    bad = wanting(seen)
    left = [c for c in _changes(config, split) if c.name not in before and (bad or c.kind in _ALWAYS)]
    first, *_ = row_plan(split)
    programs = [program_for(change.config.changed(rows=first), split) for change in left]
    taken: dict[Program, int] = {}
    chosen = []
    for change, program in zip(left, programs, strict=True):
        lanes = {**taken, program: taken.get(program, 0) + 1}
        if sum(-(-count // lane_size(one.architecture)) for one, count in lanes.items()) <= len(seeds):
            taken = lanes
            chosen.append(Place(change, change.config.changed(seed=seeds[0], rows=first)))
    return chosen


def wanting(seen: Subject) -> bool:
    """Whether a network is plainly bad: it diverged, learned next to nothing, or fits less than a quick model does."""
    gone = any(score.status == "diverged" for score in seen.scores)
    return gone or stuck(seen) or underfits(seen)


def subject(
    runs: Sequence[Run],
    split: Split,
    companions: Sequence[tuple[Place, Run]] = (),
    metric: MetricName | None = None,
    *,
    optimal_error: float | None = None,
    tolerance: float | None = None,
) -> Subject:
    """What was trained, measured.

    Args:
        runs: of one config, that differ in seed and fold only; with every seed the same folds.
        split: they were trained on it.
        companions: what was changed, and the network, with a seed and fold of one of the runs.
        metric: of the scores; None is error or rmse.
        optimal_error: see `bias_variance`.
        tolerance: alike.
    """
    by_seed: dict[int, list[Run]] = {}
    for run in runs:
        by_seed.setdefault(run.config.seed, []).append(run)
    judged_by = metric_for(split.task, metric)
    scores = score_runs(split, list(by_seed.values()), judged_by)
    sound = any(score.status != "diverged" for score in scores)
    return Subject(
        split=split,
        config=runs[0].config.changed(rows=1.0),
        runs=tuple(runs),
        scores=tuple(scores),
        constant=constant_score(split, judged_by, scores[0].on),
        start=_probed(split, runs[0], starting_weights(runs[0].config, split)),
        end=next((seen for run in runs if run.best_epoch and (seen := _probed(split, run, run.weights))), None),
        companions=_companions(runs, split, companions, metric),
        gaps=bias_variance(scores, split, optimal_error, tolerance, runs=runs) if sound else None,
    )


def _companions(
    runs: Sequence[Run], split: Split, beside: Sequence[tuple[Place, Run]], metric: MetricName | None
) -> tuple[Companion, ...]:
    """What was trained beside the runs, each judged against the run of its seed and fold."""
    if not beside:
        return ()
    paired = {(run.config.seed, run.config.rows): run for run in runs}
    against = [paired[run.config.seed, run.config.rows] for _, run in beside]
    each = list(dict.fromkeys([*(run for _, run in beside), *against]))  # many are compared with one network
    judged = score_runs(split, [[run] for run in each], metric_for(split.task, metric))
    score_of = dict(zip(each, judged, strict=True))
    found: dict[Change, list[int]] = {}
    for number, (place, _) in enumerate(beside):
        found.setdefault(place.change, []).append(number)
    return tuple(
        Companion(
            kind=change.kind,
            name=change.name,
            config=beside[numbers[0]][1].config.changed(rows=1.0),
            scores=tuple(score_of[beside[i][1]] for i in numbers),
            against=tuple(score_of[against[i]] for i in numbers),
        )
        for change, numbers in found.items()
    )


def fitting_start(activation: ActivationName) -> InitializerName:
    """The initialiser that suits an activation: He for those that cut one side, Glorot for those with two bounds."""
    if activation in ("tanh", "sigmoid", "linear"):
        return "glorot"
    return "lecun" if activation == "selu" else "he"


def _changes(config: Config, split: Split) -> list[Change]:
    """The companions of a config, in the order in which they are worth a place."""
    found: list[Change] = []
    fitting = config.changed(output=None, loss=None)
    of_numbers = split.task == "regression" and output_for(config, split.outputs) == "linear"  # whose losses all fit
    if not of_numbers and program_for(fitting, split) != program_for(config, split):
        found.append(Change("fitting output", "output and loss that fit", fitting))
    if config.network is None and config.initializer in ("normal", "zeros"):
        start = fitting_start(config.activations[0]) if config.layers else "lecun"
        found.append(Change("other start", f"initializer {start}", config.changed(initializer=start)))
    near, far = _rates(config)
    return [*found, *near, *_plain(config), *_batch(config, split), *far]


def _rates(config: Config) -> tuple[list[Change], list[Change]]:
    """Two learning rates near by and two far away, those first on whose side the usual one is."""
    usual = config.changed(learning_rate=None).rate
    down, up = [1 / _NEAR, 1 / _FAR], [_NEAR, _FAR]
    if config.rate > _UNUSUAL * usual:
        order = [*down, *up]
    elif config.rate < usual / _UNUSUAL:
        order = [*up, *down]
    else:
        order = [down[0], up[0], down[1], up[1]]
    found = []
    for factor in order:
        said = f"learning rate x {factor:g}" if factor > 1 else f"learning rate / {1 / factor:g}"
        found.append(Change("higher rate" if factor > 1 else "lower rate", said, config.at_rate(config.rate * factor)))
    return found[:2], found[2:]


def _plain(config: Config) -> list[Change]:
    """No regularisation, where there is some."""
    plain = {name: none for name, none in PLAIN.items() if _is_some(getattr(config, name))}
    if not plain:
        return []
    plain |= {name: _NEXT_TO_NOTHING[name] for name in plain if name in _NEXT_TO_NOTHING}
    return [Change("plain", "no regularisation", config.changed(**plain))]


def _batch(config: Config, split: Split) -> list[Change]:
    """Mini-batches of the usual size, where they are far from it."""
    mine, usual = program_for(config, split).batch_size, usual_size(split.n_train)
    if usual / _BATCH < mine < usual * _BATCH:
        return []
    kind: CompanionKind = "smaller batch" if mine > usual else "larger batch"
    return [Change(kind, f"mini-batches of {usual}", config.changed(batch_size=usual))]


def _is_some(value: Any) -> bool:
    return any(value) if isinstance(value, tuple) else bool(value)


def _places(split: Split, config: Config, seeds: Sequence[int]) -> list[Place]:
    """The companions that cost nothing: of the config's own program, as many as its lanes have room for."""
    plan = row_plan(split)
    first, *_ = plan

    def program(one: Config) -> Program:
        return program_for(one.changed(rows=first), split)

    fitting = [change for change in _changes(config, split) if program(change.config) == program(config)]
    if len(plan) > 1:
        given = [(change, seeds[0]) for change in fitting[: len(plan)]]
    else:
        each = min(lane_size(program(config).architecture) - 1, len(fitting))
        turns = ((number, seed, i) for number, seed in enumerate(seeds) for i in range(each))
        given = [(fitting[(number * each + i) % len(fitting)], seed) for number, seed, i in turns]
    return [Place(change, change.config.changed(seed=seed, rows=first)) for change, seed in given]


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
