"""Two sets of rows, all columns together: can a classifier tell which set a row is of?"""

from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.checks.matrix import matrix_of, some_rows

MOST_ROWS = 2_000
"""Rows of either set that are used."""
FEWEST_ROWS = 20
"""Of either set: with fewer a classifier has nothing to learn from."""


class ToldApart(NamedTuple):
    """How well a row's set can be told from its columns."""

    auc: float
    """Chance that of one row of each set the right one is named: 0.5 is guessing, 1 is certain."""
    low: float
    """Lower end of the 95 % interval."""
    high: float
    p_value: float
    """Chance of such an AUC, or a larger one, when both sets are random samples of one population."""
    rows: int
    """Rows that were told apart, of both sets."""


def tell_apart(first: pl.DataFrame, second: pl.DataFrame, seed: int = 0) -> ToldApart | None:
    """Classifier two-sample test.

    Each half of the rows is judged by boosted trees that learned from the other half. Within a half the judge is
    fixed, so that the ranks of the two sets obey Mann and Whitney's law exactly when both come from one population;
    twice the smaller of the two p-values keeps the level, however the halves depend on each other.

    Args:
        first: at most 2,000 of its rows are used.
        second: the same.
        seed: of the choice of rows and halves.

    Returns:
        The AUC over both halves; None when a set has fewer than 20 rows, or no column can be used.

    Raises:
        BadData: a column of the second holds something else than that of the first.

    Source: Lopez-Paz & Oquab 2017, arXiv:1610.06545; DeLong 1988 for the interval.
    """
    if min(first.height, second.height) < FEWEST_ROWS:
        return None
    from scipy import stats  # noqa: PLC0415
    from sklearn.ensemble import HistGradientBoostingClassifier  # noqa: PLC0415
    from threadpoolctl import threadpool_limits  # noqa: PLC0415  (comes with scikit-learn)

    taken = [frame[some_rows(frame.height, MOST_ROWS, seed)] for frame in (first, second)]
    matrices = matrix_of(taken)
    if not matrices[0].shape[1]:
        return None
    x = np.concatenate(matrices)
    x = x[:, ~np.isnan(x).all(axis=0)]
    if not x.shape[1]:
        return None
    of_second = np.repeat([False, True], [len(m) for m in matrices])
    random = np.random.default_rng(seed)
    halves = np.concatenate([random.permutation(len(m)) % 2 for m in matrices])
    smaller = min(map(len, matrices)) // 2
    aucs, variances, p_values = [], [], []
    for half in (0, 1):
        learn, judge = halves != half, halves == half
        judge_of = HistGradientBoostingClassifier(
            max_iter=50,
            max_leaf_nodes=15,
            min_samples_leaf=max(3, min(20, smaller // 5)),
            early_stopping=False,  # pyright: ignore[reportArgumentType]  scikit-learn's docstring is read as str only
            random_state=0,
        )
        # So little work is done sooner by one thread, above all when other programs use the cores.
        with threadpool_limits(1):
            model = judge_of.fit(x[learn], of_second[learn])
            told = np.asarray(model.decision_function(x[judge]), np.float64)
        a, b = told[~of_second[judge]], told[of_second[judge]]
        auc, variance = _auc(a, b)
        aucs.append(auc)
        variances.append(variance)
        test = stats.mannwhitneyu(b, a, alternative="greater", method="exact" if _exact(a, b) else "asymptotic")
        p_values.append(float(test.pvalue))
    auc = float(np.mean(aucs))
    # The two halves' judges share no row that they judge, but each learned from what the other judges: as if equal.
    half_width = float(stats.norm.ppf(0.975)) * float(np.mean(variances)) ** 0.5
    return ToldApart(auc, max(0.0, auc - half_width), min(1.0, auc + half_width), min(1.0, 2 * min(p_values)), len(x))


def _exact(first: Numbers, second: Numbers) -> bool:
    """Whether the exact law holds and is quick: few rows, no two alike."""
    both = np.concatenate([first, second])
    return len(both) <= 60 and len(np.unique(both)) == len(both)


def _auc(first: Numbers, second: Numbers) -> tuple[float, float]:
    """The AUC, ties counting half, and its variance by DeLong."""
    won = _share_below(second, first)
    lost = 1 - _share_below(first, second)
    variance = np.var(won, ddof=1) / len(second) + np.var(lost, ddof=1) / len(first)
    return float(np.mean(won)), float(variance)


def _share_below(values: Numbers, others: Numbers) -> Numbers:
    """For each value the share of the others below it, equal ones counting half."""
    ranked = np.sort(others)
    sides = (np.searchsorted(ranked, values, side="left"), np.searchsorted(ranked, values, side="right"))
    return (sides[0] + sides[1]) / 2 / len(others)
