"""Padding: a network in a program that was made for wider ones."""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import by_hand
import caviar
from caviar.network.activations import family, table
from caviar.network.model import Architecture, Behaviour, forward
from caviar.network.shapes import Inputs
from caviar.training import packing

CONFIG = caviar.Config(hidden_units=(17, 5), activation=("sigmoid", "elu"), dropout=(0.5, 0.25), norm_epsilon=1e-3)
RNG = np.random.default_rng(8)
X, UNIFORM = RNG.normal(size=(3, 12)), [RNG.uniform(size=(32, 12)), RNG.uniform(size=(8, 12))]


@functools.cache
def answers(config, units, *, training):
    """Outputs, gradients of their squares, and batch norm's statistics; in a program for `units`."""
    architecture = Architecture(Inputs(3), units, 2, family(config.activations), config.batch_norm, dropout=True)
    weights = packing.starting_weights(config, Inputs(3), 2)
    dtype = np.dtype(float)
    own = np.asarray(config.hidden_units), table(config.activations), 1 - np.array(config.dropouts), config.norm_epsilon
    behaviour = Behaviour._make(own)
    packed, one = packing.padded([weights], architecture, dtype), packing.stacked([behaviour], dtype)
    fixed = [(np.linspace(-1, 1, n), np.linspace(1, 2, n)) for n in config.hidden_units]
    still = packing.padded_statistics([tuple(map(packing.Statistics._make, fixed))], architecture, dtype)
    with jax.enable_x64(True):
        packed, one, still = jax.tree.map(lambda v: jnp.asarray(v[0]), (packed, one, still))
        drawn = tuple(jnp.asarray(u[:n]) for u, n in zip(UNIFORM, units, strict=True))
        mode = {"uniforms": drawn, "row_weight": jnp.ones(12)} if training else {"statistics": still}

        def total(w):
            outputs, seen = forward(architecture, w, jnp.asarray(X), one, **mode)
            return (outputs**2).sum(), (outputs, seen.statistics)

        gradients, (outputs, seen) = jax.jit(jax.grad(total, has_aux=True))(packed)
    return np.asarray(outputs), gradients, seen, (weights, fixed)


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_seventeen_units_in_a_program_for_thirty_two(batch_norm, training):
    config = CONFIG.changed(batch_norm=batch_norm)
    narrow, own, seen, _ = answers(config, (17, 5), training=training)
    wide, padded, seen_wide, _ = answers(config, (32, 8), training=training)
    np.testing.assert_allclose(wide, narrow, rtol=1e-12, atol=1e-14)
    assert len(seen) == len(seen_wide) == (2 if batch_norm and training else 0)
    for one, other, units in zip(seen, seen_wide, (17, 5), strict=False):
        np.testing.assert_allclose(other.mean[:units], one.mean, rtol=1e-12)
    sizes = (3, 17, 5, 2)
    for one, other, (inputs, units) in zip(own, padded, itertools.pairwise(sizes), strict=True):
        np.testing.assert_allclose(other.w[:units, :inputs], one.w, rtol=1e-10, atol=1e-13)
        rest = np.asarray(other.w).copy()
        rest[:units, :inputs] = 0
        assert not rest.any()
        assert not np.asarray(other.b)[units:].any()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize("batch_norm", [True, False])
def test_the_forward_pass_by_hand(batch_norm, training):
    config = CONFIG.changed(batch_norm=batch_norm)
    came, _, seen, (weights, fixed) = answers(config, (32, 8), training=training)
    layers = [{"w": layer.w, "b": layer.b, "gamma": layer.scale} for layer in weights]
    drawn = [u[:n] for u, n in zip(UNIFORM, (17, 5), strict=True)] if training else None
    wanted, steps = by_hand.forward(layers, X, config, uniforms=drawn, statistics=None if training else fixed)
    np.testing.assert_allclose(came, wanted, rtol=1e-11, atol=1e-13)
    for one, step in zip(seen, steps, strict=False):
        np.testing.assert_allclose(np.asarray(one)[:, : len(step["z"])], step["statistics"], rtol=1e-11)


def test_dropout_is_off_at_test_time():
    off, on = answers(CONFIG, (32, 8), training=False)[0], answers(CONFIG, (32, 8), training=True)[0]
    np.testing.assert_array_equal(off, answers(CONFIG.changed(dropout=0.0), (32, 8), training=False)[0])
    assert not np.allclose(off, on)


def test_sizes_and_cost():
    architecture = Architecture(Inputs(3), (32, 8), 2, "smooth", batch_norm=False, dropout=False)
    assert [tuple(shape) for shape in architecture.shapes] == [(3, 32, 1), (32, 8, 1), (8, 2, 1)]
    assert architecture.widths == (32, 8)
    assert architecture.products_per_row == 3 * 32 + 32 * 8 + 8 * 2
