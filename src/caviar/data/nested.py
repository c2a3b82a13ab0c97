"""Nested cross-validation: for very small data every row is a test row once, of a network that never saw it.

    for split in nested_splits(table, k=5):
        best = caviar.tune(split, space, ...).best_config         # chosen without the test rows of this split
        run, = caviar.train(split, [best])
        x, y = split.open_test()

The k test errors together judge the way of choosing, not one network. What is chosen inside is out of fold.
Source: Varma & Simon 2006, BMC Bioinformatics 7:91.
"""

from collections.abc import Iterator
from numbers import Integral

import numpy as np

from caviar.data.divide import check_learnable, check_seed, divide, task_of
from caviar.data.groups import rows_together
from caviar.data.roles import Roles
from caviar.data.scaling import Scale
from caviar.data.sets import Split, fold_rows
from caviar.data.sizes import Share
from caviar.data.table import Table
from caviar.data.target import fit_classes
from caviar.data.task import Task
from caviar.errors import BadData


def nested_splits(
    table: Table,
    k: int = 5,
    *,
    dev: Share = None,
    group: str | None = None,
    weight: str | None = None,
    scale: Scale = "standard",
    task: Task | None = None,
    seed: int = 0,
) -> Iterator[Split]:
    """Splits whose test sets are the k folds of a table; each divides the other rows into train and dev.

    Args:
        table: with a target.
        k: number of outer folds, in [2, rows].
        dev: as in `split`: None by the rule, a share of the other rows, a number of them, or 0 for none.
        group: rows with the same value in this column are in one fold and one set.
        weight: as in `split`.
        scale: as in `split`.
        task: as in `split`.
        seed: of folds and sets.

    Yields:
        k splits; every row is in the test set of one. Classes, groups and equal rows are divided as by `split`.

    Raises:
        BadData: k is outside its range, there are fewer than k groups, or the table cannot be split.
    """
    if table.target is None:
        raise BadData(f"A split needs a target, but '{table.name}' was read without one. Read it with target=COLUMN.")
    if not isinstance(k, Integral) or isinstance(k, bool) or not 2 <= k <= table.rows:
        raise BadData(f"The number of folds must be in [2, {table.rows:,}], got {k!r}. 5 is usual.")
    roles = Roles(group=group, weight=weight)
    roles.check(table.features, table.target.name)
    check_learnable(table.target, table.name)
    check_seed(seed)
    kind, _ = task_of(table.target, task)
    codes = fit_classes(table.target).encode(table.target) if kind == "classification" else None
    features, _ = roles.apart(table.features)
    together = rows_together(features, None if group is None else table.features[group], duplicates=True)
    folds = fold_rows(codes, together.codes, table.rows, int(k), int(seed))
    for fold in range(int(k)):
        yield divide(
            table,
            dev,
            None,
            roles=roles,
            marked=np.where(folds == fold, 2, 0),
            scale=scale,
            task=kind,
            seed=seed,
        )
