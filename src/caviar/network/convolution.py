"""Convolution and pooling of images (channels, height, width, batch), examples last as everywhere."""

import jax.numpy as jnp
from jaxtyping import Array, Float


def convolve(
    w: Float[Array, "filters inputs"], a: Float[Array, "channels height width batch"], *, kernel: int, stride: int
) -> Float[Array, "filters rows columns batch"]:
    """Every filter at every place of the image, which is padded with zeros so that only the stride makes it smaller.

    Args:
        w: one row per filter: channel by channel, each kernel row by row.
        a: images.
        kernel: rows and columns of a filter, odd.
        stride: from one place to the next.

    Source: course 4 of the specialisation; a correlation, as in every framework.
    """
    channels, height, width, batch = a.shape
    around = kernel // 2
    padded = jnp.pad(a, ((0, 0), (around, around), (around, around), (0, 0)))
    patches = jnp.stack(
        [padded[:, y : y + height : stride, x : x + width : stride] for y in range(kernel) for x in range(kernel)],
        axis=1,
    )
    rows, columns = patches.shape[2:4]
    z = w @ patches.reshape(channels * kernel**2, -1)
    return z.reshape(-1, rows, columns, batch)


def max_pool(a: Float[Array, "channels height width batch"], size: int) -> Float[Array, "channels rows columns batch"]:
    """The largest of every square of so many rows and columns; a rest at the edge is left out."""
    if size == 1:
        return a
    channels, height, width, batch = a.shape
    rows, columns = height // size, width // size
    squares = a[:, : rows * size, : columns * size].reshape(channels, rows, size, columns, size, batch)
    return squares.max(axis=(2, 4))
