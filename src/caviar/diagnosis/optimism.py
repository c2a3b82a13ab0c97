"""How much the best of many configs flatters itself on the rows by which it was chosen.

Rows are drawn with replacement; the best config on the drawn rows is judged on those that were not drawn. The mean of
that, minus the error that the best config shows on all rows, is what its figure must be expected to be too good by.
Configs err on much the same rows, so this is far less than the best of as many independent figures would gain.

Source: Tsamardinos, Greasidou & Borboudakis 2018, Machine Learning 107:1895 (bootstrap bias-corrected
cross-validation).
"""

import numpy as np

from caviar.arrays import Numbers

RESAMPLES = 500
_AT_ONCE = 50
MOST = 300
"""Configs that are drawn among: the best ones; the others never win."""


def optimism(criterion: Numbers, error: Numbers) -> tuple[float, float]:
    """The error that the best config shows, and the one to be expected of it on new rows.

    Args:
        criterion: (configs, rows) by whose mean a config is chosen, the lowest.
        error: (configs, rows) errors of the same configs on the same rows.

    Returns:
        Mean error of the chosen config on all rows, and its expected mean error, never below the former.
    """
    order = np.argsort(criterion.mean(axis=1), kind="stable")[:MOST]
    decides, judged = (part[order].astype(np.float32).T for part in (criterion, error))
    shown = float(error[order[0]].mean())
    rows, random = len(decides), np.random.Generator(np.random.Philox(0))
    came: list[float] = []
    for _ in range(0, RESAMPLES, _AT_ONCE):
        drawn = np.stack([np.bincount(random.integers(rows, size=rows), minlength=rows) for _ in range(_AT_ONCE)])
        best = np.argmin(drawn.astype(np.float32) @ decides, axis=1)
        left = (drawn == 0).astype(np.float32)
        rows_left = left.sum(axis=1)
        sums = np.einsum("dr,rd->d", left, judged[:, best])
        # With very few rows a draw may leave none to judge by: it says nothing.
        came += (sums[rows_left > 0] / rows_left[rows_left > 0]).tolist()
    return shown, max(shown, float(np.mean(came))) if came else shown
