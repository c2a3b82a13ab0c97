"""What is measured of a network, against a backward pass in float64 NumPy."""

import jax
import numpy as np
import pytest

import by_hand
import caviar
from caviar.diagnosis.probe import _mini_batches, probe
from caviar.diagnosis.subject import Probe
from caviar.network.config import Config
from caviar.network.layers import Layer
from caviar.training.drive import starting_weights
from diagnosis.made_scores import classes, quantity
from training.toy_splits import images

ROWS = classes(640, 100)


def measured(**settings) -> Probe:
    config = Config(**({"hidden_units": (6, 5)} | settings))
    return probe(ROWS, config, starting_weights(config, ROWS))


@pytest.mark.parametrize(
    "settings",
    [
        {"activation": "tanh"},
        {"activation": ("relu", "sigmoid"), "initializer": "normal", "initial_scale": 0.7},
        {"batch_norm": True},
        {"l2": 50.0, "dropout": 0.5, "label_smoothing": 0.3},
    ],
)
def test_gradients_are_those_of_a_backward_pass_by_hand(settings):
    config = Config(**({"hidden_units": (6, 5)} | settings))
    weights = starting_weights(config, ROWS)
    found = probe(ROWS, config, weights)
    bare = config.changed(l2=0.0, dropout=0.0, label_smoothing=0.0)
    x, y = _mini_batches(ROWS, config)
    assert x.shape == (16, 2, 40)
    layers = [{"w": layer.w, "b": layer.b, "gamma": layer.scale} for layer in weights]
    by_batch = [by_hand.gradients(layers, x[i].astype(float), y[i], bare, 1)[1] for i in range(len(x))]
    lengths = [[np.linalg.norm(layer["w"]) for layer in own] for own in by_batch]
    np.testing.assert_allclose(found.gradient_norm, lengths, rtol=2e-4, atol=1e-6)
    np.testing.assert_allclose(found.weight_norm, [np.linalg.norm(layer.w) for layer in weights], rtol=1e-6)


def test_mini_batches_are_of_different_training_rows():
    x, _ = _mini_batches(ROWS, Config(rows=(0, 5)))
    seen = x.transpose(0, 2, 1).reshape(-1, 2)
    assert len(np.unique(seen, axis=0)) == len(seen)
    allowed = ROWS.x[ROWS.folds(5) != 0]
    assert all((allowed == row).all(axis=1).any() for row in seen)


def test_zeros_make_units_alike_and_keep_gradients_from_the_first_layer():
    found = measured(initializer="zeros")
    assert found.symmetric.tolist() == [1, 1]
    assert found.constant.tolist() == [1, 1]
    assert found.no_gradient.tolist() == [1, 1, 1]
    other = measured()
    assert other.symmetric.tolist() == [0, 0]
    assert other.no_gradient.max() < 0.5


def test_units_far_out_are_saturated_and_small_ones_are_not():
    assert measured(activation="tanh", initializer="normal", initial_scale=30.0).saturated.min() > 0.8
    assert measured(activation="tanh", initializer="normal", initial_scale=0.1).saturated.tolist() == [0, 0]
    assert measured(activation="relu", initializer="normal", initial_scale=30.0).saturated.tolist() == [0, 0]


def test_dead_units_are_counted_without_those_that_only_fill_up():
    config = Config(hidden_units=(6,))
    first, last = starting_weights(config, ROWS)
    dead = Layer(first.w, np.r_[-1e3, -1e3, -1e3, np.zeros(3)], None)
    found = probe(ROWS, config, (dead, last))
    assert found.constant.tolist() == [0.5]
    assert found.symmetric.tolist() == [0.5]
    assert found.no_gradient[0] == 0.5


def test_the_spread_is_that_of_the_units_answers():
    config = Config(hidden_units=(6,), activation="linear")
    weights = starting_weights(config, ROWS)
    x, _ = _mini_batches(ROWS, config)
    answers = x.transpose(0, 2, 1).reshape(-1, 2) @ weights[0].w.T
    assert probe(ROWS, config, weights).spread[0] == pytest.approx(answers.std(axis=0).mean(), rel=1e-4)


def test_update_ratio_of_plain_gradient_descent():
    config = Config(hidden_units=(6,), optimizer="sgd", learning_rate=0.2)
    found = probe(ROWS, config, starting_weights(config, ROWS))
    rms = 0.2 * np.sqrt((found.gradient_norm**2).mean(axis=0)) / found.weight_norm
    np.testing.assert_allclose(found.update_ratio, rms, rtol=1e-4)


def test_update_ratio_follows_what_training_records():
    """Adam late in its training: its averages have settled."""
    config = Config(hidden_units=(6,), learning_rate=0.003, epochs=60, record="layers", batch_size=40)
    (run,) = caviar.train(ROWS, [config])
    recorded = run.history["update_ratio"][-30:].mean(axis=0)
    ratio = probe(ROWS, config, run.weights).update_ratio / recorded
    assert (ratio > 0.4).all()
    assert (ratio < 2.5).all()


def test_the_noise_scale_is_the_variance_of_a_rows_gradient_over_its_squared_mean():
    """A linear model of one input: the gradient of every row by hand."""
    rows = quantity(4_000, 100)
    config = Config(hidden_units=(), initializer="zeros")
    weights = starting_weights(config, rows)
    scales = [probe(rows, config, weights).noise_scale]
    x, y = rows.x_train.astype(float), rows.y_train.astype(float)
    each = -2 * y[:, None] * np.column_stack([x, np.ones(len(x))])
    expected = each.var(axis=0).sum() / (each.mean(axis=0) ** 2).sum()
    assert scales[0] == pytest.approx(expected, rel=0.35)


def test_a_network_of_the_users_own_and_images_are_measured():
    def init(key, _config):
        return {"used": 0.1 * jax.random.normal(key, (2, 3)), "idle": 0.1 * jax.random.normal(key, (2, 3))}

    config = Config(network=(init, lambda weights, x: x @ weights["used"]), hidden_units=())
    found = probe(ROWS, config, starting_weights(config, ROWS))
    assert found.no_gradient.tolist() == [1, 0]
    assert found.spread.shape == (0,)
    pictures = images()
    filters = Config(filters=(4,), hidden_units=(8,))
    seen = probe(pictures, filters, starting_weights(filters, pictures))
    assert seen.gradient_norm.shape[1] == 3
    assert seen.spread.shape == (2,)
