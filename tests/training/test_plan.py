import dataclasses

import numpy as np
import pytest
import toy_splits
from hypothesis import given
from hypothesis import strategies as st

import caviar
from caviar.network.shapes import Inputs
from caviar.training import packing
from caviar.training.plan import (
    epochs_planned,
    hyperparameters,
    last_epoch,
    program_for,
    relative_cost,
    same_class,
    usual_averages,
    width_class,
)

UNITS = st.integers(1, 5000)


@given(units=UNITS, more=st.integers(0, 500))
def test_width_classes(units, more):
    padded = width_class(units)
    assert padded >= max(8, units)
    assert width_class(padded) == padded
    assert width_class(units + more) >= padded
    if units > 8:
        assert padded < 2 * units if units <= 64 else padded - units < 128
    fewest, most = same_class(units)
    assert fewest <= units <= most == padded
    assert {width_class(n) for n in (fewest, most)} == {padded}
    assert fewest == 1 or width_class(fewest - 1) < padded
    assert width_class(most + 1) > padded


def test_averages_are_as_long_as_a_training_has_steps():
    """A tenth and a third of the updates, at most 100 and 500; two at least, of a training of one step too."""
    split, config = toy_splits.classes(), caviar.Config(batch_size=32)  # 3 steps an epoch
    assert usual_averages(config.changed(epochs=100), split) == (0.9667, 0.99)
    assert usual_averages(config.changed(epochs=1_000), split) == (0.99, 0.998)
    assert usual_averages(config.changed(epochs=1_000, stop_after=100), split) == (0.9667, 0.99)
    assert usual_averages(config.changed(epochs=1, batch_size="full"), split) == (0.5,)


def test_some_widths():
    widths = {1: 8, 8: 8, 9: 16, 64: 64, 65: 96, 97: 128, 128: 128, 129: 192, 512: 512, 513: 640}
    assert {units: width_class(units) for units in widths} == widths


FREE = [
    {"hidden_units": (9, 16)},
    {"activation": "leaky_relu"},
    {"initializer": "zeros"},
    {"dropout": (0.5, 0.0)},
    {"l1": 1.0, "l2": 2.0, "weight_decay": 3.0},
    {"label_smoothing": 0.1},
    {"optimizer": "rmsprop", "learning_rate": 1.0},
    {"schedule": "cosine", "warmup": 2.0},
    {"epochs": 99, "early_stopping": 2, "stop_after": 5},
    {"seed": 4},
    {"norm_epsilon": 0.1, "norm_beta": 0.5},
    {"prior_bias": True, "sampling": "balanced"},
]
FED_IN = [
    {"hidden_units": (9, 17)},
    {"hidden_units": (16,)},
    {"activation": ("relu", "tanh")},
    {"batch_norm": True},
    {"dropout": 0.0},
    {"batch_size": 31},
    {"rows": "train+dev"},
    {"output": "sigmoid"},
    {"loss": "huber"},
    {"layer_norm": True},
    {"max_norm": 1.0},
    {"input_noise": 0.1},
    {"mixup": 0.2},
    {"class_weight": "balanced"},
    {"clip_norm": 1.0},
    {"clip_value": 1.0},
    {"average_weights": 0.9},
    {"record": "layers"},
    {"precision": "bfloat16"},
]
"""What costs every network that shares it with one that asks for it is compiled for that one alone."""


OF_CONVOLUTIONS = [
    {"filters": (5, 9, 7)},
    {"kernel_size": 1},
    {"stride": (1, 2, 1)},
    {"pooling": 1},
    {"global_pooling": True},
    {"residual": True},
    {"augment": "flip"},
]


def test_what_may_differ_within_a_program():
    """Traced settings share one; those that decide what is compiled do not."""
    split, base = toy_splits.classes(), caviar.Config(hidden_units=(16, 16), dropout=0.1, batch_size=32)
    program = program_for(base, split)
    for settings in FREE:
        assert program_for(base.changed(**settings), split) == program, settings
    for settings in FED_IN:
        other = base.changed(**({"dropout": 0.1} | settings))
        assert program_for(other, split) != program, settings
    assert program_for(base.changed(rows=(0, 3)), split) == program_for(base.changed(rows=(1, 4)), split)


