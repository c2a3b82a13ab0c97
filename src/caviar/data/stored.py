"""Columns on disk that read like a frame: for tables that do not fit into memory.

One Arrow file per column, so that statistics take the memory of a column and rows that of a batch. What a `Stored` is
asked for comes as polars columns; it never changes.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.scratch import Scratch
from caviar.errors import BadData

BATCH = 1 << 17
"""Rows that are read at a time."""


class Stored:
    """Columns of equal length on disk.

    `columns`, `height`, `width`, `schema`, `get_columns()`, `select()`, `drop()` and item access are those of a polars
    frame, but every column is read when it is asked for and held by nobody.
    """

    def __init__(
        self, lazy: Mapping[str, pl.LazyFrame], schema: Mapping[str, pl.DataType], height: int, keep: object = None
    ) -> None:
        """Columns that are on disk.

        Args:
            lazy: by name, a frame of the one column.
            schema: its type.
            height: rows.
            keep: what must live as long as the files.
        """
        self._lazy, self._keep = dict(lazy), keep
        self.schema, self.height = dict(schema), height

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return list(self._lazy)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._lazy)

    def get_columns(self) -> Iterator[pl.Series]:
        """The columns, one after the other: never two in memory."""
        return (self._column(name) for name in self._lazy)

    def select(self, names: Iterable[str]) -> "Stored":
        """Some columns, in this order."""
        kept = list(names)
        lazy, schema = {name: self._lazy[name] for name in kept}, {name: self.schema[name] for name in kept}
        return Stored(lazy, schema, self.height, self._keep)

    def drop(self, *names: str) -> "Stored":
        """All columns but some."""
        return self.select(name for name in self._lazy if name not in names)

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """All rows in order, so many at a time."""
        for first in range(0, self.height, rows):
            yield pl.DataFrame([self._slice(name, first, rows) for name in self._lazy])

    def __len__(self) -> int:
        return self.height

    def __getitem__(self, which: str | Whole | slice) -> "pl.Series | pl.DataFrame":
        """A column by its name, or rows by their numbers: as many as fit into memory."""
        if isinstance(which, str):
            return self._column(which)
        if isinstance(which, slice):
            first, end, step = which.indices(self.height)
            if step == 1:
                return pl.DataFrame([self._slice(name, first, max(0, end - first)) for name in self._lazy])
            which = np.arange(first, end, step)
        return pl.DataFrame([self._column(name)[which] for name in self._lazy])

    def _column(self, name: str) -> pl.Series:
        return self._lazy[name].collect().to_series()

    def _slice(self, name: str, first: int, rows: int) -> pl.Series:
        return self._lazy[name].slice(first, rows).collect().to_series()


class StoredRows:
    """Some rows of stored columns, in some order; reads like a frame, as `Stored` does."""

    def __init__(self, stored: Stored, at: Whole) -> None:
        """Rows by their numbers."""
        self._stored, self._at = stored, at

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return self._stored.columns

    @property
    def height(self) -> int:
        """Number of rows."""
        return len(self._at)

    @property
    def width(self) -> int:
        """Number of columns."""
        return self._stored.width

    @property
    def schema(self) -> dict[str, pl.DataType]:
        """Types by name."""
        return self._stored.schema

    def get_columns(self) -> Iterator[pl.Series]:
        """The columns, one after the other."""
        return (column[self._at] for column in self._stored.get_columns())

    def select(self, names: Iterable[str]) -> "StoredRows":
        """Some columns, in this order."""
        return StoredRows(self._stored.select(names), self._at)

    def batches(self, rows: int = BATCH) -> Iterator[tuple[pl.DataFrame, Whole]]:
        """The rows in the order of the file, so many of it at a time, and the place of each among these rows."""
        place = np.full(self._stored.height, -1, np.int64)
        place[self._at] = np.arange(len(self._at))
        first = 0
        for batch in self._stored.batches(rows):
            own = place[first : first + batch.height]
            first += batch.height
            used = own >= 0
            yield batch.filter(used), own[used]

    def __len__(self) -> int:
        return len(self._at)

    def __getitem__(self, which: str | Whole | slice) -> "pl.Series | pl.DataFrame":
        """A column by its name, or rows by their numbers: as many as fit into memory."""
        if isinstance(which, str):
            return self._stored._column(which)[self._at]
        return self._stored[self._at[which]]


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
    return Stored(lazy, schema, height, scratch)


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
            f"failed with {scratch.free() / 1e9:.1f} GB free ({error}). Set XDG_CACHE_HOME to a folder with room."
        ) from None
