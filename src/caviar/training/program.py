"""Compiled programs: one network's step with the axis `networks` added."""

from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int, UInt32

from caviar.network.draws import normals, uniforms
from caviar.network.layers import Weights
from caviar.network.losses import answers
from caviar.network.model import Architecture, Behaviour, forward
from caviar.training import devices, step
from caviar.training.augment import Amounts, augmented, draws
from caviar.training.plan import FILLER, Hyperparameters, Program, one_after_the_other
from caviar.training.step import Batch, Drawn, Measured, Measures, State

T = TypeVar("T", bound=Any)

_NOISE, _IMAGES, _OWN = 1 << 20, 1 << 21, 1 << 22
"""Streams of input noise, of changes of images, of users' own networks; those of dropout are numbered by layer."""

EPOCHS_PER_CALL = 64
"""Most epochs whose ends lie in one call of a program: the length of its record."""


@devices.once
def advance(program: Program, steps_per_epoch: int) -> Callable[..., tuple[State, Measures]]:
    """The program that takes a lane some steps further.

    Returns:
        A compiled function (state, settings, amounts, rates, shares, drawn, measured, order, seed, at, n) -> (state,
        record): from step `at` on, `n` steps with the learning rates rates[:, :n], the shares of mixup shares[:, :n]
        (one column where the program mixes nothing), the row numbers order[:n] and the random numbers of `seed`; the
        record has one place per epoch that ended, shape (networks, EPOCHS_PER_CALL, ...).
        `n` and `at` are traced. Any cutting into calls gives the same bits. The state handed in is used up.
    """

    def several_steps(  # noqa: PLR0917  (a compiled program takes them by position)
        state: State,
        settings: Hyperparameters,
        amounts: Amounts,
        rates: Float[Array, "networks steps"],
        shares: Float[Array, "networks some_steps"],
        drawn: Drawn,
        measured: Measured,
        order: Int[Array, "steps batch"],
        seed: UInt32[Array, ""],
        at: Int[Array, ""],
        n: Int[Array, ""],
    ) -> tuple[State, Measures]:
        networks, architecture = state.loss_sum.shape[0], program.architecture
        empty = empty_record(program, networks, drawn.x.dtype)
        first_epoch = at // steps_per_epoch
        key = jax.random.key(seed)

        def one_step(i: Int[Array, ""], carry: tuple[State, Measures]) -> tuple[State, Measures]:
            state, record = carry
            batch = mini_batch(program, drawn, order[i], jax.random.fold_in(key, at + i), amounts)
            number = at + i + 1
            rate, share = rates[:, i], shares[:, i if program.mixed else 0]
            state, of_step = each_network(
                architecture, lambda s, h, r, m: step.update(program, s, h, batch, rate=r, share=m)
            )(state, settings, rate, share)
            gradients = of_step if program.layers_recorded else None

            def close(carry: tuple[State, Measures]) -> tuple[State, Measures]:
                state, record = carry
                epoch = number // steps_per_epoch
                state, measures = each_network(
                    architecture,
                    lambda s, h, r, g: step.close_epoch(program, s, h, measured, epoch=epoch, rate=r, gradients=g),
                )(state, settings, rate, gradients)
                place = epoch - 1 - first_epoch
                return state, jax.tree.map(lambda r, m: r.at[place].set(m), record, measures)

            return jax.lax.cond(number % steps_per_epoch == 0, close, lambda c: c, (state, record))

        state, record = jax.lax.fori_loop(0, n, one_step, (state, empty))
        return state, jax.tree.map(lambda values: values.swapaxes(0, 1), record)

    return devices.compiled(several_steps, donate=(0,))


def each_network(architecture: Architecture, function: Callable[..., T]) -> Callable[..., T]:
    """The function for every network of a lane: at once, or one after the other."""
    if one_after_the_other(architecture):
        return lambda *arguments: jax.lax.map(lambda each: function(*each), arguments)
    return jax.vmap(function)


def empty_record(program: Program, networks: int, dtype: jnp.dtype) -> Measures:
    """A record without values, with one place per epoch and network."""
    layers, matrices = len(program.architecture.widths), program.architecture.matrices

    def empty(*shape: int) -> Array:
        return jnp.full((EPOCHS_PER_CALL, networks, *shape), jnp.nan, dtype)

    each = (matrices, matrices, layers, layers)
    of_layers = step.LayerMeasures(*map(empty, each)) if program.layers_recorded else None
    return Measures(*[empty() for _ in Measures._fields[:-1]], layers=of_layers)  # pyright: ignore[reportCallIssue]


def mini_batch(program: Program, drawn: Drawn, rows: Int[Array, " batch"], key: Array, amounts: Amounts) -> Batch:
    """The mini-batch of one step, with the random numbers that all networks of the lane share."""
    architecture = program.architecture
    random = None
    if architecture.dropout:
        random = tuple(
            uniforms(jax.random.fold_in(key, layer), units, program.batch_size, drawn.x.dtype)
            for layer, units in enumerate(architecture.widths)
        )
    noise = partner = None
    if program.noisy:
        noise = normals(
            jax.random.fold_in(key, _NOISE), architecture.inputs.features, program.batch_size, drawn.x.dtype
        )
    if program.mixed:  # rows that only fill up come last
        following = jnp.arange(1, program.batch_size + 1)
        partner = jnp.where(following < (rows >= 0).sum(), following, 0)
    x = _taken(drawn.x, rows)
    if program.augment:
        image = architecture.inputs.image
        assert image is not None
        drawn_for_images = draws(jax.random.fold_in(key, _IMAGES), program.batch_size, x.dtype)
        x = augmented(x, image, program.augment, amounts, drawn_for_images)
    return Batch(
        x=x.T,
        y=drawn.y.at[rows].get(mode="clip"),
        group=jnp.where(rows < 0, FILLER, drawn.group.at[rows].get(mode="clip")),
        uniforms=random,
        noise=noise,
        partner=partner,
        weight=None if drawn.weight is None else drawn.weight.at[rows].get(mode="clip"),
        key=jax.random.fold_in(key, _OWN) if architecture.own is not None else None,
    )


def _taken(x: Float[Array, "rows features"], rows: Int[Array, " batch"]) -> Float[Array, "batch features"]:
    """The rows of a mini-batch; any row where the number is negative.

    On CPU they are copied one by one: XLA's gather works out every number's place on its own, which takes three times
    as long.
    """
    if devices.places()[0].platform != "cpu":
        return x.at[rows].get(mode="clip")
    found = jnp.maximum(rows, 0)

    def copy(i: Int[Array, ""], taken: Float[Array, "batch features"]) -> Float[Array, "batch features"]:
        row = jax.lax.dynamic_slice_in_dim(x, found[i], 1)
        return jax.lax.dynamic_update_slice_in_dim(taken, row, i, axis=0)

    return jax.lax.fori_loop(0, len(rows), copy, jnp.zeros((len(rows), x.shape[1]), x.dtype))


@devices.once
def outputs(architecture: Architecture) -> Callable[..., Float[Array, "networks outputs chunk"]]:
    """The program that predicts: (weights, statistics, behaviour, x (features, chunk)) -> answers, in test mode."""

    def each(weights: Weights, statistics: tuple, behaviour: Behaviour, x: Float[Array, "features chunk"]) -> Array:
        def one(weights: Weights, statistics: tuple, behaviour: Behaviour) -> Array:
            return answers(forward(architecture, weights, x, behaviour, statistics=statistics)[0], architecture.output)

        return each_network(architecture, one)(weights, statistics, behaviour)

    return devices.compiled(each)
