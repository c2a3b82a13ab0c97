import jax
import jax.numpy as jnp
import numpy as np
import pytest

import by_hand
from caviar.network.activations import ACTIVATIONS, Coefficients, activate, coefficients, family, table

FAMILIES = ("piecewise", "smooth", "exponential")
Z = np.concatenate([np.linspace(-8, 8, 401), [-0.0, 1e-300, 1e-6, -1e-6, 30, -30]])


def families_of(name):
    """The family of the activation, and the larger ones in which it may be compiled."""
    return FAMILIES[FAMILIES.index(family((name,))) :]


def scalars(name, dtype=None):
    return Coefficients(*(jnp.asarray(c, dtype or float) for c in coefficients(name)))


def value_and_slope(name, of, z):
    def total(z):
        a = activate(z, scalars(name, z.dtype), of)
        return a.sum(), a

    slope, a = jax.grad(total, has_aux=True)(z)
    return np.asarray(a), np.asarray(slope)


CASES = [(name, of) for name in ACTIVATIONS for of in families_of(name)]


@pytest.mark.parametrize(("name", "of"), CASES)
def test_the_textbook_formula_and_its_derivative(name, of):
    """Float64; also at 0, where ReLU and its like have the slope from below and ELU and tanh have 1."""
    with jax.enable_x64(True):
        a, slope = value_and_slope(name, of, jnp.asarray(Z)[None, :])
    wanted, derivative = by_hand.activation(name, Z)
    np.testing.assert_allclose(a[0], wanted, rtol=1e-9, atol=1e-14)
    np.testing.assert_allclose(slope[0], derivative, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_the_derivative_by_hand_is_the_numerical_one(name):
    z = np.linspace(-6, 6, 240)  # without 0, where some have a kink
    up, down = (by_hand.activation(name, z + h)[0] for h in (1e-6, -1e-6))
    np.testing.assert_allclose((up - down) / 2e-6, by_hand.activation(name, z)[1], rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize(("name", "of"), CASES)
@pytest.mark.parametrize("size", [1e4, 1e30])
def test_large_arguments_are_finite(name, of, size):
    """No branch that is not chosen leaks inf or NaN, forward or backward, in float32."""
    z = np.array([[size, -size, 0.0, 100.0, -100.0]], np.float32)
    a, slope = value_and_slope(name, of, jnp.asarray(z))
    assert np.isfinite(a).all()
    assert np.isfinite(slope).all()
    wanted, derivative = by_hand.activation(name, z.astype(float))
    np.testing.assert_allclose(a, wanted, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(slope, derivative, rtol=1e-5, atol=1e-6)


def test_published_values():
    """GELU, tanh form (Hendrycks & Gimpel 2016); SELU keeps mean 0 and variance 1 (Klambauer et al. 2017)."""
    for name, z, a in (("gelu", 1.0, 0.8411919906), ("silu", 1.0, 0.7310585786), ("elu", -1.0, -0.6321205588)):
        assert by_hand.activation(name, np.array(z))[0] == pytest.approx(a, rel=1e-9)
    z = np.random.default_rng(0).normal(size=400_000)
    a, _ = by_hand.activation("selu", z)
    assert abs(a.mean()) < 0.005
    assert a.var() == pytest.approx(1, abs=0.01)


def test_families():
    assert family(()) == family(("linear", "relu", "leaky_relu")) == "piecewise"
    assert family(("tanh", "relu")) == family(("sigmoid", "gelu", "silu")) == "smooth"
    assert family(("elu", "tanh")) == family(("relu", "selu")) == "exponential"


def test_one_row_per_layer():
    columns = table(("relu", "tanh", "selu"))
    for number, name in enumerate(("relu", "tanh", "selu")):
        assert tuple(float(c[number]) for c in columns) == coefficients(name)
    assert all(c.shape == (0,) for c in table(()))
