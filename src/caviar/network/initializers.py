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

InitializerName = Literal["zeros", "normal", "lecun", "glorot", "he"]
INITIALIZERS: tuple[InitializerName, ...] = get_args(InitializerName)


def standard_deviation(name: InitializerName, inputs: int, outputs: int, scale: float) -> float:
    """Standard deviation of a layer's starting weights.

    Args:
        name: `zeros` 0 | `normal` scale | `lecun` sqrt(1/inputs) | `glorot` sqrt(2/(inputs + outputs)) |
            `he` sqrt(2/inputs).
        inputs: fan-in n[l-1].
        outputs: fan-out n[l].
        scale: used by `normal` only.

    Sources: LeCun et al. 1998; Glorot & Bengio 2010; He et al. 2015. The course calls 1/n[l-1] Xavier.
    """
    match name:
        case "zeros":
            return 0.0
        case "normal":
            return scale
        case "lecun":
            return (1 / inputs) ** 0.5
        case "glorot":
            return (2 / (inputs + outputs)) ** 0.5
        case "he":
            return (2 / inputs) ** 0.5
        case _:
            assert_never(name)


@lru_cache(maxsize=64)
def standard_normal(seed: int, layer: int, outputs: int, inputs: int) -> Numbers:
    """Draws of shape (outputs, inputs), one stream per unit; do not write into the result."""
    draws = np.empty((outputs, inputs))
    for unit in range(outputs):
        stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 0, layer, unit]))
        draws[unit] = stream.standard_normal(inputs)
    draws.flags.writeable = False
    return draws
