"""What was handed to `read` becomes columns: a file, a sample, a frame or arrays.

Types are left to `columns`, the choice of the target and the checks of the whole table to `read`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, cast

import polars as pl

from caviar.data.frames import is_frame, to_polars
from caviar.data.matrices import from_arrays, read_npz
from caviar.data.samples import SAMPLES, TARGET, Sample, load_sample
from caviar.data.text import read_text
from caviar.errors import BadData, nearest

TEXT_FILES = (".csv", ".tsv", ".txt")
FILES = (*TEXT_FILES, ".parquet", ".npz")


class Source(NamedTuple):
    """Columns as they came."""

    frame: pl.DataFrame
    name: str
    """For the `Table`."""
    label: str
    """For messages."""
    target: str | None = None
    """The column that is the target when none is named."""
    delimiter: str | None = None
    """Of a text file."""
    notes: tuple[str, ...] = ()


def open_source(source: Any, target: str | None, columns: Sequence[str] | None, with_target: bool) -> Source:
    """Columns of anything that `read` takes.

    Args:
        source: as `read` takes it.
        target: the target's name: names y, and chooses an array of an .npz file.
        columns: names for the columns of an array.
        with_target: False leaves out the y of arrays.

    Returns:
        Columns, and where they came from.

    Raises:
        BadData: a file that is missing, unreadable or of an unknown kind; arrays that do not fit; another
            kind of object.
    """
    if isinstance(source, str) and source in SAMPLES:
        loaded = load_sample(cast(Sample, source))
        return Source(loaded.frame, source, f"sample '{source}'", TARGET, notes=(loaded.note,))
    if isinstance(source, str | os.PathLike):
        return _from_file(Path(source), target, columns, with_target)
    if is_frame(source):
        return Source(to_polars(source), "table", "the frame")
    x, y = source if isinstance(source, tuple) and len(source) == 2 else (source, None)
    if not isinstance(x, list | tuple) and not hasattr(x, "__array__") and not hasattr(x, "nnz") and not is_frame(x):
        raise BadData(
            f"caviar.read takes a path, the name of a sample ({', '.join(SAMPLES)}), a DataFrame, an array "
            f"X or a pair (X, y), got {type(source).__name__}. Turn it into one of these."
        )
    names = None if is_frame(x) else columns
    made = from_arrays(x, y if with_target else None, names=names, target=target if y is not None and target else "y")
    return Source(made.frame, "table", "the array", made.target, notes=made.notes)


def _from_file(path: Path, target: str | None, columns: Sequence[str] | None, with_target: bool) -> Source:
    kind = path.suffix.lower()
    _check_path(path, kind)
    label = f"'{path.name}'"
    try:
        if kind in TEXT_FILES:
            text = read_text(path)
            return Source(text.cells, path.stem, label, None, text.delimiter, text.notes)
        if not path.stat().st_size:
            raise BadData(f"{label} must hold a table, but it has no bytes. Write it again.")
        if kind == ".npz":
            made = read_npz(path, target, columns, with_target)
            return Source(made.frame, path.stem, label, made.target, notes=made.notes)
        return Source(to_polars(_parquet(path)), path.stem, label)
    except OSError as error:
        raise BadData(
            f"{label} cannot be read: {error.strerror or error}. Check the file and its permissions."
        ) from None


def _parquet(path: Path) -> pl.DataFrame:
    try:
        with path.open("rb") as file:
            whole = file.read(4) == b"PAR1" and file.seek(-4, os.SEEK_END) > 0 and file.read() == b"PAR1"
        if whole:
            return pl.read_parquet(path)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        pass
    raise BadData(
        f"'{path.name}' must be a parquet file, but it cannot be read as one: it is cut off, damaged or of "
        "another format. Write it again."
    )


def _check_path(path: Path, kind: str) -> None:
    """A folder, a missing file and an unknown kind each have their own sentence."""
    ends = f"{', '.join(FILES[:-1])} or {FILES[-1]}"
    if path.is_dir():
        raise BadData(f"DATA must be a file ({ends}), but '{path}' is a folder. {_files_in(path, None)}")
    if not kind:
        raise BadData(
            f"DATA must be a file ending in {ends}, or the name of a sample, got '{path}'. "
            f"{nearest(path.name, SAMPLES) if not path.exists() else 'Give the file its right ending.'}"
        )
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise BadData(f"There is no folder '{folder}', so no file '{path.name}' in it. Check the path.")
        raise BadData(f"There is no file '{path.name}' in '{folder}'. {_files_in(folder, path.name)}")
    if kind not in FILES:
        advice = (
            "Unpack it first."
            if kind in (".gz", ".zip", ".bz2", ".xz", ".zst")
            else "Save the table as CSV or parquet."
        )
        raise BadData(f"A file must end in {ends}, got '{path.name}'. {advice}")
    if not path.is_file():
        raise BadData(f"DATA must be a plain file, but '{path}' is none. Write its contents to a file first.")


def _files_in(folder: Path, wanted: str | None) -> str:
    """The end of a message: the files that could have been meant."""
    try:
        there = sorted(p.name for p in folder.iterdir() if p.suffix.lower() in FILES)
    except OSError:
        there = []
    if not there:
        return "The folder has no such file: check the path."
    return nearest(wanted, there) if wanted else f"Name one of its files, such as '{there[0]}'."
