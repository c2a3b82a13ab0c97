"""What a network that knows nothing yet loses: the mark against which starts and failures are read."""

import jax.numpy as jnp
import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.network.losses import losses, targets
from caviar.training import devices
from caviar.training.plan import loss_for, output_for, prior_bias

_ROWS = 10_000


def loss_without_signal(config: Config, split: Split) -> float:
    """Mean loss on train rows, without penalties, of a network whose last layer gives its starting bias for every row.

    That is log C for softmax and cross-entropy, C log 2 for sigmoid, 1 - 1/C for softmax and the squared error, the
    variance of the target (1, since it is standardised) for a linear output and a number. With `prior_bias` it is the
    loss of answering the class shares.

    Source: Karpathy 2019, a recipe for training (verify the loss at init).
    """
    devices.places()  # starts JAX as it must be
    some = np.random.Generator(np.random.Philox(key=split.seed)).permutation(split.n_train)[:_ROWS]
    y = jnp.asarray(split.y[np.sort(some)])
    bias = prior_bias(config, split) if config.prior_bias else np.zeros(split.outputs)
    z = jnp.tile(jnp.asarray(bias, jnp.float32)[:, None], (1, len(y)))
    each = losses(
        z,
        targets(y, z),
        output=output_for(config, split.outputs),
        loss=loss_for(config, split.outputs),
        delta=jnp.float32(config.huber_delta),
    )
    return float(np.asarray(each, float).mean())
