"""Prepared rows as one matrix on disk, in any order, with the memory of one part of it.

A row's place in the matrix has nothing to do with its place in the table: placing rows one by one would move the disk's
head, or a page, for each. So every row goes first to the part of the matrix where it belongs, at the part's end; then
each part is put in order in memory.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.scratch import Scratch
from caviar.data.words import bytes_in_words
from caviar.errors import BadData

_PART = 1 << 27
"""Bytes of a part."""


def _reserved(file: Path, rows: int, width: int, scratch: Scratch) -> np.memmap:
    """A matrix whose room on disk is taken at once: a disk that fills up later would end the process."""
    needed = 4 * rows * width
    try:
        if scratch.free() < needed:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        matrix = np.lib.format.open_memmap(file, "w+", np.float32, (rows, width))
        if hasattr(os, "posix_fallocate"):
            with file.open("rb+") as held:
                os.posix_fallocate(held.fileno(), 0, file.stat().st_size)
    except OSError as error:
        raise BadData(
            f"The prepared rows need {bytes_in_words(needed)} on disk, but {scratch.folder} has "
            f"{bytes_in_words(scratch.free())} free ({error.strerror or error}). Set XDG_CACHE_HOME to a folder with "
            "room."
        ) from None
    return matrix


def rows_on_disk(batches: Iterable[tuple[Numbers, Whole]], rows: int, width: int) -> np.memmap:
    """Write rows to their places.

    Args:
        batches: float32 matrices (some rows, width), and the place of each of their rows: all together each of
            0 … rows - 1 once.
        rows: of the whole.
        width: columns.

    Returns:
        float32 (rows, width), read-only; its file goes with the process.

    Raises:
        BadData: the disk has no room.
    """
    scratch = Scratch("rows")
    file = scratch.folder / "rows.npy"
    matrix = _reserved(file, rows, width, scratch)
    part = max(1, _PART // (4 * width))
    filled = np.zeros(-(-rows // part), np.int64)
    own = np.empty(rows, np.int64)  # where a row that lies in its part belongs
    for batch, at in batches:
        order = np.argsort(at // part, kind="stable")
        parts, begins, counts = np.unique(at[order] // part, return_index=True, return_counts=True)
        for number, begin, count in zip(parts, begins, counts, strict=True):
            chosen = order[begin : begin + count]
            first = number * part + filled[number]
            matrix[first : first + count] = batch[chosen]
            own[first : first + count] = at[chosen]
            filled[number] += count
    for first in range(0, rows, part):
        held = np.array(matrix[first : first + part])
        matrix[own[first : first + part]] = held
    matrix.flush()
    del matrix
    found = np.load(file, mmap_mode="r")
    found.scratch = scratch  # pyright: ignore[reportAttributeAccessIssue]  (the folder stays as long as the matrix)
    return found
