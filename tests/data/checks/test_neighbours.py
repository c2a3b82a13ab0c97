import numpy as np
import pytest

from caviar.data.checks.neighbours import MOST_ROWS, alike_first, grid_cell, most_looked_at, near_copies


def order(x):
    return np.arange(len(x))


@pytest.mark.parametrize("width", [1, 2, 4, 8, 16])
def test_smooth_data_of_any_dimension_have_none(width):
    for seed in range(3):
        random = np.random.default_rng([width, seed])
        normal = random.normal(size=(1500, width))
        clusters = random.normal(size=(6, width))[random.integers(0, 6, 1500)] + 0.05 * normal
        for x in (normal, random.random((1500, width)), np.exp(normal), clusters):
            assert not len(near_copies(x, order(x)).row)


def test_data_on_a_curve_in_many_columns_have_none():
    t = np.random.default_rng(0).random(1500) * 6
    x = np.stack([np.sin(k * t) for k in range(1, 9)], axis=1)
    assert not len(near_copies(x, order(x)).row)


@pytest.mark.parametrize(("width", "noise"), [(2, 1e-7), (5, 1e-3), (12, 1e-2), (30, 5e-2)])
def test_copies_with_noise_are_found(width, noise):
    random = np.random.default_rng(0)
    x = random.normal(size=(2000, width))
    x[:20] = x[100:120] + noise * random.normal(size=(20, width))
    near = near_copies(x, order(x))
    found = {tuple(sorted(pair)) for pair in zip(near.row.tolist(), near.other.tolist(), strict=True)}
    assert found <= {(i, 100 + i) for i in range(20)}
    assert len(found) >= 18
    assert (near.distance < 0.5).all()


def test_several_copies_of_one_row_are_found():
    random = np.random.default_rng(0)
    x = random.normal(size=(1000, 8))
    x[500] *= 0.3  # where data are dense: at their edge the dimension is hard to tell
    x[:5] = x[500] + 1e-3 * random.normal(size=(5, 8))
    assert set(near_copies(x, order(x)).row.tolist()) == {0, 1, 2, 3, 4, 500}


def test_rounded_numbers_are_not_near_copies():
    x = np.unique(np.round(np.random.default_rng(0).normal(size=(3000, 3)), 1), axis=0)
    assert not len(near_copies(x, order(x), rounding=3 * 0.1**2 / 6).row)


def test_only_the_first_rows_of_the_order_are_looked_at():
    x = np.random.default_rng(0).normal(size=(MOST_ROWS + 10, 3))
    x[-1] = x[-2] + 1e-9
    near = near_copies(x, order(x))
    assert (len(near.row), near.looked_at) == (0, MOST_ROWS)
    assert sorted(near_copies(x, order(x)[::-1]).row) == [len(x) - 2, len(x) - 1]
    assert most_looked_at(10**6) == 500


def test_few_rows_give_none():
    assert near_copies(np.zeros((10, 2)), np.arange(10)).looked_at == 0


def test_rows_of_one_code_are_looked_at_first_then_those_preferred():
    codes = np.array([5, 1, 2, 3, 5, 6])
    found = alike_first(codes, np.array([False, False, True, False, False, True]))
    assert set(found[:2]) == {0, 4}
    assert set(found[2:4]) == {2, 5}
    assert set(found[4:]) == {1, 3}


def test_rows_in_one_cell_of_the_grid_have_one_code():
    x = np.array([[0.0, 0.0], [0.01, -0.02], [0.0, 1.0], [1.0, 0.0]])
    codes = grid_cell(x)
    assert codes[0] == codes[1]
    assert len(set(codes.tolist())) == 3
