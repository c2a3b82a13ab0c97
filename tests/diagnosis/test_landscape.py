import dataclasses
import json

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import by_hand
import caviar
from caviar.diagnosis.landscape import findings, landscape
from caviar.diagnosis.objective import objective, rows_trained
from caviar.diagnosis.spectrum import krylov, trace
from caviar.diagnosis.stability import preconditioner, stability_limit
from caviar.network.config import Config
from caviar.training.drive import starting_weights
from caviar.training.optimizers import Moments, scale_by_rule, update_rule
from training import toy_splits

SPECTRUM = np.r_[-3.0, -0.5, np.linspace(0, 1, 50), 7.0, 20.0]
TINY = {"hidden_units": (5,), "activation": "tanh"}
NARROW = Config(hidden_units=(5,), activation="tanh", optimizer="sgd", learning_rate=0.3, batch_size="full", epochs=60)


def rotated(spectrum, seed=0):
    """A symmetric matrix of these eigenvalues."""
    q, _ = np.linalg.qr(np.random.default_rng(seed).normal(size=(len(spectrum), len(spectrum))))
    return (q * spectrum) @ q.T


def by_hand_layers(weights):
    """The layers of `by_hand`, in float64."""
    named = {"w": "w", "b": "b", "scale": "gamma"}
    return [{named[k]: np.array(v, float) for k, v in layer._asdict().items() if v is not None} for layer in weights]


def dense_hessian(config, weights, split):
    """By central differences of the gradient by hand, in float64: every column of its own."""
    rows, layers = rows_trained(config, split), by_hand_layers(weights)
    x, y = split.x[rows].T.astype(float), split.y[rows]

    def gradient():
        _, found, _ = by_hand.gradients(layers, x, y, config, len(rows))
        return np.concatenate([own[k].ravel() for own in found for k in ("w", "b", "gamma") if k in own])

    columns = []
    for layer in layers:
        for name in ("w", "b", "gamma"):
            for place in np.ndindex(layer[name].shape) if name in layer else ():
                here, ends = layer[name][place], []
                for step in (1e-5, -1e-5):
                    layer[name][place] = here + step
                    ends.append(gradient())
                layer[name][place] = here
                columns.append((ends[0] - ends[1]) / 2e-5)
    return np.array(columns)


def test_the_ends_of_a_known_spectrum_are_found_within_their_residuals():
    matrix = rotated(SPECTRUM)
    found = krylov(lambda v: matrix @ v, np.random.default_rng(1).normal(size=len(SPECTRUM)))
    assert len(found.values) < len(SPECTRUM)
    assert abs(found.values[-1] - 20) <= found.residuals[-1] ** 2
    assert -3 - 1e-9 <= found.values[0] <= -3 + found.residuals[0] + 1e-9
    assert found.residuals[0] <= 0.15
    assert found.rounding < 1e-12
    np.testing.assert_allclose(found.vectors @ found.vectors.T, np.eye(len(found.values)), atol=1e-10)


def test_products_of_float32_are_known_to_be_rounded():
    matrix = rotated(SPECTRUM).astype(np.float32)
    found = krylov(lambda v: (matrix @ v.astype(np.float32)).astype(float), np.ones(len(SPECTRUM)))
    assert 1e-8 < found.rounding < 1e-4
    assert abs(found.values[-1] - 20) < 10 * found.rounding


def test_a_matrix_of_zeros_and_one_of_few_eigenvalues_end_early():
    assert krylov(np.zeros_like, np.ones(9)).values.tolist() == [0.0]
    matrix = rotated(np.r_[[2.0] * 5, [-1.0] * 5])
    values = krylov(lambda v: matrix @ v, np.random.default_rng(0).normal(size=10)).values
    np.testing.assert_allclose(values[[0, -1]], [-1, 2])
    assert len(values) <= 3


def test_the_trace_lies_within_its_standard_errors_and_of_a_diagonal_matrix_is_exact():
    matrix, random = rotated(SPECTRUM), np.random.default_rng(0)
    value, error = trace(lambda v: matrix @ v, len(SPECTRUM), random, probes=400)
    assert abs(value - SPECTRUM.sum()) < 4 * error
    assert error == pytest.approx(np.sqrt(2 * ((matrix**2).sum() - (np.diag(matrix) ** 2).sum()) / 400), rel=0.2)
    assert trace(lambda v: SPECTRUM * v, len(SPECTRUM), random) == (pytest.approx(SPECTRUM.sum()), pytest.approx(0))


