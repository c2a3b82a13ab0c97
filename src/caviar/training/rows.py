"""The rows a lane trains on and is measured on, and the order in which they come."""

import numpy as np

from caviar.arrays import Whole
from caviar.data.split import Split
from caviar.network.config import Rows
from caviar.training.plan import DEV, FILLER, TRAIN
from caviar.training.step import Data

_MEASURED_LEAST, _MEASURED_MOST = 2_000, 10_000

MEASURED_AT_ONCE, IMAGES_AT_ONCE = 256, 64
"""Rows of one forward pass where losses are measured."""


class Order:
    """The rows of every step: shuffled anew each epoch, the last mini-batch smaller.

    A function of seed, number of rows and batch size. Epochs may be asked for in any order.
    """

    def __init__(self, seed: int, rows: int, batch_size: int, *, balance: Whole | None = None) -> None:
        """An order.

        Args:
            seed: of the draws.
            rows: how many there are.
            batch_size: rows of a step.
            balance: the class of every row: an epoch is as many draws, each of a class and then of one of its rows,
                all with equal chances. None takes every row once.
        """
        self.steps_per_epoch = -(-rows // batch_size)
        self._members = None if balance is None else [np.flatnonzero(balance == label) for label in np.unique(balance)]
        self._seed, self._rows, self._batch = seed, rows, batch_size
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
                rows[: self._rows] = stream.permutation(self._rows)
            self._epoch, self._shuffled = epoch, rows.reshape(-1, self._batch)
        return self._shuffled

    def _balanced(self, stream: np.random.Generator) -> Whole:
        assert self._members is not None
        classes, places = stream.integers(len(self._members), size=self._rows), stream.random(self._rows)
        sizes = np.array([len(members) for members in self._members])
        starts = np.r_[0, np.cumsum(sizes)[:-1]]
        return np.concatenate(self._members)[starts[classes] + (places * sizes[classes]).astype(int)]


def groups(rows: Rows, split: Split) -> Whole:
    """The group of every train and dev row for networks with this `Config.rows`: its fold, or TRAIN and DEV."""
    if isinstance(rows, tuple):
        return split.folds(rows[1]).astype(np.int32)
    if rows == "train+dev":
        return np.full(split.rows, TRAIN, np.int32)
    return np.where(np.arange(split.rows) < split.n_train, TRAIN, DEV).astype(np.int32)


def rows_measured(rows: Rows, split: Split) -> int:
    """Training rows on which losses are measured: twice the dev rows, so that dev is the noisier side, within bounds.

    Out of fold all rows, because each is held out from some network.
    """
    if isinstance(rows, tuple):
        return split.rows
    trained = split.n_train if rows == 1.0 else split.rows
    return min(trained, _MEASURED_MOST, max(_MEASURED_LEAST, 2 * split.n_dev))


def device_data(rows: Rows, split: Split) -> Data:
    """The rows of a lane, and those on which the losses are measured cut into chunks."""
    group = groups(rows, split)
    trained = split.n_train if rows == 1.0 else split.rows
    sampled = rows_measured(rows, split)
    if sampled >= trained:
        measured = np.arange(split.rows)
    else:
        stream = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 2, 0, 0]))
        sample = np.sort(stream.choice(trained, sampled, replace=False))
        measured = np.concatenate([sample, np.arange(trained, split.rows)])
    chunk = min(MEASURED_AT_ONCE if split.image_shape is None else IMAGES_AT_ONCE, len(measured))
    chunks = -(-len(measured) // chunk)
    short = chunks * chunk - len(measured)
    padded = np.concatenate([measured, np.zeros(short, int)])
    group_measured = np.concatenate([group[measured], np.full(short, FILLER, np.int32)])
    return Data._make(
        (
            split.x,
            split.y,
            group,
            split.x[padded].reshape(chunks, chunk, -1).transpose(0, 2, 1).copy(),
            split.y[padded].reshape(chunks, chunk),
            group_measured.reshape(chunks, chunk),
            split.weight,
        )
    )
