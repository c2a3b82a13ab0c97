"""Batch norm's statistics for use at test, exactly: mean and variance of z over all rows a network was trained on.

Every hidden layer takes one pass over the rows, with the exact statistics of the layers before it. Chunks are put
together by the formula of Chan et al. 1983 for pooled variances, in float64 on the host.

Source: Ioffe & Szegedy 2015, algorithm 2, with the whole training set in place of sampled mini-batches.
"""

from collections.abc import Callable

import numpy as np
from jaxtyping import Array, Float, Int

from caviar.arrays import Numbers, Whole
from caviar.network.layers import Statistics, Weights
from caviar.network.model import Architecture, forward
from caviar.training import devices
from caviar.training.plan import FILLER, Hyperparameters, rows_at_once
from caviar.training.program import each_network


def exact_statistics(
    architecture: Architecture, weights: Weights, settings: Hyperparameters, x: Numbers, group: Whole
) -> tuple[Statistics, ...]:
    """Mean and variance of z, per hidden layer, for a lane of networks.

    Args:
        architecture: of the lane.
        weights: on its device, with the axis `networks`.
        settings: alike; they say which rows each network was trained on.
        x: the rows, shape (rows, features).
        group: of each row.

    Returns:
        One Statistics of float arrays (networks, units) per hidden layer.
    """
    found: list[Statistics] = []
    chunk = rows_at_once(architecture)
    for _ in architecture.widths:
        rows = mean = deviation = 0.0
        for first in range(0, len(x), chunk):
            columns = np.zeros((x.shape[1], chunk), x.dtype)
            groups = np.full(chunk, FILLER, np.int32)
            part = slice(first, min(first + chunk, len(x)))
            columns[:, : len(x[part])], groups[: len(x[part])] = x[part].T, group[part]
            came = _chunk_statistics(architecture)(weights, settings, tuple(found), columns, groups)
            n, m, v = (np.asarray(value, float) for value in came)
            n = n[:, None]
            both = np.maximum(rows + n, 1)
            deviation = deviation + v * n + (m - mean) ** 2 * rows * n / both
            mean = mean + (m - mean) * n / both
            rows = rows + n
        dtype = x.dtype
        variance = deviation / np.maximum(rows, 1)
        found.append(Statistics(np.asarray(mean, dtype), np.asarray(variance, dtype)))  # pyright: ignore[reportArgumentType]
    return tuple(found)


@devices.once
def _chunk_statistics(architecture: Architecture) -> Callable[..., tuple[Array, Array, Array]]:
    """The program: rows of a chunk that count, mean and variance of the first layer without statistics."""

    def several(
        weights: Weights,
        settings: Hyperparameters,
        known: tuple[Statistics, ...],
        x: Float[Array, "features chunk"],
        group: Int[Array, " chunk"],
    ) -> tuple[Array, Array, Array]:
        def one(w: tuple, h: Hyperparameters, k: tuple) -> tuple[Array, Array, Array]:
            counted = ((group != FILLER) & (group != h.held_out)).astype(x.dtype)
            _, seen = forward(architecture, w, x, h.behaviour, row_weight=counted, statistics=k)
            return counted.sum(), seen.statistics[0].mean, seen.statistics[0].variance

        return each_network(architecture, one)(weights, settings, known)

    return devices.compiled(several)
