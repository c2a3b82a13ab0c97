"""Convolutional networks in a population: beside plain loops, padded, alone and among others, saved."""

import dataclasses

import jax
import numpy as np
import pytest
import toy_splits
from in_float64 import curves_in_float64
from toy_splits import assert_same_bits

import by_hand
import caviar
from caviar.errors import BadConfig
from caviar.network.model import forward
from caviar.training import packing, plan
from caviar.training.drive import starting_weights
from caviar.training.outputs import outputs

LENET = caviar.Config(filters=(5, 6), hidden_units=(9,), batch_size=20, epochs=3, learning_rate=0.01)
NETWORKS = [
    LENET,
    LENET.changed(filters=(3, 4), hidden_units=(), kernel_size=(5, 1), activation=("tanh", "relu")),
    LENET.changed(batch_norm=True, dropout=(0.1, 0.0, 0.3), norm_statistics="exact"),
    LENET.changed(layer_norm=True, stride=(1, 2), pooling=(2, 1)),
    LENET.changed(filters=(4, 4, 6), residual=True, global_pooling=True, batch_norm=True, record="layers"),
]


def answers_by_hand(config, run, images):
    """Logits of a trained network, one layer after the other in float64 NumPy: images are (rows, c, h, w)."""
    a, place, beginning = images.transpose(1, 2, 3, 0).astype(float), 0, None
    for number, each in enumerate(config.convolutions):
        layer = run.weights[place]
        z = by_hand.convolve(np.asarray(layer.w, float), a, each.kernel, each.stride)
        if config.residual and number % 2 == 1:
            beginning = a
        z = normalised(config, run, place, z.reshape(len(z), -1)).reshape(z.shape)
        if config.residual and number and number % 2 == 0:
            z[: len(beginning)] += beginning
        a = by_hand.max_pool(by_hand.activation(config.activations[place], z)[0], each.pool)
        place += 1
    a = a.mean(axis=(1, 2)) if config.global_pooling else a.reshape(-1, a.shape[-1])
    for _ in config.hidden_units:
        z = normalised(config, run, place, np.asarray(run.weights[place].w, float) @ a)
        a, place = by_hand.activation(config.activations[place], z)[0], place + 1
    last = run.weights[place]
    return (np.asarray(last.w, float) @ a + np.asarray(last.b, float)[:, None]).T


def normalised(config, run, place, z):
    layer = run.weights[place]
    b = np.asarray(layer.b, float)[:, None]
    if config.batch_norm:
        mean, variance = (np.asarray(v, float)[:, None] for v in run.statistics[place])
    elif config.layer_norm:
        mean, variance = z.mean(axis=0), z.var(axis=0)
    else:
        return z + b
    return np.asarray(layer.scale, float)[:, None] * (z - mean) / np.sqrt(variance + config.norm_epsilon) + b


@pytest.mark.parametrize("config", NETWORKS, ids=range(len(NETWORKS)))
def test_answers_are_those_of_plain_loops(config):
    split = toy_splits.images()
    (run,) = caviar.train(split, [config])
    (came,) = outputs([(run.config, run.weights, run.statistics)], split.x_dev, split.image_shape)
    images = split.x_dev.reshape(-1, 2, 8, 6)
    np.testing.assert_allclose(came, answers_by_hand(config, run, images), rtol=1e-4, atol=1e-4)
    assert run.history["train_loss"][-1] < run.history["train_loss"][0]


def test_the_same_bits_alone_and_among_others():
    split = toy_splits.images()
    alike = [LENET.changed(filters=(n + 1, 8 - n), learning_rate=0.002 * (n + 1)) for n in range(5)]
    together = caviar.train(split, [*NETWORKS, *alike])
    for run in (together[0], together[2], together[4], together[-2]):
        assert_same_bits(run, caviar.train(split, [run.config])[0])


@pytest.mark.parametrize("config", NETWORKS, ids=range(len(NETWORKS)))
def test_padded_filters_change_nothing(config, monkeypatch):
    """Five filters in a program for eight, and in one for five, in float64."""
    split = toy_splits.images()
    split = dataclasses.replace(split, x=split.x.astype(float))
    wide = curves_in_float64(split, config)
    monkeypatch.setattr(plan, "width_class", lambda units: units)
    narrow = curves_in_float64(split, config)
    for name in ("objective", "dev_loss"):
        np.testing.assert_allclose(wide.history[name], narrow.history[name], rtol=1e-8)


def test_exact_statistics_are_those_of_all_training_images():
    """First layer: mean and variance of z over every row and place, of the trained network."""
    split, config = toy_splits.images(), NETWORKS[2]
    (run,) = caviar.train(split, [config])
    images = split.x_train.reshape(-1, 2, 8, 6).transpose(1, 2, 3, 0).astype(float)
    z = by_hand.convolve(np.asarray(run.weights[0].w, float), images, 3, 1).reshape(5, -1)
    np.testing.assert_allclose(run.statistics[0].mean, z.mean(axis=1), rtol=1e-3, atol=1e-4)
    np.testing.assert_allclose(run.statistics[0].variance, z.var(axis=1), rtol=1e-3)


def test_dropout_of_a_convolution_drops_whole_filters():
    split, config = toy_splits.images(), LENET.changed(dropout=(0.5, 0.0, 0.0), pooling=1)
    program = plan.program_for(config, split)
    weights = jax.tree.map(
        lambda v: v[0], packing.padded([starting_weights(config, split)], program.architecture, np.dtype("f"))
    )
    behaviour = jax.tree.map(
        lambda v: v[0],
        packing.stacked([plan.behaviour_of(config, keep=np.array([0.5, 1.0, 1.0]))], np.dtype("f")),
    )
    none = tuple(np.zeros((n, 20), "f") for n in program.architecture.widths)
    some = (none[0].copy(), *none[1:])
    some[0][2, 7] = 0.9  # the third filter of the eighth image

    @jax.jit
    def answers(weights, x, behaviour, uniforms):
        return forward(program.architecture, weights, x, behaviour, uniforms=uniforms)[0]

    x = split.x[:20].T
    plain, dropped = (np.asarray(answers(weights, x, behaviour, uniforms)) for uniforms in (none, some))
    assert (np.abs(plain - dropped).max(axis=0) > 0).tolist() == [n == 7 for n in range(20)]
    blind = weights[1].w.copy()
    blind[:, 2 * 9 : 3 * 9] = 0  # the second layer does not see that filter
    without = answers((weights[0], weights[1]._replace(w=blind), *weights[2:]), x, behaviour, none)
    np.testing.assert_allclose(dropped[:, 7], np.asarray(without)[:, 7], rtol=1e-5, atol=1e-6)


def test_it_is_saved_and_predicts(tmp_path):
    split = toy_splits.images()
    for number, run in enumerate(caviar.train(split, NETWORKS)):
        folder = tmp_path / str(number)
        caviar.save(caviar.Model.of(run, split), folder)
        raw = np.random.default_rng(0).normal(size=(7, 8, 6, 2)).astype("f")
        frame = caviar.read(raw, target=False).features
        np.testing.assert_array_equal(caviar.load(folder).outputs(frame), caviar.Model.of(run, split).outputs(frame))
        assert len(caviar.predict(folder, raw)) == 7


def test_what_needs_images_says_so():
    for settings, words in (({"filters": 8}, "filters needs images"), ({"augment": "flip"}, "augment needs images")):
        with pytest.raises(BadConfig, match=words):
            caviar.train(toy_splits.classes(), [caviar.Config(**settings)])
