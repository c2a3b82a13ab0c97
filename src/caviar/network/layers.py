"""Layers as pure functions: activations in, activations out.

Shapes are those of ONE network and one mini-batch, examples as columns: Z = W A + b. `training` adds the
axis `networks` with vmap. Only dropout takes random numbers, and it is handed them.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float


class Layer(NamedTuple):
    """What one layer learns."""

    w: Float[Array, "*networks units inputs"]
    b: Float[Array, "*networks units"]
    """Bias; with batch norm or layer norm it is the learned mean (the course's beta), since the mean removes b."""
    scale: Float[Array, "*networks units"] | None
    """Gamma of batch norm or layer norm; None without."""


Weights = Any
"""What one network learns: a `Layer` for each hidden layer and the last, or what a user's own `init` gives."""


class Statistics(NamedTuple):
    """Mean and variance of z over a mini-batch, or their moving averages."""

    mean: Float[Array, "*networks units"]
    variance: Float[Array, "*networks units"]


def dense(layer: Layer, a: Float[Array, "inputs batch"]) -> Float[Array, "units batch"]:
    """Z = W A, without the bias: batch norm would remove it."""
    return _product(layer.w, a)


@jax.custom_vjp
def _product(w: Float[Array, "units inputs"], a: Float[Array, "inputs batch"]) -> Float[Array, "units batch"]:
    """W A. Its backward pass transposes W first: on CPU, 10 to 30 % faster than a product that reads W by columns."""
    return w @ a


def _product_forward(w: Array, a: Array) -> tuple[Array, tuple[Array, Array]]:
    return w @ a, (w, a)


def _product_backward(saved: tuple[Array, Array], dz: Array) -> tuple[Array, Array]:
    w, a = saved
    return dz @ a.T, jax.lax.optimization_barrier(w.T) @ dz


_product.defvjp(_product_forward, _product_backward)


def batch_statistics(z: Float[Array, "units batch"], row_weight: Float[Array, " batch"]) -> Statistics:
    """Weighted mean and (biased) variance of every unit over the mini-batch.

    Args:
        z: weighted inputs.
        row_weight: 0 for rows that are only padding or held out, else 1.

    Source: Ioffe & Szegedy 2015, algorithm 1.
    """
    share = row_weight / jnp.maximum(row_weight.sum(), 1)
    mean = z @ share
    return Statistics(mean, jnp.square(z - mean[:, None]) @ share)


def normalize(
    z: Float[Array, "units batch"], layer: Layer, statistics: Statistics, epsilon: Float[Array, ""]
) -> Float[Array, "units batch"]:
    """Gamma * (z - mu) / sqrt(sigma^2 + epsilon) + beta.

    Source: Ioffe & Szegedy 2015, algorithm 1; on z, before the activation, as the course does.
    """
    assert layer.scale is not None
    gain = layer.scale * jax.lax.rsqrt(statistics.variance + epsilon)
    return gain[:, None] * (z - statistics.mean[:, None]) + layer.b[:, None]


def normalize_units(
    z: Float[Array, "units batch"], layer: Layer, on: Bool[Array, " units"], epsilon: Float[Array, ""]
) -> Float[Array, "units batch"]:
    """Layer norm: as `normalize`, with mean and variance over the units of every example.

    Args:
        z: weighted inputs, 0 for units that are off.
        layer: its gamma and beta.
        on: units that are there; padded ones are left out of the statistics.
        epsilon: added to the variance.

    Source: Ba et al. 2016, section 3.
    """
    assert layer.scale is not None
    share = on.astype(z.dtype) / jnp.maximum(on.sum(), 1)
    centred = jnp.where(on[:, None], z - (share @ z)[None, :], 0)
    spread = jax.lax.rsqrt(share @ jnp.square(centred) + epsilon)[None, :]
    return layer.scale[:, None] * centred * spread + layer.b[:, None]


def dropout(
    a: Float[Array, "units batch"], uniform: Float[Array, "units batch"], keep: Float[Array, " units"]
) -> Float[Array, "units batch"]:
    """Keep each unit with chance `keep` and divide by it, so that the mean stays `a`; else 0.

    Args:
        a: activations.
        uniform: random numbers in [0, 1), shared by all networks of a stream.
        keep: keep_prob of each unit, in (0, 1]; 0 for the padded units, which are always off.

    Source: Srivastava et al. 2014, JMLR 15:1929, in its inverted form.
    """
    return jnp.where(uniform < keep[:, None], a / jnp.maximum(keep, 1e-6)[:, None], 0)
