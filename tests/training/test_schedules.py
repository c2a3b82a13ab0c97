import numpy as np
import pytest
import toy_splits
from hypothesis import given
from hypothesis import strategies as st

import by_hand
import caviar
from caviar.network.config import DECAYING, SCHEDULES
from caviar.training.schedules import learning_rates


def rates(config, epochs=10, per_epoch=7):
    return learning_rates(config, np.arange(1, epochs * per_epoch + 1), steps_per_epoch=per_epoch, epochs=epochs)


def test_the_lecture_s_table():
    """Course, section 5: alpha0 = 0.2, decay_rate = 1."""
    config = caviar.Config(learning_rate=0.2, schedule="inverse_time")
    np.testing.assert_allclose(rates(config, 5, 1), [0.2, 0.1, 0.2 / 3, 0.05, 0.04])
    np.testing.assert_array_equal(np.round(rates(config, 4, 1), 3), [0.2, 0.1, 0.067, 0.05])
    np.testing.assert_array_equal(rates(config, 5, 3), np.repeat(rates(config, 5, 1), 3))


@st.composite
def schedules(draw, name=None):
    """A config with any schedule, and the epochs and steps for which it is laid out."""
    word = draw(st.sampled_from(SCHEDULES)) if name is None else name
    decay = draw(st.none() | st.floats(0.1, 1)) if word in DECAYING else None
    config = caviar.Config(
        schedule=word,
        learning_rate=draw(st.floats(1e-5, 10)),
        decay_rate=decay,
        decay_every=draw(st.integers(1, 12)),
        warmup=draw(st.sampled_from([0.0, 0.0, 0.5, 1.0, 3.7, 50.0])),
    )
    return config, draw(st.integers(1, 30)), draw(st.integers(1, 40))


@pytest.mark.parametrize("name", SCHEDULES)
@given(data=st.data())
def test_every_schedule(name, data):
    config, epochs, per_epoch = data.draw(schedules(name))
    came = rates(config, epochs, per_epoch)
    assert came.dtype == np.float64
    assert (came > 0).all()
    assert came.max() <= config.rate * (1 + 1e-12)
    np.testing.assert_allclose(
        came,
        [by_hand.learning_rate(config, t, per_epoch, epochs) for t in range(1, epochs * per_epoch + 1)],
        rtol=1e-9,
        atol=1e-15 * config.rate,
    )
    first = data.draw(st.integers(1, epochs * per_epoch))
    part = learning_rates(config, np.arange(first, first + 5), steps_per_epoch=per_epoch, epochs=epochs)
    np.testing.assert_array_equal(part[: len(came) - first + 1], came[first - 1 : first + 4])  # any cutting


@pytest.mark.parametrize("name", [name for name in SCHEDULES if name != "one_cycle"])
def test_it_starts_at_alpha_and_never_rises(name):
    came = rates(caviar.Config(schedule=name, learning_rate=0.3))
    assert came[0] == 0.3
    assert (np.diff(came) <= 1e-15).all()
    assert (came[-1] < 0.3) == (name not in ("constant", "staircase"))
    warm = rates(caviar.Config(schedule=name, learning_rate=0.3, warmup=2.0))
    straight = np.arange(1, 15) / 14
    np.testing.assert_allclose(
        warm[:14] / straight,
        rates(caviar.Config(schedule=name, learning_rate=0.3))[:14] if name != "cosine" else 0.3,
        rtol=1e-12,
    )


def test_one_cycle_rises_and_falls():
    came = rates(caviar.Config(schedule="one_cycle", learning_rate=1.0), 10, 100)
    assert came[0] == pytest.approx(1 / 25)
    assert came.argmax() == 300
    assert came[300] == 1
    assert (np.diff(came[:301]) > 0).all()
    assert (np.diff(came[300:]) < 0).all()
    assert 1 / 250_000 < came[-1] < 1e-4


def test_the_staircase():
    config = caviar.Config(schedule="staircase", learning_rate=1.0, decay_every=3, decay_rate=0.1)
    np.testing.assert_allclose(rates(config, 8, 1), [1, 1, 1, 0.1, 0.1, 0.1, 0.01, 0.01])
    np.testing.assert_allclose(rates(config.changed(decay_rate=None), 7, 1), [1, 1, 1, 0.5, 0.5, 0.5, 0.25])


def test_the_smallest_warm_up_and_the_wildest_decay():
    assert rates(caviar.Config(warmup=5e-324, learning_rate=0.3)).tolist() == pytest.approx([0.3] * 70)
    (run,) = caviar.train(toy_splits.classes(), [caviar.Config(schedule="exponential", decay_rate=1e37, epochs=12)])
    assert run.status == "diverged"
    assert run.epochs < 12
