"""The data of a run as the page shows them: columns, classes, and what the checks of the data say.

All of it is told by train and dev rows. The test rows stay sealed: nothing of them is shown but their number, and the
checks do not see them either.
"""

import dataclasses
import math
from typing import Any

import numpy as np
import polars as pl

from caviar.data.checks.run import check_split, check_table
from caviar.data.column_types import ColumnType
from caviar.data.images import missing_in, pixels_of, shape_of, size_in_words
from caviar.data.levels import commonest_first
from caviar.data.sealed import Part, Sealed
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.diagnosis.data import of_checked
from caviar.reporting.pages import figure

Message = dict[str, Any]

MOST_COLUMNS = 500
"""Columns that are told, in their order."""

_LEVELS, _LONGEST = 4, 30
"""Most frequent levels that are told, and letters of each."""


def data_view(split: Split, table: Table | None = None) -> Message:
    """Rows, columns, classes and checks, as plain values. Takes seconds: call it in a thread.

    Args:
        split: the data.
        table: as it was read, whose notes are told; None: they are not.

    Returns:
        rows; columns: name, kind, share of cells that are missing and a few words on the others, by the train rows, of
        a table on disk by some of them; classes with their rows; target; checks; in_order and left_out, sentences;
        notes.
    """
    parts = split.raw()
    train, dev = parts["train"], parts["dev"]
    seen = of_checked(check_table(_rows_of(split, train, dev), split.task) + check_split(_without_test(split)))
    names = [name for name in split.types if name in train.frame.columns]
    cells = train.cells
    sealed = f"The {split.n_test:,} test rows stay sealed, also from these checks."
    return {
        "rows": {"train": split.n_train, "dev": split.n_dev, "test": split.n_test},
        "columns": [
            *(_column(cells[name], split.types[name]) for name in names[:MOST_COLUMNS]),
            *_beside(split, train.beside),
        ],
        "more_columns": max(0, len(names) - MOST_COLUMNS),
        "classes": _classes(split),
        "target": {"name": split.target.name, "task": split.task, "about": _levels_or_range(train.target)},
        "checks": [
            {
                "name": one.name,
                "severity": one.severity,
                "meaning": one.meaning,
                "source": one.source,
                "evidence": [[name.replace("_", " "), figure(value)] for name, value in one.evidence.items()],
            }
            for one in seen.findings
        ],
        "in_order": list(seen.passed),
        "left_out": [*seen.skipped, *([sealed] if split.n_test else [])],
        "row_numbers": "Row numbers count the train rows first, then the dev rows, from 0.",
        "notes": [] if table is None else list(table.notes),
    }


def _rows_of(split: Split, train: Part, dev: Part) -> Table:
    """Train and dev rows as one table."""
    asked = {name: kind for name, kind in split.types.items() if kind.asked}
    features = pl.concat([train.cells, dev.cells], how="vertical_relaxed")
    target = pl.concat([train.target.to_frame(), dev.target.to_frame()], how="vertical_relaxed").to_series()
    return Table(split.name, features, target, given=asked)


def _without_test(split: Split) -> Split:
    """The split as if it had been made without a test set."""
    return dataclasses.replace(split, _sealed=Sealed(split.raw()["dev"].rows(np.arange(0))))


def _classes(split: Split) -> list[Message]:
    """Rows of every class in train and dev; none for a regression."""
    if split.classes is None:
        return []
    counts = [np.bincount(y, minlength=len(split.classes)).tolist() for y in (split.y_train, split.y_dev)]
    return [
        {"name": str(name), "train": train, "dev": dev} for name, train, dev in zip(split.classes, *counts, strict=True)
    ]


def _column(cells: pl.Series, kind: ColumnType) -> Message:
    shape = shape_of(cells.dtype)
    missing = missing_in(cells) if shape else cells.null_count()
    return {
        "name": cells.name,
        "kind": kind.word,
        "missing": missing / max(1, len(cells) * math.prod(shape or ())),
        "about": _about(cells, kind),
    }


def _about(cells: pl.Series, kind: ColumnType) -> str:
    """A few words on what a column holds."""
    shape = shape_of(cells.dtype)
    if shape is not None:
        pixels = pixels_of(cells)
        low, high = (float(end.reduce(pixels, axis=None)) for end in (np.fmin, np.fmax))
        return size_in_words(shape) + ("" if math.isnan(low) else f", pixels {low:,.6g} to {high:,.6g}")
    match kind.word:
        case "identifier" | "constant" | "empty" | "drop":
            return f"left out{f': {kind.reason}' if kind.reason else ''}"
        case "text":
            return f"{cells.drop_nulls().n_unique():,} different"
        case "ordered":
            return " < ".join(map(_cut, kind.levels))
        case _:
            return _levels_or_range(cells)


def _levels_or_range(cells: pl.Series) -> str:
    """From where to where numbers and dates go; of other cells the most frequent ones."""
    known = cells.drop_nulls()
    if not len(known):
        return "no known cell"
    if known.dtype.is_numeric():
        low, middle, high = (known.quantile(part, "linear") for part in (0.0, 0.5, 1.0))
        return f"{low:,.6g} to {high:,.6g}, median {middle:,.6g}"
    if known.dtype.is_temporal():
        return f"{known.min()} to {known.max()}"
    tally = commonest_first(known)
    told = [f"{_cut(value)} {rows / len(known):.0%}" for value, rows in tally.head(_LEVELS).iter_rows()]
    more = tally.height - len(told)
    return ", ".join(told) + (f" and {more:,} more" if more else "")


def _beside(split: Split, beside: pl.DataFrame) -> list[Message]:
    """Columns that are not learned from, with what they are for."""
    roles = {column: role for role, column in split.roles.named.items()}
    return [
        {
            "name": name,
            "kind": roles.get(name, "beside"),
            "missing": beside[name].null_count() / max(1, beside.height),
            "about": f"not learned from: {_levels_or_range(beside[name])}",
        }
        for name in beside.columns
    ]


def _cut(value: object) -> str:
    text = str(value)
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
