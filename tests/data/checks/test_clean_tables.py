"""Checks of columns and inputs say nothing of tables in which nothing is wrong."""

import datetime as dt

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.columns import check_constant_feature, check_identifier_column, check_nearly_empty_column
from caviar.data.checks.inputs import check_too_few_rows, check_unnormalized_inputs
from caviar.data.checks.outliers import check_outliers


def column(rng, rows):
    """A column of one of ten sorts, some with missing cells."""
    day = dt.date(2020, 1, 1)
    cells = [
        lambda: rng.normal(rng.normal(0, 50), 10.0 ** rng.integers(-2, 4), rows),
        lambda: rng.lognormal(rng.normal(), 1, rows).round(3),
        lambda: rng.poisson(rng.choice([1, 5, 30]), rows),
        lambda: rng.integers(0, rng.choice([2, 10, 100_000]), rows),
        lambda: rng.random(rows) < 0.3,
        lambda: rng.choice(["red", "green", "blue"], rows),
        lambda: rng.choice(["low", "medium", "high"], rows),
        lambda: rng.choice([f"town {i}" for i in range(60)], rows),
        lambda: [day + dt.timedelta(days=int(i)) for i in rng.integers(0, 900, rows)],
        lambda: np.where(rng.random(rows) < 0.4, 0.0, rng.gamma(2, 30, rows)),
    ][rng.integers(10)]()
    made = pl.Series(cells)
    if rng.random() < 0.3:
        made = pl.select(pl.when(pl.Series(rng.random(rows) > 0.1)).then(made)).to_series()
    return made


@pytest.mark.parametrize("seed", range(20))
def test_no_warning(seed):
    rng = np.random.default_rng(seed)
    rows = int(rng.choice([400, 2000, 20_000]))
    features = pl.DataFrame({f"c{i}": column(rng, rows) for i in range(rng.integers(3, 13))})
    target = rng.normal(size=rows) if seed % 2 else rng.choice([f"k{i}" for i in range(1 + seed // 2)] + ["z"], rows)
    table = caviar.read(features.with_columns(y=pl.Series(target)), "y")
    of_table = (check_identifier_column, check_constant_feature, check_nearly_empty_column, check_outliers)
    done = caviar.split(table, seed=seed)
    found = [check(table) for check in of_table]
    found += [check(done) for check in (check_unnormalized_inputs, check_too_few_rows)]
    assert [c.meaning for one in found for c in one.checks if c.severity != "info"] == []
    assert sum(len(one.checks) for one in found) <= 1
