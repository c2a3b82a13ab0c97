"""Rows that are alike in every feature and differ in the target: no network can be right about all of them."""

from typing import Any

import numpy as np

from caviar.arrays import Mask, Numbers, Whole
from caviar.data.checks.check import Check, Checked
from caviar.data.checks.coincidence import equal_pairs
from caviar.data.checks.equal_rows import comparable, first_equal
from caviar.data.table import Table
from caviar.data.target import fit_classes
from caviar.data.task import Task, infer_task
from caviar.data.words import count

FLOOR = 0.005
"""A share of errors, or of the target's variance, that is worth a warning when nothing can go below it."""
LARGE = 0.1
"""From here on the columns, or the labels, are what limits any network."""
MUCH = 0.5
"""Targets of equal rows differ by much when they are so many standard deviations of all targets apart."""
_SHOWN = 5
_SOURCE = "Bayes error of repeated rows; Northcutt, Athalye & Mueller 2021, arXiv:2103.14749; deepchecks' limit of 0."


def check_conflicting_labels(table: Table, task: Task | None = None) -> Checked:
    """Find rows whose features equal those of another row while the target differs.

    For a quantity, targets differ when they are half a standard deviation of all targets apart.

    Args:
        table: with a target.
        task: None: by the target.

    Returns:
        `conflicting_labels` with the rows, examples, and the floor: the least share of errors on this table, or the
        least share of the target's variance that stays unexplained. A warning from 0.5 % on, critical from 10 % on, an
        info below and where rows are alike only because the columns take few values (then it is what these columns
        leave open).
    """
    if table.target is None or table.rows < 2:
        return Checked()
    frame = comparable(table.cells)
    first = first_equal(frame)
    if (task or infer_task(table.target)[0]) == "classification":
        codes = fit_classes(table.target).encode(table.target)
        rows, wrong = conflicting_classes(first, codes)
        floor, limit = wrong / table.rows, f"{count(wrong, 'error')} in {table.rows:,} rows ({wrong / table.rows:.2%})"
    else:
        rows, floor = conflicting_quantities(first, table.target.cast(float).to_numpy())
        limit = f"{floor:.2%} of the target's variance unexplained"
    if not rows.any():
        return Checked()
    at = np.flatnonzero(rows)
    groups = list(dict.fromkeys(first[at].tolist()))
    chance = table.image_shape is None and equal_pairs(frame).by_themselves
    examples = [_example(table, np.flatnonzero(rows & (first == group))[:_SHOWN]) for group in groups[:_SHOWN]]
    shown = examples[0]
    why = (
        "The columns take so few values that rows are alike by themselves: this is what they leave open, and other "
        "columns may tell such rows apart."
        if chance
        else "Look at these rows: a wrong label, or a column that was left out and would tell them apart."
    )
    return Checked(
        (
            Check(
                "conflicting_labels",
                "info" if floor < FLOOR or chance else "critical" if floor >= LARGE else "warning",
                {
                    "rows": len(at),
                    "share": len(at) / table.rows,
                    "groups": len(groups),
                    "floor": floor,
                    "by_chance": chance,
                    "examples": examples,
                },
                f"{count(len(at), 'row')} of {table.rows:,} equal another row in every feature but not in "
                f"'{table.target.name}': the rows {', '.join(map(str, shown['rows']))} (counted from 0) have "
                f"{', '.join(map(str, shown['targets']))}, for example. Whatever the network, this leaves at least "
                f"{limit}. {why}",
                _SOURCE,
            ),
        )
    )


def conflicting_classes(first: Whole, codes: Whole) -> tuple[Mask, int]:
    """Rows of groups with several classes, and the rows that are not of their group's commonest class."""
    classes = int(codes.max()) + 1
    cells, inverse, counts = np.unique(first * classes + codes, return_inverse=True, return_counts=True)
    groups, group_of_cell = np.unique(cells // classes, return_inverse=True)
    rows, most, kinds = (np.zeros(len(groups), np.int64) for _ in range(3))
    np.add.at(rows, group_of_cell, counts)
    np.maximum.at(most, group_of_cell, counts)
    np.add.at(kinds, group_of_cell, 1)
    return (kinds > 1)[group_of_cell][inverse], int((rows - most).sum())


def conflicting_quantities(first: Whole, y: Numbers) -> tuple[Mask, float]:
    """Rows of groups whose targets differ by much, and the share of variance inside these groups."""
    with np.errstate(over="ignore", invalid="ignore"):
        y = (y - y.mean()) / y.std()
    low, high = np.full(len(y), np.inf), np.full(len(y), -np.inf)
    np.minimum.at(low, first, y)
    np.maximum.at(high, first, y)
    rows = (high - low)[first] > MUCH
    sums, rows_in = np.bincount(first, weights=y, minlength=len(y)), np.bincount(first, minlength=len(y))
    inside = (y - (sums / np.maximum(rows_in, 1))[first]) ** 2
    return rows, float(inside[rows].sum() / len(y))


def _example(table: Table, rows: Whole) -> dict[str, Any]:
    assert table.target is not None  # checked at the door
    return {"rows": rows.tolist(), "targets": table.target[rows].to_list()}
