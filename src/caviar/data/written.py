"""The sets of a split become files: train, dev, test and bridge apart, and split.json, which says how they came about.

A folder is written whole or not at all. Rows are as they were read, with the columns of groups, times and weights:
`caviar improve train.parquet --dev dev.parquet --test test.parquet` goes on from there; a column that named sets or
sources has done its work and is left out. Categories and levels that somebody has named stay so in parquet; what a file
cannot keep stands in split.json (`types_lost`).
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
from caviar.data.category import level_of
from caviar.data.column_types import ColumnType
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
        BadData: images and durations cannot be written as CSV.
        BadRun: the folder holds something, or cannot be written; nothing is left in it then.
    """
    done = [column for column in (split.roles.by, split.roles.source) if column is not None]
    parts = {name: part for name, part in split.sets().items() if len(part.y)}
    if kind == "csv":
        _check_csv(parts["train"])
    kept = _kept_types(split) if kind == "parquet" else {}
    lost = types_lost(split, kind)
    sets: dict[str, Any] = {}
    with _whole(folder) as beside:
        for name, part in parts.items():
            path = beside / f"{name}.{kind}"
            hashes = _write(part, path, kind, without=done, types=kept)
            sets[name] = {"file": path.name, "rows": len(hashes), "fingerprint": set_fingerprint(hashes)}
        content = {
            "format": FORMAT,
            "data": split.name,
            "target": split.target.name,
            "task": split.task,
            "seed": split.seed,
            "asked": dict(asked or {}),
            "sets": sets,
            "types_lost": lost,
            "how": [*split.explanation, *lost_in_words(lost, kind)],
        }
        (beside / "split.json").write_text(json.dumps(content, indent=1), encoding="utf-8")
    return folder


def types_lost(split: Split, kind: Kind) -> dict[str, str]:
    """What of the columns' types the files do not keep.

    Args:
        split: what is written.
        kind: of the files.

    Returns:
        By column, what it was, as words.
    """
    kept = _kept_types(split) if kind == "parquet" else {}
    lost = {name: _as_said(type_) for name, type_ in split.types.items() if type_.asked and name not in kept}
    if kind == "csv":
        for name, dtype in _schema(split.sets()["train"]).items():
            if dtype == pl.Time:
                lost[name] = "times of day"
            elif isinstance(dtype, pl.Datetime) and dtype.time_zone:
                lost[name] = f"times of the zone {dtype.time_zone}, written in UTC"
    return lost


def lost_in_words(lost: Mapping[str, str], kind: Kind) -> list[str]:
    """What `types_lost` found as a sentence, or none."""
    if not lost:
        return []
    columns = "; ".join(f"'{name}' ({what})" for name, what in lost.items())
    advice = "Write parquet files, or say" if kind == "csv" else "Say"
    return [f"The {kind} files do not keep the type of {columns}. {advice} the types again by --types."]


def _as_said(kind: ColumnType) -> str:
    """A type in words: levels in their order, the scale of numbers."""
    match kind.word:
        case "ordered":
            return f"ordered: {' < '.join(kind.levels)}"
        case "number" if kind.scale != "table":
            return kind.scale or "unscaled"
    return kind.word


def _kept_types(split: Split) -> dict[str, pl.DataType]:
    """The types that parquet keeps: those of text columns that somebody said are categories, or levels in an order."""
    kept: dict[str, pl.DataType] = {}
    for name, dtype in split.sets()["train"].frame.schema.items():
        kind = split.types.get(name)
        if kind is None or not kind.asked or dtype != pl.String:
            continue
        if kind.word == "category":
            kept[name] = pl.Categorical()
        elif kind.word == "ordered" and (levels := _levels_as_written(split, name, kind.levels)):
            kept[name] = pl.Enum(levels)
    return kept


def _levels_as_written(split: Split, name: str, levels: Sequence[str]) -> list[str] | None:
    """Levels as the cells write them; None where a cell is of no level, or two ways of writing are one level."""
    cells = [part.frame[name].drop_nulls().unique() for part in split.sets().values() if name in part.frame.schema]
    forms = pl.concat(cells).unique().sort()
    written = dict(zip(level_of(forms).to_list(), forms.to_list(), strict=True))
    if len(written) < len(forms) or not set(written) <= set(levels):
        return None
    return [written.get(level, level) for level in levels]


def _schema(part: Part) -> dict[str, pl.DataType]:
    """Types of the columns of a set."""
    return dict(part.frame.schema) | dict(part.beside.schema)


def _check_csv(part: Part) -> None:
    """Refuse columns for which CSV has no cells."""
    for name, dtype in _schema(part).items():
        if shape_of(dtype):
            raise BadData("Images cannot be written as CSV, which has no cells for them. Write parquet files.")
        if isinstance(dtype, pl.Duration):
            raise BadData(
                f"The columns of a CSV file must be numbers, text, true/false or dates, but '{name}' holds durations. "
                "Write parquet files."
            )


def _write(part: Part, path: Path, kind: Kind, *, without: Sequence[str], types: Mapping[str, pl.DataType]) -> Whole:
    """Write the rows of a set as one file, batch by batch where they are on disk; the hashes of all rows."""
    hashes, written = [], []
    scratch = Scratch("written") if isinstance(part.frame, Stored) and kind == "parquet" else None
    for number, some in enumerate(part.batches()):
        frame = some.whole().drop(without, strict=False)
        hashes.append(row_hashes(frame))
        frame = frame.cast({name: dtype for name, dtype in types.items() if name in frame.columns})
        if kind == "csv":
            with path.open("ab") as file:
                _without_zones(frame).write_csv(file, include_header=number == 0)
        elif scratch is None:
            frame.write_parquet(path)
        else:
            written.append(scratch.folder / f"{number}.arrow")
            write(frame, written[-1], scratch, f"A part of {path.name}")
    if written:
        pl.scan_ipc(written).sink_parquet(path)
    return np.concatenate(hashes)


def _without_zones(frame: pl.DataFrame) -> pl.DataFrame:
    """Times of a zone as the clock of UTC shows them: a time with a zone would be read again as text."""
    zones = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Datetime) and dtype.time_zone]
    return frame.with_columns(pl.col(zones).dt.convert_time_zone("UTC").dt.replace_time_zone(None)) if zones else frame


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