@pytest.mark.parametrize(
    ("split", "settings"),
    [
        (toy_splits.classes, {"l2": 5.0, "dropout": 0.3, "input_noise": 0.1, "mixup": 0.2}),
        (toy_splits.classes, {"batch_norm": True, "norm_epsilon": 0.01}),
        (toy_splits.classes, {"layer_norm": True, "norm_epsilon": 0.01, "activation": "gelu"}),
        (toy_splits.classes, {"label_smoothing": 0.2, "output": "sigmoid", "hidden_units": (4, 3)}),
        (toy_splits.numbers, {"l2": 2.0, "activation": "silu"}),
    ],
)
def test_gradient_and_hessian_are_those_by_hand(split, settings):
    split, config = split(), Config(**(TINY | settings))
    weights = starting_weights(config, split)
    with jax.enable_x64(True):
        here = objective(config, weights, split, rows_trained(config, split), dtype=np.float64)
        size = len(here.weights)
        dense = np.array([here.product(column) for column in np.eye(size)])
        layers = by_hand_layers(weights)
        x, y = split.x_train.T.astype(float), split.y_train
        exact = config.changed(dropout=0.0)
        value, found, _ = by_hand.gradients(layers, x, y, exact, split.n_train)
        gradient = np.concatenate([own[k].ravel() for own in found for k in ("w", "b", "gamma") if k in own])
        assert here.value() == pytest.approx(value + by_hand.penalty(layers, exact, split.n_train), rel=1e-12)
        np.testing.assert_allclose(here.gradient(), gradient, atol=1e-12)
        np.testing.assert_allclose(dense, dense_hessian(exact, weights, split), atol=1e-6)
    assert size == sum(leaf.size for leaf in jax.tree.leaves(weights))  # no padded weight
    np.testing.assert_allclose(dense, dense.T, atol=1e-12)


@pytest.mark.parametrize("seed", [0, 1])
def test_float32_finds_the_ends_and_the_trace_of_the_dense_hessian(seed):
    split = toy_splits.classes()
    (run,) = caviar.train(split, [NARROW])
    seen = landscape(run, split, seed=seed)
    values = np.linalg.eigvalsh(dense_hessian(run.config, run.weights, split))
    assert abs(seen.largest.value - values[-1]) <= seen.largest.residual + 10 * seen.rounding + 1e-5
    assert abs(seen.smallest.value - values[0]) <= seen.smallest.residual + 10 * seen.rounding + 1e-5
    assert abs(seen.trace - values.sum()) < 4 * seen.trace_error
    assert seen.sharpness == seen.largest.value
    assert (seen.weights, seen.rows) == (43, 96)
    assert seen.limit == 2 / 0.3
    assert json.loads(json.dumps(seen.to_json()))["largest"]["value"] == seen.largest.value


def test_the_constant_model_and_what_can_be_learned():
    split = toy_splits.classes()
    config = Config(label_smoothing=0.3, **TINY)
    here = objective(config, starting_weights(config, split), split, rows_trained(config, split))
    shares = np.bincount(split.y_train) / split.n_train
    smooth = 0.7 * np.eye(3) + 0.1
    assert here.constant == pytest.approx(-(smooth[split.y_train] @ np.log(shares)).mean(), rel=1e-6)
    assert here.least == pytest.approx(-(smooth[0] * np.log(smooth[0])).sum())
    assert objective(Config(**TINY), here._like, split, rows_trained(config, split)).least == 0


VERDICTS = {
    "saddle": {"initializer": "zeros", "prior_bias": True},
    "plateau": {"initializer": "zeros", "prior_bias": True, "hidden_units": (5, 5)},
    "slope": {"epochs": 1, "learning_rate": 1e-6},
    "minimum": {"epochs": 400, "learning_rate": 0.5},
    "minimum ": {"epochs": 60, "l2": 300.0, "learning_rate": 0.1},
    "minimum  ": {"epochs": 3000, "optimizer": "adam", "learning_rate": 0.01, "label_smoothing": 0.95},
}


