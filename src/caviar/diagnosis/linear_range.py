"""How much of a network's tanh and sigmoid units is used where they are nearly straight lines.

Where L2 makes the weights small, z is near 0, and tanh(z) is nearly z: layers of such units compute little more than a
linear model does. That is the course's explanation of why L2 regularises (section 3).
"""

import math
from collections.abc import Callable

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.objective import rows_trained, true_program
from caviar.errors import BadData
from caviar.network.layers import Statistics, Weights
from caviar.network.model import Architecture, Behaviour, forward
from caviar.training import devices, packing
from caviar.training.plan import behaviour_of, rows_at_once
from caviar.training.record import Run

LINEAR_UNTIL = 0.5
"""|z| up to which tanh counts as linear: tanh(z) is within 8 % of z, and its slope above 0.78 of the slope at 0.
For the sigmoid, (1 + tanh(z / 2)) / 2, it is twice as much."""

_CURVED = ("tanh", "sigmoid")


def share_linear(run: Run, split: Split) -> Numbers:
    """The share of answers in the linear range, for each hidden layer: over its units and the rows trained on.

    Args:
        run: a network with tanh or sigmoid units.
        split: what it was trained on; a sample of at most 1,024 of its rows is used, of 64 images.

    Returns:
        Shape (layers,), in [0, 1]; NaN for layers of other activations.

    Raises:
        BadData: no layer has such units.
    """
    config = run.config
    if config.network is not None or not set(config.activations) & set(_CURVED):
        raise BadData(
            "The share of units in their linear range needs a network with tanh or sigmoid units, got "
            f"{', '.join(dict.fromkeys(config.activations)) or 'none'}. Train one with activation='tanh'."
        )
    devices.places()
    architecture, dtype = true_program(config, split).architecture, split.x.dtype
    trained = np.random.Generator(np.random.Philox(key=0)).permutation(rows_trained(config, split))
    x = split.x[np.sort(trained[: rows_at_once(architecture)])].T
    shares = _shares(architecture)(run.weights, run.statistics, packing.scalars(behaviour_of(config), dtype), x)
    curved = [activation in _CURVED for activation in config.activations]
    return np.where(curved, np.asarray(shares, float), np.nan)


@devices.once
def _shares(architecture: Architecture) -> Callable[..., Float[Array, " layers"]]:
    """The program: the share of every hidden layer's answers that are in the linear range of tanh."""

    def shares(
        weights: Weights, statistics: tuple[Statistics, ...], behaviour: Behaviour, x: Float[Array, "features batch"]
    ) -> Float[Array, " layers"]:
        _, seen = forward(architecture, weights, x, behaviour, statistics=statistics)
        c = behaviour.activation
        answers = [(a - c.r[layer]) / c.q[layer] for layer, a in enumerate(seen.hidden)]
        return jnp.stack([(jnp.abs(t) < math.tanh(LINEAR_UNTIL)).mean() for t in answers])

    return devices.compiled(shares)
