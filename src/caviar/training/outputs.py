"""What trained networks answer for rows, in test mode, a block of networks at a time; see `losses.answers`."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np
from jax.sharding import NamedSharding
from jax.sharding import PartitionSpec as P

from caviar.arrays import Numbers
from caviar.network.activations import family, table
from caviar.network.config import Config
from caviar.network.layers import Statistics
from caviar.network.model import Architecture, Behaviour
from caviar.training import devices, packing, program
from caviar.training.packing import Weights
from caviar.training.plan import output_for, width_class

_CHUNK = 1024


def outputs(networks: Iterable[tuple[Config, Weights, tuple[Statistics, ...]]], x: Numbers) -> list[Numbers]:
    """Answers of trained networks: logits, or the standardised prediction.

    Args:
        networks: config, weights and batch norm's statistics of each, as in `Run`.
        x: prepared inputs, shape (rows, features), float32.

    Returns:
        One array of shape (rows, outputs) per network, in their order.
    """
    asked = list(networks)
    alike: dict[Architecture, list[int]] = {}
    for number, (config, weights, _) in enumerate(asked):
        alike.setdefault(_architecture(config, weights), []).append(number)
    answers: dict[int, Numbers] = {}
    for architecture, members in alike.items():
        size = devices.block_size(architecture.products_per_row)
        for first in range(0, len(members), size):
            block = members[first : first + size]
            for number, answer in zip(block, _block_outputs([asked[i] for i in block], architecture, x), strict=True):
                answers[number] = answer
    return [answers[number] for number in range(len(asked))]


def _architecture(config: Config, weights: Weights) -> Architecture:
    return Architecture(
        features=weights[0].w.shape[1],
        units=tuple(width_class(units) for units in config.hidden_units),
        outputs=weights[-1].w.shape[0],
        family=family(config.activations),
        batch_norm=config.batch_norm,
        dropout=False,
        layer_norm=config.layer_norm,
        output=output_for(config, weights[-1].w.shape[0]),
    )


def _block_outputs(
    networks: Sequence[tuple[Config, Weights, tuple[Statistics, ...]]], architecture: Architecture, x: Numbers
) -> list[Numbers]:
    slots = [networks[slot % len(networks)] for slot in range(devices.block_size(architecture.products_per_row))]
    dtype = x.dtype
    behaviour = packing.stacked(
        [
            Behaviour._make((np.asarray(c.hidden_units, int), table(c.activations), np.ones(c.layers), c.norm_epsilon))
            for c, _, _ in slots
        ],
        dtype,
    )
    across, everywhere = (NamedSharding(devices.mesh(), spec) for spec in (P("networks"), P()))
    block = jax.device_put(
        (
            packing.padded([weights for _, weights, _ in slots], architecture, dtype),
            packing.padded_statistics([statistics for _, _, statistics in slots], architecture, dtype),
            behaviour,
        ),
        across,
    )
    run = program.outputs(architecture)
    answers = np.empty((len(networks), len(x), architecture.outputs), dtype)
    for first in range(0, len(x), _CHUNK):
        part = x[first : first + _CHUNK]
        columns = np.zeros((x.shape[1], _CHUNK), dtype)
        columns[:, : len(part)] = part.T
        answer = np.asarray(run(*block, jax.device_put(columns, everywhere)))
        answers[:, first : first + len(part)] = answer[: len(networks), :, : len(part)].transpose(0, 2, 1)
    return list(answers)
