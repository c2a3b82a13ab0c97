"""Rows on disk come in blocks with the steps that need them: to the same bits as rows in memory."""

import dataclasses

import numpy as np
import pytest
import toy_splits

import caviar
from caviar.training import feed, rows
from caviar.training.rows import Order


def on_disk(split, folder):
    """The same split with its rows in a file."""
    np.save(folder / "x.npy", split.x)
    return dataclasses.replace(split, x=np.load(folder / "x.npy", mmap_mode="r"))


CONFIGS = {
    "default": {},
    "folds": {"rows": (1, 3)},
    "train and dev": {"rows": "train+dev"},
    "balanced": {"sampling": "balanced"},
    "mixed, noisy, dropped": {"mixup": 0.5, "input_noise": 0.1, "dropout": 0.3},
    "exact statistics": {"batch_norm": True, "norm_statistics": "exact"},
    "stopped": {"early_stopping": 1, "learning_rate": 0.1},
    "full batch": {"batch_size": "full"},
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("weighted", [False, True])
def test_the_same_bits_as_in_memory(name, weighted, tmp_path, monkeypatch):
    """In blocks of three steps, of which the last of an epoch is cut."""
    monkeypatch.setattr(feed, "_BLOCK", 3 * 20 * 4 * 4)
    split = toy_splits.classes()
    if weighted:
        split = dataclasses.replace(split, weight=np.linspace(0.5, 1.5, split.rows, dtype=np.float32))
    config = caviar.Config(**({"hidden_units": (8,), "epochs": 5, "batch_size": 20} | CONFIGS[name]))
    asked = [config, config.changed(hidden_units=(5,), l2=1.0)]
    for inside, outside in zip(caviar.train(split, asked), caviar.train(on_disk(split, tmp_path), asked), strict=True):
        assert inside.status == outside.status
        for name_of, values in inside.history.items():
            np.testing.assert_array_equal(values, outside.history[name_of])
        for own, other in zip(inside.weights, outside.weights, strict=True):
            np.testing.assert_array_equal(own.w, other.w)
            np.testing.assert_array_equal(own.b, other.b)
        for own, other in zip(inside.statistics, outside.statistics, strict=True):
            np.testing.assert_array_equal(own.variance, other.variance)


def test_a_block_holds_no_more_than_it_may(tmp_path, monkeypatch):
    """And a mini-batch is never cut."""
    split = on_disk(toy_splits.classes(), tmp_path)
    config = caviar.Config(batch_size=20)
    program = caviar.training.plan.program_for(config, split)
    for limit, steps in ((1, 1), (20 * 4 * 4, 1), (2 * 20 * 4 * 4, 2), (1 << 30, 64 * 5)):
        monkeypatch.setattr(feed, "_BLOCK", limit)
        made = feed.Feed(program, split, 0, [config], 64)
        assert made.most == steps
        came = made.steps(0, 1)
        assert len(came.block.x) == 20 * steps
        np.testing.assert_array_equal(came.rows[0], np.arange(20))


@pytest.mark.parametrize(("count", "window", "batch"), [(1000, 128, 10), (1000, 999, 64), (130, 7, 5), (500, 500, 50)])
def test_windows_take_every_row_once_an_epoch(count, window, batch):
    order = Order(3, count, batch, window=window)
    per_epoch = order.steps_per_epoch
    for epoch in range(3):
        taken = order.steps(epoch * per_epoch, (epoch + 1) * per_epoch).ravel()
        assert sorted(taken[taken >= 0]) == list(range(count))
    assert not np.array_equal(order.steps(0, per_epoch), order.steps(per_epoch, 2 * per_epoch))
    np.testing.assert_array_equal(Order(3, count, batch, window=window).steps(2, 4), order.steps(2, 4))


def test_a_window_is_read_in_stretches_from_all_over():
    """Neighbours in the file that are used together, without the order of the file."""
    taken = Order(0, 100_000, 100, window=6400).steps(0, 1000).ravel()
    for first in range(0, 96_000, 6400):
        window = np.sort(taken[first : first + 6400])
        jumps = np.count_nonzero(np.diff(window) > 1)
        assert jumps <= rows._STRETCHES + 1
        assert window[-1] - window[0] > 50_000
        assert abs(np.corrcoef(taken[first : first + 6400], np.arange(6400))[0, 1]) < 0.06


def test_rows_in_memory_are_shuffled_as_ever():
    split = toy_splits.classes()
    assert rows.rows_per_window(split) is None
    np.testing.assert_array_equal(Order(1, 50, 5).steps(0, 10), Order(1, 50, 5, window=50).steps(0, 10))
