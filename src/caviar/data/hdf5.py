"""The arrays of an HDF5 file become columns, through h5py (extra `images`). Nothing outside the file is read."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caviar.data.bounds import check_unpacked
from caviar.data.matrices import Columns
from caviar.data.named_arrays import columns_of_arrays
from caviar.errors import BadData

_MOST_ARRAYS = 1000


def read_hdf5(path: Path, target: str | None, names: Sequence[str] | None, with_target: bool = True) -> Columns:
    """Columns of the arrays of an HDF5 file (`named_arrays`), such as the course's train_set_x and train_set_y.

    Arrays inside groups have names such as `group/x`. Links to other files are not followed.

    Args:
        path: an existing file.
        target: name of the array that is the target; None: an array called y, target or labels.
        names: of the columns.
        with_target: False leaves out the target.

    Returns:
        The columns, with sentences about the names of classes, and about arrays that were left out.

    Raises:
        BadData: h5py is missing; not an HDF5 file, damaged; no feature array; or arrays that are larger than a file of
            this size can hold.
    """
    try:
        import h5py  # noqa: PLC0415
    except ImportError:
        raise BadData(f"Reading '{path.name}' needs h5py, which is not there: pip install \"caviar[images]\"") from None
    try:
        with h5py.File(path, "r", locking=False) as file:
            arrays = _arrays(file, h5py)
            shapes = {name: tuple(int(n) for n in array.shape) for name, array in arrays.items()}
            if any(name.endswith(("/axis0", "/table")) for name in shapes):
                raise _of_pandas(path)
            return columns_of_arrays(
                shapes,
                lambda name: _array(arrays[name], name, path),
                f"'{path.name}'",
                target=target,
                names=names,
                with_target=with_target,
            )
    except BadData:
        raise
    except (OSError, RuntimeError, KeyError, ValueError, TypeError, OverflowError, MemoryError) as error:
        told = str(error).strip("'").rpartition(" (")[2].removesuffix(")")[:100]  # the innermost reason
        raise BadData(
            f"'{path.name}' must be an HDF5 file, but it cannot be read ({told}). It may be cut off or of another "
            "format: write it again."
        ) from None


def _arrays(file: Any, h5py: Any) -> dict[str, Any]:
    """The first arrays of the file, in groups as well; `visititems` follows no soft and no external link."""
    found: dict[str, Any] = {}

    def take(name: str, item: Any) -> bool | None:
        if isinstance(item, h5py.Dataset) and item.shape is not None:
            found[name] = item
        return True if len(found) >= _MOST_ARRAYS else None

    file.visititems(take)
    return found


def _array(data: Any, name: str, path: Path) -> np.ndarray:
    if data.external or data.is_virtual:
        raise BadData(
            f"The arrays of '{path.name}' must lie in the file itself, but '{name}' points to other files. Copy the "
            "numbers into one file."
        )
    text = _is_text(data)
    if data.dtype.kind not in "biufS" and not text:
        raise BadData(
            f"The arrays of '{path.name}' must hold numbers or text, but '{name}' holds {data.dtype}. Save every "
            "column as an array of its own type, or the table as parquet."
        )
    check_unpacked(path.stat().st_size, math.prod(data.shape) * data.dtype.itemsize, f"'{path.name}'")
    values = data.asstr(errors="replace")[()] if text else data[()]
    return np.asarray(values)


def _is_text(data: Any) -> bool:
    """Whether the cells are strings of any length."""
    import h5py  # noqa: PLC0415

    return data.dtype.kind == "O" and h5py.check_string_dtype(data.dtype) is not None


def _of_pandas(path: Path) -> BadData:
    return BadData(
        f"'{path.name}' must hold arrays of features and target, but pandas wrote it as a frame in its own layout. "
        "Save it with frame.to_parquet(...), or give the frame to caviar.read."
    )
