import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, log_softmax

import by_hand
from caviar.network.losses import LOSSES, OUTPUTS, answers, errors, losses, smoothed, targets

LOGITS = np.random.default_rng(0).normal(size=(4, 30)) * 3
TARGET = np.arange(30) % 4


def softmax_cross_entropy(z, y, smoothing):
    target = smoothed(targets(y, z), smoothing)
    return losses(z, target, output="softmax", loss="cross_entropy", delta=jnp.ones((), z.dtype))


def cross_entropy(logits, target, smoothing=0.0):
    with jax.enable_x64(True):
        return np.asarray(
            softmax_cross_entropy(jnp.asarray(logits), jnp.asarray(target), jnp.asarray(smoothing, float))
        )


def test_it_is_the_negative_log_of_the_softmax():
    wanted = -log_softmax(LOGITS, axis=0)[TARGET, np.arange(30)]
    np.testing.assert_allclose(cross_entropy(LOGITS, TARGET), wanted, rtol=1e-12)


@pytest.mark.parametrize("smoothing", [0.1, 0.9])
def test_label_smoothing(smoothing):
    """The target's share becomes 1 - s + s/4, the others' s/4 (Szegedy et al. 2016)."""
    shares = np.full((4, 30), smoothing / 4)
    shares[TARGET, np.arange(30)] += 1 - smoothing
    wanted = -(shares * log_softmax(LOGITS, axis=0)).sum(0)
    np.testing.assert_allclose(cross_entropy(LOGITS, TARGET, smoothing), wanted, rtol=1e-12)


@settings(max_examples=25)
@given(z=st.floats(-700, 700), label=st.integers(0, 1))
def test_two_classes_are_logistic_regression(z, label):
    """Course, section 8."""
    came = cross_entropy(np.array([[0.0], [z]]), np.array([label]))[0]
    assert came == pytest.approx(np.logaddexp(0, -z if label else z), rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(shift=st.floats(-1e4, 1e4))
def test_a_constant_added_to_all_logits_changes_nothing(shift):
    np.testing.assert_allclose(cross_entropy(LOGITS + shift, TARGET), cross_entropy(LOGITS, TARGET), atol=1e-9)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_probabilities_minus_targets(smoothing):
    shares = np.full((4, 30), smoothing / 4)
    shares[TARGET, np.arange(30)] += 1 - smoothing
    with jax.enable_x64(True):
        s = jnp.asarray(smoothing)
        came = jax.grad(lambda z: softmax_cross_entropy(z, jnp.asarray(TARGET), s).sum())(jnp.asarray(LOGITS))
    np.testing.assert_allclose(came, np.exp(log_softmax(LOGITS, axis=0)) - shares, atol=1e-12)


@pytest.mark.parametrize("scale", [1e4, 1e30])
def test_large_logits_are_finite(scale):
    logits = jnp.asarray(np.array([[1, -1, 0], [-1, 1, 0], [0, 0.5, 1]]) * scale, jnp.float32)
    target = jnp.array([0, 0, 0])
    value, slope = jax.value_and_grad(lambda z: softmax_cross_entropy(z, target, jnp.float32(0)).sum())(logits)
    assert np.isfinite(slope).all()
    each = softmax_cross_entropy(logits, target, jnp.float32(0))
    np.testing.assert_allclose(each / scale, [0, 2, 1], rtol=1e-6)
    assert np.isfinite(value)


def test_an_untrained_network_loses_the_log_of_the_classes():
    assert cross_entropy(np.zeros((10, 3)), np.array([0, 4, 9])) == pytest.approx(np.log(10))
    assert expit(0.0) == 0.5


def test_errors_are_misclassified_rows_or_squares():
    numbers, wanted = jnp.array([[1.0, 2.0, -3.0]]), jnp.array([1.5, 2.0, 1.0])
    np.testing.assert_array_equal(errors(numbers, targets(wanted, numbers), output="linear"), [0.25, 0, 16])
    logits = jnp.array([[1.0, 5.0, 0.0], [2.0, 4.0, 0.0]])
    np.testing.assert_array_equal(errors(logits, targets(jnp.array([1, 1, 0]), logits), output="softmax"), [0, 1, 0])


PAIRS = [(output, loss) for output in OUTPUTS for loss in LOSSES if (output, loss) != ("linear", "cross_entropy")]


@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("numbers", [False, True])
def test_every_output_with_every_loss(output, loss, numbers):
    """Value and derivative against the formulas."""
    z = LOGITS[:1] if numbers else LOGITS
    y = np.linspace(-2, 2, 30) if numbers else TARGET
    target = by_hand.targets(y, len(z))
    if numbers and loss == "cross_entropy":
        return  # refused for numbers
    wanted, slope = by_hand.losses(z, target, output, loss, 0.7)

    def total(z):
        each = losses(z, targets(jnp.asarray(y), z), output=output, loss=loss, delta=jnp.asarray(0.7))
        return each.sum(), each

    with jax.enable_x64(True):
        came_slope, came = jax.grad(total, has_aux=True)(jnp.asarray(z))
    np.testing.assert_allclose(came, wanted, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(came_slope, slope, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize(("output", "loss"), PAIRS)
@pytest.mark.parametrize("scale", [1e4, 1e15])
def test_large_outputs_are_finite_forward_and_backward(output, loss, scale):
    z = jnp.asarray(np.array([[1, -1, 0], [-1, 1, 0], [0, 0.5, 1]]) * scale, jnp.float32)
    target = targets(jnp.array([0, 0, 0]), z)
    value, slope = jax.value_and_grad(
        lambda z: losses(z, target, output=output, loss=loss, delta=jnp.float32(1)).sum()
    )(z)
    assert np.isfinite(value)
    assert np.isfinite(slope).all()


def test_answers_are_logits_of_the_probabilities():
    z = jnp.asarray(LOGITS)
    for output in OUTPUTS:
        shares = np.asarray(jax.nn.softmax(answers(z, output), axis=0))
        p = {
            "softmax": by_hand.softmax,
            "sigmoid": by_hand.sigmoid,
            "linear": lambda v: np.maximum(v, 1e-6) * np.exp(np.minimum(v - 1e-6, 0)),
        }[output]
        np.testing.assert_allclose(shares, p(LOGITS) / p(LOGITS).sum(0), rtol=1e-4)
    low = jnp.array([[-3.0, -1.0], [-2.0, -1.5], [-2.5, -7.0]])
    np.testing.assert_array_equal(answers(low, "linear").argmax(0), low.argmax(0))  # as `errors` counts
    number = jnp.array([[0.5, -2.0]])
    np.testing.assert_array_equal(answers(number, "linear"), number)
    np.testing.assert_allclose(answers(number, "sigmoid")[0], by_hand.sigmoid(np.array([0.5, -2.0])), rtol=1e-6)
