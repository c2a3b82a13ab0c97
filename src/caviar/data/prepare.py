"""Feature columns become the matrix a network reads, with statistics of the train rows only.

The state is plain numbers and words: it can be read, written as JSON and used years later without pickle.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.category import Category, fit_category
from caviar.data.images import Shape, shape_of, size_in_words
from caviar.data.numeric import Numeric, Scale, fit_numeric
from caviar.data.pixels import Pixels, fit_pixels
from caviar.data.words import count, has, listed
from caviar.errors import BadData, BadRun, nearest


@dataclass(frozen=True)
class Dropped:
    """A column that is not used."""

    column: str
    reason: str

    @property
    def names(self) -> tuple[str, ...]:
        """No outputs."""
        return ()


Column = Numeric | Category | Pixels | Dropped
_TYPES = {"numeric": Numeric, "category": Category, "pixels": Pixels, "dropped": Dropped}


@dataclass(frozen=True)
class Preparation:
    """What happens to every feature column, fitted on train rows."""

    columns: tuple[Column, ...]

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the matrix's columns, each once."""
        names: dict[str, None] = {}
        for column in self.columns:
            for name in column.names:
                again = next((f"{name} ({i})" for i in range(2, len(names) + 2) if f"{name} ({i})" not in names), "")
                names[name if name not in names else again] = None
        return tuple(names)

    @property
    def width(self) -> int:
        """Number of the matrix's columns."""
        return sum(len(column.names) for column in self.columns)

    @property
    def image_shape(self) -> Shape | None:
        """Height, width and channels when the matrix holds images and nothing else.

        A row is then an image in the order (channels, height, width): the first channel row by row, then the next.
        """
        used = [c for c in self.columns if not isinstance(c, Dropped)]
        return used[0].shape if len(used) == 1 and isinstance(used[0], Pixels) else None

    def features(self, frame: pl.DataFrame) -> Numbers:
        """The matrix of any rows.

        Args:
            frame: the columns of the train rows, in any order and of any type that holds the same values;
                more columns are ignored.

        Returns:
            float32 (rows, width), finite.

        Raises:
            BadData: a column is missing, or holds something else than the train rows did.
        """
        matrix = np.empty((frame.height, self.width), np.float32)
        there = {column.name: column for column in frame.get_columns()}  # frame.columns makes a list at every call
        at = 0
        for column in self.columns:
            if isinstance(column, Dropped):
                continue
            if column.column not in there:
                raise _missing(column, frame.columns)
            matrix[:, at : at + len(column.names)] = column.outputs(there[column.column])
            at += len(column.names)
        return matrix

    def to_json(self) -> dict[str, Any]:
        """The state as plain words, numbers, lists and dictionaries."""
        words = {kind: word for word, kind in _TYPES.items()}
        return {"format": 1, "columns": [{"as": words[type(c)]} | asdict(c) for c in self.columns]}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Preparation":
        """The preparation that wrote `state`.

        Raises:
            BadRun: `state` is not what `to_json` writes.
        """
        try:
            if state["format"] != 1:
                raise BadRun(
                    f"A preparation must have format 1, got {state['format']!r}. It was written by a later "
                    "caviar: update."
                )
            columns = []
            for given in state["columns"]:
                fields = {name: tuple(v) if isinstance(v, list) else v for name, v in given.items() if name != "as"}
                columns.append(_TYPES[given["as"]](**fields))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadRun(
                "A preparation must be what Preparation.to_json wrote, but it is not "
                f"({type(error).__name__}: {error}). The model file may be damaged: export the model again."
            ) from None
        return cls(tuple(columns))

    def words(self) -> list[str]:
        """Sentences: what is done to the columns, and which are dropped and why."""
        said = []
        numeric = [c for c in self.columns if isinstance(c, Numeric) and c.spread > 0]
        for scale, formula in _FORMULAS.items():
            some = [c.column for c in numeric if c.scale == scale and c.kind != "boolean"]
            if some:
                said.append(f"{count(len(some), 'column')} of numbers: {formula}.")
        if flags := [c.column for c in numeric if c.kind == "boolean"]:
            said.append(f"{count(len(flags), 'true/false column')} as 0 and 1: {listed(flags)}.")
        if days := [c.column for c in numeric if c.kind == "days"]:
            said.append(f"Dates count as days since 1970-01-01: {listed(days)}.")
        said += self._about_missing() + self._about_images() + self._about_text()
        dropped = [c for c in self.columns if isinstance(c, Dropped)]
        for reason in dict.fromkeys(c.reason for c in dropped):
            names = [c.column for c in dropped if c.reason == reason]
            said.append(f"Dropped {listed(names)}: {reason}.")
        return said

    def _about_missing(self) -> list[str]:
        filled = [c.column for c in self.columns if isinstance(c, Numeric) and c.marked]
        if not filled:
            return []
        return [
            f"{len(filled)} of these {has(len(filled))} missing cells, which take the median of the train "
            f"rows, and a column of 0 and 1 that marks them ({listed(filled)})."
        ]

    def _about_images(self) -> list[str]:
        said = []
        for images in (c for c in self.columns if isinstance(c, Pixels)):
            said.append(
                f"Images of {size_in_words(images.shape)}: {count(len(images.names), 'input')}, in every channel "
                f"{_FORMULAS[images.scale]}."
            )
            if images.marked:
                said.append("Missing pixels take the median of their channel in the train rows.")
            if alike := [channel for channel, spread in enumerate(images.spreads) if not spread]:
                said.append(f"Channels that are the same everywhere become 0 (counted from 0): {listed(alike)}.")
        return said

    def _about_text(self) -> list[str]:
        texts = [c for c in self.columns if isinstance(c, Category)]
        if not texts:
            return []
        said = [
            f"{count(len(texts), 'text column')} become{'s' * (len(texts) == 1)} "
            f"{count(sum(len(c.names) for c in texts), 'column')} of 0 and 1, one per value."
        ]
        if rare := [c.column for c in texts if c.other]:
            said.append(f"Rare values share one column, called other: {listed(rare)}.")
        return said


