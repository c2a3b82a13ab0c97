"""The sealed test set: rows that only `open_together` hands out, which remembers each time that it did.

They are in no run folder: a run keeps the fingerprint of its test rows and the ledger's word on them (`ledger`).
`caviar split` writes them to a file of their own, so that they can be put away.
"""

import warnings
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.ledger import Opening, record_opening
from caviar.data.row_hashes import row_hashes
from caviar.data.stored import Frame, Stored, in_memory
from caviar.data.words import count
from caviar.errors import BadData

if TYPE_CHECKING:
    from caviar.data.sets import Split

WORTH_SAYING = 0.01
"""Share of the test rows, opened before, from which on it is said."""


class TestOpenedAgain(UserWarning):
    """The test set was opened a second time: what is chosen by it, it can no longer judge."""

    __test__ = False  # pytest collects what begins with Test


class Part(NamedTuple):
    """Rows of one set, not prepared."""

    frame: Frame
    """Feature columns that are learned from, as `Table.features` has them."""
    y: np.ndarray
    """int32 codes, or float32 standardised target."""
    target: pl.Series
    """The target as it was read."""
    beside: pl.DataFrame
    """Columns that are not learned from: those of group, time, set, source or weight; often none at all."""

    @property
    def cells(self) -> pl.DataFrame:
        """The feature columns in memory."""
        return in_memory(self.frame)

    def whole(self) -> pl.DataFrame:
        """The rows as they were read, in memory: features, the columns beside them, and the target."""
        more = [self.beside] if self.beside.width else []
        return pl.concat([self.cells, *more, self.target.to_frame()], how="horizontal")

    def rows(self, at: Whole) -> "Part":
        """Some of the rows, in memory."""
        beside = self.beside[at] if self.beside.width else self.beside
        return Part(self.frame[at], self.y[at], self.target[at], beside)

    def batches(self) -> Iterator["Part"]:
        """All rows in memory, some at a time; those on disk in the order of their file."""
        if not isinstance(self.frame, Stored):
            yield self
            return
        for frame, places in self.frame.batches():
            yield self.rows(places)._replace(frame=frame) if frame.height else self.rows(places[:0])


class Sealed:
    """The test rows, and how often they were looked at: the one thing about a split that changes."""

    def __init__(self, part: Part, passing: Collection[str | None] = ()) -> None:
        """Seal a set.

        Args:
            part: its rows.
            passing: columns by which a row is not recognised, since files written by `caviar split` lack them.
        """
        self.part = part
        self._passing = {column for column in passing if column is not None}
        self.openings: list[Opening] = []

    @property
    def y(self) -> np.ndarray:
        """As `Part.y`."""
        return self.part.y

    def hashes(self) -> Whole:
        """uint64 (rows,): a number for every row, see `row_hashes`."""
        return row_hashes(self.part.whole().drop(self._passing, strict=False))


def open_together(
    splits: Sequence["Split"], *, by: str = "Python", run: str | None = None
) -> tuple[list[Numbers], np.ndarray]:
    """Open the test set once for splits of the same rows that differ in scale only (`Split.rescaled`).

    When, by what and how often is noted in the user's ledger; `Split.openings` has it.

    Args:
        splits: at least one; all with the same sealed rows.
        by: what opens it, in words.
        run: the same word when an interrupted run goes on, which then does not count twice.

    Returns:
        x of each, float32 (n_test, width), prepared as that split prepares rows, and y (n_test,).

    Raises:
        BadData: there is no test set, or the splits do not share one.

    Warns:
        TestOpenedAgain: it, or an overlapping one, has been opened before, by this process or another.
    """
    first = splits[0]
    sealed = first._sealed
    if any(other._sealed is not sealed for other in splits):
        raise BadData(
            "Splits that are opened together must share their test rows, but these do not. Make the "
            "others with rescaled()."
        )
    if not first.n_test:
        raise BadData(
            f"A test set must have rows, but '{first.name}' was split without one. Judge by the dev "
            "rows, or split with test=None."
        )
    opening = record_opening(sealed.hashes(), first.name, by, run)
    sealed.openings.append(opening)
    if told := _again(opening, first.name, sealed.openings):
        warnings.warn(f"{told} {_UNBIASED}", TestOpenedAgain, stacklevel=2)
    return [other.preparation.features(sealed.part.frame) for other in splits], sealed.y


_UNBIASED = "An estimate is unbiased only as long as nothing is chosen by it: choose by the dev rows."


def _again(opening: Opening, name: str, here: Sequence[Opening]) -> str:
    """That the test rows were opened before, in words; nothing when they were not.

    The ledger knows all openings, and that a run which goes on opens nothing anew; without it only those `here` count.
    """
    times, seen = (opening.times, opening.seen) if opening.remembered else (len(here), float(len(here) > 1))
    if seen == 1:
        return f"The test set of '{name}' has been opened {times} times."
    if seen < WORTH_SAYING:
        return ""
    last = f"; last {opening.before[-1]}" if opening.before else ""
    return (
        f"{seen:.0%} of the test rows of '{name}' have been opened before, as part of "
        f"{count(times - 1, 'other look')} at a test set{last}."
    )
