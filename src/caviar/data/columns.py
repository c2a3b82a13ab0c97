"""Cells as they were read become typed columns: numbers, text, true/false, dates or images, null where missing.

The same rules for every source. A column that its owner made categorical stays text; any other text column
may hold numbers or dates.
"""

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.data.column_types import ColumnType
from caviar.data.images import shape_of, without_infinite
from caviar.data.levels import commonest_first
from caviar.data.numbers import ENOUGH, Marks, marks_of, numbers_in, parse
from caviar.data.stored import Frame, Stored, store
from caviar.data.words import count, listed
from caviar.errors import BadData

MISSING = ("", "na", "n/a", "nan", "null", "none", "?", "-")
"""Cells that stand for "not known", in any case of letters."""

_DATE = r"^\d{4}-\d{2}-\d{2}$"
_TIME = r"^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,9})?)?$"
_MOST_NOTES = 8  # sentences about single columns, of each sort


class Typed(NamedTuple):
    """Columns with types, and what was decided."""

    frame: Frame
    notes: tuple[str, ...]
    cells_lost: dict[str, list[str]]
    """By column: how the cells that were read as missing were written, each once."""
    given: dict[str, ColumnType]
    """Types that the owner of a DataFrame gave: categories, and those in an order."""


def typed(frame: Frame, delimiter: str | None = None, target: str | None = None) -> Typed:
    """Give every column its type.

    Args:
        frame: columns as read; from disk they come, and go back, one after the other.
        delimiter: of the text file they come from: it helps to tell what a comma in a number means.
        target: a column whose infinite cells are kept, for the caller to refuse.

    Returns:
        Columns of integer, float, String, Boolean or temporal type, or of images (`images`).

    Raises:
        BadData: a column of lists, of binary or of other Python objects; numbers with an unclear comma.
    """
    cleaned: dict[str, _Cleaned] = {}
    if isinstance(frame, pl.DataFrame):
        cleaned = {c.name: _cleaned(c) for c in frame.get_columns()}
    # How numbers are written is told by all columns together; those on disk are read once more for it.
    texts = [c.cells for c in cleaned.values() if c.is_text] if isinstance(frame, pl.DataFrame) else _Texts(frame)
    ways = marks_of(texts, delimiter)
    found: list[_Found] = []

    def columns() -> Iterator[pl.Series]:
        for column in frame.get_columns():
            known = cleaned.get(column.name) or _cleaned(column)
            cells, what = _typed(known, ways.get(column.name), is_target=column.name == target)
            found.append(what._replace(given=None if column.name == target else _given(column)))
            yield cells

    made = pl.DataFrame(list(columns())) if isinstance(frame, pl.DataFrame) else store(columns())
    cells_lost = {what.name: [*what.marks, *what.strays] for what in found if what.marks or what.strays}
    given = {what.name: what.given for what in found if what.given}
    return Typed(made, tuple(_notes(found)), cells_lost, given)


class _Cleaned(NamedTuple):
    """A column without missing marks."""

    cells: pl.Series
    is_text: bool
    """Whether it was read as text, and may hold something else."""
    marks: Counter[str]
    """Missing marks by how they were written."""
    empty: int
    """Empty cells of a text column."""


class _Found(NamedTuple):
    """What was decided about a column."""

    name: str
    marks: Counter[str]
    empty: int
    way: Marks | None = None
    strays: tuple[str, ...] = ()
    """Cells that are no numbers, each once."""
    stray_cells: int = 0
    dated: bool = False
    nearly: str | None = None
    infinite: int = 0
    given: ColumnType | None = None


class _Texts:
    """The text columns of a table on disk without missing marks, read whenever they are gone through."""

    def __init__(self, frame: Stored) -> None:
        self._frame = frame.select([name for name, dtype in frame.schema.items() if dtype == pl.String])

    def __iter__(self) -> Iterator[pl.Series]:
        return (known.cells for column in self._frame.get_columns() if (known := _cleaned(column)).is_text)


