"""The objective J that a network was trained on, as a function of one vector of weights, and its derivatives.

J is the mean loss of the config - with its smoothing, class and row weights - plus L2 and L1, without what is drawn at
random: dropout, noise, mixup, changes of images. Batch norm takes its statistics from the rows at hand, as in training.
Networks have their true widths here, so that no padded weight appears as a direction in which J is flat.

Weights are vectors of float64; what is computed is computed in float32, as in training.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.network.config import Config
from caviar.network.layers import Layer, Weights
from caviar.training import devices, packing
from caviar.training.penalties import penalty
from caviar.training.plan import (
    Hyperparameters,
    Program,
    architecture_for,
    behaviour_of,
    held_out,
    hyperparameters,
    prior_bias,
    program_for,
)
from caviar.training.rows import groups
from caviar.training.step import Batch, batch_loss


def rows_trained(config: Config, split: Split) -> Whole:
    """Numbers of the train and dev rows on which a config's network is trained."""
    return np.flatnonzero(~held_out(config, split))


@dataclasses.dataclass(frozen=True, eq=False)
class Objective:
    """J of one network on some rows.

    Attributes:
        weights: (size,) those of the network, all its arrays one after the other.
        constant: J of answering all rows alike, by the class shares or the mean.
        least: J of knowing every row's target; above 0 with smoothed targets only.
        penalty: what L1 and L2 add to J at these weights.
    """

    weights: Numbers
    constant: float
    least: float
    penalty: float
    _config: Config
    _compiled: "_Functions"
    _like: Weights
    _settings: Hyperparameters
    _batch: Batch

    def on(self, split: Split, rows: Whole) -> "Objective":
        """J of the same network on other rows of the split, as one mini-batch; `constant` stays."""
        return dataclasses.replace(self, _batch=_batch(self._config, split, rows, self._batch.x.dtype))

    @property
    def rows(self) -> int:
        """Rows on which J is computed."""
        return len(self._batch.y)

    def value(self, at: Numbers | None = None) -> float:
        """J, at these weights or those of the network."""
        return float(self._compiled.value(self._tree(at), self._settings, self._batch))

    def gradient(self, at: Numbers | None = None) -> Numbers:
        """Gradient of J, shape (size,)."""
        return flat(self._compiled.gradient(self._tree(at), self._settings, self._batch))

    def product(self, vector: Numbers, at: Numbers | None = None) -> Numbers:
        """The Hessian of J times a vector, shape (size,): forward over reverse (Pearlmutter 1994)."""
        return flat(self._compiled.product(self._tree(at), self._tree(vector), self._settings, self._batch))

    def _tree(self, vector: Numbers | None) -> Weights:
        """The arrays that lie in a vector."""
        vector = self.weights if vector is None else vector
        leaves, structure = jax.tree.flatten(self._like)
        ends = np.cumsum([leaf.size for leaf in leaves])[:-1]
        parts = zip(np.split(vector, ends), leaves, strict=True)
        return jax.tree.unflatten(structure, [part.reshape(leaf.shape).astype(leaf.dtype) for part, leaf in parts])


class _Functions(NamedTuple):
    value: Callable[..., Float[Array, ""]]
    gradient: Callable[..., Weights]
    product: Callable[..., Weights]


def objective(config: Config, weights: Weights, split: Split, rows: Whole, dtype: Any = np.float32) -> Objective:
    """J of one network on these train and dev rows, as one mini-batch.

    Args:
        config: of the network.
        weights: of its true shapes, as in `Run.weights`.
        split: the data.
        rows: numbers of rows of `split.x`; those of a held-out fold are left out.
        dtype: of what is computed; float64 only where JAX's is switched on.
    """
    devices.places()
    dtype = np.dtype(dtype)
    stacked = packing.stacked([hyperparameters(config, split)], dtype)
    settings = jax.tree.map(lambda v: v[0], stacked)
    batch = _batch(config, split, rows, dtype)
    program = true_program(config, split)
    like = jax.tree.map(lambda leaf: np.asarray(leaf, dtype), weights)
    constant = _constant(config, split, program, settings, batch)
    added = float(penalty(jax.tree.map(lambda w: np.asarray(w)[None], weights), stacked.penalties, networks=1)[0])
    least = _entropy(program, config.label_smoothing, split.outputs)
    return Objective(flat(weights), constant, least, added, config, _compiled(program), like, settings, batch)


def _batch(config: Config, split: Split, rows: Whole, dtype: Any) -> Batch:
    """Rows as they are, as one mini-batch."""
    return Batch(
        x=split.x[rows].T.astype(dtype),  # pyright: ignore[reportArgumentType]
        y=split.y[rows].astype(dtype if split.task == "regression" else np.int32),  # pyright: ignore[reportArgumentType]
        group=groups(config.rows, split)[rows],  # pyright: ignore[reportArgumentType]
        uniforms=None,
        weight=None if split.weight is None else split.weight[rows].astype(dtype),  # pyright: ignore[reportArgumentType]
    )


def flat(weights: Weights) -> Numbers:
    """All arrays as one vector of float64."""
    return np.concatenate([np.asarray(leaf, float).ravel() for leaf in jax.tree.leaves(weights)])


def true_program(config: Config, split: Split) -> Program:
    """What is compiled for a network without what only fills up, nothing drawn at random, and exact products."""
    exact = config.changed(precision="float32", mixup=0.0, input_noise=0.0, augment=(), dropout=0.0)
    program = program_for(exact, split)
    if config.network is not None:
        return program
    true = dataclasses.replace(program.architecture, units=config.hidden_units, convolutions=config.convolutions)
    return dataclasses.replace(program, architecture=true)


@devices.once
def _compiled(program: Program) -> _Functions:
    def value(weights: Weights, settings: Hyperparameters, batch: Batch) -> Float[Array, ""]:
        loss, _ = batch_loss(program, weights, settings, batch, jnp.ones((), batch.x.dtype))
        return loss + penalty(weights, settings.penalties)

    def product(weights: Weights, vector: Weights, settings: Hyperparameters, batch: Batch) -> Weights:
        return jax.jvp(lambda w: jax.grad(value)(w, settings, batch), (weights,), (vector,))[1]

    return _Functions(*map(devices.compiled, (value, jax.grad(value), product)))


def _constant(config: Config, split: Split, program: Program, settings: Hyperparameters, batch: Batch) -> float:
    """The loss of a linear model whose weights are 0, and whose bias is that of the class shares or the mean."""
    inputs = program.architecture.inputs
    architecture = architecture_for(Config(hidden_units=(), output=config.output), inputs, split.outputs)
    bias = prior_bias(config, split).astype(batch.x.dtype)
    weights = (Layer(np.zeros((split.outputs, inputs.features), bias.dtype), bias, None),)  # pyright: ignore[reportArgumentType]
    value = _compiled(dataclasses.replace(program, architecture=architecture)).value
    return float(value(weights, settings._replace(behaviour=behaviour_of(Config(hidden_units=()))), batch))


def _entropy(program: Program, smoothing: float, classes: int) -> float:
    """Cross-entropy of smoothed targets with themselves; 0 for the other losses, whose targets can be met."""
    if smoothing == 0 or program.loss != "cross_entropy":
        return 0.0
    other = smoothing / classes
    shares = np.array([1 - smoothing + other, *[other] * (classes - 1)])
    of_softmax = -(shares * np.log(shares)).sum()
    if program.architecture.output == "softmax":
        return float(of_softmax)
    return float(of_softmax - ((1 - shares) * np.log1p(-shares)).sum())
