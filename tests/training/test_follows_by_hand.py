"""The engine against the formulas: single steps in float64, and the first steps of whole runs in float32."""

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_splits

import by_hand
import caviar
from caviar.network.config import OPTIMIZERS
from caviar.network.draws import uniforms
from caviar.network.model import Architecture
from caviar.network.shapes import Inputs
from caviar.training import packing
from caviar.training.plan import DEV, FILLER, TRAIN, Program, hyperparameters, program_for
from caviar.training.rows import Order
from caviar.training.step import Batch, update

EVERYTHING = {
    "sgd": {"learning_rate": 0.3, "l2": 2.0, "label_smoothing": 0.1},
    "momentum": {"learning_rate": 0.2, "momentum": 0.8, "l1": 0.5},
    "nesterov": {"learning_rate": 0.1, "momentum_form": "sum", "weight_decay": 0.01},
    "rmsprop": {"learning_rate": 0.01, "beta2": 0.95, "epsilon": 1e-3, "l2": 1.0},
    "adam": {"learning_rate": 0.02, "beta1": 0.8, "epsilon": 1e-4, "l1": 0.3, "l2": 0.7},
    "adamw": {"learning_rate": 0.02, "beta2": 0.99, "weight_decay": 0.1, "label_smoothing": 0.2},
}


def hand(weights):
    """Weights as `by_hand` holds them."""
    return [
        {"w": np.array(layer.w, float), "b": np.array(layer.b, float)}
        | ({} if layer.scale is None else {"gamma": np.array(layer.scale, float)})
        for layer in weights
    ]


def assert_same_weights(weights, layers, **tolerance):
    for layer, wanted in zip(weights, layers, strict=True):
        for name, array in (("w", layer.w), ("b", layer.b), ("gamma", layer.scale)):
            if name in wanted:
                np.testing.assert_allclose(array, wanted[name], **tolerance)


@functools.cache
def compiled(program):
    return jax.jit(lambda state, one, batch, rate: update(program, state, one, batch, rate=rate, share=rate)[0])


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("batch_norm", [False, True])
@pytest.mark.parametrize("task", ["classification", "regression"])
def test_five_steps_in_float64(optimizer, batch_norm, task):
    """7 and 5 units in a program for 8 and 8, dropout, every penalty; two rows of each batch are not to count."""
    split = toy_splits.classes() if task == "classification" else toy_splits.numbers()
    settings = EVERYTHING[optimizer] | ({"label_smoothing": 0.0} if task == "regression" else {})
    config = caviar.Config(
        hidden_units=(7, 5),
        activation=("elu", "tanh"),
        dropout=(0.25, 0.5),
        optimizer=optimizer,
        batch_norm=batch_norm,
        norm_beta=0.9,
        norm_epsilon=1e-3,
        **settings,
    )
    architecture = Architecture(Inputs(4), (8, 8), split.outputs, "exponential", batch_norm, dropout=True)
    if task == "regression":
        architecture = dataclasses.replace(architecture, output="linear")
    program = Program(architecture, split.task, 12, "train", "cross_entropy" if task == "classification" else "squared")
    rng = np.random.default_rng(3)
    start = packing.starting_weights(config, Inputs(4), split.outputs)
    start = tuple(layer._replace(b=rng.normal(size=layer.b.shape)) for layer in start)
    layers, optimizer_by_hand, moving = hand(start), by_hand.Optimizer(config), None
    x, y = split.x.astype(float), split.y.astype(int if task == "classification" else float)
    with jax.enable_x64(True):
        one = packing.stacked([hyperparameters(config, split)], np.dtype(float))
        state = packing.first_state(packing.padded([start], architecture, np.dtype(float)), one, architecture)
        one, state = jax.tree.map(lambda v: jnp.asarray(v[0]), (one, state))
        for _ in range(5):
            rows, drawn = rng.integers(0, 96, 12), [rng.uniform(size=(8, 12)) for _ in range(2)]
            group = np.array([TRAIN] * 10 + [FILLER, DEV], np.int32)
            wrong = np.where(group == TRAIN, 1.0, 50.0)
            batch = Batch(*jax.tree.map(jnp.asarray, (x[rows].T * wrong, y[rows], group, tuple(drawn))))
            rate = jnp.asarray(config.rate)
            before = float(state.loss_sum)
            state = compiled(program)(state, one, batch, rate)
            used = rows[:10]
            own = [drawn[0][:7, :10], drawn[1][:5, :10]]
            value, found, seen = by_hand.gradients(layers, x[used].T, y[used], config, split.n_train, uniforms=own)
            optimizer_by_hand.step(layers, found, config.rate)
            past = moving or [(0.0, 0.0) for _ in seen]
            moving = [
                (0.9 * m + 0.1 * mean, 0.9 * v + 0.1 * var) for (m, v), (mean, var) in zip(past, seen, strict=True)
            ]
            assert float(state.loss_sum) - before == pytest.approx(value, rel=1e-12)
    alone = jax.tree.map(lambda v: np.asarray(v)[None], (state.weights, state.moving))
    weights, statistics = packing.unpadded(*alone, 0, packing.shapes_of(config, Inputs(4), split.outputs))
    assert weights[0].w.dtype == np.float64
    assert_same_weights(weights, layers, rtol=1e-9, atol=1e-12)
    assert len(statistics) == (2 if batch_norm else 0)
    for got, wanted in zip(statistics, moving, strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9)
    padded = state.weights[0].w[7:], state.weights[1].w[:, 7:], state.weights[1].b[5:], state.weights[2].w[:, 5:]
    assert not any(np.asarray(array).any() for array in padded)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("group", [FILLER, DEV])
