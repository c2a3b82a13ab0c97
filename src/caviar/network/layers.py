"""Layers as pure functions: activations in, activations out.

Shapes are those of ONE network and one mini-batch, examples as columns: Z = W A + b. `training` adds the
axis `networks` with vmap. Only dropout takes random numbers, and it is handed them.
"""

import functools
from typing import Any, Literal, NamedTuple, assert_never, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

Precision = Literal["float32", "tfloat32", "bfloat16"]
PRECISIONS: tuple[Precision, ...] = get_args(Precision)


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


@functools.partial(jax.custom_vjp, nondiff_argnums=(2,))
def product(
    w: Float[Array, "units inputs"], a: Float[Array, "inputs columns"], precision: Precision = "float32"
) -> Float[Array, "units columns"]:
    """Z = W A, without the bias: batch norm would remove it.

    Its backward pass transposes W first: on CPU, 10 to 30 % faster than a product that reads W by columns.

    Args:
        w: weights.
        a: activations, or patches of images.
        precision: of the factors, forward and backward, see `Config`; sums are of the type of w and a.
    """
    return _multiplied(w, a, precision)


def _multiplied(x: Array, y: Array, precision: Precision) -> Array:
    match precision:
        case "float32":  # `training.devices.compiled` asks for it, or a GPU would take tfloat32
            return x @ y
        case "tfloat32":
            return jnp.matmul(x, y, precision=jax.lax.DotAlgorithmPreset.TF32_TF32_F32)
        case "bfloat16":
            factors = x.astype(jnp.bfloat16), y.astype(jnp.bfloat16)
            return jnp.matmul(*factors, preferred_element_type=x.dtype)
        case _:
            assert_never(precision)


def _product_forward(w: Array, a: Array, precision: Precision) -> tuple[Array, tuple[Array, Array]]:
    return _multiplied(w, a, precision), (w, a)


def _product_backward(precision: Precision, saved: tuple[Array, Array], dz: Array) -> tuple[Array, Array]:
    w, a = saved
    of_w = _multiplied(dz, a.T, precision)
    return of_w, _multiplied(jax.lax.optimization_barrier(w.T), dz, precision)


product.defvjp(_product_forward, _product_backward)


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
