"""Parquet and Arrow files become frames."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import polars as pl

from caviar.data.bounds import check_unpacked
from caviar.data.parquet_footer import unpacked_bytes
from caviar.data.stored import Stored
from caviar.data.text import refuse_duplicates
from caviar.errors import BadData

LARGE = 1 << 30
"""Bytes, at 8 for a cell, from which on columns of a file stay on disk."""

_REFUSED = (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, OverflowError, ValueError)


def read_parquet(path: Path) -> pl.DataFrame:
    """Columns of a parquet file.

    Raises:
        BadData: it is cut off, damaged, of another format, or claims more cells than its size allows.
    """
    with path.open("rb") as file:
        whole = file.read(4) == b"PAR1" and file.seek(-4, os.SEEK_END) > 0 and file.read() == b"PAR1"
    frame = _read(path, pl.scan_parquet, pl.read_parquet, unpacked_bytes) if whole else None
    if frame is None:
        raise _unreadable(path, "a parquet file")
    return frame


def read_arrow(path: Path) -> pl.DataFrame:
    """Columns of an Arrow file (Feather version 2, IPC) or stream.

    Raises:
        BadData: it is cut off, damaged, of another format, or claims more cells than its size allows.
    """
    with path.open("rb") as file:
        begin = file.read(6)
    if begin == b"ARROW1":
        frame = _read(path, pl.scan_ipc, pl.read_ipc)
    elif begin[:4] == b"\xff\xff\xff\xff":
        frame = _read(path, None, pl.read_ipc_stream)
    elif begin[:4] == b"FEA1":
        raise BadData(
            f"An Arrow file must be of Feather's version 2, but '{path.name}' is of version 1. Write it again with a "
            "current library, or save it as parquet."
        )
    else:
        frame = None
    if frame is None:
        raise _unreadable(path, "an Arrow file (Feather, IPC)")
    return frame


def _read(
    path: Path,
    scan: Callable[..., pl.LazyFrame] | None,
    read: Callable[..., Any],
    declared: Callable[[Path], int] = lambda _: 0,
) -> pl.DataFrame | None:
    """The frame, once its cells and `declared` bytes are known to be possible; None where polars cannot read it.

    The path goes in as an open file: polars would take *, ? and [ in a path as a pattern, and a link as an address.
    """
    try:
        if scan is not None:
            with path.open("rb") as file:
                counted = scan(file)
                cells = int(counted.select(pl.len()).collect().item()) * len(counted.collect_schema())
            check_unpacked(path.stat().st_size, max(8 * cells, declared(path)), f"'{path.name}'")
        with path.open("rb") as file:
            return read(file)
    except BadData:
        raise
    except _REFUSED:
        return None


def scan_large(path: Path, kind: Literal["parquet", "arrow"], *, asked: bool) -> Stored | None:
    """The columns of a large file, read from it one by one when they are needed.

    Args:
        path: an existing file.
        kind: of the file.
        asked: whether to take a file of any size.

    Returns:
        The columns; None where the file is not large, or not one that can be read in parts: `read_parquet` and
        `read_arrow` say why.
    """
    place = path.resolve()
    try:
        lazy = pl.scan_parquet(place, glob=False) if kind == "parquet" else pl.scan_ipc(place, glob=False)
        schema = lazy.collect_schema()
        height = int(lazy.select(pl.len()).collect().item())
    except _REFUSED:
        return None
    names = [name.strip() for name in schema.names()]
    if not height or not names or (not asked and 8 * height * len(names) <= LARGE):
        return None
    refuse_duplicates(names, f"'{path.name}'", "")
    columns = {name: lazy.select(pl.col(own).alias(name)) for name, own in zip(names, schema.names(), strict=True)}
    return Stored(columns, dict(zip(names, schema.dtypes(), strict=True)), height)


def _unreadable(path: Path, what: str) -> BadData:
    return BadData(
        f"'{path.name}' must be {what}, but it cannot be read as one: it is cut off, damaged or of another format. "
        "Write it again."
    )
