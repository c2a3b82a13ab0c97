import numpy as np
import pytest
from made_rows import again, clean, table

from caviar.data.checks.conflicting_labels import check_conflicting_labels


def test_clean_rows_and_rows_that_agree_are_not_mentioned():
    assert not check_conflicting_labels(table(*clean())).checks
    assert not check_conflicting_labels(table(*again(*clean(), np.arange(30)))).checks
    assert not check_conflicting_labels(table(clean()[0])).checks


def test_conflicts_are_counted_and_the_floor_is_their_least_errors():
    columns, y = clean()
    columns, y = again(columns, y, [0, 0, 0, 1, 2])  # rows 400 to 404
    y[[0, 400, 401, 402]] = [0, 1, 1, 0]  # two against two
    y[[1, 403]] = [0, 1]
    (check,) = check_conflicting_labels(table(columns, y)).checks
    assert check.severity == "warning"
    assert (check.evidence["rows"], check.evidence["groups"]) == (6, 2)
    assert check.evidence["floor"] == pytest.approx(3 / 405)
    assert check.evidence["examples"][0] == {"rows": [0, 400, 401, 402], "targets": [0, 1, 1, 0]}


def test_a_single_conflict_in_many_rows_is_an_info():
    columns, y = again(*clean(), [5])
    y[-1] = 1 - y[-1]
    (check,) = check_conflicting_labels(table(columns, y)).checks
    assert check.severity == "info"


def test_what_coarse_columns_leave_open_is_an_info():
    random = np.random.default_rng(0)
    (check,) = check_conflicting_labels(
        table({name: random.random(300) < 0.5 for name in "abc"}, random.integers(0, 2, 300))
    ).checks
    assert check.severity == "info"
    assert check.evidence["by_chance"]
    assert 0.3 < check.evidence["floor"] < 0.5


def test_quantities_conflict_when_they_differ_by_much():
    columns, _ = clean()
    y = np.random.default_rng(1).normal(size=400)
    columns, y = again(columns, y, np.arange(30))
    assert not check_conflicting_labels(table(columns, y)).checks
    y[400:] += 0.1
    assert not check_conflicting_labels(table(columns, y)).checks
    y[400:410] += 2
    (check,) = check_conflicting_labels(table(columns, y)).checks
    gaps = (y[400:410] - y[:10]) / y.std()
    assert check.evidence["rows"] == 20
    assert check.evidence["floor"] == pytest.approx((gaps**2 / 2).sum() / 430)
    assert check.severity == "warning"
    y[400:430] += 3
    (check,) = check_conflicting_labels(table(columns, y)).checks
    assert check.severity == "critical"


def test_the_task_can_be_said():
    columns, y = again(*clean(), [0, 1, 2])
    y[400:] = 1 - y[400:]
    assert check_conflicting_labels(table(columns, y), "regression").checks[0].meaning.count("variance") == 1
