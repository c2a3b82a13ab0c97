"""The sweep of learning rates: what follows from given losses, and a real one on a few rows."""

import json

import numpy as np
import pytest

import caviar
from caviar.diagnosis.learning_rate import LearningRateSweep, findings, learning_rate_sweep
from caviar.errors import BadConfig
from caviar.reporting import plots
from diagnosis.made_scores import classes, quantity

RATES = (0.001, 0.01, 0.1, 1.0, 10.0)
SMALL = caviar.Config(hidden_units=8, batch_size=32, epochs=8)


def made(means, *, own=0.1, train=None, diverged=(), steps=100, planned=100, seeds=3, rows=300):
    """A sweep whose rates have these mean losses, with a little noise of rows and seeds; the constant model loses 1."""
    stream = np.random.default_rng(0)
    noise = 0.05 * stream.normal(size=(1, 1, rows)) + 0.01 * stream.normal(size=(len(means), seeds, rows))
    gone = np.zeros((len(means), seeds), bool)
    for place in diverged:
        gone[place] = True
    each = np.repeat(np.array(means if train is None else train, float)[:, None], seeds, axis=1)
    return LearningRateSweep(
        config=caviar.Config(optimizer="sgd", learning_rate=own),
        rates=RATES[: len(means)],
        steps=steps,
        planned=planned,
        loss=np.array(means, float)[:, None, None] + noise,
        diverged=gone,
        train_loss=np.where(gone, np.inf, each),
        start_loss=np.full(seeds, 1.2),
        constant=np.full(rows, 1.0),
        without_signal=1.0,
    )


def test_what_works_what_is_best_and_where_it_breaks():
    sweep = made([0.99, 0.4, 0.2, 0.205, 1.0], train=[0.99, 0.4, 0.2, 0.2, 5.0], diverged=[4])
    assert sweep.rates[sweep.best] == 0.1
    assert sweep.working == (0.001, 1.0)
    assert (sweep.largest_stable, sweep.unstable_from) == (1.0, 10.0)
    alone = made([0.99, 0.4, 0.2, 0.2001, 1.0], diverged=[4])
    assert alone.as_good == (0.1, 1.0)
    assert made([0.99, 0.4, 0.2, 0.6]).as_good == (0.1, 0.1)


def test_a_rate_that_loses_again_what_lower_ones_learn_is_unstable_though_it_never_diverged():
    assert made([0.5, 0.3, 0.1, 0.9]).stable.tolist() == [True, True, True, False]
    rising = made([0.5, 0.3, 0.4, 0.9], train=[0.5, 0.3, 0.1, 0.01])  # it only learns its rows by heart
    assert rising.stable.all()
    assert made([1.0, 1.0, 1.1], train=[1.19, 1.1, 1.3]).stable.tolist() == [True, True, False]


def test_one_seed_that_fails_is_enough_not_to_work():
    sweep = made([0.3, 0.2, 0.1])
    loss, train = sweep.loss.copy(), sweep.train_loss.copy()
    loss[2, 1], train[2, 1] = 1.05, 1.05
    worse = LearningRateSweep(**{**vars(made([0.3, 0.2, 0.1])), "loss": loss, "train_loss": train})
    assert worse.works.tolist() == [True, True, False]
    assert worse.rates[worse.best] == 0.01


@pytest.mark.parametrize(
    ("means", "own", "name", "severity"),
    [
        ([0.2, 0.1, 0.4, 0.9], 0.1, "learning_rate_too_high", "warning"),
        ([0.2, 0.1, 0.4, 0.9], 1.0, "learning_rate_too_high", "critical"),
        ([0.9, 0.5, 0.2, 0.1], 0.01, "learning_rate_too_low", "warning"),
    ],
)
def test_the_own_rate_is_compared_with_the_best(means, own, name, severity):
    (found,) = findings(made(means, own=own))
    assert (found.name, found.severity) == (name, severity)
    assert found.evidence["own"]["rate"] == own
    assert found.evidence["own"]["gain"]["low"] > 0
    json.dumps(found.to_json(), allow_nan=False)


def test_a_rate_that_is_good_enough_is_no_finding():
    assert findings(made([0.9, 0.12, 0.1, 0.5], own=0.01)) == []  # 2 % of what can be gained
    assert findings(made([0.9, 0.5, 0.1, 0.1], own=0.1)) == []
    # Only the held-out loss is worse: the network has learned its rows by heart.
    assert findings(made([0.9, 0.1, 0.3, 0.5], train=[0.9, 0.1, 0.05, 0.01], own=0.1)) == []


def test_noise_alone_is_no_finding():
    sweep = made([0.9, 0.4, 0.3, 0.9], own=0.01)
    scattered = sweep.loss + 3 * np.random.default_rng(1).normal(size=(4, 3, 1)) * np.array([0, 1, 0, 0])[:, None, None]
    assert findings(LearningRateSweep(**{**vars(made([0.9, 0.4, 0.3, 0.9], own=0.01)), "loss": scattered})) == []


