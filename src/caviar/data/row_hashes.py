"""Rows become numbers of 64 bits: equal rows, equal numbers, in every process and whatever the order of the columns.

For finding equal rows and for recognising them later; two different rows of a million share a number with chance
3e-8. A number, a whole number and true/false that are equal count as one value, so that a table is recognised whether
it was read from CSV or from Parquet.
"""

import hashlib

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.images import pixels_of, shape_of
from caviar.data.numbers import numbers_in, plain_numbers
from caviar.data.stored import Frame

_EXACT = 1 << 53  # whole numbers up to here are exact as float64
_MISSING = np.uint64(0x9E3779B97F4A7C15)


def row_hashes(frame: Frame) -> Whole:
    """A number for every row.

    Args:
        frame: columns of the types of a `Table`.

    Returns:
        uint64 (rows,): a function of the names and cells of the row's columns.
    """
    total = np.zeros(frame.height, np.uint64)
    for column in frame.get_columns():
        key = np.uint64(_of_bytes(column.name.encode()))
        bits = _mixed(_bits(column))
        if column.null_count():
            bits = np.where(column.is_null().to_numpy(), _MISSING, bits)
        total += _mixed(bits ^ key)
    return _mixed(total)


def set_fingerprint(hashes: Whole) -> str:
    """A word for a set of rows, whatever their order and however often each comes: 32 hexadecimal digits."""
    return hashlib.sha256(np.unique(hashes).astype("<u8").tobytes()).hexdigest()[:32]


def _bits(column: pl.Series) -> Whole:
    """64 bits for every cell; of a null any."""
    dtype = column.dtype
    if shape_of(dtype):
        images = pixels_of(column)
        return np.fromiter((_of_bytes(image.astype(np.float32).tobytes()) for image in images), np.uint64, len(column))
    if dtype == pl.String:
        levels = column.drop_nulls().unique()
        hashed = pl.Series([_of_bytes(level.encode()) for level in levels.to_list()], dtype=pl.UInt64)
        return column.replace_strict(levels, hashed, default=None, return_dtype=pl.UInt64).fill_null(0).to_numpy()
    if dtype == pl.Date or isinstance(dtype, pl.Datetime):
        return _as_bits(column.cast(pl.Datetime("us")).to_physical().fill_null(0).to_numpy().astype(np.int64))
    if dtype.is_temporal():
        return _as_bits(column.to_physical().fill_null(0).to_numpy().astype(np.int64))
    if dtype.is_integer() and max(abs(int(column.min() or 0)), abs(int(column.max() or 0))) > _EXACT:  # type: ignore[arg-type]
        return _as_bits(column.fill_null(0).to_numpy())
    numbers = numbers_in(column if plain_numbers(column) else column.cast(pl.Float64))
    return _as_bits(numbers + 0.0)  # -0.0 + 0.0 is 0.0


def _as_bits(cells: np.ndarray) -> Whole:
    return np.ascontiguousarray(cells).view(np.uint64)


def _of_bytes(content: bytes) -> int:
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), "little")


def _mixed(x: Whole) -> Whole:
    """The finaliser of SplitMix64 (Steele, Lea & Flood 2014): every bit of `x` moves half of the others."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))
