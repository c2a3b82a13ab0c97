"""L1 and L2: what they add to the objective J and to its gradient.

    J += (l2 / 2m) * sum over layers |W|_F^2 + (l1 / 2m) * sum |W|
    dW += (l2 / m) W + (l1 / 2m) sign(W)

m is the number of training rows, so that lambda means the same at every mini-batch size. Biases and batch
norm's parameters are not penalised; W are the arrays of two or more axes. Source: course section 3.
"""

from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from caviar.arrays import Numbers

T = TypeVar("T", bound=Any)


class Penalties(NamedTuple):
    """Scalars of one network, traced."""

    l1: Float[Array, ""]
    """lambda / m."""
    l2: Float[Array, ""]
    """lambda / m."""
    weight_decay: Float[Array, ""]
    """Decoupled: W -= rate * weight_decay * W, outside the optimiser (Loshchilov & Hutter 2019)."""


def penalty(weights: Any, penalties: Penalties, networks: int = 0) -> Float[Array | Numbers, "*networks"]:
    """What L1 and L2 add to J. Only operators are used, so that NumPy arrays of many networks do as well.

    Args:
        weights: of one network, in any nesting.
        penalties: its own.
        networks: 1 where a leading axis is that of networks.
    """
    matrices = [w for w in jax.tree.leaves(weights) if _penalised(w, networks)]
    squares = sum((w * w).sum(_axes(w, networks)) for w in matrices)
    sizes = sum(abs(w).sum(_axes(w, networks)) for w in matrices)
    return 0.5 * (penalties.l2 * squares + penalties.l1 * sizes)


def add_gradient(gradients: T, weights: T, penalties: Penalties) -> T:
    """Gradients of the loss in, gradients of J out."""
    return jax.tree.map(
        lambda g, w: g + penalties.l2 * w + 0.5 * penalties.l1 * jnp.sign(w) if _penalised(w) else g, gradients, weights
    )


def decay(weights: T, rate: Float[Array, ""], penalties: Penalties) -> T:
    """Decoupled weight decay: W (1 - rate * weight_decay)."""
    return jax.tree.map(lambda w: w * (1 - rate * penalties.weight_decay) if _penalised(w) else w, weights)


def _penalised(w: Array | Numbers, networks: int = 0) -> bool:
    """Whether an array of weights is a matrix, or has more axes; biases, gamma and beta have one."""
    return w.ndim > 1 + networks


def _axes(w: Array | Numbers, networks: int) -> tuple[int, ...]:
    return tuple(range(networks, w.ndim))
