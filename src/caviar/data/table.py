"""A table as it was read: feature columns, the column to predict, and what reading decided."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np
import polars as pl

from caviar.data.column_types import ColumnType, TypeWord
from caviar.data.fingerprint import fingerprint
from caviar.data.images import Shape, counted, missing_in, pixels_of, shape_of, size_in_words
from caviar.data.infer import column_types
from caviar.data.levels import commonest_first
from caviar.data.stored import Frame, Stored, in_memory
from caviar.data.words import count, listed
from caviar.errors import BadData

_SCREEN = 100  # characters in a line of `describe`


@dataclass(frozen=True, eq=False)
class Table:
    """Rows to learn from, or to predict for.

    `read` builds it; build it yourself only with columns of the types named below.

    Raises:
        BadData: feature and target rows differ in number, the target has missing cells, or it also
            stands among the features.
    """

    name: str
    """File stem, name of a sample, or "table"."""
    features: Frame
    """Numbers, Boolean, String or temporal columns; null where a cell is missing or not finite. Images are one
    column, with NaN for a missing pixel (`images`).
    """
    target: pl.Series | None
    """The column to predict, never with nulls; its name is the column's. None: only to predict for."""
    notes: tuple[str, ...] = ()
    """Sentences: what reading found and decided."""
    given: Mapping[str, ColumnType] = field(default_factory=dict)
    """Types of columns that a person said, or the owner of a DataFrame."""

    def __post_init__(self) -> None:
        if self.target is None:
            return
        if len(self.target) != self.features.height:
            raise BadData(
                f"Features and target must have one row for one row, got {self.features.height:,} rows of "
                f"features and {len(self.target):,} of target '{self.target.name}'. Build both from the "
                "same rows."
            )
        if missing := self.target.null_count():
            raise BadData(
                f"The target must be known in every row, but '{self.target.name}' has "
                f"{count(missing, 'missing cell')}. Leave these rows out or fill them in."
            )
        if self.target.name in self.features.columns:
            raise BadData(f"The target must not be among the features, but '{self.target.name}' is. Drop that column.")

    @property
    def rows(self) -> int:
        """Number of examples."""
        return self.features.height

    @property
    def cells(self) -> pl.DataFrame:
        """The features in memory."""
        return in_memory(self.features)

    @property
    def on_disk(self) -> bool:
        """Whether the features are read from disk when they are needed."""
        return isinstance(self.features, Stored)

    def sample(self, rows: int, seed: int = 0) -> "Table":
        """Some rows chosen at random, in their order and in memory; all where there are no more."""
        if self.rows <= rows:
            return replace(self, features=self.cells)
        at = np.sort(np.random.default_rng(seed).choice(self.rows, rows, replace=False))
        target = None if self.target is None else self.target[at]
        return Table(self.name, self.features[at], target, self.notes, self.given)

    @property
    def image_shape(self) -> Shape | None:
        """Height, width and channels when the rows are images and nothing else; None for other tables."""
        return shape_of(next(iter(self.features.schema.values()))) if self.features.width == 1 else None

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 in hex of column names, types and cells; `name` and `notes` do not count."""
        target = () if self.target is None else (self.target.name, self.target.to_frame())
        return fingerprint(self.features, *target)

    @cached_property
    def types(self) -> Mapping[str, ColumnType]:
        """What every feature column is taken for: as it was given, or by its cells (`infer.column_types`).

        By all rows, for `describe` and checks; a `Split` decides by its train rows alone.

        Raises:
            BadData: cells are not of the type that was given.
        """
        return column_types(self.features, self.given)

    def describe(self) -> str:
        """What the table holds, in at most 24 lines of at most 100 characters."""
        lines = [f"{self.name}: {self._contents()}"]
        for kind, columns in _kinds(self.features, self.types).items():
            lines.append(f"  {kind:<10} {len(columns):>5,}  {', '.join(columns)}")
        gaps = {c.name: missing for c in self.features.get_columns() if (missing := _missing(c))}
        cells = {c.name: max(self.rows, 1) * math.prod(shape_of(c.dtype) or ()) for c in self.features.get_columns()}
        worst = sorted(gaps, key=lambda name: -gaps[name])
        lines.append(
            f"  missing    {sum(gaps.values()):>5,}  "
            + (
                ", ".join(f"{name} ({gaps[name] / cells[name]:.1%})" for name in worst)
                or f"no {'pixel' if self.image_shape else 'cell'}"
            )
        )
        if self.target is None:
            lines.append("no target: a table to predict for")
        else:
            lines += _about_target(self.target)
        room = 24 - len(lines)
        shown = self.notes if len(self.notes) <= room else self.notes[: room - 1]
        lines += [f"- {note}" for note in shown]
        if len(shown) < len(self.notes):
            lines.append(f"- … and {count(len(self.notes) - len(shown), 'more note')} in `notes`")
        return "\n".join(_cut(line) for line in lines)

    def _contents(self) -> str:
        if self.image_shape:
            return counted(self.rows, self.image_shape)
        return f"{count(self.rows, 'row')}, {count(self.features.width, 'feature column')}"

    def __repr__(self) -> str:
        target = "no target" if self.target is None else f"target {self.target.name!r}"
        return f"Table({self.name!r}: {self._contents()}, {target})"


_KINDS: dict[TypeWord, str] = {
    "number": "numbers",
    "boolean": "true/false",
    "category": "categories",
    "ordered": "ordered",
    "date": "dates",
    "text": "free text",
    "images": "images",
    "identifier": "identifier",
    "constant": "constant",
    "empty": "empty",
    "drop": "left out",
}
"""Types in the words of `describe`, in its order."""


def _kinds(frame: Frame, types: Mapping[str, ColumnType]) -> dict[str, list[str]]:
    """Columns by type, with what is worth knowing of each."""
    kinds: dict[str, list[str]] = {
        word: [_told(frame[name], kind) for name, kind in types.items() if kind.word == type_word]
        for type_word, word in _KINDS.items()
    }
    return {word: columns for word, columns in kinds.items() if columns}


def _told(column: pl.Series, kind: ColumnType) -> str:
    """A column's name, and its levels, order or shape."""
    match kind.word:
        case "category" | "text":
            return f"{column.name} ({column.drop_nulls().n_unique():,} different)"
        case "ordered":
            return f"{column.name} ({' < '.join(kind.levels)})"
        case "images":
            return f"{column.name} ({size_in_words(shape_of(column.dtype) or (0, 0, 0))}; {_range(column)})"
        case "number" if kind.asked and kind.scale != "table":
            return f"{column.name} ({kind.scale or 'unscaled'})"
    return column.name


