"""What the host hands a compiled program for some steps: rows, learning rates and the shares of mixup.

Where a split's rows are kept on disk, also the rows themselves, as one block with room for those of a call: a lane then
takes the memory of two blocks, the one it trains on and the next, which is read meanwhile.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import mixup
from caviar.training.plan import Program, epochs_planned, part_of_train
from caviar.training.rows import Order, drawn_rows, groups, on_disk, rows_per_window
from caviar.training.schedules import learning_rates
from caviar.training.step import Drawn

_STEPS_PER_CALL = 2048
_INDEXES_PER_CALL = 1 << 22
_BLOCK = 1 << 25
"""Bytes of inputs in a block."""


class Feed:
    """The steps of one lane.

    Attributes:
        steps_per_epoch: updates in one pass over the rows, also where only a share of them is used.
    """

    def __init__(
        self, program: Program, split: Split, seed: int, networks: Sequence[Config], epochs_per_call: int
    ) -> None:
        """A feed.

        Args:
            program: of the lane.
            split: its data.
            seed: of the lane.
            networks: the config in every place of the lane; all of one sampling and, where they train on a share of
                the train rows, of one share.
            epochs_per_call: most epochs that may end in one call.
        """
        pool = split.n_train if program.pool == "train" else split.rows
        self.steps_per_epoch = -(-pool // program.batch_size)
        self._part = part_of_train(networks[0].rows, split, seed)
        used = np.arange(pool) if self._part is None else self._part
        balance = split.y[used] if networks[0].sampling == "balanced" else None
        batch = min(program.batch_size, len(used))
        self._order = Order(seed, len(used), batch, balance=balance, window=rows_per_window(split))
        self._per_call = epochs_per_call
        self._program, self._networks, self._dtype = program, networks, split.x.dtype
        self._epochs = [epochs_planned(config, split) for config in networks]
        self._split, self._group = split, groups(networks[0].rows, split, seed) if on_disk(split) else None

    @property
    def most(self) -> int:
        """Steps for which the arrays of a call have room."""
        batch = self._program.batch_size
        most = min(_STEPS_PER_CALL, self._per_call * self.steps_per_epoch, _INDEXES_PER_CALL // batch)
        if self._group is not None:
            most = min(most, _BLOCK // (batch * self._split.width * self._split.x.itemsize))
        return max(1, most)

    def steps(self, at: int, n: int) -> "Steps":
        """The steps at..at+n-1, in arrays with room for `most`."""
        rows = np.full((self.most, self._program.batch_size), -1, np.int32)
        order = self._order.steps(at, at + n)
        rows[:n, : order.shape[1]] = order if self._part is None else np.where(order < 0, -1, self._part[order])
        rates = np.zeros((len(self._networks), self.most), self._dtype)
        shares = np.ones((len(self._networks), self.most if self._program.mixed else 1), self._dtype)
        numbers = np.arange(at + 1, at + n + 1)
        for place, config in enumerate(self._networks):
            rates[place, :n] = self._rates(place, numbers)
            if self._program.mixed:
                shares[place, :n] = mixup.shares(config, numbers, steps_per_epoch=self.steps_per_epoch)
        block = None
        if self._group is not None:
            needed = np.maximum(rows.ravel(), 0)
            block = drawn_rows(self._split, self._group, needed)
            rows = np.where(rows < 0, -1, np.arange(rows.size, dtype=np.int32).reshape(rows.shape))
        return Steps(n, rates, shares, rows, block)

    def rates_at_ends(self, place: int, epochs: int, *, first: int = 0) -> Numbers:
        """The learning rate of the last step of each of the first epochs after `first`, shape (epochs - first,)."""
        return self._rates(place, self.steps_per_epoch * np.arange(first + 1, epochs + 1))

    def _rates(self, place: int, numbers: Whole) -> Numbers:
        return learning_rates(
            self._networks[place], numbers, steps_per_epoch=self.steps_per_epoch, epochs=self._epochs[place]
        )


class Steps(NamedTuple):
    """What some steps need."""

    n: int
    """Steps; the arrays may have room for more."""
    rates: Numbers
    """Shape (networks, steps)."""
    shares: Numbers
    """Alike; one column where the program mixes nothing."""
    rows: Whole
    """Row numbers of the mini-batches, shape (steps, batch); -1 where one is smaller. In the block, if there is one."""
    block: Drawn | None
    """The rows of these steps; None where all lie on the device."""
