"""One column of numbers, true/false or dates becomes one or two columns of a network's input."""

from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.columns import iso_dates, without_marks
from caviar.data.levels import text_form
from caviar.data.numbers import ENOUGH, parse
from caviar.errors import BadData

Scale = Literal["standard", "robust"] | None
Kind = Literal["number", "boolean", "days"]

LIMIT = 1e6
"""Scaled values stay within ± this. No train row reaches it: |x - mean| <= std * sqrt(rows)."""
UNSCALED_LIMIT = 1e30
"""The same with scale None, far inside float32."""

_SMALLEST = 5e-324  # what a spread of still smaller numbers counts as
_DAY = 86_400_000_000  # microseconds
_TRUE, _FALSE = ("true", "t", "yes", "y", "1"), ("false", "f", "no", "n", "0")


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
            outputs.append(scaled(x, Statistics(self.fill, self.center, self.spread), self.scale))
        if self.marked:
            outputs.append(missing.astype(np.float64))
        return np.stack(outputs, axis=1)


def fit_numeric(cells: pl.Series, kind: Kind, scale: Scale) -> Numeric | str:
    """Statistics of one column of the train rows.

    "standard": mean and standard deviation (divided by n), after missing cells took the median. "robust":
    median and interquartile range q75 - q25; half the range where that is zero.

    Args:
        cells: train rows.
        kind: true/false is never scaled.
        scale: how numbers and days are scaled.

    Returns:
        The column's state, or the reason why it is of no use.

    Source for "robust": Holzmüller, Grinsztajn, Steinwart 2024, "Better by default", arXiv:2407.04491.
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
    fill, center, spread = statistics(x, used)
    return Numeric(cells.name, kind, fill, marked, used, center, spread)


class Statistics(NamedTuple):
    """What filling and scaling take from numbers, in their unit."""

    fill: float
    """Median of the known ones."""
    center: float
    spread: float


def statistics(x: Numbers, scale: Scale) -> Statistics:
    """Median, center and spread of numbers, as `fit_numeric` says for each scale.

    Args:
        x: (numbers,) float64 or float32, NaN where missing; none is infinite, and two at least differ.
        scale: None gives center 0 and spread 1.

    Returns:
        The statistics; spread > 0.
    """
    missing = np.isnan(x)
    unit = _unit(float(max(np.fmax.reduce(x), -np.fmin.reduce(x))))
    x = x / unit
    fill = float(np.median(x[~missing], overwrite_input=True))
    x[missing] = fill
    if scale is None:
        return Statistics(fill * unit, 0.0, 1.0)
    if scale == "standard":
        center = float(x.mean(dtype=np.float64))
        x -= center
        x *= x
        spread = float(np.sqrt(x.mean(dtype=np.float64)))
    else:
        q25, center, q75 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75], overwrite_input=True))
        spread = q75 - q25 if q75 > q25 else float(x.max() - x.min()) / 2
    return Statistics(fill * unit, center * unit, max(spread * unit, _SMALLEST))


def scaled(x: Numbers, numbers: Statistics, scale: Scale) -> Numbers:
    """Numbers of any shape with missing ones filled, scaled and bounded.

    Args:
        x: float64, NaN where missing.
        numbers: of the train rows; spread > 0.
        scale: the one that `numbers` were made for.

    Returns:
        float64 of the shape of `x`, finite.
    """
    z = standardized(np.where(np.isnan(x), numbers.fill, x), numbers.center, numbers.spread)
    if scale == "robust":
        z = smoothly_clipped(z)
    limit = UNSCALED_LIMIT if scale is None else LIMIT
    return np.clip(z, -limit, limit)


def standardized(x: Numbers, center: float, spread: float) -> Numbers:
    """(x - center) / spread in float64, right up to the largest numbers; spread > 0.

    Dividing by a power of two first changes no digit and keeps the difference from overflowing.
    """
    unit = _unit(max(abs(center), spread))
    with np.errstate(over="ignore"):
        return (x / unit - center / unit) / (spread / unit)


def smoothly_clipped(z: Numbers) -> Numbers:
    """The curve z / sqrt(1 + (z/3)^2): z itself near 0, within ±3 everywhere (Holzmüller et al. 2024)."""
    z = np.clip(z, -1e100, 1e100)
    return z / np.sqrt(1 + (z / 3) ** 2)


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
            raise _other_kind(cells, kind, repr(bad[0]))
    elif cells.dtype == pl.Null:
        numbers = cells.cast(pl.Float64)
    elif cells.dtype.is_temporal() != (kind == "days"):
        raise _other_kind(
            cells, kind, f"{cells.drop_nulls()[0]!s}" if cells.null_count() < len(cells) else str(cells.dtype)
        )
    elif kind == "days":
        numbers = _days(cells)
    else:
        numbers = cells.cast(pl.Float64)
        if kind == "boolean" and not numbers.drop_nulls().is_in([0.0, 1.0]).all():
            raise _other_kind(cells, kind, repr(numbers.filter(~numbers.is_in([0.0, 1.0]))[0]))
    x = numbers.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    return np.where(np.isfinite(x), x, np.nan)


def _of_text(text: pl.Series, kind: Kind) -> pl.Series:
    match kind:
        case "number":
            return parse(text)
        case "boolean":
            low = text_form(text).str.to_lowercase()
            answers = pl.when(low.is_in(_TRUE)).then(1.0).when(low.is_in(_FALSE)).then(0.0)
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


def _other_kind(cells: pl.Series, kind: Kind, example: str) -> BadData:
    what = {"number": "numbers", "boolean": "true or false", "days": "dates such as 2024-01-31"}[kind]
    return BadData(
        f"Column '{cells.name}' must hold {what}, as in the train rows, but it holds {example}. Correct the "
        "column, or check that it is the same one."
    )


def _unit(largest: float) -> float:
    """The power of two at or below a number; 1 for 0."""
    return float(2.0 ** (np.frexp(largest)[1] - 1)) if largest > 0 else 1.0
