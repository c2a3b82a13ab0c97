import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.sizes import resolution_of, rows_needed, set_sizes, with_room_for_classes
from caviar.errors import BadData


@pytest.mark.parametrize(
    ("rows", "sizes"),
    [
        (150, (90, 30, 30)),
        (101, (61, 20, 20)),
        (10_000, (6_000, 2_000, 2_000)),
        (20_000, (16_000, 2_000, 2_000)),
        (100_000, (96_000, 2_000, 2_000)),
        (500_000, (490_000, 5_000, 5_000)),
        (1_000_000, (980_000, 10_000, 10_000)),  # the course: 98/1/1
        (2_000_000, (1_980_000, 10_000, 10_000)),
        (100_000_000, (99_500_000, 250_000, 250_000)),  # the course: 99.5/0.25/0.25
    ],
)
def test_the_rule(rows, sizes):
    assert set_sizes(rows) == sizes


@pytest.mark.parametrize(
    ("rows", "resolution", "dev"),
    [
        (100_000, 0.005, 7_684),  # 1.96^2 * 0.05 / 0.005^2 = 7683.2
        (100_000, 0.001, 20_000),  # 192,080 would be needed: at most 20 %
        (2_000_000, 0.001, 60_000),  # at most 3 %
        (20_000, 0.5, 2_000),
        (9_000, 0.001, 1_800),
    ],
)
def test_a_finer_resolution_takes_more_rows(rows, resolution, dev):
    sizes = set_sizes(rows, resolution=resolution)
    assert (sizes.dev, sizes.test) == (dev, dev)


@pytest.mark.parametrize(
    ("dev", "test", "sizes"),
    [
        (0, None, (700, 0, 300)),  # 70/30
        (None, 0, (700, 300, 0)),
        (0.1, None, (700, 100, 200)),
        (50, 0.25, (700, 50, 250)),
        (0, 100, (900, 0, 100)),
        (np.int64(7), np.float64(0.5), (493, 7, 500)),
        (0, 0, (1000, 0, 0)),
        (0.0, 0.001, (999, 0, 1)),
    ],
)
def test_sizes_as_asked(dev, test, sizes):
    assert set_sizes(1000, dev, test) == sizes


def test_beyond_ten_thousand_rows_one_held_out_set_is_as_large_as_one_of_two():
    assert set_sizes(20_000, dev=0) == (18_000, 0, 2_000)


def test_beside_a_given_set_the_rest_keeps_its_proportions():
    assert set_sizes(1000, given=(False, True)) == (750, 250, 0)  # 60 : 20
    assert set_sizes(20_000, given=(True, False)) == (17_778, 0, 2_222)  # 16,000 : 2,000
    assert set_sizes(1000, given=(True, True)) == (1000, 0, 0)
    assert set_sizes(1000, dev=0.1, given=(False, True)) == (900, 100, 0)


@given(rows=st.integers(20, 10**8), resolution=st.floats(1e-4, 0.5))
def test_the_rule_always_leaves_most_rows_to_train(rows, resolution):
    sizes = set_sizes(rows, resolution=resolution)
    assert sum(sizes) == rows
    assert sizes.train >= 0.6 * rows - 1
    assert sizes.dev == sizes.test >= 4


def test_rows_needed_is_the_paired_test_at_95_percent():
    assert rows_needed(0.01) == 1921
    # 20,000 pairs of networks whose errors differ by r: half of the differences measured on n rows exceed r,
    # and 1.96 standard deviations of the difference are r
    rng = np.random.default_rng(0)
    n, d = rows_needed(0.02), 0.05
    only_one_errs = rng.binomial(n, d, 20_000)
    difference = (2 * rng.binomial(only_one_errs, 0.5) - only_one_errs) / n
    assert 1.96 * difference.std() == pytest.approx(0.02, rel=0.02)


@given(st.floats(1e-3, 0.5))
def test_resolution_and_rows_are_inverse(resolution):
    assert resolution_of(rows_needed(resolution)) <= resolution * (1 + 1e-9)
    assert resolution_of(max(1, rows_needed(resolution) - 1)) >= resolution * (1 - 1e-9) or resolution > 0.4
    assert math.isclose(resolution_of(2000), 0.0098, rel_tol=1e-3)


@pytest.mark.parametrize("size", [-1, 1.5, 1.0, 1000, "a", True, float("nan"), -0.2])
def test_sizes_that_are_none(size):
    with pytest.raises(BadData, match=r"dev must be a share in \(0, 1\), .* For a fifth of the rows write dev=0.2"):
        set_sizes(1000, dev=size)


def test_too_little_to_train_and_bad_resolutions():
    with pytest.raises(
        BadData, match="At least 10 rows must be left to train, but of 1,000 dev takes 600 and test 395"
    ):
        set_sizes(1000, 600, 395)
    for wrong in (0, 1, -0.1, "x", True, None):
        with pytest.raises(BadData, match=r"resolution must be in \(0, 1\)"):
            set_sizes(1000, resolution=wrong)  # pyright: ignore[reportArgumentType]


def test_the_rule_makes_room_for_classes():
    counts = np.full(100, 4)
    sizes = set_sizes(400)
    assert with_room_for_classes(sizes, counts, (True, True)) == (200, 100, 100)
    assert with_room_for_classes(sizes, counts, (False, False)) == sizes
    assert with_room_for_classes(sizes, np.array([398, 1, 1]), (True, True)) == sizes
    with pytest.raises(BadData, match="row of every class, which takes 100 rows, but 40 are left"):
        with_room_for_classes(set_sizes(400, 180, 180), counts, (False, False))
