"""A column of ordered levels becomes columns of 0 and 1: "at least mid", "at least high".

A network can learn a step of its own between any two neighbours, and what it learns of a rare level it borrows from the
others. One number for the rank would make all steps alike: on diamonds it costs a tenth of the accuracy.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.category import level_of


@dataclass(frozen=True)
class Ordered:
    """Levels from low to high, and the steps between those that the train rows have."""

    column: str
    levels: tuple[str, ...]
    """In their text form."""
    steps: tuple[int, ...]
    """Each is an output: 1 from this level on, numbered from 0. None where all known train cells are alike."""
    fill: int
    """Middle level of the train rows: what a missing cell becomes, and a level that is not known."""
    marked: bool
    """Whether an output is 1 where the level is not known: when a train row had it missing."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        steps = tuple(f"{self.column} >= {self.levels[step]}" for step in self.steps)
        return steps + (f"{self.column} is missing",) * self.marked

    def outputs(self, cells: pl.Series) -> Numbers:
        """Outputs of the column, 0 or 1, float64 (rows, len(names)).

        A level that is not among `levels` counts as missing: nothing says where it stands.
        """
        ranks = _ranks(cells, self.levels, dash=not self.marked)
        missing = ranks < 0
        reached = np.where(missing, self.fill, ranks)[:, None] >= np.asarray(self.steps, int)
        return np.concatenate([reached, missing[:, None]][: 1 + self.marked], axis=1).astype(np.float64)


def fit_ordered(cells: pl.Series, levels: tuple[str, ...]) -> Ordered | str:
    """Steps of one column of the train rows.

    Args:
        cells: train rows.
        levels: from low to high, in their text form; they may be more than the train rows have.

    Returns:
        The column's state, or the reason why it is of no use.
    """
    ranks = _ranks(cells, levels, dash=True)
    known = ranks[ranks >= 0]
    if not len(known):
        return "every cell is missing"
    marked = len(known) < len(ranks)
    steps = tuple(int(rank) for rank in np.unique(known)[1:])
    if not steps and not marked:
        return "all cells are alike"
    return Ordered(cells.name, levels, steps, int(np.median(known)), marked)


def _ranks(cells: pl.Series, levels: tuple[str, ...], *, dash: bool) -> Whole:
    """Place of every cell among the levels, -1 for a missing or unknown one; `dash`: as in `Category.outputs`."""
    text = level_of(cells)
    if dash and "-" in levels:
        text = text.fill_null("-")
    ranks = text.replace_strict(list(levels), list(range(len(levels))), default=-1, return_dtype=pl.Int64)
    return ranks.fill_null(-1).to_numpy()
