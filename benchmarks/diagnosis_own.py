"""Networks of a user's own with one hidden layer, right and with planted faults that no setting of caviar's can make.

`hidden_units` of their configs holds (inputs, units, outputs), for `start` to read.
"""

from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from caviar.network.config import Config

Weights = dict[str, Any]
Rows = Float[Array, "batch features"]


def start(key: Any, config: Config) -> Weights:
    """He's starting weights."""
    inputs, units, outputs = config.hidden_units
    one, two = jax.random.split(key)
    return {
        "w1": jax.random.normal(one, (inputs, units)) * (2 / inputs) ** 0.5,
        "b1": jnp.zeros(units),
        "w2": jax.random.normal(two, (units, outputs)) * (1 / units) ** 0.5,
        "b2": jnp.zeros(outputs),
    }


def right(weights: Weights, x: Rows) -> Array:
    """ReLU units, as they should be."""
    hidden = jax.nn.relu(x @ weights["w1"] + weights["b1"])
    return hidden @ weights["w2"] + weights["b2"]


def frozen(weights: Weights, x: Rows) -> Array:
    """The hidden layer gets no gradient, and starts with weights of which nothing can be made."""
    hidden = jax.nn.relu(x @ jax.lax.stop_gradient(0.02 * weights["w1"]) + jax.lax.stop_gradient(weights["b1"]))
    return hidden @ weights["w2"] + weights["b2"]


def mixed_rows(weights: Weights, x: Rows) -> Array:
    """What an example's neighbour in the batch excites is added to its own."""
    hidden = jax.nn.relu(x @ weights["w1"] + weights["b1"])
    return (hidden + jnp.roll(hidden, 1, axis=0)) @ weights["w2"] + weights["b2"]


def over_the_batch(weights: Weights, x: Rows) -> Array:
    """A softmax over the wrong axis: of the examples of a batch instead of units."""
    hidden = jax.nn.softmax(x @ weights["w1"] + weights["b1"], axis=0)
    return hidden @ weights["w2"] + weights["b2"]


@jax.custom_vjp
def _product(x: Array, w: Array) -> Array:
    """A product whose backward pass has the wrong sign for w."""
    return x @ w


def _forward(x: Array, w: Array) -> tuple[Array, tuple[Array, Array]]:
    return x @ w, (x, w)


def _backward(kept: tuple[Array, Array], g: Array) -> tuple[Array, Array]:
    x, w = kept
    return g @ w.T, -(x.T @ g)


_product.defvjp(_forward, _backward)


def wrong_sign(weights: Weights, x: Rows) -> Array:
    """The hidden layer climbs where it should descend."""
    hidden = jax.nn.relu(_product(x, weights["w1"]) + weights["b1"])
    return hidden @ weights["w2"] + weights["b2"]
