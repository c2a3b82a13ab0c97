"""Calls of a lane's compiled program: what each is fed, and what it gives back.

Who drives a lane decides how many steps a call takes; any cutting gives the same bits.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import augment, packing
from caviar.training.feed import Feed, Steps
from caviar.training.lanes import Lane
from caviar.training.plan import hyperparameters
from caviar.training.program import EPOCHS_PER_CALL, advance
from caviar.training.step import Data, Measures, Monitor, State

_FOR_EVER = 1 << 30
"""Epochs of patience with which a network never stops, and yet keeps the weights of its best epoch."""


class Epochs(NamedTuple):
    """Epochs of one network, as soon as they are known."""

    number: int
    """The network's place in the list."""
    first: int
    """The epoch of the first value; the first of all is 0."""
    history: dict[str, Numbers]
    """The next values of the curves of `Run.history` that are measured, one per epoch."""


class Calls:
    """The compiled program of one lane, with its settings and its rows.

    Attributes:
        feed: the mini-batches and learning rates of every step.
        settings: the traced hyperparameters, one value per network.
    """

    def __init__(
        self, lane: Lane, split: Split, networks: Sequence[Config], data: Data, *, keep_best: bool = False
    ) -> None:
        """Calls of a lane.

        Args:
            lane: whose networks stand at one step.
            split: train and dev rows.
            networks: the config in every place of the lane.
            data: the rows as the program reads them.
            keep_best: also where nothing stops early keep the weights of the best epoch, not those of the last one.
        """
        self._lane, self._split, self._data = lane, split, data
        self.feed = Feed(lane.program, split, lane.seed, networks, EPOCHS_PER_CALL)
        self.settings = packing.stacked([hyperparameters(config, split) for config in networks], split.x.dtype)
        if keep_best:
            patience = np.where(self.settings.patience > 0, self.settings.patience, _FOR_EVER).astype(np.int32)
            self.settings = self.settings._replace(patience=patience)
        self._amounts = packing.scalars(augment.amounts(lane.augment), split.x.dtype)
        self._advance = advance(lane.program, self.feed.steps_per_epoch)

    def room(self, at: int) -> int:
        """Most steps of a call from step `at` on: what its arrays and its record hold."""
        per_epoch = self.feed.steps_per_epoch
        return min(self.feed.most, (at // per_epoch + EPOCHS_PER_CALL) * per_epoch - at)

    def call(self, state: State, steps: Steps, at: int) -> tuple[State, Measures]:
        """Take the lane some steps further from step `at`, without waiting for it; the state handed in is used up."""
        return self._advance(
            state,
            self.settings,
            self._amounts,
            steps.rates,
            steps.shares,
            self._data.drawn or steps.block,
            self._data.measured,
            steps.rows,
            np.uint32(self._lane.seed),
            np.int32(at),
            np.int32(steps.n),
        )

    def ended(self, record: Measures, monitor: Monitor, epoch: int) -> Iterator[Epochs]:
        """What the record of one call holds, by network; its first place is of `epoch`."""
        for slot, number in enumerate(self._lane.members):
            if monitor.trained[slot] > epoch:
                own = curves(record, slot, int(monitor.trained[slot]) - epoch, self._split)
                yield Epochs(number, epoch, own)


def curves(history: Measures, slot: int, epochs: int, split: Split) -> dict[str, Numbers]:
    """One network's history; errors of a regression in the target's unit."""
    recorded = history._asdict() | (history.layers._asdict() if history.layers else {})
    found = {name: np.asarray(recorded[name][slot, :epochs], float) for name in recorded if name != "layers"}
    if split.task == "regression":
        for name in ("train_error", "dev_error"):
            found[name] = np.sqrt(found[name]) * split.target.std
    return found
