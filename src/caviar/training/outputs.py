"""What trained networks answer for rows, in test mode, a lane of networks at a time; see `losses.answers`."""

from collections.abc import Iterable, Sequence

import jax
import numpy as np

from caviar.arrays import Numbers
from caviar.network.config import Config
from caviar.network.layers import Statistics, Weights
from caviar.network.model import Architecture
from caviar.network.own import own_network
from caviar.network.shapes import Inputs
from caviar.training import devices, packing, program
from caviar.training.plan import architecture_for, behaviour_of, inputs_of, lane_size, rows_at_once


def outputs(
    networks: Iterable[tuple[Config, Weights, tuple[Statistics, ...]]],
    x: Numbers,
    image: tuple[int, int, int] | None = None,
) -> list[Numbers]:
    """Answers of trained networks: logits, or the standardised prediction.

    Args:
        networks: config, weights and batch norm's statistics of each, as in `Run`.
        x: prepared inputs, shape (rows, features), float32.
        image: height, width and channels, where they are images.

    Returns:
        One array of shape (rows, outputs) per network, in their order.
    """
    asked, on_cpu = list(networks), devices.places()[0].platform == "cpu"
    inputs = inputs_of(x.shape[1], image)
    alike: dict[Architecture, list[int]] = {}
    for number, (config, weights, _) in enumerate(asked):
        # What was trained on a GPU answers anywhere: products of whole factors only make it more exact.
        usable = config.changed(precision="float32") if config.precision == "tfloat32" and on_cpu else config
        alike.setdefault(architecture_for(usable, inputs, _outputs(config, weights, inputs)), []).append(number)
    answers: dict[int, Numbers] = {}
    for architecture, members in alike.items():
        size = lane_size(architecture)
        for first in range(0, len(members), size):
            lane = members[first : first + size]
            together = _lane_outputs([asked[i] for i in lane], architecture, size, x)
            answers.update(zip(lane, together, strict=True))
    return [answers[number] for number in range(len(asked))]


def _outputs(config: Config, weights: Weights, inputs: Inputs) -> int:
    """How many numbers a network answers for a row."""
    return len(weights[-1].b) if config.network is None else own_network(config, inputs).outputs


def _lane_outputs(
    networks: Sequence[tuple[Config, Weights, tuple[Statistics, ...]]],
    architecture: Architecture,
    size: int,
    x: Numbers,
) -> list[Numbers]:
    slots = [networks[slot % len(networks)] for slot in range(size)]
    dtype = x.dtype
    behaviour = packing.stacked([behaviour_of(config) for config, _, _ in slots], dtype)
    lane = jax.device_put(
        (
            packing.padded([weights for _, weights, _ in slots], architecture, dtype),
            packing.padded_statistics([statistics for _, _, statistics in slots], architecture, dtype),
            behaviour,
        ),
        devices.places()[0],
    )
    run = program.outputs(architecture)
    chunk = rows_at_once(architecture)
    came = []
    for first in range(0, len(x), chunk):
        part = x[first : first + chunk]
        columns = np.zeros((x.shape[1], chunk), dtype)
        columns[:, : len(part)] = part.T
        came.append(run(*lane, columns))
    # All chunks are under way before one is waited for: beside lanes in training each would wait for its turn.
    answers = np.empty((len(networks), len(x), architecture.outputs), dtype)
    for number, answer in enumerate(came):
        part = answers[:, number * chunk : (number + 1) * chunk]
        part[:] = np.asarray(answer)[: len(networks), :, : part.shape[1]].transpose(0, 2, 1)
    return list(answers)