def judged(name):
    split = toy_splits.classes()
    (run,) = caviar.train(split, [NARROW.changed(**VERDICTS[name])])
    return run, landscape(run, split)


@pytest.mark.parametrize("name", VERDICTS)
def test_verdicts(name):
    assert judged(name)[1].verdict == name.strip()


def test_training_that_stopped_at_a_saddle_or_on_a_plateau_is_found_and_no_other():
    for name in ("saddle", "plateau"):
        run, seen = judged(name)
        (found,) = findings(seen, run)
        assert (found.name, found.severity) == (name, "critical")
        assert found.evidence["gradient_norm"] == seen.gradient_norm
        falling = dataclasses.replace(run, history={"objective": np.linspace(2, 1, 60)})
        assert findings(seen, falling) == []
        short = dataclasses.replace(run, history={"objective": run.history["objective"][:3]})
        assert findings(seen, short) == []
    for name in ("slope", "minimum"):
        assert findings(judged(name)[1], judged(name)[0]) == []


def test_diagnose_names_the_saddle():
    split = toy_splits.classes()
    stuck = NARROW.changed(**VERDICTS["saddle"])
    assert "saddle" in [found.name for found in caviar.diagnose(stuck, split)]
    healthy = caviar.diagnose(NARROW.changed(epochs=200), split)
    assert not {"saddle", "plateau"} & {found.name for found in healthy}


def test_a_network_that_diverged_is_refused_in_one_line():
    split = toy_splits.classes()
    (run,) = caviar.train(split, [NARROW])
    broken = jax.tree.map(lambda leaf: leaf * np.nan, run.weights)
    with pytest.raises(caviar.CaviarError, match="finite, but this one diverged"):
        landscape(run, split, weights=broken)


OPTIMISERS = [
    {"optimizer": "sgd"},
    *[
        {"optimizer": name, "momentum": beta, "momentum_form": form}
        for name in ("momentum", "nesterov")
        for beta in (0.5, 0.9)
        for form in ("average", "sum")
    ],
]


@pytest.mark.parametrize("settings", OPTIMISERS)
def test_steps_grow_above_the_limit_and_shrink_below(settings):
    config, rate = Config(**settings), 0.1
    rule, limit = jax.tree.map(jnp.float32, update_rule(config)), stability_limit(config, rate)
    for factor, grows in ((0.98, False), (1.02, True)):
        step = []  # of the pair (w, v), a linear map: its columns
        for w, v in ((1.0, 0.0), (0.0, 1.0)):
            moments = Moments(jnp.zeros((), jnp.int32), jnp.float32(v), jnp.float32(0))
            direction, after = scale_by_rule(rule).update(jnp.float32(factor * limit * w), moments)
            step.append([w - rate * float(direction), float(after.velocity)])
        assert (np.abs(np.linalg.eigvals(np.array(step))).max() > 1) == grows


def test_limits_of_adam_and_of_no_rate():
    assert stability_limit(Config(), 1e-3) == pytest.approx(38 / 1e-3)  # Cohen et al. 2022, section 3
    assert stability_limit(Config(optimizer="rmsprop"), 0.01) == pytest.approx(200)
    assert stability_limit(Config(), 0.0) == np.inf


def test_what_divides_the_steps_of_adam_is_told_from_mini_batches_only():
    split, random = toy_splits.classes(), np.random.default_rng(0)
    for settings, told in (({}, True), ({"batch_size": "full"}, False), ({"clip_norm": 1.0}, False)):
        config = Config(batch_size=16, **TINY).changed(**settings)
        here = objective(config, starting_weights(config, split), split, rows_trained(config, split))
        divisor = preconditioner(here, config, split, random)
        assert (divisor is not None) == told
    one_row = Config(batch_size=1, epsilon=1e-3, **TINY)
    here = objective(one_row, starting_weights(one_row, split), split, rows_trained(one_row, split))
    squares = [here.on(split, np.array([row])).gradient() ** 2 for row in range(96)]
    divisor = preconditioner(here, one_row, split, random)
    ratio = divisor / (np.sqrt(np.mean(squares, axis=0)) + 1e-3)
    assert 0.8 < np.median(ratio) < 1.2
    sgd = Config(optimizer="sgd", **TINY)
    assert (preconditioner(here, sgd, split, random) == 1).all()
