"""A column of dates becomes numbers: days and year, and month, weekday and hour as points on a circle.

On a circle December stands beside January: sine and cosine of the part of the way around.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.levels import example_of, other_kind
from caviar.data.numeric import numbers_of
from caviar.data.scaling import Scale, Statistics, scaled, statistics

Part = Literal["days", "year", "month", "weekday", "hour"]
PARTS: tuple[Part, ...] = get_args(Part)
_AROUND: dict[str, int] = {"month": 12, "weekday": 7, "hour": 24}
_FARTHEST = 1e8  # days from 1970 that microseconds in int64 can hold, about 270,000 years


@dataclass(frozen=True)
class Dates:
    """The parts of a date that vary among the train rows, and how days and years are scaled."""

    column: str
    parts: tuple[Part, ...]
    fill: float
    """Median, in days since 1970-01-01: what a missing cell becomes."""
    marked: bool
    """Whether an output is 1 where the cell is missing: when a train row had it missing."""
    scale: Scale
    centers: tuple[float, ...]
    """Of days and years, as far as they are among the parts."""
    spreads: tuple[float, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        names: list[str] = []
        for part in self.parts:
            ends = (" sine", " cosine") if part in _AROUND else ("",)
            names += [f"{self.column} ({part}{end})" for end in ends]
        return (*names, *[f"{self.column} is missing"] * self.marked)

    def outputs(self, cells: pl.Series) -> Numbers:
        """Outputs of the column, float64 (rows, len(names)), finite.

        Raises:
            BadData: more than a tenth of the cells are no dates, or they are times of day where the train rows had
                dates, or the other way round.
        """
        days = _local_days(cells)
        self._check_same_kind(cells, days)
        missing = np.isnan(days)
        days = np.where(missing, self.fill, days)
        numbers = iter(zip(self.centers, self.spreads, strict=True))
        outputs: list[Numbers] = []
        for part in self.parts:
            x = part_of(days, part)
            if part in _AROUND:
                angle = 2 * np.pi * x / _AROUND[part]
                outputs += [np.sin(angle), np.cos(angle)]
            else:
                outputs.append(scaled(x, Statistics(0.0, *next(numbers)), self.scale))
        if self.marked:
            outputs.append(missing.astype(np.float64))
        return np.stack(outputs, axis=1)

    @property
    def _of_day(self) -> bool:
        """Whether the train rows were times of day: moments of 1970-01-01."""
        return 0 <= self.fill < 1 and set(self.parts) <= {"days", "hour"}

    def _check_same_kind(self, cells: pl.Series, days: Numbers) -> None:
        """Refuse times of day or durations for dates, and dates or durations for times of day."""
        lasts = isinstance(cells.dtype, pl.Duration)
        if self._of_day:
            known = days[~np.isnan(days)]
            if lasts or ((known < 0) | (known >= 1)).any():
                raise other_kind(cells, "times of day such as 10:30:00", example_of(cells))
        elif lasts or cells.dtype == pl.Time:
            raise other_kind(cells, "dates such as 2024-01-31", example_of(cells))


def fit_dates(cells: pl.Series, scale: Scale) -> Dates | str:
    """Parts of one column of the train rows, and their statistics.

    Args:
        cells: train rows; dates, times of day, or text as ISO 8601 writes dates. A time with a zone counts as its clock
            shows it.
        scale: of days and years; "quantile" and "log", which are for numbers of long tails, count as "standard".

    Returns:
        The column's state, or the reason why it is of no use.
    """
    scale = "standard" if scale in ("quantile", "log") else scale
    days = _local_days(cells)
    known = days[~np.isnan(days)]
    if not len(known):
        return "every cell is missing"
    marked = len(known) < len(days)
    parts: tuple[Part, ...] = tuple(part for part in PARTS if np.ptp(part_of(known, part)) > 0)
    if not parts and not marked:
        return "all cells are alike"
    fill = float(np.median(known))
    filled = np.where(np.isnan(days), fill, days)
    linear = [statistics(part_of(filled, part), scale) for part in parts if part not in _AROUND]
    return Dates(
        cells.name, parts, fill, marked, scale, tuple(s.center for s in linear), tuple(s.spread for s in linear)
    )


def part_of(days: Numbers, part: Part) -> Numbers:
    """One part of dates, float64.

    Args:
        days: since 1970-01-01, known.
        part: "year" as people count, "month" from 0 for January, "weekday" from 0 for Monday, "hour" in [0, 24) with
            its fraction.
    """
    match part:
        case "days":
            return days
        case "year":
            return _moments(days).astype("datetime64[Y]").astype(np.float64) + 1970
        case "month":
            return _moments(days).astype("datetime64[M]").astype(np.int64) % 12.0
        case "weekday":
            return (np.floor(days) + 3) % 7
        case "hour":
            return np.round((days - np.floor(days)) * 24 * 3600, 3) / 3600 % 24


def _moments(days: Numbers) -> np.ndarray:
    return (days * 86_400_000_000).astype(np.int64).astype("datetime64[us]")


def _local_days(cells: pl.Series) -> Numbers:
    if isinstance(cells.dtype, pl.Datetime) and cells.dtype.time_zone:
        cells = cells.dt.replace_time_zone(None)
    return np.clip(numbers_of(cells, "days"), -_FARTHEST, _FARTHEST)
