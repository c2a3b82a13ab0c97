import numpy as np
import polars as pl
import pytest

from caviar.data.checks.column_scores import FOLDS, Target, bins_of, explained, fold_of_rows, held_out


def test_bins_of_numbers_are_quantiles_and_a_bin_of_missing_cells():
    x = np.random.default_rng(0).normal(size=1000)
    bins = bins_of(pl.Series([None, *x.tolist()]), 10)
    assert bins[0] == 0
    assert np.bincount(bins)[1:].tolist() == [100] * 10
    assert (np.diff(bins[1:][np.argsort(x)]) >= 0).all()


def test_few_numbers_and_text_have_a_bin_each():
    assert bins_of(pl.Series([3, 1, 1, 7]), 8).tolist() == [1, 0, 0, 2]
    assert bins_of(pl.Series(["b", None, "a", "b"]), 2).tolist() == [2, 0, 1, 2]
    assert bins_of(pl.Series([True, False, None]), 8).tolist() == [2, 1, 0]


def by_hand(bins, y, classes, folds):
    """Log losses and errors, row by row."""
    wrong, surprise = [], []
    for row in range(len(y)):
        others = folds != folds[row]
        prior = [((y[others] == c).sum() + 1) / (others.sum() + classes) for c in range(classes)]
        same = others & (bins == bins[row])
        shares = [((y[same] == c).sum() + prior[c]) / (same.sum() + 1) for c in range(classes)]
        wrong.append(float(np.argmax(shares) != y[row]))
        surprise.append(-np.log(shares[y[row]]))
    return wrong, surprise


def test_held_out_losses_are_those_of_the_other_folds():
    random = np.random.default_rng(0)
    bins, y, folds = random.integers(0, 4, 60), random.integers(0, 3, 60), fold_of_rows(60)
    losses = held_out(bins, Target(y, 3), folds)
    wrong, surprise = by_hand(bins, y, 3, folds)
    np.testing.assert_array_equal(losses.wrong, wrong)
    np.testing.assert_allclose(losses.surprise, surprise)


def test_quantities_are_predicted_by_the_mean_of_the_bin():
    random = np.random.default_rng(0)
    bins, y, folds = random.integers(0, 4, 60), random.normal(size=60), fold_of_rows(60)
    losses = held_out(bins, Target(y, 0), folds)
    others = folds != folds[0]
    same = others & (bins == bins[0])
    guess = (y[same].sum() + y[others].mean()) / (same.sum() + 1)
    assert losses.wrong[0] == pytest.approx((y[0] - guess) ** 2)


def test_folds_are_of_one_size():
    assert np.bincount(fold_of_rows(53)).tolist() == [11, 11, 11, 10, 10]
    assert FOLDS == 5


def test_the_interval_of_what_is_explained_covers_the_truth():
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(300):
        without = (random.random(400) < 0.4).astype(float)
        losses = without * (random.random(400) < 0.3)
        share = explained(losses, without)
        covered += share.low <= 0.7 <= share.high
    assert covered >= 0.92 * 300


def test_no_error_seen_is_not_certainty():
    share = explained(np.zeros(100), np.ones(100))
    assert share.value == 1
    assert share.low == pytest.approx(0.97)
