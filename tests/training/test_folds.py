"""`Config.rows`: what a network is trained on and what it is measured on."""

import numpy as np
import pytest
import toy_splits
from toy_splits import assert_same_bits

import caviar
from caviar.data.split import Split
from caviar.errors import BadConfig
from caviar.training.outputs import outputs
from caviar.training.plan import held_out
from caviar.training.rows import groups

BASE = caviar.Config(hidden_units=8, activation="tanh", batch_size=32, epochs=3, learning_rate=0.01)


def retargeted(split: Split, rows, x=0.0) -> Split:
    """The split with another class, and moved inputs, in these rows; nothing else is changed."""
    y, moved = split.y.copy(), split.x.copy()
    y[rows] = (y[rows] + 1) % 3
    moved[rows] += x
    changed = object.__new__(Split)
    changed.__dict__.update(vars(split) | {"x": moved, "y": y})
    return changed


@pytest.mark.parametrize("extra", [{}, {"batch_norm": True, "dropout": 0.3}, {"l2": 3.0, "optimizer": "momentum"}])
def test_held_out_rows_never_influence_training(extra, monkeypatch):
    """Other targets and inputs in the rows of the fold: the same bits, and another dev loss."""
    split = toy_splits.classes()
    config = BASE.changed(rows=(1, 4), **extra)
    fold = split.folds(4)
    rows = held_out(config, split)
    assert rows.sum() == 32
    changed = retargeted(split, rows, x=3.0)
    monkeypatch.setattr(Split, "folds", lambda _self, _folds: fold)
    before, after = caviar.train(split, [config])[0], caviar.train(changed, [config])[0]
    for one, other in zip((*before.weights, *before.statistics), (*after.weights, *after.statistics), strict=True):
        for a, b in zip(one, other, strict=True):
            np.testing.assert_array_equal(a, b)
    for name in ("train_loss", "train_error", "objective"):
        np.testing.assert_array_equal(before.history[name], after.history[name])
    assert (before.history["dev_loss"] != after.history["dev_loss"]).all()
    trained = retargeted(split, ~rows)
    assert not np.array_equal(caviar.train(trained, [config])[0].weights[0].w, before.weights[0].w)


def test_dev_rows_never_influence_training():
    split = toy_splits.classes()
    dev = np.arange(split.rows) >= split.n_train
    before, after = (caviar.train(s, [BASE])[0] for s in (split, retargeted(split, dev, x=3.0)))
    for one, other in zip(before.weights, after.weights, strict=True):
        np.testing.assert_array_equal(one.w, other.w)
    assert (before.history["dev_loss"] != after.history["dev_loss"]).all()
    every = [caviar.train(s, [BASE.changed(rows="train+dev")])[0] for s in (split, retargeted(split, dev))]
    assert not np.array_equal(every[0].weights[0].w, every[1].weights[0].w)


def test_groups_of_rows():
    split = toy_splits.classes()
    np.testing.assert_array_equal(groups(1.0, split), [0] * 96 + [1] * 32)
    np.testing.assert_array_equal(groups("train+dev", split), [0] * 128)
    np.testing.assert_array_equal(groups((2, 5), split), split.folds(5))
    masks = [held_out(BASE.changed(rows=(fold, 5)), split) for fold in range(5)]
    np.testing.assert_array_equal(np.sum(masks, axis=0), np.ones(128))
    assert held_out(BASE, split).sum() == 32
    assert not held_out(BASE.changed(rows="train+dev"), split).any()


@pytest.mark.parametrize("rows", [1.0, (0, 4), (3, 4), "train+dev"])
def test_each_loss_is_of_its_own_rows(rows):
    split = toy_splits.classes()
    run = caviar.train(split, [BASE.changed(rows=rows)])[0]
    out = held_out(run.config, split)
    raw = outputs([(run.config, run.weights, run.statistics)], split.x)[0].astype(float)
    loss = np.log(np.exp(raw).sum(1)) - raw[np.arange(128), split.y]
    wrong = raw.argmax(1) != split.y
    assert run.history["train_loss"][-1] == pytest.approx(loss[~out].mean(), rel=1e-5)
    assert run.history["train_error"][-1] == pytest.approx(wrong[~out].mean(), rel=1e-5)
    if rows == "train+dev":
        assert np.isnan(run.history["dev_loss"]).all()
        assert run.status == "finished"
    else:
        assert run.history["dev_loss"][-1] == pytest.approx(loss[out].mean(), rel=1e-5)
        assert run.history["dev_error"][-1] == pytest.approx(wrong[out].mean(), rel=1e-5)


@pytest.mark.parametrize("extra", [{"optimizer": "adam"}, {"optimizer": "momentum"}, {"batch_norm": True}])
def test_mini_batches_of_one_row_with_folds(extra):
    """A mini-batch whose rows are all held out changes nothing: no NaN, and what is learned ignores the fold."""
    split = toy_splits.classes()
    config = BASE.changed(batch_size=1, epochs=1, rows=(0, 2), l2=1.0, weight_decay=0.01, norm_epsilon=1e-3, **extra)
    run = caviar.train(split, [config])[0]
    assert run.status == "finished"
    assert all(np.isfinite(a).all() for layer in run.weights for a in layer if a is not None)
    assert np.isfinite(run.history["objective"]).all()
    fold = split.folds(2)
    changed = retargeted(split, fold == 0, x=5.0)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Split, "folds", lambda _self, _folds: fold)
        other = caviar.train(changed, [config])[0]
    for one, there in zip(run.weights, other.weights, strict=True):
        np.testing.assert_array_equal(one.w, there.w)


def test_two_dealings_of_the_rows_in_one_call():
    """Networks of 3 and of 4 folds share a program and not a lane."""
    split = toy_splits.classes()
    configs = [BASE.changed(rows=rows) for rows in ((0, 3), (0, 4), (1, 3), "train+dev")]
    for config, run in zip(configs, caviar.train(split, configs), strict=True):
        assert_same_bits(run, caviar.train(split, [config])[0])


def test_the_course_s_m_is_the_rows_that_are_used():
    """L2 is lambda / (2m): a fold more or less changes m, and so does the use of dev rows."""
    split = toy_splits.classes()
    config = BASE.changed(l2=5.0, epochs=1, initializer="lecun", learning_rate=1e-12)
    for rows, m in ((1.0, 96), ((0, 4), 96), ((0, 2), 64), ("train+dev", 128)):
        run = caviar.train(split, [config.changed(rows=rows)])[0]
        squares = sum(float(np.square(layer.w).sum()) for layer in run.weights)
        plain = caviar.train(split, [config.changed(rows=rows, l2=0.0)])[0]
        added = run.history["objective"][0] - plain.history["objective"][0]
        assert added == pytest.approx(5.0 / (2 * m) * squares, rel=1e-4)


def test_more_folds_than_rows():
    with pytest.raises(BadConfig, match=r"at most as many folds as rows \(128\), got 129 folds"):
        caviar.train(toy_splits.classes(), [BASE.changed(rows=(0, 129))])
