"""A delimited text file becomes a frame of text cells, exactly as many as the file has.

Encoding is found by `decode`, delimiter and quoting by `records`; what the cells mean (numbers, missing
marks, dates) is left to `columns`.
"""

import re
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import polars as pl

from caviar.data.decode import decode
from caviar.data.records import NAMES, records
from caviar.data.words import count, listed
from caviar.errors import BadData

_REDO = " Export the table again."


class Text(NamedTuple):
    """A file of text cells."""

    cells: pl.DataFrame
    """All String, named by the header; null or "" where a cell is empty."""
    delimiter: str | None
    """None when the file has one column."""
    notes: tuple[str, ...]


def read_text(path: Path) -> Text:
    """Read a .csv, .tsv or .txt file as text cells.

    Blank lines are left out (in a file of one column only those at its end), and so are columns without
    name and cells, and rows without any cell at the end of the file.

    Args:
        path: an existing file.

    Returns:
        Cells, delimiter and sentences about what was found.

    Raises:
        BadData: no bytes, no rows, not text, cells that do not match the header, a quote that is never
            closed, or two columns of one name.
    """
    data, encoding = decode(path.read_bytes(), path)
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    data = re.sub(rb"\A([ \t]*\r?\n)+", b"", data.rstrip(b"\r\n\x1a"))
    given: str | None = None
    if first := re.match(rb"sep=([,;\t|])\s*\n", data, re.IGNORECASE):  # Excel's first line
        given = first[1].decode()
        data = data[first.end() :]
    if not data.strip():
        raise BadData(f"'{path.name}' must have a line of column names and rows below it, but it is empty.{_REDO}")
    rows, delimiter = records(data, path, given)
    if rows.height < 2:
        raise BadData(f"'{path.name}' must have rows below its column names, but it has only the line of names.{_REDO}")
    named, notes = _named(rows, path)
    named, dropped = _without_empty_end(named)
    between = f"{NAMES.get(delimiter, repr(delimiter))} between cells" if delimiter else "one column"
    return Text(named, delimiter, (f"Read as {encoding}, {between}.", *notes, *dropped))


def _named(rows: pl.DataFrame, path: Path) -> tuple[pl.DataFrame, list[str]]:
    """The first row becomes the names of the columns."""
    written = ["" if name is None else str(name) for name in rows.row(0)]
    names = [name.strip() for name in written]
    cells = rows.slice(1)
    notes = []
    if stripped := [name for name, plain in zip(written, names, strict=True) if name != plain and plain]:
        notes.append(f"Blanks around column names are left out: {listed(stripped)}.")
    kept = []
    for i, name in enumerate(names):
        if name:
            kept.append(i)
        elif (cells.to_series(i).fill_null("").str.strip_chars() != "").any():
            names[i] = f"column {i + 1}"
            notes.append(f"Column {i + 1} has no name and is called '{names[i]}'.")
            kept.append(i)
    if len(kept) < len(names):
        notes.append(f"{count(len(names) - len(kept), 'column')} without name and cells left out.")
    names = [names[i] for i in kept]
    if not names:
        raise BadData(f"'{path.name}' must begin with a line of column names, but no column has one.{_REDO}")
    refuse_duplicates(names, f"'{path.name}'", "If the file has no line of column names, put one on top.")
    if all(_is_number(name) for name in names):
        notes.append(
            f"The first line is taken as column names, though all are numbers ({listed(names, 3)}): if the "
            "file has no line of names, put one on top."
        )
    return cells.select(pl.nth(i).alias(name) for i, name in zip(kept, names, strict=True)), notes


def refuse_duplicates(names: list[str], where: str, advice: str) -> None:
    """Raise BadData when two columns have one name."""
    twice = [name for name, times in Counter(names).items() if times > 1]
    if twice:
        raise BadData(f"Column names must differ, but {where} has {listed(twice)} more than once. Rename one. {advice}")


def _is_number(name: str) -> bool:
    try:
        float(name)
    except ValueError:
        return False
    return True


def _without_empty_end(cells: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
    """Rows of nothing but delimiters, as spreadsheets leave them below a table."""
    if cells.width == 1:
        return cells, []
    filled = cells.select(pl.any_horizontal(pl.all().fill_null("").str.strip_chars() != "")).to_series()
    last = filled.arg_true()
    height = int(last[-1]) + 1 if len(last) else 0
    if height in (0, cells.height):
        return cells, []
    return cells.head(height), [f"{count(cells.height - height, 'empty row')} at the end left out."]
