"""All checks, one after the other: a table or a split becomes its doubts, the most severe first.

A check is a function that returns `Checked`; to add one, add its line. Each bounds its own time by looking at a sample
of large tables, and says so.
"""

import warnings
from collections.abc import Callable, Sequence

from caviar.data.checks.balance import check_class_imbalance, check_missing_class
from caviar.data.checks.check import Check, Checked, Severity
from caviar.data.checks.columns import check_constant_feature, check_identifier_column, check_nearly_empty_column
from caviar.data.checks.conflicting_labels import check_conflicting_labels
from caviar.data.checks.distribution_shift import check_distribution_shift
from caviar.data.checks.duplicate_rows import check_duplicate_rows
from caviar.data.checks.group_overlap import check_group_columns, check_named_groups
from caviar.data.checks.inputs import check_too_few_rows, check_unnormalized_inputs
from caviar.data.checks.label_noise import check_label_noise
from caviar.data.checks.label_shift import check_label_shift
from caviar.data.checks.leakage import check_leakage
from caviar.data.checks.near_duplicates import check_near_duplicates
from caviar.data.checks.outliers import check_outliers
from caviar.data.checks.row_order import check_row_order
from caviar.data.checks.target_leakage import check_target_leakage
from caviar.data.sets import SHOWN
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.errors import CaviarError

RowsCheck = Callable[[Table], Checked]
TableCheck = Callable[[Table, Task | None], Checked]
SplitCheck = Callable[[Split], Checked]

OF_TABLE: tuple[TableCheck, ...] = (
    check_target_leakage,
    check_conflicting_labels,
    check_label_noise,
    check_row_order,
    check_outliers,
    check_identifier_column,
    check_constant_feature,
    check_nearly_empty_column,
)
"""Checks of all rows together that ask what the target is; row numbers in the evidence are those of the table."""
OF_ROWS: tuple[RowsCheck, ...] = (check_duplicate_rows, check_near_duplicates)
"""Checks of all rows together, whatever is to be predicted."""
OF_SPLIT: tuple[SplitCheck, ...] = (
    check_leakage,
    check_named_groups,
    check_group_columns,
    check_near_duplicates,
    check_distribution_shift,
    check_label_shift,
    check_class_imbalance,
    check_missing_class,
    check_too_few_rows,
    check_unnormalized_inputs,
)
"""Checks of the sets."""

_ORDER: tuple[Severity, ...] = ("critical", "warning", "info")


class CheckFailed(UserWarning):
    """A check of data has a fault: it found nothing, but that means nothing."""


def check_table(table: Table, task: Task | None = None) -> Checked:
    """Every check of a table.

    Args:
        table: with or without a target.
        task: what the target is asked for; None: by the target.

    Returns:
        All doubts, the most severe first; what was skipped, and what is in order. Of a table on disk `sets.SHOWN` rows,
        chosen at random, are checked, and row numbers are of these.

    Warns:
        CheckFailed: a check has a fault of its own; the others are done.
    """
    rows, sampled = table.rows, table.on_disk and table.rows > SHOWN
    said = f"Of {rows:,} rows on disk {SHOWN:,} random ones were checked; row numbers are of these."
    table = table.sample(SHOWN) if table.on_disk else table
    about_target = [_done(check.__name__, lambda check=check: check(table, task)) for check in OF_TABLE]
    about_rows = [_done(check.__name__, lambda check=check: check(table)) for check in OF_ROWS]
    return _sorted([*about_target, *about_rows, Checked(skipped=(said,) * sampled)])


def check_split(split: Split) -> Checked:
    """Every check of the sets of a split; the sealed test set counts as unopened.

    Returns:
        As `check_table`.

    Warns:
        CheckFailed: a check has a fault of its own; the others are done.
    """
    return _sorted([_done(check.__name__, lambda check=check: check(split)) for check in OF_SPLIT])


def by_severity(checks: Sequence[Check]) -> tuple[Check, ...]:
    """The most severe first; among equals the order stays."""
    return tuple(sorted(checks, key=lambda check: _ORDER.index(check.severity)))


def _done(name: str, check: Callable[[], Checked]) -> Checked:
    """What a check finds; a fault in it is said and does not hide what the others find."""
    what = name.removeprefix("check_")
    try:
        return check()
    except CaviarError as error:
        return Checked((), (f"{what} was not checked. {error}",))
    except Exception as error:
        told = " ".join(f"{type(error).__name__}: {error}".split())
        sentence = f"{what} was not checked: this is a fault of caviar, not of your data ({told}). Please report it."
        warnings.warn(sentence, CheckFailed, stacklevel=4)
        return Checked((), (sentence,))


def _sorted(found: Sequence[Checked]) -> Checked:
    total = sum(found, Checked())
    return Checked(by_severity(total.checks), total.skipped, total.passed)
