"""A person's loss, parameters and gradients become functions of one float64 vector, or one line says what is amiss."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.parameter_tree import Parameters, finite, gradient_vector, parameters_of
from caviar.diagnosis.quotients import Value, not_float64
from caviar.errors import BadLoss

_CALLS = 3
"""At the same point: a loss that draws random numbers gives itself away."""


@dataclasses.dataclass(frozen=True, eq=False)
class Checked:
    """A loss that can be measured."""

    parameters: Parameters
    start: Numbers
    value: Value
    gradient: Callable[[Numbers], Numbers] | None
    """None where the gradients came as a tree, which holds at the start only."""
    given: Numbers
    """The gradient at the start."""


def checked(loss: Callable[[Any], Any], params: Any, gradients: Any) -> Checked:
    """Everything that a person can get wrong is found here; call it with 64-bit types on.

    Raises:
        BadLoss: the loss is random, no single real number of float64, or not finite; parameters that are not real
            numbers; gradients of another structure or shape; no gradients for a loss that JAX cannot differentiate.
    """
    if not callable(loss):
        raise BadLoss(f"loss must be a function of params, got {type(loss).__name__}. Write lambda params: ….")
    parameters = parameters_of(params)
    start = parameters.vector()
    eager = _eager(loss, parameters, of_jax=parameters.of_jax or gradients is None)
    first = _first_value(loss, parameters, eager, start, differentiated=gradients is None)
    for _ in range(_CALLS - 1):
        again = eager(start)
        if abs(again - first) > 1e-12 * abs(first):
            raise BadLoss(
                f"The loss must give the same value at the same parameters, but it gave {first!r} and then {again!r}. "
                "Turn off dropout and everything else that is random, or fix its random numbers."
            )
    if gradients is None:
        value = _compiled(loss, parameters, start, first)
        if isinstance(value, Exception):
            raise _no_jax_function(value) from value
        gradient = _differentiated(loss, parameters)
        return Checked(parameters, start, value, gradient, gradient(start))
    written_in_jax = isinstance(loss(parameters.tree(start, of_jax=parameters.of_jax)), jax.Array)
    program = _compiled(loss, parameters, start, first) if written_in_jax else None
    value = program if callable(program) else eager
    if not callable(gradients):
        return Checked(parameters, start, value, None, gradient_vector(gradients, parameters))

    def given(theta: Numbers) -> Numbers:
        eager(theta)  # a backward pass may need what its forward pass left behind
        tree = parameters.tree(jnp.asarray(theta) if parameters.of_jax else theta, of_jax=parameters.of_jax)
        return gradient_vector(gradients(tree), parameters)

    slopes = given(start)
    if not np.allclose(given(start), slopes, rtol=1e-9, atol=0):
        raise BadLoss(
            "gradients must give the same values at the same parameters, but two calls differ. Turn off dropout and "
            "everything else that is random, or fix its random numbers."
        )
    return Checked(parameters, start, value, given, slopes)


def _number(came: Any) -> float:
    """The value of a loss.

    Raises:
        BadLoss: it is not one finite number of float64.
    """
    if isinstance(came, float):  # NumPy's float64 is one
        number = float(came)
    else:
        if not (hasattr(came, "dtype") and hasattr(came, "shape")):
            advice = " Return the loss alone." if isinstance(came, tuple | list | dict) else ""
            raise BadLoss(f"The loss must return one real number, got {type(came).__name__}.{advice}")
        if came.shape != ():
            raise BadLoss(
                f"The loss must return one number, got an array of shape {tuple(came.shape)}. Return its mean or sum."
            )
        if not jnp.issubdtype(came.dtype, jnp.floating):
            raise BadLoss(
                f"The loss must return a real number, got one of type {came.dtype}. What is counted has no slope: "
                "use a loss such as cross-entropy."
            )
        if jnp.finfo(came.dtype).bits < 64:
            raise not_float64(f"it returns {came.dtype}")
        number = float(came)
    if not math.isfinite(number):
        raise BadLoss(
            f"The loss must be finite at params and close to them, got {number}. Look for log(0), a division by 0, an "
            "overflowing exp, or move params away from where the loss ends."
        )
    return number


def _eager(loss: Callable[[Any], Any], parameters: Parameters, *, of_jax: bool) -> Value:
    """J as Python computes it."""

    def value(theta: Numbers) -> float:
        return _number(loss(parameters.tree(jnp.asarray(theta) if of_jax else theta, of_jax=of_jax)))

    return value


def _first_value(
    loss: Callable[[Any], Any], parameters: Parameters, eager: Value, start: Numbers, *, differentiated: bool
) -> float:
    """J at the start. A plain function, which may not bear JAX's arrays, is told from one that fails."""
    try:
        return eager(start)
    except BadLoss:
        raise
    except Exception as error:
        if not differentiated or parameters.of_jax:
            raise
        _eager(loss, parameters, of_jax=False)(start)
        raise _no_jax_function(error) from error


def _compiled(loss: Callable[[Any], Any], parameters: Parameters, start: Numbers, first: float) -> Value | Exception:
    """J as JAX compiles it, or why it does not."""
    program = jax.jit(lambda theta: loss(parameters.tree(theta, of_jax=True)))
    try:
        came = _number(program(start))
    except Exception as error:  # whatever a function says that was not written for tracing
        return error
    if abs(came - first) > 1e-9 * abs(first):
        return ValueError(f"compiled it gives {came!r} where it gave {first!r}")
    return lambda theta: _number(program(theta))


def _differentiated(loss: Callable[[Any], Any], parameters: Parameters) -> Callable[[Numbers], Numbers]:
    """JAX's own gradient."""
    program = jax.jit(jax.grad(lambda theta: loss(parameters.tree(theta, of_jax=True))))

    def gradient(theta: Numbers) -> Numbers:
        return finite(np.asarray(program(theta)), parameters)

    return gradient


def _no_jax_function(error: Exception) -> BadLoss:
    told = f"{type(error).__name__}: {error}".split("\n")[0][:160].rstrip(". ")
    return BadLoss(
        "Without gradients, JAX must differentiate the loss, but it is no JAX function. Hand in the gradients that you "
        f"want checked, or write the loss with jax.numpy ({told})."
    )
