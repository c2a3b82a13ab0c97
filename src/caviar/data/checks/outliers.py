"""Numbers that are no measurements: stand-ins for "not known" such as -999 or 0, and slips of the pen."""

from typing import Any, Literal, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.checks.check import Check, Checked
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.data.words import count

_FEWEST = 50  # known cells, and
_DIFFERENT = 20  # different ones, below which nothing stands apart
_STEPS = 10  # a gap is wide when it is so many times the usual step between neighbours, and
_APART = 3.0  # so many robust standard deviations, on two scales
_FAR = 6.0  # robust standard deviations from the median
_COMMON = 0.05  # a stand-in that is more frequent has a meaning of its own: no garage has 0 square feet
_SPIKE = 3
_REMOTE = 20.0  # times the range of all others, from which
_SEVERAL = 3  # cells are far, whatever the column
_STRETCHED = 10.0  # times the spread of all others, from which far cells set a column's scale
_KEPT = 20
_LARGEST = 1e300  # what is beyond counts as this: differences would overflow

_SOURCE = "Rousseeuw & Hubert 2011 (robust distances); gaps on two scales, calibrated on clean columns"

_Sort = Literal["rare stand-in", "scale", "common stand-in", "far"]
_SAID: dict[_Sort, tuple[str, str]] = {
    "rare stand-in": (
        "Stand-ins for missing cells",
        "A network takes them for measurements: leave these cells empty, and they are filled and marked.",
    ),
    "scale": (
        "Cells so far away that they set their column's scale",
        "Normalised by it, all other cells are next to the same number, and a network hardly sees them. Correct these "
        "cells or leave them empty; if they are true, take scale='robust' or a log scale.",
    ),
    "common stand-in": (
        "One value apart in many rows",
        'If it stands for "not known", leave these cells empty, and they are filled and marked.',
    ),
    "far": (
        "Cells far from all others",
        "Correct them if they are slips; if they are true, scale='robust' or a log scale keeps them from stretching "
        "the others.",
    ),
}


class Apart(NamedTuple):
    """Cells of one column that stand apart."""

    column: str
    rows: list[int]
    """Numbers from 0 in the table."""
    values: list[float]
    """Different ones."""
    nearest: float
    """The closest of all other cells."""
    distance: float
    """From the median, in robust standard deviations; the nearest of them."""
    stands_in: bool
    """Whether it is one value that is usual for "not known"."""
    stretch: float = 1.0
    """Standard deviation of the column, over that of its other cells."""


def check_outliers(table: Table, task: Task | None = None) -> Checked:  # noqa: ARG001 (all checks of tables)
    """Numbers that stand apart from all others of their column, beyond a wide gap.

    A warning for one value that stands in for "not known" (0, -1, -99, 999 and longer); an info where it is in more
    than one row of twenty, since it may have a meaning; and an info for a few cells far away, on the column's own scale
    and on that of logarithms, so that a long tail is no reason; or for up to one row of twenty that is away by 20 times
    the range of all others. Far cells that make the column's standard deviation 10 times what it is without them are a
    warning. Distances are in robust standard deviations, (q75 - q25) / 1.349.

    Args:
        table: with or without a target.
        task: not needed.
    """
    found = [
        apart
        for name, kind in table.types.items()
        if kind.word == "number" and table.features[name].dtype.is_numeric()
        for apart in stand_apart(table.features[name])
    ]
    codes = [a for a in found if a.stands_in]
    rare = [a for a in codes if len(a.rows) <= _COMMON * table.rows]
    groups: dict[_Sort, list[Apart]] = {
        "scale": [a for a in found if not a.stands_in and a.stretch >= _STRETCHED],
        "rare stand-in": rare,
        "common stand-in": [a for a in codes if a not in rare],
        "far": [a for a in found if not a.stands_in and a.stretch < _STRETCHED],
    }
    return Checked(tuple(_said(sort, group, table.rows) for sort, group in groups.items() if group))


