"""A row of weight 3 counts as three rows; one of weight 0 not at all."""

import dataclasses

import numpy as np
import polars as pl
import pytest

import caviar

FULL = caviar.Config(hidden_units=(8,), batch_size="full", epochs=30, optimizer="sgd", learning_rate=0.3)


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("settings", [{}, {"activation": "tanh", "optimizer": "adam", "learning_rate": 0.01}], ids=str)
def test_weights_are_copies(task, settings):
    """Full batches, so that a copy and a weight give the same gradient; the preparation is the same by scale=None."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 3))
    y = (x[:, 0] * x[:, 1] > 0).astype(int) if task == "classification" else x[:, 0] * x[:, 1]
    times = rng.integers(0, 4, 80)
    dev = caviar.read((rng.normal(size=(40, 3)), rng.permutation(y)[:40]))
    frame = pl.DataFrame({f"x{n}": x[:, n] for n in range(3)} | {"times": times, "y": y})
    copied = np.repeat(np.arange(80), times)
    both = []
    for rows, weight in ((frame, "times"), (frame[copied].drop("times"), None)):
        split = caviar.split(caviar.read(rows, target="y"), dev=dev, test=0, weight=weight, scale=None, task=task)
        if task == "regression":  # the target is standardised by all rows alike
            split = _with_target_of(split, both[0][0] if both else split)
        (run,) = caviar.train(split, [FULL.changed(**settings)])
        both.append((split, run))
    (_, weighted), (_, repeated) = both
    np.testing.assert_allclose(weighted.history["objective"], repeated.history["objective"], rtol=2e-4)
    np.testing.assert_allclose(weighted.weights[0].w, repeated.weights[0].w, rtol=2e-3, atol=2e-4)
    np.testing.assert_allclose(weighted.history["dev_loss"], repeated.history["dev_loss"], rtol=2e-3)


def _with_target_of(split, other):
    plain = split.y * split.target.std + split.target.mean
    y = ((plain - other.target.mean) / other.target.std).astype(np.float32)
    return dataclasses.replace(split, y=y, target=other.target)


def test_with_mini_batches_mixup_and_folds():
    """Rows of weight 0 leave no trace, whatever their labels; in any company the bits are the same."""
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(90, 3)), np.arange(90) % 3
    frame = pl.DataFrame({f"x{n}": x[:, n] for n in range(3)} | {"w": (np.arange(90) % 2).astype(float), "y": y})
    swapped = frame.with_columns(y=pl.when(pl.col("w") == 0).then((pl.col("y") + 1) % 3).otherwise(pl.col("y")))
    dev = caviar.read(frame[:30].drop("w"), target="y")
    base = FULL.changed(batch_size=16, epochs=3, optimizer="adam", learning_rate=0.01)
    configs = [base, base.changed(dropout=0.2), base.changed(batch_norm=True)]
    one, other = (
        caviar.train(caviar.split(caviar.read(f, target="y"), dev=dev, test=0, weight="w", seed=1), configs)
        for f in (frame, swapped)
    )
    for a, b in zip(one, other, strict=True):
        assert np.isfinite(a.history["objective"]).all()
        np.testing.assert_array_equal(a.history["objective"], b.history["objective"])
    split = caviar.split(caviar.read(frame, target="y"), dev=30, test=0, weight="w")
    mixed = base.changed(mixup=0.4, rows=(1, 3), class_weight="balanced")
    together = caviar.train(split, [*configs, mixed])
    (alone,) = caviar.train(split, [mixed])
    np.testing.assert_array_equal(alone.history["objective"], together[-1].history["objective"])
