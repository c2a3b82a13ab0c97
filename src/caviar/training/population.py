"""Populations: hundreds of differently configured networks trained as compiled programs.

A *lane* is what one core (or GPU) trains at a time: networks of one program, one seed and one dealing of the rows, a
number that follows from their cost alone, filled up with copies. They share the order of the rows and the random
numbers of dropout, so that a lane draws them once; their hyperparameters are traced, so that none needs a program of
its own. A lane is trained in lock step; lanes know nothing of each other, and every core takes the next one when it is
free. A program runs n steps with n traced; the host calls it again and again and looks at the results in between.

Measured on 2 cores (float32, width 64, batch 64): activations as (units, batch) with weights (units, inputs)
take half the time of (batch, units), because neither the product of the shared input nor any gradient
needs a transposed copy.
"""

import contextlib
import dataclasses
import functools
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import jax
import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.errors import BadConfig
from caviar.network.config import Config, Sampling
from caviar.training import devices, packing
from caviar.training.exact_statistics import exact_statistics
from caviar.training.feed import Feed
from caviar.training.packing import Weights
from caviar.training.plan import (
    FOLDS,
    Program,
    hyperparameters,
    last_epoch,
    prior_bias,
    program_for,
)
from caviar.training.program import EPOCHS_PER_CALL, advance
from caviar.training.record import Run, Status
from caviar.training.rows import device_data
from caviar.training.side_by_side import Tell, side_by_side
from caviar.training.step import Data, Measures, Monitor

_SECONDS_PER_CALL = 0.5