def stand_apart(column: pl.Series) -> list[Apart]:
    """What stands apart at the lower and at the upper end of one column of numbers."""
    cells = column.cast(pl.Float64).fill_null(float("nan")).to_numpy()
    x = np.where(np.isfinite(cells), np.clip(cells, -_LARGEST, _LARGEST), np.nan)
    known = x[~np.isnan(x)]
    values, rows = np.unique(known, return_counts=True)
    if len(known) < _FEWEST:
        return []
    whole, remote = x, _remote(x, values, rows)
    for apart in remote:
        x = np.where(np.isin(np.arange(len(x)), apart.rows), np.nan, x)
    found: list[Apart | None] = [*remote]
    values, rows = np.unique(x[~np.isnan(x)], return_counts=True)
    if len(values) >= _DIFFERENT:
        low = _of_end(x, values, rows, upper=False) or _spike(x, values, rows)
        if low is not None:
            values, rows = values[values >= low.nearest], rows[values >= low.nearest]
        found += [low, _of_end(x, values, rows, upper=True)]
    return [
        apart._replace(
            column=column.name, values=np.unique(cells[apart.rows]).tolist(), stretch=_stretch(known, whole[apart.rows])
        )
        for apart in found
        if apart is not None
    ]


def _stretch(known: Numbers, apart: Numbers) -> float:
    """Standard deviation of known cells, over that of those that are not among these values."""
    others = known[~np.isin(known, apart)]
    # Each is divided by its own largest cell: squares of huge numbers would overflow, those beside them become 0.
    largest, next_to = (max(1.0, float(np.abs(cells).max(initial=0))) for cells in (known, others))
    spread = float((others / next_to).std()) if len(others) else 0.0
    return float((known / largest).std()) / spread * (largest / next_to) if spread else 1.0


def _remote(x: Numbers, values: Numbers, rows: np.ndarray) -> list[Apart]:
    """At one end, three cells to one in twenty that lie away from all others by many times the others' range.

    Of a Pareto distribution with exponent 1 they do so in one sample of 10,000; one or two cells would more often.
    """
    upto = np.cumsum(rows)
    most = int(_COMMON * upto[-1])
    low = int(np.searchsorted(upto, most, side="right"))  # the first value that cannot be among the lowest cells
    high = int(np.searchsorted(upto, upto[-1] - most, side="left"))
    while True:  # what is near is no outlier
        reach = _REMOTE * (values[high] - values[low])
        if low > 0 and values[low] - values[low - 1] <= reach:
            low -= 1
        elif high + 1 < len(values) and values[high + 1] - values[high] <= reach:
            high += 1
        else:
            break
    median, spread = _robust(np.repeat(values[low : high + 1], rows[low : high + 1]))
    spread = spread or float(values[high] - values[low])
    ends = []
    for near, first, cells in ((low, low - 1, upto[low] - rows[low]), (high, high + 1, upto[-1] - upto[high])):
        if cells < _SEVERAL or not spread:
            continue
        beyond = np.flatnonzero(x < values[near] if first < near else x > values[near])
        distance = abs(float(values[first]) - median) / spread
        code = first in (0, len(values) - 1) and _is_code(values[first])
        ends.append(Apart("", beyond.tolist(), [], float(values[near]), distance, code))
    return ends


