"""Feature columns become the matrix a network reads, with statistics of the train rows only.

The state is plain numbers and words: it can be read, written as JSON and used years later without pickle. What happens
to a single column stands in the file of its kind (`encoders`), what is said about all of them in `sentences`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.data.column_types import ColumnType
from caviar.data.encoders import Column, Dropped, column_from_json, column_to_json, fit_column
from caviar.data.images import Shape, size_in_words
from caviar.data.infer import column_types
from caviar.data.pixels import Pixels
from caviar.data.scaling import Scale, check_scale
from caviar.data.sentences import sentences
from caviar.data.stored import Frame
from caviar.errors import BadData, BadRun, nearest

FORMAT = 2
"""Format 1 knew neither ordered columns, parts of dates and free text, nor the scales "quantile" and "log"."""


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

    def features(self, frame: Frame) -> Numbers:
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
        return {"format": FORMAT, "columns": [column_to_json(column) for column in self.columns]}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "Preparation":
        """The preparation that wrote `state`, in this format or an earlier one.

        Raises:
            BadRun: `state` is not what `to_json` writes.
        """
        try:
            if state["format"] not in range(1, FORMAT + 1):
                raise BadRun(
                    f"A preparation must have a format up to {FORMAT}, got {state['format']!r}. It was written by a "
                    "later caviar: update."
                )
            return cls(tuple(column_from_json(column) for column in state["columns"]))
        except (KeyError, TypeError, AttributeError) as error:
            raise BadRun(
                "A preparation must be what Preparation.to_json wrote, but it is not "
                f"({type(error).__name__}: {error}). The model file may be damaged: export the model again."
            ) from None

    def words(self) -> list[str]:
        """Sentences: what is done to the columns, and which are dropped and why."""
        return sentences(self.columns)


def _missing(column: Column, known: list[str]) -> BadData:
    advice = nearest(column.column, known)
    if isinstance(column, Pixels):
        shape = ", ".join(map(str, column.shape))
        advice = f"Give images of {size_in_words(column.shape)}, as an array of shape (rows, {shape})."
    return BadData(f"The train rows have a column '{column.column}', but the table has none. {advice}")


def fit_preparation(
    features: Frame, scale: Scale = "standard", types: Mapping[str, ColumnType] | None = None
) -> Preparation:
    """Decide what happens to every column, by the train rows.

    Numbers: a missing cell takes the median, and a second column marks it where train rows had missing cells; then they
    are scaled (`scaling`). True/false becomes 0 and 1, a date its parts (`dates`), a category one column of 0 and 1 for
    each common value (`category`), ordered levels one for each step (`ordered`), free text hashed words (`free_text`),
    images their pixels, scaled channel by channel (`pixels`). Columns that cannot tell rows apart are dropped.

    Args:
        features: the train rows, and only these.
        scale: of numbers and dates: "standard", "robust" (better with outliers), "quantile" (by rank), "log" (for long
            tails), or None.
        types: what every column is taken for (`Split.types`); None, or a column that is not among them: by the train
            rows.

    Returns:
        The preparation.

    Raises:
        BadData: an unknown scale, or no column is of use.
    """
    check_scale(scale)
    known = dict(types or {})
    if unknown := [name for name in features.columns if name not in known]:
        known |= column_types(features.select(unknown))
    columns = tuple(fit_column(cells, known[cells.name], scale) for cells in features.get_columns())
    done = Preparation(columns)
    if not done.width:
        why = "; ".join(f"'{c.column}': {c.reason}" for c in columns[:5] if isinstance(c, Dropped))
        raise BadData(
            f"There must be a column to learn from, but none is of use ({why}). Add columns that differ between rows, "
            "or say what one is by types."
        )
    return done
