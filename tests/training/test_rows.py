import dataclasses
import itertools

import numpy as np
import pytest
import toy_splits
from hypothesis import given
from hypothesis import strategies as st

import caviar
from caviar.training.metrics import row_losses
from caviar.training.outputs import outputs
from caviar.training.plan import FILLER
from caviar.training.rows import Order, device_data, rows_measured

SIZES = {"seed": st.integers(0, 2**31 - 1), "rows": st.integers(1, 200), "batch": st.integers(1, 64)}


@given(**SIZES, epoch=st.integers(0, 50))
def test_every_row_once_in_an_epoch(seed, rows, batch, epoch):
    """Shuffled, and the last mini-batch is the smaller one."""
    batch = min(batch, rows)
    order = Order(seed, rows, batch)
    per_epoch = order.steps_per_epoch
    came = order.steps(epoch * per_epoch, (epoch + 1) * per_epoch)
    assert came.shape == (-(-rows // batch), batch)
    flat = came.ravel()
    assert sorted(flat[:rows]) == list(range(rows))
    assert (flat[rows:] == -1).all()


@given(**SIZES, data=st.data())
def test_any_cutting_gives_the_same_rows(seed, rows, batch, data):
    batch = min(batch, rows)
    steps = 3 * Order(seed, rows, batch).steps_per_epoch
    whole = Order(seed, rows, batch).steps(0, steps)
    cuts = sorted({0, steps, *data.draw(st.lists(st.integers(0, steps), max_size=6))})
    order = Order(seed, rows, batch)
    pieces = [(first, order.steps(first, end)) for first, end in itertools.pairwise(cuts)]
    np.testing.assert_array_equal(np.concatenate([piece for _, piece in pieces]), whole)
    for first, piece in reversed(pieces):  # and backwards: epochs may be asked for in any order
        np.testing.assert_array_equal(order.steps(first, first + len(piece)), whole[first : first + len(piece)])


def test_shuffled_anew_each_epoch_and_by_seed():
    order = Order(0, 100, 10)
    epochs = [order.steps(10 * e, 10 * e + 10).tobytes() for e in range(20)]
    assert len(set(epochs)) == 20
    assert Order(1, 100, 10).steps(0, 10).tobytes() not in epochs


def test_the_order_is_fair():
    """Every row is equally often in every place."""
    order = Order(3, 4, 2)
    places = np.array([order.steps(2 * e, 2 * e + 2).ravel() for e in range(4000)])
    shares = np.array([[(places[:, place] == row).mean() for row in range(4)] for place in range(4)])
    np.testing.assert_allclose(shares, 0.25, atol=0.04)


def test_a_full_batch_is_in_its_own_order():
    np.testing.assert_array_equal(Order(5, 7, 7).steps(2, 4), [np.arange(7)] * 2)


@pytest.mark.parametrize("rows", [1.0, (1, 3), "train+dev"])
def test_all_rows_are_measured_where_they_are_few(rows):
    split = toy_splits.classes()
    data = device_data(rows, split)
    x, group = np.asarray(data.measured.x), np.asarray(data.measured.group)
    assert (x.shape, group.shape) == ((1, 4, 128), (1, 128))
    np.testing.assert_array_equal(x[0].T, split.x)
    np.testing.assert_array_equal(data.measured.y[0], split.y)
    assert rows_measured(rows, split) == (96 if rows == 1.0 else 128)


def test_a_sample_is_measured_where_they_are_many():
    """Twice the dev rows, at least 2,000: a sample of train, all of dev, and fillers at the end that do not count."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5000, 4)).astype(np.float32), rng.integers(0, 3, 5000).astype(np.int32)
    x[0] = 100.0  # the fillers are copies of the first row
    split = dataclasses.replace(toy_splits.classes(), x=x, y=y, n_train=4400)
    assert rows_measured(1.0, split) == 2000
    assert rows_measured((0, 3), split) == 5000
    data = device_data(1.0, split)
    group, target = (np.asarray(a).ravel() for a in (data.measured.group, data.measured.y))
    assert [(group == g).sum() for g in (0, 1, FILLER)] == [2000, 600, -2600 % 256]
    seen = np.asarray(data.measured.x).transpose(0, 2, 1).reshape(-1, 4)
    places = {row.tobytes(): number for number, row in enumerate(x)}
    rows = np.array([places[row.tobytes()] for row in seen])
    np.testing.assert_array_equal(y[rows], target)
    assert len(set(rows[group == 0])) == 2000
    assert rows[group == 0].max() < 4400
    np.testing.assert_array_equal(rows[group == 1], np.arange(4400, 5000))
    run = caviar.train(split, [caviar.Config(hidden_units=(), epochs=1, batch_size=512)])[0]
    loss = row_losses(outputs([(run.config, run.weights, ())], x)[0], y)
    assert run.history["train_loss"][0] == pytest.approx(loss[rows[group == 0]].mean(), rel=1e-5)
    assert run.history["dev_loss"][0] == pytest.approx(loss[4400:].mean(), rel=1e-5)
