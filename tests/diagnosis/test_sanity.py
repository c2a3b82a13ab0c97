"""Checks that train nothing, of networks trained on a few rows and of made-up ones."""

import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import caviar
from caviar.diagnosis import own_network, sanity
from caviar.diagnosis.examine import subject
from caviar.diagnosis.intervals import Estimate, paired_gain
from caviar.diagnosis.sanity import diverged, worse_than_baseline
from caviar.diagnosis.untrained import loss_without_signal
from caviar.network.config import Config
from diagnosis import made_scores
from diagnosis.made_scores import score

SPLIT, NUMBERS = made_scores.classes(400, 100), made_scores.quantity(300, 100)
SMALL = Config(hidden_units=8, batch_size=32, epochs=4, learning_rate=0.01)


def trained(config, split=SPLIT):
    """Its subject, without companions."""
    return subject(caviar.train(split, [config]), split)


def test_networks_that_diverged_are_counted_with_their_rate():
    fast = Config(learning_rate=3.0)
    (found,) = diverged([score(fast), score(fast, status="diverged"), score(fast, status="diverged")])
    assert (found.name, found.severity) == ("diverged", "critical")
    assert found.evidence == {"diverged": 2, "seeds": 3, "learning_rate": 3.0}
    assert "With 2 of 3 seeds" in found.meaning
    assert "it is 3, lower it" in found.meaning
    assert diverged([score(), score(status="stopped")]) == []


def test_the_rate_that_is_named_is_the_one_used():
    (found,) = diverged([score(Config(optimizer="sgd"), status="diverged")])
    assert found.evidence["learning_rate"] == 0.1


def test_worse_than_a_simpler_model_only_beyond_the_interval():
    rows = np.random.default_rng(0).normal(size=(3, 200))
    gain = paired_gain(rows, rows + 0.5)
    (found,) = worse_than_baseline("linear", gain)
    assert (found.name, found.evidence) == ("worse_than_baseline", {"baseline": "linear", "gain": gain.to_json()})
    assert found.meaning.startswith("The linear model has a lower loss on rows that neither has seen, by 0.5 (")
    assert worse_than_baseline("linear", paired_gain(rows + 0.5, rows)) == []
    assert worse_than_baseline("linear", Estimate(-0.1, -0.3, 0.1, 200)) == []


def test_no_better_than_the_constant_model_is_told_where_the_rows_can_tell():
    (found,) = worse_than_baseline("constant", Estimate(0.001, -0.01, 0.012, 200), least=0.02)
    assert "is no lower than that of the constant model (0.001, 95 % interval -0.01 to 0.012)" in found.meaning
    assert worse_than_baseline("constant", Estimate(0.001, -0.2, 0.2, 200), least=0.02) == []  # cannot be told
    assert worse_than_baseline("constant", Estimate(0.01, 0.005, 0.015, 200), least=0.02) == []  # little, but better


def test_a_network_that_never_learned_is_no_better_than_the_constant_model():
    (found,) = sanity.worse_than_constant(trained(SMALL.changed(learning_rate=0.0, initializer="zeros")))
    assert (found.name, found.evidence["baseline"]) == ("worse_than_baseline", "constant")
    assert sanity.worse_than_constant(trained(SMALL)) == []
    gone = made_scores.subject([score(status="diverged", rows=100)], SPLIT)
    assert sanity.worse_than_constant(gone) == []


@pytest.mark.parametrize(
    ("settings", "loss"),
    [
        ({}, np.log(3)),
        ({"output": "sigmoid"}, 3 * np.log(2)),
        ({"loss": "squared"}, 2 / 3),
        ({"output": "sigmoid", "loss": "absolute"}, 1.5),
        ({"output": "linear"}, 1.0),
        ({"output": "linear", "loss": "huber", "huber_delta": 0.5}, 0.5 * 0.75),
    ],
)
def test_the_loss_of_knowing_nothing(settings, loss):
    assert loss_without_signal(Config(**settings), SPLIT) == pytest.approx(loss, rel=1e-5)


def test_the_loss_of_knowing_nothing_of_numbers_and_of_class_shares():
    assert loss_without_signal(Config(), NUMBERS) == pytest.approx(1.0, rel=1e-5)
    assert loss_without_signal(Config(loss="absolute"), NUMBERS) == pytest.approx(np.abs(NUMBERS.y_train).mean())
    shares = np.bincount(SPLIT.y_train) / SPLIT.n_train
    entropy = -(shares * np.log(shares)).sum()
    assert loss_without_signal(Config(prior_bias=True), SPLIT) == pytest.approx(entropy, rel=1e-5)


