import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jaxtyping import TypeCheckError

import caviar
from caviar.network.config import OPTIMIZERS
from caviar.training.averages import weight_of
from caviar.training.optimizers import UpdateRule, scale_by_rule, update_rule

SHAPES = {"w": (4, 3), "b": (4,)}


def series(steps=20):
    """Gradients of every size, some always 0."""
    rng = np.random.default_rng(2)
    sizes = {name: 10.0 ** rng.integers(-4, 3, shape) * (rng.random(shape) > 0.1) for name, shape in SHAPES.items()}
    for _ in range(steps):
        yield {name: jnp.asarray(rng.normal(size=size.shape) * size) for name, size in sizes.items()}


def followed(transformation, start, steps=20):
    """The weights after each step, by optax's own bookkeeping."""
    update = jax.jit(transformation.update)
    weights, state = start, transformation.init(start)
    for gradients in series(steps):
        changes, state = update(gradients, state, weights)
        weights = optax.apply_updates(weights, changes)
        yield weights


def decayed(transformation, share):
    """Decoupled weight decay of the matrices only."""
    return optax.chain(transformation, optax.add_decayed_weights(share, mask={"w": True, "b": False}))


CASES = {
    "sgd": ({"optimizer": "sgd"}, optax.identity()),
    "momentum, sum": ({"optimizer": "momentum", "momentum_form": "sum", "momentum": 0.8}, optax.trace(0.8)),
    "momentum, average": ({"optimizer": "momentum"}, optax.ema(0.9, debias=False)),
    "nesterov, sum": ({"optimizer": "nesterov", "momentum_form": "sum"}, optax.trace(0.9, nesterov=True)),
    "nesterov, average": (
        {"optimizer": "nesterov", "momentum": 0.7},
        optax.chain(optax.trace(0.7, nesterov=True), optax.scale(0.3)),
    ),
    "rmsprop": ({"optimizer": "rmsprop"}, optax.scale_by_rms(0.9, 1e-8, eps_in_sqrt=False)),
    "rmsprop, own": (
        {"optimizer": "rmsprop", "beta2": 0.99, "epsilon": 0.1},
        optax.scale_by_rms(0.99, 0.1, eps_in_sqrt=False),
    ),
    "adam": ({"optimizer": "adam"}, optax.scale_by_adam()),
    "adam, own": (
        {"optimizer": "adam", "beta1": 0.5, "beta2": 0.9, "epsilon": 0.01},
        optax.scale_by_adam(0.5, 0.9, 0.01),
    ),
    "adam without memory": ({"optimizer": "adam", "beta1": 0.0, "beta2": 0.0}, optax.scale_by_adam(0.0, 0.0)),
    "adamw": ({"optimizer": "adamw", "weight_decay": 0.1}, optax.scale_by_adam()),
}


@pytest.mark.parametrize("case", CASES)
def test_step_by_step_as_optax(case):
    settings, reference = CASES[case]
    config = caviar.Config(**settings)
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        start = {name: jnp.asarray(rng.normal(size=shape)) for name, shape in SHAPES.items()}
        rule = UpdateRule(*(jnp.asarray(v, float) for v in update_rule(config)))
        alpha = optax.scale(-config.rate)
        ours = optax.chain(decayed(scale_by_rule(rule), config.weight_decay), alpha)
        theirs = optax.chain(decayed(reference, config.weight_decay), alpha)
        for number, (here, there) in enumerate(zip(followed(ours, start), followed(theirs, start), strict=True)):
            for name in SHAPES:
                np.testing.assert_allclose(here[name], there[name], rtol=1e-9, atol=1e-12, err_msg=f"step {number}")
                assert (here[name] != start[name]).any()


def test_every_optimizer_is_compared():
    assert {settings["optimizer"] for settings, _ in CASES.values()} == set(OPTIMIZERS)


def test_the_two_forms_of_momentum_are_one():
    """v = beta v + (1 - beta) g at rate alpha / (1 - beta) is v = beta v + g at rate alpha."""
    start = {name: jnp.zeros(shape) for name, shape in SHAPES.items()}
    ends = []
    for form, rate in (("average", 0.5), ("sum", 0.05)):
        config = caviar.Config(optimizer="momentum", momentum=0.9, momentum_form=form)
        rule = UpdateRule(*(jnp.asarray(v, jnp.float32) for v in update_rule(config)))
        *_, end = followed(optax.chain(scale_by_rule(rule), optax.scale(-rate)), start)
        ends.append(end)
    for name in SHAPES:
        np.testing.assert_allclose(ends[0][name], ends[1][name], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_gradient_that_is_always_zero_moves_nothing(optimizer):
    rule = UpdateRule(*(jnp.asarray(v, jnp.float32) for v in update_rule(caviar.Config(optimizer=optimizer))))
    one = scale_by_rule(rule)
    state = one.init({"w": jnp.zeros(3)})
    for _ in range(3):
        direction, state = one.update({"w": jnp.zeros(3)}, state)
        np.testing.assert_array_equal(direction["w"], np.zeros(3))


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.999999])
def test_the_correction_is_exact_for_float32(beta):
    for count in (1, 2, 10, 100_000):
        exact = 1 - float(np.float32(beta)) ** count
        assert float(weight_of(jnp.float32(beta), jnp.int32(count))) == pytest.approx(exact, rel=2e-6)


def test_shapes_are_checked_in_tests():
    """The hook of conftest.py is at work."""
    with pytest.raises(TypeCheckError):
        weight_of(jnp.zeros(3), jnp.int32(1))
