"""Tables and splits for tests of the checks of rows."""

import numpy as np
import polars as pl

import caviar
from caviar.data.split import Split
from caviar.data.table import Table


def table(columns, target=None) -> Table:
    """A table of columns, with the target `y` or none."""
    frame = pl.DataFrame({name: list(cells) for name, cells in columns.items()})
    return Table("made", frame, None if target is None else pl.Series("y", np.asarray(target).tolist()))


def clean(rows=400, seed=0):
    """Three numbers, a column of text and a label of two classes that follows the first number."""
    random = np.random.default_rng(seed)
    columns = {f"x{i}": random.normal(size=rows) for i in range(3)}
    columns["w"] = random.choice(["red", "green", "blue"], rows)
    return columns, (columns["x0"] + random.normal(size=rows) > 0).astype(int)


def again(columns, target, rows):
    """The same columns and target with some rows appended again."""
    return {name: np.append(cells, cells[rows]) for name, cells in columns.items()}, np.append(target, target[rows])


def rows_of(columns, target, at):
    """Some rows as a table."""
    return table({name: np.asarray(cells)[at] for name, cells in columns.items()}, np.asarray(target)[at])


def given(train: Table, dev: Table, test: Table | None = None) -> Split:
    """A split into these tables."""
    return caviar.split(train, dev=dev, test=0 if test is None else test)
