"""`judge`, its memory on disk, and the workbench that counts."""

import dataclasses

import numpy as np
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.training import scores as module
from caviar.training.metrics import calibrated, row_errors, row_losses
from caviar.training.outputs import outputs
from caviar.training.score_files import ScoreFiles
from caviar.training.scores import constant_answer, constant_score, judge, networks_for, row_plan
from caviar.training.workbench import Workbench

BASE = caviar.Config(hidden_units=8, activation="tanh", batch_size=32, epochs=2, learning_rate=0.01)
WILD = BASE.changed(activation="gelu", optimizer="sgd", learning_rate=1e30)


class Noted:
    """A `Memory` in memory that counts."""

    def __init__(self):
        self.kept, self.asked = {}, 0

    def recall(self, split, config, on):
        self.asked += 1
        return self.kept.get((split.fingerprint, config, on))

    def keep(self, split, scores):
        self.kept.update({(split.fingerprint, score.config, score.on): score for score in scores})


def equal(one, other):
    """Two scores have the same bits."""
    plain = ("config", "status", "value", "train_loss", "train_error", "best_epoch", "networks", "on")
    assert [getattr(one, name) for name in plain] == [getattr(other, name) for name in plain]
    np.testing.assert_array_equal(one.loss, other.loss)
    np.testing.assert_array_equal(one.error, other.error)
    assert one.history.keys() == other.history.keys()
    for name, curve in one.history.items():
        np.testing.assert_array_equal(curve, other.history[name])


@pytest.fixture(scope="module")
def judged():
    split = toy_splits.classes()
    return judge(split, [BASE, BASE.changed(l2=4.0)], "error", on=row_plan(split))


def test_each_row_is_judged_by_the_network_that_has_not_seen_it(judged):
    split = toy_splits.classes()
    assert row_plan(split) == tuple((fold, 5) for fold in range(5))
    runs = caviar.train(split, networks_for(BASE, row_plan(split)))
    folds, raw, sharp = split.folds(5), np.zeros((128, 3)), np.zeros((128, 3))
    for fold, run in enumerate(runs):
        answer = outputs([(run.config, run.weights, run.statistics)], split.x)[0]
        raw[folds == fold] = answer[folds == fold]
        sharp[folds == fold] = calibrated(answer[folds == fold], split.y[folds == fold])
    score = judged[0]
    assert (score.config, score.networks, score.status, score.best_epoch) == (BASE, 5, "finished", 2)
    np.testing.assert_array_equal(score.error, row_errors(raw, split.y))
    np.testing.assert_allclose(score.loss, row_losses(sharp, split.y), rtol=1e-5, atol=1e-7)
    assert score.value == score.error.mean()
    assert score.train_loss == pytest.approx(np.mean([run.history["train_loss"][-1] for run in runs]))
    assert score.train_error == pytest.approx(np.mean([run.history["train_error"][-1] for run in runs]))
    np.testing.assert_array_equal(score.history["dev_loss"], runs[0].history["dev_loss"])
    assert 0 < score.value < 2 / 3


def test_many_rows_are_judged_on_dev(monkeypatch):
    split = toy_splits.classes()
    monkeypatch.setattr(module, "OUT_OF_FOLD_BELOW", 100)
    assert row_plan(split) == (1.0,)
    score = judge(split, [BASE], "log_loss", on=(1.0,))[0]
    assert (score.networks, score.loss.shape) == (1, (32,))
    assert score.error.mean() == pytest.approx(score.history["dev_error"][-1])
    assert score.value == pytest.approx(score.history["dev_loss"][-1], rel=1e-5)
    assert score.loss.mean() <= score.value


def test_a_regression_is_judged_in_its_own_unit():
    split = toy_splits.numbers()
    score = judge(split, [BASE], "rmse", on=((0, 5), (1, 5)))[0]
    in_fold = np.isin(split.folds(5), (0, 1))
    assert score.loss.shape == (in_fold.sum(),)
    np.testing.assert_array_equal(score.loss, score.error)
    assert score.value == pytest.approx(np.sqrt(score.error.mean()) * split.target.std)


def test_a_network_that_diverged_is_worth_the_constant():
    split = toy_splits.classes()
    score = judge(split, [WILD], "error", on=row_plan(split))[0]
    assert score.status == "diverged"
    shares = np.bincount(split.y_train) / 96
    np.testing.assert_allclose(score.loss, -np.log(shares)[split.y], rtol=1e-5)
    assert score.train_loss == np.inf
    assert score.value == constant_score(split, "error").value


def test_the_constant_knows_train_rows_only():
    split = toy_splits.classes()
    np.testing.assert_allclose(np.exp(constant_answer(split)), np.bincount(split.y_train) / 96, rtol=1e-6)
    score = constant_score(split, "error")
    assert score.value == (split.y != np.bincount(split.y_train).argmax()).mean()
    assert (score.networks, score.loss.shape, score.on) == (0, (128,), row_plan(split))
    shares = np.bincount(split.y_train) / 96
    assert score.train_loss == pytest.approx(-(shares * np.log(shares)).sum(), rel=1e-6)
    assert score.train_error == pytest.approx(1 - shares.max())
    numbers = constant_score(toy_splits.numbers(), "r2")
    assert numbers.value == pytest.approx(0, abs=0.05)
    assert numbers.train_error == pytest.approx(toy_splits.numbers().target.std, rel=1e-3)


