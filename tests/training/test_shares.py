"""`Config.rows` as a share: networks on a part of the train rows, with as many updates as on all of them."""

import contextlib
import dataclasses
import itertools

import numpy as np
import polars as pl
import pytest
import toy_splits
from hypothesis import given, settings
from hypothesis import strategies as st
from toy_splits import assert_same_bits

import caviar
from caviar.data.split import Split
from caviar.training import drive, feed
from caviar.training.explain import explain
from caviar.training.outputs import outputs
from caviar.training.plan import class_shares, held_out, hyperparameters, program_for, trained_on
from caviar.training.rows import device_data, rows_measured

BASE = caviar.Config(hidden_units=8, activation="tanh", batch_size=16, epochs=4, learning_rate=0.01)
SHARES = (0.1, 0.2, 0.5, 0.7, 1.0)


def changed(split: Split, **parts) -> Split:
    """The split with other inputs or targets, and the same subsets."""
    other = object.__new__(Split)
    other.__dict__.update(vars(split) | parts)
    return other


def only(split: Split, share: float, seed: int) -> Split:
    """A split whose train rows are those of a share, and no others."""
    rows = np.r_[split.subset(share, seed), np.arange(split.n_train, split.rows)]
    return dataclasses.replace(split, x=split.x[rows], y=split.y[rows], n_train=len(rows) - split.n_dev)


@given(shares=st.lists(st.floats(1e-3, 1), min_size=2, max_size=5), seed=st.integers(0, 2**31 - 1))
def test_a_subset_lies_inside_every_larger_one(shares, seed):
    split = toy_splits.classes()
    subsets = [split.subset(share, seed) for share in sorted(shares)]
    for share, own in zip(sorted(shares), subsets, strict=True):
        assert abs(len(own) - max(1, share * 96)) <= 0.5
        assert (np.diff(own) > 0).all()
        of_class = np.bincount(split.y[own], minlength=3)
        assert np.abs(of_class - share * np.bincount(split.y_train)).max() < 1.5
    for small, large in itertools.pairwise(subsets):
        assert set(small) <= set(large)
    np.testing.assert_array_equal(split.subset(1.0, seed), np.arange(96))


def test_seeds_of_networks_and_of_splits_choose_other_rows():
    split = toy_splits.classes()
    chosen = [split.subset(0.5, seed).tobytes() for seed in range(20)]
    other = dataclasses.replace(split, seed=split.seed + 1)
    assert len({*chosen, *(other.subset(0.5, seed).tobytes() for seed in range(20))}) == 40
    often = np.bincount(np.concatenate([split.subset(0.25, seed) for seed in range(400)]), minlength=96)
    assert np.abs(often / 400 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 400)  # every row alike, within 5 sigma


def test_groups_stay_whole():
    rng = np.random.default_rng(0)
    patient = rng.integers(0, 40, 300)
    frame = pl.DataFrame({"a": rng.normal(size=300), "patient": patient, "y": (patient % 3).astype(str)})
    split = caviar.split(caviar.read(frame, target="y"), dev=60, test=0, group="patient")
    own = split.raw()["train"].beside["patient"].to_numpy()
    before = set()
    for share in (0.05, 0.2, 0.5, 0.8):
        subset = split.subset(share, 3)
        chosen = np.isin(np.arange(split.n_train), subset)
        assert not set(own[chosen]) & set(own[~chosen])
        assert abs(len(subset) - share * split.n_train) <= np.bincount(own).max()
        assert before <= set(subset)
        before = set(subset)
    assert np.abs(np.bincount(split.y[split.subset(0.5, 3)]) / np.bincount(split.y_train) - 0.5).max() < 0.2


def test_the_latest_rows_after_a_split_by_time():
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.normal(size=200), "day": rng.permutation(200), "y": rng.normal(size=200)})
    split = caviar.split(caviar.read(frame, target="y"), dev=40, test=0, time="day")
    day = split.raw()["train"].beside["day"].to_numpy()
    for share, first in ((0.1, 144), (0.5, 80), (1.0, 0)):
        np.testing.assert_array_equal(np.sort(day[split.subset(share, 7)]), np.arange(first, 160))


