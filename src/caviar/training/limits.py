"""Bounds: gradients that are cut before the step, and weights that are shortened after it.

    clip_value: every part of the gradient g is cut to [-v, v]
    clip_norm:  g <- g min(1, c / |g|), all parameters in one vector
    max_norm:   each unit's incoming weights w <- w min(1, r / |w|)

Sources: Pascanu et al. 2013 (clipping by norm); Srivastava et al. 2014, section 5.1 (max-norm).
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from caviar.network.layers import Layer, Weights


class Limits(NamedTuple):
    """Scalars of one network, traced; infinite where there is no limit."""

    clip_norm: Float[Array, ""]
    clip_value: Float[Array, ""]
    max_norm: Float[Array, ""]


def clipped(gradients: Weights, limits: Limits) -> Weights:
    """Gradients of J cut by value, then by norm."""
    cut = jax.tree.map(lambda g: jnp.clip(g, -limits.clip_value, limits.clip_value), gradients)
    length = jnp.sqrt(sum(jnp.square(g).sum() for g in jax.tree.leaves(cut)))
    factor = jnp.where(length > limits.clip_norm, limits.clip_norm / length, 1)
    return jax.tree.map(lambda g: factor * g, cut)


def bounded(weights: Weights, limits: Limits) -> Weights:
    """Weights whose rows - each unit's incoming weights - are no longer than the limit."""

    def bound(layer: Layer) -> Layer:
        length = jnp.sqrt(jnp.square(layer.w).sum(axis=1))
        return layer._replace(w=layer.w * jnp.where(length > limits.max_norm, limits.max_norm / length, 1)[:, None])

    return tuple(bound(layer) for layer in weights)
