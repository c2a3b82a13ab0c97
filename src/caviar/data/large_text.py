"""A delimited text file that does not fit into memory becomes columns of text on disk.

It is read in pieces that end with a record, by the rules of `text`: every line must have as many cells as the first.
What needs the whole file at once stays with `text`: packed files, UTF-16, and files of one column, whose blank lines
are cells.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import polars as pl

from caviar.data.decode import decode, from_latin, is_utf8
from caviar.data.records import end_of_records, ragged, records
from caviar.data.scratch import Scratch
from caviar.data.stored import Stored, write
from caviar.data.text import about, about_empty_end, column_names, filled_height, has_cells, without_blank_ends

_PIECE = 1 << 25
"""Bytes that are read at a time."""

_PLAIN = (".csv", ".tsv", ".txt")


class LargeText(NamedTuple):
    """A file of text cells; as `text.Text`."""

    cells: Stored
    delimiter: str
    notes: tuple[str, ...]


def read_large_text(path: Path) -> LargeText | None:
    """Read a text file with the memory of a piece.

    Args:
        path: an existing file.

    Returns:
        Cells, delimiter and sentences; None where the whole file is needed at once.

    Raises:
        BadData: as `text.read_text` does, or there is no room on disk.
    """
    if path.suffix.lower() not in _PLAIN:
        return None
    utf8 = is_utf8(path)
    with path.open("rb") as file:
        beginning = file.read(_PIECE)
    beginning = beginning[: end_of_records(beginning)]
    if not beginning or b"\0" in beginning:
        return None
    encoding = decode(beginning, path)[1]
    if not utf8:
        encoding = from_latin(beginning)[1]
    scratch = Scratch("text")
    parts: list[Path] = []
    names: tuple[str | None, ...] = ()
    delimiter: str | None = None
    height, filled, line = 0, 0, 1
    for piece, is_last in _pieces(path):
        data, first = decode(piece, path)[0] if utf8 else from_latin(piece)[0], line
        line += piece.count(b"\n")
        if not parts:
            data, delimiter = without_blank_ends(data)
            first = line - data.count(b"\n") - piece[len(piece.rstrip(b"\r\n\x1a")) :].count(b"\n")
        data = data.rstrip(b"\r\n\x1a" if is_last else b"\r\n")
        if not data.strip():
            continue
        rows, found = records(data, path, delimiter, first)
        if found is None:
            return None
        if not parts:
            names, delimiter, rows = rows.row(0), found, rows.slice(1)
        elif rows.width != len(names):
            raise ragged(path, found, len(names), (first, rows.width), 1)
        parts.append(scratch.folder / f"{len(parts)}.arrow")
        write(rows, parts[-1], scratch, f"The rows of '{path.name}'")
        filled = height + own if (own := filled_height(rows)) else filled
        height += rows.height
    cells, said = pl.scan_ipc(parts), []
    if 0 < filled < height:
        cells, said = cells.head(filled), [about_empty_end(height - filled)]
    inner = [f"column_{i}" for i in range(len(names))]
    named, notes = column_names(names, path, lambda i: has_cells(cells.select(inner[i]).collect().to_series()))
    lazy = {name: cells.select(pl.col(inner[i]).alias(name)) for i, name in named.items()}
    assert delimiter is not None
    stored = Stored(lazy, dict.fromkeys(lazy, pl.String()), filled or height, keep=scratch)
    return LargeText(stored, delimiter, (about(encoding, delimiter), *notes, *said))


def _pieces(path: Path) -> Iterator[tuple[bytes, bool]]:
    """Parts of a file that end with a record, and whether it is the last."""
    with path.open("rb") as file:
        held = b""
        while True:
            more = file.read(_PIECE)
            held += more
            if not more:
                yield held, True
                return
            if end := end_of_records(held):
                yield held[:end], False
                held = held[end:]