def _cleaned(column: pl.Series) -> _Cleaned:
    lost: dict[str, Counter[str]] = {}
    cells = _known_missing(_plain(column), lost)
    text = column.dtype == pl.String and cells.dtype == pl.String and cells.null_count() < len(cells)
    empty = column.null_count() if column.dtype == pl.String else 0
    return _Cleaned(cells, text, lost.get(column.name, Counter()), empty)


def _typed(column: _Cleaned, way: Marks | None, *, is_target: bool) -> tuple[pl.Series, _Found]:
    """A column with its type."""
    cells, what = column.cells, _Found(column.cells.name, column.marks, column.empty)
    if column.is_text:
        if way is not None:
            numbers = parse(cells, way)
            bad = cells.filter(numbers.is_null() & cells.is_not_null())
            strays = tuple(bad.unique(maintain_order=True).to_list())
            cells, what = numbers, what._replace(way=way, strays=strays, stray_cells=len(bad))
        elif not is_target and (days := iso_dates(cells)) is not None:
            cells, what = days, what._replace(dated=True)
        else:
            what = what._replace(nearly=_nearly_numbers(cells))
    if shape_of(cells.dtype):
        cells, infinite = without_infinite(cells)
    elif not is_target and cells.dtype.is_float() and (infinite := int(np.isinf(numbers_in(cells)).sum())):
        cells = pl.select(pl.when(cells.is_finite()).then(cells).alias(cells.name)).to_series()
    else:
        infinite = 0
    return cells, what._replace(infinite=infinite)


def _notes(found: Sequence[_Found]) -> list[str]:
    """What was decided, in sentences."""
    notes = _about_missing(found) + _about_commas({what.name: what.way for what in found if what.way})
    notes += _at_most([_about_strays(what) for what in found if what.strays])
    notes += _at_most([what.nearly for what in found if what.nearly])
    if dates := [what.name for what in found if what.dated]:
        notes.append(f"Read as dates: {listed(dates)}.")
    return notes + _about_infinite({what.name: what.infinite for what in found if what.infinite})


def iso_dates(text: pl.Series) -> pl.Series | None:
    """Date or Datetime cells, when every filled cell is a date as ISO 8601 writes it, without zone."""
    filled = text.drop_nulls()
    if not len(filled):
        return None
    if filled.str.contains(_DATE).all():
        days = text.str.to_date("%Y-%m-%d", strict=False)
    elif filled.str.contains(_TIME).all():
        full = text.str.replace(" ", "T", literal=True).str.replace(r"(T\d{2}:\d{2})$", "${1}:00")
        days = full.str.to_datetime("%Y-%m-%dT%H:%M:%S%.f", strict=False, time_unit="us")
    else:
        return None
    return days if days.null_count() == text.null_count() else None


def without_marks(text: pl.Series, *, dash: bool) -> pl.Series:
    """Text without surrounding blanks; null where a missing mark stands.

    Args:
        text: String cells.
        dash: whether "-" is a mark.
    """
    bare = text.str.strip_chars()
    known = ~bare.str.to_lowercase().is_in([mark for mark in MISSING if dash or mark != "-"])
    return pl.select(pl.when(known).then(bare).alias(text.name)).to_series()


def _given(column: pl.Series) -> ColumnType | None:
    """The type that the owner gave to a column: categories, in their order where they have one."""
    if isinstance(column.dtype, pl.Enum):
        known = column.dtype.categories.str.strip_chars()
        levels = known.filter(~known.str.to_lowercase().is_in(MISSING)).to_list()
        if len(set(levels)) > 1:
            return ColumnType("ordered", "the order of the data frame", tuple(dict.fromkeys(levels)), asked=True)
    if isinstance(column.dtype, pl.Enum | pl.Categorical):
        return ColumnType("category", "a category of the data frame", asked=True)
    return None


def _plain(column: pl.Series) -> pl.Series:
    """The column in one of the types of a `Table`; NaN becomes null."""
    dtype = column.dtype
    if isinstance(dtype, pl.Categorical | pl.Enum):
        return column.cast(pl.String)
    if dtype == pl.Null:
        return column.cast(pl.Float64)
    if dtype.is_float():
        return column.fill_nan(None) if np.isnan(numbers_in(column)).any() else column
    if dtype.is_decimal() or dtype in (pl.Int128,):
        return column.cast(pl.Float64)
    if dtype.is_numeric() or dtype.is_temporal() or dtype in (pl.String, pl.Boolean) or shape_of(dtype):
        return column
    raise BadData(
        f"A column must hold numbers, text, true/false or dates, but '{column.name}' holds {dtype}. Make "
        "one column of each of its parts, or leave it out with columns=[...]."
    )


