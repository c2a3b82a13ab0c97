"""The forward pass of one network: weights and a mini-batch in, outputs out.

`Architecture` decides what is compiled; `Behaviour` travels through it and may differ between the networks
of one program, as may the true number of units: a layer compiled for 64 units serves 17 by switching
the rest off.
"""

import dataclasses
import itertools
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from caviar.network import layers
from caviar.network.activations import Coefficients, Family, activate
from caviar.network.layers import Layer, Statistics
from caviar.network.losses import OutputName


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What a compiled forward pass is made for."""

    features: int
    units: tuple[int, ...]
    """Units of each hidden layer, padded to the program's width class."""
    outputs: int
    family: Family
    batch_norm: bool
    dropout: bool
    layer_norm: bool = False
    output: OutputName = "softmax"

    @property
    def sizes(self) -> tuple[int, ...]:
        """Features, units of every hidden layer, outputs."""
        return (self.features, *self.units, self.outputs)

    @property
    def products_per_row(self) -> int:
        """Multiplications of one forward pass for one row, padding included: the cost of a network."""
        return sum(inputs * units for inputs, units in itertools.pairwise(self.sizes))

    @property
    def weights(self) -> int:
        """Parameters, padding included."""
        return sum((inputs + 1) * units for inputs, units in itertools.pairwise(self.sizes))

    @property
    def activations(self) -> int:
        """Numbers that a forward pass holds for one row."""
        return sum(self.sizes)


class Behaviour(NamedTuple):
    """What may differ between the forward passes of one program; shapes of one network."""

    units: Int[Array, " layers"]
    """True units of each hidden layer."""
    activation: Coefficients
    """One value per hidden layer in each coefficient."""
    keep: Float[Array, " layers"]
    """keep_prob of each hidden layer, 1 - dropout."""
    norm_epsilon: Float[Array, ""]


class Seen(NamedTuple):
    """What a forward pass leaves beside its outputs."""

    statistics: tuple[Statistics, ...]
    """Of the mini-batch, for the hidden layers that were normalised by it."""
    hidden: tuple[Float[Array, "units batch"], ...]
    """What each hidden layer's activation gives, before dropout; padded units included."""


def forward(
    architecture: Architecture,
    weights: tuple[Layer, ...],
    x: Float[Array, "features batch"],
    behaviour: Behaviour,
    *,
    uniforms: tuple[Float[Array, "_ batch"], ...] | None = None,
    row_weight: Float[Array, " batch"] | None = None,
    statistics: tuple[Statistics, ...] = (),
) -> tuple[Float[Array, "outputs batch"], Seen]:
    """Outputs z of one network for one mini-batch, in training or in test mode.

    Args:
        architecture: what is compiled.
        weights: one Layer per hidden layer, and the last.
        x: inputs, examples as columns.
        behaviour: activations, dropout rates and true widths, traced.
        uniforms: one array of random numbers per hidden layer: dropout is on (training mode).
        row_weight: batch norm uses this mini-batch's statistics, weighted so (training mode).
        statistics: one per hidden layer: batch norm uses these instead (test mode). Where they are given for the
            first layers only, the others use those of the mini-batch.

    Returns:
        z of the last layer, and what was seen on the way.
    """
    seen, hidden = [], []
    a = x
    for number, layer in enumerate(weights[:-1]):
        on = jnp.arange(architecture.units[number]) < behaviour.units[number]
        z = layers.dense(layer, a)
        if architecture.batch_norm:
            if number < len(statistics):
                used = statistics[number]
            else:
                assert row_weight is not None
                used = layers.batch_statistics(z, row_weight)
                seen.append(used)
            z = layers.normalize(z, layer, used, behaviour.norm_epsilon)
        elif architecture.layer_norm:
            z = layers.normalize_units(z, layer, on, behaviour.norm_epsilon)
        else:
            z = z + layer.b[:, None]
        a = activate(z, Coefficients(*(c[number] for c in behaviour.activation)), architecture.family)
        hidden.append(a)
        if architecture.dropout and uniforms is not None:
            keep = jnp.where(on, behaviour.keep[number], 0)
            a = layers.dropout(a, uniforms[number], keep)
        else:
            a = jnp.where(on[:, None], a, 0)
    last = weights[-1]
    return layers.dense(last, a) + last.b[:, None], Seen(tuple(seen), tuple(hidden))
