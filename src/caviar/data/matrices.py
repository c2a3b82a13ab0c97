"""Arrays become columns: X, and perhaps y.

An array of four axes is one of images (rows, height, width, channels): one column (`images`).
"""

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from caviar.data.frames import is_frame, series_to_polars, to_polars
from caviar.data.images import IMAGE, counted, images_of
from caviar.data.sparse import dense, filled_share, is_sparse
from caviar.data.text import refuse_duplicates
from caviar.data.words import count
from caviar.errors import BadData


class Columns(NamedTuple):
    """Columns of arrays."""

    frame: pl.DataFrame
    """Features, and the target as its last column when there is one."""
    target: str | None = None
    notes: tuple[str, ...] = ()


def from_arrays(x: Any, y: Any = None, *, names: Sequence[str] | None = None, target: str = "y") -> Columns:
    """Columns of a feature array and, perhaps, a target array.

    Args:
        x: (rows, columns), anything NumPy can read, or a DataFrame; (rows, height, width, channels) are images;
            with any other number of axes every row is flattened in C order.
        y: (rows,) or (rows, 1); None when there is no target.
        names: of the columns; `x0`, `x1`, … when not given, `image` for the one column of images.
        target: name of the target column.

    Returns:
        The columns; sentences about images, about what was flattened, and about a sparse X that was filled up.

    Raises:
        BadData: a shape that does not fit, names that do not fit, or complex numbers.
    """
    frame, notes = (to_polars(x), ()) if is_frame(x) else _features(_array(x, "X"), names)
    if is_sparse(x):
        notes = (f"X is sparse, {filled_share(x):.2g} of its cells are not 0; it is filled up with zeros.", *notes)
    if y is None:
        return Columns(frame, None, notes)
    column = _target(y, target)
    if len(column) != frame.height:
        raise BadData(
            f"X and y must have the same number of rows, got {frame.height:,} and {len(column):,}. If the "
            "axes of X are (features, examples), transpose it."
        )
    if target in frame.columns:
        raise BadData(
            f"The target must have a name of its own, but '{target}' is a column of X. Rename it, or pass target=..."
        )
    return Columns(frame.with_columns(column), target, notes)


def _features(array: np.ndarray, names: Sequence[str] | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """Columns of a feature array, and sentences about them."""
    if array.ndim < 2:
        raise BadData(
            f"X must have two axes (rows, columns), got shape {array.shape}. A single column is "
            "X.reshape(-1, 1), a single row X.reshape(1, -1)."
        )
    if array.ndim == 4:
        return _images(array, names)
    notes = ()
    if array.ndim > 2:
        notes = (
            f"Every example of shape {' x '.join(map(str, array.shape[1:]))} is flattened to "
            f"{count(int(np.prod(array.shape[1:])), 'column')}"
            + ("; images are given as (rows, height, width, channels): X[..., None]." if array.ndim == 3 else "."),
        )
        array = array.reshape(len(array), -1)
    if not array.shape[1]:
        raise BadData(f"There must be columns to predict from, but X has none (shape {array.shape}). Check its slices.")
    known = [f"x{i}" for i in range(array.shape[1])] if names is None else [str(n).strip() for n in names]
    if len(known) != array.shape[1]:
        raise BadData(
            f"columns must name every column of X once, got {count(len(known), 'name')} for "
            f"{count(array.shape[1], 'column')}."
        )
    refuse_duplicates(known, "columns", "Every column needs its own.")
    return pl.DataFrame([_column(name, array[:, i]) for i, name in enumerate(known)]), notes


def _images(array: np.ndarray, names: Sequence[str] | None) -> tuple[pl.DataFrame, tuple[str, ...]]:
    """The one column of an array of images."""
    known = [IMAGE] if names is None else [str(n).strip() for n in names]
    if len(known) != 1:
        raise BadData(
            f"Images are one column, but columns has {count(len(known), 'name')} for X of shape {array.shape}. Give "
            "one name or none; to name every pixel flatten X with X.reshape(len(X), -1)."
        )
    images = images_of(known[0], array)
    rows, height, width, channels = array.shape
    notes = [f"X is read as {counted(rows, (height, width, channels))} (rows, height, width, channels)."]
    if height in (1, 3, 4) and channels > 4:
        notes.append(f"If the {height} are the channels, put them last: X.transpose(0, 2, 3, 1).")
    return images.to_frame(), tuple(notes)


def _array(values: Any, what: str) -> np.ndarray:
    if is_sparse(values):
        values = dense(values, what)
    try:
        array = (
            np.ma.filled(values.astype(float), np.nan) if isinstance(values, np.ma.MaskedArray) else np.asarray(values)
        )
    except (ValueError, TypeError) as error:
        raise BadData(
            f"{what} must be an array, got {type(values).__name__} ({error}). Rows must be of one length."
        ) from None
    if array.dtype.kind == "c":
        raise BadData(f"{what} must hold real numbers, got complex ones. Pass real and imaginary parts as columns.")
    return array


def _column(name: str, cells: np.ndarray) -> pl.Series:
    if cells.dtype.kind in "OSUV":
        values = [None if isinstance(c, float) and math.isnan(c) else c for c in cells.tolist()]
        values = [c.decode("utf-8", "replace") if isinstance(c, bytes) else c for c in values]
        if len({type(c) for c in values if c is not None}) > 1:
            values = [None if c is None else str(c) for c in values]
        return pl.Series(name, values, strict=False)
    if cells.dtype == np.float16:
        cells = cells.astype(np.float32)
    if cells.dtype.kind == "f" and cells.dtype.itemsize > 8:
        cells = cells.astype(np.float64)
    return pl.Series(name, np.ascontiguousarray(cells.astype(cells.dtype.newbyteorder("="), copy=False)))


def _target(y: Any, name: str) -> pl.Series:
    if (series := series_to_polars(y, name)) is not None:
        return series
    if is_frame(y):
        frame = to_polars(y)
        if frame.width == 1:
            return frame.to_series().alias(name)
    array = _array(y, "y")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim != 1:
        raise BadData(
            f"y must have one value per row, got shape {array.shape}. One-hot labels become classes by "
            "y.argmax(axis=1); several targets at once are not supported."
        )
    return _column(name, array)
