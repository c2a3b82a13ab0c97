import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.watching.shifts import FEWEST, LEVEL, beyond_trend, mean_of


def ar1(rng, n, rho, sigma=1.0):
    """AR(1) noise of standard deviation sigma, from its stationary distribution on."""
    e = np.empty(n)
    e[0] = rng.normal()
    for t in range(1, n):
        e[t] = rho * e[t - 1] + (1 - rho**2) ** 0.5 * rng.normal()
    return sigma * e


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.5])
@pytest.mark.parametrize("n", [FEWEST, 12, 40])
def test_the_mean_of_noise_lies_in_its_interval(n, rho):
    rng = np.random.default_rng(n)
    found = [mean_of(ar1(rng, n, rho)) for _ in range(1_000)]
    assert np.mean([shift.low <= 0 <= shift.high for shift in found]) >= 0.93


def test_of_white_noise_the_interval_is_little_wider_than_that_of_independent_values():
    curve = np.random.default_rng(0).normal(2.0, 0.5, size=300)
    shift = mean_of(curve)
    assert shift.value == pytest.approx(curve.mean())
    half = 1.96 * curve.std(ddof=1) / 300**0.5
    assert half < shift.high - shift.value < 1.25 * half


def test_neighbours_that_are_alike_make_the_interval_wider():
    rng = np.random.default_rng(1)
    white, alike = (
        np.mean([shift.high - shift.low for shift in (mean_of(ar1(rng, 50, rho)) for _ in range(100))])
        for rho in (0.0, 0.5)
    )
    assert alike > 1.3 * white


def test_a_higher_level_makes_it_wider():
    curve = np.random.default_rng(2).normal(size=20)
    usual, strict = mean_of(curve), mean_of(curve, 0.999)
    assert strict.low < usual.low < usual.high < strict.high
    assert mean_of(curve, LEVEL) == usual


@given(
    rate=st.floats(0.01, 0.5),
    power=st.sampled_from([None, 0.3, 1.0, 2.0]),
    n=st.integers(FEWEST, 60),
    began=st.integers(0, 200),
)
def test_a_falling_convex_curve_goes_on_between_the_two_guesses(rate, power, n, began):
    t = np.arange(began + 2 * n, dtype=float)
    curve = (np.exp(-rate * t) if power is None else (t + 1) ** -power)[began:]
    along, level = beyond_trend(curve[:n], curve[n:])
    assert along.value >= -1e-12
    assert level.value <= 1e-12


def test_a_line_goes_on_as_it_is():
    line = np.linspace(5, 1, 40)
    along, level = beyond_trend(line[:20], line[20:])
    assert along.value == pytest.approx(0)
    assert level.value == pytest.approx(line[20:].mean() - line[15:20].mean())
    assert along.low <= 0 <= along.high
