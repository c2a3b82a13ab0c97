import json
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import by_hand
import caviar
from caviar.diagnosis.gradient_verdict import findings
from caviar.errors import BadLoss

STREAM = np.random.default_rng(0)
X, Y = STREAM.normal(size=(30, 4)), STREAM.integers(0, 3, 30)
M = 30


class Pair(NamedTuple):
    w: object
    b: object


def square(params):
    return (params["w"] ** 2).sum() + 3 * params["b"].sum()


def slopes(params):
    return {"w": 2 * params["w"], "b": np.full(2, 3.0)}


PARAMS = {"w": np.arange(1.0, 7.0).reshape(2, 3), "b": np.array([0.5, -1.0])}


def network(**settings):
    """Two hidden layers by hand, and their backward pass: a loss, parameters and gradients in NumPy alone."""
    config = caviar.Config(hidden_units=(6, 5), activation=("tanh", "sigmoid"), **settings)
    stream, layers = np.random.default_rng(5), []
    for units, inputs in ((6, 4), (5, 6), (3, 5)):
        layers.append({"w": stream.normal(size=(units, inputs)), "b": stream.normal(size=units)})
        if config.batch_norm and units > 3:
            layers[-1]["gamma"] = 1 + 0.3 * stream.normal(size=units)

    def loss(layers):
        outputs, _ = by_hand.forward(layers, X.T, config)
        return by_hand.loss(outputs, Y, config)[0] + by_hand.penalty(layers, config, M)

    return loss, layers, lambda layers: by_hand.gradients(layers, X.T, Y, config, M)[1]


def test_the_difference_is_that_of_the_formula():
    given = {"w": slopes(PARAMS)["w"] * 1.5, "b": np.array([3.0, 2.0])}
    check = caviar.check_gradients(square, PARAMS, given)
    g, a = (np.concatenate([tree["w"].ravel(), tree["b"]]) for tree in (given, slopes(PARAMS)))
    wanted = np.linalg.norm(g - a) / (np.linalg.norm(g) + np.linalg.norm(a))
    assert check.difference == pytest.approx(wanted, rel=1e-6)
    assert (check.verdict, check.parameters, check.measured, check.left_out) == ("wrong", 8, 8, 0)
    assert {layer.name: layer.difference for layer in check.layers} == {
        "b": pytest.approx(1 / (13**0.5 + 18**0.5), rel=1e-6),
        "w": pytest.approx(0.2, rel=1e-6),
    }
    name, index, came, approximated = check.worst[0]
    assert (name, index, came) == ("w", (1, 2), 18.0)
    assert approximated == pytest.approx(12, rel=1e-6)


@pytest.mark.parametrize(
    ("factor", "verdict"),
    [(1, "correct"), (1 + 1e-7, "correct"), (1 + 1e-5, "suspicious"), (1.001, "suspicious"), (1.003, "wrong")],
)
def test_verdicts(factor, verdict):
    check = caviar.check_gradients(square, PARAMS, lambda p: jax.tree.map(lambda g: factor * g, slopes(p)))
    assert check.verdict == verdict
    assert check.difference == pytest.approx((factor - 1) / (factor + 1), abs=1e-8)
    assert bool(findings(check)) == (verdict == "wrong")


def test_any_tree_of_any_kind_of_array_and_float64_without_touching_the_setting():
    seen = []

    def loss(params):
        seen.append(params)
        (w, b), rest, number = params["pair"], params["rest"], params["number"]
        return (jnp.sin(w) * b).sum() + (rest[0] ** 3).sum() * number

    params = {
        "pair": Pair(jnp.ones((2, 3), jnp.float32), np.ones((2, 3))),
        "rest": [np.full(2, 0.5, np.float16)],
        "number": 2.0,
    }
    check = caviar.check_gradients(loss, params)
    assert check.verdict == "correct"
    assert [layer.name for layer in check.layers] == ["number", "pair.w", "pair.b", "rest.0"]
    assert all(leaf.dtype == np.float64 for leaf in jax.tree.leaves(seen[-1]))
    assert not jax.config.jax_enable_x64
    assert jnp.ones(1).dtype == np.float32
    alone = caviar.check_gradients(lambda w: (w**2).sum(), np.ones(3))
    assert (alone.verdict, alone.layers[0].name) == ("correct", "params")


