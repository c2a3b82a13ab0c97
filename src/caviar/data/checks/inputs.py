"""What a network is given to learn from: inputs of a size that can be learned from, and enough rows."""

from typing import Any

import numpy as np

from caviar.data.checks.check import Check, Checked
from caviar.data.encoders import Dropped
from caviar.data.split import Split
from caviar.data.transformed import Transformed
from caviar.data.words import count

_LARGE, _SMALL = 10.0, 0.1
"""Standard deviations, and distances of the mean from 0, beyond which an input is not of the size of the others."""

_PER_COLUMN, _PER_CLASS = 10, 20
"""Train rows for every column and class below which few can be learned: an info; a warning at a fifth of it."""

_KEPT = 20


def check_unnormalized_inputs(split: Split) -> Checked:
    """Inputs that the scaling asked for leaves too large or too small (`scale=None`, "unscaled", an own transformer).

    A warning when an input's standard deviation among the train rows is above 10 or below 0.1, or its mean farther from
    0 than 10, or than 10 standard deviations; columns of 0 and 1 excepted. Rows that caviar scales cannot be meant.
    """
    if not isinstance(split.preparation, Transformed) and all(
        getattr(column, "scale", "standard") is not None or getattr(column, "kind", "") == "boolean"
        for column in split.preparation.columns
    ):
        return Checked()
    x = split.x_train
    spread, mean = x.std(axis=0, dtype=np.float64), x.mean(axis=0, dtype=np.float64)
    flag = ((x == 0) | (x == 1)).all(axis=0)
    far = np.abs(mean) > _LARGE * np.minimum(1.0, spread)
    bad = np.flatnonzero(~flag & (spread > 0) & ((spread > _LARGE) | (spread < _SMALL) | far))
    if not len(bad):
        return Checked()
    names = split.preparation.names
    worst = bad[np.argsort(-np.abs(np.log(spread[bad])), kind="stable")]
    evidence: dict[str, Any] = {
        "inputs": len(bad),
        "of": split.width,
        "columns": {names[at]: {"mean": float(mean[at]), "std": float(spread[at])} for at in worst[:_KEPT]},
    }
    shown = "; ".join(f"'{names[at]}' has mean {mean[at]:,.4g} and deviation {spread[at]:,.4g}" for at in worst[:3])
    meaning = (
        f"{count(len(bad), 'input')} of {split.width:,} {'is' if len(bad) == 1 else 'are'} not of the size that "
        f"networks start from, about -1 to 1 ({shown}). Steps that suit one input are then too long or too short for "
        "another, and training is slow or diverges. Scale them: scale='standard'."
    )
    return Checked(
        (Check("unnormalized_inputs", "warning", evidence, meaning, "course section 1 (normalised inputs)"),)
    )


def check_too_few_rows(split: Split) -> Checked:
    """Too few train rows for the columns or the classes.

    An info below 10 rows a column or 20 a class, a warning below 2 a column or 4 a class. Images are not counted by
    pixel: neighbours tell much the same.
    """
    if isinstance(split.preparation, Transformed):
        columns = split.width
    else:
        columns = sum(not isinstance(column, Dropped) for column in split.preparation.columns)
    classes = len(split.classes) if split.classes else 0
    rows = split.n_train
    per_column, per_class = rows / columns, rows / classes if classes else float("inf")
    if per_column >= _PER_COLUMN and per_class >= _PER_CLASS:
        return Checked()
    few = per_column < _PER_COLUMN / 5 or per_class < _PER_CLASS / 5
    told = []
    if per_column < _PER_COLUMN:
        told.append(f"{count(columns, 'column')} ({per_column:.1f} rows for each)")
    if per_class < _PER_CLASS:
        told.append(f"{count(classes, 'class')} ({per_class:.1f} rows for each)")
    evidence = {
        "rows": rows,
        "columns": columns,
        "classes": classes,
        "rows_per_column": per_column,
        "rows_per_class": per_class if classes else None,
    }
    meaning = (
        f"{count(rows, 'train row')} for {' and '.join(told)}: a network can learn such rows by heart, and the dev "
        "error hangs on chance. More rows help most; then fewer columns, L2 and smaller networks."
    )
    source = "rule of thumb of ten events per variable (Peduzzi et al. 1996), as a floor"
    return Checked((Check("too_few_rows", "warning" if few else "info", evidence, meaning, source),))
