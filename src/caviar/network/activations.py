"""Nine activations as one formula, so that networks with different ones share a compiled program.

    a(z) = z * (up if z > 0 else down) + T * (p * z + q) + r + e * (exp(min(z, 0)) - 1)
    T    = tanh(k1 * z + k3 * z^3)

Every activation is a row of eight coefficients, which are traced. What a program must compute at all
is its *family*: `piecewise` leaves T and exp away, `smooth` leaves exp away. The family of a network
depends on its own configuration alone.

Branches that are not chosen have coefficient 0 and finite values for every finite z (T and exp are
computed from clipped arguments), so that no NaN leaks from one into the other, forward or backward.
"""

import math
from typing import Literal, NamedTuple, assert_never, get_args

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

ActivationName = Literal["linear", "relu", "leaky_relu", "tanh", "sigmoid", "silu", "gelu", "elu", "selu"]
ACTIVATIONS: tuple[ActivationName, ...] = get_args(ActivationName)

Family = Literal["piecewise", "smooth", "exponential"]
_FAMILIES: tuple[Family, ...] = get_args(Family)

_GELU = math.sqrt(2 / math.pi)
_SELU_SCALE, _SELU_ALPHA = 1.0507009873554805, 1.6732632423543772
_SATURATED = 100.0
"""tanh is 1 to the last bit of float64 well before this argument."""


class Coefficients(NamedTuple):
    """The coefficients of the formula above: one value per layer, traced."""

    up: Float[Array, "..."]
    down: Float[Array, "..."]
    k1: Float[Array, "..."]
    k3: Float[Array, "..."]
    p: Float[Array, "..."]
    q: Float[Array, "..."]
    r: Float[Array, "..."]
    e: Float[Array, "..."]


def family(names: tuple[ActivationName, ...]) -> Family:
    """The smallest part of the formula that can compute all of `names`."""
    wanted = 0
    for name in names:
        match name:
            case "linear" | "relu" | "leaky_relu":
                needs = 0
            case "tanh" | "sigmoid" | "silu" | "gelu":
                needs = 1
            case "elu" | "selu":
                needs = 2
            case _:
                assert_never(name)
        wanted = max(wanted, needs)
    return _FAMILIES[wanted]


def coefficients(name: ActivationName) -> tuple[float, ...]:  # noqa: PLR0911  (one per word)
    """The eight coefficients of one activation, in the order of `Coefficients`.

    Sources: leaky ReLU with slope 0.01 (Maas et al. 2013); SiLU z*sigmoid(z) (Elfwing et al. 2018);
    GELU in its tanh form (Hendrycks & Gimpel 2016, section 2); ELU with alpha 1 (Clevert et al. 2016);
    SELU (Klambauer et al. 2017). sigmoid(z) = (1 + tanh(z/2)) / 2.
    """
    match name:
        case "linear":
            return (1, 1, 0, 0, 0, 0, 0, 0)
        case "relu":
            return (1, 0, 0, 0, 0, 0, 0, 0)
        case "leaky_relu":
            return (1, 0.01, 0, 0, 0, 0, 0, 0)
        case "tanh":
            return (0, 0, 1, 0, 0, 1, 0, 0)
        case "sigmoid":
            return (0, 0, 0.5, 0, 0, 0.5, 0.5, 0)
        case "silu":
            return (0.5, 0.5, 0.5, 0, 0.5, 0, 0, 0)
        case "gelu":
            return (0.5, 0.5, _GELU, _GELU * 0.044715, 0.5, 0, 0, 0)
        case "elu":
            return (1, 0, 0, 0, 0, 0, 0, 1)
        case "selu":
            return (_SELU_SCALE, 0, 0, 0, 0, 0, 0, _SELU_SCALE * _SELU_ALPHA)
        case _:
            assert_never(name)


def table(names: tuple[ActivationName, ...]) -> Coefficients:
    """The coefficients of one network's hidden layers, each of shape (layers,)."""
    columns = np.array([coefficients(name) for name in names], float).reshape(len(names), 8).T
    return Coefficients._make(columns)


def activate(z: Float[Array, "units batch"], c: Coefficients, of: Family) -> Float[Array, "units batch"]:
    """Apply the activation that the scalar coefficients `c` describe.

    Args:
        z: weighted inputs, any finite value.
        c: one scalar per coefficient, traced.
        of: which terms of the formula are compiled.

    Returns:
        Activations of the same shape. Where z = 0, the derivative is the one from below.
    """
    a = z * jnp.where(z > 0, c.up, c.down)
    if of == "piecewise":
        return a
    near = jnp.clip(z, -_SATURATED, _SATURATED)
    t = jnp.tanh(near * (c.k1 + c.k3 * near * near))
    a = a + t * (c.p * z + c.q) + c.r
    if of == "smooth":
        return a
    return a + c.e * jnp.expm1(jnp.where(z > 0, 0, z))
