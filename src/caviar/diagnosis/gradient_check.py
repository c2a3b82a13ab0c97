"""Gradient checking: are the gradients with which a network learns those of its loss?

A wrong backward pass often still learns, only worse, and no curve tells. The check measures the slope of J along every
parameter and compares:

    difference = ||g - gapprox|| / (||g|| + ||gapprox||)        correct < 1e-6 <= suspicious <= 1e-3 < wrong

For debugging, never a part of training: two losses for every parameter. Penalties are in J; dropout is off. Source:
course section 4.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.checked_loss import Checked, Parameters, checked
from caviar.diagnosis.gradient_sample import (
    DIRECTIONS,
    along_directions,
    chosen,
    difference_of,
    differing,
    missed_share,
    search,
)
from caviar.diagnosis.gradient_verdict import Coordinate, GradientCheck, LayerCheck, verdict_of, worst_of
from caviar.diagnosis.quotients import CORRECT, Measured, Move, joined, measured
from caviar.errors import BadLoss
from caviar.training.devices import places

_SHOWN = 10
_EPSILONS = (1e-9, 1e-4)


def check_gradients(
    loss: Callable[[Any], Any],
    params: Any,
    gradients: Any = None,
    epsilon: float = 1e-7,
    *,
    steps: int = 0,
    rate: float = 0.1,
    at_most: int = 2_000,
    seed: int = 0,
) -> GradientCheck:
    """Compare the gradients of a loss with its measured slopes, in float64 whatever JAX's setting.

    Args:
        loss: params -> J, one real number: a JAX function, or any other. Penalties are in it; dropout is off.
        params: arrays of real numbers in any tree: dictionaries, tuples, lists, NamedTuples, one array. The functions
            are called with the same tree of float64 arrays, NumPy's where NumPy's came.
        gradients: a tree like params; or a function params -> such a tree; None: JAX's automatic differentiation.
        epsilon: step of the measurement, in [1e-9, 1e-4]. What differs is measured again at 1e-6 and 1e-5.
        steps: check again after so many steps of gradient descent with these gradients, which must be a function or
            None for that.
        rate: learning rate of these steps.
        at_most: coordinates to measure. Of more, a random subset is measured, 30 of every array at least, and beside
            it 16 random directions over all of them.
        seed: of the subset.

    Returns:
        The check; `check.verdict`, `check.worst`, `print(check.describe())`.

    Raises:
        BadLoss: what was handed in cannot be checked; the message says why. Exceptions of the functions pass through.
    """
    _refuse_settings(epsilon, steps, rate, at_most)
    places()
    with jax.enable_x64(True):
        ready = checked(loss, params, gradients)
        if steps and ready.gradient is None:
            raise BadLoss(
                "To check again after steps, gradients must be a function of params, or None for JAX's own; got a "
                "tree, which holds at params only. Leave steps out, or hand in the function."
            )
        plan = _Plan(epsilon, at_most, seed)
        found = _check(ready, ready.start, ready.given, plan)
        if not steps:
            return found
        assert ready.gradient is not None
        theta, slopes = ready.start, ready.given
        for _ in range(steps):
            theta = theta - rate * slopes
            slopes = _after_step(ready, theta, rate)
        after = dataclasses.replace(_check(ready, theta, slopes, plan), steps=steps)
        return dataclasses.replace(found, after=after)


def _refuse_settings(epsilon: float, steps: int, rate: float, at_most: int) -> None:
    least, most = _EPSILONS
    if not least <= epsilon <= most:
        raise BadLoss(f"epsilon must be in [{least:g}, {most:g}], got {epsilon:g}. The course takes 1e-7.")
    if steps < 0:
        raise BadLoss(f"steps must be at least 0, got {steps}.")
    if not 0 < rate < float("inf"):
        raise BadLoss(f"rate must be above 0 and finite, got {rate:g}. It is the learning rate of the steps.")
    if at_most < 1:
        raise BadLoss(f"at_most must be at least 1, got {at_most}. It is how many coordinates are measured.")


def _after_step(ready: Checked, theta: Numbers, rate: float) -> Numbers:
    assert ready.gradient is not None
    try:
        ready.value(theta)
        return ready.gradient(theta)
    except BadLoss as error:
        raise BadLoss(f"Training with rate {rate:g} fails: {error} Lower the rate, or take fewer steps.") from error


class _Plan(NamedTuple):
    """How a point is checked."""

    epsilon: float
    at_most: int
    seed: int


def _check(ready: Checked, theta: Numbers, gradient: Numbers, plan: _Plan) -> GradientCheck:
    """The check at one point."""

    def measure(moves: Any, layer: Any, size: Any) -> Measured:
        return measured(ready.value, theta, gradient, moves, layer=layer, size=size, epsilon=plan.epsilon)

    layers = [np.arange(*bounds) for bounds in ready.parameters.bounds]
    stream = np.random.Generator(np.random.Philox(key=plan.seed))
    places_of = chosen(layers, plan.at_most, stream)
    at, layer = np.concatenate(places_of), np.repeat(np.arange(len(layers)), [len(own) for own in places_of])
    points = measure([Move(np.array([place]), np.ones(1)) for place in at], layer, np.zeros(len(at)))
    whole = difference_of(points, points.told)
    each = [difference_of(points, points.told & (layer == number)) for number in range(len(layers))]
    bound, missed = None, 0.0
    if len(at) < theta.size:
        directions = along_directions(layers, gradient, measure, stream)
        bound, missed = directions.bound, missed_share(plan.at_most - int((~points.told).sum()))
        for number in differing(directions, each):
            place, found = search(layers[number], measure, stream)
            points = joined(points, found)
            at, layer = np.append(at, place), np.append(layer, number)
        whole = max(whole, directions.difference)
        each = [max(pair) for pair in zip(each, directions.of_layers, strict=True)]
    of_layers = [
        _of_layer(ready.parameters, number, each[number], points.told[layer == number]) for number in range(len(each))
    ]
    verdicts: list[Verdict] = [verdict_of(whole), *(one.verdict for one in of_layers if one.verdict is not None)]
    if not points.told.any():
        verdicts.append("suspicious")
    return GradientCheck(
        difference=whole,
        verdict=worst_of(verdicts),
        worst=_worst_coordinates(ready.parameters, points, at),
        layers=tuple(of_layers),
        loss=ready.value(theta),
        parameters=theta.size,
        measured=len(at),
        left_out=int((~points.told).sum()),
        directions=0 if bound is None else DIRECTIONS,
        bound=bound,
        missed=missed,
    )


def _of_layer(parameters: Parameters, number: int, difference: float, told: Any) -> LayerCheck:
    """One array; `told` for each of its coordinates that was measured."""
    start, end = parameters.bounds[number]
    blind = difference < CORRECT and len(told) > 0 and not told.any()
    verdict = None if blind else verdict_of(difference)
    return LayerCheck(parameters.names[number], end - start, len(told), int((~told).sum()), difference, verdict)


def _worst_coordinates(parameters: Parameters, points: Measured, at: Any) -> tuple[Coordinate, ...]:
    """Those that differ beyond doubt first, then those that differ most, then the steepest."""
    apart = np.abs(points.given - points.approximated)
    order = [i for i in np.lexsort((-np.abs(points.given), -apart, -points.off)) if points.told[i]]
    return tuple(
        Coordinate(*parameters.place(int(at[i])), float(points.given[i]), float(points.approximated[i]))
        for i in order[:_SHOWN]
    )
