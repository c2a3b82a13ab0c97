import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.sizes import Sizes
from caviar.data.strata import allot, apportion, choose_rows, fold_numbers


def test_largest_remainders():
    quota = np.array([1.7, 2.6, 0.7])
    none, all_ = np.zeros(3, int), np.full(3, 9)
    assert apportion(quota, 5, none, all_).tolist() == [2, 2, 1]
    assert apportion(quota, 4, none, all_).tolist() == [2, 2, 0]  # a tie goes to the lower class
    assert apportion(quota, 5, np.array([0, 0, 2]), all_).tolist() == [1, 2, 2]
    assert apportion(quota, 5, none, np.array([1, 2, 9])).tolist() == [1, 2, 2]


@st.composite
def divisions(draw):
    counts = np.array(draw(st.lists(st.integers(1, 60), min_size=2, max_size=12)))
    rows = int(counts.sum())
    dev = draw(st.integers(0, rows // 4))
    test = draw(st.just(dev) | st.integers(0, rows // 4))
    return counts, Sizes(rows - dev - test, dev, test)


@given(divisions())
def test_rows_and_columns_add_up(division):
    counts, sizes = division
    shares = allot(counts, sizes)
    assert (shares >= 0).all()
    assert shares.sum(axis=1).tolist() == counts.tolist()
    assert shares.sum(axis=0).tolist() == list(sizes)


@given(divisions())
def test_every_class_with_enough_rows_is_in_every_set(division):
    counts, sizes = division
    used = [i for i, size in enumerate(sizes) if size]
    full = counts >= len(used)
    if len(used) > 1 and min(sizes[i] for i in used) >= full.sum() and sizes.train >= full.sum() + counts[~full].sum():
        shares = allot(counts, sizes)[:, used]
        assert (shares[full] >= 1).all()
        assert (shares[~full, 1:] == 0).all()


@given(
    counts=st.lists(st.integers(10, 500), min_size=2, max_size=15).map(np.array),
    share=st.floats(0.1, 0.3),
    other=st.floats(0.1, 0.3),
)
def test_shares_are_exact_within_a_row(counts, share, other):
    rows = int(counts.sum())
    for dev, test in ((share, share), (share, other)):
        sizes = Sizes(rows - round(dev * rows) - round(test * rows), round(dev * rows), round(test * rows))
        error = np.abs(allot(counts, sizes) - np.outer(counts, sizes) / rows)
        assert error[:, 0].max() < 1 + 1e-9
        assert error[:, 1:].max() < (1 if sizes.dev == sizes.test else 2) + 1e-9


@given(
    codes=st.none() | st.lists(st.integers(0, 3), min_size=12, max_size=12),
    dev=st.integers(0, 4),
    test=st.integers(0, 4),
    seed=st.integers(0, 2**63),
)
def test_every_row_goes_to_one_set(codes, dev, test, seed):
    sizes = Sizes(12 - dev - test, dev, test)
    known = None if codes is None else np.unique(codes, return_inverse=True)[1]
    sets = choose_rows(known, sizes, seed, 12)
    assert tuple(map(len, sets)) == sizes
    assert sorted(np.concatenate(sets)) == list(range(12))
    again = choose_rows(known, sizes, seed, 12)
    assert all((a == b).all() for a, b in zip(sets, again, strict=True))


def test_the_chosen_rows_have_the_classes_that_were_allotted():
    codes = np.repeat([0, 1, 2], [100, 50, 9])
    sizes = Sizes(99, 30, 30)
    sets = choose_rows(codes, sizes, 3, 159)
    tallies = np.stack([np.bincount(codes[rows], minlength=3) for rows in sets], axis=1)
    np.testing.assert_array_equal(tallies, allot(np.bincount(codes), sizes))


def test_the_rows_of_a_seed_are_kept():
    """Another computer, another NumPy: the same rows, or every stored run is of other data."""
    train, dev, test = choose_rows(None, Sizes(6, 2, 2), 0, 10)
    assert (train.tolist(), dev.tolist(), test.tolist()) == ([7, 5, 1, 2, 6, 4], [9, 3], [0, 8])
    assert fold_numbers(None, 10, 3, 0).tolist() == [0, 0, 0, 0, 2, 2, 1, 1, 2, 1]


def test_rows_are_in_random_order_and_every_row_is_equally_likely():
    drawn = np.zeros(20)
    first = np.zeros(20)
    for seed in range(2000):
        train, dev, _ = choose_rows(None, Sizes(10, 5, 5), seed, 20)
        drawn[dev] += 1
        first[train[0]] += 1
    assert np.abs(drawn / 2000 - 0.25).max() < 5 * np.sqrt(0.25 * 0.75 / 2000)
    assert np.abs(first / 2000 - 0.05).max() < 5 * np.sqrt(0.05 * 0.95 / 2000)


@given(
    codes=st.none() | st.lists(st.integers(0, 3), min_size=8, max_size=40),
    k=st.integers(2, 8),
    seed=st.integers(0, 1000),
)
def test_folds_are_even_in_size_and_class(codes, k, seed):
    known = None if codes is None else np.array(codes)
    rows = 23 if known is None else len(known)
    folds = fold_numbers(known, rows, k, seed)
    assert folds.dtype == np.int32
    sizes = np.bincount(folds, minlength=k)
    assert len(sizes) == k
    assert np.ptp(sizes) <= 1
    for code in [] if known is None else np.unique(known):
        assert np.ptp(np.bincount(folds[known == code], minlength=k)) <= 1


@pytest.mark.parametrize("codes", [None, np.arange(30) % 3])
def test_seeds_differ(codes):
    assert (fold_numbers(codes, 30, 5, 0) != fold_numbers(codes, 30, 5, 1)).any()
    one, other = (choose_rows(codes, Sizes(18, 6, 6), seed, 30)[2] for seed in (0, 1))
    assert set(one) != set(other)
