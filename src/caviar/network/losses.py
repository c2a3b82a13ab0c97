"""Losses and errors of a mini-batch, one value per example, in stable form.

Outputs are raw (logits or the standardised prediction), shape (outputs, batch).
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int


def softmax_cross_entropy(
    logits: Float[Array, "classes batch"], target: Int[Array, " batch"], smoothing: Float[Array, ""]
) -> Float[Array, " batch"]:
    """-sum_k y_k log softmax(z)_k, with y = (1 - smoothing) * one-hot + smoothing / classes.

    Args:
        logits: z; any finite value (the maximum is subtracted before exp).
        target: class numbers in [0, classes).
        smoothing: in [0, 1); 0 is the plain cross-entropy.

    Source: course section 8; label smoothing Szegedy et al. 2016, section 7.
    """
    chosen = jnp.arange(logits.shape[0])[:, None] == target[None, :]
    y = jnp.where(chosen, 1 - smoothing, 0) + smoothing / logits.shape[0]
    shifted = logits - jax.lax.stop_gradient(logits.max(axis=0, keepdims=True))
    return jnp.log(jnp.exp(shifted).sum(axis=0)) - (y * shifted).sum(axis=0)


def squared_error(prediction: Float[Array, "1 batch"], target: Float[Array, " batch"]) -> Float[Array, " batch"]:
    """(prediction - target)^2 on the standardised target: its mean is the share of variance not explained."""
    return (prediction[0] - target) ** 2


def misclassified(logits: Float[Array, "classes batch"], target: Int[Array, " batch"]) -> Float[Array, " batch"]:
    """1 where the largest output is not the target's class, else 0."""
    return (jnp.argmax(logits, axis=0) != target).astype(logits.dtype)