def _of_end(x: Numbers, values: Numbers, rows: np.ndarray, *, upper: bool) -> Apart | None:
    """What lies beyond the innermost wide gap between the outermost few cells of one end."""
    sign = -1.0 if upper else 1.0
    ends, sizes = (values, rows) if not upper else (-values[::-1], rows[::-1])  # the end in question comes first
    most = max(5, round(0.001 * sizes.sum()))
    single = _is_code(sign * ends[0]) and (ends[0] != 0 or sizes[0] <= max(most, _COMMON * sizes.sum()))
    last = int(np.searchsorted(np.cumsum(sizes), most, side="right"))  # values that are few enough to be outliers
    candidates = range(1, max(last, 1 if single else 0) + 1)
    median, spread = _robust(np.repeat(ends, sizes)[sizes[0] if single else 0 :])
    if not spread:
        return None
    usual = float(np.median(np.diff(ends)))
    best = None
    for first in candidates:
        gap = ends[first] - ends[first - 1]
        code = single and first == 1
        zero = code and ends[0] == 0
        if gap < _STEPS * usual or gap < (1.0 if zero else _APART) * spread:
            continue
        near, far = sign * ends[first], sign * ends[first - 1]
        away = abs(far - sign * median) / spread
        logs = _on_logs(values, rows, near, far)
        # all other cells of a column with stand-ins are on one side of 0: logarithms say nothing of 0 and below
        if code or (away >= _FAR and logs[0] >= _APART and logs[1] >= _FAR):
            best = (first, away, code)
    if best is None:
        return None
    first, away, code = best
    beyond = x <= ends[first - 1] if not upper else x >= -ends[first - 1]
    return Apart("", np.flatnonzero(beyond).tolist(), [], float(sign * ends[first]), float(away), code)


def _spike(x: Numbers, values: Numbers, rows: np.ndarray) -> Apart | None:
    """-1, -99 and so on as the only value below 0, more frequent than its neighbours together."""
    if not (values[0] < 0 <= values[1] and _is_code(values[0])) or rows[0] < _SPIKE * rows[1:6].sum():
        return None
    median, spread = _robust(np.repeat(values[1:], rows[1:]))
    away = abs(values[0] - median) / spread if spread else 0.0
    return Apart("", np.flatnonzero(x == values[0]).tolist(), [], float(values[1]), float(away), True)


def _is_code(value: float) -> bool:
    """0, -1, or nothing but nines: 99, -999, 9999."""
    digits = f"{abs(value):.0f}"
    return value in (0, -1) or (value == int(value) and len(digits) > 1 and set(digits) == {"9"})


def _robust(x: Numbers) -> tuple[float, float]:
    """Median, and the standard deviation that a normal distribution of the same quartiles has."""
    q25, median, q75 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75]))
    return median, (q75 - q25) / 1.349


def _on_logs(values: Numbers, rows: np.ndarray, near: float, far: float) -> tuple[float, float]:
    """Gap, and distance of `far` from the median, on a scale that draws long tails in."""
    x = np.repeat(values, rows)
    median, spread = _robust(x)
    positive = x.min() > 0

    def scale(x: Any) -> Any:
        return np.log(x) if positive else np.arcsinh((x - median) / spread)

    middle, width = _robust(scale(x))
    if not width:
        return 0.0, 0.0
    return float(abs(scale(far) - scale(near)) / width), float(abs(scale(far) - middle) / width)


def _said(sort: _Sort, found: list[Apart], rows: int) -> Check:
    """One doubt about several columns."""
    told = [
        f"'{a.column}' has {_numbers(a.values)} in {count(len(a.rows), 'row')}, the nearest other cell is "
        f"{a.nearest:,.6g}"
        for a in found[:5]
    ]
    more = f"; and {len(found) - 5} more columns" if len(found) > 5 else ""
    evidence: dict[str, Any] = {
        "rows": rows,
        "sets_scale": sort == "scale",
        "columns": {
            a.column: {
                "values": a.values[:_KEPT],
                "cells": len(a.rows),
                "rows": a.rows[:_KEPT],
                "nearest": a.nearest,
                "distance": a.distance,
            }
            for a in found
        },
    }
    title, advice = _SAID[sort]
    severity = "warning" if sort in ("rare stand-in", "scale") else "info"
    return Check("outliers", severity, evidence, f"{title}: {'; '.join(told)}{more}. {advice}", _SOURCE)


def _numbers(values: list[float]) -> str:
    shown = ", ".join(f"{value:,.6g}" for value in values[:3])
    return f"{shown}, …" if len(values) > 3 else shown
