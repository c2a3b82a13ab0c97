"""One update rule for six optimisers, so that networks with different ones share a compiled program.

    v = beta1 v + gain g                    s = beta2 s + (1 - beta2) g^2
    m = v, or beta1 v + gain g (Nesterov)   v^ = m / (1 - beta1^t), s^ = s / (1 - beta2^t) (Adam only)
    direction = v^ / (sqrt(s^) + epsilon) (RMSprop, Adam), or m

| optimiser | beta1 | gain | adaptive | corrected |
|---|---|---|---|---|
| sgd | 0 | 1 | no | no |
| momentum, Nesterov | momentum | 1 - momentum (`average`) or 1 (`sum`) | no | no |
| RMSprop | 0 | 1 | yes | no |
| Adam, AdamW | beta1 | 1 - beta1 | yes | yes |

It is an optax transformation: the direction is scaled by minus the learning rate outside.
"""

from typing import Any, NamedTuple, assert_never

import jax
import jax.numpy as jnp
import optax
from jaxtyping import Array, Float, Int

from caviar.network.config import Config
from caviar.training.averages import weight_of

_TINY = 1e-12
"""Keeps a correction finite where beta is 1, which is how a step is skipped."""


class UpdateRule(NamedTuple):
    """The coefficients of the rule above; scalars of one network, traced."""

    beta1: Float[Array, ""]
    gain: Float[Array, ""]
    nesterov: Float[Array, ""]
    beta2: Float[Array, ""]
    epsilon: Float[Array, ""]
    adaptive: Float[Array, ""]
    corrected: Float[Array, ""]


class Moments(NamedTuple):
    """What the rule remembers."""

    steps: Int[Array, ""]
    velocity: Any
    square: Any


def update_rule(config: Config) -> UpdateRule:
    """The coefficients for one config, as Python numbers."""
    momentum = config.momentum
    gain = 1 - momentum if config.momentum_form == "average" else 1.0
    beta2 = config.beta2
    match config.optimizer:
        case "sgd":
            return UpdateRule._make((0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0))
        case "momentum":
            return UpdateRule._make((momentum, gain, 0.0, 0.0, 1.0, 0.0, 0.0))
        case "nesterov":
            return UpdateRule._make((momentum, gain, 1.0, 0.0, 1.0, 0.0, 0.0))
        case "rmsprop":
            beta2 = 0.9 if beta2 is None else beta2
            return UpdateRule._make((0.0, 1.0, 0.0, beta2, config.epsilon, 1.0, 0.0))
        case "adam" | "adamw":
            beta2 = 0.999 if beta2 is None else beta2
            return UpdateRule._make((config.beta1, 1 - config.beta1, 0.0, beta2, config.epsilon, 1.0, 1.0))
        case _:
            assert_never(config.optimizer)


def scale_by_rule(rule: UpdateRule) -> optax.GradientTransformation:
    """Gradients in, directions out; learning rate and sign are left to the caller.

    Sources: course section 5; Sutskever et al. 2013 (Nesterov); Tieleman & Hinton 2012 (RMSprop);
    Kingma & Ba 2015 (Adam).
    """

    def init(params: optax.Params) -> Moments:
        zeros = jax.tree.map(jnp.zeros_like, params)
        return Moments(jnp.zeros((), jnp.int32), zeros, zeros)

    def update(
        gradients: optax.Updates, moments: Moments, params: optax.Params | None = None
    ) -> tuple[optax.Updates, Moments]:
        del params
        velocity = jax.tree.map(lambda v, g: rule.beta1 * v + rule.gain * g, moments.velocity, gradients)
        square = jax.tree.map(lambda s, g: rule.beta2 * s + (1 - rule.beta2) * g * g, moments.square, gradients)
        moments = Moments(moments.steps + 1, velocity, square)
        return directions(rule, moments, gradients), moments

    return optax.GradientTransformation(init, update)  # pyright: ignore[reportArgumentType]


def directions(rule: UpdateRule, moments: Moments, gradients: Any) -> Any:
    """The directions of a step, of its gradients and of the moments that already hold them."""
    first = jnp.where(rule.corrected > 0, 1 / jnp.maximum(weight_of(rule.beta1, moments.steps), _TINY), 1)
    second = jnp.where(rule.corrected > 0, 1 / jnp.maximum(weight_of(rule.beta2, moments.steps), _TINY), 1)
    of_velocity = jnp.where(rule.nesterov > 0, rule.beta1, 1) * first
    of_gradient = jnp.where(rule.nesterov > 0, rule.gain, 0)

    def direction(v: Array, s: Array, g: Array) -> Array:
        m = of_velocity * v + of_gradient * g
        return jnp.where(rule.adaptive > 0, m / (jnp.sqrt(second * s) + rule.epsilon), m)

    return jax.tree.map(direction, moments.velocity, moments.square, gradients)
