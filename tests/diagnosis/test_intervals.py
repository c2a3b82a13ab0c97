import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from caviar.diagnosis.intervals import (
    Estimate,
    difference,
    mean,
    of_metric,
    paired_gain,
    positive_mean,
    rate,
    share,
    spread_of,
)

REPETITIONS = 300


def covers(estimate: Estimate, truth: float) -> bool:
    return estimate.low <= truth <= estimate.high


def wilson(hits: int, rows: int) -> Estimate:
    return share([hits / rows], rows)


@pytest.mark.parametrize(
    ("hits", "rows", "low", "high"),
    [(81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0.0, 0.1611), (1, 29, 0.0061, 0.1718)],
)
def test_wilson_as_published(hits, rows, low, high):
    """Newcombe 1998, Statistics in Medicine 17:857, table I, method 3."""
    found = wilson(hits, rows)
    assert found.value == pytest.approx(hits / rows)
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert found.rows == rows


@given(st.integers(1, 5_000).flatmap(lambda rows: st.tuples(st.integers(0, rows), st.just(rows))))
def test_wilson_as_scipy_computes_it(counts):
    found = wilson(*counts)
    low, high = stats.binomtest(*counts).proportion_ci(method="wilson")
    assert (found.low, found.high) == (pytest.approx(low, abs=1e-12), pytest.approx(high, abs=1e-12))


@pytest.mark.parametrize(
    ("first", "second", "low", "high"),
    [
        ((48, 80), (56, 70), 0.0524, 0.3339),
        ((3, 10), (9, 10), 0.1705, 0.8090),
        ((2, 7), (6, 7), 0.0582, 0.8062),
        ((0, 29), (5, 56), -0.0381, 0.1926),
        ((0, 20), (0, 10), -0.1611, 0.2775),
        ((0, 20), (10, 10), 0.6791, 1.0),
    ],
)
def test_a_difference_of_shares_as_published(first, second, low, high):
    """Newcombe 1998, Statistics in Medicine 17:873, table II, method 10."""
    found = difference(wilson(*first), wilson(*second))
    assert found.value == pytest.approx(second[0] / second[1] - first[0] / first[1])
    assert (found.low, found.high) == (pytest.approx(low, abs=5e-5), pytest.approx(high, abs=5e-5))
    assert found.rows == min(first[1], second[1])


def test_seeds_widen_a_share_by_their_t_interval():
    """Student's t for 2 degrees of freedom is 4.3027; with endless rows nothing else is left."""
    found = share([0.4, 0.5, 0.6], 10**12)
    half = 4.302653 * 0.1 / math.sqrt(3)
    assert (found.value, found.high - 0.5, 0.5 - found.low) == pytest.approx((0.5, half, half), abs=1e-5)
    wide, narrow = share([0.4, 0.5, 0.6], 100), share([0.5], 100)
    # By hand: variances 0.0025 of rows and 0.01 / 3 of seeds have 2 (0.0025 + 0.00333)^2 / 0.00333^2 = 6.125 degrees.
    q = stats.t.ppf(0.975, 6.125)
    wilson_half = q / (1 + q * q / 100) * math.sqrt(0.0025 + (q / 200) ** 2)
    assert wide.high - 0.5 == pytest.approx(math.hypot(wilson_half, q * 0.1 / math.sqrt(3)), rel=1e-6)
    assert wide.high - wide.low > narrow.high - narrow.low


def test_a_rate_of_one_network_is_wilsons():
    errors = np.zeros((1, 263))
    errors[0, :81] = 1
    assert rate(errors) == share([81 / 263], 263) == wilson(81, 263)


def test_a_rate_without_errors_is_known_as_well_as_by_one_network():
    assert rate(np.zeros((5, 60))) == share([0.0], 60)
    assert (rate(np.ones((2, 30))).low, rate(np.ones((2, 30))).high) == pytest.approx((wilson(30, 30).low, 1))


