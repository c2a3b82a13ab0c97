import numpy as np
import pytest
from made_rows import clean, given, rows_of, table

import caviar
from caviar.data.checks.leakage import check_leakage


def leaky(shared, flipped=0, rows=1000):
    """A split whose first dev rows are the first train rows, some with another target."""
    columns, y = clean(rows)
    half = rows // 2
    dev_at = np.concatenate([np.arange(shared), np.arange(half + shared, rows)])
    dev_y = y[dev_at].copy()
    dev_y[:flipped] = 1 - dev_y[:flipped]
    train = rows_of(columns, y, np.arange(half))
    return given(train, table({name: np.asarray(cells)[dev_at] for name, cells in columns.items()}, dev_y))


def test_clean_sets_are_not_mentioned():
    assert check_leakage(caviar.split(table(*clean()))) == caviar.data.checks.check.Checked()


@pytest.mark.parametrize(("shared", "severity"), [(2, "info"), (5, "warning"), (60, "critical")])
def test_shared_rows_by_their_share(shared, severity):
    split = leaky(shared)
    (check,) = check_leakage(split).checks
    assert (check.name, check.severity) == ("leakage", severity)
    assert (check.evidence["set"], check.evidence["also_in"]) == ("dev", "train")
    assert check.evidence["rows"] == shared
    assert check.evidence["share"] == pytest.approx(shared / 500)


def test_the_examples_are_equal_rows():
    split = leaky(10)
    parts = split.raw()
    for example in check_leakage(split).checks[0].evidence["examples"]:
        assert parts["dev"].frame.row(example["dev"]) == parts["train"].frame.row(example["train"])


def test_shared_rows_of_another_target_are_told_apart():
    (check,) = check_leakage(leaky(20, flipped=7)).checks
    assert (check.evidence["rows"], check.evidence["same_target"]) == (20, 13)


def test_the_test_set_is_compared_with_train_and_dev_and_stays_sealed():
    columns, y = clean(900)
    parts = [rows_of(columns, y, at) for at in (np.arange(300), np.arange(290, 600), np.arange(580, 900))]
    split = given(parts[0], parts[1], parts[2])
    found = {(c.evidence["set"], c.evidence["also_in"]): c.evidence["rows"] for c in check_leakage(split).checks}
    assert found == {("dev", "train"): 10, ("test", "dev"): 20}
    assert split.times_opened == 0


def test_rows_of_few_distinct_values_meet_by_themselves():
    random = np.random.default_rng(0)
    flags = table({name: random.random(300) < 0.5 for name in "abc"}, random.integers(0, 2, 300))
    found = check_leakage(caviar.split(flags))
    assert not found.checks
    assert len(found.skipped) == 3
    assert "not counted as leakage" in found.skipped[0]


def test_a_dev_file_of_other_types_is_compared_by_value():
    columns, y = clean(400)
    columns["n"] = np.random.default_rng(5).integers(0, 10**6, 400)
    train = rows_of(columns, y, np.arange(200))
    columns["n"] = columns["n"].astype(float)
    (check,) = check_leakage(given(train, rows_of(columns, y, np.arange(190, 400)))).checks
    assert check.evidence["rows"] == 10
