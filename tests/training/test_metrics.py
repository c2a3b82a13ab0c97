import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import softmax
from sklearn import metrics as sk

from caviar.errors import BadConfig
from caviar.training import metrics
from caviar.training.metrics import (
    LARGER_IS_BETTER,
    calibrated,
    metric_for,
    metrics_of,
    row_errors,
    row_losses,
    score,
    task_of,
)

RNG = np.random.default_rng(0)
ROWS = 200


def case(classes):
    """Logits that know something of y, with ties, and weights with zeros in them."""
    y = RNG.integers(0, classes, ROWS)
    logits = (np.round(8 * RNG.normal(size=(ROWS, classes)) + 12 * np.eye(classes)[y]) / 8).astype(np.float32)
    weights = RNG.integers(0, 4, (3, ROWS)).astype(float)
    return logits, y, weights / weights.sum(1, keepdims=True)


def by_sklearn(metric, logits, y, w):
    shares, labels, many = softmax(logits.astype(float), axis=1), logits.argmax(1), logits.shape[1] > 2
    return {
        "error": lambda: 1 - sk.accuracy_score(y, labels, sample_weight=w),
        "log_loss": lambda: sk.log_loss(y, shares, sample_weight=w),
        "f1": lambda: sk.f1_score(y, labels, sample_weight=w, average="macro" if many else "binary"),
        "balanced_accuracy": lambda: sk.balanced_accuracy_score(y, labels, sample_weight=w),
        "auc": lambda: (
            np.mean([sk.roc_auc_score(y == c, shares[:, c], sample_weight=w) for c in range(logits.shape[1])])
            if many
            else sk.roc_auc_score(y, logits[:, 1] - logits[:, 0], sample_weight=w)
        ),
    }[metric]()


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("metric", metrics_of("classification"))
def test_classification_as_scikit_learn(metric, classes):
    logits, y, weights = case(classes)
    came = score(metric, logits, y, 1.0, weights)
    assert came.shape == (3,)
    np.testing.assert_allclose(came, [by_sklearn(metric, logits, y, w) for w in weights], rtol=1e-9)
    np.testing.assert_allclose(score(metric, logits, y, 1.0), [by_sklearn(metric, logits, y, None)], rtol=1e-9)


@pytest.mark.parametrize("metric", metrics_of("regression"))
def test_regression_as_scikit_learn_in_the_target_s_unit(metric):
    standard, unit = RNG.normal(size=ROWS), 7.5
    outputs = (standard + RNG.normal(size=ROWS) * 0.5)[:, None].astype(np.float32)
    _, _, weights = case(2)
    truth, answer = standard * unit + 100, outputs[:, 0].astype(float) * unit + 100

    def wanted(w):
        return {
            "rmse": lambda: sk.root_mean_squared_error(truth, answer, sample_weight=w),
            "mae": lambda: sk.mean_absolute_error(truth, answer, sample_weight=w),
            "r2": lambda: sk.r2_score(truth, answer, sample_weight=w),
        }[metric]()

    came = score(metric, outputs, standard, unit, weights)
    np.testing.assert_allclose(came, [wanted(w) for w in weights], rtol=1e-6)
    np.testing.assert_allclose(score(metric, outputs, standard, unit), [wanted(None)], rtol=1e-6)


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_better_is_larger_or_smaller(task):
    """Perfect answers against answers that know nothing."""
    y = np.arange(60) % 3 if task == "classification" else np.linspace(-1, 1, 60)
    perfect = 50 * np.eye(3)[y] if task == "classification" else y[:, None]
    nothing = np.zeros_like(perfect)
    for metric in metrics_of(task):
        gain = score(metric, perfect, y, 2.0) - score(metric, nothing, y, 2.0)
        assert (gain > 0) == (metric in LARGER_IS_BETTER)


def test_what_is_not_defined_is_not_a_number():
    logits, _, _ = case(2)
    alone = np.zeros(ROWS, int)
    assert np.isnan(score("auc", logits, alone, 1.0)).all()
    assert not np.isnan(score("balanced_accuracy", logits, alone, 1.0)).any()  # the mean over the classes there are
    assert score("f1", logits, alone, 1.0) == 0


def test_each_row():
    logits, y, _ = case(3)
    np.testing.assert_allclose(row_losses(logits, y).mean(), score("log_loss", logits, y, 1.0)[0])
    np.testing.assert_array_equal(row_errors(logits, y), (logits.argmax(1) != y).astype(float))
    target = np.array([1.0, 2.0], np.float32)
    np.testing.assert_array_equal(row_losses(np.array([[3.0], [0.0]], np.float32), target), [4, 4])
    assert row_losses(np.array([[1e4, -1e4]]), np.array([1]))[0] == 2e4


@settings(max_examples=20)
@given(sharpness=st.floats(0.1, 20))
def test_calibration_undoes_any_temperature(sharpness):
    """Logits that are right are found again, whatever they were multiplied by; no decision is moved."""
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(1500, 3)) * 2
    y = np.array([rng.choice(3, p=p) for p in softmax(logits, axis=1)])
    one, other = calibrated(logits, y), calibrated(logits * sharpness, y)
    np.testing.assert_allclose(other, one, rtol=0.02, atol=1e-3)
    np.testing.assert_allclose(one, logits, rtol=0.15, atol=0.02)
    np.testing.assert_array_equal(other.argmax(1), logits.argmax(1))
    assert row_losses(other, y).mean() <= row_losses(logits * sharpness, y).mean() + 1e-6


def test_calibration_of_a_large_set_and_of_a_regression():
    logits, y, _ = case(2)
    many = calibrated(np.tile(logits, (30, 1)), np.tile(y, 30))
    np.testing.assert_allclose(many[:ROWS], calibrated(logits, y), rtol=0.2)
    outputs = RNG.normal(size=(5, 1))
    assert calibrated(outputs, np.zeros(5)) is outputs


def test_names():
    assert metric_for("classification", None) == "error"
    assert metric_for("regression", None) == "rmse"
    for task in ("classification", "regression"):
        for name in metrics_of(task):
            assert (task_of(name), metric_for(task, name)) == (task, name)
    with pytest.raises(BadConfig, match=r"must be one of error, .*, r2, got 'acu'\. Did you mean 'auc'\?"):
        task_of("acu")
    with pytest.raises(BadConfig, match=r"for regression must be one of rmse, mae, r2, got 'auc', which is for classi"):
        metric_for("regression", "auc")


@pytest.mark.parametrize("ties", [False, True])
def test_many_pairs_have_the_auc_of_few(ties, monkeypatch):
    """Compared pair by pair or sorted, with weights, with ties and without."""
    rng = np.random.default_rng(2)
    logits = rng.normal(size=(60, 3)).round(1 if ties else 12)
    y, w = rng.integers(0, 3, 60), rng.dirichlet(np.ones(60), size=4)
    by_pairs = score("auc", logits, y, 1.0, w)
    monkeypatch.setattr(metrics, "_PAIRS", 0)
    np.testing.assert_allclose(score("auc", logits, y, 1.0, w), by_pairs, rtol=1e-10)


def test_an_auc_is_never_above_1():
    """23 rows, perfectly told apart: 1 / 23 in floats, summed, is more than 1."""
    for positives in range(1, 60):
        y = (np.arange(60) < positives).astype(int)
        logits = np.column_stack([np.zeros(60), 2.0 * y])
        assert score("auc", logits, y, 1.0)[0] <= 1
