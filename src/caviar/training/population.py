"""Populations: hundreds of differently configured networks trained as compiled programs.

A *lane* is what one core (or GPU) trains at a time: networks of one program, one seed and one dealing of the rows, a
number that follows from their cost alone, filled up with copies. They share the order of the rows and the random
numbers of dropout, so that a lane draws them once; their hyperparameters are traced, so that none needs a program of
its own. A lane is trained in lock step; lanes know nothing of each other, and every core takes the next one when it is
free. At a rung all lanes stop, and those networks that are to go on are put together into fewer, full ones.

Measured on 2 cores (float32, width 64, batch 64): activations as (units, batch) with weights (units, inputs)
take half the time of (batch, units), because neither the product of the shared input nor any gradient
needs a transposed copy.
"""

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import jax
import numpy as np

from caviar.data.split import Split
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.network.layers import Weights
from caviar.training import devices
from caviar.training.calls import Epochs
from caviar.training.checkpoints import Checkpoints
from caviar.training.crew import Crew, Threads, Work
from caviar.training.drive import Arrival, Standing, starting_weights
from caviar.training.lanes import Lane, cost, lanes
from caviar.training.record import Run


@dataclasses.dataclass(frozen=True)
class Progress:
    """What a callback of `train` is told, about twice a second for every core.

    Attributes:
        networks_done: networks that are finished, stopped, pruned or diverged.
        networks: networks in the list.
        share: of the work, in [0, 1]; networks that stop early make it jump.
        finished: (place in the list, run) of the networks that were finished since the last call.
        epochs: the epochs that ended since the last call; those of one network come in their order, each once. Epochs
            that a checkpoint holds are not told again; a lane for which memory did not suffice begins anew.
    """

    networks_done: int
    networks: int
    share: float
    finished: tuple[tuple[int, Run], ...]
    epochs: tuple[Epochs, ...] = ()


Callback = Callable[[Progress], None]


@dataclasses.dataclass(frozen=True)
class Rung:
    """An epoch at which some networks are stopped, for the others to have the machine.

    Attributes:
        epoch: after which it is decided, at least 1.
        keep: given the runs of the networks that are still in training, in the order of the list, says for each whether
            it goes on. Those that do not are left with the status `pruned`.
    """

    epoch: int
    keep: Callable[[Sequence[Run]], Sequence[bool]]


def train(
    split: Split,
    configs: Iterable[Config],
    weights: Sequence[Weights | None] | None = None,
    callbacks: Sequence[Callback] = (),
    *,
    rungs: Sequence[Rung] = (),
    checkpoints: str | os.PathLike[str] | None = None,
    crew: Crew | None = None,
) -> list[Run]:
    """Train a list of networks, those that can share a compiled program side by side.

    A network has the same bits alone, among hundreds, in any order, on one core or many, with rungs and without, and
    when the call is repeated or resumed on the same kind of processor. One that diverges is marked so and changes
    nothing for the others. Memory holds one lane per core beside the results, so the list may be as long as those fit;
    at a rung also the whole state of every network that could go on, about five times its weights.

    Args:
        split: train and dev rows.
        configs: the networks, in any order.
        weights: start from these instead of from the initialiser: one item per config, each None or one Layer per
            hidden layer and the last, as in `Run.weights`.
        callbacks: called with a `Progress` between calls of the compiled program. What a callback raises ends
            the training.
        rungs: where networks are stopped early, by comparing them; with rising epochs.
        checkpoints: a folder in which lanes are kept while they train and when they are done; the same call again
            goes on where it was interrupted. It may be deleted afterwards. None: nothing is kept.
        crew: who trains: a cluster (`tuning.cluster.cluster`), or None for the cores and GPUs of this machine.

    Returns:
        One Run per config, in the order of `configs`.

    Raises:
        BadConfig: an item is no Config, one asks for what the split does not have, or `weights` or `rungs` do not
            fit.
        BadRun: checkpoints cannot be written, or a cluster is lost.
    """
    asked = list(configs)
    for config in asked:
        if not isinstance(config, Config):
            raise BadConfig(
                f"caviar.train needs a list of Config, got {type(config).__name__} in it. Build one with "
                "caviar.Config(...)."
            )
    devices.places()  # starts JAX as it must be, before an own network's functions do
    devices.make_room_for_programs()
    _check_rungs(rungs)
    store = None if checkpoints is None else Checkpoints(checkpoints)
    crew = crew or Threads(split)
    with devices.trained_on(crew.platform):
        population = _Population(
            split, asked, _given(asked, weights, split), callbacks=callbacks, checkpoints=store, crew=crew
        )
        for rung in rungs:
            population.train(rung.epoch)
            population.prune(rung)
        population.train(None)
    return [population.runs[number] for number in range(len(asked))]


