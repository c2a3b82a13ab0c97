"""The rows a lane trains on and is measured on, and the order in which they come.

Rows that are kept on disk come in blocks, with the steps that need them (`feed`); all others lie on the device.
"""

import numpy as np

from caviar.arrays import Whole
from caviar.data.split import Split
from caviar.network.config import Rows
from caviar.training.plan import DEV, FILLER, TRAIN, part_of_train, pool_of
from caviar.training.step import Data, Drawn, Measured

_MEASURED_LEAST, _MEASURED_MOST = 2_000, 10_000

MEASURED_AT_ONCE, IMAGES_AT_ONCE = 256, 64
"""Rows of one forward pass where losses are measured."""


_WINDOW, _STRETCHES = 1 << 28, 64
"""Bytes of rows on disk that are shuffled together, and the stretches of the file of which they consist."""


class Order:
    """The rows of every step: shuffled anew each epoch, the last mini-batch smaller.

    A function of its arguments. Epochs may be asked for in any order.
    """

    def __init__(
        self, seed: int, rows: int, batch_size: int, *, balance: Whole | None = None, window: int | None = None
    ) -> None:
        """An order.

        Args:
            seed: of the draws.
            rows: how many there are.
            batch_size: rows of a step.
            balance: the class of every row: an epoch is as many draws, each of a class and then of one of its rows,
                all with equal chances. None takes every row once.
            window: rows that are shuffled together where there are more: stretches of neighbouring rows from all over,
                so that a disk is read in stretches. None shuffles all.
        """
        self.steps_per_epoch = -(-rows // batch_size)
        self._members = None if balance is None else [np.flatnonzero(balance == label) for label in np.unique(balance)]
        self._seed, self._rows, self._batch = seed, rows, batch_size
        self._window = window or rows
        self._epoch, self._shuffled = -1, np.empty((0, batch_size), np.int32)

    def steps(self, first: int, end: int) -> Whole:
        """Row numbers of the steps first..end-1, shape (end - first, batch); -1 where a mini-batch is smaller."""
        parts = []
        while first < end:
            epoch, at = divmod(first, self.steps_per_epoch)
            take = min(end - first, self.steps_per_epoch - at)
            parts.append(self._of(epoch)[at : at + take])
            first += take
        return np.concatenate(parts)

    def _of(self, epoch: int) -> Whole:
        if epoch != self._epoch:
            rows = np.full(self.steps_per_epoch * self._batch, -1, np.int32)
            stream = np.random.Generator(np.random.Philox(key=self._seed, counter=[0, 1, epoch, 0]))
            if self._members is not None:
                rows[: self._rows] = self._balanced(stream)
            elif self.steps_per_epoch == 1:  # all rows in one mini-batch: their order changes nothing
                rows[: self._rows] = np.arange(self._rows)
            else:
                rows[: self._rows] = self._shuffle(stream)
            self._epoch, self._shuffled = epoch, rows.reshape(-1, self._batch)
        return self._shuffled

    def _shuffle(self, stream: np.random.Generator) -> Whole:
        if self._rows <= self._window:
            return stream.permutation(self._rows)
        stretch = -(-self._window // _STRETCHES)
        rows = np.concatenate(
            [
                np.arange(part * stretch, min((part + 1) * stretch, self._rows), dtype=np.int32)
                for part in stream.permutation(-(-self._rows // stretch))
            ]
        )
        for first in range(0, self._rows, self._window):
            stream.shuffle(rows[first : first + self._window])
        return rows

    def _balanced(self, stream: np.random.Generator) -> Whole:
        assert self._members is not None
        classes, places = stream.integers(len(self._members), size=self._rows), stream.random(self._rows)
        sizes = np.array([len(members) for members in self._members])
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        return np.concatenate(self._members)[starts[classes] + (places * sizes[classes]).astype(int)]


def groups(rows: Rows, split: Split, seed: int = 0) -> Whole:
    """The group of every train and dev row for networks with this `Config.rows`: its fold, or TRAIN and DEV.

    Args:
        rows: of their configs.
        split: the data.
        seed: of their configs: it chooses the rows of a share; the others are FILLER.
    """
    if isinstance(rows, tuple):
        return split.folds(rows[1]).astype(np.int32)
    if rows == "train+dev":
        return np.full(split.rows, TRAIN, np.int32)
    group = np.where(np.arange(split.rows) < split.n_train, TRAIN, DEV).astype(np.int32)
    if (own := part_of_train(rows, split, seed)) is not None:
        group[: split.n_train] = FILLER
        group[own] = TRAIN
    return group


def rows_measured(rows: Rows, split: Split, seed: int = 0) -> int:
    """Training rows on which losses are measured: twice the dev rows, so that dev is the noisier side, within bounds.

    Out of fold all rows, because each is held out from some network. Of a share no more than it has.
    """
    if isinstance(rows, tuple):
        return split.rows
    trained = split.n_train if pool_of(rows) == "train" else split.rows
    most = min(trained, _MEASURED_MOST, max(_MEASURED_LEAST, 2 * split.n_dev))
    own = part_of_train(rows, split, seed)
    return most if own is None else min(most, len(own))


def on_disk(split: Split) -> bool:
    """Whether a split's rows are kept on disk."""
    return isinstance(split.x, np.memmap)


def rows_per_window(split: Split) -> int | None:
    """Rows that are shuffled together, see `Order`; None for all."""
    return max(1, _WINDOW // (split.x.itemsize * split.width)) if on_disk(split) else None


def drawn_rows(split: Split, group: Whole, at: Whole | slice = slice(None)) -> Drawn:
    """Rows to draw mini-batches from: some, or all.

    Args:
        split: the data.
        group: of every train and dev row.
        at: their numbers.
    """
    weight = None if split.weight is None else split.weight[at]
    return Drawn(split.x[at], split.y[at], group[at], weight)  # pyright: ignore[reportArgumentType]


def device_data(rows: Rows, split: Split, seed: int = 0) -> Data:
    """The rows of a lane, and those on which the losses are measured; see `groups`."""
    drawn = None if on_disk(split) else drawn_rows(split, groups(rows, split, seed))
    return Data(drawn, measured_rows(rows, split, seed))


def measured_rows(rows: Rows, split: Split, seed: int = 0) -> Measured:
    """The rows on which the losses are measured, cut into chunks.

    Every share has the shape of 1.0, filled up, so that it needs no program of its own.
    """
    group, own = groups(rows, split, seed), part_of_train(rows, split, seed)
    trained = split.n_train if pool_of(rows) == "train" else split.rows
    of_train = rows_measured(rows if own is None else 1.0, split)
    places = of_train + split.rows - trained
    measured = np.arange(split.rows)
    if of_train < trained:
        stream = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 2, 0, 0]))
        sample = stream.choice(trained if own is None else own, rows_measured(rows, split, seed), replace=False)
        measured = np.concatenate([np.sort(sample), np.arange(trained, split.rows)])
    chunk = min(MEASURED_AT_ONCE if split.image_shape is None else IMAGES_AT_ONCE, places)
    chunks = -(-places // chunk)
    short = chunks * chunk - len(measured)
    padded = np.concatenate([measured, np.zeros(short, int)])
    group_measured = np.concatenate([group[measured], np.full(short, FILLER, np.int32)])
    return Measured._make(
        (
            split.x[padded].reshape(chunks, chunk, -1).transpose(0, 2, 1).copy(),
            split.y[padded].reshape(chunks, chunk),
            group_measured.reshape(chunks, chunk),
        )
    )
