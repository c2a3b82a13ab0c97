"""Difference quotients: the slopes of a loss, measured, and what is left of a given slope's error beyond doubt.

    (J(theta + e v) - J(theta - e v)) / 2e          v: one coordinate, or a direction of signs

At e = 1e-7 a kink of ReLU between the two points, or the round-off of J, easily passes for a wrong gradient. So where
slopes differ they are measured again at 1e-6 and 1e-5 and from either side. What these disagree about among
themselves is no fault of the gradient.

Sources: course section 4; Moré & Wild 2011, for round-off from a table of differences.
"""

import functools
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from caviar.arrays import Mask, Numbers, Whole
from caviar.errors import BadLoss

Value = Callable[[Numbers], float]
"""All parameters in one vector in, J out."""

CORRECT, WRONG = 1e-6, 1e-3
"""Differences below and above which gradients are so."""

_AGAIN = (1e-6, 1e-5)
_COARSE = (1e-3, 1e-2)
"""Steps on which even float32 sees a slope."""
_SAME = CORRECT / 2
"""Relative difference of a slope that need not be measured again; with all of them so the verdict is `correct`."""
_RAY, _RAY_STEP = 16, 1e-8
_SURE = 10
"""Standard deviations of the round-off that a slope must be off before anyone doubts it."""
_BEND = 6**0.5
"""Standard deviations of a bend for one of J, times the step."""
_CANCELLED = 20
"""How many times the bend of J the bends of its kinks may be."""
_JUMPS = 1e-5
"""Jumps of a slope, as a share of J, that float64 does not explain."""


class Move(NamedTuple):
    """What is changed together: one coordinate, or all of a layer by signs."""

    where: Whole
    sign: Numbers


class Measured(NamedTuple):
    """Slopes along moves."""

    given: Numbers
    approximated: Numbers
    off: Numbers
    """What the given slope is off beyond doubt; 0 where kinks or round-off explain it."""
    doubt: Numbers
    """By how much the approximated slope itself may be off; 0 where nobody had reason to ask."""
    told: Mask
    """False where the doubt is too large to tell right from wrong: left out."""


def joined(first: Measured, second: Measured) -> Measured:
    """The slopes of both."""
    return Measured._make(np.append(*pair) for pair in zip(first, second, strict=True))


def difference(off: Numbers, given: Numbers, approximated: Numbers) -> float:
    """The course's formula: ||g - gapprox|| / (||g|| + ||gapprox||); 0 where both are 0."""
    size = float(np.linalg.norm(given) + np.linalg.norm(approximated))
    return float(np.linalg.norm(off)) / size if size else 0.0


def measured(
    value: Value,
    theta: Numbers,
    gradient: Numbers,
    moves: Sequence[Move],
    *,
    layer: Whole,
    size: Numbers,
    epsilon: float,
) -> Measured:
    """Slopes along moves beside those that a gradient gives.

    Args:
        value: J.
        theta: where.
        gradient: of J by theta, as it is given.
        moves: along what.
        layer: of each move; a layer whose slopes agree by the course's formula is not measured again.
        size: of a slope along each move that matters, such as the length of the layer's gradient; 0: its own size.
        epsilon: the first step.

    Raises:
        BadLoss: J is not finite there, or not computed in float64.
    """
    base = value(theta)
    noise = _round_off(value, theta, base)
    slopes = functools.partial(_slopes, value, theta, gradient, base=base)
    given, first, _ = slopes(moves, epsilon)
    off, doubt, told = np.abs(given - first), np.zeros(len(moves)), np.ones(len(moves), bool)
    again = np.flatnonzero(_unsure(given, first, layer))
    if not len(again):
        return Measured(given, first, off, doubt, told)
    others = [slopes([moves[i] for i in again.tolist()], step) for step in _AGAIN]
    g, (_, second, bend), (_, third, wider_bend) = given[again], *others
    _refuse_jumps(first[again], second, third, base, share=len(again) / len(moves))
    # Curvature bends a tenth as much on a tenth of the way; a kink at theta bends alike on every way.
    kink = np.abs(bend - 0.1 * wider_bend) / 0.9
    # Automatic differentiation takes a side at every kink, one by one, where J bends by their sum: they partly cancel.
    beyond = np.maximum(kink - _BEND * _SURE * noise / _AGAIN[0], 0)
    spread = 2 * np.maximum(np.abs(second - third), kink) + _CANCELLED * beyond
    each = np.stack([second, third])
    margins = spread + _SURE * noise / np.array(_AGAIN)[:, None]
    nearest = np.argmin(np.abs(g - each) - margins, axis=0), np.arange(len(again))
    explained = np.abs(g - each[nearest]) <= margins[nearest]
    best = np.where(explained, each[nearest], third)
    doubt[again] = margins[nearest]
    matters = np.where(size[again] > 0, size[again], np.maximum(np.abs(g), np.abs(best)))
    told[again] = ~explained | (doubt[again] <= WRONG * matters)
    if not explained.all() or told.mean() < 0.5:
        amiss = np.where(explained & told[again], 0, np.abs(g - second))
        worst = int(np.argmax(amiss))
        if amiss[worst] > _JUMPS * abs(base):
            _refuse_stairs(slopes, moves[int(again[worst])], second[worst])
    approximated = first.copy()
    approximated[again] = best
    off[again] = np.where(explained, 0, np.abs(g - best))
    return Measured(given, approximated, off, doubt, told)