def test_seeds_that_agree_count_as_one_and_those_that_do_not_as_many():
    row = (np.arange(400) % 4 == 0).astype(float)
    alike = rate(np.tile(row, (4, 1)))
    assert (alike.low, alike.high) == pytest.approx((wilson(100, 400).low, wilson(100, 400).high))
    apart = rate(np.stack([np.roll(row, shift) for shift in range(4)]))
    assert apart.high - apart.low < 0.6 * (alike.high - alike.low)


def test_the_parts_of_the_noise_by_hand():
    """Two-way layout of 2 seeds and 3 rows: means 2, 3, 7 of the rows, 3 and 5 of the seeds."""
    found = spread_of(np.array([[1.0, 2.0, 6.0], [3.0, 4.0, 8.0]]))
    assert found == (4.0, pytest.approx(7 / 3), pytest.approx(1.0), 2, 3)
    crossed = spread_of(np.array([[1.0, -1.0], [-1.0, 1.0]]))  # all is interaction: nothing is left for the seeds
    assert crossed == (0.0, 0.0, 0.0, 2, 2)


def test_a_positive_mean_is_the_t_interval_of_its_logarithm():
    values = np.random.default_rng(9).exponential(size=(1, 61))
    found = positive_mean(values)
    step = 2.0003 * values.std(ddof=1) / math.sqrt(61) / values.mean()
    assert math.log(found.high / found.value) == pytest.approx(step, rel=1e-4)
    assert math.log(found.value / found.low) == pytest.approx(step, rel=1e-4)
    assert positive_mean(np.zeros((2, 9))) == Estimate(0.0, 0.0, 0.0, 9)


def test_what_both_estimates_share_cancels_in_their_difference():
    first, second = Estimate(0.2, 0.1, 0.3, 9), Estimate(0.5, 0.4, 0.6, 9)
    apart, together = difference(first, second), difference(first, second, 0.9)
    assert apart.high == pytest.approx(0.3 + 0.1 * math.sqrt(2))
    assert together.high == pytest.approx(0.3 + 0.1 * math.sqrt(0.2))
    assert together.low == pytest.approx(0.3 - 0.1 * math.sqrt(0.2))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=6), st.integers(1, 10_000))
def test_a_share_and_its_interval_lie_between_0_and_1(values, rows):
    found = share(values, rows)
    assert 0 <= found.low <= found.value + 1e-12
    assert found.value - 1e-12 <= found.high <= 1


def shares(stream: np.random.Generator, p: float, seeds: int, rows: int) -> list[float]:
    """The same rows for all seeds, each with its own true error: rows and seeds both make noise."""
    difficulty = stream.random(rows)
    return [float((difficulty < p + 0.03 * stream.normal()).mean()) for _ in range(seeds)]


def test_shares_and_their_differences_cover():
    stream = np.random.default_rng(1)
    hits = gaps = 0
    for _ in range(REPETITIONS):
        train, dev = (share(shares(stream, p, 5, rows), rows) for p, rows in ((0.1, 600), (0.2, 300)))
        hits += covers(dev, 0.2)
        gaps += covers(difference(train, dev), 0.1)
    assert 0.92 < hits / REPETITIONS < 0.99
    assert 0.92 < gaps / REPETITIONS < 0.99


def losses(stream: np.random.Generator, seeds: int, rows: int, *, of_seeds: float) -> np.ndarray:
    """Skewed losses with mean 1: shared by the rows, a part of each seed, a part of each network and row."""
    own = of_seeds * stream.normal(size=(seeds, 1))
    return stream.exponential(size=rows) + own + 0.3 * stream.normal(size=(seeds, rows))


@pytest.mark.parametrize("of_seeds", [0.0, 0.08])
def test_means_and_paired_gains_cover(of_seeds):
    stream = np.random.default_rng(2)
    hits = gains = 0
    for _ in range(REPETITIONS):
        before = losses(stream, 5, 150, of_seeds=of_seeds)
        after = before - 0.2 * stream.exponential(size=150) + of_seeds / 2 * stream.normal(size=(5, 1))
        hits += covers(mean(before), 1)
        gains += covers(paired_gain(before, after), 0.2)
    assert 0.91 < hits / REPETITIONS < 0.98
    assert 0.91 < gains / REPETITIONS < 0.98


