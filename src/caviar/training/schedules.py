"""How the learning rate changes: alpha times a factor for every step.

With e finished epochs and t the step from 1:

| name | factor | source |
|---|---|---|
| constant | 1 | |
| inverse_time | 1 / (1 + decay_rate e), decay_rate 1 | course section 5 |
| exponential | decay_rate^e, 0.95 | course |
| inverse_sqrt_epoch | 1 / sqrt(e + 1) | course |
| inverse_sqrt_step | 1 / sqrt(t) | course |
| staircase | decay_rate^floor(e / decay_every), 0.5 | course |
| cosine | (1 + cos(pi p)) / 2 | Loshchilov & Hutter 2017 |
| one_cycle | rises by a cosine from 1/25 to 1 in the first 30 %, falls by a cosine to 1/250,000 | Smith & Topin 2018 |

A schedule by hand is a list of (finished epochs, rate): see `Config.schedule`.

p in [0, 1) is the share of the planned steps, warm-up left out, that lies behind. `warmup` epochs multiply every
schedule by a straight line from 0.

Rates are computed on the host in float64 and handed to the compiled program step by step: it need not know schedules,
and a rate can be changed while it runs.
"""

from typing import assert_never

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.network.config import Config

_RISE, _START, _END = 0.3, 1 / 25, 1 / 250_000


_LARGEST = 1e38
"""What float32 holds, about."""


@np.errstate(over="ignore")  # a rate that grows beyond all bounds lets its network diverge
def learning_rates(config: Config, steps: Whole, *, steps_per_epoch: int, epochs: int) -> Numbers:
    """The learning rate of each step.

    Args:
        config: whose schedule, learning rate and warm-up are used.
        steps: t, counted from 1; shape (steps,).
        steps_per_epoch: updates in one pass over the rows.
        epochs: epochs for which the schedule is laid out.

    Returns:
        float64 array of the shape of `steps`.
    """
    t = np.asarray(steps, float)
    e = (steps - 1) // steps_per_epoch
    warm = config.warmup * steps_per_epoch
    p = np.clip((t - 1 - warm) / max(1.0, epochs * steps_per_epoch - warm), 0, 1)
    decay = config.decay_rate
    alpha = config.rate
    match config.schedule:
        case tuple():
            epochs_from, rates = (np.array(part, float) for part in zip(*config.schedule, strict=True))
            alpha, factor = 1.0, np.r_[config.rate, rates][np.searchsorted(epochs_from, e, side="right")]
        case "constant":
            factor = np.ones_like(t)
        case "inverse_time":
            factor = 1 / (1 + (1.0 if decay is None else decay) * e)
        case "exponential":
            factor = (0.95 if decay is None else decay) ** e.astype(float)
        case "inverse_sqrt_epoch":
            factor = 1 / np.sqrt(e + 1)
        case "inverse_sqrt_step":
            factor = 1 / np.sqrt(t)
        case "staircase":
            factor = (0.5 if decay is None else decay) ** (e // config.decay_every).astype(float)
        case "cosine":
            factor = _between(1, 0, p)
        case "one_cycle":
            rising = _between(_START, 1, np.clip(p / _RISE, 0, 1))
            falling = _between(1, _END, np.clip((p - _RISE) / (1 - _RISE), 0, 1))
            factor = np.where(p < _RISE, rising, falling)
        case _:
            assert_never(config.schedule)
    if warm:
        factor = factor * (np.minimum(t, warm) / warm)
    return np.minimum(alpha * factor, _LARGEST)


def _between(start: float, end: float, p: Numbers) -> Numbers:
    """From `start` to `end` along half a cosine while p goes from 0 to 1."""
    return end + (start - end) * (1 + np.cos(np.pi * p)) / 2
