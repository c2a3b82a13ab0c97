"""L1 and L2: what they add to the objective J and to its gradient.

    J += (l2 / 2m) * sum over layers |W|_F^2 + (l1 / 2m) * sum |W|
    dW += (l2 / m) W + (l1 / 2m) sign(W)

m is the number of training rows, so that lambda means the same at every mini-batch size. Biases and batch
norm's parameters are not penalised. Source: course section 3.
"""

from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float

from caviar.arrays import Numbers
from caviar.network.layers import Layer


class Penalties(NamedTuple):
    """Scalars of one network, traced."""

    l1: Float[Array, ""]
    """lambda / m."""
    l2: Float[Array, ""]
    """lambda / m."""
    weight_decay: Float[Array, ""]
    """Decoupled: W -= rate * weight_decay * W, outside the optimiser (Loshchilov & Hutter 2019)."""


def penalty(weights: tuple[Layer, ...], penalties: Penalties) -> Float[Array | Numbers, "*networks"]:
    """What L1 and L2 add to J. Only operators are used, so that NumPy arrays of many networks do as well."""
    squares = sum((layer.w * layer.w).sum((-2, -1)) for layer in weights)
    sizes = sum(abs(layer.w).sum((-2, -1)) for layer in weights)
    return 0.5 * (penalties.l2 * squares + penalties.l1 * sizes)


def add_gradient(gradients: tuple[Layer, ...], weights: tuple[Layer, ...], penalties: Penalties) -> tuple[Layer, ...]:
    """Gradients of the loss in, gradients of J out."""
    return tuple(
        g._replace(w=g.w + penalties.l2 * layer.w + 0.5 * penalties.l1 * jnp.sign(layer.w))
        for g, layer in zip(gradients, weights, strict=True)
    )


def decay(weights: tuple[Layer, ...], rate: Float[Array, ""], penalties: Penalties) -> tuple[Layer, ...]:
    """Decoupled weight decay: W (1 - rate * weight_decay)."""
    return tuple(layer._replace(w=layer.w * (1 - rate * penalties.weight_decay)) for layer in weights)
