import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.network.initializers import INITIALIZERS, standard_normal, starting_matrix


@pytest.mark.parametrize(
    ("name", "spread"),
    [("zeros", 0.0), ("normal", 0.03), ("lecun", 50**-0.5), ("glorot", (2 / 250) ** 0.5), ("he", (2 / 50) ** 0.5)],
)
def test_spread_by_name(name, spread):
    """50 inputs, 200 units: the formula, and what is drawn."""
    w = starting_matrix(name, seed=0, layer=0, outputs=200, inputs=50, scale=0.03)
    np.testing.assert_allclose(w, spread * standard_normal(0, 0, 200, 50), rtol=1e-15)
    assert w.std() == pytest.approx(spread, rel=0.03)
    assert abs(w.mean()) <= 4 * spread / 100


def test_every_initializer_is_tested():
    assert set(INITIALIZERS) == {"zeros", "normal", "lecun", "glorot", "he", "orthogonal"}


@pytest.mark.parametrize(("outputs", "inputs"), [(7, 7), (20, 8), (3, 11), (1, 5)])
def test_orthogonal_weights_keep_lengths(outputs, inputs):
    w = starting_matrix("orthogonal", seed=4, layer=1, outputs=outputs, inputs=inputs, scale=1.0)
    product = w.T @ w if outputs >= inputs else w @ w.T
    np.testing.assert_allclose(product, np.eye(min(outputs, inputs)), atol=1e-12)
    other = starting_matrix("orthogonal", seed=5, layer=1, outputs=outputs, inputs=inputs, scale=1.0)
    assert not np.allclose(w, other)


@settings(max_examples=40)
@given(
    seed=st.integers(0, 2**31 - 1),
    layer=st.integers(0, 5),
    units=st.integers(1, 32),
    inputs=st.integers(1, 20),
    more=st.integers(0, 9),
)
def test_a_draw_does_not_depend_on_what_follows(seed, layer, units, inputs, more):
    """17 units of 32 are the 17 of 17."""
    large = standard_normal(seed, layer, units + more, inputs + more)
    np.testing.assert_array_equal(large[:units, :inputs], standard_normal(seed, layer, units, inputs))


def test_seeds_layers_and_units_have_streams_of_their_own():
    draws = {
        standard_normal(seed, layer, 4, 6)[unit].tobytes()
        for seed in range(5)
        for layer in range(3)
        for unit in range(4)
    }
    assert len(draws) == 60
    flat = np.array([np.frombuffer(d) for d in draws])
    assert np.abs(np.corrcoef(flat)[np.triu_indices(60, 1)]).mean() < 0.5


def test_a_draw_is_a_standard_normal():
    from scipy.stats import kstest

    assert kstest(standard_normal(3, 1, 100, 100).ravel(), "norm").pvalue > 0.001


def test_a_draw_cannot_be_written_to():
    """It is shared by all networks of a seed."""
    with pytest.raises(ValueError, match="read-only"):
        standard_normal(0, 0, 2, 2)[0, 0] = 1
