"""One network's training, as pure functions of what travels through the compiled program.

`update` is one step on one mini-batch, `measure` the losses in test mode, `close_epoch` the bookkeeping of
early stopping and divergence. Shapes are those of one network; `population` adds the axis `networks`.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from caviar.network.layers import Statistics, Weights
from caviar.network.losses import errors, losses, smoothed, targets
from caviar.network.model import forward
from caviar.training import averages, limits, penalties
from caviar.training.optimizers import Moments, directions, scale_by_rule
from caviar.training.plan import FILLER, Hyperparameters, Program

T = TypeVar("T", bound=Any)

SATURATED = 0.99
"""Share of the way from the middle to a bound of tanh or sigmoid."""


class Drawn(NamedTuple):
    """The rows from which mini-batches are drawn: all of them, or those of the next steps."""

    x: Float[Array, "rows features"]
    y: Int[Array, " rows"] | Float[Array, " rows"]
    group: Int[Array, " rows"]
    weight: Float[Array, " rows"] | None = None
    """How much each row counts in training; None: all alike."""


class Measured(NamedTuple):
    """The rows on which losses are measured, in chunks."""

    x: Float[Array, "chunks features chunk"]
    """Examples as columns."""
    y: Int[Array, "chunks chunk"] | Float[Array, "chunks chunk"]
    group: Int[Array, "chunks chunk"]


class Data(NamedTuple):
    """The rows, shared by all networks of a device."""

    drawn: Drawn | None
    """None where they come in blocks, with the steps that need them."""
    measured: Measured


class Batch(NamedTuple):
    """One mini-batch, the same for all networks of a lane."""

    x: Float[Array, "features batch"]
    y: Int[Array, " batch"] | Float[Array, " batch"]
    group: Int[Array, " batch"]
    """`FILLER` where the last mini-batch of an epoch has fewer rows."""
    uniforms: tuple[Float[Array, "units batch"], ...] | None
    noise: Float[Array, "features batch"] | None = None
    """Standard normal numbers, where the program disturbs inputs."""
    partner: Int[Array, " batch"] | None = None
    """The place of the row with which each is mixed, where the program mixes rows."""
    weight: Float[Array, " batch"] | None = None
    """How much each row counts in J; None: all alike."""
    key: Array | None = None
    """For a network of the user's own that takes random numbers."""


class Monitor(NamedTuple):
    """What decides when a network is done, and which weights it keeps; scalars of one network."""

    active: Bool[Array, ""]
    diverged: Bool[Array, ""]
    best_loss: Float[Array, ""]
    best_epoch: Int[Array, ""]
    waited: Int[Array, ""]
    trained: Int[Array, ""]
    """Epochs until the network was done."""


class State(NamedTuple):
    """One network in training."""

    weights: Weights
    moments: Moments
    moving: tuple[Statistics, ...]
    """Batch norm's averages, without bias correction."""
    kept: Weights
    """Weights of the best epoch with early stopping, of the last finite epoch without."""
    kept_statistics: tuple[Statistics, ...]
    monitor: Monitor
    loss_sum: Float[Array, ""]
    """Sum of this epoch's mini-batch losses."""
    loss_count: Float[Array, ""]
    """Mini-batches in it: those with a row that is not held out."""
    penalty: Float[Array, ""]
    """L1 and L2 at the start of this epoch."""
    averaged: Weights
    """Averages of the weights, without bias correction; () where the program has none."""


class Gradients(NamedTuple):
    """Gradients of J over one mini-batch."""

    whole: Weights
    used: Weights
    """After clipping."""


class LayerMeasures(NamedTuple):
    """What is recorded of every layer at the end of an epoch."""

    gradient_norm: Float[Array, " all_layers"]
    update_ratio: Float[Array, " all_layers"]
    constant_units: Float[Array, " layers"]
    saturated_units: Float[Array, " layers"]


class Measures(NamedTuple):
    """What is recorded at the end of an epoch; scalars of one network."""

    train_loss: Float[Array, ""]
    train_error: Float[Array, ""]
    dev_loss: Float[Array, ""]
    dev_error: Float[Array, ""]
    objective: Float[Array, ""]
    layers: LayerMeasures | None