def _missing(column: pl.Series) -> int:
    """Missing cells, or pixels."""
    return missing_in(column) if shape_of(column.dtype) else column.null_count()


def _range(images: pl.Series) -> str:
    low, high = (float(end.reduce(pixels_of(images), axis=None)) for end in (np.fmin, np.fmax))
    return "no pixel known" if math.isnan(low) else f"pixels from {low:,.6g} to {high:,.6g}"


def _about_target(target: pl.Series) -> list[str]:
    """Balance of a target with few values, range of one with many."""
    different = target.n_unique()
    if target.dtype.is_numeric() and different > 20:
        quartiles = [target.quantile(q, "linear") for q in (0.0, 0.25, 0.5, 0.75, 1.0)]
        low, q25, middle, q75, high = (f"{q:,.6g}" for q in quartiles)
        return [
            f"target {target.name!r}: numbers from {low} to {high}, {different:,} different",
            f"  half of them between {q25} and {q75}, median {middle}",
        ]
    tally = commonest_first(target)
    lines = [f"target {target.name!r}: {different:,} different values"]
    most = 6
    for value, rows in tally.head(most).iter_rows():
        lines.append(f"  {value!s:<20.20} {rows:>11,}  {rows / max(len(target), 1):>6.1%}")
    if different > most:
        rest = tally["cell"][most:].to_list()
        lines.append(f"  and {listed(rest, 8)}; the rarest has {count(int(tally['rows'][-1]), 'row')}")
    return lines


def _cut(line: str) -> str:
    return line if len(line) <= _SCREEN else line[: _SCREEN - 1] + "…"