class _Population:
    """A list of networks in training: what each starts from, and what has become of it."""

    def __init__(
        self,
        split: Split,
        configs: list[Config],
        starts: dict[int, Weights],
        *,
        callbacks: Sequence[Callback],
        checkpoints: Checkpoints | None,
        crew: Crew,
    ) -> None:
        self._split, self._configs, self._callbacks = split, configs, callbacks
        self._checkpoints, self._crew = checkpoints, crew
        self._starts: dict[int, Weights | Standing] = dict(starts)
        self._left, self._epoch = list(range(len(configs))), 0
        self._total = sum(cost(lane, configs, split) for lane in lanes(configs, split))
        self.runs: dict[int, Run] = {}

    def train(self, until: int | None) -> None:
        """Take all networks that are not done to the epoch of a rung, or to their end."""
        todo = lanes(self._configs, self._split, self._left)
        places = self._crew.places(todo, first=not self._epoch)
        while todo:
            todo = self._train(todo, places, until)  # those for which memory did not suffice
            todo, places = self._crew.with_less_memory(todo, places)
        self._epoch = until or self._epoch

    def prune(self, rung: Rung) -> None:
        """Stop the networks that do not go on after a rung."""
        if not self._left:
            return
        keep = np.asarray(rung.keep([self.runs[number] for number in self._left]))
        if keep.shape != (len(self._left),):
            raise BadConfig(
                f"Rung.keep must answer with one value per run it is given ({len(self._left)}), got the shape "
                f"{keep.shape} at epoch {rung.epoch}. Networks that are done are not among them."
            )
        stopped = [number for number, goes_on in zip(self._left, keep, strict=True) if not goes_on]
        for number in stopped:
            self._left.remove(number)
            del self._starts[number]
        self._tell(self._share(lanes(self._configs, self._split, self._left)), stopped)

    def _train(self, todo: list[Lane], places: Any, until: int | None) -> list[Lane]:
        """Train some lanes; those that found no room are left."""
        given = Work(self._split, self._configs, self._starts, until, self._checkpoints)
        work = np.array([cost(lane, self._configs, self._split, begin=self._epoch, until=until) for lane in todo])
        shares, left = np.zeros(len(todo)), []
        with contextlib.closing(self._crew.train(todo, places, given)) as told:
            for news in told:
                shares[news.job] = news.share
                if news.done and news.result is None:
                    left.append(todo[news.job])
                    shares[news.job] = 0
                done = [at.number for at in news.result or () if self._arrive(at)]
                share = self._share(todo) + float(shares @ work) / self._total
                self._tell(share, done, news.part or ())
        return left

    def _arrive(self, at: Arrival) -> bool:
        """Note where a network has come; whether it is done."""
        self.runs[at.number] = at.run
        if at.standing is not None:
            self._starts[at.number] = at.standing
            return False
        self._left.remove(at.number)
        self._starts.pop(at.number, None)
        return True

    def _share(self, todo: Sequence[Lane]) -> float:
        """The share of all work that is done before some lanes that are all that is left."""
        left = sum(cost(lane, self._configs, self._split, begin=self._epoch) for lane in todo)
        return 1 - left / self._total if self._total else 1.0

    def _tell(self, share: float, done: Sequence[int], epochs: tuple[Epochs, ...] = ()) -> None:
        finished = tuple((number, self.runs[number]) for number in done)
        networks = len(self._configs)
        for callback in self._callbacks:
            callback(Progress(networks - len(self._left), networks, min(1.0, share), finished, epochs))


def _shapes(weights: Any) -> list[tuple[str, tuple[int, ...]]]:
    """The path and the shape of every array."""
    return [
        (jax.tree_util.keystr(path), np.shape(array)) for path, array in jax.tree_util.tree_leaves_with_path(weights)
    ]


def _check_rungs(rungs: Sequence[Rung]) -> None:
    if not isinstance(rungs, Sequence) or not all(isinstance(rung, Rung) for rung in rungs):
        raise BadConfig(f"The rungs of caviar.train must be a list of caviar.Rung(epoch, keep), got {rungs!r}.")
    epochs = [rung.epoch for rung in rungs]
    if any(not isinstance(epoch, int) or epoch < 1 for epoch in epochs) or epochs != sorted(set(epochs)):
        raise BadConfig(
            f"The rungs of caviar.train must have rising whole epochs from 1 on, got {epochs}. Put them in order."
        )


def _given(configs: list[Config], weights: Sequence[Weights | None] | None, split: Split) -> dict[int, Weights]:
    """The weights that were given, by the network's place in the list, where their shapes fit."""
    given = [None] * len(configs) if weights is None else list(weights)
    if len(given) != len(configs):
        raise BadConfig(
            f"caviar.train needs one item of weights per config ({len(configs)}), got {len(given)}. Use None for "
            "a fresh start."
        )
    found = {number: own for number, own in enumerate(given) if own is not None}
    for number, own in found.items():
        fresh = starting_weights(configs[number], split)
        wanted, came = _shapes(fresh), _shapes(own)
        if wanted != came or jax.tree.structure(fresh) != jax.tree.structure(own):
            wanted, came = (", ".join(f"{path} {shape}" for path, shape in shapes) for shapes in (wanted, came))
            raise BadConfig(
                f"The weights given for network {number} must be {wanted}, got {came}. Take them from a Run of the "
                "same layers and norms, or of the same own network."
            )
    return found
