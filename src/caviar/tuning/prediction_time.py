"""How long predictions take on this machine: told beside a front, never an objective, for no clock says it twice."""

import time

import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.network.layers import Statistics
from caviar.training.drive import starting_weights
from caviar.training.outputs import outputs
from caviar.training.packing import shapes_of
from caviar.training.plan import inputs_of

ROWS, TIMES = 4_096, 5
"""Rows that are predicted at once, and how often; the least counts."""


def microseconds_per_row(config: Config, split: Split) -> float:
    """What `caviar.predict` takes for one row among many, compiled before; preparing the rows is left out.

    Measured with the starting weights: how long a product takes does not depend on its numbers. Networks are padded to
    the widths that are compiled, and computed beside copies of themselves as they are in training.
    """
    statistics = ()
    if config.batch_norm:
        shapes = shapes_of(config, inputs_of(split.width, split.image_shape), split.outputs)[:-1]
        statistics = tuple(Statistics(np.zeros(s.units, np.float32), np.ones(s.units, np.float32)) for s in shapes)  # pyright: ignore[reportArgumentType]
    x = split.x[np.arange(ROWS) % split.rows]
    network = (config, starting_weights(config, split), statistics)
    seconds = []
    for _ in range(1 + TIMES):
        began = time.perf_counter()
        outputs([network], x, split.image_shape)
        seconds.append(time.perf_counter() - began)
    return 1e6 * min(seconds[1:]) / ROWS
