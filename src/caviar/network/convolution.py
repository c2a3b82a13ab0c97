"""Convolution and pooling of images (channels, height, width, batch), examples last as everywhere.

A convolution is a product: W (filters, inputs) with the patches of the image, one column for every place and example.
So a filter starts, is penalised and is padded like a unit of a dense layer. Measured on 2 cores
(benchmarks/convolutions.py): XLA's own convolution takes 5 to 12 times as long, alone or grouped over networks.
"""

import functools

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from caviar.network.layers import Precision, product


def convolve(
    w: Float[Array, "filters inputs"],
    a: Float[Array, "channels height width batch"],
    *,
    kernel: int,
    stride: int,
    precision: Precision = "float32",
) -> Float[Array, "filters rows columns batch"]:
    """Every filter at every place of the image, which is padded with zeros so that only the stride makes it smaller.

    Args:
        w: one row per filter: channel by channel, each kernel row by row.
        a: images.
        kernel: rows and columns of a filter, odd.
        stride: from one place to the next.
        precision: of the product.

    A correlation, as in every framework.
    """
    _, height, width, batch = a.shape
    z: Array = product(w, _patches(a, kernel, stride), precision)  # pyright: ignore[reportAssignmentType]
    return z.reshape(-1, -(-height // stride), -(-width // stride), batch)


def _patches(
    a: Float[Array, "channels height width batch"], kernel: int, stride: int
) -> Float[Array, "inputs places_batch"]:
    """What a filter sees at every place: rows are (channel, row, column) of the kernel, columns (place, example)."""
    channels, height, width, _ = a.shape
    around = kernel // 2
    padded = jnp.pad(a, ((0, 0), (around, around), (around, around), (0, 0)))
    padded = jax.lax.optimization_barrier(padded)  # or it would be padded anew for every shift
    shifted = [padded[:, y : y + height : stride, x : x + width : stride] for y in range(kernel) for x in range(kernel)]
    return jnp.stack(shifted, axis=1).reshape(channels * kernel**2, -1)


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def max_pool(a: Float[Array, "channels height width batch"], size: int) -> Float[Array, "channels rows columns batch"]:
    """The largest of every square of so many rows and columns; a rest at the edge is left out.

    Where several are the largest the gradient goes to the first, row by row, as in PyTorch. The backward pass is
    written out: a whole step takes two thirds of the time of any that JAX derives.
    """
    return functools.reduce(jnp.maximum, _corners(a, size))


def _corners(a: Array, size: int) -> list[Array]:
    """The pixels of every square, one array for each place in it."""
    rows, columns = (side // size * size for side in a.shape[1:3])
    return [a[:, y:rows:size, x:columns:size] for y in range(size) for x in range(size)]


def _max_pool_forward(a: Array, size: int) -> tuple[Array, tuple[Array, Array]]:
    pooled = functools.reduce(jnp.maximum, _corners(a, size))
    return pooled, (a, pooled)


def _max_pool_backward(size: int, saved: tuple[Array, Array], slope: Array) -> tuple[Array]:
    a, pooled = saved
    free, parts = jnp.ones(pooled.shape, bool), []
    for corner in _corners(a, size):
        largest = corner == pooled
        parts.append(jnp.where(largest & free, slope, 0))
        free = free & ~largest
    channels, rows, columns, batch = pooled.shape
    squares = jnp.stack([jnp.stack(parts[y * size : (y + 1) * size], axis=3) for y in range(size)], axis=2)
    whole = squares.reshape(channels, rows * size, columns * size, batch)
    rest = [(0, 0), (0, a.shape[1] - rows * size), (0, a.shape[2] - columns * size), (0, 0)]
    return (jnp.pad(whole, rest),)


max_pool.defvjp(_max_pool_forward, _max_pool_backward)
