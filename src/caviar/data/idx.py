"""A pair of idx files (MNIST, Fashion-MNIST) becomes columns: naming the images finds the labels beside them.

The format: two zero bytes, the type, the number of axes, the length of each as big-endian uint32, then the cells.
Source: Y. LeCun, "The MNIST database of handwritten digits", section "File formats".
"""

import math
import re
import struct
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from caviar.data.bounds import check_unpacked
from caviar.data.kinds import PACKED, without_packing
from caviar.data.matrices import Columns, from_arrays
from caviar.data.unpack import contents
from caviar.data.words import count
from caviar.errors import BadData

_TYPES = {0x08: "u1", 0x09: "i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
_MOST_AXES = 4


def read_idx(path: Path, target: str | None, names: Sequence[str] | None, with_target: bool = True) -> Columns:
    """Columns of an idx file of images and, beside it, one of labels.

    The labels' file has the images' name with `labels` for `images` and `idx1` for `idx3`, packed or not.

    Args:
        path: the file of images; of two axes: of rows of numbers.
        target: name of the target's column; None: `y`.
        names: of the columns.
        with_target: False leaves out the labels.

    Returns:
        The columns: images (rows, height, width, 1), or numbers; labels as Int64.

    Raises:
        BadData: no idx file, cut off, or too large; the file of labels is missing, or was named; another number of
            labels than images.
    """
    array = _array(path)
    if array.ndim == 1:
        raise BadData(
            f"DATA must name the file of images, but '{path.name}' has one number per row, as labels have. Name the "
            "file …-images-idx3-ubyte; its labels are found beside it."
        )
    x = array[..., None] if array.ndim == 3 else array
    if not with_target:
        return from_arrays(x, names=names)
    beside = _labels(path)
    labels = _array(beside)
    if labels.ndim != 1 or len(labels) != len(array):
        raise BadData(
            f"'{beside.name}' must have one label for each of the {count(len(array), 'row')} of '{path.name}', but its "
            f"shape is {labels.shape}. The two files may belong to different sets."
        )
    if labels.dtype.kind != "f":
        labels = labels.astype(np.int64)
    columns = from_arrays(x, labels, names=names, target=target or "y")
    return columns._replace(notes=(f"Labels are those of '{beside.name}'.", *columns.notes))


def _array(path: Path) -> np.ndarray:
    head = contents(path, 4 + 4 * _MOST_AXES)
    size = path.stat().st_size
    if len(head) < 4 or head[:2] != b"\0\0" or head[2] not in _TYPES or not 1 <= head[3] <= _MOST_AXES:
        raise BadData(
            f"'{path.name}' must be an idx file: two zero bytes, a type and 1 to 4 axes. Its first bytes are "
            f"{head[:4].hex(' ') or 'none'}. It may be of another format, or not be what was downloaded."
        )
    dtype, axes = np.dtype(_TYPES[head[2]]), head[3]
    begin = 4 + 4 * axes
    if len(head) < begin:
        raise _cut_off(path, begin, len(head))
    shape = struct.unpack(f">{axes}I", head[4:begin])
    cells = math.prod(shape) * dtype.itemsize
    check_unpacked(size, cells, f"'{path.name}'")
    data = contents(path, begin + cells + 1)
    if len(data) != begin + cells:
        raise _cut_off(path, begin + cells, len(data))
    array = np.frombuffer(data, dtype, offset=begin).reshape(shape)
    return array.astype(dtype.newbyteorder("="), copy=False)


def _cut_off(path: Path, wanted: int, came: int) -> BadData:
    has = f"{came:,}" if came < wanted else "more"
    return BadData(
        f"'{path.name}' must have {wanted:,} bytes by its own first line, but it has {has}. It is cut off or damaged: "
        "fetch or write it again."
    )


def _labels(path: Path) -> Path:
    """The file of labels that belongs to a file of images."""
    bare = without_packing(path.name)
    name = re.sub("idx[2-4]", "idx1", re.sub("images?", "labels", bare, flags=re.IGNORECASE))
    beside = [path.with_name(name + ending) for ending in ("", *PACKED)]
    found = next((file for file in beside if file.is_file() and name != bare), None)
    if found is None:
        wanted = f"'{name}' (also with {' or '.join(PACKED)})" if name != bare else "a file of labels"
        raise BadData(
            f"The labels of '{path.name}' must lie beside it, but there is no {wanted}. Put it there, or read without "
            "target (target=False) to predict."
        )
    return found
