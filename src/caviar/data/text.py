"""A delimited text file becomes a frame of text cells, exactly as many as the file has.

Encoding is found by `decode`, delimiter and quoting by `records`; what the cells mean (numbers, missing
marks, dates) is left to `columns`.
"""

import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import polars as pl

from caviar.data.decode import decode
from caviar.data.records import NAMES, records
from caviar.data.unpack import contents
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
    """Read a .csv, .tsv or .txt file as text cells; packed ones (gz, bz2, xz) are unpacked.

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
    data, encoding = decode(contents(path), path)
    if b"\n" not in data:
        data = data.replace(b"\r", b"\n")
    data, given = without_blank_ends(data)
    if not data.strip():
        raise BadData(f"'{path.name}' must have a line of column names and rows below it, but it is empty.{_REDO}")
    rows, delimiter = records(data, path, given)
    if rows.height < 2:
        raise BadData(f"'{path.name}' must have rows below its column names, but it has only the line of names.{_REDO}")
    cells = rows.slice(1)
    names, notes = column_names(rows.row(0), path, lambda i: has_cells(cells.to_series(i)))
    named, dropped = _without_empty_end(cells.select(pl.nth(i).alias(name) for i, name in names.items()))
    return Text(named, delimiter, (about(encoding, delimiter), *notes, *dropped))


def about(encoding: str, delimiter: str | None) -> str:
    """How a file was read, in a sentence."""
    between = f"{NAMES.get(delimiter, repr(delimiter))} between cells" if delimiter else "one column"
    return f"Read as {encoding}, {between}."


def without_blank_ends(data: bytes) -> tuple[bytes, str | None]:
    """A text without blank lines in front, line breaks behind, and Excel's first line; the delimiter that it names."""
    data = re.sub(rb"\A([ \t]*\r?\n)+", b"", data.rstrip(b"\r\n\x1a"))
    if first := re.match(rb"sep=([,;\t|])\s*\n", data, re.IGNORECASE):
        return data[first.end() :], first[1].decode()
    return data, None


def has_cells(column: pl.Series) -> bool:
    """Whether any text cell is filled."""
    return bool((column.fill_null("").str.strip_chars() != "").any())


def column_names(
    first: Sequence[str | None], path: Path, filled: Callable[[int], bool]
) -> tuple[dict[int, str], list[str]]:
    """The names of columns by their number, and what was decided.

    Args:
        first: the cells of the first row.
        path: of the file, for messages.
        filled: whether the column of a number has any cell.

    Raises:
        BadData: two columns of one name, or none with a name.
    """
    written = ["" if name is None else str(name) for name in first]
    names = [name.strip() for name in written]
    notes = []
    if stripped := [name for name, plain in zip(written, names, strict=True) if name != plain and plain]:
        notes.append(f"Blanks around column names are left out: {listed(stripped)}.")
    kept = []
    for i, name in enumerate(names):
        if name:
            kept.append(i)
        elif filled(i):
            names[i] = f"column {i + 1}"
            notes.append(f"Column {i + 1} has no name and is called '{names[i]}'.")
            kept.append(i)
    if len(kept) < len(names):
        notes.append(f"{count(len(names) - len(kept), 'column')} without name and cells left out.")
    found = {i: names[i] for i in kept}
    names = list(found.values())
    if not names:
        raise BadData(f"'{path.name}' must begin with a line of column names, but no column has one.{_REDO}")
    refuse_duplicates(names, f"'{path.name}'", "If the file has no line of column names, put one on top.")
    if all(_is_number(name) for name in names):
        notes.append(
            f"The first line is taken as column names, though all are numbers ({listed(names, 3)}): if the "
            "file has no line of names, put one on top."
        )
    return found, notes


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
    height = filled_height(cells)
    if height in (0, cells.height):
        return cells, []
    return cells.head(height), [about_empty_end(cells.height - height)]


def filled_height(cells: pl.DataFrame) -> int:
    """Rows up to the last one with any cell."""
    filled = cells.select(pl.any_horizontal(pl.all().fill_null("").str.strip_chars() != "")).to_series()
    last = filled.arg_true()
    return int(last[-1]) + 1 if len(last) else 0


def about_empty_end(rows: int) -> str:
    """What was done with empty rows below a table, in a sentence."""
    return f"{count(rows, 'empty row')} at the end left out."
