"""Rows that stand in a table more than once."""

import numpy as np

from caviar.data.checks.check import Check, Checked
from caviar.data.checks.coincidence import equal_pairs
from caviar.data.checks.equal_rows import comparable, first_equal
from caviar.data.table import Table
from caviar.data.words import count, has

MANY = 0.05
"""From this share of the rows on, repeats are worth a warning."""
MOST = 0.8
"""From this share on, the rows are few whatever their number."""
_SHOWN = 5
_SOURCE = "Barz & Denzler 2020, 'Do we train on test data?', J. Imaging 6(6); deepchecks' limit of 5 %."


def check_duplicate_rows(table: Table) -> Checked:
    """Find rows whose features and target all equal those of an earlier row.

    Silent where the columns take so few values that rows repeat by themselves (`coincidence`).

    Args:
        table: with or without a target.

    Returns:
        `duplicate_rows` with the number of rows that repeat an earlier one, the largest groups and examples of row
        numbers. A warning from 5 % of the rows on; critical where four in five repeat others: the table has far fewer
        rows than it seems.
    """
    target = [] if table.target is None else [table.target.to_frame()]
    frame = comparable(table.cells).hstack([c for part in target for c in comparable(part).get_columns()])
    if table.rows < 2:
        return Checked()
    first = first_equal(frame)
    repeats = np.flatnonzero(first != np.arange(table.rows))
    if not len(repeats):
        return Checked()
    share = len(repeats) / table.rows
    said = f"{count(len(repeats), 'row')} of {table.rows:,} ({share:.1%})"
    if table.image_shape is None and (pairs := equal_pairs(frame)).by_themselves:
        return Checked(
            skipped=(
                f"{said} {has(len(repeats))} the same cells as an earlier row; columns of so few different values make "
                f"about {max(pairs.expected, 1):,.0f} such pairs by themselves, so copies cannot be told from "
                "coincidence.",
            )
        )
    severity = "critical" if share >= MOST else "warning" if share >= MANY else "info"
    originals, sizes = np.unique(first[repeats], return_counts=True)
    order = np.argsort(-sizes, kind="stable")[:_SHOWN]
    groups = [[int(row) for row in np.flatnonzero(first == originals[i])[: _SHOWN + 1]] for i in order]
    return Checked(
        (
            Check(
                "duplicate_rows",
                severity,
                {
                    "rows": len(repeats),
                    "share": share,
                    "groups": len(originals),
                    "largest_groups": [int(sizes[i]) + 1 for i in order],
                    "examples": groups,
                },
                f"{said} repeat{'s' * (len(repeats) == 1)} an earlier row in every column, such as the rows "
                f"{', '.join(map(str, groups[0]))} (counted from 0). A row that counts twice weighs twice in training, "
                "and copies on both sides of a split flatter the dev and test figures. Find out whether they are "
                "separate measurements; if not, keep one of each.",
                _SOURCE,
            ),
        )
    )
