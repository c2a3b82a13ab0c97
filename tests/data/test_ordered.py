import numpy as np
import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st

from caviar.data.ordered import Ordered, fit_ordered

LEVELS = ("low", "mid", "high", "top")


def column(*cells):
    return pl.Series("c", cells, dtype=pl.String)


def fitted(*cells, levels=LEVELS):
    state = fit_ordered(column(*cells), levels)
    assert isinstance(state, Ordered)
    return state


def test_one_column_for_each_step_that_is_there():
    state = fitted("low", "mid", "top", "mid")
    assert state.names == ("c >= mid", "c >= top")
    came = state.outputs(column("low", "mid", "high", "top"))
    np.testing.assert_array_equal(came, [[0, 0], [1, 0], [1, 0], [1, 1]])


def test_missing_and_unknown_levels_take_the_middle_and_are_marked():
    state = fitted("low", "mid", "mid", None)
    assert state.names == ("c >= mid", "c is missing")
    np.testing.assert_array_equal(state.outputs(column("low", None, "strange")), [[0, 0], [1, 1], [1, 1]])
    unmarked = fitted("low", "mid", "mid")
    np.testing.assert_array_equal(unmarked.outputs(column("low", None, "strange")), [[0], [1], [1]])


def test_a_mark_may_be_all():
    state = fitted("mid", None)
    assert state.names == ("c is missing",)
    np.testing.assert_array_equal(state.outputs(column("mid", None, "high")), [[0], [1], [0]])


def test_columns_of_no_use():
    assert fit_ordered(column(None, None), LEVELS) == "every cell is missing"
    assert fit_ordered(column("mid", "mid"), LEVELS) == "all cells are alike"


def test_numbers_have_one_form():
    state = fit_ordered(pl.Series("c", [1, 2, 3]), ("1", "2", "3"))
    assert isinstance(state, Ordered)
    np.testing.assert_array_equal(state.outputs(pl.Series("c", [3.0, 1.0])), state.outputs(column("3", "01")))


@given(st.lists(st.sampled_from(LEVELS), min_size=2, max_size=20))
def test_the_sum_of_the_steps_is_the_rank_among_the_levels_there_are(cells):
    assume(len(set(cells)) > 1)
    state = fitted(*cells)
    there = sorted(set(cells), key=LEVELS.index)
    np.testing.assert_array_equal(state.outputs(column(*cells)).sum(axis=1), [there.index(c) for c in cells])