def _slopes(
    value: Value, theta: Numbers, gradient: Numbers, moves: Sequence[Move], step: float, *, base: float
) -> tuple[Numbers, Numbers, Numbers]:
    """Slopes as given and as measured, and the slope ahead minus the slope behind.

    Steps are those that float64 makes of them: theta + 1e-7 is not 1e-7 away.
    """
    given, approximated, bend = np.empty((3, len(moves)))
    at = theta.copy()
    for number, (where, sign) in enumerate(moves):
        at[where] = theta[where] + step * sign
        ahead, plus = value(at), at[where].copy()
        at[where] = theta[where] - step * sign
        behind, minus = value(at), at[where].copy()
        at[where] = theta[where]
        length = np.abs(plus - minus).mean()
        if length == 0:
            raise BadLoss(
                f"Parameters must be small enough to be moved by {step:g}, got {np.abs(theta[where]).max():g}. Measure "
                "them in a larger unit."
            )
        given[number] = gradient[where] @ (plus - minus) / length
        approximated[number] = (ahead - behind) / length
        bend[number] = (ahead - base - (base - behind)) / (length / 2)
    return given, approximated, bend


def _unsure(given: Numbers, approximated: Numbers, layer: Whole) -> Mask:
    """The slopes that differ, in layers whose difference is not `correct`."""
    unsure = np.zeros(len(given), bool)
    for one in np.unique(layer):
        own = layer == one
        g, a = given[own], approximated[own]
        if difference(g - a, g, a) >= CORRECT:
            unsure[own] = np.abs(g - a) > _SAME * (np.abs(g) + np.abs(a))
    return unsure


def _round_off(value: Value, theta: Numbers, base: float) -> float:
    """The standard deviation of J's round-off, by third differences on a short way on which J is as good as straight.

    Raises:
        BadLoss: every J is a float32.
    """
    sign = np.random.Generator(np.random.Philox(key=1)).choice([-1.0, 1.0], theta.size)
    near = [value(theta + number * _RAY_STEP * sign) for number in range(1, _RAY + 1)]
    far = [value(theta + step * sign) for step in _COARSE]
    if len(set(far + near)) > 2 and all(float(np.float32(one)) == one for one in near + far):
        raise not_float64(f"all its values, such as {base!r}, are float32 numbers")
    # The middle of their sizes: a kink on the way makes a few of them large.
    return max(float(np.median(np.abs(np.diff(near, 3)))) / (0.6745 * 20**0.5), 2**-52 * abs(base))


def _refuse_jumps(first: Numbers, second: Numbers, third: Numbers, base: float, *, share: float) -> None:
    """Jumps of J pass for slopes that are ten times as large on a tenth of the way; kinks never do."""
    jump, later = np.median(np.abs(first - second)), np.median(np.abs(second - third))
    if share > 0.5 and jump > 3 * later and jump > _JUMPS * abs(base):
        raise not_float64(f"its slopes jump by {jump:.2g} when measured closer")


def _refuse_stairs(slopes: Callable[..., tuple[Numbers, ...]], move: Move, near: float) -> None:
    """Where the given slope is right from far and wrong from near, J is a staircase: a curve changes by degrees."""
    closer = near
    for step in (_COARSE[0] / 10, *_COARSE):
        (g,), (far,), _ = slopes([move], step)
        if abs(g - far) < 0.1 * abs(g - near) and abs(g - closer) < 0.5 * abs(g - near):
            raise not_float64(f"it rises in steps: its slope is {far:.3g} over {step:g} and {near:.3g} over 1e-06")
        closer = far


def not_float64(came: str) -> BadLoss:
    """The refusal of a loss whose digits do not suffice."""
    return BadLoss(
        f"The loss must be computed in float64, but {came}. Remove casts to float32 from it (astype, dtype=, "
        "float32 layers); parameters arrive as float64, whatever JAX's global setting, and data of any type may stay."
    )