def test_plain_functions_may_change_what_they_are_handed_and_keep_what_they_left_behind():
    left = {}

    def loss(params):
        assert type(params["w"]) is np.ndarray
        params["w"] *= 2
        left["w"] = params["w"].copy()
        return float((params["w"] ** 2).sum())

    check = caviar.check_gradients(loss, {"w": np.ones(3)}, lambda params: {"w": 4 * left["w"] + 0 * params["w"]})
    assert check.verdict == "correct"


@pytest.mark.parametrize("kink", [0.0, 3e-8, -3e-8, 4e-7, 3e-6])
@pytest.mark.parametrize("of_zero", [0.0, 1.0])
def test_kinks_are_left_out_and_never_wrong(kink, of_zero):
    """At theta itself, between theta and a step, and where the second or third look crosses it."""

    def given(p):
        return np.where(p > 0, 1.0, np.where(p < 0, 0.0, of_zero)) + np.array([0, 2e-3 * p[1]])

    check = caviar.check_gradients(lambda p: np.maximum(p, 0).sum() + 1e-3 * p[1] ** 2, np.array([kink, 1.0]), given)
    assert check.verdict == "correct"
    assert check.left_out == (abs(kink) < 1e-7)
    assert check.difference < 1e-6


def test_a_side_taken_at_every_kink_is_no_fault():
    """JAX takes the slope 1 of abs at 0, so that of -|p| + |-2 |p|| is -3 where J bends by 2."""
    check = caviar.check_gradients(
        lambda p: (jnp.abs(-2 * jnp.abs(p["k"])) - jnp.abs(p["k"]) + p["s"] ** 2).sum(), {"k": 0.0, "s": 1.0}
    )
    assert jax.grad(jnp.abs)(0.0) == 1
    assert [(layer.verdict, layer.left_out) for layer in check.layers] == [(None, 1), ("correct", 0)]
    assert check.verdict == "correct"


def test_a_small_kink_hides_no_large_fault():
    def loss(p):
        return 2 * p[0] + 0.01 * np.maximum(p[0], 0)

    assert caviar.check_gradients(loss, np.zeros(1), np.array([2.0])).verdict == "suspicious", "nothing can be told"
    assert caviar.check_gradients(loss, np.zeros(1), np.array([4.0])).verdict == "wrong"


def test_round_off_is_no_fault():
    """A loss of 1,000 hides slopes of 1e-9, and of those of 1e-4 it shows two digits."""

    def loss(p):
        return 1000 + 1e-9 * p["hidden"].sum() + 1e-4 * (p["blurred"] ** 2).sum() + p["clear"].sum()

    params = {name: np.ones(2) for name in ("hidden", "blurred", "clear")}
    right = {"hidden": np.full(2, 1e-9), "blurred": np.full(2, 2e-4), "clear": np.ones(2)}
    check = caviar.check_gradients(loss, params, right)
    assert check.verdict == "correct"
    assert {layer.name: layer.left_out for layer in check.layers} == {"blurred": 2, "clear": 0, "hidden": 2}
    assert {layer.name: layer.verdict for layer in check.layers} == {
        "blurred": None,
        "clear": "correct",
        "hidden": None,
    }
    for name in ("blurred", "clear"):
        wrong = caviar.check_gradients(loss, params, right | {name: 2 * right[name]})
        assert (wrong.verdict, wrong.worst[0].name) == ("wrong", name)
    blind = caviar.check_gradients(lambda p: 1000 + 1e-9 * p.sum(), np.ones(2), np.full(2, 1e-9))
    assert (blind.verdict, blind.left_out, blind.worst) == ("suspicious", 2, ())
    assert "nothing can be told" in blind.describe()


PLANTED = {
    "dW doubled": ({}, ["1.w"]),
    "4/m for 1/m": ({}, ["0.b"]),
    "missing L2": ({"l2": 5.0}, ["0.w", "1.w", "2.w"]),
    "missing L2 in one layer": ({"l2": 5.0}, ["2.w"]),
    "missing batch-norm term": ({"batch_norm": True}, ["0.b", "0.gamma", "0.w", "1.w"]),
}


