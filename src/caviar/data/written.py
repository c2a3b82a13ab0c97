"""The sets of a split become files: train, dev, test and bridge apart, and split.json, which says how they came about.

A folder is written whole or not at all. Rows are as they were read, with the columns of groups, times and weights:
`caviar improve train.parquet --dev dev.parquet --test test.parquet` goes on from there; a column that named sets or
sources has done its work and is left out.
"""

import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.images import shape_of
from caviar.data.row_hashes import row_hashes, set_fingerprint
from caviar.data.scratch import Scratch
from caviar.data.sealed import Part
from caviar.data.sets import Split
from caviar.data.stored import Stored, write
from caviar.errors import BadData, BadRun

FORMAT = 1
Kind = Literal["parquet", "csv"]


def write_sets(split: Split, folder: Path, kind: Kind = "parquet", asked: Mapping[str, Any] | None = None) -> Path:
    """Write every set of a split into a folder of its own.

    Writing the test rows does not open them: keep that file away from whoever chooses.

    Args:
        split: what is written.
        folder: new or empty.
        kind: of the files.
        asked: what the split was asked for; stands in split.json.

    Returns:
        The folder.

    Raises:
        BadData: images cannot be written as CSV.
        BadRun: the folder holds something, or cannot be written; nothing is left in it then.
    """
    done = [column for column in (split.roles.by, split.roles.source) if column is not None]
    parts = {name: part for name, part in split.sets().items() if len(part.y)}
    if kind == "csv" and any(shape_of(dtype) for dtype in parts["train"].frame.schema.values()):
        raise BadData("Images cannot be written as CSV, which has no cells for them. Write parquet files.")
    sets: dict[str, Any] = {}
    with _whole(folder) as beside:
        for name, part in parts.items():
            path = beside / f"{name}.{kind}"
            hashes = _write(part, path, kind, without=done)
            sets[name] = {"file": path.name, "rows": len(hashes), "fingerprint": set_fingerprint(hashes)}
        content = {
            "format": FORMAT,
            "data": split.name,
            "target": split.target.name,
            "task": split.task,
            "seed": split.seed,
            "asked": dict(asked or {}),
            "sets": sets,
            "how": list(split.explanation),
        }
        (beside / "split.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def _write(part: Part, path: Path, kind: Kind, *, without: Sequence[str]) -> Whole:
    """Write the rows of a set as one file, batch by batch where they are on disk; the hashes of all rows."""
    hashes, written = [], []
    scratch = Scratch("written") if isinstance(part.frame, Stored) and kind == "parquet" else None
    for number, some in enumerate(part.batches()):
        frame = some.whole().drop(without, strict=False)
        hashes.append(row_hashes(frame))
        if kind == "csv":
            with path.open("ab") as file:
                frame.write_csv(file, include_header=number == 0)
        elif scratch is None:
            frame.write_parquet(path)
        else:
            written.append(scratch.folder / f"{number}.arrow")
            write(frame, written[-1], scratch, f"A part of {path.name}")
    if written:
        pl.scan_ipc(written).sink_parquet(path)
    return np.concatenate(hashes)


@contextlib.contextmanager
def _whole(folder: Path) -> Iterator[Path]:
    """A folder that becomes the wanted one when the block ends well, and goes when it does not.

    Where the wanted one is there, it takes the files in: it may be the current folder, a link's or a mounted one.
    """
    beside: Path | None = None
    try:
        place = Path(os.path.realpath(folder))
        there = place.exists()
        if there and (not place.is_dir() or any(place.iterdir())):
            raise BadRun(f"--out must be a new or empty folder, but {folder} holds something. Give another.")
        within = place if there else place.parent
        within.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(dir=within, prefix=f".{place.name}."))
        yield beside
        if there:
            _move_all(beside, place)
        else:
            beside.chmod(0o755)
            beside.rename(place)
    except OSError as error:
        raise BadRun(
            f"--out must be a folder that can be written, but {folder} cannot: {error.strerror or error}. Give another "
            "one, or make room."
        ) from None
    finally:
        if beside is not None:
            shutil.rmtree(beside, ignore_errors=True)


def _move_all(folder: Path, place: Path) -> None:
    """Move the files of a folder into an empty one: all of them, or none."""
    names = [path.name for path in folder.iterdir()]
    try:
        for name in names:
            (folder / name).rename(place / name)
    except BaseException:
        for name in names:
            (place / name).unlink(missing_ok=True)
        raise
