"""Populations: hundreds of differently configured networks trained as compiled programs.

A *lane* is what one device trains at a time: networks of one program, one seed and one dealing of the rows, a number
that follows from their cost alone, filled up with copies. They share the order of the rows and the random numbers of
dropout, so that a lane draws them once; their hyperparameters are traced, so that none needs a program of its own. A
*block* is one lane per device, each with the random numbers of its own seed, in lock step. A program runs n steps with
n traced; the host calls it again and again and looks at the results in between.

Measured on 2 cores (float32, width 64, batch 64): activations as (units, batch) with weights (units, inputs)
take half the time of (batch, units), because neither the product of the shared input nor any gradient
needs a transposed copy.
"""

import dataclasses
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from caviar.data.split import Split
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.training import devices, packing
from caviar.training.packing import Weights
from caviar.training.plan import FOLDS, Program, epochs_planned, hyperparameters, last_epoch, program_for
from caviar.training.program import EPOCHS_PER_CALL, advance
from caviar.training.record import Run, Status
from caviar.training.rows import Order, device_data
from caviar.training.schedules import learning_rates
from caviar.training.step import Measures, Monitor

_STEPS_PER_CALL = 2048
_INDEXES_PER_CALL = 1 << 22
_SECONDS_PER_CALL = 0.5


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a callback of `train` is told, about twice a second.

    Attributes:
        networks_done: networks that are finished, stopped or diverged.
        networks: networks in the list.
        share: of the work, in [0, 1]; networks that stop early make it jump.
        finished: (place in the list, run) of the networks that were finished since the last call.
    """

    networks_done: int
    networks: int
    share: float
    finished: tuple[tuple[int, Run], ...]


Callback = Callable[[Progress], None]


def train(
    split: Split,
    configs: Iterable[Config],
    weights: Sequence[Weights | None] | None = None,
    callbacks: Sequence[Callback] = (),
) -> list[Run]:
    """Train a list of networks, those that can share a compiled program side by side.

    A network has the same bits alone, among hundreds, in any order, and when the call is repeated on the same kind of
    processor. One that diverges is marked so and changes nothing for the others. Memory holds one block of networks
    at a time beside the results, so the list may be as long as the results fit.

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
    blocks = _blocks(asked, split)
    work = [_cost(block, asked, split) for block in blocks]
    runs: dict[int, Run] = {}
    behind = 0.0

    for block, cost in zip(blocks, work, strict=True):
        tell = _Teller(callbacks, len(asked), done=len(runs), behind=behind / sum(work), part=cost / sum(work))
        trained = tuple(_train_block(block, split, asked, starts, tell))
        runs.update(trained)
        tell(1.0, trained)
        behind += cost
    return [runs[number] for number in range(len(asked))]


@dataclasses.dataclass(frozen=True)
class _Teller:
    """Tells the callbacks how a block goes: the share of its own work becomes one of the whole."""

    callbacks: Sequence[Callback]
    networks: int
    done: int
    behind: float
    part: float

    def __call__(self, share: float, finished: tuple[tuple[int, Run], ...] = ()) -> None:
        whole = min(1.0, self.behind + share * self.part)
        progress = Progress(self.done + len(finished), self.networks, whole, finished)
        for callback in self.callbacks:
            callback(progress)


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
    blocks = _blocks(asked, split)
    rows = {"train": split.n_train, "train+dev": split.rows}
    products = 0.0
    for block in blocks:
        size = block.lane_size * devices.mesh().size
        products += 3 * size * _cost(block, asked, split) * rows[block.program.pool]
    return Workload(len({block.program for block in blocks}), products)


class _Lane(NamedTuple):
    """What one device trains: networks that share their random numbers."""

    seed: int
    members: tuple[int, ...]
    """Places in the list of configs; at most as many as a device holds."""


class _Block(NamedTuple):
    """Lanes of one program and one dealing of the rows into folds, at most one per device."""

    program: Program
    lane_size: int
    lanes: tuple[_Lane, ...]

    @property
    def members(self) -> list[int]:
        """Places in the list of configs."""
        return [number for lane in self.lanes for number in lane.members]


def _blocks(configs: list[Config], split: Split) -> list[_Block]:
    """Networks that share program, folds and seed, cut into lanes; those that train equally long side by side."""
    alike: dict[tuple[Program, int], dict[int, list[int]]] = {}
    for number, config in enumerate(configs):
        folds = config.rows[1] if isinstance(config.rows, tuple) else 0
        seeds = alike.setdefault((program_for(config, split), folds), {})
        seeds.setdefault(config.seed, []).append(number)
    blocks = []
    for (program, folds), seeds in alike.items():
        # A network trained on train and dev together shares the compiled program of the folds, lane size included.
        alike_folds = FOLDS if program.pool == "train+dev" else 0
        size = devices.lane_size(program.architecture.products_per_row, folds or alike_folds)
        lanes = []
        for seed, members in seeds.items():
            members.sort(key=lambda number: last_epoch(configs[number], split))
            lanes += [_Lane(seed, tuple(members[i : i + size])) for i in range(0, len(members), size)]
        lanes.sort(key=lambda lane: last_epoch(configs[lane.members[-1]], split))
        together = devices.mesh().size
        blocks += [_Block(program, size, tuple(lanes[i : i + together])) for i in range(0, len(lanes), together)]
    return blocks


