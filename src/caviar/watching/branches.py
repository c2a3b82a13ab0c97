"""Branches: networks that stand between two steps, taken further together, or changed.

A branch is a value. Those that stand at the same step and share a program and their random numbers are put into one
lane for a call and taken apart again; a lane is filled up with copies, so that a branch has the bits that it would have
alone. Up to the first change these are the bits of `train`.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
from typing import Literal

import jax
import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import devices, packing, plan
from caviar.training.calls import Calls, curves
from caviar.training.crew import RowsOnDevice
from caviar.training.drive import starting_weights
from caviar.training.lanes import Lane, lanes
from caviar.training.plan import hyperparameters, inputs_of, last_epoch, program_for
from caviar.training.program import empty_record
from caviar.training.record import Run
from caviar.training.step import Data, Measures, State
from caviar.watching.growing import Room

Status = Literal["training", "finished", "stopped", "diverged"]


@dataclasses.dataclass(frozen=True, eq=False)
class Branch:
    """A network between two steps.

    Attributes:
        number: 0 for the first of a session.
        parent: the branch of which it was a copy; None for the first.
        config: from here on.
        steps: that it has trained, in mini-batches of its present size.
        state: arrays of one network, padded as its program wants them.
        measured: what was recorded, one value per epoch.
        rates: the learning rate of the last step of each epoch.
        room: in which `measured` and `rates` lie, if they grew there.
    """

    number: int
    parent: int | None
    config: Config
    steps: int
    state: State
    measured: Measures
    rates: Numbers
    room: Room = dataclasses.field(default_factory=Room, repr=False)

    @property
    def epochs(self) -> int:
        """Epochs that have ended."""
        return len(self.measured.objective)

    @property
    def status(self) -> Status:
        """Whether it trains, or why not."""
        monitor = self.state.monitor
        if monitor.active:
            return "training"
        if monitor.diverged:
            return "diverged"
        return "finished" if self.epochs >= (self.config.epochs or 0) else "stopped"

    @property
    def best_epoch(self) -> int:
        """The epoch with the lowest dev loss, counted from 1; without dev rows the last one; 0 before the first."""
        return int(self.state.monitor.best_epoch)


def begin(split: Split, config: Config, number: int = 0) -> Branch:
    """A network before its first step."""
    program = program_for(config, split)
    packed = packing.padded([starting_weights(config, split)], program.architecture, split.x.dtype)
    settings = packing.stacked([hyperparameters(config, split)], split.x.dtype)
    state = packing.first_state(packed, settings, program.architecture, averaged=program.averaged)
    nothing = jax.tree.map(lambda v: np.asarray(v)[:0, 0], empty_record(program, 1, split.x.dtype))
    return Branch(number, None, config, 0, _one(state, 0), nothing, np.zeros(0))


def steps_per_epoch(branch: Branch, split: Split) -> int:
    """Updates in one pass over the rows."""
    return plan.steps_per_epoch(program_for(branch.config, split), split)


def history(branch: Branch, split: Split) -> dict[str, Numbers]:
    """The curves of `Run.history`, one value per epoch that has ended."""
    together = jax.tree.map(lambda values: values[None], branch.measured)
    return curves(together, 0, branch.epochs, split) | {"learning_rate": branch.rates}


def run_of(branch: Branch, split: Split) -> Run:
    """A branch as a `Run`, with the weights of its best epoch: of the last one that was finite without dev rows."""
    shapes = packing.shapes_of(branch.config, inputs_of(split.width, split.image_shape), split.outputs)
    state = jax.tree.map(lambda values: np.asarray(values)[None], branch.state)
    weights, statistics = packing.unpadded(state.kept, state.kept_statistics, 0, shapes)
    status = "pruned" if branch.status == "training" else branch.status
    return Run(branch.config, status, history(branch, split), branch.best_epoch, weights, statistics)


def digest(branch: Branch) -> str:
    """What two branches with the same bits have in common."""
    made = hashlib.sha256(f"{branch.steps}".encode())
    for values in jax.tree.leaves((branch.state, branch.measured)):
        array = np.asarray(values)
        made.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())
    return made.hexdigest()[:32]


def block(config: Config, split: Split) -> tuple[str, int]:
    """The program of a config, as a short mark, and the networks of a lane of it."""
    (lane,) = lanes([config], split)
    return hashlib.sha256(repr(lane.program).encode()).hexdigest()[:12], lane.size


def advance(
    split: Split, branches: Sequence[Branch], n: int, rows: RowsOnDevice, device: devices.Device
) -> list[Branch]:
    """Take branches that stand at one step at most `n` steps further, in the order given.

    A branch goes no further than its last epoch, nor than a call of its program has room; those of one lane go equally
    far. One that stops or diverges stands at the end of that epoch.
    """
    found = list(branches)
    for lane in lanes([branch.config for branch in branches], split):
        with jax.default_device(device):
            data = rows(branches[lane.members[0]].config.rows, device)
            for number, branch in zip(lane.members, _call(split, lane, branches, n, data), strict=True):
                found[number] = branch
    return found


def _call(split: Split, lane: Lane, branches: Sequence[Branch], n: int, data: Data) -> list[Branch]:
    own = [branches[number] for number in lane.slots]
    at, configs = own[0].steps, [branch.config for branch in own]
    calls = Calls(lane, split, configs, data, keep_best=split.n_dev > 0)
    per_epoch = calls.feed.steps_per_epoch
    left = min(last_epoch(config, split) for config in configs) * per_epoch - at
    steps = calls.feed.steps(at, min(n, calls.room(at), left))
    state, record = calls.call(jax.tree.map(lambda *v: np.stack(v), *[branch.state for branch in own]), steps, at)
    state, record = jax.tree.map(np.asarray, (state, record))
    before, after = at // per_epoch, (at + steps.n) // per_epoch
    gone = []
    for slot, branch in enumerate(own[: len(lane.members)]):
        trained = int(state.monitor.trained[slot])
        if after > before and trained < after:  # it was done on the way: once more, up to there
            alone = lanes([branch.config], split)[0]
            gone += _call(split, alone, [branch], trained * per_epoch - at, data)
            continue
        measured = jax.tree.map(lambda new, s=slot: new[s, : after - before], record)
        rates = calls.feed.rates_at_ends(slot, after, first=before)
        grown = _grown(branch, measured, rates) if after > before else branch
        gone.append(dataclasses.replace(grown, steps=at + steps.n, state=_one(state, slot)))
    return gone


def _grown(branch: Branch, measured: Measures, rates: Numbers) -> Branch:
    """The branch with the curves of some more epochs."""
    old, structure = jax.tree.flatten((branch.measured, branch.rates))
    room, curves = branch.room.extended(old, jax.tree.leaves((measured, rates)))
    measured, rates = jax.tree.unflatten(structure, curves)
    return dataclasses.replace(branch, measured=measured, rates=rates, room=room)


def _one(state: State, slot: int) -> State:
    return jax.tree.map(lambda values: np.asarray(values)[slot].copy(), state)