def test_a_start_that_is_far_off_is_told_and_whether_training_repairs_it():
    large = SMALL.changed(initializer="normal", initial_scale=12.0)
    (slow,) = sanity.initial_loss_off(trained(large.changed(learning_rate=1e-4)))
    assert (slow.name, slow.severity) == ("initial_loss_off", "warning")
    assert slow.evidence["initial_loss"] > 10 * slow.evidence["expected"]
    assert slow.evidence["epochs_until_reached"] is None
    made = trained(large.changed(learning_rate=1e-4))
    run = dataclasses.replace(made.runs[0], history=made.runs[0].history | {"train_loss": np.full(30, 0.5)})
    (repaired,) = sanity.initial_loss_off(dataclasses.replace(made, runs=(run,)))
    assert repaired.severity == "info"
    assert "after 1 of 30 epochs" in repaired.meaning
    assert sanity.initial_loss_off(trained(SMALL)) == []
    assert sanity.initial_loss_off(dataclasses.replace(made, start=None)) == []


def test_weights_of_0_let_no_gradient_through():
    (found,) = sanity.no_gradient(trained(SMALL.changed(initializer="zeros")))
    assert (found.name, found.severity) == ("no_gradient", "critical")
    assert found.evidence == {"arrays": ["W of layer 1", "W of the last layer"], "of": 2}
    assert sanity.no_gradient(trained(SMALL)) == []


def test_all_of_them_say_nothing_of_a_network_that_learns():
    assert sanity.find(trained(SMALL)) == []
    assert sanity.find(trained(SMALL, NUMBERS)) == []


def init(key, config):
    del config
    first, second = jax.random.split(key)
    return {
        "inner": {"w": 0.5 * jax.random.normal(first, (2, 8)), "b": jnp.zeros(8)},
        "outer": {"w": 0.5 * jax.random.normal(second, (8, 3)), "scale": jnp.ones(())},
    }


def well(weights, x, key=None):
    x = jnp.tanh(x @ weights["inner"]["w"] + weights["inner"]["b"][None, :])
    if key is not None:
        x = x - x.mean(axis=0, keepdims=True)  # in training rows may meet
    return x @ weights["outer"]["w"] * weights["outer"]["scale"]


def meets(weights, x):
    return well(weights, x - x.mean(axis=0, keepdims=True))


def stops(weights, x):
    x = jnp.tanh(x @ jax.lax.stop_gradient(weights["inner"]["w"]))  # the bias is not used at all
    return x @ weights["outer"]["w"] * weights["outer"]["scale"]


def own(apply):
    return trained(Config(network=(init, apply), batch_size=32, epochs=4, learning_rate=0.01))


def test_rows_of_an_own_network_must_not_meet_in_test_mode():
    (found,) = own_network.find(own(meets))
    assert (found.name, found.severity) == ("examples_interact", "critical")
    assert (found.evidence["rows"], found.evidence["changed"]) == (4, 4)
    assert own_network.find(own(well)) == []


def test_arrays_of_an_own_network_that_receive_no_gradient_are_named():
    (found,) = own_network.find(own(stops))
    assert (found.name, found.severity) == ("no_gradient", "warning")
    assert found.evidence == {"arrays": ["inner.b", "inner.w"], "of": 4}
    json.dumps(found.to_json(), allow_nan=False)


@jax.custom_vjp
def product(x, w):
    return x @ w


product.defvjp(lambda x, w: (x @ w, (x, w)), lambda kept, g: (g @ kept[1].T, -(kept[0].T @ g)))


def climbs(weights, x):
    x = jnp.tanh(product(x, weights["inner"]["w"]) + weights["inner"]["b"][None, :])
    return x @ weights["outer"]["w"] * weights["outer"]["scale"]


@pytest.mark.filterwarnings("error")
def test_a_backward_pass_of_the_users_own_that_is_wrong_is_located():
    (found,) = own_network.find(own(climbs))
    assert (found.name, found.severity) == ("gradient_mismatch", "critical")
    assert list(found.evidence["layers"]) == ["inner.w"]
    assert "inner.w" in found.meaning
    json.dumps(found.to_json(), allow_nan=False)


def in_float32(weights, x):
    x = jax.lax.dot_general(x, jnp.eye(2, dtype=jnp.float32), (((1,), (0,)), ((), ())))  # refuses float64
    return well(weights, x)


def dotted(weights, x):
    return well({"inner": {"w": weights["a.b"], "b": weights["a"]["b"]}, "outer": weights["outer"]}, x)


def test_what_cannot_be_measured_in_float64_is_no_fault():
    assert own_network.find(own(in_float32)) == []


def test_names_of_arrays_that_would_be_alike():
    def start(key, config):
        made = init(key, config)
        return {"a.b": made["inner"]["w"], "a": {"b": made["inner"]["b"]}, "outer": made["outer"]}

    seen = trained(Config(network=(start, dotted), batch_size=32, epochs=4, learning_rate=0.01))
    assert own_network.find(seen) == []


def test_caviars_own_layers_are_not_run_for_it(monkeypatch):
    monkeypatch.setattr(own_network, "own_network", None)
    assert own_network.find(made_scores.subject([score(rows=100)], SPLIT)) == []
