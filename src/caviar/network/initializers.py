"""Starting weights, drawn on the host so that every device starts from the same bits.

A draw never depends on a padded shape: every unit of every layer has a random stream of its own
(Philox, keyed by the seed, at a counter made of layer and unit), and the first n numbers of a stream
are the same however many follow. So a network of 17 units starts alike in a program made for 32, and
networks with the same seed start from the same draws, scaled by their own initialiser.
"""

from functools import lru_cache
from typing import Literal, assert_never, get_args

import numpy as np

from caviar.arrays import Numbers

InitializerName = Literal["zeros", "normal", "lecun", "glorot", "he", "orthogonal"]
INITIALIZERS: tuple[InitializerName, ...] = get_args(InitializerName)


def starting_matrix(
    name: InitializerName, *, seed: int, layer: int, outputs: int, inputs: int, scale: float
) -> Numbers:
    """Starting weights of one layer, shape (outputs, inputs), float64.

    Args:
        name: normally distributed with standard deviation `zeros` 0 | `normal` scale | `lecun` sqrt(1/inputs) |
            `glorot` sqrt(2/(inputs + outputs)) | `he` sqrt(2/inputs); or `orthogonal`: rows (columns, where there are
            fewer) of length 1 at right angles, so that lengths are kept.
        seed: of the draws.
        layer: number of the layer, from 0.
        outputs: fan-out n[l].
        inputs: fan-in n[l-1].
        scale: used by `normal` only.

    Sources: LeCun et al. 1998; Glorot & Bengio 2010; He et al. 2015; Saxe et al. 2014 (orthogonal). The course calls
    1/n[l-1] Xavier.
    """
    draws = standard_normal(seed, layer, outputs, inputs)
    match name:
        case "zeros":
            return np.zeros_like(draws)
        case "normal":
            return scale * draws
        case "lecun":
            return (1 / inputs) ** 0.5 * draws
        case "glorot":
            return (2 / (inputs + outputs)) ** 0.5 * draws
        case "he":
            return (2 / inputs) ** 0.5 * draws
        case "orthogonal":
            return _orthogonal(draws)
        case _:
            assert_never(name)


def _orthogonal(draws: Numbers) -> Numbers:
    """The orthogonal factor of the draws, with the signs that make it uniform (Mezzadri 2007)."""
    tall = draws if draws.shape[0] >= draws.shape[1] else draws.T
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diag(r) < 0, -1.0, 1.0)
    return q if tall is draws else q.T


@lru_cache(maxsize=64)
def standard_normal(seed: int, layer: int, outputs: int, inputs: int) -> Numbers:
    """Draws of shape (outputs, inputs), one stream per unit; do not write into the result."""
    draws = np.empty((outputs, inputs))
    for unit in range(outputs):
        stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, layer, unit]))
        draws[unit] = stream.standard_normal(inputs)
    draws.flags.writeable = False
    return draws
