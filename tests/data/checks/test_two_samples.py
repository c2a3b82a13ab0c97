"""Two samples against scipy, against formulas, and against chance."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from caviar.data.checks.two_samples import holm, of_numbers, of_shares


@pytest.mark.parametrize(("n", "m"), [(30, 40), (300, 400)])
def test_numbers_as_scipy_has_them(n, m):
    random = np.random.default_rng(n)
    a, b = random.normal(size=n), random.normal(0.4, 1, m)
    method = "exact" if n * m <= 10_000 else "asymp"
    expected = stats.ks_2samp(a, b, method=method)
    got = of_numbers(a, b)
    assert got.effect == pytest.approx(expected.statistic, abs=1e-12)
    assert got.p_value == pytest.approx(expected.pvalue, rel=1e-9)


@pytest.mark.parametrize(("shift", "large"), [(0.1, False), (0.3, True)])
def test_the_effect_of_a_shifted_normal_column_is_the_formula_s(shift, large):
    random = np.random.default_rng(1)
    got = of_numbers(random.normal(size=100_000), random.normal(shift, 1, 100_000))
    assert got.effect == pytest.approx(2 * stats.norm.cdf(shift / 2) - 1, abs=0.01)
    assert got.large is large


def test_shares_by_hand():
    # Pearson's chi-squared of (30, 70) against (50, 50) is 25/3 with one degree of freedom; n m / (n + m) = 50.
    got = of_shares(np.array([30, 70]), np.array([50, 50]))
    assert got.p_value == pytest.approx(stats.chi2.sf(25 / 3, 1))
    assert got.effect == pytest.approx(((25 / 3 - 1) / 50) ** 0.5)
    assert got.large


def test_two_rare_categories_take_fisher_s_exact_test():
    table = np.array([[0, 100], [4, 16]])
    assert of_shares(*table).p_value == pytest.approx(stats.fisher_exact(table)[1])


def test_rare_categories_are_counted_as_one():
    a, b = np.array([500, 400, 3, 2, 0, 1]), np.array([400, 500, 0, 1, 3, 2])
    joined = of_shares(np.array([500, 400, 6]), np.array([400, 500, 6]))
    assert of_shares(a, b) == joined


def test_categories_that_are_rare_even_together_join_the_rarest_common_one():
    a, b = np.array([10_000, 8_000, 1_998, 1, 0]), np.array([100, 80, 19, 0, 1])
    assert of_shares(a, b) == of_shares(np.array([10_000, 8_000, 1_999]), np.array([100, 80, 20]))
    assert of_shares(a, b).p_value > 0.9


def test_shares_of_a_binned_shift_are_as_large_as_the_shift():
    random = np.random.default_rng(3)
    edges = np.linspace(-2, 2, 20)
    for shift in (0.15, 0.3):
        counts = [np.bincount(np.digitize(random.normal(s, 1, 50_000), edges), minlength=21) for s in (0, shift)]
        assert of_shares(*counts).effect == pytest.approx(shift, abs=0.02)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=6), st.lists(st.integers(0, 50), min_size=6, max_size=6))
def test_shares_always_give_a_probability(first, second):
    first = np.array([*first, *[0] * (6 - len(first))])
    first[0] += 1
    second = np.array(second)
    second[-1] += 1
    got = of_shares(first, second)
    assert 0 <= got.p_value <= 1
    assert 0 <= got.effect < 100
    assert of_shares(first, first).effect == 0


def test_the_level_is_kept():
    """Both tests, on samples of one population, are below 5 % in about 5 % of draws, not more."""
    random = np.random.default_rng(0)
    low = np.zeros(2)
    for _ in range(400):
        a, b = random.normal(size=400), random.normal(size=150)
        low[0] += of_numbers(a, b).p_value < 0.05
        x, y = (np.bincount(random.choice(6, n, p=[0.4, 0.3, 0.15, 0.1, 0.04, 0.01]), minlength=6) for n in (400, 150))
        low[1] += of_shares(x, y).p_value < 0.05
    assert (low <= stats.binom.ppf(0.999, 400, 0.05)).all()
    assert (low >= stats.binom.ppf(0.001, 400, 0.02)).all()


def test_the_level_is_kept_where_a_level_is_rare_and_one_sample_small():
    """One row in 10,000: in a sample of 200 a single one would be a miracle to the chi-squared distribution."""
    random = np.random.default_rng(0)
    p = [0.5, 0.4, 0.0999, 0.0001]
    draws = [[np.bincount(random.choice(4, n, p=p), minlength=4) for n in (20_000, 200)] for _ in range(300)]
    low = sum(of_shares(*draw).p_value < 0.001 for draw in draws)
    assert low <= stats.binom.ppf(0.999, 300, 0.001)


def test_holm_by_hand():
    got = holm({"a": 0.01, "b": 0.04, "c": 0.03, "d": 0.005})
    assert got == pytest.approx({"d": 0.02, "a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.6, "b": 0.9}) == {"a": 1.0, "b": 1.0}
    assert holm({}) == {}