def test_a_short_sweep_does_not_blame_a_rate_that_would_arrive():
    (found,) = findings(made([0.9, 0.5, 0.11, 0.1], own=0.01, steps=100, planned=1_000))
    assert (found.name, found.severity) == ("learning_rate_too_low", "info")
    assert "may catch up" in found.meaning
    (found,) = findings(made([0.99, 0.95, 0.6, 0.1], own=0.01, steps=100, planned=500))
    assert found.severity == "warning"  # even ten times the rate, for which five times the steps stand, does not arrive


def test_a_rate_that_diverges_is_told_with_the_one_that_works():
    diverged, high = findings(made([0.9, 0.2, 0.1, 1.0, 1.0], own=10.0, diverged=[3, 4]))
    assert (diverged.name, diverged.severity) == ("diverged", "critical")
    assert "3 of 3 networks" in diverged.meaning
    assert "0.1 works best" in diverged.meaning
    assert (high.name, high.severity) == ("learning_rate_too_high", "critical")
    (only,) = findings(made([1.0, 1.0, 1.0], own=0.01, diverged=[0, 1, 2]))
    assert only.name == "diverged"
    assert "no other rate" in only.meaning


def test_where_no_rate_works_it_is_not_the_rate():
    sweep = made([1.0, 1.0, 1.0])
    assert (sweep.best, sweep.working, sweep.gain, sweep.share_lost) == (None, None, None, None)
    assert findings(sweep) == []
    assert any("it is not the rate" in sentence for sentence in sweep.words())
    json.dumps(sweep.to_json(), allow_nan=False)


def test_a_real_sweep_is_one_population_with_a_best_rate_inside():
    split, lists = classes(400, 100), []
    own = SMALL.changed(learning_rate=0.5, schedule="cosine", early_stopping=2)
    sweep = learning_rate_sweep(
        split, own, rates=(1e-6, 0.01, 0.03), seeds=2, callbacks=[lambda p: lists.append(p.networks)]
    )
    assert sweep.rates == (1e-6, 0.01, 0.03, 0.5)
    assert set(lists) == {2 * 5 * 5}, "rate 0 and four rates, two seeds, five folds, in one call"
    assert sweep.loss.shape == (4, 2, 500)
    assert sweep.steps == sweep.planned == 8 * 16
    assert sweep.rates[sweep.best] in (0.01, 0.03)
    assert sweep.losses[0].mean() > 0.8 * sweep.constant.mean()
    np.testing.assert_allclose(sweep.train_loss[0], sweep.start_loss, rtol=0.01)
    assert sweep.without_signal == pytest.approx(np.log(3))
    assert [found.name for found in findings(sweep)] in ([], ["learning_rate_too_high"])
    assert "learning rate" in plots.learning_rates(sweep)
    assert any(sentence.startswith("Best: ") for sentence in sweep.words())


def test_rates_that_diverge_are_marked_and_the_others_are_not_changed():
    split = quantity(300, 100)
    config = SMALL.changed(optimizer="sgd", epochs=4, learning_rate=0.01)
    sweep = learning_rate_sweep(split, config, rates=(0.01, 1e30), seeds=2)
    assert sweep.diverged.tolist() == [[False, False], [True, True]]
    assert (sweep.largest_stable, sweep.unstable_from) == (0.01, 1e30)
    alone = learning_rate_sweep(split, config, rates=(0.01,), seeds=2)
    np.testing.assert_array_equal(alone.loss[0], sweep.loss[0])


def test_the_steps_asked_for_are_whole_epochs_or_fewer_rows_where_an_epoch_is_long():
    few = learning_rate_sweep(classes(400, 100), SMALL, rates=(0.01,), seeds=1, steps=40)
    assert (few.steps, few.planned) == (2 * 16, 8 * 16)
    many = classes(6_000, 200)
    short = learning_rate_sweep(many, SMALL, rates=(0.01,), seeds=1, steps=20)
    assert (short.steps, short.planned) == (20, 8 * 188)
    assert short.loss.shape == (2, 1, 200), "the default rate is added; every network is judged on all dev rows"


def test_default_rates_surround_the_optimizers_own():
    for optimizer, usual in (("adam", 1e-3), ("sgd", 0.1)):
        config = SMALL.changed(optimizer=optimizer, epochs=1)
        sweep = learning_rate_sweep(classes(400, 100), config, seeds=1)
        np.testing.assert_allclose(sweep.rates, usual * 10 ** np.linspace(-3, 3, 13), rtol=0.01)
        assert sweep.rates[sweep.own] == usual


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"rates": ()}, "at least one number"),
        ({"rates": (0.0,)}, "above 0"),
        ({"rates": (-1.0,)}, "learning_rate"),
        ({"rates": (float("nan"),)}, "learning_rate"),
        ({"seeds": 0}, "seeds"),
        ({"steps": 2.5}, "steps"),
    ],
)
def test_arguments_are_checked_at_the_door(arguments, told):
    with pytest.raises(BadConfig, match=told):
        learning_rate_sweep(classes(400, 100), SMALL, **arguments)
