"""One network at one moment, measured: gradients, units and weights, on several mini-batches of its training rows.

No verdict rests on one batch alone. Batch norm works as in training, dropout and penalties are off. Convolutions and
networks of the user's own are measured alike; the latter have no hidden units that can be seen.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.diagnosis.batch import noise_scale_of
from caviar.diagnosis.subject import Probe
from caviar.network.config import Config
from caviar.network.layers import Weights
from caviar.network.losses import LossName, losses, targets
from caviar.network.model import Architecture, Behaviour, forward
from caviar.training import devices, packing
from caviar.training.optimizers import update_rule
from caviar.training.plan import architecture_for, behaviour_of, held_out, inputs_of, loss_for
from caviar.training.step import SATURATED

BATCHES, BATCH = 16, 64
"""Mini-batches by which a network is measured, and their rows where there are enough."""

_COLUMNS = 256
"""Answers of a unit by which it is compared with the others of its layer."""


class _Gradients(NamedTuple):
    """Of a network's weights, over mini-batches."""

    total: Weights
    squares: Weights
    largest: Weights


class _Units(NamedTuple):
    """Of one hidden layer's units on one mini-batch."""

    mean: Float[Array, " units"]
    square: Float[Array, " units"]
    low: Float[Array, " units"]
    high: Float[Array, " units"]
    saturated: Float[Array, " units"]


def probe(split: Split, config: Config, weights: Weights) -> Probe:
    """Measure one network.

    Args:
        split: the data.
        config: of the network; its `rows` say by which rows it is measured.
        weights: at its true widths, as in `Run.weights`; finite.
    """
    usable = config.changed(precision="float32")
    inputs = inputs_of(split.width, split.image_shape)
    architecture = architecture_for(usable, inputs, split.outputs)
    x, y = _mini_batches(split, config)
    packed = packing.padded([weights], architecture, x.dtype)
    run = _program(architecture, loss_for(usable, split.outputs))
    behaviour = jax.tree.map(lambda v: v[0], packing.stacked([behaviour_of(usable)], x.dtype))
    delta = np.asarray(config.huber_delta, x.dtype)
    came = run(jax.tree.map(lambda v: v[0], packed), behaviour, delta, x, y)
    loss, norms, gradients, units, answers = jax.tree.map(np.asarray, came)
    shapes = packing.shapes_of(usable, inputs, split.outputs)

    def true(padded: Weights) -> list[Numbers]:
        whole = jax.tree.map(lambda v: v[None].astype(float), padded)
        return jax.tree.leaves(packing.unpadded(whole, (), 0, shapes)[0])

    arrays = _Gradients(*(true(part) for part in gradients))
    lengths = [np.asarray(v, float) for v in jax.tree.leaves(weights)]
    widths = [shape.units for shape in shapes[:-1]]
    return Probe(
        loss=loss.astype(float),
        gradient_norm=norms.astype(float),
        weight_norm=np.array([np.linalg.norm(w) for w in lengths if w.ndim > 1]),
        update_ratio=_update_ratios(config, arrays, lengths, len(loss)),
        no_gradient=np.array([(largest == 0).mean() for largest in arrays.largest if largest.ndim > 1]),
        noise_scale=_noise_scale(arrays, len(loss), x.shape[2]),
        **_of_units(units, answers, widths),
    )


