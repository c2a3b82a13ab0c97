import jax
import jax.numpy as jnp
import numpy as np
import pytest

import by_hand
from caviar.network.layers import Layer, Statistics, batch_statistics, dropout, normalize, product

RNG = np.random.default_rng(5)
Z = RNG.normal(3, 2, (4, 10))
GAMMA, BETA = RNG.normal(size=4), RNG.normal(size=4)
EVERY = np.ones(10)


def layer(scale, b):
    return Layer(jnp.zeros((4, 1)), jnp.asarray(b), jnp.asarray(scale))


def normalized(z, gamma, beta, weight, epsilon):
    seen = batch_statistics(z, weight)
    return normalize(z, layer(gamma, beta), seen, jnp.asarray(epsilon, z.dtype))


def test_the_published_formula():
    with jax.enable_x64(True):
        came = normalized(jnp.asarray(Z), GAMMA, BETA, jnp.asarray(EVERY), 1e-3)
        seen = batch_statistics(jnp.asarray(Z), jnp.asarray(EVERY))
    np.testing.assert_allclose(seen.mean, Z.mean(1), rtol=1e-12)
    np.testing.assert_allclose(seen.variance, Z.var(1), rtol=1e-12)
    np.testing.assert_allclose(came, by_hand.batch_norm(Z, GAMMA, BETA, 1e-3, (Z.mean(1), Z.var(1))), rtol=1e-10)


def test_gamma_and_beta_can_restore_z():
    """Course, section 7: gamma = sqrt(sigma^2 + eps), beta = mu."""
    with jax.enable_x64(True):
        came = normalized(jnp.asarray(Z), np.sqrt(Z.var(1) + 0.1), Z.mean(1), jnp.asarray(EVERY), 0.1)
    np.testing.assert_allclose(came, Z, rtol=1e-12)


def test_the_published_backward_pass():
    """Ioffe & Szegedy 2015, section 3, against what automatic differentiation makes of the forward pass."""
    dout = RNG.normal(size=Z.shape)
    with jax.enable_x64(True):

        def total(z, gamma, beta):
            return (normalized(z, gamma, beta, jnp.asarray(EVERY), 0.01) * dout).sum()

        came = jax.grad(total, (0, 1, 2))(jnp.asarray(Z), jnp.asarray(GAMMA), jnp.asarray(BETA))
    for got, wanted in zip(came, by_hand.batch_norm_backward(dout, Z, GAMMA, 0.01), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-11)


def test_rows_of_weight_0_have_no_part():
    padded = np.concatenate([Z, np.full((4, 3), 1e3)], axis=1)
    with jax.enable_x64(True):
        seen = batch_statistics(jnp.asarray(padded), jnp.asarray(np.r_[EVERY, 0, 0, 0]))
        slope = jax.grad(lambda z: normalized(z, GAMMA, BETA, jnp.asarray(np.r_[EVERY, 0, 0, 0]), 0.01)[:, :10].sum())(
            jnp.asarray(padded)
        )
    np.testing.assert_allclose(seen, [Z.mean(1), Z.var(1)], rtol=1e-12)
    assert not np.asarray(slope)[:, 10:].any()


def test_a_mini_batch_without_rows_is_finite():
    z, none = jnp.asarray(Z, jnp.float32), jnp.zeros(10, jnp.float32)
    gamma, beta = GAMMA.astype(np.float32), BETA.astype(np.float32)
    value, slope = jax.value_and_grad(lambda z: normalized(z, gamma, beta, none, 1e-8).sum())(z)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()
    np.testing.assert_array_equal(batch_statistics(z, none), np.zeros((2, 4)))


def test_in_test_mode_one_row_is_enough():
    one = normalize(
        jnp.asarray(Z[:, :1], jnp.float32),
        layer(np.float32(GAMMA), np.float32(BETA)),
        Statistics(jnp.asarray(Z.mean(1), jnp.float32), jnp.asarray(Z.var(1), jnp.float32)),
        jnp.float32(0.01),
    )
    wanted = by_hand.batch_norm(Z, GAMMA, BETA, 0.01, (Z.mean(1), Z.var(1)))[:, :1]
    np.testing.assert_allclose(one, wanted, rtol=1e-4)


def rounded(values, precision):
    return np.asarray(jnp.asarray(values, "f").astype(precision).astype("f"), float)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_product_and_its_gradients_of_rounded_factors(precision):
    w, a, slope = (RNG.normal(size=shape) for shape in ((3, 4), (4, 10), (3, 10)))
    came, backward = jax.vjp(lambda w, a: product(w, a, precision), jnp.asarray(w, "f"), jnp.asarray(a, "f"))
    of_w, of_a = backward(jnp.asarray(slope, "f"))
    assert came.dtype == of_w.dtype == of_a.dtype == np.float32
    w, a, slope = (rounded(values, precision) for values in (w, a, slope))
    for got, wanted in ((came, w @ a), (of_w, slope @ a.T), (of_a, w.T @ slope)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-6)


def test_bfloat16_is_another_product():
    w, a = jnp.asarray(RNG.normal(size=(3, 4)), "f"), jnp.asarray(RNG.normal(size=(4, 10)), "f")
    difference = np.abs(product(w, a, "bfloat16") - product(w, a)).max()
    assert 1e-4 < difference < 5e-2


@pytest.mark.parametrize("rate", [0.0, 0.1, 0.5, 0.9])
def test_dropout_keeps_the_mean(rate):
    """Inverted dropout: kept units are divided by keep_prob; exactly, over an even grid of uniforms."""
    uniform = np.tile((np.arange(1000) + 0.5) / 1000, (4, 1)).astype(np.float32)
    a = jnp.broadcast_to(jnp.asarray([[1.0], [-2.0], [0.0], [3.0]]), (4, 1000))
    came = np.asarray(dropout(a, jnp.asarray(uniform), jnp.full(4, 1 - rate)))
    np.testing.assert_allclose(came.mean(1), [1, -2, 0, 3], rtol=1e-4)
    assert (came[0] == 0).mean() == pytest.approx(rate, abs=1e-3)
    np.testing.assert_allclose(np.unique(came[3][came[3] != 0]), 3 / (1 - rate), rtol=1e-6)


def test_a_unit_without_chance_is_off():
    """Padded units have keep 0: no value and no gradient, not even NaN."""
    keep = jnp.array([0.5, 0.0])
    slope = jax.grad(lambda a: dropout(a, jnp.zeros((2, 3)), keep).sum())(jnp.ones((2, 3)))
    np.testing.assert_array_equal(slope, [[2, 2, 2], [0, 0, 0]])
