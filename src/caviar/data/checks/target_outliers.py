"""Does a quantity have gross errors? Rows whose target lies far from what their columns and their like would have."""

from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.checks.check import Check, Checked
from caviar.data.checks.matrix import matrix_of, some_rows
from caviar.data.words import count, has

MOST_ROWS = 20_000
FEWEST_ROWS = 200
_TREES = 100
_FAR = 15.0
"""Distance from the expected target, in robust standard deviations of rows with a like expectation. Normal noise never
reaches 6, noise with the heavy tails of prices hardly 12."""
_MOST_SHARE = 0.005
"""Above it distances are the habit of this target, not errors."""
_LIKE = 200  # rows of like expectation that give the spread
_KEPT, _SHOWN = 100, 3


def target_outliers(features: pl.DataFrame, target: pl.Series, seed: int = 0) -> Checked:
    """Look for gross errors in a target of numbers, such as a misplaced decimal point.

    Trees learn the rank of the target, so that an outlier cannot spoil what is expected of others; a row is judged by
    the trees that did not draw it, against the spread of rows of like expectation. A positive target is also judged by
    its logarithm.

    Args:
        features: feature columns; at most 20,000 rows are used.
        target: (rows,) finite numbers.
        seed: of the choice of rows and trees.

    Returns:
        At most an info, named `label_noise`, with row numbers of `features`.
    """
    y = target.cast(pl.Float64).to_numpy()
    at = some_rows(len(y), MOST_ROWS, seed)
    if len(at) < FEWEST_ROWS:
        return Checked((), (f"Errors in the target were not looked for: that takes {FEWEST_ROWS} rows.",))
    skipped = ()
    if len(at) < len(y):
        skipped = (f"Errors in the target were looked for in {len(at):,} of {len(y):,} rows, drawn at random.",)
    y = y[at]
    x = matrix_of([features[at]])[0]
    x = x[:, ~np.isnan(x).all(axis=0)]
    if not x.shape[1]:
        return Checked((), (*skipped, "Errors in the target were not looked for: no column can be used."))
    expected = _expected(x, y, seed)
    distance = _distance(y, expected)
    if y.min() > 0:  # prices and counts vary in proportion: an error is far on both scales
        on_log = _distance(np.log(y), np.log(expected))
        distance = np.where(np.abs(on_log) < np.abs(distance), on_log, distance)
    far = np.flatnonzero(np.abs(distance) > _FAR)
    if not len(far) or len(far) > max(1, _MOST_SHARE * len(y)):
        return Checked((), skipped)
    far = far[np.argsort(-np.abs(distance[far]), kind="stable")]
    listed = [{"row": int(at[row]), "given": float(y[row]), "expected": float(expected[row])} for row in far[:_KEPT]]
    evidence: dict[str, Any] = {"rows_looked_at": len(y), "suspicious_rows": len(far), "suspicious": listed}
    shown = ", ".join(
        f"row {s['row']:,} ({s['given']:.5g}, expected about {s['expected']:.5g})" for s in listed[:_SHOWN]
    )
    meaning = (
        f"{count(len(far), 'row')} {has(len(far))} a target '{target.name}' far from what "
        f"{'its' if len(far) == 1 else 'their'} columns suggest: {shown} (rows from 0). Check them for slips such as "
        "another unit or a misplaced point; squared errors give them great weight. Rare but right values are no error."
    )
    source = "residuals of out-of-bag trees against the local median absolute deviation (Hampel 1974)"
    return Checked((Check("label_noise", "info", evidence, meaning, source),), skipped)


def _expected(x: Numbers, y: Numbers, seed: int) -> Numbers:
    """What each row's target should be, by trees that did not learn from the row."""
    from scipy.stats import rankdata  # noqa: PLC0415
    from sklearn.ensemble import ExtraTreesRegressor  # noqa: PLC0415

    ranks = (rankdata(y) - 0.5) / len(y)
    trees = ExtraTreesRegressor(
        _TREES,
        bootstrap=True,
        oob_score=True,
        min_samples_leaf=3,
        max_features=max(1, x.shape[1] // 3),
        random_state=seed,
    ).fit(x, ranks)
    return np.quantile(y, np.clip(np.asarray(trees.oob_prediction_), 0, 1))


def _distance(y: Numbers, expected: Numbers) -> Numbers:
    """In robust standard deviations, with sign."""
    return (y - expected) / _spread(expected, y - expected)


def _spread(expected: Numbers, residuals: Numbers) -> Numbers:
    """Robust standard deviation of the residuals among rows of like expectation, never below a tenth of that of all."""
    order = np.argsort(expected, kind="stable")
    spread = np.empty_like(residuals)
    for part in np.array_split(order, max(1, len(order) // _LIKE)):
        spread[part] = 1.4826 * np.median(np.abs(residuals[part] - np.median(residuals[part])))
    whole = 1.4826 * float(np.median(np.abs(residuals - np.median(residuals))))
    return np.maximum(spread, max(whole / 10, np.finfo(np.float64).tiny))
