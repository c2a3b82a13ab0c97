"""Are labels wrong? Rows whose label a quick classifier contradicts, and how many that must be.

A classifier errs on wrong labels, and on rows where classes overlap. What tells the two apart is where it errs: among
the rows of which it is most certain, overlap dies out, while wrong labels stay as frequent as anywhere.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Mask, Numbers, Whole
from caviar.data.checks.check import Check, Checked
from caviar.data.checks.matrix import matrix_of, some_rows
from caviar.data.checks.target_outliers import target_outliers
from caviar.data.table import Table
from caviar.data.target import fit_classes
from caviar.data.task import Task, infer_task
from caviar.data.words import count

MOST_ROWS = 20_000
"""Rows that are looked at."""
FEWEST_ROWS = 200
"""With fewer, a share of wrong labels cannot be told from a hard problem."""
FEWEST_OF_CLASS = 10
"""Rows of a class; of rarer ones nothing can be told."""
_TREES = 100
_LINEAR_COST = 600  # inputs x classes up to which a linear model costs no more than the trees
_CERTAIN = 0.5
"""Part of the rows, those of the largest margin, in which contradicted labels are counted."""
_MOST_FALL = 1.1
"""Log-odds by which contradictions may fall from the least to the most certain of these rows. Wrong labels: 0 to 0.5.
Overlapping classes as hard as that: 1.1 and more (measured on clean made-up sets, `benchmarks/checks.py`)."""
_LEARNED = 0.5
"""Contradicted share, against that of an answer that knows the class shares only: above it nothing was learned by
which single labels could be judged."""
_CRITICAL, _WARNING, WORTH_KNOWING = 0.1, 0.02, 0.005
"""Lower end of the share from which wrong labels are what limits any network, a warning, or worth knowing."""
_Z = 1.959964  # 95 %
_ONE_SIDED = 1.644854
_KEPT, _SHOWN = 100, 5  # rows in the evidence, and in the sentence
_SOURCE = "Northcutt, Jiang & Chuang 2021 (confident learning); calibrated by where contradictions lie"


class Contradicted(NamedTuple):
    """Labels among the rows of which the classifier is most certain."""

    share: float
    """Labels that are contradicted there: the estimated share of wrong ones."""
    low: float
    high: float
    rows: int
    by_chance: float
    """The share that an answer from the class shares alone would contradict."""
    fall: float
    """Log-odds by which contradictions fall from the least to the most certain row; the upper 95 % end."""

    @property
    def wrong_labels(self) -> bool:
        """Whether it is wrong labels that are contradicted, and not a hard problem."""
        return self.share <= _LEARNED * self.by_chance and self.fall < _MOST_FALL


def check_label_noise(table: Table, task: Task | None = None) -> Checked:
    """Look for wrong labels (`label_noise`), or for gross errors of a quantity (`target_outliers`).

    Args:
        table: with a target.
        task: None: by the target.
    """
    if table.target is None or table.target.n_unique() < 2:
        return Checked()
    classes = (task or infer_task(table.target)[0]) == "classification"
    return (label_noise if classes else target_outliers)(table.cells, table.target)


def label_noise(features: pl.DataFrame, target: pl.Series, seed: int = 0) -> Checked:
    """Estimate the share of wrong labels, and list the rows that are most likely mislabelled.

    Args:
        features: (rows) feature columns; at most 20,000 rows are used.
        target: (rows,) labels.
        seed: of the choice of rows, trees and folds.

    Returns:
        Critical when at least 10 % of the labels are wrong beyond the 95 % interval, a warning from 2 %, an info from
        0.5 %; evidence lists rows by their number in `features`, the given and the likely label. Nothing where the
        classes merely overlap.
    """
    coding = fit_classes(target)
    codes, labels = coding.encode(target), coding.classes or ()
    at = some_rows(len(codes), MOST_ROWS, seed)
    skipped = []
    if len(at) < len(codes):
        skipped.append(f"Wrong labels were looked for in {len(at):,} of {len(codes):,} rows, drawn at random.")
    common = np.flatnonzero(np.bincount(codes[at], minlength=len(labels)) >= FEWEST_OF_CLASS)
    at = at[np.isin(codes[at], common)]
    if len(at) < FEWEST_ROWS or len(common) < 2:
        skipped.append(f"Wrong labels were not looked for: that takes {FEWEST_ROWS} rows and two classes of 10 rows.")
        return Checked((), tuple(skipped))
    x = matrix_of([features[at]])[0]
    x = x[:, ~np.isnan(x).all(axis=0)]
    if not x.shape[1]:
        return Checked((), (*skipped, "Wrong labels were not looked for: no column can be used."))
    y = np.searchsorted(common, codes[at])
    probabilities = out_of_fold(x, y, seed)
    found = contradicted(probabilities, y)
    if not found.wrong_labels or found.low < WORTH_KNOWING:
        return Checked((), tuple(skipped))
    likely = probabilities.argmax(axis=1)
    rows = np.flatnonzero(suspicious(probabilities, y))
    given = probabilities[rows, y[rows]]
    rows = rows[np.argsort(given - probabilities[rows, likely[rows]], kind="stable")]
    listed = [
        {
            "row": int(at[row]),
            "given": _plain(labels[common[y[row]]]),
            "likely": _plain(labels[common[likely[row]]]),
            "probability": round(float(probabilities[row, likely[row]]), 3),
        }
        for row in rows[:_KEPT]
    ]
    evidence: dict[str, Any] = {
        "share": {"value": found.share, "low": found.low, "high": found.high, "rows": found.rows},
        "rows_looked_at": len(at),
        "suspicious_rows": len(rows),
        "suspicious": listed,
        "by_chance": found.by_chance,
    }
    examples = ", ".join(f"row {s['row']:,} ({s['given']!r}, likely {s['likely']!r})" for s in listed[:_SHOWN])
    meaning = (
        f"About {found.share:.1%} of the labels of '{target.name}' look wrong ({found.low:.1%} to {found.high:.1%}): "
        "even where a quick classifier is most certain, it contradicts so many, and no fewer the more certain it is. "
        f"{count(len(rows), 'row')} of {len(at):,} should be looked at, first {examples} (rows from 0). A network that "
        "learns wrong labels by heart gets worse on new rows, and on wrong dev labels the best network cannot be told: "
        "correct them or leave them out. If they are right, the columns lack what would explain them."
    )
    severity = "critical" if found.low >= _CRITICAL else "warning" if found.low >= _WARNING else "info"
    return Checked((Check("label_noise", severity, evidence, meaning, _SOURCE),), tuple(skipped))


def out_of_fold(x: Numbers, y: Whole, seed: int = 0) -> Numbers:
    """Class probabilities of every row by models that did not learn from it.

    Trees, judged by those that did not draw the row; or, when its log loss is lower, logistic regression in five folds.

    Args:
        x: (rows, width), NaN where missing; no column is all NaN.
        y: (rows,) codes, at least 10 of each.
        seed: of trees and folds.

    Returns:
        float64 (rows, classes).
    """
    from sklearn.ensemble import ExtraTreesClassifier  # noqa: PLC0415
    from sklearn.exceptions import ConvergenceWarning  # noqa: PLC0415
    from sklearn.impute import SimpleImputer  # noqa: PLC0415
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415
    from sklearn.model_selection import StratifiedKFold, cross_val_predict  # noqa: PLC0415
    from sklearn.pipeline import make_pipeline  # noqa: PLC0415
    from sklearn.preprocessing import StandardScaler  # noqa: PLC0415

    trees = ExtraTreesClassifier(
        _TREES,
        bootstrap=True,
        oob_score=True,
        min_samples_leaf=2,
        max_features="sqrt" if x.shape[1] > 4 else 1.0,  # pyright: ignore[reportArgumentType]
        random_state=seed,
    ).fit(x, y)
    of_trees = np.asarray(trees.oob_decision_function_, np.float64)
    if x.shape[1] * (int(y.max()) + 1) > _LINEAR_COST:
        return of_trees
    linear = make_pipeline(SimpleImputer(strategy="median"), StandardScaler(), LogisticRegression(max_iter=200))
    folds = StratifiedKFold(5, shuffle=True, random_state=seed)
    wide = x.astype(np.float64)  # the square of a stray 1e30 is no float32
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # a direction that is good enough is all that is wanted
        of_linear = np.asarray(cross_val_predict(linear, wide, y, cv=folds, method="predict_proba"), np.float64)
    return min((of_trees, of_linear), key=lambda told: _log_loss(told, y))


def contradicted(probabilities: Numbers, y: Whole) -> Contradicted:
    """Count contradicted labels among the more certain half of the rows, and see whether certainty makes them fewer.

    Args:
        probabilities: (rows, classes), out of fold.
        y: (rows,) codes.

    Returns:
        The share with its Wilson interval, and the fall: the slope of a logistic regression of "contradicted" on the
        rank of the margin log p1 - log p2, from 0 at the least to 1 at the most certain row.
    """
    rows = len(y)
    likely = probabilities.argmax(axis=1)
    best = np.log(np.clip(np.sort(probabilities, axis=1)[:, -2:], 1e-3, 1))
    margin = best[:, 1] - best[:, 0]
    tie = np.random.default_rng(0).permutation(rows)  # equal margins in random order
    certain = np.lexsort((tie, margin))[rows - round(_CERTAIN * rows) :]
    wrong = (likely != y)[certain].astype(np.float64)
    n, share = len(certain), float(wrong.mean())
    middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
    half = _Z / (1 + _Z**2 / n) * (share * (1 - share) / n + (_Z / (2 * n)) ** 2) ** 0.5
    shares = np.bincount(y, minlength=probabilities.shape[1]) / rows
    slope, error = _slope(wrong)
    by_chance = float((1 - shares[likely[certain]]).mean())
    return Contradicted(
        share, max(0.0, middle - half), min(1.0, middle + half), n, by_chance, -(slope - _ONE_SIDED * error)
    )


def suspicious(probabilities: Numbers, y: Whole) -> Mask:
    """Rows that confident learning counts as mislabelled.

    A row is one when its most probable class is another than its label, and at least as probable as that class is on
    average among the rows that bear its label.

    Source: Northcutt, Jiang & Chuang 2021, equation 1.
    """
    classes = probabilities.shape[1]
    usual = np.array([probabilities[y == k, k].mean() for k in range(classes)])
    likely = probabilities.argmax(axis=1)
    return (likely != y) & (probabilities[np.arange(len(y)), likely] >= usual[likely])


def _slope(wrong: Numbers) -> tuple[float, float]:
    """Slope and its standard error of a logistic regression on ranks from 0 to 1, by Newton's method.

    A weak ridge keeps it finite where no row, or only the first ones, are wrong.
    """
    x = np.stack([np.ones(len(wrong)), np.linspace(-0.5, 0.5, len(wrong))], axis=1)
    ridge = np.diag([1e-6, 0.05])
    weights = np.zeros(2)
    curvature = ridge
    for _ in range(50):
        p = 1 / (1 + np.exp(-x @ weights))
        curvature = x.T @ (x * (p * (1 - p))[:, None]) + ridge
        step = np.linalg.solve(curvature, x.T @ (wrong - p) - ridge @ weights)
        weights = weights + np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-9:
            break
    return float(weights[1]), float(np.linalg.inv(curvature)[1, 1] ** 0.5)


def _log_loss(probabilities: Numbers, y: Whole) -> float:
    return -float(np.log(np.clip(probabilities[np.arange(len(y)), y], 1e-3, 1)).mean())


def _plain(label: Any) -> str | int | float | bool:
    return label.item() if isinstance(label, np.generic) else label
