import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st
from scipy.stats import norm
from sklearn.preprocessing import QuantileTransformer

from caviar.data.scaling import LIMIT, SCALES, check_scale, scaled, statistics
from caviar.errors import BadData

RNG = np.random.default_rng(0)
CELLS = st.lists(st.floats(-1e9, 1e9) | st.just(float("nan")), min_size=3, max_size=40)


def test_quantile_is_scikit_learns():
    x = RNG.gamma(0.5, size=5000)
    other = QuantileTransformer(n_quantiles=200, output_distribution="normal", subsample=None).fit(x[:, None])
    new = np.concatenate([RNG.gamma(0.5, size=1000), [x.min() - 1, x.max() + 1]])
    came = scaled(new, statistics(x, "quantile"), "quantile")
    np.testing.assert_allclose(came, other.transform(new[:, None])[:, 0], atol=1e-5)
    assert abs(scaled(x, statistics(x, "quantile"), "quantile").std() - 1) < 0.01


def test_tied_numbers_take_the_middle_of_their_ranks():
    x = np.array([0.0] * 600 + [1.0] * 400)
    came = scaled(np.array([0.0, 1.0, np.nan]), statistics(x, "quantile"), "quantile")
    np.testing.assert_allclose(came, norm.ppf([0.3, 0.8, 0.3]), atol=0.01)


@pytest.mark.parametrize("shift", [0.0, -50.0])
def test_log_by_hand(shift):
    x = RNG.lognormal(3, 2, 500) + shift
    logs = np.log(x) if x.min() > 0 else np.sign(x) * np.log(1 + np.abs(x))
    found = statistics(x, "log")
    np.testing.assert_allclose(scaled(x, found, "log"), (logs - logs.mean()) / logs.std(), rtol=1e-9)
    below = scaled(np.array([-1e300, 0.0, 1e300]), found, "log")
    assert np.isfinite(below).all()
    assert (np.diff(below) >= 0).all()
    if shift == 0:
        assert below[0] == below[1] == scaled(x, found, "log").min()


def test_the_unit_of_positive_numbers_does_not_matter_to_logarithms():
    x = RNG.lognormal(0, 1, 100)
    tiny = x * 2.0**-200
    np.testing.assert_allclose(
        scaled(tiny, statistics(tiny, "log"), "log"), scaled(x, statistics(x, "log"), "log"), rtol=1e-9
    )


@given(cells=CELLS, scale=st.sampled_from([*SCALES, None]))
@example(cells=[0.0, 32.0, 2.2250738585e-313], scale="quantile")  # a slope over so small a gap is infinite
@example(cells=[-1.7e308, 0.0, 1.7e308], scale="quantile")
def test_every_scale_keeps_the_order_and_is_finite(cells, scale):
    x = np.array(cells)
    assume(len(set(x[~np.isnan(x)])) > 1)
    came = scaled(x, statistics(x, scale), scale)
    assert np.isfinite(came).all()
    assert scale is None or np.abs(came).max() <= LIMIT
    known = ~np.isnan(x)
    order = np.argsort(x[known])
    steps = np.diff(came[known][order])
    assert (steps >= -1e-9 * max(1.0, np.abs(came).max())).all()
    np.testing.assert_array_equal(scaled(x[:1], statistics(x, scale), scale), came[:1])


def test_unknown_scales():
    for scale in (*SCALES, None):
        check_scale(scale)
    with pytest.raises(BadData, match=r"got 'quantil'\. Did you mean 'quantile'"):
        check_scale("quantil")