def test_memory_is_asked_first(judged, monkeypatch):
    split, memory = toy_splits.classes(), Noted()
    plan = row_plan(split)
    configs = [BASE, BASE.changed(l2=4.0)]
    first = judge(split, configs[:1], "error", on=plan, memory=memory)
    equal(first[0], judged[0])
    told = []
    both = judge(split, [*configs, BASE], "error", on=plan, memory=memory, callbacks=[told.append])
    assert told[-1].networks == 5  # only the second was trained
    assert both[0] is both[2] is first[0]
    equal(both[1], judged[1])
    monkeypatch.setattr(module, "score_runs", None)  # nothing is left to train or judge
    assert judge(split, configs, "error", on=plan, memory=memory) == both[:2]
    assert judge(split, [], "error", on=plan) == []


def test_scores_on_disk(judged, tmp_path):
    """Kept and found again, in this process and by the next; another plan, split or config is not known."""
    split, plan = toy_splits.classes(), row_plan(toy_splits.classes())
    wild = judge(split, [WILD, BASE.changed(seed=1)], "error", on=plan[:2])
    files = ScoreFiles(tmp_path / "scores")
    assert files.recall(split, BASE, plan) is None
    files.keep(split, judged)
    files.keep(split, wild)
    assert len(list((tmp_path / "scores").iterdir())) == 2
    for memory in (files, ScoreFiles(tmp_path / "scores")):
        for score in (*judged, *wild):
            found = memory.recall(split, score.config, score.on)
            assert found is not None
            equal(found, score)
        assert memory.recall(split, BASE, plan[:2]) is None
        assert memory.recall(toy_splits.numbers(), BASE, plan) is None
        assert memory.recall(split, BASE.changed(l2=4.1), plan) is None
    files.keep(split, judged)
    assert len(list((tmp_path / "scores").iterdir())) == 2  # the same scores are the same file


def bench():
    told, seen, memory = [], [], Noted()
    return Workbench("error", memory, lambda word, share: told.append((word, share)), seen.extend), told, seen, memory


def test_dev_rows_that_were_given_are_what_is_chosen_by():
    split = toy_splits.classes()
    assert row_plan(split) == tuple((fold, 5) for fold in range(5))
    assert row_plan(dataclasses.replace(split, dev_given=True)) == (1.0,)
    assert row_plan(dataclasses.replace(split, dev_given=True, n_train=split.rows)) == row_plan(split)  # none are left


def test_the_workbench_counts_networks(judged):
    split = toy_splits.classes()
    one, told, seen, memory = bench()
    equal(one.judge(split, [BASE])[0], judged[0])
    assert (len(one.trained), len(seen), len(memory.kept)) == (5, 1, 1)
    assert told[-1] == ("5 of 5 networks", 1.0)
    one.judge(split, [BASE, BASE.changed(l2=4.0)])
    assert (len(one.trained), len(seen)) == (10, 2)
    one.judge(split, [BASE])
    assert len(one.trained) == 10
    glance = one.glance(split, [BASE.changed(seed=3)])[0]
    assert (glance.networks, glance.on, len(one.trained)) == (2, ((0, 5), (1, 5)), 12)
    again = Workbench("error", memory, lambda *_: None, lambda *_: None)
    again.judge(split, [BASE])
    assert len(again.trained) == 5  # recalled ones count as well


def test_what_was_kept_is_not_trained_again():
    split = toy_splits.classes()
    one, told, _, _ = bench()
    with one.keeping():
        one.judge(split, [BASE])
    assert len(one.trained) == 5
    wanted = [*networks_for(BASE, row_plan(split)), BASE]
    runs = one.train(split, wanted)
    assert (len(one.trained), told[-1]) == (6, ("1 of 1 networks", 1.0))
    for run, other in zip(runs, caviar.train(split, wanted), strict=True):
        assert_same_bits(run, other)
    one.judge(split, [BASE.changed(seed=2)])  # outside: not kept
    one.train(split, networks_for(BASE.changed(seed=2), row_plan(split))[:1])
    assert (len(one.trained), told[-1]) == (11, ("1 of 1 networks", 1.0))  # trained again, and counted once


def test_what_fits_and_what_it_takes():
    split = toy_splits.classes()
    one, _, _, _ = bench()
    assert one.fits(split, [BASE])  # five folds in a lane of five
    assert not one.fits(split, [BASE, BASE.changed(l2=1.0)])
    assert not one.fits(split, [BASE.changed(hidden_units=(512, 512))])
    two, ten = (one.seconds_for(split, [BASE.changed(seed=s) for s in range(n)]) for n in (2, 10))
    assert 0 < two <= ten
    one.judge(split, [BASE])
    assert one.seconds_for(split, [BASE]) == 0
