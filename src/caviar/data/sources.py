"""What was handed to `read` becomes columns: a file, a folder, a sample, a frame or arrays.

Types are left to `columns`, the choice of the target and the checks of the whole table to `read`.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, assert_never, cast

from caviar.data.columnar import read_arrow, read_parquet, scan_large
from caviar.data.frames import is_frame, to_polars
from caviar.data.hdf5 import read_hdf5
from caviar.data.idx import read_idx
from caviar.data.image_folder import holds_pictures, read_image_folder
from caviar.data.json_lines import read_json_lines
from caviar.data.kinds import Kind, endings_in_words, kind_of, stem_of
from caviar.data.large_text import read_large_text
from caviar.data.matrices import Columns, from_arrays
from caviar.data.npz import read_npz
from caviar.data.pictures import ENDINGS
from caviar.data.samples import SAMPLES, TARGET, Sample, load_sample
from caviar.data.stored import Frame
from caviar.data.text import read_text
from caviar.errors import BadData, nearest


class Source(NamedTuple):
    """Columns as they came."""

    frame: Frame
    name: str
    """For the `Table`."""
    label: str
    """For messages."""
    target: str | None = None
    """The column that is the target when none is named."""
    delimiter: str | None = None
    """Of a text file."""
    notes: tuple[str, ...] = ()


def open_source(
    source: Any,
    target: str | None,
    columns: Sequence[str] | None,
    with_target: bool,
    *,
    image_shape: Sequence[int] | None = None,
    in_memory: bool | None = None,
) -> Source:
    """Columns of anything that `read` takes.

    Args:
        source: as `read` takes it.
        target: the target's name: names y, and chooses an array of an .npz file.
        columns: names for the columns of an array.
        with_target: False leaves out the y of arrays.
        image_shape: what the pictures of a folder are scaled to.
        in_memory: whether files are read as a whole; None: unless they are large.

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
        path = Path(source)
        try:
            if path.is_dir() and holds_pictures(path):
                made = read_image_folder(path, target, columns, with_target, image_shape)
                return _of_arrays(made, path.resolve().name, f"'{path}'")
            return _from_file(path, target, columns, with_target, in_memory)
        except OSError as error:
            raise BadData(
                f"'{path.name[:100]}' cannot be read: {error.strerror or error}. Check the file and its permissions."
            ) from None
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
    return _of_arrays(made, "table", "the array")


def _of_arrays(made: Columns, name: str, label: str) -> Source:
    return Source(made.frame, name, label, made.target, notes=made.notes)


def _from_file(
    path: Path, target: str | None, columns: Sequence[str] | None, with_target: bool, in_memory: bool | None
) -> Source:
    kind = _kind(path)
    label, name = f"'{path.name}'", stem_of(path)
    if kind != "text" and not path.stat().st_size:
        raise BadData(f"{label} must hold a table, but it has no bytes. Write it again.")
    if large := None if in_memory else _from_large_file(path, kind, asked=in_memory is False):
        return large
    match kind:
        case "text":
            text = read_text(path)
            return Source(text.cells, name, label, None, text.delimiter, text.notes)
        case "json lines":
            made = Columns(*read_json_lines(path))
        case "parquet":
            made = Columns(to_polars(read_parquet(path)))
        case "arrow":
            made = Columns(to_polars(read_arrow(path)))
        case "npz":
            made = read_npz(path, target, columns, with_target)
        case "hdf5":
            made = read_hdf5(path, target, columns, with_target)
        case "idx":
            made = read_idx(path, target, columns, with_target)
        case _:
            assert_never(kind)
    return _of_arrays(made, name, label)


def _from_large_file(path: Path, kind: Kind, *, asked: bool) -> Source | None:
    """Columns that stay on disk; None where the file is not large, or of a kind that is read as a whole."""
    label, name = f"'{path.name}'", stem_of(path)
    if kind == "text" and (asked or path.stat().st_size > LARGE_TEXT):
        text = read_large_text(path)
        if text is not None:
            return Source(text.cells, name, label, None, text.delimiter, (*text.notes, _ON_DISK))
    if kind in ("parquet", "arrow") and (frame := scan_large(path, kind, asked=asked)):
        return Source(frame, name, label, notes=(_ON_DISK,))
    return None


def _kind(path: Path) -> Kind:
    """The reader for a file; a folder, a missing file and an unknown kind each have their own sentence."""
    ends, kind, suffix = endings_in_words(), kind_of(path), path.suffix.lower()
    if path.is_dir():
        raise BadData(
            f"DATA must be a file or a folder of pictures ({', '.join(ENDINGS)}), but '{path}' has none. "
            f"{_files_in(path, None)}"
        )
    if not suffix and kind is None:
        raise BadData(
            f"DATA must be a folder of pictures, the name of a sample, or a file; its name must end in "
            f"{ends}, got '{path}'. "
            f"{nearest(path.name, SAMPLES) if not path.exists() else 'Give the file its right ending.'}"
        )
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise BadData(f"There is no folder '{folder}', so no file '{path.name}' in it. Check the path.")
        if path.is_symlink():
            raise BadData(f"DATA must be a file, but '{path}' is a link that leads nowhere. Name the file itself.")
        raise BadData(f"There is no file '{path.name}' in '{folder}'. {_files_in(folder, path.name)}")
    if kind is None:
        raise BadData(f"A file must end in {ends}, got '{path.name}'. {_ADVICE.get(suffix, _SAVE)}")
    if not path.is_file():
        raise BadData(f"DATA must be a plain file, but '{path}' is none. Write its contents to a file first.")
    return kind


LARGE_TEXT = 1 << 29
"""Bytes of a text file from which on its columns stay on disk."""

_ON_DISK = "The columns stay on disk, and are read when they are needed."
_SAVE = "Save the table as CSV or parquet."
_UNPACK = "Unpack it first."
_ADVICE = {
    **dict.fromkeys((".gz", ".bz2", ".xz", ".zip", ".zst", ".7z", ".rar", ".tar", ".tgz"), _UNPACK),
    **dict.fromkeys((".pkl", ".pickle", ".joblib"), "A pickle could run anything: save the table as parquet."),
    ".npy": "Save features and target together: numpy.savez(path, X=..., y=...).",
    ".json": "Save it with one object per line: frame.to_json(path, orient='records', lines=True) writes .jsonl.",
    **dict.fromkeys((".png", ".jpg", ".jpeg"), "Name the folder of the pictures, with one sub-folder for each class."),
}


def _files_in(folder: Path, wanted: str | None) -> str:
    """The end of a message: the files that could have been meant."""
    try:
        there = sorted(p.name for p in folder.iterdir() if kind_of(p) is not None)
    except OSError:
        there = []
    if not there:
        return "The folder has no such file: check the path."
    return nearest(wanted, there) if wanted else f"Name one of its files, such as '{there[0]}'."
