"""Columns on disk that read like a frame: for tables that do not fit into memory.

One Arrow file per column, so that statistics take the memory of a column and rows that of a batch. What a `Stored` is
asked for comes as polars columns; it never changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import overload

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.scratch import Scratch
from caviar.data.words import bytes_in_words
from caviar.errors import BadData

BATCH = 1 << 17
"""Rows that are read at a time."""


class Stored:
    """Columns of equal length on disk, or some rows of them in some order.

    `columns`, `height`, `width`, `schema`, `get_columns()`, `select()`, `drop()` and item access are those of a polars
    frame, but every column is read when it is asked for and held by nobody.
    """

    def __init__(
        self,
        lazy: Mapping[str, pl.LazyFrame],
        schema: Mapping[str, pl.DataType],
        height: int,
        *,
        at: Whole | None = None,
        keep: object = None,
    ) -> None:
        """Columns that are on disk.

        Args:
            lazy: by name, a frame of the one column.
            schema: its type.
            height: rows on disk.
            at: numbers of the rows that are meant, in their order; None: all.
            keep: what must live as long as the files.
        """
        self._lazy, self._height, self._at, self._keep = dict(lazy), height, at, keep
        self.schema = dict(schema)

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return list(self._lazy)

    @property
    def height(self) -> int:
        """Number of rows."""
        return self._height if self._at is None else len(self._at)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._lazy)

    def get_columns(self) -> Iterator[pl.Series]:
        """The columns, one after the other: never two in memory."""
        return (self[name] for name in self._lazy)

    def select(self, names: Iterable[str]) -> "Stored":
        """Some columns, in this order."""
        kept = list(names)
        lazy, schema = {name: self._lazy[name] for name in kept}, {name: self.schema[name] for name in kept}
        return Stored(lazy, schema, self._height, at=self._at, keep=self._keep)

    def drop(self, names: Iterable[str], *, strict: bool = True) -> "Stored":
        """All columns but some; `strict`: which must be there."""
        left_out = {names} if isinstance(names, str) else set(names)
        if strict and (unknown := left_out - set(self._lazy)):
            raise KeyError(f"There is no column {', '.join(sorted(unknown))}.")
        return self.select(name for name in self._lazy if name not in left_out)

    def rows(self, at: Whole) -> "Stored":
        """Some rows by their numbers, in this order, left on disk."""
        return Stored(
            self._lazy, self.schema, self._height, at=at if self._at is None else self._at[at], keep=self._keep
        )

    def batches(self, rows: int = BATCH) -> Iterator[tuple[pl.DataFrame, Whole]]:
        """The rows in the order of the file, so many of it at a time, each part with their places among these rows."""
        place = np.arange(self._height)
        if self._at is not None:
            place = np.full(self._height, -1, np.int64)
            place[self._at] = np.arange(len(self._at))
        for first in range(0, self._height, rows):
            batch = pl.DataFrame([self._slice(name, first, rows) for name in self._lazy])
            own = place[first : first + batch.height]
            yield batch.filter(own >= 0), own[own >= 0]

    def __len__(self) -> int:
        return self.height

    @overload
    def __getitem__(self, which: str) -> pl.Series: ...

    @overload
    def __getitem__(self, which: Whole | slice) -> pl.DataFrame: ...

    def __getitem__(self, which: str | Whole | slice) -> pl.Series | pl.DataFrame:
        """A column by its name, or rows by their numbers, in memory."""
        if isinstance(which, str):
            column = _collected(self._lazy[which])
            return column if self._at is None else column[self._at]
        if isinstance(which, slice):
            first, end, step = which.indices(self.height)
            if step == 1 and self._at is None:
                return pl.DataFrame([self._slice(name, first, max(0, end - first)) for name in self._lazy])
            which = np.arange(first, end, step)
        at = which if self._at is None else self._at[which]
        return pl.DataFrame([_collected(lazy)[at] for lazy in self._lazy.values()])

    def _slice(self, name: str, first: int, rows: int) -> pl.Series:
        return _collected(self._lazy[name].slice(first, rows))


def _collected(lazy: pl.LazyFrame) -> pl.Series:
    try:
        return lazy.collect().to_series()
    except (OSError, pl.exceptions.PolarsError) as error:
        raise BadData(
            "The columns of a table on disk must stay where they were put until it is no longer used, but they cannot "
            f"be read ({' '.join(str(error).split())[:200]}). Read the table again."
        ) from None


Frame = pl.DataFrame | Stored
"""Columns in memory or on disk."""


def in_memory(frame: Frame) -> pl.DataFrame:
    """The columns, read when they are on disk."""
    return frame if isinstance(frame, pl.DataFrame) else frame[:]


def taken(frame: Frame, at: Whole) -> Frame:
    """Rows by their numbers, which stay where they are: in memory or on disk."""
    return frame.rows(at) if isinstance(frame, Stored) else frame[at]


def store(columns: Iterable[pl.Series]) -> Stored:
    """Write columns to disk, one after the other.

    Args:
        columns: made when they are asked for, all of one length.

    Raises:
        BadData: the disk is full or cannot be written.
    """
    scratch = Scratch("table")
    lazy: dict[str, pl.LazyFrame] = {}
    schema: dict[str, pl.DataType] = {}
    height = 0
    for number, column in enumerate(columns):
        file = scratch.folder / f"{number}.arrow"
        write(column.to_frame("cells"), file, scratch, f"Column '{column.name}'")
        lazy[column.name] = pl.scan_ipc(file).rename({"cells": column.name})
        schema[column.name], height = column.dtype, len(column)
    return Stored(lazy, schema, height, keep=scratch)


def write(frame: pl.DataFrame, file: Path, scratch: Scratch, what: str) -> None:
    """Write a frame as an Arrow file that can be read in slices.

    Args:
        frame: columns.
        file: in the scratch folder.
        scratch: the folder.
        what: is written, for the message when there is no room.

    Raises:
        BadData: the disk is full or cannot be written.
    """
    try:
        frame.write_ipc(file, compression="uncompressed", record_batch_size=BATCH)
    except OSError as error:
        raise BadData(
            f"{what} must be kept on disk, because the table does not fit into memory, but writing to {scratch.folder} "
            f"failed with {bytes_in_words(scratch.free())} free ({error}). Set XDG_CACHE_HOME to a folder with room."
        ) from None
