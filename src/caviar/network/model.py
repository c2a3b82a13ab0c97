"""The forward pass of one network: weights and a mini-batch in, outputs out.

`Architecture` decides what is compiled; `Behaviour` travels through it and may differ between the networks
of one program, as may the true number of units: a layer compiled for 64 units serves 17 by switching
the rest off.
"""

import dataclasses
import functools
import math
from collections.abc import Callable
from typing import NamedTuple

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from caviar.network import layers
from caviar.network.activations import Coefficients, Family, activate
from caviar.network.convolution import convolve, max_pool
from caviar.network.layers import Layer, Precision, Statistics, Weights
from caviar.network.losses import OutputName
from caviar.network.own import Own
from caviar.network.shapes import Convolution, Inputs, LayerShape, layer_shapes


@dataclasses.dataclass(frozen=True)
class Architecture:
    """What a compiled forward pass is made for."""

    inputs: Inputs
    units: tuple[int, ...]
    """Units of each dense hidden layer, padded to the program's width class."""
    outputs: int
    family: Family
    batch_norm: bool
    dropout: bool
    layer_norm: bool = False
    output: OutputName = "softmax"
    convolutions: tuple[Convolution, ...] = ()
    """In front of the dense layers, with padded filters."""
    global_pooling: bool = False
    residual: bool = False
    precision: Precision = "float32"
    own: Own | None = None
    """A network of the user's own in place of all these layers."""

    @functools.cached_property
    def shapes(self) -> tuple[LayerShape, ...]:
        """Of every layer, padding included; () for a network of the user's own."""
        if self.own is not None:
            return ()
        return layer_shapes(
            self.inputs, self.convolutions, self.units, self.outputs, global_pooling=self.global_pooling
        )

    @property
    def widths(self) -> tuple[int, ...]:
        """Units or filters of every hidden layer."""
        return tuple(shape.units for shape in self.shapes[:-1])

    @property
    def products_per_row(self) -> int:
        """Multiplications of one forward pass for one row, padding included: the cost of a network."""
        if self.own is not None:
            return self.own.products
        return sum(shape.inputs * shape.units * shape.places for shape in self.shapes)

    @property
    def matrices(self) -> int:
        """Arrays of two or more axes among the weights: a W for every layer."""
        return len(self.shapes) if self.own is None else sum(len(shape) > 1 for shape in self.own.shapes)

    @property
    def weights(self) -> int:
        """Parameters, padding included."""
        if self.own is not None:
            return sum(math.prod(shape) for shape in self.own.shapes)
        return sum((shape.inputs + 1) * shape.units for shape in self.shapes)

    @property
    def activations(self) -> int:
        """Numbers that a forward pass computes for one row."""
        if self.own is not None:
            return self.inputs.features + self.own.activations
        patches = sum(shape.inputs * shape.places for shape in self.shapes[: len(self.convolutions)])
        return self.inputs.features + patches + sum(shape.units * shape.places for shape in self.shapes)


class Behaviour(NamedTuple):
    """What may differ between the forward passes of one program; shapes of one network."""

    units: Int[Array, " layers"]
    """True units or filters of each hidden layer."""
    activation: Coefficients
    """One value per hidden layer in each coefficient."""
    keep: Float[Array, " layers"]
    """keep_prob of each hidden layer, 1 - dropout."""
    norm_epsilon: Float[Array, ""]


class Seen(NamedTuple):
    """What a forward pass leaves beside its outputs."""

    statistics: tuple[Statistics, ...]
    """Of the mini-batch, for the hidden layers that were normalised by it."""
    hidden: tuple[Float[Array, "units columns"], ...]
    """What each hidden layer's activation gives, before dropout; padded units included. Columns are examples; of a
    convolution they are places of the image, at each of them all examples."""


