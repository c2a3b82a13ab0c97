import numpy as np
import polars as pl
import pytest
from made_rows import again, clean, table

import caviar
from caviar.data.checks.duplicate_rows import check_duplicate_rows
from caviar.data.images import images_of
from caviar.data.table import Table


def test_clean_rows_are_not_mentioned():
    assert check_duplicate_rows(table(*clean())) == caviar.data.checks.check.Checked()


@pytest.mark.parametrize(("copies", "severity"), [(4, "info"), (40, "warning")])
def test_rows_that_repeat_are_counted_and_shown(copies, severity):
    columns, y = again(*clean(), np.arange(copies))
    (check,) = check_duplicate_rows(table(columns, y)).checks
    assert (check.name, check.severity) == ("duplicate_rows", severity)
    assert check.evidence["rows"] == copies == check.evidence["groups"]
    assert check.evidence["share"] == pytest.approx(copies / (400 + copies))
    assert check.evidence["examples"][:2] == [[0, 400], [1, 401]]
    assert f"{copies} rows of {400 + copies}" in check.meaning


def test_groups_are_told_by_size():
    columns, y = again(*clean(), [7, 7, 7, 9, 9, 3])
    (check,) = check_duplicate_rows(table(columns, y)).checks
    assert check.evidence["rows"] == 6
    assert check.evidence["groups"] == 3
    assert check.evidence["largest_groups"] == [4, 3, 2]
    assert check.evidence["examples"] == [[7, 400, 401, 402], [9, 403, 404], [3, 405]]


def test_another_target_is_another_row():
    columns, y = again(*clean(), np.arange(30))
    y[400:] = 1 - y[400:]
    assert not check_duplicate_rows(table(columns, y)).checks
    assert check_duplicate_rows(table(columns)).checks[0].evidence["rows"] == 30


def test_few_distinct_values_are_said_to_be_skipped():
    random = np.random.default_rng(0)
    flags = {name: random.random(300) < 0.5 for name in "abc"}
    found = check_duplicate_rows(table(flags, random.integers(0, 2, 300)))
    assert not found.checks
    assert "284 rows of 300" in found.skipped[0]


@pytest.mark.parametrize(("times", "severity"), [(3, "warning"), (9, "critical")])
def test_rows_that_are_few_whatever_their_number(times, severity):
    columns, y = clean(rows=50)
    (check,) = check_duplicate_rows(table(*again(columns, y, np.repeat(np.arange(50), times)))).checks
    assert check.severity == severity
    assert check.evidence["share"] == times / (times + 1)


def test_images_that_repeat():
    pixels = np.random.default_rng(0).integers(0, 255, (60, 4, 4, 1)).astype(np.uint8)
    pixels[50:] = pixels[:10]
    images = Table("images", pl.DataFrame([images_of("image", pixels)]), pl.Series("y", [0, 1] * 30))
    (check,) = check_duplicate_rows(images).checks
    assert check.evidence["rows"] == 10


def test_missing_cells_are_alike():
    columns, y = clean()
    columns["x0"] = np.where(np.arange(400) < 30, np.nan, columns["x0"])
    columns, y = again(columns, y, np.arange(25))
    read = caviar.read(pl.DataFrame({n: list(c) for n, c in columns.items()} | {"y": y}), target="y")
    assert check_duplicate_rows(read).checks[0].evidence["rows"] == 25


@pytest.mark.parametrize("rows", [0, 1])
def test_tables_of_no_or_one_row(rows):
    assert not check_duplicate_rows(table({"x": [1.0] * rows})).checks
