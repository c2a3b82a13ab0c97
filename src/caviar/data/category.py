"""One column of text becomes columns of 0 and 1, one for each common value."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.columns import without_marks
from caviar.data.levels import commonest_first, holds_values, other_kind, text_form

MOST_LEVELS = 100
RAREST = 0.002
"""A level of its own occurs in at least this share of the train rows, and at least twice."""


@dataclass(frozen=True)
class Category:
    """The levels of a column of text; all of the train rows."""

    column: str
    levels: tuple[str, ...]
    """In their text form, sorted; each is an output."""
    other: bool
    """Whether an output is 1 for every other value: when a train row had a rare one."""
    marked: bool
    """Whether an output is 1 where the cell is missing: when a train row had it missing."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        rest = "any other" if "other" in self.levels else "other"
        levels = tuple(f"{self.column} = {level}" for level in self.levels)
        return levels + (f"{self.column} = {rest}",) * self.other + (f"{self.column} is missing",) * self.marked

    def outputs(self, cells: pl.Series) -> Numbers:
        """Outputs of the column, 0 or 1, float64 (rows, len(names)).

        A value that no train row had is "other", or all zeros where there is no such output. A missing cell
        is "-" where that is a level and no train row was missing: a file of a few rows may have "-" but no
        "+", and then "-" is read as a missing mark.
        """
        text = level_of(cells)
        if "-" in self.levels and not self.marked:
            text = text.fill_null("-")
        width = len(self.levels) + self.other + self.marked
        none = width  # a column that is cut off
        unknown = len(self.levels) if self.other else none
        at = text.replace_strict(
            list(self.levels), list(range(len(self.levels))), default=unknown, return_dtype=pl.Int64
        ).to_numpy()
        at = np.where(text.is_null().to_numpy(), width - 1 if self.marked else none, at)
        outputs = np.zeros((len(cells), width + 1))
        outputs[np.arange(len(cells)), at] = 1
        return outputs[:, :width]


def fit_category(cells: pl.Series) -> Category | str:
    """Levels of one column of the train rows.

    Args:
        cells: train rows.

    Returns:
        The column's state, or the reason why it is of no use.
    """
    text = level_of(cells)
    missing, rows = text.null_count(), len(text)
    tally = commonest_first(text.drop_nulls())
    if missing == rows:
        return "every cell is missing"
    if len(tally) == 1 and not missing:
        return "all cells are alike"
    common = tally.filter(pl.col("rows") >= max(2.0, RAREST * rows)).head(MOST_LEVELS)
    levels = tuple(sorted(common["cell"].to_list()))
    made = Category(cells.name, levels, other=len(levels) < len(tally), marked=missing > 0)
    return made if len(made.names) > 1 else "no value is common enough to learn from"


def level_of(cells: pl.Series) -> pl.Series:
    """The text form of cells, null where one is missing.

    A "-" that reading has left is a label: what a row becomes must not depend on the rows beside it.

    Raises:
        BadData: lists, bytes or other cells that are no text.
    """
    if not holds_values(cells):
        raise other_kind(cells, "text or labels", str(cells.dtype))
    return without_marks(text_form(cells), dash=False)
