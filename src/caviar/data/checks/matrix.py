"""Feature columns of one or several sets as one matrix that scikit-learn's trees read: NaN where a cell is missing.

Nothing is scaled and nothing is fitted for a network: the checks ask a tree what the columns know.
"""

from collections.abc import Sequence

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.category import level_of
from caviar.data.images import pixels_of, shape_of
from caviar.data.levels import commonest_first
from caviar.data.numeric import Kind, numbers_of

_SIDE = 16  # pixels of an image after neighbours were averaged
_IDENTIFIERS = 0.9  # share of different cells from which text tells single rows apart and nothing else
_LARGEST = np.finfo(np.float32).max


def matrix_of(frames: Sequence[pl.DataFrame]) -> list[Numbers]:
    """One matrix for each frame, with the same columns.

    Text becomes the rank of its level by number of rows; text that differs in nearly every row is left out. Images are
    averaged to at most 16 x 16 pixels.

    Args:
        frames: the first one's types decide how the others are read; columns that it lacks are not used.

    Returns:
        float32 (rows, width) for each frame; width may be 0.

    Raises:
        BadData: a column of a later frame holds something else than that of the first.
    """
    ends = np.cumsum([frame.height for frame in frames])[:-1]
    parts: list[Numbers] = []
    for column in frames[0].get_columns():
        cells = [frame[column.name] for frame in frames if column.name in frame.columns]
        if len(cells) < len(frames):
            continue
        if shape_of(column.dtype):
            parts.append(np.concatenate([_small_pixels(images) for images in cells]))
        elif (kind := kind_of(column)) is None:
            parts += [part[:, None] for part in _ranks(pl.concat([level_of(part) for part in cells]))]
        else:
            parts.append(np.concatenate([numbers_of(part, kind) for part in cells])[:, None])
    rows = sum(frame.height for frame in frames)
    matrix = np.concatenate([np.empty((rows, 0)), *parts], axis=1)
    return np.split(np.clip(matrix, -_LARGEST, _LARGEST).astype(np.float32), ends)


def kind_of(column: pl.Series) -> Kind | None:
    """How cells become numbers (`numeric.numbers_of`); None for text and images."""
    if column.dtype == pl.Boolean:
        return "boolean"
    if column.dtype.is_temporal():
        return "days"
    return "number" if column.dtype.is_numeric() or column.dtype == pl.Null else None


def some_rows(rows: int, most: int, seed: int = 0) -> Whole:
    """Row numbers in rising order: all of them, or `most` drawn without replacement."""
    if rows <= most:
        return np.arange(rows)
    return np.sort(np.random.default_rng(seed).choice(rows, most, replace=False))


def _ranks(levels: pl.Series) -> list[Numbers]:
    """The rank of every level, 0 for the commonest; nothing for text that differs from row to row."""
    known = levels.drop_nulls()
    tally = commonest_first(known)
    if len(tally) >= _IDENTIFIERS * len(known):
        return []
    names = tally["cell"].to_list()
    ranks = levels.replace_strict(names, list(range(len(names))), default=None, return_dtype=pl.Float64)
    return [ranks.fill_null(float("nan")).to_numpy()]


def _small_pixels(images: pl.Series) -> Numbers:
    """Means of blocks of neighbours, (rows, pixels); pixels at the end that fill no block are cut."""
    pixels = pixels_of(images)
    rows, height, width, channels = pixels.shape
    tall, wide = -(-height // _SIDE), -(-width // _SIDE)
    blocks = pixels[:, : height // tall * tall, : width // wide * wide].astype(np.float32)
    blocks = blocks.reshape(rows, height // tall, tall, width // wide, wide, channels)
    return blocks.mean(axis=(2, 4)).reshape(rows, -1)
