"""A table becomes train, dev and test rows, prepared for a network; the test rows stay sealed."""

from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Whole
from caviar.data.choice import marks_of
from caviar.data.divide import FEWEST_ROWS, Duplicates, divide
from caviar.data.levels import text_form
from caviar.data.roles import Roles
from caviar.data.scaling import Scale
from caviar.data.sealed import Part, TestOpenedAgain, open_together
from caviar.data.sets import SetName, Split
from caviar.data.sizes import Share
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.errors import BadData, nearest

__all__ = ["FEWEST_ROWS", "Part", "SetName", "Split", "TestOpenedAgain", "open_together", "split"]


def split(
    table: Table,
    dev: Share | Table = None,
    test: Share | Table = None,
    *,
    group: str | None = None,
    time: str | None = None,
    by: str | None = None,
    source: tuple[str, object] | None = None,
    bridge: float | bool | None = None,
    duplicates: Duplicates = "together",
    weight: str | None = None,
    scale: Scale = "standard",
    resolution: float = 0.01,
    task: Task | None = None,
    seed: int = 0,
    transformer: Any = None,
) -> Split:
    """Divide a table into train, dev and test, and prepare the rows for a network.

    The columns named by group, time, by, source and weight are not learned from, and new rows need not have them.

    Args:
        table: with a target.
        dev: rows to choose by. None: by the rule (`sizes.set_sizes`); a share in (0, 1), a number of rows,
            a table of its own, or 0 for none.
        test: rows to judge by at the end, the same; they are sealed.
        group: rows with the same value in this column, such as those of one patient, are in one set, and in one fold.
        time: dev rows are later than train rows by this column of dates or numbers, test rows later than both.
        by: a column that says train, dev or test in every row. Where it names no dev rows, they are chosen among those
            that train; none are sealed where it names no test rows, unless `test` asks for some.
        source: (column, value): dev and test take only rows with this value, the ones that matter; all others train.
        bridge: True holds a part of train as a set of its own, as large as dev and at most 10 % of train, to tell
            mismatch from variance; a share of train or a number of rows for another size. None: with `source` True.
        duplicates: whether rows of equal features are in one set, or anywhere. After a split by time, or where
            a column names the sets, they are where these put them.
        weight: the feature column that says how much each row counts in training, 0 or more; only ratios matter.
        scale: of columns of numbers (`prepare.fit_preparation`).
        resolution: difference between the errors of two networks that dev must tell apart, in (0, 1).
        task: None: by the target (`task.infer_task`).
        seed: of the choice of rows, not negative; the same seed chooses the same rows on every platform.
        transformer: one of scikit-learn's that you have fitted, on rows of train only: it prepares all rows, in place
            of `scale` and `Table.types`. Networks on it cannot be saved as plain data.

    Returns:
        The split. With classes every set has its share of each (`strata.allot`), as far as groups allow.

    Raises:
        BadData: no target, sizes that do not fit, a given table that does not match, or no useful column.
    """
    if table.target is None:
        raise BadData(f"A split needs a target, but '{table.name}' was read without one. Read it with target=COLUMN.")
    roles = Roles(group=group, time=time, by=by, source=None if source is None else source[0], weight=weight)
    roles.check(table.features, table.target.name)
    marked = None if by is None else marks_of(table.features[by])
    _check_places(dev, test, marked)
    if marked is not None and test is None and not (marked == 2).any():
        test = 0
    return divide(
        table,
        dev,
        test,
        roles=roles,
        marked=marked,
        wanted=None if source is None else _wanted(table.features[source[0]], source[1]),
        bridge=source is not None if bridge is None else bridge,
        duplicates=duplicates,
        scale=scale,
        resolution=resolution,
        task=task,
        seed=seed,
        transformer=transformer,
    )


def _check_places(dev: Share | Table, test: Share | Table, marked: Whole | None) -> None:
    """A column that names the sets is the only one to do so."""
    if marked is None:
        return
    for place_, (name, asked) in enumerate((("dev", dev), ("test", test)), start=1):
        if asked is not None and (marked == place_).any():
            raise BadData(
                f"The {name} rows must be named once, but a column names {int((marked == place_).sum()):,} and "
                f"{name} is given as well. Leave one out."
            )


def _wanted(sources: pl.Series, value: object) -> np.ndarray:
    """Which rows are of the source that matters."""
    at = (text_form(sources) == text_form(pl.Series([value]))[0]).fill_null(False).to_numpy()
    if not at.any():
        known = sources.drop_nulls().cast(pl.String).unique(maintain_order=True).to_list()
        raise BadData(
            f"No row of '{sources.name}' is {value!r}, so no row can be held out. {nearest(str(value), known)}"
        )
    if at.all():
        raise BadData(f"Every row of '{sources.name}' is {value!r}: there is only one source. Leave it out.")
    return at
