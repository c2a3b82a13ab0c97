import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import caviar
from caviar.errors import BadConfig
from caviar.training.averages import blend

NUMBERS = st.floats(-1e6, 1e6)
SERIES = hnp.arrays(float, st.integers(1, 40), elements=NUMBERS)
BETAS = st.floats(0, 0.9999)


@given(values=SERIES, beta=BETAS, corrected=st.booleans())
def test_the_recursion(values, beta, corrected):
    """v = beta v + (1 - beta) theta; the correction is read off and never fed back."""
    v, wanted = 0.0, []
    for t, theta in enumerate(values, start=1):
        v = beta * v + (1 - beta) * theta
        wanted.append(v / (1 - beta**t) if corrected else v)
    np.testing.assert_allclose(caviar.ewa(values, beta, corrected), wanted, rtol=1e-6, atol=1e-6)


def test_the_course_s_days():
    """Section 5, beta 0.9: 40, 49 and 45 degrees become 4, 8.5 and 12.15, and corrected 40, 44.7 and 44.8."""
    days = [40.0, 49.0, 45.0]
    np.testing.assert_allclose(caviar.ewa(days, 0.9, bias_correction=False), [4.0, 8.5, 12.15])
    np.testing.assert_allclose(caviar.ewa(days, 0.9), [40, 8.5 / 0.19, 12.15 / 0.271])
    with_098 = caviar.ewa([40.0, 49.0], 0.98, bias_correction=False)
    np.testing.assert_allclose(with_098, [0.8, 0.0196 * 40 + 0.02 * 49])  # the lecture's v2


@given(one=SERIES, data=st.data(), beta=BETAS, scale=st.floats(-100, 100))
def test_it_is_linear(one, data, beta, scale):
    other = data.draw(hnp.arrays(float, len(one), elements=NUMBERS))
    together = caviar.ewa(one + scale * other, beta)
    np.testing.assert_allclose(together, caviar.ewa(one, beta) + scale * caviar.ewa(other, beta), rtol=1e-6, atol=1e-3)


@given(values=SERIES, beta=BETAS, constant=NUMBERS)
def test_a_corrected_average_lies_among_its_values(values, beta, constant):
    came = caviar.ewa(values, beta)
    slack = 1e-9 * (1 + np.abs(values).max()) / (1 - beta)
    assert (came <= np.maximum.accumulate(values) + slack).all()
    assert (came >= np.minimum.accumulate(values) - slack).all()
    np.testing.assert_allclose(caviar.ewa(np.full(9, constant), beta), constant, rtol=1e-9, atol=1e-9)


def test_columns_are_averaged_alone():
    values = np.random.default_rng(0).normal(size=(20, 3, 2))
    came = caviar.ewa(values, 0.8)
    assert came.shape == values.shape
    np.testing.assert_allclose(came[:, 1, 0], caviar.ewa(values[:, 1, 0], 0.8))
    assert caviar.ewa([], 0.9).shape == (0,)
    np.testing.assert_array_equal(caviar.ewa([3, 5], 0.0), [3.0, 5.0])


def test_one_step_in_a_program():
    assert float(blend(jnp.float32(2.0), jnp.float32(10.0), jnp.float32(0.75))) == 4.0


@pytest.mark.parametrize("beta", [1, -0.1, 1.5, float("nan")])
def test_a_beta_that_cannot_be(beta):
    with pytest.raises(BadConfig, match=rf"beta of caviar.ewa must be in \[0, 1\), got {beta}. It averages about"):
        caviar.ewa([1.0, 2.0], beta)


def test_a_single_number():
    with pytest.raises(BadConfig, match=r"needs a series of values along the first axis, got the single number 3"):
        caviar.ewa(3.0, 0.9)
