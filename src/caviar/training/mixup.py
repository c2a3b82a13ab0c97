"""Mixup: the share with which every mini-batch is mixed with its own rows one place on.

    x <- s x + (1 - s) x',   t <- s t + (1 - s) t',   s ~ Beta(alpha, alpha), one per step

Shares are computed on the host, as learning rates are: networks of one seed share the uniform number behind them, each
with the quantile of its own alpha. Rows are shuffled, so the next one is a partner drawn at random.

Source: Zhang et al. 2018.
"""

import numpy as np
from scipy.special import betaincinv

from caviar.arrays import Numbers, Whole
from caviar.network.config import Config


def shares(config: Config, steps: Whole, *, steps_per_epoch: int) -> Numbers:
    """The share s of each step.

    Args:
        config: whose alpha and seed are used.
        steps: counted from 1 and without gaps; shape (steps,).
        steps_per_epoch: updates in one pass over the rows.

    Returns:
        float64 array of the shape of `steps`, in [0, 1]; 1 everywhere without mixup.
    """
    if config.mixup == 0 or not len(steps):
        return np.ones(len(steps))
    first, last = (steps[0] - 1) // steps_per_epoch, (steps[-1] - 1) // steps_per_epoch
    drawn = [
        np.random.Generator(np.random.Philox(key=config.seed, counter=[0, 5, epoch, 0])).random(steps_per_epoch)
        for epoch in range(first, last + 1)
    ]
    uniform = np.concatenate(drawn)[steps - 1 - first * steps_per_epoch]
    return betaincinv(config.mixup, config.mixup, uniform)
