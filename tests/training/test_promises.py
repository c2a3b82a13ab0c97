"""What the engine promises for any network: padding, containment, streams of their own, and every extreme of size."""

import dataclasses
import functools

import jax
import numpy as np
import pytest
import toy_splits
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from in_float64 import curves_in_float64
from toy_splits import assert_same_bits

import caviar
from caviar.network.activations import ACTIVATIONS
from caviar.network.config import OPTIMIZERS
from caviar.network.draws import uniforms
from caviar.network.shapes import Inputs
from caviar.training import plan
from caviar.training.packing import starting_weights
from caviar.training.rows import Order

SMALL = caviar.Config(hidden_units=(8, 8), batch_size=32, epochs=2, learning_rate=0.01)


@pytest.mark.parametrize(
    "norm", [{}, {"batch_norm": True}, {"layer_norm": True}, {"dropout": 0.0, "activation": "sigmoid"}], ids=str
)
@settings(max_examples=5, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    activation=st.sampled_from(ACTIVATIONS[7:]),
    optimizer=st.sampled_from(OPTIMIZERS),
    rate=st.floats(1e-4, 3e-2),
    dropout=st.floats(0.01, 0.6),
    seed=st.integers(0, 2**31 - 1),
)
def test_padding_changes_nothing(norm, activation, optimizer, rate, dropout, seed, monkeypatch):  # noqa: PLR0917
    """17 and 9 units in a program for 32 and 16, and in one for 17 and 9: 50 steps in float64."""
    split = toy_splits.classes()
    split = dataclasses.replace(split, x=split.x.astype(float))
    drawn = {"activation": activation, "optimizer": optimizer, "learning_rate": rate, "dropout": dropout, "seed": seed}
    config = SMALL.changed(hidden_units=(17, 9), batch_size=20, epochs=10, l2=0.5, **(drawn | norm))
    wide = curves_in_float64(split, config)
    with monkeypatch.context() as patch:
        patch.setattr(plan, "width_class", lambda units: units)
        assert plan.program_for(config, split).architecture.units == (17, 9)
        narrow = curves_in_float64(split, config)
    assert plan.program_for(config, split).architecture.units == (32, 16)
    assert len(wide.history["objective"]) == 10
    for name in ("objective", "train_loss", "dev_loss"):
        np.testing.assert_allclose(wide.history[name], narrow.history[name], rtol=1e-8)
    for a, b in zip(wide.weights, narrow.weights, strict=True):
        np.testing.assert_allclose(a.w, b.w, rtol=1e-6, atol=1e-9)


def test_start_and_masks_do_not_depend_on_padding():
    key = jax.random.key(3)
    np.testing.assert_array_equal(
        uniforms(key, 17, 20, np.dtype(np.float32)), uniforms(key, 32, 20, np.dtype(np.float32))[:17]
    )


@settings(max_examples=6)
@given(places=st.lists(st.integers(0, 9), min_size=2, max_size=2, unique=True), optimizer=st.sampled_from(OPTIMIZERS))
def test_networks_that_diverge_touch_no_other(places, optimizer):
    """One at a rate of a million, one that starts with NaN, anywhere in a list: no bit of the others changes."""
    split = toy_splits.classes()
    good = [SMALL.changed(dropout=0.1 * n, l2=float(n), activation=("silu", "gelu")[n % 2]) for n in range(8)]
    wild = SMALL.changed(learning_rate=1e6, optimizer=optimizer, activation="gelu")
    broken = SMALL.changed(l2=3.0, activation="gelu")
    start = starting_weights(broken, Inputs(split.width), split.outputs)
    start = (start[0]._replace(w=np.full_like(start[0].w, np.nan)), *start[1:])
    configs, weights = list(good), [None] * 8
    for place, config, own in zip(sorted(places), (wild, broken), (None, start), strict=True):
        configs.insert(place, config)
        weights.insert(place, own)
    among = caviar.train(split, configs, weights=weights)
    for config, run in zip(configs, among, strict=True):
        if config in good:
            assert run.status == "finished"
            assert_same_bits(run, alone(config))
    assert among[configs.index(broken)].status == "diverged"


@functools.cache
def alone(config):
    return caviar.train(toy_splits.classes(), [config])[0]


def test_seeds_are_streams_of_their_own():
    """Order, masks and start of 40 seeds: no two agree, and none is correlated with the next."""
    numbers = {
        "order": [Order(seed, 500, 50).steps(0, 10).ravel() for seed in range(40)],
        "masks": [np.asarray(uniforms(jax.random.key(s), 50, 40, np.dtype(np.float32))).ravel() for s in range(40)],
        "start": [starting_weights(SMALL.changed(seed=s), Inputs(60), 3)[0].w.ravel() for s in range(40)],
    }
    for name, of_seeds in numbers.items():
        table = np.corrcoef(np.array(of_seeds, float))
        others = table[~np.eye(40, dtype=bool)]
        n = len(of_seeds[0])
        assert np.abs(others).max() < 4.5 / np.sqrt(n), name  # 780 pairs of independent streams: 4.5 sigma
        assert others.std() == pytest.approx(1 / np.sqrt(n), rel=0.2), name


def made(rows, features, classes, *, dev=20, constant=()):
    rng = np.random.default_rng(rows * features + classes)
    x = rng.normal(size=(rows + dev, features))
    x[:, list(constant)] = 7.0
    y = np.arange(rows + dev) % classes if classes else x[:, 0] * 3 + rng.normal(size=rows + dev)
    train, held = caviar.read((x[:rows], y[:rows])), caviar.read((x[rows:], y[rows:]))
    return caviar.split(train, dev=held, test=0)


EXTREMES = {
    "a single feature": ((90, 1, 3), {}),
    "1,000 features": ((90, 1000, 3), {}),
    "1,000 classes": ((2000, 6, 1000), {"dev": 1000}),
    "a constant feature": ((90, 4, 3), {"constant": (1, 3)}),
    "few rows": ((20, 3, 2), {"dev": 2}),
    "a number": ((90, 4, 0), {}),
}


@pytest.mark.parametrize("case", EXTREMES)
def test_every_extreme_of_size_trains(case):
    """Mini-batches of 1, of some and of all rows, with and without batch norm; a network has the same bits alone."""
    sizes, others = EXTREMES[case]
    split = made(*sizes, **others)
    some = [SMALL.changed(batch_size=size, batch_norm=norm) for size in (7, "full") for norm in (False, True)]
    if split.n_train <= 100:
        some += [SMALL.changed(batch_size=1), SMALL.changed(batch_size=1, layer_norm=True)]
    runs = caviar.train(split, some)
    for run in runs:
        assert run.status == "finished"
        assert all(np.isfinite(curve).all() for curve in run.history.values())
        assert all(np.isfinite(layer.w).all() for layer in run.weights)
    assert_same_bits(caviar.train(split, some[-1:])[0], runs[-1])


def test_a_batch_above_the_rows_is_all_of_them():
    split = toy_splits.classes()
    runs = caviar.train(split, [SMALL.changed(batch_size=size) for size in (96, 97, 10**6, "full")])
    for run in runs[1:]:
        for a, b in zip(run.weights, runs[0].weights, strict=True):
            np.testing.assert_array_equal(a.w, b.w)