def _cost(block: _Block, configs: list[Config], split: Split) -> float:
    """Relative cost of training a block."""
    return block.program.architecture.products_per_row * max(
        last_epoch(configs[number], split) for number in block.members
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
        fresh = packing.starting_weights(config, split.width, split.outputs)
        wanted, came = jax.tree.map(np.shape, fresh), jax.tree.map(np.shape, fresh if own is None else own)
        if wanted != came:
            raise BadConfig(
                f"The weights given for network {number} must have the shapes {[layer.w for layer in wanted]}, "
                f"got {[layer.w for layer in came]}. Take them from a Run of the same hidden_units and batch_norm."
            )
        starts.append(fresh if own is None else own)
    return starts


def _train_block(
    block: _Block, split: Split, configs: list[Config], starts: list[Weights], tell: Callable[[float], None]
) -> Iterator[tuple[int, Run]]:
    """Drive one block from its first epoch until its last network is done; its runs with their places in the list."""
    program, architecture = block.program, block.program.architecture
    lanes = [block.lanes[d % len(block.lanes)] for d in range(devices.mesh().size)]
    slots = [lane.members[place % len(lane.members)] for lane in lanes for place in range(block.lane_size)]

    pool = split.n_train if program.pool == "train" else split.rows
    orders = [Order(lane.seed, pool, program.batch_size) for lane in lanes]
    per_epoch = orders[0].steps_per_epoch
    most = max(1, min(_STEPS_PER_CALL, EPOCHS_PER_CALL * per_epoch, _INDEXES_PER_CALL // program.batch_size))
    total = max(last_epoch(configs[number], split) for number in slots) * per_epoch

    settings = packing.stacked([hyperparameters(configs[number], split) for number in slots], split.x.dtype)
    weights = packing.padded([starts[number] for number in slots], architecture, split.x.dtype)
    across = NamedSharding(devices.mesh(), P("networks"))
    state = jax.device_put(packing.first_state(weights, settings, architecture), across)
    settings = jax.device_put(settings, across)
    data = device_data(configs[slots[0]].rows, split)
    seeds = np.array([lane.seed for lane in lanes], np.uint32)
    advance_block = advance(program, per_epoch)

    recorded: list[Measures] = []
    at, now = 0, max(1, most // 16)
    while at < total:
        epoch = at // per_epoch
        now = min(now, most, total - at, (epoch + EPOCHS_PER_CALL) * per_epoch - at)
        rows = np.full((len(lanes), most, program.batch_size), -1, np.int32)
        for lane, order in enumerate(orders):
            rows[lane, :now] = order.steps(at, at + now)
        rates = np.zeros((len(slots), most), split.x.dtype)
        steps = np.arange(at + 1, at + now + 1)
        for slot, number in enumerate(slots):
            config, epochs = configs[number], epochs_planned(configs[number], split)
            rates[slot, :now] = learning_rates(config, steps, steps_per_epoch=per_epoch, epochs=epochs)
        began = time.perf_counter()
        state, record = advance_block(
            state,
            settings,
            jax.device_put(rates, across),
            data,
            jax.device_put(rows, across),
            jax.device_put(seeds, across),
            np.int32(at),
            np.int32(now),
        )
        at += now
        closed = at // per_epoch - epoch
        recorded.append(jax.tree.map(lambda values, n=closed: np.asarray(values)[:, :n], record))
        tell(at / total)
        if not np.asarray(state.monitor.active).any():
            break
        speed = _SECONDS_PER_CALL / max(1e-4, time.perf_counter() - began)
        now = max(1, round(now * min(4.0, speed)))

    history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *recorded)
    kept, statistics, monitor = jax.tree.map(np.asarray, (state.kept, state.kept_statistics, state.monitor))
    for number in block.members:
        slot, config = slots.index(number), configs[number]
        sizes = (split.width, *config.hidden_units, split.outputs)
        own, seen = packing.unpadded(kept, statistics, slot, sizes)
        run = Run(
            config=config,
            status=_status(monitor, slot, last_epoch(config, split)),
            history=_curves(history, slot, int(monitor.trained[slot]), split),
            best_epoch=int(monitor.best_epoch[slot]),
            weights=own,
            statistics=seen,
        )
        yield number, run


def _status(monitor: Monitor, slot: int, planned: int) -> Status:
    if monitor.diverged[slot]:
        return "diverged"
    return "finished" if monitor.trained[slot] == planned else "stopped"


def _curves(history: Measures, slot: int, epochs: int, split: Split) -> dict[str, np.ndarray]:
    """One network's history; errors of a regression in the target's unit."""
    curves = {name: np.asarray(values[slot, :epochs], float) for name, values in history._asdict().items()}
    if split.task == "regression":
        for name in ("train_error", "dev_error"):
            curves[name] = np.sqrt(curves[name]) * split.target.std
    return curves
