"""The bytes of a delimited text file become rows of text cells: delimiter, quotes and line ends.

Polars does the parsing. The number of cells in every line is checked first, because a CSV parser fills a
short line with missing cells and says nothing. Where a quote stands inside a cell (5" pipe) Python's own
reader takes over.
"""

import csv
import io
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.data.words import count
from caviar.errors import BadData

NAMES = {"\t": "tab", ";": "semicolon", "|": "vertical bar", ",": "comma"}
_DELIMITERS = b"\t;|,"  # in the order in which a tie is decided: the comma also stands inside numbers
_QUOTE, _NEWLINE = b'"\n'
_ALONE = "\x1f"  # parts nothing: the delimiter of a file with one column


class _Lines(NamedTuple):
    """Where the records of a file begin and end (line breaks inside quotes do not end one)."""

    raw: np.ndarray  # uint8, the whole text
    quoted: np.ndarray  # bool, per byte: inside quotes
    starts: np.ndarray  # int64 (records,)
    ends: np.ndarray  # int64 (records,), one behind the last byte, line break excluded

    def cells(self, delimiter: int) -> np.ndarray:
        """Number of cells of every record."""
        at = np.flatnonzero((self.raw == delimiter) & ~self.quoted)
        return np.bincount(np.searchsorted(self.ends, at), minlength=len(self.ends)) + 1

    def number(self, record: int) -> int:
        """Line of these bytes in which a record begins, from 0."""
        return int(np.count_nonzero(self.raw[: self.starts[record]] == _NEWLINE))


def records(data: bytes, path: Path, delimiter: str | None = None, line: int = 1) -> tuple[pl.DataFrame, str | None]:
    """Parse a text file, or some lines of it.

    Args:
        data: UTF-8, without line breaks at the end, not empty.
        path: where it came from, for messages.
        delimiter: None: found.
        line: number of the first line in the file, for messages.

    Returns:
        String cells, the line of column names first; the delimiter, None when there is one column. Blank
        lines are left out, except in a file of one column.

    Raises:
        BadData: lines with other numbers of cells than the first; quotes that are not around whole cells.
    """
    clean = _quotes_are_whole_cells(data)
    lines = _lines(data, quoting=clean)
    delimiter = delimiter or _delimiter(lines)
    rows = _parsed(data, lines, delimiter, path, line) if clean else None
    return (_parsed_slowly(data, delimiter, path, line) if rows is None else rows), delimiter


def end_of_records(data: bytes) -> int:
    """Bytes up to the last line break that ends a record; 0 where there is none.

    Args:
        data: lines of a file, from the beginning of a record on; the last one may be cut.
    """
    lines = _lines(data, quoting=True)
    return int(lines.ends[-2]) + 1 if len(lines.ends) > 1 else data.rfind(b"\n") + 1


def _quotes_are_whole_cells(data: bytes) -> bool:
    """Whether every quote opens at the beginning of a cell, closes at its end, or is doubled inside."""
    raw = np.frombuffer(data, np.uint8)
    at = np.flatnonzero(raw == _QUOTE)
    if len(at) % 2:
        return False
    edges = np.frombuffer(_DELIMITERS + b'\r\n"', np.uint8)
    opening, closing = at[0::2], at[1::2]
    before = np.where(opening > 0, raw[opening - 1], _NEWLINE)
    after = np.where(closing + 1 < len(raw), raw[np.minimum(closing + 1, len(raw) - 1)], _NEWLINE)
    return bool(np.isin(before, edges).all() and np.isin(after, edges).all())


def _lines(data: bytes, quoting: bool) -> _Lines:
    raw = np.frombuffer(data, np.uint8)
    quoted = (
        np.bitwise_xor.accumulate((raw == _QUOTE).view(np.uint8)).view(bool)
        if quoting and _QUOTE in data
        else np.zeros(len(raw), bool)
    )
    breaks = np.flatnonzero((raw == _NEWLINE) & ~quoted)
    return _Lines(raw, quoted, np.append(0, breaks + 1), np.append(breaks, len(raw)))