def _mini_batches(split: Split, config: Config) -> tuple[Numbers, Numbers | Whole]:
    """Rows that the network is trained on: x (batches, features, rows) and y (batches, rows)."""
    trained = np.flatnonzero(~held_out(config, split))
    rows = min(BATCH, max(2, len(trained) // BATCHES))
    batches = max(1, min(BATCHES, len(trained) // rows))
    stream = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 5, 0, 0]))
    chosen = stream.permutation(trained)[: batches * rows]
    x = np.asarray(split.x[chosen]).reshape(batches, -1, split.width).transpose(0, 2, 1)
    return np.ascontiguousarray(x), split.y[chosen].reshape(batches, -1)


@devices.once
def _program(architecture: Architecture, loss: LossName) -> Callable[..., Any]:
    """Weights, behaviour, delta of Huber's loss, x and y of all mini-batches -> what `probe` reads."""

    def seen(weights: Weights, behaviour: Behaviour, delta: Array, x: Array, y: Array) -> tuple[Array, tuple]:
        ones = jnp.ones(x.shape[1], x.dtype)
        outputs, inside = forward(architecture, weights, x, behaviour, row_weight=ones)
        each = losses(outputs, targets(y, outputs), output=architecture.output, loss=loss, delta=delta)
        return each.mean(), inside.hidden

    def several(
        weights: Weights,
        behaviour: Behaviour,
        delta: Float[Array, ""],
        x: Float[Array, "batches features batch"],
        y: Int[Array, "batches batch"] | Float[Array, "batches batch"],
    ) -> tuple:
        def one(sums: _Gradients, batch: tuple[Array, Array]) -> tuple[_Gradients, tuple]:
            (value, hidden), g = jax.value_and_grad(seen, has_aux=True)(weights, behaviour, delta, *batch)
            sums = _Gradients(
                jax.tree.map(jnp.add, sums.total, g),
                jax.tree.map(lambda s, v: s + v * v, sums.squares, g),
                jax.tree.map(lambda m, v: jnp.maximum(m, jnp.abs(v)), sums.largest, g),
            )
            norms = [jnp.sqrt(jnp.square(v).sum()) for v in jax.tree.leaves(g) if v.ndim > 1]
            return sums, (value, jnp.stack(norms) if norms else jnp.zeros(0), units(hidden, behaviour))

        zeros = jax.tree.map(jnp.zeros_like, weights)
        sums, (value, norms, of_units) = jax.lax.scan(one, _Gradients(zeros, zeros, zeros), (x, y))
        _, first = seen(weights, behaviour, delta, x[0], y[0])
        return value, norms, sums, of_units, tuple(a[:, :_COLUMNS] for a in first)

    def units(hidden: Sequence[Array], behaviour: Behaviour) -> tuple[_Units, ...]:
        c, found = behaviour.activation, []
        for number, a in enumerate(hidden):
            bound = (jnp.abs(a - c.r[number]) > SATURATED * jnp.abs(c.q[number])) & (c.q[number] != 0)
            saturated = bound.astype(a.dtype).mean(axis=1)
            found.append(_Units(a.mean(axis=1), (a * a).mean(axis=1), a.min(axis=1), a.max(axis=1), saturated))
        return tuple(found)

    return devices.compiled(several)


def _update_ratios(config: Config, gradients: _Gradients, weights: Sequence[Numbers], batches: int) -> Numbers:
    """Length of an update of each W over the length of W, at the config's rate and with gradients as they are here.

    The average that momentum and Adam keep of gradients g_t that scatter independently about their mean with variance
    s^2 has the second moment mean^2 + s^2 (1 - beta) / (1 + beta).
    """
    rule = update_rule(config)
    grown = rule.gain / (1 - rule.beta1)
    kept = (1 - rule.beta1) / (1 + rule.beta1)
    ratios = []
    for total, squares, w in zip(gradients.total, gradients.squares, weights, strict=True):
        if w.ndim < 2:
            continue
        mean, square = total / batches, squares / batches
        second = grown**2 * (mean**2 + kept * np.maximum(square - mean**2, 0))
        if rule.adaptive:
            second = second / (np.sqrt(square) + rule.epsilon) ** 2
        length = np.linalg.norm(w)
        ratios.append(config.rate * np.sqrt(second.sum()) / length if length else np.inf)
    return np.array(ratios)


def _noise_scale(gradients: _Gradients, batches: int, rows: int) -> float:
    """See `batch.noise_scale`, from sums over mini-batches."""
    of_mean = sum(float(np.sum((total / batches) ** 2)) for total in gradients.total)
    of_each = sum(float(np.sum(squares / batches)) for squares in gradients.squares)
    return noise_scale_of(of_mean, of_each, batches, rows)


def _of_units(units: Sequence[_Units], answers: Sequence[Numbers], widths: Sequence[int]) -> dict[str, Numbers]:
    """What a Probe says of hidden units, by layer."""
    found: dict[str, list[float]] = {"spread": [], "constant": [], "saturated": [], "symmetric": []}
    for own, seen, width in zip(units, answers, widths, strict=True):
        mean, square, low, high, saturated = (np.asarray(v, float)[:, :width] for v in own)
        variance = np.maximum(square.mean(axis=0) - mean.mean(axis=0) ** 2, 0)
        still = low.min(axis=0) == high.max(axis=0)
        found["spread"].append(float(np.sqrt(variance).mean()))
        found["constant"].append(float(still.mean()))
        found["saturated"].append(float(saturated.mean()))
        found["symmetric"].append(_alike(seen[:width]))
    return {name: np.array(values) for name, values in found.items()}


def _alike(answers: Numbers) -> float:
    """Share of units that answer as another of their layer does, to the last but some bits; still ones included."""
    if len(answers) < 2:
        return 0.0
    scale = np.abs(answers).max() or 1.0
    _, which, count = np.unique(np.round(answers / scale, 5), axis=0, return_inverse=True, return_counts=True)
    return float((count[which.ravel()] > 1).mean())
