"""The sharpest curvature along which an optimiser's steps do not grow, at a learning rate.

Along an eigenvector of the Hessian with eigenvalue c, J is a parabola and a step is linear. The distance to its bottom
shrinks as long as, with a rate alpha, a gain g on the gradient (1 - beta for momentum as an average, 1 for the sum) and
momentum beta:

| optimiser | c is below |
|---|---|
| sgd | 2 / alpha |
| momentum | 2 (1 + beta) / (alpha g): 38 / alpha at beta 0.9 as an average, 3.8 / alpha as a sum |
| Nesterov | 2 (1 + beta) / (alpha g (1 + 2 beta)) |
| RMSprop, Adam | as sgd and momentum of an average, for the Hessian preconditioned by its steps: P^-1/2 H P^-1/2, \
P = sqrt(s) + epsilon |

s, the average of squared gradients, is not kept with a trained network. It is told from mini-batches at the weights
that were kept, as if the network had stood still there; with the full batch, where a gradient changes from step to step
more than it differs between batches, and with clipped gradients it is not told.

Sources: Polyak 1964; Cohen et al. 2021, appendix A (momentum, Nesterov); Cohen et al. 2022 (Adam).
"""

from typing import assert_never

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.objective import Objective, rows_trained
from caviar.network.config import Config
from caviar.training.optimizers import update_rule
from caviar.training.plan import program_for

_BATCHES = 32


def stability_limit(config: Config, rate: float) -> float:
    """The curvature from which steps of this config grow, by the table above; infinite at rate 0."""
    rule = update_rule(config)
    beta, gain = float(rule.beta1), float(rule.gain)
    with np.errstate(divide="ignore"):
        of_heavy_ball = float(np.divide(2 * (1 + beta), rate * gain))
    match config.optimizer:
        case "sgd" | "momentum" | "rmsprop" | "adam" | "adamw":
            return of_heavy_ball
        case "nesterov":
            return of_heavy_ball / (1 + 2 * beta)
        case _:
            assert_never(config.optimizer)


def preconditioner(objective: Objective, config: Config, split: Split, random: np.random.Generator) -> Numbers | None:
    """P of the table above, shape (size,): all 1 where steps are not divided by anything, None where it is not told."""
    if not update_rule(config).adaptive:
        return np.ones_like(objective.weights)
    rows = rows_trained(config, split)
    size = min(program_for(config, split).batch_size, len(rows))
    if 2 * size > len(rows) or config.clip_norm is not None or config.clip_value is not None:
        return None
    batches = [random.choice(rows, size, replace=False) for _ in range(_BATCHES)]
    squares = [objective.on(split, batch).gradient() ** 2 for batch in batches]
    return np.sqrt(np.mean(squares, axis=0)) + config.epsilon
