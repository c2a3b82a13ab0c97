"""Rows of dev or test that stand in train also, or of test that stand in dev."""

import numpy as np

from caviar.data.checks.check import Check, Checked, Severity
from caviar.data.checks.coincidence import equal_pairs
from caviar.data.checks.equal_rows import comparable, first_equal
from caviar.data.split import SetName, Split
from caviar.data.words import count, has

SOME, MANY = 0.005, 0.1
"""Shares of a set's rows from which on shared rows are a warning, and critical."""
_PAIRS: tuple[tuple[SetName, SetName], ...] = (("dev", "train"), ("test", "train"), ("test", "dev"))
_SHOWN = 5
_SOURCE = "Kapoor & Narayanan 2023, 'Leakage and the reproducibility crisis', Patterns 4(9), L1.4; course, section 1."


def check_leakage(split: Split) -> Checked:
    """Find rows of dev and test whose features equal those of a train row, and of test that equal a dev row.

    Silent where the columns take so few values that rows meet by themselves (`coincidence`).

    Args:
        split: with a dev or a test set.

    Returns:
        `leakage` for every two sets that share rows: how many rows of the later set, with how many of the same
        target, and examples of row numbers. Warning from 0.5 % of its rows on, critical from 10 %, info below.
    """
    parts = split.raw()
    found = Checked()
    for later, earlier in _PAIRS:
        if not len(parts[later].y) or not len(parts[earlier].y):
            continue
        found += _shared(split, later, earlier)
    return found


def _shared(split: Split, later: SetName, earlier: SetName) -> Checked:
    parts = split.raw()
    frame = comparable(parts[earlier].cells, parts[later].cells)
    n = len(parts[earlier].y)
    first = first_equal(frame)
    rows = np.flatnonzero(first[n:] < n)
    if not len(rows):
        return Checked()
    total = len(parts[later].y)
    share = len(rows) / total
    said = f"{count(len(rows), f'{later} row')} of {total:,} ({share:.1%})"
    if split.image_shape is None and equal_pairs(frame, np.arange(frame.height) >= n).by_themselves:
        return Checked(
            skipped=(
                f"{said} {has(len(rows))} the same features as a row of {earlier}; with columns of so few different "
                "values rows meet by themselves, so this is not counted as leakage.",
            )
        )
    same = _same_target(parts[earlier].y, parts[later].y, first[n:], rows)
    severity: Severity = "critical" if share >= MANY else "warning" if share >= SOME else "info"
    examples = [{later: int(row), earlier: int(first[n + row])} for row in rows[:_SHOWN]]
    return Checked(
        (
            Check(
                "leakage",
                severity,
                {
                    "set": later,
                    "also_in": earlier,
                    "rows": len(rows),
                    "share": share,
                    "same_target": same,
                    "examples": examples,
                },
                f"{said} {has(len(rows))} exactly the features of a row of {earlier}, {same:,} of them with the same "
                f"target; {later} row {examples[0][later]} is {earlier} row {examples[0][earlier]}, for example. "
                f"What was learned by heart there counts as understood here: the {later} figure is too good. Keep "
                "equal rows in one set.",
                _SOURCE,
            ),
        )
    )


def _same_target(earlier: np.ndarray, later: np.ndarray, first: np.ndarray, rows: np.ndarray) -> int:
    """How many of the later rows have the target of some earlier row of the same features (the first of them)."""
    return int((earlier[first[rows]] == later[rows]).sum())
