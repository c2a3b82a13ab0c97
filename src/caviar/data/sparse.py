"""Sparse matrices of SciPy become dense arrays, where they fit."""

import math
from typing import Any

import numpy as np

from caviar.data.words import bytes_in_words
from caviar.errors import BadData

MOST_COLUMNS = 10_000
"""A network has one input for each column: beyond, reduce them first."""
MOST_BYTES = 1 << 30


def is_sparse(values: object) -> bool:
    """Whether this is a matrix or array of scipy.sparse (or of a library that follows it)."""
    return hasattr(values, "toarray") and hasattr(values, "nnz") and hasattr(values, "shape")


def filled_share(values: Any) -> float:
    """Share of the cells that are stored."""
    return int(values.nnz) / max(math.prod(values.shape), 1)


def dense(values: Any, what: str) -> np.ndarray:
    """All cells of a sparse matrix.

    Args:
        values: of any sparse format, (rows, columns).
        what: X or y, for messages.

    Returns:
        The same numbers, zeros where nothing is stored.

    Raises:
        BadData: more than 10,000 columns, or more than 1 GiB when filled up.
    """
    columns = values.shape[-1]
    if columns > MOST_COLUMNS:
        raise BadData(
            f"A sparse {what} may have at most {MOST_COLUMNS:,} columns, because each is an input of the network, got "
            f"{columns:,}. Reduce them first, for example with sklearn.decomposition.TruncatedSVD(100)."
        )
    size = math.prod(values.shape) * np.dtype(values.dtype).itemsize
    if size > MOST_BYTES:
        raise BadData(
            f"A sparse {what} may have at most {bytes_in_words(MOST_BYTES)} when its zeros are filled in, got "
            f"{bytes_in_words(size)}. Use fewer rows or columns, or a smaller type: {what}.astype('float32')."
        )
    return values.toarray()
