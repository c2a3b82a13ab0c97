import numpy as np
import polars as pl
import pytest
from made_rows import clean, table

import caviar
from caviar.data.checks.target_leakage import MOST_ROWS, check_target_leakage


def warned(found):
    return [check.evidence["columns"] for check in found.checks if check.severity == "warning"]


def test_clean_columns_raise_no_warning():
    assert not warned(check_target_leakage(table(*clean(2000))))


@pytest.mark.parametrize("sample", ["iris", "wine", "breast_cancer", "digits", "diabetes"])
def test_strong_but_honest_columns_raise_no_warning(sample):
    assert not warned(check_target_leakage(caviar.read(sample)))


@pytest.mark.parametrize("seed", range(5))
def test_a_noisy_copy_of_the_label_is_found(seed):
    columns, y = clean(2000, seed)
    random = np.random.default_rng(seed)
    for leak in (y + 0.25 * random.normal(size=2000), np.where(random.random(2000) < 0.04, 1 - y, y).astype(str)):
        (check,) = check_target_leakage(table(columns | {"leak": leak}, y)).checks
        assert (check.name, check.severity, check.evidence["how"]) == ("target_leakage", "warning", "alone")
        assert check.evidence["columns"] == ["leak"]
        score = check.evidence["explained"]
        assert score["low"] < score["value"] < score["high"]
        assert score["rows"] == 2000


def test_leaks_do_not_excuse_each_other():
    columns, y = clean(2000)
    random = np.random.default_rng(0)
    leaks = {f"leak{i}": y + 0.1 * random.normal(size=2000) for i in range(3)}
    found = check_target_leakage(table(columns | leaks, y)).checks
    assert [check.severity for check in found] == ["warning"] * 3
    assert sorted(check.evidence["columns"][0] for check in found) == sorted(leaks)


def test_a_noisy_copy_of_a_quantity_is_found():
    columns, _ = clean(2000)
    random = np.random.default_rng(77)
    y = columns["x0"] + random.normal(size=2000)
    leak = y + 0.2 * y.std() * random.normal(size=2000)
    assert warned(check_target_leakage(table(columns | {"leak": leak}, y))) == [["leak"]]


def test_the_target_under_another_name_is_found_whatever_the_others_know():
    columns, y = clean(500)
    copies = {"code": np.array(["A", "B"])[y], "flag": y == 0}
    found = check_target_leakage(table(columns | copies, y))
    assert warned(found) == [["code"], ["flag"]]
    assert {check.evidence["how"] for check in found.checks} == {"other name"}


@pytest.mark.parametrize("unit", [lambda y: 3 * y - 5, np.exp])
def test_the_target_in_another_unit_is_found(unit):
    columns, _ = clean(500)
    y = np.random.default_rng(77).normal(size=500)
    found = check_target_leakage(table(columns | {"dollars": unit(y)}, y))
    assert [check.evidence["how"] for check in found.checks] == ["other name"]


def test_two_columns_together():
    columns, y = clean(2000)
    random = np.random.default_rng(77)
    a = random.integers(0, 2, 2000)
    (check,) = check_target_leakage(table(columns | {"a": a, "b": a ^ y}, y)).checks
    assert (check.severity, check.evidence["columns"], check.evidence["how"]) == ("warning", ["a", "b"], "together")
    gross = 3 * random.normal(size=2000)
    y = columns["x0"] + random.normal(size=2000)
    (check,) = check_target_leakage(table(columns | {"gross": gross, "cost": gross - y}, y)).checks
    assert check.evidence["columns"] == ["gross", "cost"]


def test_an_identifier_gives_nothing_away():
    columns, y = clean(2000)
    names = {"id": [f"row {i}" for i in range(2000)], "number": np.random.default_rng(77).permutation(2000)}
    assert not warned(check_target_leakage(table(names | columns, y)))


def test_the_number_of_a_row_in_a_sorted_file_does_give_the_target_away():
    columns, y = clean(2000)
    assert warned(check_target_leakage(table(columns | {"number": np.arange(2000)}, np.sort(y)))) == [["number"]]


def test_the_strongest_column_is_named_as_an_info():
    columns, _ = clean(3000)
    y = (columns["x1"] + 0.8 * np.random.default_rng(77).normal(size=3000) > 0).astype(int)
    (check,) = check_target_leakage(table(columns, y)).checks
    assert (check.severity, check.evidence["columns"], check.evidence["how"]) == ("info", ["x1"], "strongest")
    assert check.evidence["explained"]["low"] > check.evidence["next_explained"]["high"]
    assert "Is it known before 'y' is to be predicted?" in check.meaning


def test_columns_of_equal_strength_are_not_named():
    columns, _ = clean(3000)
    y = (columns["x1"] + columns["x2"] > 0).astype(int)
    assert not check_target_leakage(table(columns, y)).checks


def test_a_cell_that_is_missing_only_when_the_answer_is_known_gives_it_away():
    columns, y = clean(2000)
    reason = [None if label else f"r{i % 5}" for i, label in enumerate(y)]
    assert warned(check_target_leakage(table(columns | {"reason": reason}, y))) == [["reason"]]


def test_large_tables_are_sampled_and_it_is_said():
    columns, y = clean(MOST_ROWS + 1)
    found = check_target_leakage(table(columns | {"code": np.array(["A", "B"])[y]}, y))
    assert warned(found) == [["code"]]
    assert "20,000 rows drawn at random" in found.skipped[0]


def test_what_cannot_be_checked_is_said():
    columns, y = clean(40)
    assert check_target_leakage(table(columns)).checks == ()
    assert "at least 50 rows" in check_target_leakage(table(columns, y)).skipped[0]
    pixels = np.random.default_rng(77).integers(0, 255, (60, 4, 4, 1)).astype(np.uint8)
    assert "pixels" in check_target_leakage(caviar.read((pixels, np.arange(60) % 2))).skipped[0]


def test_extreme_numbers_and_dates_pass():
    columns, y = clean(300)
    columns["huge"] = np.where(y == 1, 1e308, -1e308)
    columns["day"] = pl.date_range(pl.date(2020, 1, 1), pl.date(2020, 10, 26), eager=True).to_list()
    columns["empty"] = [None] * 300
    assert ["huge"] in warned(check_target_leakage(table(columns, y)))
    assert ["huge"] in warned(check_target_leakage(table(columns, y + 0.1 * columns["x0"])))
