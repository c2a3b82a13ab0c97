"""Training in float64, where rounding does not hide what padding would change."""

import jax
import numpy as np

from caviar.training import drive, lanes
from caviar.training.rows import device_data


def curves_in_float64(split, config):
    """The history of one network trained in float64; in this thread, because the setting is this thread's."""
    (lane,) = lanes.lanes([config], split)
    with jax.enable_x64(True):
        rows = jax.device_put(device_data(config.rows, split))
        (arrival,) = drive.drive(lane, split, [config], rows, lambda _share, _ended: None, starts={})
    assert arrival.run.weights[0].w.dtype == np.float64
    return arrival.run
