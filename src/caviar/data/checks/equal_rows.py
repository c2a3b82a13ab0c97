"""Rows of one or several frames become numbers that are the same where the rows are."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.images import pixels_of, shape_of
from caviar.data.levels import text_form


def comparable(*frames: pl.DataFrame) -> pl.DataFrame:
    """Frames one below the other, in types in which equal cells are equal.

    A column of whole numbers in one frame and of others in the next becomes float64; columns of other differing types
    become text; an image becomes its bytes. Two missing cells are equal.

    Args:
        frames: of the same columns in any order, at least one; those that not all of them have are left out.
    """
    shared = [name for name in frames[0].columns if all(name in other.columns for other in frames)]
    return pl.DataFrame([_joined([frame[name] for frame in frames]) for name in shared])


def first_equal(frame: pl.DataFrame) -> Whole:
    """Number of the first row that equals each row: int64 (rows,), its own number where a row repeats none.

    Args:
        frame: as `comparable` makes it, with a column at least.
    """
    numbered = pl.DataFrame([column.alias(str(i)) for i, column in enumerate(frame.get_columns())])
    at = pl.Series("row", np.arange(frame.height))
    first = numbered.with_columns(at).select(pl.col("row").min().over(numbered.columns))
    return first.to_series().to_numpy()


def hashed(first: Whole, number: int) -> Whole:
    """uint64 (rows,) of one column: the same where its cells are, random otherwise; their sums tell rows apart.

    Args:
        first: of the column alone.
        number: of the column; each has random numbers of its own.

    Source: Zobrist 1970.
    """
    return np.random.Philox(key=number).random_raw(len(first))[first]


def _joined(parts: Sequence[pl.Series]) -> pl.Series:
    if any(shape_of(part.dtype) for part in parts):
        return pl.concat([_as_bytes(part, parts) for part in parts])
    types = {part.dtype for part in parts}
    if all(kind.is_numeric() or kind == pl.Null for kind in types):
        if any(kind.is_float() or kind == pl.Null for kind in types) or len(types) > 1:
            parts = [part.cast(pl.Float64).fill_nan(None) for part in parts]
    elif len(types) > 1:
        parts = [text_form(part) for part in parts]
    return pl.concat(parts)


def _as_bytes(images: pl.Series, parts: Sequence[pl.Series]) -> pl.Series:
    pixels = pixels_of(images)
    if any(pixels_of(part.head(1)).dtype != np.uint8 for part in parts):
        pixels = pixels.astype(np.float32) + np.float32(0)
        pixels[np.isnan(pixels)] = np.nan
    flat = pixels.reshape(len(pixels), -1)
    return pl.Series(images.name, [row.tobytes() for row in flat], dtype=pl.Binary)