def update(
    program: Program,
    state: State,
    settings: Hyperparameters,
    batch: Batch,
    *,
    rate: Float[Array, ""],
    share: Float[Array, ""],
) -> tuple[State, Gradients]:
    """One step: forward, backward, one update of the weights.

    Rows of the group that is held out have weight 0. Where a mini-batch has no row left, nothing is changed.

    Args:
        program: what is compiled.
        state: the network before the step.
        settings: its hyperparameters.
        batch: the rows of this step.
        rate: the learning rate of this step.
        share: of each row itself, where the program mixes rows.
    """
    rows = _row_weight(settings, batch).sum()
    of_weights = jax.value_and_grad(lambda weights: batch_loss(program, weights, settings, batch, share), has_aux=True)
    (loss, seen), gradients = of_weights(state.weights)
    whole = penalties.add_gradient(gradients, state.weights, settings.penalties)
    used = limits.clipped(whole, settings.limits) if program.clipped else whole
    # An empty mini-batch (every row held out) must leave weights and moments alone: all coefficients of the
    # rule are scalars, so switching them costs nothing.
    some = rows > 0
    rule = settings.rule._replace(
        beta1=jnp.where(some, settings.rule.beta1, 1),
        gain=jnp.where(some, settings.rule.gain, 0),
        beta2=jnp.where(some, settings.rule.beta2, 1),
    )
    rate = jnp.where(some, rate, 0)
    step, moments = scale_by_rule(rule).update(used, state.moments, state.weights)  # pyright: ignore[reportArgumentType]
    decayed = penalties.decay(state.weights, rate, settings.penalties)
    weights = jax.tree.map(lambda w, d: w - rate * d, decayed, step)
    if program.bounded:
        weights = limits.bounded(
            weights, settings.limits._replace(max_norm=jnp.where(some, settings.limits.max_norm, jnp.inf))
        )
    beta = jnp.where(some, settings.norm_beta, 1)
    moving = jax.tree.map(lambda v, s: averages.blend(v, s, beta), state.moving, seen)
    averaged = state.averaged
    if program.averaged:
        beta = jnp.where(some, settings.average_beta, 1)
        averaged = jax.tree.map(lambda v, w: averages.blend(v, w, beta), averaged, weights)
    state = state._replace(
        weights=weights,
        moments=moments._replace(steps=jnp.where(some, moments.steps, state.moments.steps)),  # pyright: ignore[reportAttributeAccessIssue]
        moving=moving,
        loss_sum=state.loss_sum + loss,
        loss_count=state.loss_count + some,
        averaged=averaged,
    )
    return state, Gradients(whole, used)


def batch_loss(
    program: Program, weights: Weights, settings: Hyperparameters, batch: Batch, share: Float[Array, ""]
) -> tuple[Float[Array, ""], tuple[Statistics, ...]]:
    """The mean loss of a mini-batch in training mode, which a step lowers; without penalties.

    Rows of the group that is held out have weight 0.

    Args:
        program: what is compiled.
        weights: of the network.
        settings: its hyperparameters.
        batch: the rows.
        share: of each row itself, where the program mixes rows.

    Returns:
        The loss, and batch norm's statistics of the mini-batch.
    """
    row_weight = _row_weight(settings, batch)
    x, mix = _disturbed(settings, batch, row_weight, share)
    outputs, seen = forward(
        program.architecture,
        weights,
        x,
        settings.behaviour,
        uniforms=batch.uniforms,
        row_weight=row_weight,
        key=batch.key,
    )
    target = mix(targets(batch.y, outputs))
    weight = row_weight * (settings.class_weight @ target) if program.weighted else row_weight
    if batch.weight is not None:
        weight = weight * mix(batch.weight[None, :])[0]
    if program.task == "classification":
        target = smoothed(target, settings.label_smoothing)
    each = losses(outputs, target, output=program.architecture.output, loss=program.loss, delta=settings.huber_delta)
    return (each * weight).sum() / jnp.maximum(row_weight.sum(), 1), seen.statistics


def _row_weight(settings: Hyperparameters, batch: Batch) -> Float[Array, " batch"]:
    """1 for the rows that are trained on, 0 for the others."""
    return ((batch.group != FILLER) & (batch.group != settings.held_out)).astype(batch.x.dtype)


def _disturbed(
    settings: Hyperparameters,
    batch: Batch,
    row_weight: Float[Array, " batch"],
    share: Float[Array, ""],
) -> tuple[Float[Array, "features batch"], Callable[[Array], Array]]:
    """The inputs of a step, mixed and disturbed where the program does so, and what mixes their targets alike.

    A row whose partner is held out stays as it is: nothing of a held-out row may reach the network.
    """
    partner = batch.partner

    def mix(values: Array) -> Array:
        if partner is None:
            return values
        own = jnp.where(row_weight[partner] > 0, share, 1)[None, :]
        return own * values + (1 - own) * values[:, partner]

    x = mix(batch.x)
    return x if batch.noise is None else x + settings.input_noise * batch.noise, mix


def corrected(averaged: T, beta: Float[Array, ""], count: Int[Array, ""]) -> T:
    """Averages with their bias corrected, for use in test mode."""
    weight = jnp.maximum(averages.weight_of(beta, count), 1e-12)
    return jax.tree.map(lambda v: v / weight, averaged)