def _missing(column: Column, known: list[str]) -> BadData:
    advice = nearest(column.column, known)
    if isinstance(column, Pixels):
        shape = ", ".join(map(str, column.shape))
        advice = f"Give images of {size_in_words(column.shape)}, as an array of shape (rows, {shape})."
    return BadData(f"The network was trained with a column '{column.column}', but the table has none. {advice}")


_FORMULAS: dict[Scale, str] = {
    "standard": "(x - mean) / standard deviation, both of the train rows",
    "robust": "(x - median) / (q75 - q25) of the train rows, then bent smoothly to stay within ±3",
    None: "as they are, not scaled",
}


def fit_preparation(features: pl.DataFrame, scale: Scale = "standard") -> Preparation:
    """Decide what happens to every column, by the train rows.

    Numbers: a missing cell takes the median, and a second column marks it where train rows had missing
    cells; then they are scaled (`numeric.fit_numeric`). True/false becomes 0 and 1, dates days since
    1970-01-01. Text: one column of 0 and 1 for each common value (`category.fit_category`). Images: their
    pixels, scaled channel by channel (`pixels.fit_pixels`). Columns that cannot tell rows apart are dropped.

    Args:
        features: the train rows, and only these.
        scale: of numbers and dates. "standard", "robust" (better with outliers), or None.

    Returns:
        The preparation.

    Raises:
        BadData: an unknown scale, or no column is of use.
    """
    if scale not in _FORMULAS:
        raise BadData(
            f"scale must be 'standard', 'robust' or None, got {scale!r}. {nearest(str(scale), ('standard', 'robust'))}"
        )
    columns: list[Column] = []
    for cells in features.get_columns():
        if cells.dtype == pl.Boolean:
            made = fit_numeric(cells, "boolean", scale)
        elif cells.dtype.is_temporal():
            made = fit_numeric(cells, "days", scale)
        elif cells.dtype.is_numeric() or cells.dtype == pl.Null:
            made = fit_numeric(cells, "number", scale)
        elif shape := shape_of(cells.dtype):
            made = fit_pixels(cells, shape, scale)
        else:
            made = fit_category(cells)
        columns.append(Dropped(cells.name, made) if isinstance(made, str) else made)
    done = Preparation(tuple(columns))
    if not done.width:
        why = "; ".join(f"'{c.column}': {c.reason}" for c in columns[:5] if isinstance(c, Dropped))
        raise BadData(
            f"There must be a column to learn from, but none is of use ({why}). Add columns that differ between rows."
        )
    return done