def planted(case, backward):
    """A backward pass with a fault."""

    def wrong(layers):
        found = backward(layers)
        match case:
            case "dW doubled":
                found[1]["w"] = 2 * found[1]["w"]
            case "4/m for 1/m":
                found[0]["b"] = 4 * found[0]["b"]
            case "missing L2":
                found = [own | {"w": own["w"] - 5 / M * layer["w"]} for own, layer in zip(found, layers, strict=True)]
            case "missing L2 in one layer":
                found[2]["w"] = found[2]["w"] - 5 / M * layers[2]["w"]
        return found

    return wrong


def without_variance(dout, z, gamma, epsilon):
    """Batch norm's backward pass as if sigma did not depend on z."""
    spread = np.sqrt(z.var(1, keepdims=True) + epsilon)
    dnorm = dout * gamma[:, None] / spread
    dgamma = (dout * (z - z.mean(1, keepdims=True)) / spread).sum(1)
    return dnorm - dnorm.mean(1, keepdims=True), dgamma, dout.sum(1)


@pytest.mark.parametrize("case", PLANTED)
def test_planted_faults_are_caught_and_located(case, monkeypatch):
    settings, layers = PLANTED[case]
    loss, params, backward = network(**settings)
    right = caviar.check_gradients(loss, params, backward)
    assert right.verdict == "correct"
    if case == "missing batch-norm term":
        passes = iter([without_variance, by_hand.batch_norm_backward])
        # Backwards: layer 1 comes first.
        monkeypatch.setattr(by_hand, "batch_norm_backward", lambda *given: next(passes)(*given))  # noqa: PLW0108
        gradients = backward(params)
        monkeypatch.undo()
    else:
        gradients = planted(case, backward)
    check = caviar.check_gradients(loss, params, gradients)
    assert check.verdict == "wrong"
    assert sorted(layer.name for layer in check.layers if layer.verdict != "correct") == layers
    assert check.worst[0].name in layers
    (found,) = findings(check)
    assert (found.name, found.severity) == ("gradient_mismatch", "critical")
    assert set(found.evidence["layers"]) == set(layers)
    assert all(name in found.meaning for name in layers)
    json.dumps(found.to_json())


def test_a_small_layer_does_not_hide_behind_a_large_one():
    """Vanishing gradients: the first layer's are a millionth of the last one's, and doubled."""

    def loss(p):
        return 1e-7 * np.tanh(p["first"]).sum() + p["last"].sum()

    given = {"first": 2e-7 * (1 - np.tanh(np.ones(2)) ** 2), "last": np.ones(3)}
    check = caviar.check_gradients(loss, {"first": np.ones(2), "last": np.ones(3)}, given)
    assert check.difference < 1e-6
    assert {layer.name: layer.verdict for layer in check.layers} == {"first": "wrong", "last": "correct"}
    assert check.verdict == "wrong"


def test_a_custom_backward_pass_of_jax_is_caught():
    @jax.custom_vjp
    def cube(x):
        return x**3

    cube.defvjp(lambda x: (x**3, x), lambda x, d: (2 * x**2 * d,))
    check = caviar.check_gradients(
        lambda p: cube(p["a"]).sum() + (p["b"] ** 2).sum(), {"a": np.ones(2), "b": np.ones(2)}
    )
    assert {layer.name: layer.verdict for layer in check.layers} == {"a": "wrong", "b": "correct"}


