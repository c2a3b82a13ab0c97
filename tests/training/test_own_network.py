"""Networks of the user's own: every technique of training is the same as for caviar's layers."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import toy_splits

import caviar
from caviar.errors import BadConfig, BadRun
from caviar.network.layers import Layer
from caviar.training.drive import starting_weights
from caviar.training.outputs import outputs
from caviar.training.program import advance

UNITS = 8
"""A width that caviar does not pad."""


def init(key, config):
    """Starts as the same dense network of caviar does."""
    del key
    layers = starting_weights(config.changed(network=None), toy_splits.classes())
    return [{"w": layer.w.T, "b": np.asarray(layer.b)} for layer in layers]


def apply(weights, x):
    """Examples first, weights (inputs, units), as people write it."""
    for layer in weights[:-1]:
        x = jax.nn.relu(x @ layer["w"] + layer["b"][None, :])
    return x @ weights[-1]["w"] + weights[-1]["b"][None, :]


def drops(weights, x, key):
    if key is not None:
        x = x * (jax.random.uniform(key, x.shape) < 0.5) / 0.5
    return apply(weights, x)


DENSE = caviar.Config(hidden_units=(UNITS, UNITS), batch_size=20, epochs=4, learning_rate=0.01)
SETTINGS = [
    {},
    {"l2": 3.0, "l1": 2.0},
    {"optimizer": "adamw", "weight_decay": 0.1, "clip_norm": 0.5},
    {"optimizer": "momentum", "clip_value": 0.01, "schedule": "cosine", "warmup": 1.0},
    {"average_weights": 0.9, "early_stopping": 2, "label_smoothing": 0.1},
    {"mixup": 0.3, "input_noise": 0.2, "class_weight": "balanced", "sampling": "balanced"},
    {"rows": (1, 4), "record": "layers"},
    {"loss": "squared", "seed": 5},
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_the_same_network_as_caviars_layers(settings):
    """The same start and batches: curves agree to float32 tolerance over 20 steps."""
    split = toy_splits.classes()
    dense = DENSE.changed(**settings)
    own = dense.changed(network=(init, apply))
    one, other = caviar.train(split, [dense, own])
    assert other.config == own
    assert (one.status, one.best_epoch) == (other.status, other.best_epoch)
    for name in ("objective", "train_loss", "dev_loss", "learning_rate"):
        np.testing.assert_allclose(other.history[name], one.history[name], rtol=2e-4, atol=1e-6)
    for layer, mine in zip(one.weights, other.weights, strict=True):
        np.testing.assert_allclose(mine["w"].T, layer.w, rtol=5e-3, atol=2e-4)
    if dense.record == "layers":
        np.testing.assert_allclose(other.history["gradient_norm"], one.history["gradient_norm"], rtol=1e-2)
        np.testing.assert_allclose(other.history["update_ratio"], one.history["update_ratio"], rtol=1e-2)
    answers = outputs([(r.config, r.weights, r.statistics) for r in (one, other)], split.x_dev)
    np.testing.assert_allclose(answers[1], answers[0], rtol=1e-2, atol=1e-3)


def test_joins_a_population_with_the_same_bits_alone():
    split = toy_splits.classes()
    mine = [
        DENSE.changed(network=(init, network), learning_rate=0.001 * n, hidden_units=(UNITS + n % 2, UNITS))
        for n in range(1, 7)
        for network in (apply, drops)
    ]
    runs = caviar.train(split, [*mine, DENSE])
    for number in (0, 1, 5, 11):
        (alone,) = caviar.train(split, [mine[number]])
        for a, b in zip(jax.tree.leaves(alone.weights), jax.tree.leaves(runs[number].weights), strict=True):
            np.testing.assert_array_equal(a, b)
    assert not np.array_equal(runs[0].history["objective"], runs[1].history["objective"])


def test_one_program_for_those_of_one_shape():
    split = toy_splits.classes()
    advance.cache_clear()
    caviar.train(split, [DENSE.changed(network=(init, apply), l2=float(n), seed=n % 2) for n in range(5)])
    assert advance.cache_info().misses == 1


def test_random_numbers_in_training_only():
    split = toy_splits.classes()
    (run,) = caviar.train(split, [DENSE.changed(network=(init, drops))])
    network = [(run.config, run.weights, run.statistics)]
    np.testing.assert_array_equal(outputs(network, split.x_dev)[0], outputs(network, split.x_dev)[0])
    np.testing.assert_allclose(outputs(network, split.x_dev)[0], apply(run.weights, split.x_dev), rtol=1e-4, atol=1e-5)


def test_images_come_channels_last():
    split = toy_splits.images()

    def of_images(key, config):
        del config
        return (0.01 * jax.random.normal(key, (3, 3, 2, 4)), 0.01 * jax.random.normal(key, (4, 3)))

    def convolves(weights, x):
        assert x.shape[1:] == (8, 6, 2)
        kernel, last = weights
        dimensions = ("NHWC", "HWIO", "NHWC")
        z = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions)
        return jnp.maximum(z, 0).mean(axis=(1, 2)) @ last

    config = caviar.Config(network=(of_images, convolves), epochs=20, learning_rate=0.02, batch_size=16, augment="flip")
    (run,) = caviar.train(split, [config])
    assert run.history["dev_error"][-1] < 0.34
    images = split.x_dev.reshape(-1, 2, 8, 6).transpose(0, 2, 3, 1)
    (came,) = outputs([(run.config, run.weights, ())], split.x_dev, split.image_shape)
    np.testing.assert_allclose(came, convolves(run.weights, images), rtol=1e-3, atol=1e-5)


def test_a_number_is_predicted_too():
    split = toy_splits.numbers()
    config = caviar.Config(network=(lambda key, _: jax.random.normal(key, (4, 1)), lambda w, x: x @ w), epochs=30)
    (run,) = caviar.train(split, [config.changed(learning_rate=0.05)])
    assert run.history["train_error"][-1] < run.history["train_error"][0]


def test_weights_that_were_trained_are_a_start():
    split = toy_splits.classes()
    config = DENSE.changed(network=(init, apply))
    (first,) = caviar.train(split, [config])
    (second,) = caviar.train(split, [config], weights=[first.weights])
    assert second.history["train_loss"][0] < first.history["train_loss"][0]
    words = r"weights given for network 0 must be \[0\]\['b'\] \(8,\), .*, got \[0\].w \(2, 2\), \[0\].b \(2,\)"
    with pytest.raises(BadConfig, match=words):
        caviar.train(split, [config], weights=[(Layer(np.zeros((2, 2)), np.zeros(2), None),)])


REFUSED = [
    (
        (init, lambda w, x: apply(w, np.asarray(x))),
        r"apply of .* must run, but it raised TracerArrayConversionError.*use jax",
    ),
    ((init, lambda w, x: x @ w[1]["w"]), r"apply of .* must run, but it raised TypeError: dot_general"),
    (
        (init, lambda w, x: apply(w, x).astype(int)),
        r"must give one array \(batch, outputs\), got numbers of type int32",
    ),
    ((lambda key: key, apply), r"init of .* must run, but it raised TypeError.*called as init\(key, config\)"),
    ((init, max), r"apply of .* must run, but it raised ValueError.*written in Python"),
    (
        (init, lambda w, x, depth: apply(w, x) + depth),
        r"must be apply\(weights, x\) or .* got the parameters \(w, x, depth",
    ),
    ((init, lambda w: w), r"must be apply\(weights, x\) or"),
    ((init, lambda w, x: apply(w, x)[:, :2]), r"must give one array \(batch, 3\), got shape \(8, 2\)"),
    ((init, lambda w, x: apply(w, x).sum()), r"must give one array \(batch, outputs\), got shape \(\)"),
    ((init, lambda w, x: (apply(w, x), 1)), r"must give one array \(batch, outputs\), got tuple"),
    ((lambda _key, _config: {"w": np.zeros((4, 3), int)}, apply), r"must give arrays of real numbers, got int64"),
    ((lambda _key, _config: {}, apply), r"must give arrays of real numbers, got no array"),
]


@pytest.mark.parametrize(("network", "words"), REFUSED)
def test_functions_that_do_not_fit_are_refused(network, words):
    with pytest.raises(BadConfig, match=words):
        caviar.train(toy_splits.classes(), [DENSE.changed(network=network)])


def scaled(factor):
    """Functions that differ only in what they close over."""
    return (
        lambda key, _config: [factor * np.asarray(jax.random.normal(key, (4, 3)))],
        lambda weights, x: factor * x @ weights[0],
    )


def test_functions_of_one_text_have_checkpoints_of_their_own(tmp_path):
    split = toy_splits.classes()
    one, other = (DENSE.changed(network=scaled(factor), epochs=1) for factor in (0.1, 1.0))
    caviar.train(split, [one], checkpoints=tmp_path)
    (kept,) = caviar.train(split, [other], checkpoints=tmp_path)
    (alone,) = caviar.train(split, [other])
    np.testing.assert_array_equal(kept.weights[0], alone.weights[0])
    apply_only = DENSE.changed(network=(other.network[0], scaled(3.0)[1]), epochs=1)
    (kept,) = caviar.train(split, [apply_only], checkpoints=tmp_path)
    np.testing.assert_array_equal(kept.weights[0], caviar.train(split, [apply_only])[0].weights[0])
    init_only = DENSE.changed(network=(scaled(2.0)[0], other.network[1]), epochs=1)
    (kept,) = caviar.train(split, [init_only], checkpoints=tmp_path)
    np.testing.assert_array_equal(kept.weights[0], caviar.train(split, [init_only])[0].weights[0])


class Callable:
    def __call__(self, weights, x, *, key=None):
        return drops(weights, x, key)


def test_any_callable_will_do():
    """Parts of functions, objects, parameters with defaults; `key` is known by its name."""
    split = toy_splits.classes()
    functions = [
        functools.partial(drops),
        Callable(),
        lambda w, x, key=None: drops(w, x, key),
        lambda w, x, depth=2, *, key: drops(w, x, key) + 0 * depth,
    ]
    configs = [DENSE.changed(network=(functools.partial(init), function), epochs=2) for function in functions]
    runs = caviar.train(split, configs)
    for run in runs[1:]:
        np.testing.assert_allclose(run.history["objective"], runs[0].history["objective"], rtol=1e-5)
        assert run.config.to_json()["network"]
    (plain,) = caviar.train(split, [DENSE.changed(network=(init, lambda w, x, depth=2: apply(w, x) + 0 * depth))])
    np.testing.assert_allclose(
        plain.history["objective"], caviar.train(split, [DENSE])[0].history["objective"], rtol=1e-4
    )


def test_memory_is_that_of_its_arrays():
    """An estimate for the same network as caviar's layers is of the same size."""
    from caviar.training.lanes import lanes
    from caviar.training.memory import lane_bytes

    split = toy_splits.classes()
    wide = DENSE.changed(hidden_units=(256, 256))
    (own,), (layers,) = (lanes([config], split) for config in (wide.changed(network=(init, apply)), wide))
    assert own.size == layers.size
    assert 1 <= lane_bytes(own.program, own.size) / lane_bytes(layers.program, layers.size) < 3


