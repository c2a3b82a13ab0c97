import jax
import jax.numpy as jnp
import numpy as np

import by_hand
import caviar
from caviar.network.layers import Layer
from caviar.training.penalties import Penalties, add_gradient, decay, penalty

RNG = np.random.default_rng(0)
SHAPES = ((4, 3), (2, 4))
M = 50


def layers():
    return tuple(
        Layer(jnp.asarray(RNG.normal(size=s)), jnp.asarray(RNG.normal(size=s[0])), jnp.ones(s[0])) for s in SHAPES
    )


def scalars(l1, l2, weight_decay=0.0):
    """As `plan.hyperparameters` divides them by m."""
    return Penalties(*(jnp.asarray(v, float) for v in (l1 / M, l2 / M, weight_decay)))


def test_what_is_added_to_j():
    with jax.enable_x64(True):
        weights = layers()
        came = penalty(weights, scalars(0.7, 3.0))
    config = caviar.Config(l1=0.7, l2=3.0)
    wanted = by_hand.penalty([{"w": np.asarray(layer.w)} for layer in weights], config, M)
    np.testing.assert_allclose(came, wanted, rtol=1e-12)


def test_the_gradient_is_that_of_j():
    with jax.enable_x64(True):
        weights, own = layers(), scalars(0.7, 3.0)
        slopes = jax.grad(lambda w: penalty(w, own))(weights)
        zeros = jax.tree.map(jnp.zeros_like, weights)
        came = add_gradient(zeros, weights, own)
        twice = add_gradient(came, weights, own)
    for got, wanted, double in zip(came, slopes, twice, strict=True):
        np.testing.assert_allclose(got.w, wanted.w, rtol=1e-12)
        np.testing.assert_allclose(double.w, 2 * np.asarray(wanted.w), rtol=1e-12)
        assert not np.asarray(got.b).any()
        assert not np.asarray(got.scale).any()


def test_l1_leaves_a_zero_at_zero():
    with jax.enable_x64(True):
        still = (Layer(jnp.zeros((2, 2)), jnp.zeros(2), None),)
        assert not np.asarray(add_gradient(still, still, scalars(5.0, 5.0))[0].w).any()


def test_weight_decay_is_decoupled():
    """W (1 - rate * decay); biases and batch norm's gamma stay."""
    with jax.enable_x64(True):
        weights = layers()
        came = decay(weights, jnp.asarray(0.1), scalars(0.0, 0.0, 0.25))
    for got, old in zip(came, weights, strict=True):
        np.testing.assert_allclose(got.w, np.asarray(old.w) * 0.975, rtol=1e-12)
        np.testing.assert_array_equal(got.b, old.b)
        np.testing.assert_array_equal(got.scale, old.scale)


def test_networks_of_a_lane_in_numpy():
    """NumPy arrays with the axis `networks`, as before the first step."""
    many = tuple(Layer(RNG.normal(size=(3, *s)), np.zeros((3, s[0])), None) for s in SHAPES)  # pyright: ignore
    l1, l2 = np.array([0.0, 1.0, 2.0]), np.array([3.0, 0.0, 1.0])
    came = penalty(many, Penalties(l1 / M, l2 / M, np.zeros(3)), networks=1)  # pyright: ignore
    for number in range(3):
        config = caviar.Config(l1=l1[number], l2=l2[number])
        wanted = by_hand.penalty([{"w": layer.w[number]} for layer in many], config, M)
        np.testing.assert_allclose(came[number], wanted, rtol=1e-12)