class TestManyParameters:
    N = 3000

    def loss(self, p):
        return jnp.sin(p["a"]).sum() + (p["b"] ** 2).sum()

    def given(self, p, extra=0.0, share=0.0):
        a = np.cos(p["a"])
        a[1234] += extra
        a[: int(share * len(a))] *= 2
        return {"a": a, "b": 2 * p["b"]}

    def check(self, **fault):
        params = {"a": np.linspace(-1, 1, self.N), "b": np.ones(5)}
        return caviar.check_gradients(self.loss, params, self.given(params, **fault), at_most=100)

    def test_a_part_is_measured_with_a_bound(self):
        check = self.check()
        assert (check.verdict, check.parameters, check.measured) == ("correct", self.N + 5, 105)
        assert check.directions == 16
        assert check.bound < 1e-7
        assert check.missed == pytest.approx(1 - 0.05**0.01)
        assert "105 of 3,005 parameters" in check.describe()

    def test_a_wrong_share_is_seen_in_the_part(self):
        check = self.check(share=0.1)
        assert (check.verdict, check.measured) == ("wrong", 105)
        wanted = np.linalg.norm(np.cos(np.linspace(-1, 1, self.N))[:300])
        size = np.linalg.norm(np.cos(np.linspace(-1, 1, self.N)))
        assert check.bound > wanted / (2.2 * size)

    def test_a_single_wrong_coordinate_is_found_by_directions(self):
        check = self.check(extra=0.5)
        assert check.verdict == "wrong"
        assert check.worst[0][:2] == ("a", (1234,))
        assert {layer.name: layer.verdict for layer in check.layers} == {"a": "wrong", "b": "correct"}
        assert check.bound >= 0.5 / (2 * np.linalg.norm(np.cos(np.linspace(-1, 1, self.N)))) * 0.9


def test_again_after_steps():
    """A gradient that is right at the start only."""
    loss, params, backward = network()
    check = caviar.check_gradients(loss, params, backward, steps=5, rate=0.5)
    assert (check.overall, check.after.verdict, check.after.steps) == ("correct", "correct", 5)
    assert check.after.loss < check.loss
    stuck = caviar.check_gradients(square, PARAMS, lambda _: slopes(PARAMS), steps=1)
    assert (stuck.verdict, stuck.after.verdict, stuck.overall) == ("correct", "wrong", "wrong")
    assert "After 1 step of gradient descent" in stuck.describe()
    (found,) = findings(stuck)
    assert found.evidence["steps"] == 1
    assert json.loads(json.dumps(stuck.to_json()))["after"]["verdict"] == "wrong"


def float32_inside(p):
    return np.mean(np.tanh(X @ p.astype(np.float32)) ** 2)


def float32_activations(p):
    return np.mean(np.tanh((X @ p).astype(np.float32)).astype(float) ** 2)


FLOAT32 = {
    "returned": lambda p: jnp.float32((p**2).sum()),
    "returned and hidden": lambda p: float(np.float32((p**2).sum())),
    "weights": float32_inside,
    "activations": float32_activations,
    "but for the penalty": lambda p: float(np.float32(np.mean(np.tanh(X @ p) ** 2))) + 0.1 * (p**2).sum(),
    "in JAX": lambda p: (jnp.tanh(jnp.asarray(X) @ p).astype(jnp.float32).astype(float) ** 2).mean(),
}


@pytest.mark.parametrize("case", FLOAT32)
def test_float32_is_refused(case):
    params = np.array([0.3, -0.4, 0.2, 0.9])
    t = np.tanh(X @ params)
    right = 2 * X.T @ (t * (1 - t**2)) / M + (0.2 * params if "penalty" in case else 0)
    right = 2 * params if "returned" in case else right
    with pytest.raises(BadLoss, match=r"^The loss must be computed in float64, but .*Remove casts to float32"):
        caviar.check_gradients(FLOAT32[case], params, right)


def test_data_in_float32_are_no_matter():
    x = jnp.asarray(X, jnp.float32)
    assert caviar.check_gradients(lambda p: jnp.mean(jnp.tanh(x @ p) ** 2), np.ones(4)).verdict == "correct"


def draws(p):
    return (p * STREAM.uniform(size=p.shape)).sum()


def nothing(p):
    return 0.0 * p.sum()