@pytest.mark.parametrize(
    "extra", [{}, {"batch_norm": True, "dropout": 0.3}, {"sampling": "balanced"}, {"input_noise": 0.1}]
)
def test_it_trains_as_on_a_split_of_these_rows_alone(extra):
    """Half of the rows for 4 epochs of 6 steps, and a split of only these rows for 8 epochs of 3: the same bits."""
    split = toy_splits.classes()
    part = only(split, 0.5, 5)
    assert part.n_train == 48
    config = BASE.changed(rows=0.5, seed=5, l2=2.0, class_weight="balanced", prior_bias=True, **extra)
    (run,) = caviar.train(split, [config])
    (alone,) = caviar.train(part, [config.changed(rows=1.0, epochs=8)])
    for here, there in zip((*run.weights, *run.statistics), (*alone.weights, *alone.statistics), strict=True):
        for a, b in zip(here, there, strict=True):
            np.testing.assert_array_equal(a, b)
    for name in ("train_loss", "train_error", "dev_loss", "dev_error"):
        np.testing.assert_allclose(run.history[name], alone.history[name][1::2], rtol=1e-6)
    np.testing.assert_allclose(run.history["objective"], alone.history["objective"].reshape(4, 2).mean(1), rtol=0.01)


def test_fewer_rows_than_a_mini_batch_are_all_of_them_in_every_step():
    """10 of 96 rows, mini-batches of 64 or of all: two steps, or one, of 10 rows each."""
    split = toy_splits.classes()
    for size, steps in ((64, 2), ("full", 1)):
        config = BASE.changed(rows=0.1, batch_size=size)
        made = feed.Feed(program_for(config, split), split, 0, [config], 64)
        assert made.steps_per_epoch == steps
        for rows in made.steps(0, 3 * steps).rows[: 3 * steps]:
            np.testing.assert_array_equal(np.sort(rows[:10]), split.subset(0.1, 0))
            assert (rows[10:] == -1).all()


def test_rows_that_are_left_out_never_influence_anything():
    split = toy_splits.classes()
    config = BASE.changed(rows=0.4, batch_norm=True, norm_statistics="exact", class_weight="balanced", prior_bias=True)
    left = np.setdiff1d(np.arange(96), split.subset(0.4, 0))
    y, x = split.y.copy(), split.x.copy()
    y[left], x[left] = (y[left] + 1) % 3, x[left] + 3
    before, after = (caviar.train(s, [config])[0] for s in (split, changed(split, x=x, y=y)))
    assert_same_bits(before, after)
    y[split.subset(0.4, 0)[:3]] = (y[split.subset(0.4, 0)[:3]] + 1) % 3
    assert not np.array_equal(caviar.train(changed(split, y=y), [config])[0].weights[0].w, before.weights[0].w)


def test_each_loss_is_of_its_own_rows():
    split = toy_splits.classes()
    run = caviar.train(split, [BASE.changed(rows=0.3, seed=2)])[0]
    raw = outputs([(run.config, run.weights, run.statistics)], split.x)[0].astype(float)
    loss = np.log(np.exp(raw).sum(1)) - raw[np.arange(128), split.y]
    wrong = raw.argmax(1) != split.y
    own = split.subset(0.3, 2)
    for name, values in (("loss", loss), ("error", wrong)):
        assert run.history[f"train_{name}"][-1] == pytest.approx(values[own].mean(), rel=1e-5)
        assert run.history[f"dev_{name}"][-1] == pytest.approx(values[96:].mean(), rel=1e-5)


