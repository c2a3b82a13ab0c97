import numpy as np
import polars as pl
import pytest
from made_rows import given, rows_of, table

import caviar
from caviar.data.checks.near_duplicates import check_near_duplicates, difference_hash


def fine(rows=1200, width=8, seed=0):
    """Fine numbers, a column of text and a label."""
    random = np.random.default_rng(seed)
    columns = {f"x{i}": random.normal(10, 10.0 ** (i - 4), rows) for i in range(width)}
    return columns | {"w": random.choice(["red", "blue"], rows)}, random.integers(0, 2, rows)


def nearly_copied(columns, to, of, share=1e-3):
    random = np.random.default_rng(9)
    for cells in columns.values():
        cells[to] = cells[of]
        if cells.dtype == float:
            cells[to] += share * cells.std() * random.normal(size=len(to))


def test_clean_rows_and_exact_copies_are_not_mentioned():
    columns, y = fine()
    assert not check_near_duplicates(table(columns, y)).checks
    nearly_copied(columns, np.arange(20), np.arange(100, 120), share=0)
    assert not check_near_duplicates(table(columns, y)).checks


@pytest.mark.parametrize(("copies", "severity"), [(10, "info"), (60, "warning")])
def test_near_copies_in_a_table(copies, severity):
    columns, y = fine()
    nearly_copied(columns, np.arange(copies), np.arange(600, 600 + copies))
    (check,) = check_near_duplicates(table(columns, y)).checks
    assert (check.name, check.severity) == ("near_duplicates", severity)
    assert (check.evidence["rows"], check.evidence["pairs"]) == (2 * copies, copies)
    assert all(b - a == 600 for a, b in check.evidence["examples"])
    assert check.evidence["median_distance_over_usual"] < 0.01


def test_rows_that_differ_in_text_are_no_copies():
    columns, y = fine()
    nearly_copied(columns, np.arange(10), np.arange(600, 610))
    columns["w"][:10] = np.where(columns["w"][600:610] == "red", "blue", "red")
    assert not check_near_duplicates(table(columns, y)).checks


@pytest.mark.parametrize(("copies", "severity"), [(2, "info"), (5, "warning"), (70, "critical")])
def test_near_copies_across_sets(copies, severity):
    columns, y = fine()
    nearly_copied(columns, np.arange(600, 600 + copies), np.arange(copies))
    split = given(rows_of(columns, y, np.arange(600)), rows_of(columns, y, np.arange(600, 1200)))
    (check,) = check_near_duplicates(split).checks
    assert check.severity == severity
    assert (check.evidence["set"], check.evidence["also_in"], check.evidence["rows"]) == ("dev", "train", copies)
    parts = split.raw()
    for example in check.evidence["examples"]:
        a, b = parts["dev"].frame.row(example["dev"]), parts["train"].frame.row(example["train"])
        assert a[0] == pytest.approx(b[0], abs=1e-5)
    own = sum(y[600 + i] == y[i] for i in range(copies))
    assert check.evidence["same_target"] == own


def test_near_copies_within_a_set_are_not_across_sets():
    columns, y = fine()
    nearly_copied(columns, np.arange(10), np.arange(100, 110))
    split = given(rows_of(columns, y, np.arange(600)), rows_of(columns, y, np.arange(600, 1200)))
    assert not check_near_duplicates(split).checks


def test_missing_cells_must_be_missing_in_both():
    columns, y = fine()
    nearly_copied(columns, np.arange(10), np.arange(600, 610))
    cells = [None if i < 5 else x for i, x in enumerate(columns["x0"])]
    (check,) = check_near_duplicates(table(columns | {"x0": cells}, y)).checks
    assert check.evidence["pairs"] == 5


def test_columns_of_few_values_are_said_to_be_skipped():
    random = np.random.default_rng(0)
    found = check_near_duplicates(table({name: random.integers(0, 5, 300) for name in "abc"}, random.random(300)))
    assert found.checks == ()
    assert "two columns of fine numbers" in found.skipped[0]


def photos(rows=600, seed=0):
    """Smooth random pictures of 16 x 16 pixels and 3 channels, 0 to 255."""
    random = np.random.default_rng(seed)
    waves = np.stack([np.cos(np.pi * k * (np.arange(16) + 0.5) / 16) for k in range(6)])
    weights = random.normal(size=(rows, 6, 6, 3)) / (1 + np.add.outer(np.arange(6), np.arange(6)))[:, :, None]
    made = np.einsum("nabc,ai,bj->nijc", weights, waves, waves)
    return np.clip(128 + 40 * made, 0, 255).astype(np.uint8)


def test_pictures_that_were_brightened_and_saved_again_are_found():
    pixels = photos()
    assert not check_near_duplicates(caviar.read((pixels, np.arange(600) % 2))).checks
    noise = np.random.default_rng(1).normal(0, 3, (20, 16, 16, 3))
    pixels[:20] = np.clip(pixels[300:320] * 0.9 + 10 + noise, 0, 255)
    (check,) = check_near_duplicates(caviar.read((pixels, np.arange(600) % 2))).checks
    assert check.evidence["pairs"] >= 19
    assert all(b - a == 300 for a, b in check.evidence["examples"])


def test_the_difference_hash_tells_where_a_picture_grows_brighter():
    rising = np.tile(np.arange(18), (16, 1))[None, :, :, None].astype(np.uint8)
    assert difference_hash(rising)[0] == 2**64 - 1
    assert difference_hash(rising[:, :, ::-1])[0] == 0
    pixels = photos(50)
    brighter = difference_hash(pixels * 0.5 + 7)  # places of one colour are left to rounding
    assert (difference_hash(pixels) == brighter).mean() > 0.9


def test_grey_pictures_without_structure_pass():
    flat = np.full((80, 4, 4, 1), 7, np.uint8)
    flat[:, 0, 0, 0] = np.arange(80)
    check_near_duplicates(caviar.read((flat, np.arange(80) % 2)))


def test_frames_of_one_row_pass():
    assert not check_near_duplicates(table(pl.DataFrame({"x": [1.0], "z": [2.0]}).to_dict(as_series=False))).checks
