"""Columns on disk that read like a frame: for tables that do not fit into memory.

One Arrow file per column, so that statistics take the memory of a column and rows that of a batch. What a `Stored` is
asked for comes as polars columns; it never changes.
"""

from collections.abc import Iterable, Iterator, Sequence
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

    def __init__(self, scratch: Scratch, files: dict[str, Path], schema: dict[str, pl.DataType], height: int) -> None:
        """Columns that are on disk; see `store`."""
        self._scratch, self._files = scratch, files
        self.schema, self.height = schema, height

    @property
    def columns(self) -> list[str]:
        """Names, in order."""
        return list(self._files)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._files)

    def get_columns(self) -> Iterator[pl.Series]:
        """The columns, one after the other: never two in memory."""
        return (self._column(name) for name in self._files)

    def select(self, names: Iterable[str]) -> "Stored":
        """Some columns, in this order."""
        kept = list(names)
        return Stored(
            self._scratch,
            {name: self._files[name] for name in kept},
            {name: self.schema[name] for name in kept},
            self.height,
        )

    def drop(self, *names: str) -> "Stored":
        """All columns but some."""
        return self.select(name for name in self._files if name not in names)

    def batches(self, rows: int = BATCH) -> Iterator[pl.DataFrame]:
        """All rows in order, so many at a time."""
        for first in range(0, self.height, rows):
            yield pl.DataFrame([self._slice(name, first, rows) for name in self._files])

    def __len__(self) -> int:
        return self.height

    def __getitem__(self, which: str | Whole | slice) -> "pl.Series | pl.DataFrame":
        """A column by its name, or rows by their numbers: as many as fit into memory."""
        if isinstance(which, str):
            return self._column(which)
        if isinstance(which, slice):
            first, end, step = which.indices(self.height)
            if step == 1:
                return pl.DataFrame([self._slice(name, first, max(0, end - first)) for name in self._files])
            which = np.arange(first, end, step)
        return pl.DataFrame([self._column(name)[which] for name in self._files])

    def _column(self, name: str) -> pl.Series:
        return pl.read_ipc(self._files[name]).to_series().alias(name)

    def _slice(self, name: str, first: int, rows: int) -> pl.Series:
        return pl.scan_ipc(self._files[name]).slice(first, rows).collect().to_series().alias(name)


def store(columns: Iterable[pl.Series], names: Sequence[str], purpose: str = "table") -> Stored:
    """Write columns to disk, one after the other.

    Args:
        columns: made when they are asked for, all of one length.
        names: what they are called, for the message when there is no room; as many as columns.
        purpose: a word for the folder's name.

    Raises:
        BadData: the disk is full or cannot be written.
    """
    scratch = Scratch(purpose)
    files: dict[str, Path] = {}
    schema: dict[str, pl.DataType] = {}
    height = 0
    for number, column in enumerate(columns):
        file = scratch.folder / f"{number}.arrow"
        try:
            column.to_frame("cells").write_ipc(file, compression="uncompressed", record_batch_size=BATCH)
        except OSError as error:
            room = scratch.free() / 1e9
            raise BadData(
                f"The table needs room on disk for {len(names):,} columns of {len(column):,} rows, but writing "
                f"'{names[number]}' to {scratch.folder} failed with {room:.1f} GB free ({error}). Set XDG_CACHE_HOME "
                "to a folder with room."
            ) from None
        files[column.name], schema[column.name], height = file, column.dtype, len(column)
    return Stored(scratch, files, schema, height)
