"""Trained too short or too long: found in made curves and in real ones, and not in healthy ones."""

import dataclasses

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.split import Split
from caviar.diagnosis.bias_variance import bias_variance
from caviar.diagnosis.epochs import constant_loss, curves_of, find, gain_of_more_epochs, rise_since_lowest
from caviar.diagnosis.subject import Probe, Subject
from caviar.network.config import Config
from caviar.training.metrics import metric_for, row_losses
from caviar.training.population import train
from caviar.training.record import Run
from caviar.training.scores import constant_answer, constant_score, score_runs
from diagnosis import made_scores

SPLIT = made_scores.classes(300, 300)
SMALL = Config(hidden_units=(4,), epochs=20, batch_size=20, learning_rate=0.01)
LOG_3 = float(np.log(3))
"""About the loss of the constant model of three classes."""


def made(
    held_out, train_loss=None, *, middle=None, kept=None, spread=0.3, config=SMALL, split=SPLIT, start=None
) -> Subject:
    """Networks with these held-out losses over epochs, shape (networks, epochs)."""
    held_out = np.atleast_2d(held_out)
    train_loss = np.broadcast_to(held_out * 0.9 if train_loss is None else train_loss, held_out.shape)
    runs, scores = [], []
    rng = np.random.default_rng(0)
    for dev, trained in zip(held_out, train_loss, strict=True):
        objective = trained if middle is None else np.full_like(dev, middle)
        history = {"train_loss": trained, "dev_loss": dev, "objective": objective}
        runs.append(Run(config, "finished", history, len(dev), (), ()))
        rows = 1 + spread * rng.normal(size=300)
        scores.append(made_scores.score(config, loss=rows / rows.mean() * (dev[-1] if kept is None else kept)))
    probe = None if start is None else Probe(np.array([start]), *[np.zeros((1, 1))] * 8, noise_scale=1.0)
    return Subject(split, config, tuple(runs), tuple(scores), made_scores.score(loss=LOG_3), start=probe)


def networks(curve, noise=0.0, n=4, seed=0):
    """Several networks whose losses go up and down around a curve."""
    return curve + noise * np.random.default_rng(seed).normal(size=(n, len(curve)))


EPOCHS = np.arange(1, 41)


