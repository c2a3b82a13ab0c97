"""What a single column of a table becomes: one of seven values, each of which can be written as JSON."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import polars as pl

from caviar.data.category import Category, fit_category
from caviar.data.column_types import USELESS, ColumnType
from caviar.data.dates import Dates, fit_dates
from caviar.data.free_text import FreeText, fit_free_text
from caviar.data.images import shape_of
from caviar.data.numeric import Numeric, fit_numeric
from caviar.data.ordered import Ordered, fit_ordered
from caviar.data.pixels import Pixels, fit_pixels
from caviar.data.scaling import Scale


@dataclass(frozen=True)
class Dropped:
    """A column that is not used."""

    column: str
    reason: str

    @property
    def names(self) -> tuple[str, ...]:
        """No outputs."""
        return ()


Column = Numeric | Category | Ordered | Dates | FreeText | Pixels | Dropped
_WORDS: dict[str, type[Column]] = {
    "numeric": Numeric,
    "category": Category,
    "ordered": Ordered,
    "dates": Dates,
    "free text": FreeText,
    "pixels": Pixels,
    "dropped": Dropped,
}


def fit_column(cells: pl.Series, kind: ColumnType, scale: Scale) -> Column:
    """What one column becomes, by the train rows.

    Args:
        cells: train rows.
        kind: what the column is taken for.
        scale: of numbers that have none of their own.
    """
    if kind.word in USELESS:
        return Dropped(cells.name, kind.reason)
    match kind.word:
        case "boolean":
            made = fit_numeric(cells, "boolean", scale)
        case "date":
            made = fit_dates(cells, scale)
        case "ordered":
            made = fit_ordered(cells, kind.levels)
        case "text":
            made = fit_free_text(cells)
        case "category":
            made = fit_category(cells)
        case "images":
            made = fit_pixels(cells, shape_of(cells.dtype) or (0, 0, 0), scale)
        case _:
            lasts = isinstance(cells.dtype, pl.Duration)
            made = fit_numeric(cells, "days" if lasts else "number", scale if kind.scale == "table" else kind.scale)
    return Dropped(cells.name, made) if isinstance(made, str) else made


def column_to_json(column: Column) -> dict[str, Any]:
    """The column as plain words, numbers, lists and dictionaries."""
    word = next(word for word, kind in _WORDS.items() if isinstance(column, kind))
    return {"as": word} | asdict(column)


def column_from_json(state: Mapping[str, Any]) -> Column:
    """The column that wrote `state`.

    Raises:
        KeyError, TypeError, AttributeError: `state` is not what `column_to_json` writes.
    """
    fields: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in state.items() if name != "as"}
    return _WORDS[state["as"]](**fields)
