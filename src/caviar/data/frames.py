"""A DataFrame of any library becomes a polars DataFrame, through narwhals."""

from typing import Any, cast

import narwhals as nw
import polars as pl
from narwhals.exceptions import DuplicateError

from caviar.data.text import refuse_duplicates
from caviar.errors import BadData


def is_frame(source: object) -> bool:
    """Whether narwhals knows this as a table (pandas, polars, pyarrow, modin, duckdb, …)."""
    if isinstance(source, (nw.DataFrame, nw.LazyFrame)):
        return True
    try:
        nw.from_native(source)  # pyright: ignore[reportCallIssue, reportArgumentType]
    except TypeError:
        return False
    except DuplicateError:
        return True
    return True


def to_polars(source: Any) -> pl.DataFrame:
    """Copy a frame column by column, without pyarrow.

    Args:
        source: an eager or lazy frame of any library that narwhals knows.

    Returns:
        The same names and cells; columns of mixed Python objects become text, categories stay categories.

    Raises:
        BadData: two columns of one name.
    """
    if isinstance(source, pl.DataFrame):
        return _stripped(source)
    try:
        frame = nw.from_native(source, pass_through=False)
        if isinstance(frame, nw.LazyFrame):
            frame = frame.collect()
        names = [str(name) for name in frame.columns]
    except DuplicateError as error:
        raise BadData(
            f"Column names must differ, but the frame has two of one name ({' '.join(str(error).split())}). "
            "Rename one of them."
        ) from None
    refuse_duplicates([name.strip() for name in names], "the frame", "Names count without blanks around them.")
    if frame.implementation.is_polars():
        return _stripped(frame.to_native())
    return pl.DataFrame(
        [_column(column, name.strip()) for column, name in zip(frame.iter_columns(), names, strict=True)]
    )


def series_to_polars(source: Any, name: str) -> pl.Series | None:
    """Copy a series of any library; None when it is not one."""
    try:
        return _column(nw.from_native(source, series_only=True), name)
    except TypeError:
        return None


def _stripped(frame: pl.DataFrame) -> pl.DataFrame:
    names = [name.strip() for name in frame.columns]
    refuse_duplicates(names, "the frame", "Names count without blanks around them.")
    return frame.rename(dict(zip(frame.columns, names, strict=True)))


def _column(column: "nw.Series[Any]", name: str) -> pl.Series:
    missing = column.is_null().to_list()
    dtype = column.dtype
    if dtype.is_numeric() and not any(missing):
        try:
            return pl.Series(name, column.to_numpy())
        except (TypeError, ValueError):  # numbers that NumPy has as objects: decimals
            pass
    cells = [None if gone else cell for cell, gone in zip(column.to_list(), missing, strict=True)]
    if dtype in (nw.Categorical, nw.Enum):
        text = pl.Series(name, [None if c is None else str(c) for c in cells], dtype=pl.String)
        ordered = isinstance(dtype, nw.Enum)  # so narwhals calls the ordered categories of pandas
        return text.cast(pl.Enum([str(c) for c in cast(Any, dtype).categories]) if ordered else pl.Categorical)
    if (
        dtype.is_temporal()
        and (present := [c for c in cells if c is not None])
        and hasattr(present[0], "to_pydatetime")
    ):
        cells = [None if c is None else c.to_pydatetime(warn=False) for c in cells]
    if len({type(c) for c in cells if c is not None}) > 1 and not dtype.is_numeric():
        cells = [None if c is None else str(c) for c in cells]
    try:
        return pl.Series(name, cells, strict=False)
    except (TypeError, ValueError, pl.exceptions.PolarsError):
        raise BadData(
            f"A column must hold numbers, text, true/false or dates, but '{name}' holds {dtype} that cannot "
            "be read. Turn it into text or numbers, or leave it out."
        ) from None
