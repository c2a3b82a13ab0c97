"""The arrays of an .npz file become columns; nothing is unpickled, and a claim to be huge is not believed."""

import math
import tokenize
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import numpy as np

from caviar.data.bounds import check_unpacked
from caviar.data.matrices import Columns
from caviar.data.named_arrays import columns_of_arrays
from caviar.errors import BadData

_DAMAGED = (
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    OSError,
    EOFError,
    zipfile.BadZipFile,
    zlib.error,
    KeyError,
    IndexError,
    NotImplementedError,  # what zipfile raises for a compression that it does not know
    RuntimeError,  # what zipfile raises for a file with a password
    OverflowError,
    MemoryError,
)


def read_npz(path: Path, target: str | None, names: Sequence[str] | None, with_target: bool = True) -> Columns:
    """Columns of the arrays of an .npz file (`named_arrays`).

    Args:
        path: an existing file.
        target: name of the array that is the target; None: an array called y, target or labels.
        names: of the columns.
        with_target: False leaves out the target.

    Returns:
        The columns, with a sentence about arrays that were left out.

    Raises:
        BadData: not an npz file, no feature array, arrays of Python objects, or arrays that are larger than a file of
            this size can hold.
    """
    try:
        with zipfile.ZipFile(path) as file:
            members = {name.removesuffix(".npy"): name for name in file.namelist() if name.endswith(".npy")}
            shapes = {name: _header(file, member, path)[0] for name, member in members.items()}
            if {"format", "shape", "data"} <= shapes.keys() and not shapes["format"]:
                raise BadData(
                    f"'{path.name}' must hold X and perhaps y, but it is a sparse matrix of SciPy. Read it with "
                    "scipy.sparse.load_npz and give it to caviar.read as (X, y)."
                )
            return columns_of_arrays(
                shapes,
                lambda name: _array(file, members[name], path),
                f"'{path.name}'",
                target=target,
                names=names,
                with_target=with_target,
            )
    except BadData:
        raise
    except _DAMAGED as error:
        raise BadData(
            f"'{path.name}' must be a file that numpy.savez wrote, but it cannot be read ({type(error).__name__}). It "
            "may be cut off or of another format: write it again."
        ) from None


def _header(file: zipfile.ZipFile, member: str, path: Path) -> tuple[tuple[int, ...], np.dtype]:
    """Shape and type of an array, which fit to what the file holds of it."""
    with file.open(member) as stream:
        shape, dtype = _declared(stream)
    if dtype.hasobject:
        raise BadData(
            f"The arrays of '{path.name}' must hold numbers or text, but one holds Python objects, which only pickle "
            "can read and which could run anything. Save it with array.astype(float) or .astype(str)."
        )
    info = file.getinfo(member)
    if math.prod(shape) * dtype.itemsize > info.file_size:
        raise ValueError("the array is cut off")
    check_unpacked(path.stat().st_size, info.file_size, f"'{path.name}'")
    return shape, dtype


def _declared(stream: IO[bytes]) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(stream)
    read = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}[
        (2, 0) if version == (3, 0) else version  # 3.0 differs in the encoding of names of fields only
    ]
    shape, _, dtype = read(stream)
    return tuple(int(length) for length in shape), dtype


def _array(file: zipfile.ZipFile, member: str, path: Path) -> np.ndarray:
    _header(file, member, path)
    with file.open(member) as stream:
        return np.lib.format.read_array(stream, allow_pickle=False)
