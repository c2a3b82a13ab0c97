"""Convolution and pooling beside SciPy's correlation and plain loops, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import by_hand
import caviar
from caviar.errors import BadConfig
from caviar.network.convolution import convolve, max_pool
from caviar.network.shapes import Convolution, Image, Inputs, layer_shapes

SIZES = st.tuples(st.integers(1, 3), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))


@settings(max_examples=12)
@given(
    size=SIZES,
    filters=st.integers(1, 4),
    kernel=st.sampled_from([1, 3, 5]),
    stride=st.integers(1, 3),
    seed=st.integers(0, 99),
)
def test_every_filter_at_every_place(size, filters, kernel, stride, seed):
    rng = np.random.default_rng(seed)
    a, w = rng.normal(size=size), rng.normal(size=(filters, size[0] * kernel**2))
    with jax.enable_x64(True):
        z = np.asarray(convolve(jnp.asarray(w), jnp.asarray(a), kernel=kernel, stride=stride))
    np.testing.assert_allclose(z, by_hand.convolve(w, a, kernel, stride), rtol=1e-11, atol=1e-12)


@pytest.mark.parametrize(("kernel", "stride"), [(1, 1), (3, 1), (3, 2), (5, 1), (5, 3)])
def test_gradients_beside_differences(kernel, stride):
    """Both gradients of a sum of squares, along random directions, in float64."""
    rng = np.random.default_rng(0)
    a, w = rng.normal(size=(2, 7, 6, 3)), rng.normal(size=(4, 2 * kernel**2))

    def value(w, a):
        return jnp.square(max_pool(convolve(w, a, kernel=kernel, stride=stride), 2)).sum()

    with jax.enable_x64(True):
        of_w, of_a = jax.grad(value, argnums=(0, 1))(jnp.asarray(w), jnp.asarray(a))
        for _ in range(5):
            dw, da = rng.normal(size=w.shape), rng.normal(size=a.shape)
            up, down = (float(value(jnp.asarray(w + s * dw), jnp.asarray(a + s * da))) for s in (1e-6, -1e-6))
            slope = float((of_w * dw).sum() + (of_a * da).sum())
            assert (up - down) / 2e-6 == pytest.approx(slope, rel=1e-6)


@settings(max_examples=15)
@given(size=SIZES, pool=st.integers(1, 4), seed=st.integers(0, 99))
def test_the_largest_of_every_square(size, pool, seed):
    a = np.random.default_rng(seed).normal(size=size)
    np.testing.assert_array_equal(max_pool(jnp.asarray(a, jnp.float32), pool), by_hand.max_pool(a.astype("f"), pool))


def test_shapes_of_all_layers():
    """LeNet-like: 28 x 28 in one channel, two convolutions of 5 x 5, each pooled."""
    inputs = Inputs(784, Image(28, 28, 1))
    two = (Convolution(6, 5, 1, 2), Convolution(16, 5, 1, 2))
    shapes = layer_shapes(inputs, two, (120,), 10, global_pooling=False)
    assert [tuple(shape) for shape in shapes] == [(25, 6, 784), (150, 16, 196), (784, 120, 1), (120, 10, 1)]
    assert layer_shapes(inputs, two, (), 10, global_pooling=True)[-1] == (16, 10, 1)
    odd = layer_shapes(Inputs(105, Image(5, 7, 3)), (Convolution(4, 3, 2, 1),), (), 2, global_pooling=False)
    assert [tuple(shape) for shape in odd] == [(27, 4, 12), (48, 2, 1)]


def test_refused_without_images_and_without_pixels():
    with pytest.raises(BadConfig, match=r"filters needs images, got 1 convolutions for rows of 4 columns. Read images"):
        layer_shapes(Inputs(4), (Convolution(8),), (), 2, global_pooling=False)
    small = Inputs(9, Image(3, 3, 1))
    with pytest.raises(BadConfig, match=r"leave at least one pixel, .* convolution 2 none of 1 x 1 is left"):
        layer_shapes(small, (Convolution(8, pool=2),) * 2, (), 2, global_pooling=False)


def test_a_config_says_what_its_convolutions_are():
    config = caviar.Config(filters=(4, 8), kernel_size=(5, 3), stride=(1, 2), pooling=2)
    assert config.convolutions == (Convolution(4, 5, 1, 2), Convolution(8, 3, 2, 2))
    assert config.layers == 4
    blocks = caviar.Config(filters=(4, 4, 8, 8, 8), residual=True)
    assert [each.pool for each in blocks.convolutions] == [2, 1, 2, 1, 2]
    assert caviar.Config.from_mapping(blocks.to_json()) == blocks
