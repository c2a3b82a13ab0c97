"""Networks of different widths into the arrays of one lane, and out again.

A layer compiled for 64 units holds a network of 17 in its first 17 rows and columns; the rest is zero and stays
zero, because padded units are switched off behind the activation.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeVar

import jax
import numpy as np

from caviar.arrays import Numbers
from caviar.network.config import Config
from caviar.network.initializers import starting_matrix
from caviar.network.layers import Layer, Statistics, Weights
from caviar.network.model import Architecture
from caviar.network.own import initial_weights
from caviar.network.shapes import Inputs, LayerShape, layer_shapes
from caviar.training.optimizers import Moments
from caviar.training.penalties import penalty
from caviar.training.plan import Hyperparameters
from caviar.training.step import Monitor, State

T = TypeVar("T", bound=NamedTuple)


def shapes_of(config: Config, inputs: Inputs, outputs: int) -> tuple[LayerShape, ...]:
    """The true shapes of a network's layers; () for one of the user's own."""
    if config.network is not None:
        return ()
    return layer_shapes(inputs, config.convolutions, config.hidden_units, outputs, global_pooling=config.global_pooling)


def starting_weights(config: Config, inputs: Inputs, outputs: int, last_bias: Numbers | None = None) -> Weights:
    """The weights from which one network starts, at its true widths, float64.

    Biases start at 0 - the last one at `last_bias` - and gamma at 1. The last layer is drawn with the same initialiser.
    A network of the user's own starts as its `init` says.
    """
    if config.network is not None:
        return initial_weights(config)
    layers = []
    for number, (fan_in, units, _) in enumerate(shapes_of(config, inputs, outputs)):
        w = starting_matrix(
            config.initializer,
            seed=config.seed,
            layer=number,
            outputs=units,
            inputs=fan_in,
            scale=config.initial_scale,
        )
        hidden = number < config.layers
        b = np.zeros(units) if hidden or last_bias is None else last_bias
        scale = np.ones(units) if hidden and (config.batch_norm or config.layer_norm) else None
        layers.append(Layer(w, b, scale))  # pyright: ignore[reportArgumentType]
    return tuple(layers)


def scalars(item: T, dtype: np.dtype) -> T:
    """Numbers that all networks of a lane share."""
    return jax.tree.map(lambda value: np.asarray(value, dtype), item)


def stacked(items: Sequence[T], dtype: np.dtype) -> T:
    """One row per network; real numbers become `dtype`, whole ones int32."""

    def stack(*values: object) -> np.ndarray:
        column = np.stack([np.asarray(v) for v in values])
        return column.astype(dtype if column.dtype.kind == "f" else np.int32)

    return jax.tree.map(stack, *items)


def padded(networks: Sequence[Weights], architecture: Architecture, dtype: np.dtype) -> Weights:
    """The weights of several networks as arrays with the axis `networks`, padded with zeros."""
    if architecture.own is not None:
        return jax.tree.map(lambda *arrays: np.stack(arrays).astype(dtype), *networks)
    packed = []
    for number, (inputs, units, _) in enumerate(architecture.shapes):
        layers = [weights[number] for weights in networks]
        w = np.zeros((len(layers), units, inputs), dtype)
        b = np.zeros((len(layers), units), dtype)
        scale = None if layers[0].scale is None else np.zeros((len(layers), units), dtype)
        for slot, layer in enumerate(layers):
            n, m = layer.w.shape
            w[slot, :n, :m] = layer.w
            b[slot, :n] = layer.b
            if scale is not None:
                scale[slot, :n] = layer.scale
        packed.append(Layer(w, b, scale))  # pyright: ignore[reportArgumentType]
    return tuple(packed)


def padded_statistics(
    networks: Sequence[tuple[Statistics, ...]], architecture: Architecture, dtype: np.dtype
) -> tuple[Statistics, ...]:
    """Batch norm's statistics of several networks, padded with zeros; () without batch norm."""
    packed = []
    for number in range(len(networks[0])):
        mean, variance = np.zeros((2, len(networks), architecture.widths[number]), dtype)
        for slot, network in enumerate(networks):
            n = len(network[number].mean)
            mean[slot, :n], variance[slot, :n] = network[number]
        packed.append(Statistics(mean, variance))  # pyright: ignore[reportArgumentType]
    return tuple(packed)


def first_state(
    weights: Weights, settings: Hyperparameters, architecture: Architecture, *, averaged: bool = False
) -> State:
    """A lane before its first step: nothing averaged, nothing kept but the starting weights."""
    networks, dtype = jax.tree.leaves(weights)[0].shape[0], jax.tree.leaves(weights)[0].dtype
    zeros = jax.tree.map(np.zeros_like, weights)
    widths = architecture.widths if architecture.batch_norm else ()
    still = tuple(Statistics(np.zeros((networks, n), dtype), np.zeros((networks, n), dtype)) for n in widths)  # pyright: ignore[reportArgumentType]
    nothing = np.zeros(networks, np.int32)
    monitor = Monitor._make(
        (
            np.ones(networks, bool),
            np.zeros(networks, bool),
            np.full(networks, np.inf, dtype),
            nothing,
            nothing,
            nothing,
        )
    )
    return State._make(
        (
            weights,
            Moments(nothing, zeros, zeros),  # pyright: ignore[reportArgumentType]
            still,
            weights,
            still,
            monitor,
            np.zeros(networks, dtype),
            np.zeros(networks, dtype),
            penalty(weights, settings.penalties, networks=1),
            zeros if averaged else (),
        )
    )


def unpadded(
    weights: Weights, statistics: tuple[Statistics, ...], slot: int, shapes: Sequence[LayerShape]
) -> tuple[Weights, tuple[Statistics, ...]]:
    """One network out of a lane, at its true shapes; () for one of the user's own, which are never padded."""
    if not shapes:
        return jax.tree.map(lambda values: values[slot].copy(), weights), ()
    own = []
    for layer, (inputs, units, _) in zip(weights, shapes, strict=True):
        scale = None if layer.scale is None else layer.scale[slot, :units].copy()
        own.append(Layer(layer.w[slot, :units, :inputs].copy(), layer.b[slot, :units].copy(), scale))
    seen = tuple(
        Statistics(s.mean[slot, : shape.units].copy(), s.variance[slot, : shape.units].copy())
        for s, shape in zip(statistics, shapes, strict=False)
    )
    return tuple(own), seen