def test_a_mini_batch_without_a_row_changes_nothing(optimizer, group):
    """Bit for bit: weights, moments, batch norm's averages, and how often they were averaged."""
    split = toy_splits.classes()
    config = caviar.Config(hidden_units=(8, 8), activation=("elu", "tanh"), batch_norm=True, dropout=0.3, l2=1.0)
    config = config.changed(optimizer=optimizer, weight_decay=0.1, l1=1.0)
    architecture = Architecture(Inputs(4), (8, 8), 3, "exponential", batch_norm=True, dropout=True)
    program = Program(architecture, "classification", 12, "train")
    with jax.enable_x64(True):
        one = packing.stacked([hyperparameters(config, split)], np.dtype(float))
        start = packing.padded([packing.starting_weights(config, Inputs(4), 3)], architecture, np.dtype(float))
        state = packing.first_state(start, one, architecture)
        one, state = jax.tree.map(lambda v: jnp.asarray(v[0]), (one, state))
        x, y = jnp.asarray(split.x[:12].T.astype(float)), jnp.asarray(split.y[:12].astype(int))
        drawn = tuple(jnp.asarray(np.full((8, 12), 0.1)) for _ in range(2))
        rate = jnp.asarray(0.1)
        some = compiled(program)(state, one, Batch(x, y, jnp.zeros(12, jnp.int32), drawn), rate)
        none = compiled(program)(some, one, Batch(x, y, jnp.full(12, group, jnp.int32), drawn), rate)
    for before, after in zip(jax.tree.leaves(some), jax.tree.leaves(none), strict=True):
        np.testing.assert_array_equal(before, after)
    assert (int(none.moments.steps), float(none.loss_count)) == (1, 1)


RUNS = [
    {"optimizer": "sgd", "schedule": "inverse_time", "hidden_units": (8, 8)},
    {"optimizer": "momentum", "schedule": "exponential", "activation": ("gelu", "selu"), "l2": 1.0, "dropout": 0.5},
    {"optimizer": "nesterov", "schedule": "cosine", "activation": "selu", "dropout": (0.0, 0.25)},
    {"optimizer": "rmsprop", "schedule": "staircase", "decay_every": 1, "activation": ("sigmoid", "elu")},
    {"optimizer": "adam", "schedule": "one_cycle", "learning_rate": 0.01, "activation": ("relu", "elu")},
    {"optimizer": "adamw", "warmup": 2.0, "weight_decay": 0.1, "l1": 0.2, "activation": ("elu", "silu")},
]
"""Every optimiser with another schedule; one program trains them all."""


@pytest.mark.parametrize("batch_norm", [False, True])
def test_whole_runs_follow_in_float32(batch_norm):
    """3 epochs of 4 mini-batches, the last one smaller: J, losses, errors, weights and statistics."""
    split = toy_splits.classes()
    common = {"hidden_units": (7, 5), "activation": ("elu", "tanh"), "dropout": 0.2, "epochs": 3, "seed": 5}
    common |= {"batch_size": 28, "batch_norm": batch_norm, "norm_epsilon": 1e-4, "norm_beta": 0.8}
    configs = [caviar.Config(**(common | own)) for own in RUNS]
    assert len({program_for(config, split) for config in configs}) == 1
    key = jax.random.key(np.uint32(5))
    order = Order(5, 96, 28)
    mini_batches = [rows[rows >= 0] for rows in order.steps(0, 12)]
    assert [len(rows) for rows in mini_batches] == [28, 28, 28, 12] * 3
    for run in caviar.train(split, configs):
        config = run.config
        layers = hand(packing.starting_weights(config, Inputs(4), 3))

        def drawn(step, config=config):
            keys = [jax.random.fold_in(jax.random.fold_in(key, step), layer) for layer in range(2)]
            pairs = zip(keys, config.hidden_units, strict=True)
            return [np.asarray(uniforms(k, units, 28, np.dtype(np.float32))) for k, units in pairs]

        values, moving = by_hand.train(
            layers, config, split.x.astype(float), split.y, mini_batches, m=96, epochs=3, per_epoch=4, uniforms=drawn
        )
        np.testing.assert_allclose(run.history["objective"], np.reshape(values, (3, 4)).mean(1), rtol=1e-5)
        assert_same_weights(run.weights, layers, rtol=1e-4, atol=1e-5)
        for got, wanted in zip(run.statistics, moving, strict=True):
            np.testing.assert_allclose(got, wanted, rtol=1e-4, atol=1e-5)
        outputs, _ = by_hand.forward(layers, split.x.T.astype(float), config, statistics=moving)
        for name, rows in (("train", slice(0, 96)), ("dev", slice(96, None))):
            value, _ = by_hand.loss(outputs[:, rows], split.y[rows])
            assert run.history[f"{name}_loss"][-1] == pytest.approx(value, rel=1e-5)
            wrong = (outputs[:, rows].argmax(0) != split.y[rows]).mean()
            assert run.history[f"{name}_error"][-1] == pytest.approx(wrong, abs=1.01 / 32)


def test_by_hand_is_right_itself():
    """Mazur 2015, "A step by step backpropagation example": two sigmoid units, his printed numbers."""
    w, b = np.array([[0.15, 0.20], [0.25, 0.30]]), np.array([0.35, 0.35])
    x, at_hidden = np.array([[0.05], [0.10]]), np.array([[0.036350306], [0.041370322]])
    a, slope = by_hand.activation("sigmoid", w @ x + b[:, None])
    np.testing.assert_allclose(a[:, 0], [0.593269992, 0.596884378], rtol=1e-8)
    found = (at_hidden * slope) @ x.T
    np.testing.assert_allclose(w - 0.5 * found, [[0.149780716, 0.19956143], [0.24975114, 0.29950229]], rtol=1e-7)
