"""What the host hands a compiled program for some steps: rows, learning rates and the shares of mixup."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training import mixup
from caviar.training.plan import Program, epochs_planned
from caviar.training.rows import Order
from caviar.training.schedules import learning_rates

_STEPS_PER_CALL = 2048
_INDEXES_PER_CALL = 1 << 22


class Feed:
    """The steps of one lane.

    Attributes:
        steps_per_epoch: updates in one pass over the rows.
    """

    def __init__(
        self, program: Program, split: Split, seed: int, networks: Sequence[Config], epochs_per_call: int
    ) -> None:
        """A feed.

        Args:
            program: of the lane.
            split: its data.
            seed: of the lane.
            networks: the config in every place of the lane; all of one sampling.
            epochs_per_call: most epochs that may end in one call.
        """
        pool = split.n_train if program.pool == "train" else split.rows
        balance = split.y[:pool] if networks[0].sampling == "balanced" else None
        self._order = Order(seed, pool, program.batch_size, balance=balance)
        self.steps_per_epoch = self._order.steps_per_epoch
        self._per_call = epochs_per_call
        self._program, self._networks, self._dtype = program, networks, split.x.dtype
        self._epochs = [epochs_planned(config, split) for config in networks]

    @property
    def most(self) -> int:
        """Steps for which the arrays of a call have room."""
        return max(
            1,
            min(_STEPS_PER_CALL, self._per_call * self.steps_per_epoch, _INDEXES_PER_CALL // self._program.batch_size),
        )

    def steps(self, at: int, n: int) -> "Steps":
        """The steps at..at+n-1, in arrays with room for `most`."""
        rows = np.full((self.most, self._program.batch_size), -1, np.int32)
        rows[:n] = self._order.steps(at, at + n)
        rates = np.zeros((len(self._networks), self.most), self._dtype)
        shares = np.ones((len(self._networks), self.most if self._program.mixed else 1), self._dtype)
        numbers = np.arange(at + 1, at + n + 1)
        for place, config in enumerate(self._networks):
            rates[place, :n] = self._rates(place, numbers)
            if self._program.mixed:
                shares[place, :n] = mixup.shares(config, numbers, steps_per_epoch=self.steps_per_epoch)
        return Steps(rates, shares, rows)

    def rates_at_ends(self, place: int, epochs: int) -> Numbers:
        """The learning rate of the last step of each of the first epochs, shape (epochs,)."""
        return self._rates(place, self.steps_per_epoch * np.arange(1, epochs + 1))

    def _rates(self, place: int, numbers: Whole) -> Numbers:
        return learning_rates(
            self._networks[place], numbers, steps_per_epoch=self.steps_per_epoch, epochs=self._epochs[place]
        )


class Steps(NamedTuple):
    """What some steps need."""

    rates: Numbers
    """Shape (networks, steps)."""
    shares: Numbers
    """Alike; one column where the program mixes nothing."""
    rows: Whole
    """Row numbers of the mini-batches, shape (steps, batch); -1 where one is smaller."""
