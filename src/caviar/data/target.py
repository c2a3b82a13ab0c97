"""The target becomes what a network is trained on, and a network's answer what the user asked for."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import polars as pl

from caviar.data.levels import text_form
from caviar.data.scaling import standardized
from caviar.data.task import Task
from caviar.data.words import count
from caviar.errors import BadData, BadRun, nearest

Label = str | int | float | bool


@dataclass(frozen=True)
class TargetCoding:
    """Codes for classes, or the mean and spread of a quantity."""

    name: str
    classes: tuple[Label, ...] | None = None
    """The labels as they were read, sorted; their codes are 0, 1, …. None for a quantity."""
    mean: float = 0.0
    std: float = 1.0
    """Of the train rows, in the target's unit; > 0."""

    @property
    def task(self) -> Task:
        """Classification when there are classes."""
        return "regression" if self.classes is None else "classification"

    def encode(self, target: pl.Series) -> np.ndarray:
        """Targets as a network learns them.

        Args:
            target: (rows,) labels or numbers, without nulls; 1, 1.0 and "1" are one label.

        Returns:
            int32 codes in [0, classes), or float32 (target - mean) / std.

        Raises:
            BadData: a label that is no class, or text where numbers are expected.
        """
        if target.null_count():
            raise BadData(
                f"The target must be known in every row, but '{target.name}' has "
                f"{count(target.null_count(), 'missing cell')}. Leave these rows out."
            )
        if self.classes is None:
            if not target.dtype.is_numeric():
                raise BadData(
                    f"The target '{self.name}' must hold numbers, as in the train rows, but {target[0]!r} "
                    "came. Correct the column."
                )
            x = target.cast(pl.Float64).to_numpy()
            if not np.isfinite(x).all():
                raise BadData(
                    f"The target '{self.name}' must be finite, but row "
                    f"{int(np.argmin(np.isfinite(x))) + 1:,} is not. Leave such rows out."
                )
            limit = np.finfo(np.float32).max
            return np.clip(standardized(x, self.mean, self.std), -limit, limit).astype(np.float32)
        text = text_form(target)
        known = text_form(pl.Series(self.classes)).to_list()
        codes = text.replace_strict(known, list(range(len(known))), default=-1, return_dtype=pl.Int32).to_numpy()
        if (codes < 0).any():
            stranger = target[int(np.argmin(codes))]
            known_ones = nearest(str(stranger), map(str, self.classes))
            quantity = (
                " If it is a quantity, ask for --task regression (in Python task='regression')."
                if target.dtype.is_numeric()
                else ""
            )
            raise BadData(
                f"The target '{self.name}' must have the classes of the train rows, but {stranger!r} is none."
                f" {known_ones}{quantity}"
            )
        return codes

    def decode(self, outputs: np.ndarray) -> np.ndarray:
        """Labels of codes, or numbers in the target's unit (float64).

        Args:
            outputs: codes of any integer type, or standardised targets, of any shape.

        Returns:
            An array of the same shape.
        """
        if self.classes is None:
            return np.asarray(outputs, np.float64) * self.std + self.mean
        return np.asarray(self.classes)[np.asarray(outputs)]

    def to_json(self) -> dict[str, Any]:
        """The coding as plain words, numbers and lists."""
        return asdict(self) | {"classes": None if self.classes is None else list(self.classes)}

    @classmethod
    def from_json(cls, state: Mapping[str, Any]) -> "TargetCoding":
        """The coding that wrote `state`.

        Raises:
            BadRun: `state` is not what `to_json` writes.
        """
        try:
            classes = state["classes"]
            return cls(
                state["name"],
                None if classes is None else tuple(classes),
                float(state["mean"]),
                float(state["std"]),
            )
        except (KeyError, TypeError, ValueError) as error:
            raise BadRun(
                f"A target must be what TargetCoding.to_json wrote, but it is not ({type(error).__name__}: "
                f"{error}). The model file may be damaged: export the model again."
            ) from None


def fit_classes(target: pl.Series) -> TargetCoding:
    """Classes of a target, in order of number or letter.

    Raises:
        BadData: there is only one.
    """
    labels = sorted(target.unique().to_list())
    if len(labels) < 2:
        raise BadData(
            f"The target must vary, but '{target.name}' is {target[0]!r} in every row. Add rows of another class."
        )
    forms = text_form(pl.Series(labels)).to_list()
    first = dict(zip(reversed(forms), reversed(labels), strict=True))  # of labels with one text form the first
    return TargetCoding(target.name, tuple(sorted(first.values())))


def fit_quantity(train: pl.Series) -> TargetCoding:
    """Mean and standard deviation (divided by n) of the train rows' target.

    Raises:
        BadData: all train rows have the same target, or its numbers are too large to square.
    """
    x = train.cast(pl.Float64).to_numpy()
    with np.errstate(over="ignore", invalid="ignore"):
        mean, std = float(x.mean()), float(x.std())
    if x.min() == x.max():
        raise BadData(
            f"The target must vary among the train rows, but '{train.name}' is {x[0]:g} in all of them. Use "
            "another seed, or more train rows."
        )
    if not np.isfinite([mean, std]).all() or std == 0:
        raise BadData(
            f"The target must be of a size to compute with, but '{train.name}' goes up to "
            f"{np.abs(x).max():.1e}. Use another unit."
        )
    return TargetCoding(train.name, None, mean, std)