@given(b=st.floats(0.2, 1.5), c=st.floats(0, 0.5), epochs=st.sampled_from([32, 64, 128]))
def test_what_more_epochs_bring_is_that_of_the_power_law(b, c, epochs):
    """Falls of a power law shrink by one ratio from doubling to doubling: the next is known but for the windows."""
    e = np.arange(1, epochs + 1)
    gain = gain_of_more_epochs(curves_of(made(networks(0.5 * e**-b + c))))
    level = lambda end: np.mean(0.5 * np.arange(end - end // 4 + 1, end + 1) ** -b)  # noqa: E731
    assert gain.value == pytest.approx(level(epochs) - level(2 * epochs), rel=0.3)


def test_a_loss_that_still_falls_is_undertrained():
    (found,) = find(made(networks(1.0 - 0.015 * EPOCHS, noise=0.003)))
    assert (found.name, found.severity) == ("undertrained", "warning")
    gain = found.evidence["gain"]
    # From 0.73 in epochs 16 to 20 it fell to 0.4675 in epochs 31 to 40; the same part again of what is left.
    assert gain["value"] == pytest.approx((0.73 - 0.4675) / 0.73 * 0.4675, abs=0.01)
    assert gain["low"] < gain["value"] < gain["high"]
    assert f"after {len(EPOCHS)} epochs, is still falling" in found.meaning
    assert f"{gain['value']:.2g} from it" in found.meaning


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("losses", [(1.0, 0.8), (1.05, 0.9, 0.8), (1.0, 0.9, 0.82, 0.75)])
def test_a_few_epochs_are_enough_to_see_it(losses, n):
    (found,) = find(made(networks(np.array(losses), noise=0.002, n=n)))
    assert (found.name, found.severity) == ("undertrained", "warning")
    assert found.evidence["epochs"] == len(losses)


def test_the_loss_before_training_is_read_where_it_is_known():
    """A fall from 9 to 1 and on to 0.98 is over; from 1.1 to 1 and on to 0.9 is not."""
    assert find(made([[1.0, 0.98]] * 3, start=9.0)) == []
    assert [f.name for f in find(made([[1.0, 0.9]] * 3, start=1.1))] == ["undertrained"]


def test_of_a_single_epoch_the_mean_of_its_mini_batches_tells_how_it_went():
    """From 1.1 by way of 1 to 0.8 it still falls; from 1.1 by way of 0.82 to 0.8 it has come down within the epoch."""
    falling, down = (made([[0.8]] * 3, middle=middle, start=1.1) for middle in (1.0, 0.82))
    (found,) = find(falling)
    assert (found.name, found.evidence["epochs"]) == ("undertrained", 1)
    assert "after 1 epoch, is still falling" in found.meaning
    assert find(down) == []
    assert find(made([[0.8]] * 3, middle=1.0)) == []


def test_no_loss_is_foretold_to_fall_below_0():
    """Two epochs of five, then one at a fifth of the loss: the next doubling divides by five again at most."""
    gain = gain_of_more_epochs(curves_of(made([[2.0, 1.0, 0.9, 0.5, 0.2]] * 3)))
    assert gain.value == pytest.approx(0.2 * 0.8 / 1.0, rel=1e-6)
    assert find(made([[2.0, 1.0, 0.9, 0.5, 0.2]] * 3))[0].name == "undertrained"


HEALTHY = {
    "has come down": 0.2 + 0.8 * np.exp(-EPOCHS / 4),
    "falls by what is not worth it": 0.2 + 0.05 / EPOCHS**0.5,
    "flat": np.full(40, 0.2),
    "never learned": np.full(40, LOG_3),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("n", [1, 2, 5])
def test_healthy_curves_are_silent(name, n):
    for seed in range(20):
        assert find(made(networks(HEALTHY[name], noise=0.01, n=n, seed=seed))) == []


def test_a_loss_that_rises_while_training_goes_on_is_overtrained():
    curve = 0.3 + 0.6 * np.exp(-EPOCHS / 3) + 0.01 * np.maximum(0, EPOCHS - 15)
    fit = 0.9 * np.exp(-EPOCHS / 5)
    (found,) = find(made(networks(curve, noise=0.01), fit))
    assert (found.name, found.severity) == ("overtrained", "warning")
    assert 10 <= found.evidence["best_epoch"] <= 18
    assert found.evidence["rise"]["low"] < 0.24 < found.evidence["rise"]["high"] + 0.01
    assert f"lowest after epoch {found.evidence['best_epoch']} of 40" in found.meaning


def test_probabilities_that_are_too_sure_are_worth_knowing_only():
    """The loss at the best temperature is as low as ever."""
    curve = 0.3 + 0.6 * np.exp(-EPOCHS / 3) + 0.01 * np.maximum(0, EPOCHS - 15)
    (found,) = find(made(networks(curve, noise=0.01), 0.9 * np.exp(-EPOCHS / 5), kept=0.29))
    assert (found.name, found.severity) == ("overtrained", "info")
    assert "probabilities are too sure" in found.meaning


def test_early_stopping_keeps_the_best_and_is_no_finding():
    curve = 0.3 + 0.6 * np.exp(-EPOCHS / 3) + 0.01 * np.maximum(0, EPOCHS - 15)
    config = SMALL.changed(early_stopping=30)
    assert find(made(networks(curve), 0.9 * np.exp(-EPOCHS / 5), config=config)) == []


def test_a_rise_with_the_training_loss_is_something_else():
    """Oscillation or a rate too high, not fitting for too long."""
    curve = 0.3 + 0.6 * np.exp(-EPOCHS / 3) + 0.01 * np.maximum(0, EPOCHS - 15)
    assert find(made(networks(curve), curve)) == []


def test_a_rise_within_the_noise_of_rows_is_none():
    """Of a loss that comes from a few rows alone, a rise by a fifth is no more than their luck."""
    curve = 0.2 + 0.6 * np.exp(-EPOCHS / 3) + 0.002 * np.maximum(0, EPOCHS - 15)
    fit = 0.9 * np.exp(-EPOCHS / 5)
    assert [f.name for f in find(made(networks(curve), fit))] == ["overtrained"]
    assert find(made(networks(curve), fit, spread=12.0)) == []


def test_the_lowest_point_is_not_low_by_luck():
    """Pure noise: where the epoch is chosen by the other networks, no rise is seen on average."""
    rises = []
    for seed in range(60):
        noisy = networks(np.full(40, 0.5), noise=0.05, n=3, seed=seed)
        rises.append(rise_since_lowest(curves_of(made(noisy)))[2].value)
    assert abs(np.mean(rises)) < 4 * np.std(rises) / 60**0.5
    own = [noisy[-1] - noisy.min() for noisy in networks(np.full(40, 0.5), noise=0.05, n=60)]
    assert np.mean(own) > 0.08


def regression(**settings) -> tuple[Config, Split]:
    return SMALL.changed(**settings), made_scores.quantity(200, 100)


@pytest.mark.parametrize(
    ("config", "split"),
    [
        (SMALL, SPLIT),
        (SMALL.changed(output="sigmoid"), SPLIT),
        (SMALL.changed(loss="squared"), SPLIT),
        (SMALL.changed(output="linear", loss="squared"), SPLIT),
        regression(),
        regression(loss="absolute"),
        regression(loss="huber", huber_delta=0.5),
    ],
)
def test_the_constant_model_has_its_loss_in_every_kind(config, split):
    y = split.y.astype(float)
    if split.task == "regression":
        e = np.abs(y)
        by_hand = {
            "squared": e**2,
            "absolute": e,
            "huber": np.where(e <= 0.5, e**2 / 2, 0.5 * (e - 0.25)),
        }[config.loss or "squared"].mean()
    else:
        p = np.bincount(split.y_train) / split.n_train
        t = np.eye(3)[split.y]
        if config.output == "sigmoid":
            by_hand = -(t * np.log(p) + (1 - t) * np.log(1 - p)).sum(1).mean()
        elif config.loss == "squared":
            by_hand = np.square(t - p).sum(1).mean()
        else:
            by_hand = row_losses(np.tile(constant_answer(split), (split.rows, 1)), split.y).mean()
    assert constant_loss(config, split) == pytest.approx(by_hand, rel=1e-4)


def subject_of(config, seeds=3, split=SPLIT) -> Subject:
    runs = train(split, [config.changed(seed=seed) for seed in range(seeds)])
    metric = metric_for(split.task, None)
    scores = score_runs(split, [[run] for run in runs], metric)
    return Subject(split, config, tuple(runs), tuple(scores), constant_score(split, metric))


def test_networks_that_were_trained():
    """Two epochs at a small rate are too short; sixty at a good one are not; without held-out rows nothing is said."""
    short = subject_of(SMALL.changed(epochs=2, learning_rate=1e-3))
    assert [(f.name, f.severity) for f in find(short)] == [("undertrained", "warning")]
    assert find(subject_of(SMALL.changed(epochs=60))) == []
    assert curves_of(made(np.full((2, 10), np.nan))) is None


def test_networks_that_diverged_are_left_out_and_those_that_stopped_stay():
    whole = made(networks(1.0 - 0.015 * EPOCHS))
    first, *others = whole.runs
    gone = Run(first.config, "diverged", first.history, 0, (), ())
    curves = curves_of(Subject(SPLIT, SMALL, (gone, *others), whole.scores, whole.constant))
    assert curves.held_out.shape == (3, 41)
    short = {name: values[:10] for name, values in first.history.items()}
    stopped = Run(first.config, "stopped", short, 7, (), ())
    curves = curves_of(Subject(SPLIT, SMALL, (stopped, *others), whole.scores, whole.constant))
    np.testing.assert_array_equal(curves.held_out[0, 11:], short["dev_loss"][6])
    assert curves_of(Subject(SPLIT, SMALL, (gone,), whole.scores, whole.constant)) is None


def test_epochs_cut_short_are_told_by_longer_steps_that_help():
    """Two epochs that fall by next to nothing foretell nothing; at five times the rate the loss is half."""
    slow = made(networks(np.array([1.05, 1.04]), noise=0.001, n=3), kept=1.04, spread=0.01)
    faster = made_scores.companion("higher rate", slow.scores[:1], [made_scores.score(loss=slow.scores[0].loss / 2)])
    beside = dataclasses.replace(slow, companions=(faster,))
    assert [f.evidence for f in find(slow) if "usual_epochs" in f.evidence] == []
    (found,) = find(beside)
    assert (found.name, found.evidence["epochs"], found.evidence["usual_epochs"]) == ("undertrained", 2, 60)
    assert found.severity in ("warning", "critical")
    stopped = dataclasses.replace(beside, config=SMALL.changed(early_stopping=1))
    assert find(stopped) == []


def test_a_network_that_fits_its_rows_is_undertrained_by_the_way_only():
    falls = made(networks(1.0 - 0.015 * EPOCHS, noise=0.003))
    gaps = bias_variance([made_scores.score(train_error=0.0, rows=300)], SPLIT)
    (found,) = find(dataclasses.replace(falls, gaps=gaps))
    assert (found.name, found.severity) == ("undertrained", "info")
    misses = bias_variance([made_scores.score(train_error=0.5, rows=300)], SPLIT, 0.1)
    (found,) = find(dataclasses.replace(falls, gaps=misses))
    assert found.severity == "warning"
