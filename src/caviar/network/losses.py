"""Outputs, losses and errors of a mini-batch, one value per example, in stable form.

What the last layer gives is z, shape (outputs, batch): one row per class, or one row for a number. A target has that
shape: 1 for the class and 0 for the others, or the standardised number.

| loss | per example, p = output(z), summed over the rows of z |
|---|---|
| cross_entropy, softmax | -sum_k t_k log softmax(z)_k |
| cross_entropy, sigmoid | sum_k log(1 + e^z_k) - t_k z_k |
| squared | (p - t)^2; for a standardised number its mean is the share of variance not explained |
| absolute | abs(p - t) |
| huber | e^2 / 2 where e = abs(p - t) <= delta, else delta (e - delta / 2) |
"""

from typing import Literal, assert_never, get_args

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

OutputName = Literal["softmax", "sigmoid", "linear"]
OUTPUTS: tuple[OutputName, ...] = get_args(OutputName)

LossName = Literal["cross_entropy", "squared", "absolute", "huber"]
LOSSES: tuple[LossName, ...] = get_args(LossName)

_LEAST_SHARE = 1e-6
"""Linear outputs above are taken for probabilities."""


def targets(y: Int[Array, " batch"] | Float[Array, " batch"], z: Float[Array, "outputs batch"]) -> Float[Array, "..."]:
    """Targets of the shape of z: one-hot columns for class numbers, the numbers themselves otherwise."""
    if not jnp.issubdtype(y.dtype, jnp.integer):
        return y[None, :]
    return (jnp.arange(z.shape[0])[:, None] == y[None, :]).astype(z.dtype)


def smoothed(target: Float[Array, "classes batch"], smoothing: Float[Array, ""]) -> Float[Array, "classes batch"]:
    """(1 - smoothing) t + smoothing / classes.

    Source: Szegedy et al. 2016, section 7.
    """
    return (1 - smoothing) * target + smoothing / target.shape[0]


def losses(
    z: Float[Array, "outputs batch"],
    target: Float[Array, "outputs batch"],
    *,
    output: OutputName,
    loss: LossName,
    delta: Float[Array, ""],
) -> Float[Array, " batch"]:
    """The loss of every example, by the table above.

    Args:
        z: any finite value.
        target: as `targets` gives them; the columns of classes sum to 1.
        output: what is made of z.
        loss: what is made of that; cross-entropy is not defined for linear outputs.
        delta: of the Huber loss, above 0.

    Sources: course section 8 (softmax, cross-entropy); Huber 1964.
    """
    if loss == "cross_entropy":
        return _sigmoid_cross_entropy(z, target) if output == "sigmoid" else _softmax_cross_entropy(z, target)
    error = _predicted(z, output) - target
    match loss:
        case "squared":
            each = jnp.square(error)
        case "absolute":
            each = jnp.abs(error)
        case "huber":
            size = jnp.abs(error)
            each = jnp.where(size <= delta, 0.5 * jnp.square(jnp.minimum(size, delta)), delta * (size - 0.5 * delta))
        case _:
            assert_never(loss)
    return each.sum(axis=0)


def errors(
    z: Float[Array, "outputs batch"], target: Float[Array, "outputs batch"], *, output: OutputName
) -> Float[Array, " batch"]:
    """Classes: 1 where the largest output is not the target's class, else 0. Numbers: the squared error."""
    if z.shape[0] == 1:
        return jnp.square(_predicted(z, output) - target)[0]
    return (jnp.argmax(z, axis=0) != jnp.argmax(target, axis=0)).astype(z.dtype)


def answers(z: Float[Array, "outputs batch"], output: OutputName) -> Float[Array, "outputs batch"]:
    """What a network says, in one form for all outputs: numbers as they are predicted, classes as logits.

    The softmax of these logits are the network's probabilities: sigmoid outputs are scaled to a sum of 1, linear ones
    likewise, where those below 1e-6 count as next to nothing, in their order.
    """
    if z.shape[0] == 1:
        return _predicted(z, output)
    match output:
        case "softmax":
            return z
        case "sigmoid":
            return jax.nn.log_sigmoid(z)
        case "linear":
            return jnp.log(jnp.maximum(z, _LEAST_SHARE)) + jnp.minimum(z - _LEAST_SHARE, 0)
        case _:
            assert_never(output)


def _predicted(z: Float[Array, "outputs batch"], output: OutputName) -> Float[Array, "outputs batch"]:
    match output:
        case "softmax":
            return jax.nn.softmax(z, axis=0)
        case "sigmoid":
            return jax.nn.sigmoid(z)
        case "linear":
            return z
        case _:
            assert_never(output)


def _softmax_cross_entropy(
    z: Float[Array, "classes batch"], target: Float[Array, "classes batch"]
) -> Float[Array, " batch"]:
    shifted = z - jax.lax.stop_gradient(z.max(axis=0, keepdims=True))
    return jnp.log(jnp.exp(shifted).sum(axis=0)) - (target * shifted).sum(axis=0)


def _sigmoid_cross_entropy(
    z: Float[Array, "classes batch"], target: Float[Array, "classes batch"]
) -> Float[Array, " batch"]:
    return (jnp.logaddexp(z, 0) - target * z).sum(axis=0)
