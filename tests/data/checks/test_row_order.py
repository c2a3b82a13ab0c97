import numpy as np
import pytest
from made_rows import clean, table
from scipy import stats

from caviar.data.checks.row_order import _blocks, _indicators, _neighbours, check_row_order


def of(y):
    return table({"x": np.arange(len(y))}, y)


def test_the_test_of_parts_is_pearsons_and_that_of_kruskal_and_wallis():
    random = np.random.default_rng(0)
    part = np.arange(1000) * 20 // 1000
    y = random.choice(4, 1000, p=[0.1, 0.2, 0.3, 0.4])
    counts = stats.contingency.crosstab(part, y).count
    assert _blocks(_indicators(of(y), True))[1] == pytest.approx(stats.chi2_contingency(counts).pvalue)
    x = random.normal(size=1000)
    expected = stats.kruskal(*(x[part == i] for i in range(20))).pvalue
    assert _blocks(_indicators(of(x), False))[1] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("classes", [0, 2, 7])
def test_p_values_of_shuffled_files_are_uniform(classes):
    random = np.random.default_rng(1)
    draws = []
    for _ in range(300):
        y = random.integers(0, classes, 500) if classes else random.exponential(size=500)
        z = _indicators(of(y), classes > 0)
        draws.append((_blocks(z)[1], _neighbours(z)[1]))
    for p in np.transpose(draws):
        assert stats.kstest(p, "uniform").pvalue > 1e-3


def test_shuffled_files_pass():
    for seed in range(50):
        random = np.random.default_rng(seed)
        assert not check_row_order(table(*clean(500, seed))).checks
        assert not check_row_order(of(random.choice(26, 400))).checks
        assert not check_row_order(of((random.random(1000) < 0.045).astype(int))).checks


@pytest.mark.parametrize("kind", ["classes", "quantity", "runs"])
def test_sorted_files_are_an_info(kind):
    random = np.random.default_rng(0)
    y = {
        "classes": np.sort(random.integers(0, 3, 300)),
        "quantity": np.sort(random.normal(size=300)),
        "runs": np.repeat(random.integers(0, 2, 60), 10),
    }[kind]
    (check,) = check_row_order(of(y)).checks
    assert (check.name, check.severity) == ("row_order", "info")
    assert check.evidence["sorted"]
    assert "not hurt" in check.meaning


def test_a_file_whose_end_differs_is_a_warning():
    share = np.where(np.arange(3000) < 2400, 0.2, 0.6)
    (check,) = check_row_order(of((np.random.default_rng(0).random(3000) < share).astype(int))).checks
    assert check.severity == "warning"
    assert check.evidence["difference_of_last_tenth"] == pytest.approx(0.36, abs=0.06)
    assert check.evidence["p_value"] < 1e-20
    assert "order of time" in check.meaning


def test_a_file_whose_middle_differs_is_an_info():
    share = np.where(abs(np.arange(3000) - 1500) < 500, 0.55, 0.2)
    share[-300:] = share[:-300].mean()
    (check,) = check_row_order(of((np.random.default_rng(0).random(3000) < share).astype(int))).checks
    assert check.severity == "info"


def test_small_tables_are_said_to_be_skipped():
    assert "at least 100 rows" in check_row_order(table(*clean(60))).skipped[0]
    assert "second class" in check_row_order(of([0] * 190 + [1] * 10)).skipped[0]
    assert check_row_order(table(clean()[0])).checks == ()
