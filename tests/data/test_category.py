import numpy as np
import polars as pl
import pytest

from caviar.data.category import Category, fit_category


def fitted(*cells):
    state = fit_category(pl.Series("c", cells, dtype=pl.String))
    assert isinstance(state, Category)
    return state


def test_one_output_per_level_and_one_for_missing():
    state = fitted("b", "a", "a", "b", None, "a")
    assert state.names == ("c = a", "c = b", "c is missing")
    assert state.outputs(pl.Series("c", ["a", "b", None, "z"])).tolist() == [
        [1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 0],
    ]  # fmt: skip


def test_rare_and_unseen_values_share_other():
    state = fitted("a", "a", "b", "b", "rare")
    assert state.names == ("c = a", "c = b", "c = other")
    assert state.outputs(pl.Series("c", ["rare", "unseen", "a", None])).tolist() == [
        [0, 0, 1], [0, 0, 1], [1, 0, 0], [0, 0, 0],
    ]  # fmt: skip
    assert fitted("other", "other", "b", "b", "rare").names == ("c = b", "c = other", "c = any other")


@pytest.mark.parametrize(("rows", "least"), [(100, 2), (1000, 2), (1500, 3), (5000, 10)])
def test_a_level_is_common_from_two_rows_or_2_in_1000(rows, least):
    common = [*["x"] * least, *["y"] * (least - 1)]
    assert fitted(*common, *["z"] * (rows - len(common))).levels == ("x", "z")


def test_at_most_a_hundred_levels_the_most_common_ones():
    cells = [f"l{i:03d}" for i in range(120) for _ in range(3 if i >= 20 else 2)]
    state = fitted(*cells)
    assert state.levels == tuple(f"l{i:03d}" for i in range(20, 120))
    assert state.other
    assert len(state.names) == 101


@pytest.mark.parametrize("same", [["1", "2", "x"], [" 1", "2.0", "x"]])
def test_numbers_in_another_type_are_the_same_level(same):
    state = fitted("1.0", "1", "2", "2", "x", "x")
    assert state.levels == ("1", "2", "x")
    np.testing.assert_array_equal(state.outputs(pl.Series("c", same)), np.eye(3))
    for numbers in (pl.Series("c", [1, 2]), pl.Series("c", [1.0, 2.0])):
        np.testing.assert_array_equal(state.outputs(numbers), np.eye(3)[:2])
    flags = fitted("True", "False", "True", "False")
    np.testing.assert_array_equal(flags.outputs(pl.Series("c", [False, True])), np.eye(2))


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["a"] * 5, "all cells are alike"),
        ([None] * 5, "every cell is missing"),
        ([f"{i // 2} x" for i in range(2400)], "no value is common enough"),
    ],
)
def test_columns_of_no_use(cells, why):
    state = fit_category(pl.Series("c", cells, dtype=pl.String))
    assert isinstance(state, str)
    assert why in state


def test_plus_and_minus_do_not_need_each_other_later():
    state = fitted("+", "-", "-", "+")
    assert state.levels == ("+", "-")
    for cells in (["-", "+"], ["-"], [None]):
        column = pl.Series("c", cells, dtype=pl.String)
        np.testing.assert_array_equal(state.outputs(column)[0], [0, 1])


def test_a_nearly_empty_column_is_no_identifier():
    assert fitted("a", "b", "c", *[None] * 9).names == ("c = other", "c is missing")