def _delimiter(lines: _Lines) -> str | None:
    """The mark that gives most lines as many cells as the first; then the one that gives more cells."""
    sample = _Lines(lines.raw[: lines.ends[:200][-1]], lines.quoted, lines.starts[:200], lines.ends[:200])
    sample = sample._replace(quoted=lines.quoted[: len(sample.raw)])
    filled = sample.ends > sample.starts
    best, found = (0.0, 1), None
    for mark in _DELIMITERS:
        cells = sample.cells(mark)[filled]
        score = (float(np.mean(cells == cells[0])), int(cells[0]))
        if cells[0] > 1 and score > best:
            best, found = score, chr(mark)
    return found


def _parsed(data: bytes, lines: _Lines, delimiter: str | None, path: Path, first_line: int) -> pl.DataFrame | None:
    """Header and rows as polars reads them; None when polars sees other rows than we counted."""
    if delimiter is not None:
        blank, width = _check_cells(lines, delimiter, path, first_line)
        if blank.any():
            keep = np.ones(len(lines.raw), bool)
            for record in np.flatnonzero(blank):
                keep[lines.starts[record] : lines.ends[record] + 1] = False
            data = lines.raw[keep].tobytes()
        height = int(np.count_nonzero(~blank))
    else:
        height, width = len(lines.starts), 1
    try:
        rows = pl.read_csv(
            data,
            has_header=False,
            infer_schema=False,
            separator=delimiter or _ALONE,
            quote_char='"' if b'"' in data else None,
        )
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None
    return rows if rows.shape == (height, width) else None


def _check_cells(lines: _Lines, delimiter: str, path: Path, first_line: int) -> tuple[np.ndarray, int]:
    """Blank records, and the number of cells all others have."""
    cells = lines.cells(ord(delimiter))
    blank = np.zeros(len(cells), bool)
    for record in np.flatnonzero(cells == 1):
        blank[record] = not lines.raw[lines.starts[record] : lines.ends[record]].tobytes().strip()
    width = int(cells[~blank][0])
    wrong = np.flatnonzero((cells != width) & ~blank)
    if len(wrong):
        first = int(wrong[0])
        raise ragged(path, delimiter, width, (first_line + lines.number(first), int(cells[first])), len(wrong))
    return blank, width


def ragged(path: Path, delimiter: str, width: int, first: tuple[int, int], wrong: int) -> BadData:
    """The error for lines with another number of cells; `first` is line number and cells of the first one."""
    line, cells = first
    others = f" and {count(wrong - 1, 'other line')} do not match either" if wrong > 1 else ""
    hint = ""
    if delimiter == "," and cells > width:
        hint = " If its numbers have decimal commas, save it with semicolons between cells."
    mark = NAMES.get(delimiter, repr(delimiter))
    return BadData(
        f"Every line of '{path.name}' must have {count(width, 'cell')}, as its first line has, but line "
        f"{line:,} has {cells:,}{others} ({mark} between cells). Correct the lines, or put quotes around "
        f"cells that contain the {mark}.{hint}"
    )


def _parsed_slowly(data: bytes, delimiter: str | None, path: Path, first_line: int) -> pl.DataFrame:
    """Header and rows by Python's own reader, which takes a quote inside a cell as a letter."""
    reader = csv.reader(
        io.StringIO(data.decode(), newline=""),
        delimiter=delimiter or _ALONE,
        skipinitialspace=True,
        strict=True,
    )
    rows: list[list[str]] = []
    wrong: list[tuple[int, int]] = []
    line = first_line
    try:
        for row in reader:
            if len(row) > 1 or any(cell.strip() for cell in row) or delimiter is None:
                rows.append(row or [""])
                if len(row) != len(rows[0]):
                    wrong.append((line, len(row)))
            line = first_line + reader.line_num
    except csv.Error as error:
        raise BadData(
            f"Quotes must be around whole cells, but in '{path.name}' line {line:,} they are not: {error}. "
            "Close the quote, or double the quotes inside a quoted cell."
        ) from None
    if wrong:
        raise ragged(path, delimiter or _ALONE, len(rows[0]), wrong[0], len(wrong))
    columns = zip(*rows, strict=True)
    return pl.DataFrame({f"column_{i}": pl.Series(cells, dtype=pl.String) for i, cells in enumerate(columns)})
