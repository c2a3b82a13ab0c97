"""One number for what a table or a split contains: equal contents, equal fingerprint, in every process."""

import hashlib
import json

import numpy as np
import polars as pl

from caviar.data.stored import Frame, Stored

_PART = 1 << 25
"""Bytes of an array that are taken at a time."""


def fingerprint(*parts: Frame | np.ndarray | str) -> str:
    """SHA-256 over frames, arrays and words, in this order.

    Args:
        parts: frames count with the names, types and cells of their columns; arrays with type, shape and
            elements; words as UTF-8. Byte order and memory layout do not count.

    Returns:
        64 hexadecimal digits.
    """
    digest = hashlib.sha256()
    for part in parts:
        match part:
            case str():
                _add(digest, "text", part.encode())
            case pl.DataFrame() | Stored():
                _add(digest, ["frame", part.height, part.width], b"")
                for column in part.get_columns():
                    _add_column(digest, column)
            case _:
                _add_array(digest, part)
    return digest.hexdigest()


def _add_column(digest: "hashlib._Hash", column: pl.Series) -> None:
    _add(digest, [column.name, str(column.dtype)], np.packbits(column.is_null().to_numpy()).tobytes())
    if column.dtype == pl.String:
        text = column.fill_null("")
        _add(digest, "lengths", _little(text.str.len_bytes().to_numpy().astype(np.int64)))
        _add(digest, "text", "".join(text.to_list()).encode())
    elif column.dtype == pl.Boolean:
        _add(digest, "bits", np.packbits(column.fill_null(False).to_numpy()).tobytes())
    elif isinstance(column.dtype, pl.Array):
        _add(digest, "pixels", _little(column.to_numpy()))
    else:
        _add(digest, "cells", _little(column.to_physical().fill_null(0).to_numpy()))


def _add(digest: "hashlib._Hash", head: object, body: bytes) -> None:
    """Lengths go first, so that no two different sequences of parts give the same bytes."""
    title = json.dumps([head, len(body)]).encode()
    digest.update(len(title).to_bytes(8, "little") + title + body)


def _add_array(digest: "hashlib._Hash", array: np.ndarray) -> None:
    """An array in parts, because it may be on disk."""
    title = json.dumps([["array", array.dtype.str[1:], list(array.shape)], array.nbytes]).encode()
    digest.update(len(title).to_bytes(8, "little") + title)
    rows = max(1, _PART // max(1, array[:1].nbytes))
    for first in range(0, len(array), rows):
        digest.update(_little(array[first : first + rows]))


def _little(array: np.ndarray) -> bytes:
    return np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False)).tobytes()
