"""What trained networks answer for rows, in test mode, a lane of networks at a time; see `losses.answers`."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np

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
        size = devices.lane_size(architecture.products_per_row)
        for first in range(0, len(members), size):
            lane = members[first : first + size]
            together = _lane_outputs([asked[i] for i in lane], architecture, size, x)
            answers.update(zip(lane, together, strict=True))
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


def _lane_outputs(
    networks: Sequence[tuple[Config, Weights, tuple[Statistics, ...]]],
    architecture: Architecture,
    size: int,
    x: Numbers,
) -> list[Numbers]:
    slots = [networks[slot % len(networks)] for slot in range(size)]
    dtype = x.dtype
    behaviour = packing.stacked(
        [
            Behaviour._make((np.asarray(c.hidden_units, int), table(c.activations), np.ones(c.layers), c.norm_epsilon))
            for c, _, _ in slots
        ],
        dtype,
    )
    lane = jax.device_put(
        (
            packing.padded([weights for _, weights, _ in slots], architecture, dtype),
            packing.padded_statistics([statistics for _, _, statistics in slots], architecture, dtype),
            behaviour,
        ),
        devices.places()[0],
    )
    run = program.outputs(architecture)
    came = []
    for first in range(0, len(x), _CHUNK):
        part = x[first : first + _CHUNK]
        columns = np.zeros((x.shape[1], _CHUNK), dtype)
        columns[:, : len(part)] = part.T
        came.append(run(*lane, columns))
    # All chunks are under way before one is waited for: beside lanes in training each would wait for its turn.
    answers = np.empty((len(networks), len(x), architecture.outputs), dtype)
    for number, answer in enumerate(came):
        part = answers[:, number * _CHUNK : (number + 1) * _CHUNK]
        part[:] = np.asarray(answer)[: len(networks), :, : part.shape[1]].transpose(0, 2, 1)
    return list(answers)
