"""Rows prepared by a transformer of the user's own, fitted with scikit-learn, in place of a `Preparation`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.images import Shape
from caviar.data.stored import Frame, in_memory
from caviar.data.words import count
from caviar.errors import BadData, BadRun, nearest


@dataclass(frozen=True, eq=False)
class Transformed:
    """What a fitted transformer makes of the feature columns; it answers as a `Preparation` does."""

    transformer: Any
    columns: tuple[str, ...]
    """Those that it is given, in its order."""
    by_name: bool
    """Whether it was fitted on a data frame, and is given one; else it is given an array."""
    names: tuple[str, ...]
    """Of the matrix's columns."""

    @property
    def width(self) -> int:
        """Number of the matrix's columns."""
        return len(self.names)

    @property
    def image_shape(self) -> Shape | None:
        """None: what a transformer gives are columns."""
        return None

    def features(self, frame: Frame) -> Numbers:
        """The matrix of any rows, float32 (rows, width), finite.

        Args:
            frame: the columns that the transformer knows, in any order; more columns are ignored.

        Raises:
            BadData: a column is missing, the transformer refuses the rows, or it gives no finite numbers.
        """
        if not frame.height:
            return np.empty((0, self.width), np.float32)
        matrix = _transformed(self.transformer, in_memory(frame), self.columns, self.by_name)
        if matrix.shape[1] != self.width:
            raise BadData(
                f"The transformer must give {count(self.width, 'column')}, as it did for the train rows, but it gives "
                f"{matrix.shape[1]:,}. Fit it once, and leave it as it is."
            )
        return matrix

    def to_json(self) -> NoReturn:
        """Not possible: a transformer is an object of Python.

        Raises:
            BadRun: always.
        """
        raise BadRun(
            "A model is saved as data, but a transformer of your own is none. Keep the transformer (joblib.dump) and "
            "Run.weights (numpy.savez of their arrays) beside your code, or let caviar prepare the rows."
        )

    def words(self) -> list[str]:
        """Sentences: what is done to the columns."""
        return [
            f"Your own {type(self.transformer).__name__} turns {count(len(self.columns), 'column')} into "
            f"{count(self.width, 'input')}. If it was fitted on dev or test rows too, they are no longer new to it."
        ]


def of_transformer(transformer: Any, train: pl.DataFrame) -> Transformed:
    """A transformer as a preparation.

    Args:
        transformer: fitted; whatever has `transform` and follows scikit-learn: a ColumnTransformer, a Pipeline.
        train: feature columns of the train rows.

    Returns:
        The preparation. A transformer that was fitted on a data frame is given a polars DataFrame of the columns it
        knows, another one an array of all columns; missing cells are None in text and NaN in numbers.

    Raises:
        BadData: it is not fitted, lacks a column, or gives something else than finite numbers.
    """
    from sklearn.exceptions import NotFittedError  # noqa: PLC0415  (slow to import)
    from sklearn.utils.validation import check_is_fitted  # noqa: PLC0415

    try:
        if not hasattr(transformer, "transform"):
            raise TypeError("it has no transform")
        check_is_fitted(transformer)
    except (TypeError, NotFittedError) as error:
        raise BadData(
            f"transformer must be a fitted transformer of scikit-learn, got {type(transformer).__name__}: "
            f"{str(error).split('. ')[0]}. Call its fit with the train rows first."
        ) from None
    known = getattr(transformer, "feature_names_in_", None)
    columns = tuple(train.columns) if known is None else tuple(str(name) for name in known)
    width = _transformed(transformer, train, columns, known is not None).shape[1]
    if not width:
        raise BadData("The transformer must give columns to learn from, but it gives none. Let some of them pass.")
    return Transformed(transformer, columns, known is not None, _names(transformer, width))


def _names(transformer: Any, width: int) -> tuple[str, ...]:
    """The transformer's own names for its outputs where it has as many, each once; else numbers."""
    try:
        names = tuple(str(name) for name in transformer.get_feature_names_out())
    except (AttributeError, ValueError):  # a step without names
        names = ()
    return names if len(set(names)) == width else tuple(f"input {number}" for number in range(width))


def _transformed(transformer: Any, frame: pl.DataFrame, columns: Sequence[str], by_name: bool) -> Numbers:
    for name in columns:
        if name not in frame.columns:
            raise BadData(
                f"The transformer was fitted with a column '{name}', but the table has none. "
                f"{nearest(name, frame.columns)}"
            )
    rows = frame.select(columns)
    try:
        given = transformer.transform(rows if by_name else rows.to_numpy())
    except Exception as error:  # whatever a user's transformer raises
        raise BadData(
            f"The transformer ({type(transformer).__name__}) cannot transform the rows "
            f"({type(error).__name__}: {' '.join(str(error).split())[:300]}). It must take the columns as caviar reads "
            "them."
        ) from error
    made = np.asarray(given.toarray() if hasattr(given, "toarray") else given)
    if made.ndim != 2 or len(made) != frame.height or made.dtype.kind not in "biuf":
        raise BadData(
            f"The transformer must give a matrix of numbers with {count(frame.height, 'row')}, one per row, got "
            f"{made.dtype} of the shape {made.shape}. Encode text, for instance with OneHotEncoder."
        )
    with np.errstate(over="ignore"):
        matrix = made.astype(np.float32)
    finite = np.isfinite(matrix)
    if not finite.all():
        row, column = (int(at) for at in np.argwhere(~finite)[0])
        raise BadData(
            f"The transformer must give finite numbers, but row {row + 1:,}, column {column + 1:,} is "
            f"{made[row, column]}. Impute missing cells, for instance with SimpleImputer."
        )
    return matrix
