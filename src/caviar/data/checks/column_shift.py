"""Two sets of rows, column by column: which columns differ, by how much, and in which direction."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.category import level_of
from caviar.data.checks.matrix import kind_of, some_rows
from caviar.data.checks.two_samples import Difference, of_numbers, of_shares
from caviar.data.images import pixels_of, shape_of
from caviar.data.numeric import numbers_of

_MOST_ROWS = 200_000  # of either set; more rows show smaller shifts, not other ones
_FEWEST = 5  # known cells of either set
_DENSE = 2.0  # numbers that count rows fill their range up to this factor
_IDENTIFIERS = 0.9


class ColumnShift(NamedTuple):
    """How one column differs between two sets."""

    column: str
    what: str
    """"values" or "missing cells"; of images "brightness" or "contrast"."""
    difference: Difference
    first: str
    """What is typical of the first set: a median, or a level with its share."""
    second: str
    """The same of the second."""

    def to_json(self, p_value: float) -> dict[str, Any]:
        """Plain values; `p_value` is the corrected one."""
        return {
            "column": self.column,
            "what": self.what,
            "effect": round(self.difference.effect, 4),
            "p_value": p_value,
            "first": self.first,
            "second": self.second,
        }


class Compared(NamedTuple):
    """All columns of two sets."""

    shifts: list[ColumnShift]
    """One for each test that was made, whether or not the column differs."""
    names_of_rows: list[str]
    """Columns that were left out, since they count or name single rows."""


def compare_columns(first: pl.DataFrame, second: pl.DataFrame) -> Compared:
    """Compare the columns that both sets have, by values and by missing cells.

    Args:
        first: its types decide how the second is read.
        second: rows of the other set; both have rows.

    Returns:
        Numbers, true/false, dates and the brightness and contrast of images: Kolmogorov-Smirnov; text and missing
        cells: chi-squared. Columns that count or name the rows are left out.

    Raises:
        BadData: a column of the second holds something else than that of the first.
    """
    first, second = (frame[some_rows(frame.height, _MOST_ROWS)] for frame in (first, second))
    shifts: list[ColumnShift] = []
    names_of_rows: list[str] = []
    for column in first.get_columns():
        if column.name not in second.columns:
            continue
        other = second[column.name]
        if shape_of(column.dtype):
            shifts += _images(column, other)
            continue
        kind = kind_of(column)
        known = column.null_count() < len(column)  # else its type says nothing about the other's cells
        if known and kind is not None:
            a, b = (x[~np.isnan(x)] for x in (numbers_of(column, kind), numbers_of(other, kind)))
            if _counts_rows(a, b):
                names_of_rows.append(column.name)
            elif min(len(a), len(b)) >= _FEWEST:
                shifts.append(ColumnShift(column.name, "values", of_numbers(a, b), *_typical(a, b, column.dtype)))
        elif known:
            found = _levels(column.name, level_of(column).drop_nulls(), level_of(other).drop_nulls())
            if found is None:
                names_of_rows.append(column.name)
            else:
                shifts += found
        shifts += _missing(column, other)
    return Compared(shifts, names_of_rows)


def _levels(name: str, first: pl.Series, second: pl.Series) -> list[ColumnShift] | None:
    """The shift of a column of text; None when nearly every cell is different."""
    if min(len(first), len(second)) < _FEWEST:
        return []
    tallies = [cells.rename("level").value_counts(name=rows) for cells, rows in ((first, "first"), (second, "second"))]
    both = tallies[0].join(tallies[1], on="level", how="full", coalesce=True).fill_null(0).sort("level")
    if both.height >= _IDENTIFIERS * (len(first) + len(second)):
        return None
    a, b = both["first"].to_numpy(), both["second"].to_numpy()
    shares = a / a.sum(), b / b.sum()
    most = int(np.abs(shares[0] - shares[1]).argmax())
    said = [f"{both['level'][most]!r} in {share[most]:.1%}" for share in shares]
    return [ColumnShift(name, "values", of_shares(a, b), *said)]


def _missing(first: pl.Series, second: pl.Series) -> list[ColumnShift]:
    gone = first.null_count(), second.null_count()
    if not any(gone):
        return []
    rows = len(first), len(second)
    difference = of_shares(*(np.array([g, n - g]) for g, n in zip(gone, rows, strict=True)))
    said = [f"{g / n:.1%} missing" for g, n in zip(gone, rows, strict=True)]
    return [ColumnShift(first.name, "missing cells", difference, *said)]


def _images(first: pl.Series, second: pl.Series) -> list[ColumnShift]:
    """Mean and spread of the pixels of every image."""
    pixels = [pixels_of(images).reshape(len(images), -1) for images in (first, second)]
    found = []
    for what, measure in (("brightness", np.nanmean), ("contrast", np.nanstd)):
        whole = [x[~np.isnan(x).all(axis=1)] if x.dtype.kind == "f" else x for x in pixels]
        if min(map(len, whole)) < _FEWEST:
            continue
        a, b = (np.asarray(measure(x, axis=1, dtype=np.float64)) for x in whole)
        found.append(ColumnShift(first.name, what, of_numbers(a, b), *_typical(a, b, pl.Float64())))
    return found


def _counts_rows(first: Numbers, second: Numbers) -> bool:
    """Whether numbers do nothing but count: whole, all different in both sets together, without large gaps."""
    both = np.concatenate([first, second])
    if len(both) < 2 * _FEWEST or not (both == np.round(both)).all():
        return False
    if both.max() - both.min() >= _DENSE * len(both):
        return False
    return len(np.unique(both)) == len(both)


def _typical(first: Numbers, second: Numbers, dtype: pl.DataType) -> tuple[str, str]:
    """Medians; means where the medians are equal, and shares of true."""
    if dtype == pl.Boolean:
        return f"true in {first.mean():.1%}", f"true in {second.mean():.1%}"
    middle = float(np.median(first)), float(np.median(second))
    if dtype.is_temporal():
        days = [str(np.datetime64("1970-01-01") + np.timedelta64(int(day), "D")) for day in middle]
        return f"median {days[0]}", f"median {days[1]}"
    if f"{middle[0]:.4g}" == f"{middle[1]:.4g}":
        return f"mean {first.mean():.4g}", f"mean {second.mean():.4g}"
    return f"median {middle[0]:.4g}", f"median {middle[1]:.4g}"
