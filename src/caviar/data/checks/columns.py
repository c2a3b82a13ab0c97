"""Columns that tell nothing: those that identify rows, are the same everywhere, or are hardly ever filled.

Reading leaves out what is certain (`infer`); here it is said, with what is doubtful and was kept.
"""

from typing import Any

import polars as pl

from caviar.data.checks.check import Check, Checked
from caviar.data.images import shape_of
from caviar.data.infer import NEARLY_ALL
from caviar.data.levels import commonest_first
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.data.words import count, has, listed

NEARLY_EMPTY = 0.95
"""Share of missing cells above which a column is nearly empty."""
_MOSTLY, _MANY = 0.9, 0.25
"""Share of missing cells, and of the columns that lack so many, from which much was lost."""

_FEWEST_ROWS = 50  # below, different whole numbers are no sign of a key
_DIGITS = 5  # keys have as many digits or more, all the same number of them
_ODD_ROWS, _OF_ROWS = 5, 1000  # nearly constant: fewer rows differ, of at least so many


def check_identifier_column(table: Table, task: Task | None = None) -> Checked:  # noqa: ARG001 (all checks of tables)
    """Columns that identify rows: those left out, and numbers that look like keys or count rows and were kept."""
    types = table.types
    out = [name for name, kind in types.items() if kind.word == "identifier"]
    kept = [
        name
        for name, kind in types.items()
        if kind.word == "number" and not kind.asked and _looks_like_a_key(table.features[name])
    ]
    if not out and not kept:
        return Checked()
    parts = []
    if out:
        why = "; ".join(dict.fromkeys(f"'{name}' is {types[name].reason}" for name in out[:5]))
        parts.append(f"Left out, because they tell rows apart and nothing else: {listed(out)} ({why}).")
    if kept:
        parts.append(
            f"Whole numbers that differ in nearly every row, as keys do, are kept, because they may be measured: "
            f"{listed(kept)}. A network can only learn rows by heart from a key."
        )
    parts.append("To decide otherwise, say types: 'drop', 'number' or 'category'.")
    evidence: dict[str, Any] = {
        "dropped": {name: types[name].reason for name in out},
        "kept": kept,
        "examples": {name: [str(cell) for cell in table.features[name].head(3)] for name in (*out, *kept)},
    }
    return Checked((Check("identifier_column", "info", evidence, " ".join(parts), _SOURCE),))


def check_constant_feature(table: Table, task: Task | None = None) -> Checked:  # noqa: ARG001
    """Columns that are the same in all rows (left out), or in all but fewer than five of a thousand or more."""
    constant = [name for name, kind in table.types.items() if kind.word == "constant"]
    nearly = {} if table.rows < _OF_ROWS else {c.name: n for c in _plain(table) if (n := _odd_rows(c))}
    if not constant and not nearly:
        return Checked()
    parts = []
    if constant:
        parts.append(f"{listed(constant)} {has(len(constant))} the same cell in all rows: left out.")
    if nearly:
        shown = ", ".join(f"'{name}' ({count(rows, 'other row')})" for name, rows in list(nearly.items())[:5])
        more = f" and {len(nearly) - 5} more" if len(nearly) > 5 else ""
        parts.append(f"The same in nearly all rows: {shown}{more}. So few rows teach nothing that can be relied on.")
    evidence = {"columns": constant, "nearly": nearly, "rows": table.rows}
    return Checked((Check("constant_feature", "info", evidence, " ".join(parts), _SOURCE),))


def check_nearly_empty_column(table: Table, task: Task | None = None) -> Checked:  # noqa: ARG001
    """Columns without a known cell, or with more than 95 % missing.

    A warning where something was lost: a column without a known cell, or one in four, and two at least, with more than
    90 % missing. Else an info.
    """
    shares = {c.name: c.null_count() / table.rows for c in table.features.get_columns()} if table.rows else {}
    empty = [name for name, share in shares.items() if share == 1]
    nearly = {name: share for name, share in shares.items() if NEARLY_EMPTY < share < 1}
    parts = []
    if empty:
        parts.append(
            f"{listed(empty)} {has(len(empty))} no known cell in {count(table.rows, 'row')}: left out. Was the column "
            "lost on the way? Check the export."
        )
    if nearly:
        shown = ", ".join(f"'{name}' ({share:.1%})" for name, share in sorted(nearly.items(), key=lambda n: -n[1])[:5])
        more = f" and {len(nearly) - 5} more" if len(nearly) > 5 else ""
        parts.append(
            f"Missing in most rows: {shown}{more}. Their cells are filled and marked; what is learned from them "
            "rests on few rows."
        )
    if not parts:
        return Checked()
    evidence = {"empty": empty, "missing": nearly, "rows": table.rows}
    lost = empty or sum(share > _MOSTLY for share in shares.values()) >= max(2, _MANY * len(shares))
    severity = "warning" if lost else "info"
    return Checked((Check("nearly_empty_column", severity, evidence, " ".join(parts), _SOURCE),))


_SOURCE = "deepchecks and Evidently (single value, nulls, identifiers)"


def _plain(table: Table) -> list[pl.Series]:
    """Columns that are used, images excepted."""
    return [
        column
        for column in table.features.get_columns()
        if not shape_of(column.dtype) and table.types[column.name].word not in ("constant", "empty", "drop")
    ]


def _odd_rows(column: pl.Series) -> int:
    """Rows that differ from the commonest cell, 0 where they are five or more."""
    if column.null_count() >= _ODD_ROWS:
        return 0
    rows = len(column) - int(commonest_first(column)["rows"][0])
    return rows if rows < _ODD_ROWS else 0


def _looks_like_a_key(column: pl.Series) -> bool:
    """Different whole numbers: all with as many digits, or without gaps, in whatever order."""
    if not column.dtype.is_integer() or column.null_count() or len(column) < _FEWEST_ROWS:
        return False
    low, high, different = int(column.min()), int(column.max()), column.n_unique()  # pyright: ignore[reportArgumentType]
    if different < NEARLY_ALL * len(column):
        return False
    gapless = different == len(column) and high - low + 1 == len(column)
    return gapless or (low > 0 and len(str(low)) == len(str(high)) >= _DIGITS)