def test_what_is_measured_of_many_rows_is_of_the_subset():
    """A sample of the subset where it is large, all of it where it is small; in the shape of 1.0: no new program."""
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(5000, 4)).astype(np.float32), rng.integers(0, 3, 5000).astype(np.int32)
    split = dataclasses.replace(toy_splits.classes(), x=x, y=y, n_train=4400)
    whole = device_data(1.0, split)
    numbers = {row.tobytes(): number for number, row in enumerate(x)}
    for share, count in ((0.2, 880), (0.9, 2000)):
        data = device_data(share, split, 3)
        assert [a.shape for a in data.measured] == [a.shape for a in whole.measured]
        group = data.measured.group.ravel()
        seen = data.measured.x.transpose(0, 2, 1).reshape(-1, 4)[group == 0]
        came = {numbers[row.tobytes()] for row in seen}
        assert len(came) == count == rows_measured(share, split, 3)
        assert came <= set(split.subset(share, 3).tolist())
        assert (group == 1).sum() == 600


def test_m_and_the_shares_of_classes_are_those_of_the_rows_used():
    split = toy_splits.classes()
    config = BASE.changed(rows=0.25, l2=5.0, l1=2.0, seed=1)
    own = split.subset(0.25, 1)
    assert hyperparameters(config, split).penalties.l2 == 5 / 24
    assert hyperparameters(config, split).penalties.l1 == 2 / 24
    np.testing.assert_array_equal(class_shares(config, split), np.bincount(split.y[own], minlength=3) / 24)
    np.testing.assert_array_equal(np.flatnonzero(trained_on(config, split)), own)
    np.testing.assert_array_equal(np.flatnonzero(held_out(config, split)), np.arange(96, 128))


def test_all_shares_have_one_program_and_the_updates_of_all_rows():
    split = toy_splits.classes()
    configs = [BASE.changed(rows=share, schedule="cosine", optimizer="adam") for share in SHARES]
    assert len({program_for(config, split) for config in configs}) == 1
    assert len({feed.Feed(program_for(c, split), split, 0, [c], 64).steps_per_epoch for c in configs}) == 1
    runs = caviar.train(split, configs)
    for run in runs:
        assert run.epochs == 4
        np.testing.assert_array_equal(run.history["learning_rate"], runs[-1].history["learning_rate"])
    (row,) = explain(split, configs).rows
    assert row.networks == 5


@settings(max_examples=6)
@given(numbers=st.permutations(range(8)))
def test_a_network_does_not_notice_its_neighbours(numbers):
    split = toy_splits.classes()
    configs = [BASE.changed(rows=share, seed=seed) for share in SHARES[1:] for seed in (0, 1)]
    for number, run in zip(numbers[:5], caviar.train(split, [configs[n] for n in numbers[:5]]), strict=True):
        assert_same_bits(run, alone(configs[number]))


def alone(config, cache={}):  # noqa: B006  (trained once)
    if config not in cache:
        (cache[config],) = caviar.train(toy_splits.classes(), [config])
    return cache[config]


def test_interrupted_networks_go_on_to_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(drive, "_SECONDS_PER_CALL", 1e-4)
    split, configs = toy_splits.classes(), [BASE.changed(rows=share, dropout=0.2) for share in (0.3, 0.7)]

    def stop(_progress):
        raise KeyboardInterrupt

    for _ in range(3):
        with contextlib.suppress(KeyboardInterrupt):
            caviar.train(split, configs, checkpoints=tmp_path, callbacks=[stop])
    assert list(tmp_path.glob("*.safetensors"))
    runs = caviar.train(split, configs, checkpoints=tmp_path)
    for run, whole in zip(runs, caviar.train(split, configs), strict=True):
        assert_same_bits(run, whole)


@pytest.mark.parametrize("extra", [{}, {"sampling": "balanced", "batch_norm": True, "norm_statistics": "exact"}])
def test_rows_on_disk_give_the_same_bits(extra, tmp_path, monkeypatch):
    monkeypatch.setattr(feed, "_BLOCK", 3 * 16 * 4 * 4)
    split = toy_splits.classes()
    np.save(tmp_path / "x.npy", split.x)
    stored = dataclasses.replace(split, x=np.load(tmp_path / "x.npy", mmap_mode="r"))
    configs = [BASE.changed(rows=share, **extra) for share in (0.3, 0.7)]
    for inside, outside in zip(caviar.train(split, configs), caviar.train(stored, configs), strict=True):
        assert_same_bits(inside, outside)