def test_what_may_differ_within_a_program_of_convolutions():
    split, base = toy_splits.images(), caviar.Config(hidden_units=16, filters=(5, 6, 7), dropout=0.1)
    program = program_for(base, split)
    assert program_for(base.changed(filters=(1, 8, 3), dropout=(0.1, 0.5, 0.2, 0.0)), split) == program
    for settings in OF_CONVOLUTIONS:
        assert program_for(base.changed(**settings), split) != program, settings


def test_every_setting_is_traced_or_compiled():
    """A new setting of Config must be put into one of the lists above, or change neither."""
    neither = {"initial_scale", "momentum", "momentum_form", "beta1", "beta2", "epsilon", "decay_rate", "decay_every"}
    neither |= {"huber_delta", "norm_statistics"}
    neither |= {"network"}  # see test_own_network
    named = {name for settings in FREE + FED_IN + OF_CONVOLUTIONS for name in settings}
    assert named | neither == {field.name for field in dataclasses.fields(caviar.Config)}


def test_epochs():
    """As many as show the network 640,000 rows, between 5 and 60."""
    split = toy_splits.classes()
    assert epochs_planned(caviar.Config(), split) == 60
    larger = dataclasses.replace(split, n_train=20_000)
    assert epochs_planned(caviar.Config(), larger) == 32
    assert epochs_planned(caviar.Config(), dataclasses.replace(split, n_train=10**6)) == 5
    assert last_epoch(caviar.Config(epochs=9, stop_after=4), split) == 4
    assert last_epoch(caviar.Config(stop_after=99), split) == 60
    one, two = (relative_cost(caviar.Config(epochs=e, hidden_units=8), split) for e in (3, 6))
    assert two == 2 * one == 6 * (4 * 8 + 8 * 3 + 2000)
    assert relative_cost(caviar.Config(epochs=3, hidden_units=8, batch_norm=True), split) == pytest.approx(1.6 * one)


def test_penalties_are_divided_by_the_rows_that_are_used():
    split = toy_splits.classes()
    for rows, m in ((1.0, 96), ((0, 4), 96), ((0, 2), 64), ("train+dev", 128)):
        came = hyperparameters(caviar.Config(l1=2.0, l2=3.0, weight_decay=0.5, rows=rows), split).penalties
        assert came == pytest.approx((2 / m, 3 / m, 0.5))


@pytest.mark.parametrize("batch_norm", [False, True])
def test_into_a_lane_and_out_again(batch_norm):
    """Weights of different widths come back as they went in, at their own shapes."""
    split = toy_splits.classes()
    configs = [caviar.Config(hidden_units=u, batch_norm=batch_norm, seed=s) for s, u in enumerate([(9, 16), (16, 11)])]
    architecture = program_for(configs[0], split).architecture
    weights = [packing.starting_weights(config, Inputs(4), 3) for config in configs]
    packed = packing.padded(weights, architecture, np.dtype(float))
    assert [layer.w.shape for layer in packed] == [(2, 16, 4), (2, 16, 16), (2, 3, 16)]
    for slot, (config, own) in enumerate(zip(configs, weights, strict=True)):
        back, _ = packing.unpadded(packed, (), slot, packing.shapes_of(config, Inputs(4), 3))
        for a, b in zip(back, own, strict=True):
            np.testing.assert_array_equal(a.w, b.w)
            np.testing.assert_array_equal(a.b, b.b)
            assert (a.scale is None) == (b.scale is None)


def test_how_a_network_starts():
    """W by its initialiser, b = 0, gamma = 1; the last layer is drawn alike and has no gamma."""
    config = caviar.Config(hidden_units=(5, 7), initializer="lecun", batch_norm=True)
    first, second, last = packing.starting_weights(config, Inputs(4), 3)
    he = packing.starting_weights(config.changed(initializer="he"), Inputs(4), 3)
    for layer, other in zip((first, second, last), he, strict=True):
        np.testing.assert_allclose(other.w, np.sqrt(2) * np.asarray(layer.w))
        assert not np.asarray(layer.b).any()
    np.testing.assert_array_equal(first.scale, np.ones(5))
    np.testing.assert_array_equal(second.scale, np.ones(7))
    assert last.scale is None
