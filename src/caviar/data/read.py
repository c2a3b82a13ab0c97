"""The door: whatever holds a table becomes a `Table`, or one sentence says why not."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, Literal

import polars as pl

from caviar.data.column_types import Asked, asked_types
from caviar.data.columns import typed
from caviar.data.sources import Source, open_source
from caviar.data.stored import Frame
from caviar.data.table import Table
from caviar.data.words import count, listed
from caviar.errors import BadData, nearest


def read(
    source: Any,
    target: str | Literal[False] | None = None,
    name: str | None = None,
    columns: Sequence[str] | None = None,
    *,
    types: Mapping[str, Asked] | None = None,
    image_shape: Sequence[int] | None = None,
    in_memory: bool | None = None,
) -> Table:
    """Read a table from a file, a folder of pictures, a sample, a DataFrame or arrays.

    Delimiter, encoding, quoting, missing marks, decimal commas and the type of every column are found; what
    was decided stands in `Table.notes`. Images are an array X (rows, height, width, channels), channels last:
    they become one column, `image`, as the pictures of a folder do.

    Args:
        source: a path: .csv, .tsv, .txt, .jsonl or .ndjson, also packed (.gz, .bz2, .xz); .parquet; .arrow,
            .feather or .ipc; .npz; .h5 or .hdf5; the images of a pair of idx files (…-images-idx3-ubyte.gz); a
            folder of pictures with one sub-folder per class, or with a CSV file of file names and labels. The name
            of a scikit-learn sample (digits, breast_cancer, wine, iris, diabetes); a DataFrame of any library;
            `(X, y)`; or X. X may be a sparse matrix of SciPy.
        target: the column to predict; in an .npz or HDF5 file the array to predict. None: the one that is built
            in (samples, `(X, y)`, an array called y, target or labels, the classes of a folder). False: no target,
            for prediction; a target column that is there is a column like the others.
        name: of the table; None: the file's, the sample's, or "table".
        columns: names of the feature columns: the ones to use, or those to give to the columns of an array.
        types: what columns are, where the cells tell it wrongly (`Table.types`): one of "number", "standard", "robust",
            "quantile", "log", "unscaled" (numbers, the last five scaled in a way of their own), "category", "ordered"
            (where the order is known), "boolean", "date", "text", "drop"; or the levels of an ordered column, from low
            to high.
        image_shape: (height, width), or (height, width, channels), to which the pictures of a folder are scaled.
            None: 64 x 64 unless all have one size that is not larger; other sources keep what they have.
        in_memory: whether a CSV, Parquet or Arrow file is read as a whole. None: unless it is large; then its columns
            stay on disk, and so do the rows that are prepared from them (`Table.on_disk`).

    Returns:
        The table.

    Raises:
        BadData: there is nothing to read, or it cannot be learned from; the message says what to do.
    """
    if isinstance(columns, str):
        raise BadData(f"columns must be a list of names, got the text '{columns}'. Write columns=['{columns}'].")
    named = None if target is None or target is False else str(target).strip()
    opened = _opened(
        source, named, columns, with_target=target is not False, image_shape=image_shape, in_memory=in_memory
    )
    wanted = None if target is False else _wanted(opened, named)
    done = typed(_chosen(opened, columns, wanted), opened.delimiter, wanted)
    if wanted is None:
        features, series = done.frame, None
    else:
        features, series = done.frame.drop(wanted), done.frame[wanted]
        _check_target(series, opened.label, done.cells_lost.get(wanted, []))
    if not features.width:
        raise BadData(
            f"There must be columns to predict from, but {opened.label} has only '{wanted}'. Add columns; "
            "if it should have more, check what stands between its cells."
        )
    given = done.given | asked_types(types, features.columns, wanted)
    table = Table(name or opened.name, features, series, (*opened.notes, *done.notes), given)
    if types:
        _ = table.types  # refuses here what the cells are not
    return table


def read_for(source: Any, used: Collection[str], image_shape: Sequence[int] | None = None) -> Frame:
    """Rows to predict for.

    Args:
        source: as `read` takes it.
        used: names of the columns that are needed. Where all are there, of the others only text is looked at, which
            helps to tell how numbers are written: what cannot be read does no harm there.
        image_shape: as `read` takes it.

    Returns:
        Columns as `Table.features` has them, the used ones among them as far as they are there.

    Raises:
        BadData: there is nothing to read, or a column cannot be read.
    """
    opened = _opened(source, None, None, with_target=False, image_shape=image_shape)
    frame, types = opened.frame, opened.frame.schema
    if all(name in types for name in used):
        frame = frame.select([name for name, dtype in types.items() if name in used or dtype == pl.String])
    return typed(frame, opened.delimiter).frame


def _opened(source: Any, target: str | None, columns: Sequence[str] | None, *, with_target: bool, **how: Any) -> Source:
    """Columns as they came, with rows."""
    opened = open_source(source, target, columns, with_target, **how)
    if not opened.frame.height:
        raise BadData(f"A table must have rows, but {opened.label} has none. Check what was exported or filtered.")
    return opened


def _wanted(opened: Source, target: str | None) -> str:
    """The column to predict."""
    names = opened.frame.columns
    wanted = target or opened.target
    if wanted is None:
        last = f", …, '{names[-1]}'" if len(names) > 12 else ""
        shown = ", ".join(f"'{name}'" for name in names[:12])
        raise BadData(
            f"Which column is to be predicted? {opened.label} has {shown}{last}: name it by --target (in Python "
            "target=..., or target=False for a table to predict for)."
        )
    if wanted not in names:
        raise BadData(f"{opened.label} has no column '{wanted}' to predict. {nearest(wanted, names)}")
    return wanted


def _chosen(opened: Source, columns: Sequence[str] | None, wanted: str | None) -> Frame:
    """The columns that were asked for, and the target."""
    if columns is None:
        return opened.frame
    names = [name for name in dict.fromkeys(str(c).strip() for c in columns) if name != wanted]
    for name in names:
        if name not in opened.frame.columns:
            raise BadData(f"{opened.label} has no column '{name}'. {nearest(name, opened.frame.columns)}")
    return opened.frame.select(names if wanted is None else [*names, wanted])


def _check_target(target: pl.Series, label: str, lost: list[str]) -> None:
    """A target is known in every row, and finite."""
    if target.dtype.is_nested():
        raise BadData(
            f"The target must hold numbers or labels, but '{target.name}' in {label} holds images. Choose another "
            "column."
        )
    if target.dtype.is_temporal():
        raise BadData(
            f"The target must hold numbers or labels, but '{target.name}' in {label} holds dates. Turn it "
            "into a number, such as the days until then."
        )
    if missing := target.null_count():
        marks = f"; cells such as {listed(sorted(lost), 3)} are read as missing" if any(lost) else ""
        raise BadData(
            f"The target must be known in every row, but '{target.name}' in {label} has "
            f"{count(missing, 'missing cell')} ({_rows(target.is_null())}{marks}). Leave these rows out, "
            "fill them in, or rename the label if it is one."
        )
    if target.dtype.is_float() and (infinite := target.is_infinite()).any():
        raise BadData(
            f"The target must be finite, but '{target.name}' in {label} has "
            f"{count(int(infinite.sum()), 'infinite cell')} ({_rows(infinite)}). Correct these rows or "
            "leave them out."
        )


def _rows(where: pl.Series) -> str:
    """`row 3` or `rows 3, 7, 9, …`, from 1."""
    at = [int(i) + 1 for i in where.arg_true()[:5]]
    more = ", …" if (where.sum() or 0) > len(at) else ""
    return f"row{'s' if len(at) > 1 else ''} {', '.join(f'{i:,}' for i in at)}{more} of the data"