def _known_missing(column: pl.Series, lost: dict[str, Counter[str]]) -> pl.Series:
    """Null for the missing marks of a text column; `lost` counts them as they were written."""
    if column.dtype != pl.String or column.cast(pl.Int64, strict=False).null_count() == column.null_count():
        return column
    # "-" beside "+" is a label: they are a pair
    bare = without_marks(column, dash=not (column.str.strip_chars() == "+").any())
    marked = column.filter(bare.is_null() & column.is_not_null()).str.strip_chars()
    if len(marked):
        lost[column.name] = Counter(dict(commonest_first(marked).iter_rows()))
    return bare


def _about_missing(found: Sequence[_Found]) -> list[str]:
    marks: Counter[str] = Counter()
    for what in found:
        marks.update(what.marks)
    marks[""] += sum(what.empty for what in found)
    parts = [
        f"{repr(mark) if mark else 'empty'} ({count(cells, 'cell')})" for mark, cells in marks.most_common() if cells
    ]
    return [f"Read as missing: {', '.join(parts)}."] if parts else []


def _about_strays(what: _Found) -> str:
    examples = listed(what.strays[:3])
    if what.stray_cells == 1:
        return f"Column '{what.name}' is numeric; 1 cell that is not ({examples}) has been read as missing."
    return (
        f"Column '{what.name}' is numeric; {what.stray_cells:,} cells that are not ({examples}) have been read as "
        "missing."
    )


def _about_infinite(cells: dict[str, int]) -> list[str]:
    if not cells:
        return []
    shown = ", ".join(f"'{name}' ({number:,})" for name, number in list(cells.items())[:_MOST_NOTES])
    return [f"Infinite numbers are read as missing: {shown}{', …' if len(cells) > _MOST_NOTES else ''}."]


def _about_commas(ways: dict[str, Marks]) -> list[str]:
    said = {
        "decimal comma": "Numbers with a decimal comma (1,5 is 1.5)",
        "thousands comma": "Numbers with a comma for thousands (1,234 is 1234)",
        "thousands point": "Numbers with a point for thousands, as others have a decimal comma (1.234 is 1234)",
        "thousands gap": "Numbers with a blank or apostrophe for thousands (1 234.5 is 1234.5)",
        "thousands gap, decimal comma": "Numbers with a blank for thousands and a decimal comma (1 234,5 is 1234.5)",
    }
    return [
        f"{sentence}: {listed([name for name, way in ways.items() if way == marks])}."
        for marks, sentence in said.items()
        if marks in ways.values()
    ]


def _nearly_numbers(column: pl.Series) -> str | None:
    """What keeps a column text that mostly looks like numbers."""
    filled = column.drop_nulls()
    bad = filled.filter(parse(filled).is_null())
    share = 1 - len(bad) / len(filled)
    if share >= 0.5:
        return (
            f"Column '{column.name}' is text: {math.floor(100 * share)}% of its cells are numbers, less than "
            f"{ENOUGH:.0%}; the others are such as {listed(bad.unique(maintain_order=True), 3)}."
        )
    units = r"^[$€£¥]?\s?[+-]?\d[\d.,' ]*\s?[%$€£¥]?$"
    if (filled.str.contains(units) & filled.str.contains(r"[%$€£¥' ]")).sum() >= ENOUGH * len(filled):
        return (
            f"Column '{column.name}' is text, because of cells such as {listed(bad, 1).split(' and ')[0]}: "
            "if they are meant as numbers, write them without signs and spaces."
        )
    return None


def _at_most(sentences: list[str]) -> list[str]:
    more = len(sentences) - _MOST_NOTES
    return sentences if more <= 0 else [*sentences[:_MOST_NOTES], f"The same holds for {count(more, 'more column')}."]
