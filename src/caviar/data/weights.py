"""Weights of rows: how much each counts in training."""

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.numeric import numbers_of
from caviar.data.stored import Frame
from caviar.data.words import count
from caviar.errors import BadData


def weights_of(features: Frame, column: str) -> Numbers:
    """The weights of some rows, float64 (rows,); 1 where the table has no such column.

    Raises:
        BadData: a weight is missing, negative or infinite, or they are no numbers.
    """
    if column not in features.columns:
        return np.ones(features.height)
    cells = features[column]
    try:
        weights = numbers_of(cells, "number")
    except BadData:
        text = cells.cast(pl.String)
        odd = text.filter(text.cast(pl.Float64, strict=False).is_null()).drop_nulls()
        raise BadData(
            f"Weights must be numbers of 0 or more in every row, but '{column}' holds "
            f"{repr(odd[0]) if len(odd) else cells.dtype}. "
            "Correct the column, or name another one."
        ) from None
    bad = np.flatnonzero(~(weights >= 0))
    if len(bad):
        raise BadData(
            f"Weights must be numbers of 0 or more in every row, but '{column}' has {count(len(bad), 'other cell')}, "
            f"such as {cells[int(bad[0])]}. Correct these rows, or give them the weight 0."
        )
    return weights


def scaled_weights(train: Numbers, dev: Numbers, column: str) -> Numbers:
    """Weights of train and dev rows, float32, of mean 1 over the train rows.

    Raises:
        BadData: every train row has the weight 0.
    """
    mean = train.mean()
    if not mean > 0:
        raise BadData(f"A train row must have a weight above 0, but '{column}' is 0 in all of them. Check the column.")
    return (np.concatenate([train, dev]) / mean).astype(np.float32)
