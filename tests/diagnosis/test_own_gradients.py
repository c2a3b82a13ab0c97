"""Every layer, loss and penalty of caviar passes its own gradient check: what `update` follows is the slope of J."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import caviar
from caviar.network.activations import ACTIVATIONS
from caviar.network.losses import LOSSES, OUTPUTS, losses, smoothed, targets
from caviar.training import packing, penalties
from caviar.training.drive import starting_weights
from caviar.training.plan import TRAIN, hyperparameters, program_for
from caviar.training.step import Batch, update
from training import toy_splits

ROWS = 24


def objective(config, split, weights=None):
    """J of a mini-batch with its penalties, the weights, and the gradients that a step of the training follows."""
    program = program_for(config, split)
    with jax.enable_x64(True):
        one = packing.stacked([hyperparameters(config, split)], np.dtype(float))
        if weights is None:
            stream = np.random.default_rng(config.seed)
            weights = starting_weights(config, split)
            weights = tuple(layer._replace(b=0.3 * stream.normal(size=layer.b.shape)) for layer in weights)
        padded = packing.padded([weights], program.architecture, np.dtype(float))
        state = packing.first_state(padded, one, program.architecture)
        one, state = jax.tree.map(lambda values: jnp.asarray(values[0]), (one, state))
        y = split.y[:ROWS].astype(int if split.task == "classification" else float)
        batch = Batch(*jax.tree.map(jnp.asarray, (split.x[:ROWS].T.astype(float), y, np.full(ROWS, TRAIN), None)))

    @jax.jit
    def step(weights):
        rate = jnp.zeros(())
        after, gradients = update(program, state._replace(weights=weights), one, batch, rate=rate, share=rate + 1)
        return after.loss_sum + penalties.penalty(weights, one.penalties), gradients.whole

    return lambda weights: step(weights)[0], state.weights, lambda weights: step(weights)[1]


def assert_right(check):
    assert check.verdict == "correct", check.describe()
    assert check.left_out < check.measured / 5
    assert all(layer.verdict == "correct" for layer in check.layers if layer.left_out < layer.measured)


@pytest.mark.parametrize("number", range(0, len(ACTIVATIONS), 3))
def test_activations(number):
    """Three at a time, one behind the other."""
    config = caviar.Config(hidden_units=(8, 8, 8), activation=ACTIVATIONS[number : number + 3])
    assert_right(caviar.check_gradients(*objective(config, toy_splits.classes())))


@pytest.mark.parametrize("norm", ["batch_norm", "layer_norm"])
@pytest.mark.parametrize("task", ["classes", "numbers"])
def test_norms_in_training_mode_and_penalties(norm, task):
    common = {"hidden_units": (8, 8), "activation": "tanh", "l1": 0.5, "l2": 3.0, norm: True, "norm_epsilon": 1e-4}
    own = {"classes": {"label_smoothing": 0.1, "class_weight": (1.0, 2.0, 5.0)}, "numbers": {"loss": "huber"}}
    config = caviar.Config(**common, **own[task])
    loss, weights, gradients = objective(config, getattr(toy_splits, task)())
    assert_right(caviar.check_gradients(loss, weights, gradients))


IMAGES = {
    "pooling and a stride": {"filters": (8, 8), "stride": (1, 2), "pooling": (2, 1), "hidden_units": (8,)},
    "residual, batch norm, global pooling": {
        "filters": (8, 8, 8),
        "hidden_units": (),
        "pooling": (2, 1, 1),
        "residual": True,
        "batch_norm": True,
        "global_pooling": True,
    },
}


@pytest.mark.parametrize("case", IMAGES)
def test_convolutions(case):
    config = caviar.Config(activation="silu", l2=1.0, **IMAGES[case])
    check = caviar.check_gradients(*objective(config, toy_splits.images()), at_most=100)
    assert_right(check)
    assert check.bound is not None
    assert check.bound < 1e-6


@pytest.mark.parametrize(
    ("output", "loss"), [pair for pair in itertools.product(OUTPUTS, LOSSES) if pair != ("linear", "cross_entropy")]
)
def test_losses_of_every_output(output, loss):
    """By z, with smoothed classes and, where it can be, a number."""
    stream = np.random.default_rng(1)
    z, y = 2 * stream.normal(size=(3, 7)), np.arange(7) % 3

    def mean(z):
        target = smoothed(targets(jnp.asarray(y), z), jnp.asarray(0.1))
        return losses(z, target, output=output, loss=loss, delta=jnp.asarray(0.4)).mean()

    assert_right(caviar.check_gradients(mean, z))
    if output == "linear":
        number = jnp.asarray(stream.normal(size=7))

        def of_numbers(z):
            return losses(z, targets(number, z), output=output, loss=loss, delta=jnp.asarray(0.4)).mean()

        assert_right(caviar.check_gradients(of_numbers, z[:1]))


def test_penalties_by_the_gradient_that_training_adds():
    weights = {"w": np.random.default_rng(2).normal(size=(3, 4)), "b": np.ones(3)}
    weights["w"][0, 0] = 0
    own = penalties.Penalties(jnp.asarray(0.3), jnp.asarray(0.7), jnp.asarray(0.0))

    def added(weights):
        return penalties.add_gradient(jax.tree.map(jnp.zeros_like, weights), weights, own)

    check = caviar.check_gradients(lambda w: penalties.penalty(w, own), weights, added)
    assert check.verdict == "correct"


@pytest.mark.parametrize("activation", ["relu", "tanh"])
def test_trained_networks_of_caviar_have_right_gradients(activation):
    split = toy_splits.classes()
    config = caviar.Config(hidden_units=(8, 8), activation=activation, batch_size=24, epochs=60, learning_rate=0.03)
    (run,) = caviar.train(split, [config])
    assert run.history["train_loss"][-1] < 0.5 * run.history["train_loss"][0]
    assert_right(caviar.check_gradients(*objective(config, split, run.weights)))
