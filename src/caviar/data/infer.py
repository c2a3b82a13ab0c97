"""What every column is, told by its cells: numbers, categories, ordered levels, dates, text, or of no use.

When in doubt a column is kept: what is dropped wrongly is lost, while a check (`checks.columns`) can still say what is
doubtful.
"""

import re
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.category import MOST_LEVELS, level_of
from caviar.data.column_types import USELESS, ColumnType
from caviar.data.images import shape_of
from caviar.data.numeric import FALSE, TRUE, Kind, numbers_of
from caviar.data.orders import order_of
from caviar.data.stored import Frame
from caviar.data.words import listed
from caviar.errors import BadData

NEARLY_ALL = 0.9
"""Share of different cells from which on text, or numbers called a key, tell rows apart and nothing else."""

_FEWEST_COUNTED = 20  # rows from which on numbers that count them are no chance
_MOST_ORDERED = 50
_WORDS, _LETTERS = 3.0, 15.0  # means per cell from which on text is more than a label
_PAIRS = tuple({yes, no} for yes, no in zip(TRUE, FALSE, strict=True) if yes != "1")
_KEYS = {"id", "ids", "key", "pk", "uid", "pid", "uuid", "guid", "index", "idx", "rownum", "rowid", "identifier"}
_TIMES = {"time", "t", "day", "days", "week", "month", "year", "hour", "date", "step", "epoch", "period", "age"}


def column_types(
    frame: Frame, asked: Mapping[str, ColumnType] | None = None, rows: Whole | None = None
) -> dict[str, ColumnType]:
    """The type of every column.

    Args:
        frame: feature columns as `Table.features` has them.
        asked: types that a person or the owner of the data gave; they are checked against the cells.
        rows: (rows,) numbers of these rows in the table they are part of; None: they are the table.

    Returns:
        Types by column, in the order of the frame.

    Raises:
        BadData: cells that are not of the type that was asked for.
    """
    known = asked or {}
    types = {
        cells.name: _checked(cells, known[cells.name]) if cells.name in known else infer_type(cells, rows)
        for cells in frame.get_columns()
    }
    if all(kind.word in USELESS for kind in types.values()):  # rather a column that counts than none at all
        for name, kind in types.items():
            if kind.word == "identifier" and not kind.asked and frame[name].dtype.is_numeric():
                types[name] = ColumnType("number", "no other column is of use")
    return types


def infer_type(cells: pl.Series, rows: Whole | None = None) -> ColumnType:
    """The type of one column, by its cells and its name.

    Args:
        cells: some or all of a column.
        rows: their numbers in the table, as for `column_types`: cells that rise with them count rows.
    """
    filled = cells.drop_nulls()
    if not len(filled):
        return ColumnType("empty", "every cell is missing")
    if shape_of(cells.dtype):
        return ColumnType("images")
    different = filled.n_unique()
    if different == 1 and len(filled) == len(cells):
        return ColumnType("constant", "all cells are alike")
    if cells.dtype == pl.String:
        return _of_text(cells, different)
    if cells.dtype == pl.Boolean:
        return ColumnType("boolean")
    dated = cells.dtype.is_temporal() and not isinstance(cells.dtype, pl.Duration)
    return ColumnType("date") if dated else _of_numbers(cells, different, rows)


def called_a_key(name: str) -> bool:
    """Whether a column's name says that it identifies rows: id, customerID, row_key, Unnamed: 0."""
    words = _name_words(name)
    return bool(words) and (words[-1] in _KEYS or words[0] == "unnamed")


def _name_words(name: str) -> list[str]:
    """`customerID` and `customer_id` are customer, id."""
    return [word.lower() for word in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def _of_numbers(cells: pl.Series, different: int, rows: Whole | None) -> ColumnType:
    """Numbers, unless they count rows or are called a key."""
    filled = cells.drop_nulls()
    number = ColumnType("number")
    if not cells.dtype.is_numeric() or different < max(_FEWEST_COUNTED, NEARLY_ALL * len(filled)):
        return number
    if called_a_key(cells.name) and bool((filled == filled.round()).all()):
        return ColumnType("identifier", "an identifier: its name says so, and nearly every cell is different")
    if cells.dtype.is_integer() and _counts(cells, rows) and not _TIMES & set(_name_words(cells.name)):
        return ColumnType("identifier", "an identifier: it counts the rows")
    return number


def _counts(cells: pl.Series, rows: Whole | None) -> bool:
    """Whether every number is that of its row, from wherever the count began."""
    numbers = np.arange(len(cells)) if rows is None else rows
    return not cells.null_count() and np.ptp(cells.cast(pl.Float64).to_numpy() - numbers) == 0


def _of_text(cells: pl.Series, different: int) -> ColumnType:
    text = level_of(cells).drop_nulls()
    nearly = different >= NEARLY_ALL * len(text) and 2 * len(text) >= len(cells) and different > 2
    if different <= _MOST_ORDERED:
        levels = text.unique().to_list()
        if {level.lower() for level in levels} in _PAIRS:
            return ColumnType("boolean", "written as " + " and ".join(sorted(levels)))
        if not nearly and (order := order_of(levels)):
            return ColumnType("ordered", "a known order", order)
    if nearly or different > MOST_LEVELS:
        words = (text.str.count_matches(r"\s+") + 1).mean()
        letters = text.str.len_chars().mean()
        if isinstance(words, float) and isinstance(letters, float) and words >= _WORDS and letters >= _LETTERS:
            return ColumnType("text", "many different cells of several words")
    if nearly:
        return ColumnType("identifier", "an identifier: nearly every cell is different")
    return ColumnType("category")


def _checked(cells: pl.Series, kind: ColumnType) -> ColumnType:
    """The type that was asked for, completed by what the cells say."""
    if shape_of(cells.dtype) and kind.word not in ("images", "drop"):
        raise BadData(f"Column '{cells.name}' holds images, which can only be dropped, got the type '{kind.word}'.")
    match kind.word:
        case "number" | "boolean":
            _refuse_others(cells, "number" if kind.word == "number" else "boolean", kind.word)
        case "date":
            _refuse_others(cells, "days", "date")
        case "ordered":
            return _ordered(cells, kind)
    return kind


def _refuse_others(cells: pl.Series, kind: Kind, word: str) -> None:
    if kind == "number" and isinstance(cells.dtype, pl.Duration):
        kind = "days"
    try:
        numbers_of(cells, kind)
    except BadData as error:
        raise BadData(
            f"Column '{cells.name}' cannot be of the type '{word}' that was asked for: {error} Or ask for another type."
        ) from None


def _ordered(cells: pl.Series, kind: ColumnType) -> ColumnType:
    levels = level_of(cells).drop_nulls().unique(maintain_order=True).to_list()
    if not kind.levels:
        if order := order_of(levels):
            return replace(kind, levels=order)
        raise BadData(
            f"The levels of '{cells.name}' have no order that is known ({listed(levels)}). Name them from low to high: "
            "types={...: ['low', 'mid', 'high']}."
        )
    order = tuple(level_of(pl.Series(kind.levels)).to_list())
    if strangers := [level for level in levels if level not in order]:
        raise BadData(
            f"The levels of '{cells.name}' must all be named, from low to high, but {listed(strangers)} "
            f"{'is' if len(strangers) == 1 else 'are'} not among {listed(kind.levels, 12)}."
        )
    return replace(kind, levels=order)