def test_without_a_matrix_layers_have_nothing_to_tell():
    config = DENSE.changed(
        network=(lambda _key, _config: np.zeros(3), lambda w, x: w[None, :] + x[:, :1]), record="layers"
    )
    (run,) = caviar.train(toy_splits.classes(), [config])
    assert run.history["gradient_norm"].shape == (4, 0)


def test_where_it_ends(tmp_path):
    split = toy_splits.classes()
    config = DENSE.changed(network=(init, apply), epochs=1)
    (run,) = caviar.train(split, [config])
    with pytest.raises(BadRun, match="functions of your own are none"):
        caviar.save(caviar.Model.of(run, split), tmp_path)
    with pytest.raises(BadConfig, match=r"caviar.improve needs caviar's own layers.*caviar.tune"):
        caviar.improve("iris", config=config, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_searching_and_resuming(tmp_path):
    split = toy_splits.classes()
    base = DENSE.changed(network=(init, apply), epochs=2)
    space = caviar.Space({"learning_rate": caviar.LogUniform(1e-4, 1e-1)})
    study = caviar.tune(split, space, base=base, trials=4)
    assert caviar.tune(split, base=base, trials=2).best_config.network == (init, apply)
    remedies = caviar.prescribe([], base, split)
    assert remedies
    assert all(remedy.apply(base).network == (init, apply) for remedy in remedies)
    assert study.best_config.network == (init, apply)
    runs = caviar.train(split, [base], checkpoints=tmp_path)
    (again,) = caviar.train(split, [base], checkpoints=tmp_path)
    for a, b in zip(jax.tree.leaves(runs[0].weights), jax.tree.leaves(again.weights), strict=True):
        np.testing.assert_array_equal(a, b)
