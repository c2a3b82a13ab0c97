import numpy as np
import polars as pl
import pytest
from made_rows import clean, table

import caviar
from caviar.data.checks.group_overlap import check_group_columns, check_group_overlap
from caviar.errors import BadData


def test_groups_apart_are_not_mentioned():
    assert not check_group_overlap({"train": ["a", "a", "b"], "dev": ["c"], "test": []}).checks


def test_one_group_on_both_sides_is_found():
    (check,) = check_group_overlap({"train": [1, 1, 2, 3], "dev": pl.Series([3.0, *range(10, 30)])}).checks
    assert (check.name, check.severity) == ("group_overlap", "warning")
    assert check.evidence == {
        "set": "dev",
        "also_in": "train",
        "groups": 1,
        "rows": 1,
        "share": pytest.approx(1 / 21),
        "examples": [3.0],
    }


def test_many_rows_of_shared_groups_are_critical():
    found = check_group_overlap({"train": np.arange(10), "dev": np.arange(5, 15), "test": np.arange(14, 40)})
    assert [(c.evidence["set"], c.evidence["also_in"], c.severity) for c in found.checks] == [
        ("dev", "train", "critical"),
        ("test", "dev", "warning"),
    ]


def test_labels_of_other_types_are_compared_by_what_they_say_and_missing_ones_are_no_group():
    (check,) = check_group_overlap({"train": ["1", None, "x"], "dev": [1, None, 5]}).checks
    assert (check.evidence["groups"], check.evidence["rows"]) == (1, 1)


@pytest.mark.parametrize("bad", [[[1], [2]], [object()], [{"a": 1}]])
def test_labels_that_are_no_labels_are_refused(bad):
    with pytest.raises(BadData, match="one text or number"):
        check_group_overlap({"train": [1], "dev": bad})


def visits(seed, *, text):
    """300 patients of 8 rows each, 90 % of them of the patient's label."""
    random = np.random.default_rng(seed)
    patient = np.repeat(np.arange(300), 8)
    columns, _ = clean(2400, seed)
    label = (random.random(300) < 0.5)[patient] ^ (random.random(2400) < 0.1)
    names = random.permutation(300)[patient] + 500
    columns["patient"] = np.array([f"p{name}" for name in names]) if text else names
    return caviar.split(table(columns, label.astype(int)), seed=seed)


@pytest.mark.parametrize("text", [False, True])
@pytest.mark.parametrize("seed", range(5))
def test_a_column_of_patients_is_an_info(seed, text):
    (check,) = check_group_columns(visits(seed, text=text)).checks
    assert (check.severity, check.evidence["column"]) == ("info", "patient")
    assert check.evidence["groups"] == 300
    assert check.evidence["rows_per_group"] == pytest.approx(8)
    assert check.evidence["share"] > 0.95
    assert 0.5 < check.evidence["alike_in_target"] < 0.8


def test_a_quantity_that_patients_share_counts_as_well():
    random = np.random.default_rng(0)
    patient = np.repeat(np.arange(200), 6)
    columns, _ = clean(1200)
    y = random.normal(size=200)[patient] + 0.2 * random.normal(size=1200)
    split = caviar.split(table(columns | {"patient": random.permutation(200)[patient]}, y))
    assert [check.evidence["column"] for check in check_group_columns(split).checks] == ["patient"]


@pytest.mark.parametrize("seed", range(5))
def test_ordinary_columns_are_not_taken_for_groups(seed):
    random = np.random.default_rng(seed)
    columns, y = clean(2000, seed)
    columns |= {
        "age": random.integers(0, 100, 2000),
        "town": random.choice([f"t{i}" for i in range(150)], 2000),
        "cents": np.round(1000 * columns["x0"]).astype(int),  # a strong number, not a name
        "id": np.arange(2000),
        "kind": random.choice(["a", "b", "c"], 2000),
    }
    assert not check_group_columns(caviar.split(table(columns, y))).checks


def test_a_number_that_decides_the_target_is_not_taken_for_a_group():
    columns, _ = clean(2000)
    columns["degrees"] = np.round(60 * columns["x0"]).astype(int)  # about 7 rows of each, all of one label
    assert not check_group_columns(caviar.split(table(columns, (columns["x0"] > 0).astype(int)))).checks