def forward(
    architecture: Architecture,
    weights: Weights,
    x: Float[Array, "features batch"],
    behaviour: Behaviour,
    *,
    uniforms: tuple[Float[Array, "_ batch"], ...] | None = None,
    row_weight: Float[Array, " batch"] | None = None,
    statistics: tuple[Statistics, ...] = (),
    key: Array | None = None,
) -> tuple[Float[Array, "outputs batch"], Seen]:
    """Outputs z of one network for one mini-batch, in training or in test mode.

    Args:
        architecture: what is compiled.
        weights: one Layer per hidden layer, and the last; or those of the user's own network.
        x: inputs, examples as columns.
        behaviour: activations, dropout rates and true widths, traced.
        uniforms: one array of random numbers per hidden layer: dropout is on (training mode).
        row_weight: batch norm uses this mini-batch's statistics, weighted so (training mode).
        statistics: one per hidden layer: batch norm uses these instead (test mode). Where they are given for the
            first layers only, the others use those of the mini-batch.
        key: random numbers for a network of the user's own (training mode).

    Returns:
        z of the last layer, and what was seen on the way.
    """
    if architecture.own is not None:
        return architecture.own(weights, x, key), Seen((), ())
    seen, hidden = [], []

    def activated(number: int, z: Array, shortcut: Array | None = None) -> Array:
        """The activations of a hidden layer (units, columns), from its weighted inputs without bias."""
        layer = weights[number]
        places = z.shape[1] // x.shape[1]
        on = jnp.arange(z.shape[0]) < behaviour.units[number]
        if architecture.batch_norm:
            if number < len(statistics):
                used = statistics[number]
            else:
                assert row_weight is not None
                used = layers.batch_statistics(z, jnp.tile(row_weight, places))
                seen.append(used)
            z = layers.normalize(z, layer, used, behaviour.norm_epsilon)
        elif architecture.layer_norm:
            z = layers.normalize_units(z, layer, on, behaviour.norm_epsilon)
        else:
            z = z + layer.b[:, None]
        if shortcut is not None:
            z = z + shortcut
        a = activate(z, Coefficients(*(c[number] for c in behaviour.activation)), architecture.family)
        hidden.append(a)
        if architecture.dropout and uniforms is not None:
            keep = jnp.where(on, behaviour.keep[number], 0)
            return layers.dropout(a, jnp.tile(uniforms[number], (1, places)), keep)
        return jnp.where(on[:, None], a, 0)

    a = _convolved(architecture, weights, x, activated) if architecture.convolutions else x
    for number in range(len(architecture.convolutions), len(weights) - 1):
        a = activated(number, layers.product(weights[number].w, a, architecture.precision))
    last = weights[-1]
    return layers.product(last.w, a, architecture.precision) + last.b[:, None], Seen(tuple(seen), tuple(hidden))


def _convolved(
    architecture: Architecture,
    weights: tuple[Layer, ...],
    x: Float[Array, "features batch"],
    activated: Callable[..., Float[Array, "units columns"]],
) -> Float[Array, "inputs batch"]:
    """What the convolutions hand to the dense layers."""
    image = architecture.inputs.image
    assert image is not None
    batch = x.shape[1]
    a = x.reshape(image.channels, image.height, image.width, batch)
    beginning = a
    for number, convolution in enumerate(architecture.convolutions):
        z = convolve(
            weights[number].w,
            a,
            kernel=convolution.kernel,
            stride=convolution.stride,
            precision=architecture.precision,
        )
        filters, height, width, _ = z.shape
        opens, closes = (architecture.residual and number > 0 and number % 2 == part for part in (1, 0))
        if opens:
            beginning = a[:, :: convolution.stride, :: convolution.stride]
        shortcut = None
        if closes:
            shortcut = beginning[:, :: convolution.stride, :: convolution.stride]
            shortcut = jnp.pad(shortcut, ((0, filters - len(shortcut)), (0, 0), (0, 0), (0, 0))).reshape(filters, -1)
        flat = activated(number, z.reshape(filters, -1), shortcut)
        a: Array = flat.reshape(filters, height, width, batch)
        if convolution.pool > 1:
            a = max_pool(a, convolution.pool)  # pyright: ignore[reportAssignmentType]
    return a.mean(axis=(1, 2)) if architecture.global_pooling else a.reshape(-1, batch)
