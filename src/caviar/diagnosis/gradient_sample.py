"""A gradient check of more parameters than can be measured one by one: a random part, and directions over all of them.

A wrong share of the coordinates shows in a random part; one wrong coordinate hardly does. Along a direction v of random
signs every coordinate takes part: the given slope is off by delta . v, where delta is what the gradient is off, and
(delta . v)^2 is ||delta||^2 on average.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.diagnosis.quotients import CORRECT, Measured, Move, difference

Measure = Callable[[Sequence[Move], Whole, Numbers], Measured]
"""Moves, the layer of each and the size of its slopes in, slopes out; as `quotients.measured`."""

DIRECTIONS = 16
_CONFIDENCE = 0.95
_LEAST = 30
_TRIES = 4


def chosen(layers: Sequence[Whole], at_most: int, stream: np.random.Generator) -> list[Whole]:
    """The coordinates to measure: all, or at random the same share of every layer, but 30 at least."""
    parameters = sum(map(len, layers))
    if parameters <= at_most:
        return list(layers)
    sizes = [min(len(own), max(_LEAST, -(-at_most * len(own) // parameters))) for own in layers]
    return [np.sort(stream.choice(own, size, replace=False)) for own, size in zip(layers, sizes, strict=True)]


def missed_share(measured: int) -> float:
    """With 95 % confidence, the share of wrong coordinates of which so many random ones showed none is at most this."""
    return 1 - (1 - _CONFIDENCE) ** (1 / max(1, measured))


@dataclasses.dataclass(frozen=True, eq=False)
class Directions:
    """What random directions say of all parameters.

    Attributes:
        difference: the estimate of the course's formula for all parameters.
        of_layers: for each layer.
        bound: with 95 % confidence, the difference over all parameters is at most this.
    """

    difference: float
    of_layers: list[float]
    bound: float


def along_directions(
    layers: Sequence[Whole], gradient: Numbers, measure: Measure, stream: np.random.Generator
) -> Directions:
    """Measure each layer along random directions of its own."""
    lengths = np.repeat([np.linalg.norm(gradient[own]) for own in layers], DIRECTIONS)
    of = np.repeat(np.arange(len(layers)), DIRECTIONS)
    found = measure([_signs(layers[n], stream) for n in of.tolist()], of, lengths)
    estimates = [difference_of(found, (of == n) & found.told) for n in range(len(layers))]
    return Directions(difference_of(found, found.told), estimates, _bound(found, float(np.linalg.norm(gradient))))


def search(own: Whole, measure: Measure, stream: np.random.Generator) -> tuple[int, Measured]:
    """A wrong coordinate of a layer whose measured ones are right: the half that differs more, again and again."""
    while len(own) > 1:
        halves = np.array_split(own, 2)
        moves = [_signs(half, stream) for half in halves for _ in range(_TRIES)]
        found = measure(moves, np.zeros(len(moves), int), np.zeros(len(moves)))
        own = halves[int(np.argmax(np.abs(found.given - found.approximated).reshape(2, -1).max(axis=1)))]
    return int(own[0]), measure([Move(own, np.ones(1))], np.zeros(1, int), np.zeros(1))


def difference_of(found: Measured, used: Whole | np.ndarray) -> float:
    """The course's formula over some of the slopes."""
    return difference(found.off[used], found.given[used], found.approximated[used])


def differing(directions: Directions, of_points: Sequence[float]) -> list[int]:
    """The layers of which directions say what no measured coordinate does."""
    pairs = zip(directions.of_layers, of_points, strict=True)
    return [number for number, (all_of_it, part) in enumerate(pairs) if all_of_it >= CORRECT > part]


def _signs(own: Whole, stream: np.random.Generator) -> Move:
    return Move(own, stream.choice([-1.0, 1.0], len(own)))


def _bound(found: Measured, length: float) -> float:
    """||delta|| by the direction on which it shows most, as a difference by the course's formula.

    With random signs, P((delta . v)^2 < t ||delta||^2) <= 1 - (1 - t)^2 / 3 whatever delta is, also summed over layers:
    t is such that all directions show less than their share in 5 % of cases.

    Source: Paley & Zygmund 1932; the fourth moment of a sum of random signs is at most 3 ||delta||^4.
    """
    share = 1 - np.sqrt(3 * (1 - (1 - _CONFIDENCE) ** (1 / DIRECTIONS)))
    error = np.abs(found.given - found.approximated) + found.doubt
    most = float(np.linalg.norm(error.reshape(-1, DIRECTIONS), axis=0).max() / np.sqrt(share))
    shortest = max(length, 2 * length - most)  # ||g|| + ||gapprox||
    return min(1.0, most / shortest) if shortest else float(most > 0)