class Epochs(NamedTuple):
    """Epochs of one network, as soon as they are known."""

    number: int
    """The network's place in the list."""
    first: int
    """The epoch of the first value; the first of all is 0."""
    history: dict[str, Numbers]
    """The next values of the curves of `Run.history` that are measured, one per epoch."""


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a callback of `train` is told, about twice a second for every core.

    Attributes:
        networks_done: networks that are finished, stopped or diverged.
        networks: networks in the list.
        share: of the work, in [0, 1]; networks that stop early make it jump.
        finished: (place in the list, run) of the networks that were finished since the last call.
        epochs: the epochs that ended since the last call; those of one network come in their order, each once.
    """

    networks_done: int
    networks: int
    share: float
    finished: tuple[tuple[int, Run], ...]
    epochs: tuple[Epochs, ...] = ()


Callback = Callable[[Progress], None]


def train(
    split: Split,
    configs: Iterable[Config],
    weights: Sequence[Weights | None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> list[Run]:
    """Train a list of networks, those that can share a compiled program side by side.

    A network has the same bits alone, among hundreds, in any order, on one core or many, and when the call is repeated
    on the same kind of processor. One that diverges is marked so and changes nothing for the others. Memory holds one
    lane per core beside starting weights and results, so the list may be as long as those fit.

    Args:
        split: train and dev rows.
        configs: the networks, in any order.
        weights: start from these instead of from the initialiser: one item per config, each None or one Layer per
            hidden layer and the last, as in `Run.weights`.
        callbacks: called with a `Progress` between calls of the compiled program. What a callback raises ends
            the training.

    Returns:
        One Run per config, in the order of `configs`.

    Raises:
        BadConfig: an item is no Config, one asks for what the split does not have, or `weights` do not fit.
    """
    asked = list(configs)
    for config in asked:
        if not isinstance(config, Config):
            raise BadConfig(
                f"caviar.train needs a list of Config, got {type(config).__name__} in it. Build one with "
                "caviar.Config(...)."
            )
    starts = _checked(asked, weights, split)
    lanes = _lanes(asked, split)
    rows = functools.cache(lambda kind, _device: jax.device_put(device_data(kind, split)))

    def do(lane: _Lane, device: devices.Device, tell: Tell) -> tuple[tuple[int, Run], ...]:
        # Nothing is put on the device by name: NumPy arrays and what a program gives back then share its compilation,
        # and `device_put` would take ten times as long for so many small arrays.
        with jax.default_device(device):
            kind = asked[lane.members[0]].rows
            data = rows((0, kind[1]) if isinstance(kind, tuple) else kind, device)
            return _train_lane(lane, split, asked, starts, data, tell)

    jobs = [functools.partial(do, lane) for lane in lanes]
    work = np.array([_cost(lane, asked, split) for lane in lanes])
    shares = np.zeros(len(lanes))
    runs: dict[int, Run] = {}

    with contextlib.closing(side_by_side(jobs, devices.places())) as told:
        for news in told:
            shares[news.job] = news.share
            finished = news.result or ()
            runs.update(finished)
            share = float(shares @ work / work.sum())
            progress = Progress(len(runs), len(asked), share, finished, news.part or ())
            for callback in callbacks:
                callback(progress)
    return [runs[number] for number in range(len(asked))]


@dataclasses.dataclass(frozen=True)
class Workload:
    """What training a list of networks takes, before it is begun.

    Attributes:
        programs: compiled programs.
        products: multiplications, places that are only filled up included.
    """

    programs: int
    products: float


def workload(split: Split, configs: Iterable[Config]) -> Workload:
    """What `train` would have to do for these configs, as if none stopped early."""
    asked = list(configs)
    lanes = _lanes(asked, split)
    rows = {"train": split.n_train, "train+dev": split.rows}
    products = sum(3 * lane.size * _cost(lane, asked, split) * rows[lane.program.pool] for lane in lanes)
    return Workload(len({lane.program for lane in lanes}), products)


class _Lane(NamedTuple):
    """Networks of one program that share their random numbers, one dealing of the rows and one sampling of them."""

    program: Program
    sampling: Sampling
    seed: int
    size: int
    members: tuple[int, ...]
    """Places in the list of configs, at most `size`."""


def _lanes(configs: list[Config], split: Split) -> list[_Lane]:
    """Networks that share program, folds and seed, cut into lanes of such as train equally long.

    One lane of every program comes first, so that no core waits for another that compiles; then the dearest.
    """
    alike: dict[tuple[Program, int, Sampling, int], list[int]] = {}
    for number, config in enumerate(configs):
        folds = config.rows[1] if isinstance(config.rows, tuple) else 0
        key = program_for(config, split), folds, config.sampling, config.seed
        alike.setdefault(key, []).append(number)
    lanes = []
    for (program, folds, sampling, seed), members in alike.items():
        # A network trained on train and dev together shares the compiled program of the folds, lane size included.
        alike_folds = FOLDS if program.pool == "train+dev" else 0
        size = devices.lane_size(program.architecture.products_per_row, folds or alike_folds)
        members.sort(key=lambda number: last_epoch(configs[number], split), reverse=True)
        parts = [tuple(members[i : i + size]) for i in range(0, len(members), size)]
        lanes += [_Lane(program, sampling, seed, size, part) for part in parts]
    first = {lane.program: place for place, lane in reversed(list(enumerate(lanes)))}
    order = sorted(
        range(len(lanes)),
        key=lambda place: (first[lanes[place].program] != place, -_cost(lanes[place], configs, split)),
    )
    return [lanes[place] for place in order]


def _cost(lane: _Lane, configs: list[Config], split: Split) -> float:
    """Relative cost of training a lane."""
    return lane.program.architecture.products_per_row * max(
        last_epoch(configs[number], split) for number in lane.members
    )


def _checked(configs: list[Config], weights: Sequence[Weights | None] | None, split: Split) -> list[Weights]:
    """The weights from which each network starts: those given, where their shapes fit, or drawn ones."""
    given = [None] * len(configs) if weights is None else list(weights)
    if len(given) != len(configs):
        raise BadConfig(
            f"caviar.train needs one item of weights per config ({len(configs)}), got {len(given)}. Use None for "
            "a fresh start."
        )
    starts = []
    for number, (config, own) in enumerate(zip(configs, given, strict=True)):
        last_bias = prior_bias(config, split) if config.prior_bias else None
        fresh = packing.starting_weights(config, split.width, split.outputs, last_bias)
        wanted, came = jax.tree.map(np.shape, fresh), jax.tree.map(np.shape, fresh if own is None else own)
        if wanted != came:
            raise BadConfig(
                f"The weights given for network {number} must have the shapes {[layer.w for layer in wanted]}, "
                f"got {[layer.w for layer in came]}. Take them from a Run of the same hidden_units and batch_norm."
            )
        starts.append(fresh if own is None else own)
    return starts


def _train_lane(  # noqa: PLR0917  (as in `train`)
    lane: _Lane,
    split: Split,
    configs: list[Config],
    starts: list[Weights],
    data: Data,
    tell: Tell,
) -> tuple[tuple[int, Run], ...]:
    """Drive one lane from its first epoch until its last network is done; its runs with their places in the list."""
    program, architecture = lane.program, lane.program.architecture
    slots = [lane.members[slot % len(lane.members)] for slot in range(lane.size)]
    networks = [configs[number] for number in slots]
    feed = Feed(program, split, lane.seed, networks, EPOCHS_PER_CALL)
    per_epoch, most = feed.steps_per_epoch, feed.most
    total = max(last_epoch(config, split) for config in networks) * per_epoch

    settings = packing.stacked([hyperparameters(config, split) for config in networks], split.x.dtype)
    weights = packing.padded([starts[number] for number in slots], architecture, split.x.dtype)
    state = packing.first_state(weights, settings, architecture, averaged=program.averaged)
    seed = np.uint32(lane.seed)
    advance_lane = advance(program, per_epoch)

    recorded: list[Measures] = []
    at, now = 0, max(1, most // 16)
    while at < total:
        epoch = at // per_epoch
        now = min(now, most, total - at, (epoch + EPOCHS_PER_CALL) * per_epoch - at)
        steps = feed.steps(at, now)
        began = time.perf_counter()
        state, record = advance_lane(
            state, settings, steps.rates, steps.shares, data, steps.rows, seed, np.int32(at), np.int32(now)
        )
        at += now
        closed = at // per_epoch - epoch
        recorded.append(jax.tree.map(lambda values, n=closed: np.asarray(values)[:, :n], record))
        monitor = jax.tree.map(np.asarray, state.monitor)
        ended = (
            Epochs(number, epoch, _curves(recorded[-1], slot, int(monitor.trained[slot]) - epoch, split))
            for slot, number in enumerate(lane.members)
            if monitor.trained[slot] > epoch
        )
        tell(at / total, tuple(ended))
        if not monitor.active.any():
            break
        speed = _SECONDS_PER_CALL / max(1e-4, time.perf_counter() - began)
        now = max(1, round(now * min(4.0, speed)))

    history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *recorded)
    kept, statistics, monitor = jax.tree.map(np.asarray, (state.kept, state.kept_statistics, state.monitor))
    wanted = np.array([config.norm_statistics == "exact" for config in networks])[:, None]
    if wanted.any():
        exact = exact_statistics(architecture, state.kept, settings, data)
        statistics = jax.tree.map(lambda own, other: np.where(wanted, own, other), exact, statistics)
    runs = []
    for slot, number in enumerate(lane.members):
        config = configs[number]
        sizes = (split.width, *config.hidden_units, split.outputs)
        own, seen = packing.unpadded(kept, statistics, slot, sizes)
        epochs = int(monitor.trained[slot])
        run = Run(
            config=config,
            status=_status(monitor, slot, last_epoch(config, split)),
            history=_curves(history, slot, epochs, split) | {"learning_rate": feed.rates_at_ends(slot, epochs)},
            best_epoch=int(monitor.best_epoch[slot]),
            weights=own,
            statistics=seen,
        )
        runs.append((number, run))
    return tuple(runs)


def _status(monitor: Monitor, slot: int, planned: int) -> Status:
    if monitor.diverged[slot]:
        return "diverged"
    return "finished" if monitor.trained[slot] == planned else "stopped"


def _curves(history: Measures, slot: int, epochs: int, split: Split) -> dict[str, np.ndarray]:
    """One network's history; errors of a regression in the target's unit."""
    recorded = history._asdict() | (history.layers._asdict() if history.layers else {})
    curves = {name: np.asarray(recorded[name][slot, :epochs], float) for name in recorded if name != "layers"}
    if split.task == "regression":
        for name in ("train_error", "dev_error"):
            curves[name] = np.sqrt(curves[name]) * split.target.std
    return curves