def test_the_mean_of_constant_rows_is_known_exactly():
    found = mean(np.full((3, 50), 0.25))
    assert (found.value, found.low, found.high) == pytest.approx((0.25, 0.25, 0.25))
    assert found.rows == 50


def test_the_bootstrap_agrees_with_the_normal_interval_for_many_rows():
    values = np.random.default_rng(3).normal(size=(1, 4_000))
    half = 1.96 * values.std(ddof=1) / math.sqrt(4_000)
    for found in (mean(values), paired_gain(values, np.zeros_like(values))):
        assert found.value == pytest.approx(values.mean())
        assert found.high - found.value == pytest.approx(half, rel=0.08)
        assert found.value - found.low == pytest.approx(half, rel=0.08)


def test_noise_of_seeds_alone_is_that_of_their_mean():
    """Seeds that differ and rows that do not: the t interval of three values, whose quantile is 4.303."""
    seeds = np.array([[1.0], [2.0], [6.0]])
    found = paired_gain(np.repeat(seeds, 80, axis=1), np.zeros((3, 80)))
    assert found.value == pytest.approx(3)
    assert found.high - 3 == pytest.approx(4.303 * np.std(seeds, ddof=1) / math.sqrt(3), rel=0.06)


def test_what_is_common_to_both_cancels_in_a_paired_gain():
    before = np.random.default_rng(4).exponential(size=(3, 100))
    found = paired_gain(before, before - 0.01)
    assert (found.low, found.value, found.high) == pytest.approx((0.01, 0.01, 0.01))


def test_a_higher_level_widens_by_the_quantiles_of_t():
    """One seed and 61 rows have 60 degrees of freedom: the table says 2.000 for 95 % and 2.915 for 99.5 %."""
    before = np.random.default_rng(5).normal(size=(1, 61))
    usual, strict = (paired_gain(before, np.zeros((1, 61)), level=level) for level in (0.95, 0.995))
    assert strict.value == usual.value
    assert (strict.high - strict.value) / (usual.high - usual.value) == pytest.approx(2.915 / 2.000, rel=1e-3)


def test_exchanging_both_sides_turns_a_gain_round():
    first, second = np.random.default_rng(6).normal(size=(2, 3, 40))
    one, other = paired_gain(first, second), paired_gain(second, first)
    assert (one.value, one.low, one.high) == pytest.approx((-other.value, -other.high, -other.low))


def test_any_metric_by_resampling_rows():
    """For a mean, the plain bootstrap is the normal interval."""
    values = np.random.default_rng(7).normal(2, 1, 900)
    found = of_metric(lambda weights: np.array([values.mean()]) if weights is None else weights @ values, 900)
    assert (found.value, found.rows) == (values.mean(), 900)
    assert found.low == pytest.approx(values.mean() - 1.96 / 30 * values.std(), abs=0.01)
    assert found.high == pytest.approx(values.mean() + 1.96 / 30 * values.std(), abs=0.01)


def test_a_metric_that_cannot_be_resampled_has_no_interval():
    found = of_metric(lambda weights: np.array([0.5]) if weights is None else np.full(len(weights), np.nan), 10)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.to_json() == {"value": 0.5, "low": None, "high": None, "rows": 10}


def test_an_interval_leaves_out_resamples_where_the_metric_is_not_defined():
    def metric(weights):
        drawn = np.array([1.0]) if weights is None else np.linspace(0, 1, len(weights))
        return np.where(drawn < 0.5, np.nan, drawn)

    found = of_metric(metric, 50)
    assert (found.low, found.high) == pytest.approx((0.5125, 0.9875), abs=1e-3)


def test_the_same_numbers_give_the_same_interval():
    values = np.random.default_rng(8).normal(size=(2, 30))
    first = mean(values)
    mean(np.zeros((2, 31)))
    mean(np.zeros((2, 32)))
    assert mean(values.copy()) == first