def measure(
    program: Program,
    weights: Weights,
    statistics: tuple[Statistics, ...],
    settings: Hyperparameters,
    measured: Measured,
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, ""], Float[Array, ""]]:
    """Mean loss and error on the training rows and on the held-out rows, in test mode, without penalties.

    Returns:
        train loss, train error, dev loss, dev error. Error is the share misclassified, or the mean squared error of the
        standardised target. NaN where there are no such rows.
    """
    none = jnp.zeros((), measured.x.dtype)
    output = program.architecture.output

    def add(number: Int[Array, ""], sums: tuple[Array, ...]) -> tuple[Array, ...]:
        group = measured.group[number]
        outputs, _ = forward(
            program.architecture, weights, measured.x[number], settings.behaviour, statistics=statistics
        )
        target = targets(measured.y[number], outputs)
        loss = losses(outputs, target, output=output, loss=program.loss, delta=settings.huber_delta)
        error = errors(outputs, target, output=output)
        dev = (group == settings.held_out).astype(loss.dtype)
        train = ((group != settings.held_out) & (group != FILLER)).astype(loss.dtype)
        seen = (
            train.sum(),
            (loss * train).sum(),
            (error * train).sum(),
            dev.sum(),
            (loss * dev).sum(),
            (error * dev).sum(),
        )
        return tuple(total + part for total, part in zip(sums, seen, strict=True))

    n, loss, error, n_dev, dev_loss, dev_error = jax.lax.fori_loop(0, measured.x.shape[0], add, (none,) * 6)
    return loss / n, error / n, dev_loss / n_dev, dev_error / n_dev


def close_epoch(
    program: Program,
    state: State,
    settings: Hyperparameters,
    measured: Measured,
    *,
    epoch: Int[Array, ""],
    rate: Float[Array, ""],
    gradients: Gradients | None,
) -> tuple[State, Measures]:
    """Measure the network, keep its weights if they are to be kept, and decide whether it is done.

    Args:
        program: what is compiled.
        state: the network after the last step of the epoch.
        settings: its hyperparameters.
        measured: the rows on which it is measured.
        epoch: number of finished epochs, this one included.
        rate: learning rate of the last step.
        gradients: of the last step, where layers are recorded.
    """
    statistics = corrected(state.moving, settings.norm_beta, state.moments.steps)
    judged = state.weights
    if program.averaged:
        judged = corrected(state.averaged, settings.average_beta, state.moments.steps)
    train_loss, train_error, dev_loss, dev_error = measure(program, judged, statistics, settings, measured)
    objective = state.loss_sum / state.loss_count + state.penalty
    seen = state.monitor
    no_dev = (measured.group != settings.held_out).all()
    finite = jnp.isfinite(train_loss) & jnp.isfinite(objective) & (jnp.isfinite(dev_loss) | no_dev)
    improved = dev_loss < seen.best_loss
    early = settings.patience > 0
    keep = seen.active & finite & (improved | ~early)
    waited = jnp.where(improved, 0, seen.waited + 1)
    stop = (early & (waited >= settings.patience)) | (epoch >= settings.last_epoch)
    monitor = Monitor(
        active=seen.active & finite & ~stop,
        diverged=seen.diverged | (seen.active & ~finite),
        best_loss=jnp.where(keep & improved, dev_loss, seen.best_loss),
        best_epoch=jnp.where(keep, epoch, seen.best_epoch),
        waited=waited,
        trained=jnp.where(seen.active, epoch, seen.trained),
    )
    choose = lambda new, old: jnp.where(keep, new, old)  # noqa: E731
    state = state._replace(
        kept=jax.tree.map(choose, judged, state.kept),
        kept_statistics=jax.tree.map(choose, statistics, state.kept_statistics),
        monitor=monitor,
        loss_sum=jnp.zeros_like(state.loss_sum),
        loss_count=jnp.zeros_like(state.loss_count),
        penalty=penalties.penalty(state.weights, settings.penalties),
    )
    layers = None
    if program.layers_recorded:
        assert gradients is not None
        step = _lengths(directions(settings.rule, state.moments, gradients.used))
        units = _units(program, judged, statistics, settings, measured)
        layers = LayerMeasures(_lengths(gradients.whole), rate * step / _lengths(state.weights), *units)
    return state, Measures(train_loss, train_error, dev_loss, dev_error, objective, layers)


def _lengths(layers: Any) -> Float[Array, " all_layers"]:
    """The Frobenius norm of every layer's W; of every array of two or more axes."""
    lengths = [jnp.sqrt(jnp.square(w).sum()) for w in jax.tree.leaves(layers) if w.ndim > 1]
    return jnp.stack(lengths) if lengths else jnp.zeros((0,))


def _units(
    program: Program,
    weights: Weights,
    statistics: tuple[Statistics, ...],
    settings: Hyperparameters,
    measured: Measured,
) -> tuple[Float[Array, " layers"], Float[Array, " layers"]]:
    """Per hidden layer the share of units that answer every row alike, and of answers at a bound of tanh or sigmoid.

    On the first rows that are measured.
    """
    _, seen = forward(program.architecture, weights, measured.x[0], settings.behaviour, statistics=statistics)
    c = settings.behaviour.activation
    constant, saturated = [], []
    for number, a in enumerate(seen.hidden):
        on = jnp.arange(a.shape[0]) < settings.behaviour.units[number]
        still = a.max(axis=1) == a.min(axis=1)
        constant.append((still & on).sum() / on.sum())
        bound = jnp.abs(a - c.r[number]) > SATURATED * jnp.abs(c.q[number])
        saturated.append((bound & (c.q[number] != 0) & on[:, None]).sum() / (on.sum() * a.shape[1]))
    none = jnp.zeros((0,), measured.x.dtype)
    share = lambda parts: jnp.stack(parts).astype(measured.x.dtype) if parts else none  # noqa: E731
    return share(constant), share(saturated)
