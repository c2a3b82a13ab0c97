"""One column of numbers, true/false or dates becomes one or two columns of a network's input."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.columns import iso_dates, without_marks
from caviar.data.levels import example_of, holds_values, other_kind, text_form
from caviar.data.numbers import ENOUGH, numbers_in, parse, plain_numbers
from caviar.data.scaling import Scale, Statistics, scaled, statistics

Kind = Literal["number", "boolean", "days"]

_DAY = 86_400_000_000  # microseconds
_WORDS: dict[Kind, str] = {"number": "numbers", "boolean": "true or false", "days": "dates such as 2024-01-31"}
TRUE, FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")
"""How true and false are written, in small letters."""


@dataclass(frozen=True)
class Numeric:
    """How a column of numbers is filled, scaled and bounded; all numbers are of the train rows."""

    column: str
    kind: Kind
    fill: float
    """Median: what a missing cell becomes."""
    marked: bool
    """Whether a second output is 1 where the cell is missing: when a train row had it missing."""
    scale: Scale
    center: float
    spread: float
    """What the distance to `center` is divided by. 0: all known cells are alike, only the mark is kept."""
    floor: float = 0.0
    landmarks: tuple[float, ...] = ()
    """As in `scaling.Statistics`."""

    @property
    def _statistics(self) -> Statistics:
        return Statistics(self.fill, self.center, self.spread, self.floor, self.landmarks)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        return (self.column,) * (self.spread > 0) + (f"{self.column} is missing",) * self.marked

    def outputs(self, cells: pl.Series) -> Numbers:
        """Outputs of the column, float64 (rows, len(names)), finite."""
        x = numbers_of(cells, self.kind)
        missing = np.isnan(x)
        outputs = []
        if self.spread > 0:
            outputs.append(scaled(x, self._statistics, self.scale))
        if self.marked:
            outputs.append(missing.astype(np.float64))
        return np.stack(outputs, axis=1)


def fit_numeric(cells: pl.Series, kind: Kind, scale: Scale) -> Numeric | str:
    """Statistics of one column of the train rows (`scaling.statistics`).

    Args:
        cells: train rows.
        kind: true/false is never scaled.
        scale: how numbers and days are scaled.

    Returns:
        The column's state, or the reason why it is of no use.
    """
    x = numbers_of(cells, kind)
    known = x[~np.isnan(x)]
    if not len(known):
        return "every cell is missing"
    marked = len(known) < len(x)
    if known.min() == known.max():
        if not marked:
            return "all cells are alike"
        return Numeric(cells.name, kind, float(known[0]), True, None, 0.0, 0.0)
    used = None if kind == "boolean" else scale
    found = statistics(x, used)
    return Numeric(cells.name, kind, found.fill, marked, used, *found[1:])


def numbers_of(cells: pl.Series, kind: Kind) -> Numbers:
    """Cells as float64, NaN where missing or infinite.

    Args:
        cells: of any type: a file read again may have another one than the train rows had.
        kind: what the column was when it was fitted.

    Returns:
        Numbers; 0 and 1 for true/false; days since 1970-01-01 for dates, days for durations.

    Raises:
        BadData: more than a tenth of the cells are not of this kind.
    """
    if cells.dtype == pl.String or isinstance(cells.dtype, pl.Categorical | pl.Enum):
        text = without_marks(cells.cast(pl.String), dash=True)
        numbers = _of_text(text, kind)
        bad = text.filter(numbers.is_null() & text.is_not_null())
        if len(bad) and numbers.count() < ENOUGH * text.count():
            raise other_kind(cells, _WORDS[kind], repr(bad[0]))
    elif cells.dtype == pl.Null:
        numbers = cells.cast(pl.Float64)
    elif not holds_values(cells):
        raise other_kind(cells, _WORDS[kind], str(cells.dtype))
    elif cells.dtype.is_temporal() != (kind == "days"):
        raise other_kind(cells, _WORDS[kind], example_of(cells))
    elif kind == "days":
        numbers = _days(cells)
    elif kind == "number" and plain_numbers(cells):
        return _finite(numbers_in(cells))
    else:
        numbers = cells.cast(pl.Float64)
        if kind == "boolean" and not numbers.drop_nulls().is_in([0.0, 1.0]).all():
            raise other_kind(cells, _WORDS[kind], repr(numbers.filter(~numbers.is_in([0.0, 1.0]))[0]))
    return _finite(numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy())


def _finite(x: Numbers) -> Numbers:
    return np.where(np.isfinite(x), x, np.nan)


def _of_text(text: pl.Series, kind: Kind) -> pl.Series:
    match kind:
        case "number":
            return parse(text)
        case "boolean":
            low = text_form(text).str.to_lowercase()
            answers = pl.when(low.is_in(TRUE)).then(1.0).when(low.is_in(FALSE)).then(0.0)
            return pl.select(answers.cast(pl.Float64)).to_series()
        case "days":
            dates = iso_dates(text)
            return pl.Series([None] * len(text), dtype=pl.Float64) if dates is None else _days(dates)


def _days(cells: pl.Series) -> pl.Series:
    if cells.dtype == pl.Date:
        return cells.to_physical().cast(pl.Float64)
    if cells.dtype == pl.Time:
        return cells.to_physical().cast(pl.Float64) / (_DAY * 1000)
    part = cells.dt.total_microseconds() if isinstance(cells.dtype, pl.Duration) else cells.dt.epoch("us")
    return part.cast(pl.Float64) / _DAY