REFUSED = {
    "randomness": (draws, np.ones(3), np.ones(3), ["same value at the same parameters", "Turn off dropout"]),
    "randomness in JAX": (draws, jnp.ones(3), None, ["same value at the same parameters"]),
    "random gradients": (np.sum, np.ones(3), lambda p: p * STREAM.uniform(), ["gradients must give the same"]),
    "a vector": (lambda p: p * 2, np.ones(3), None, ["one number", "shape (3,)", "mean or sum"]),
    "one in brackets": (lambda p: p[:1], np.ones(3), np.ones(3), ["one number", "shape (1,)"]),
    "a pair": (lambda p: (p.sum(), 1), np.ones(3), None, ["one real number, got tuple", "alone"]),
    "a count": (lambda p: (p > 0).sum(), np.ones(3), np.ones(3), ["real number", "type int"]),
    "nothing": (lambda _: None, np.ones(3), np.ones(3), ["one real number, got NoneType"]),
    "no function": (3.0, np.ones(3), None, ["must be a function", "float"]),
    "NaN": (lambda p: np.nan * p.sum(), np.ones(3), np.ones(3), ["must be finite", "nan", "log(0)"]),
    "an edge": (lambda p: jnp.log(p).sum(), np.array([1.0, 1e-8]), None, ["must be finite", "close to them"]),
    "whole numbers": (nothing, {"w": np.ones(2), "n": np.ones(2, int)}, None, ["n is of type int64", "astype(float)"]),
    "a whole number": (nothing, [1.0, 2], None, ["1 is of type int64"]),
    "an object": (nothing, {"w": object()}, None, ["w is object", "register_dataclass"]),
    "no parameters": (nothing, {}, None, ["at least one array"]),
    "an empty one": (nothing, {"w": np.ones((0, 3))}, None, ["w has shape (0, 3)"]),
    "infinite": (nothing, {"w": np.array([1.0, np.inf])}, None, ["must be finite, got inf in w[1]"]),
    "another shape": (
        square,
        PARAMS,
        {"w": np.ones((3, 2)), "b": np.ones(2)},
        ["w must have", "(2, 3), got (3, 2)", "Transpose"],
    ),
    "another structure": (square, PARAMS, {"w": np.ones((2, 3))}, ["like params (b, w)", "lacks b"]),
    "other names": (square, PARAMS, {"dw": np.ones((2, 3)), "db": np.ones(2)}, ["lacks b, w and has db, dw"]),
    "complex": (np.sum, np.ones(2), np.ones(2, complex), ["real numbers", "complex"]),
    "NaN slope": (lambda p: jnp.sqrt(p).sum() * 0, np.array([0.0, 1.0]), None, ["must be finite", "nan in params[0]"]),
    "NumPy alone": (lambda p: np.maximum(p, 0).sum(), np.ones(2), None, ["no JAX function", "Hand in the gradients"]),
    "NumPy in place": (lambda p: p.__setitem__(0, 1.0) or p.sum(), np.ones(2), None, ["no JAX function"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_cannot_be_checked(case):
    loss, params, gradients, words = REFUSED[case]
    with pytest.raises(BadLoss) as caught:
        caviar.check_gradients(loss, params, gradients)
    said = str(caught.value)
    assert "\n" not in said
    assert len(said) < 420
    for word in words:
        assert word in said


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"epsilon": 0.0}, "epsilon must be in [1e-09, 0.0001], got 0"),
        ({"epsilon": float("nan")}, "epsilon must be in"),
        ({"epsilon": 1.0}, "got 1"),
        ({"steps": -1}, "steps must be at least 0"),
        ({"steps": 2}, "gradients must be a function"),
        ({"rate": 0.0}, "rate must be above 0"),
        ({"at_most": 0}, "at_most must be at least 1"),
    ],
)
def test_settings_out_of_range(settings, words):
    with pytest.raises(BadLoss) as caught:
        caviar.check_gradients(square, PARAMS, slopes(PARAMS), **settings)
    assert words in str(caught.value)


def test_training_that_diverges():
    with pytest.raises(BadLoss, match=r"rate 1e\+200 fails: .*Lower the rate"):
        caviar.check_gradients(lambda p: (p**4).sum(), jnp.ones(2), steps=3, rate=1e200)


def test_faults_of_the_functions_pass_through():
    def fails(_):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        caviar.check_gradients(fails, np.ones(2))
    with pytest.raises(KeyError, match="mine"):
        caviar.check_gradients(lambda p: p.sum(), np.ones(2), fails)
