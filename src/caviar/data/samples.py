"""Five small data sets that come with scikit-learn, by name, each with its target built in."""

from typing import Any, Literal, NamedTuple, get_args

import numpy as np
import polars as pl

Sample = Literal["digits", "breast_cancer", "wine", "iris", "diabetes"]
SAMPLES: tuple[str, ...] = get_args(Sample)
TARGET = "target"
"""Name of the target column of every sample, as scikit-learn calls it."""


class Loaded(NamedTuple):
    """A sample: features and, as the last column, the target."""

    frame: pl.DataFrame
    note: str


def load_sample(name: Sample) -> Loaded:
    """Read a sample that scikit-learn carries; nothing is downloaded.

    Args:
        name: one of `SAMPLES`.

    Returns:
        Columns as scikit-learn names them. Labels are the names of the classes for iris, wine and
        breast_cancer, the numbers 0 to 9 for digits, and a number (disease progression) for diabetes.
    """
    from sklearn import datasets  # noqa: PLC0415  a second to import, needed only here

    bunch: Any = getattr(datasets, f"load_{name}")()
    target = np.asarray(bunch.target)
    if name in ("iris", "wine", "breast_cancer"):
        target = np.asarray([str(label) for label in bunch.target_names])[target]
    elif name == "digits":
        target = target.astype(np.int64)
    columns = [pl.Series(str(column), bunch.data[:, i]) for i, column in enumerate(bunch.feature_names)]
    frame = pl.DataFrame([*columns, pl.Series(TARGET, target.tolist())])
    return Loaded(frame, f"Sample '{name}' of scikit-learn, {frame.height:,} rows.")
