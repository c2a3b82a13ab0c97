import datetime as dt

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from caviar.data.numeric import Numeric, fit_numeric, numbers_of
from caviar.data.scaling import LIMIT, UNSCALED_LIMIT, smoothly_clipped, standardized, statistics
from caviar.errors import BadData

CELLS = st.lists(st.none() | st.integers(-(10**9), 10**9).map(lambda n: n / 1000), min_size=4, max_size=30)


def by_hand(cells, scale):
    """The formulas of the docstring in float64: median, then scale."""
    x = np.array([np.nan if c is None else c for c in cells], float)
    x = np.where(np.isnan(x), np.nanmedian(x), x)
    if scale == "standard":
        return (x - np.sum(x) / len(x)) / np.sqrt(np.sum((x - np.sum(x) / len(x)) ** 2) / len(x))
    if scale == "robust":
        q25, q50, q75 = np.percentile(x, [25, 50, 75])
        z = (x - q50) / (q75 - q25) if q75 > q25 else (x - q50) * 2 / (x.max() - x.min())
        return z / np.sqrt(1 + (z / 3) ** 2)
    return x


@given(cells=CELLS, scale=st.sampled_from(["standard", "robust", None]))
def test_the_formulas(cells, scale):
    column = pl.Series("c", cells, dtype=pl.Float64)
    known = [c for c in cells if c is not None]
    state = fit_numeric(column, "number", scale)
    if not known:
        assert state == "every cell is missing"
    elif min(known) == max(known) and len(known) == len(cells):
        assert state == "all cells are alike"
    else:
        assert isinstance(state, Numeric)
        came = state.outputs(column)
        if None in cells:
            np.testing.assert_array_equal(came[:, -1], [c is None for c in cells])
        if min(known) < max(known):
            np.testing.assert_allclose(came[:, 0], by_hand(cells, scale), rtol=1e-6, atol=1e-6)


def test_standard_gives_mean_0_and_deviation_1_to_the_train_rows():
    column = pl.Series("c", [3.0, None, 5.0, 100.0, 7.0])
    state = fit_numeric(column, "number", "standard")
    assert isinstance(state, Numeric)
    assert state.names == ("c", "c is missing")
    z = state.outputs(column)[:, 0]
    assert abs(z.mean()) < 1e-12
    assert abs(z.std() - 1) < 1e-12
    assert state.fill == 6.0


def test_other_rows_use_the_train_numbers():
    state = fit_numeric(pl.Series("c", [1.0, 2.0, 3.0, 4.0, 5.0]), "number", "standard")
    assert isinstance(state, Numeric)
    np.testing.assert_allclose(
        state.outputs(pl.Series("c", [3.0, None, 3.0 + np.sqrt(2.0), float("inf")])),
        [[0], [0], [1], [0]],
        atol=1e-15,
    )


def test_robust_where_most_cells_are_alike():
    state = fit_numeric(pl.Series("c", [0.0] * 9 + [10.0]), "number", "robust")
    assert isinstance(state, Numeric)
    assert (state.center, state.spread) == (0.0, 5.0)  # 2 / (max - min)
    np.testing.assert_allclose(state.outputs(pl.Series("c", [10.0])), 2 / np.sqrt(1 + (2 / 3) ** 2))


@given(cells=CELLS, scale=st.sampled_from(["standard", "robust", None]))
def test_statistics_of_float32(cells, scale):
    x = np.array([np.nan if c is None else c for c in cells], np.float32)
    assume(len(set(x[~np.isnan(x)])) > 1)
    before = x.copy()
    came, full = statistics(x, scale), statistics(x.astype(np.float64), scale)
    np.testing.assert_array_equal(x, before)
    np.testing.assert_allclose(came[:3], full[:3], rtol=1e-5, atol=1e-6 * np.nanmax(np.abs(x)))


def test_the_bend():
    z = np.array([0.0, 0.01, 3.0, -3.0, 1e300, -np.inf])
    came = smoothly_clipped(z)
    np.testing.assert_allclose(came, [0, 0.01, 3 / np.sqrt(2), -3 / np.sqrt(2), 3, -3], rtol=1e-5)
    assert np.abs(came).max() <= 3


@pytest.mark.parametrize("scale", ["standard", "robust", None])
@pytest.mark.parametrize("size", [5e-324, 1e-310, 1e-160, 1e-30, 1.0, 1e30, 1e160, 1.7e308])
def test_no_size_of_numbers_overflows(size, scale):
    cells = pl.Series("c", np.array([-1.0, -0.5, 0.0, 0.5, 1.0, None], float) * size)
    state = fit_numeric(cells.fill_nan(None), "number", scale)
    assert isinstance(state, Numeric)
    for rows in (cells, pl.Series("c", [1.7e308, -1.7e308, 0.0])):
        came = state.outputs(rows).astype(np.float32)
        assert np.isfinite(came).all()
        assert np.abs(came).max() <= (UNSCALED_LIMIT * 1.001 if scale is None else LIMIT)
    if scale is not None and size > 1e-300:
        same = fit_numeric(cells.fill_nan(None) / size, "number", scale)
        assert isinstance(same, Numeric)
        np.testing.assert_allclose(state.outputs(cells), same.outputs(cells / size), rtol=1e-12, atol=1e-12)


def test_scaling_by_powers_of_two_first_changes_no_digit():
    x = np.random.default_rng(0).normal(123.4, 5.6, 1000)
    np.testing.assert_array_equal(standardized(x, 123.4, 5.6), (x - 123.4) / 5.6)


def test_flags_and_dates():
    flags = fit_numeric(pl.Series("c", [True, False, True, None]), "boolean", "standard")
    assert isinstance(flags, Numeric)
    assert flags.outputs(pl.Series("c", [True, False, None])).tolist() == [[1, 0], [0, 0], [1, 1]]
    days = pl.Series("c", [dt.datetime(1970, 1, 2, 12), dt.datetime(1969, 12, 31)])
    assert numbers_of(days, "days").tolist() == [1.5, -1.0]
    assert numbers_of(days.dt.date(), "days").tolist() == [1.0, -1.0]
    assert numbers_of(pl.Series([dt.timedelta(hours=36)]), "days").tolist() == [1.5]
    assert numbers_of(pl.Series([dt.time(18)]), "days").tolist() == [0.75]
    assert numbers_of(days.dt.replace_time_zone("UTC").dt.cast_time_unit("ns"), "days").tolist() == [
        1.5,
        -1.0,
    ]


def test_a_column_that_only_tells_by_being_missing_keeps_the_mark():
    state = fit_numeric(pl.Series("c", [7, None, 7]), "number", "standard")
    assert isinstance(state, Numeric)
    assert state.names == ("c is missing",)
    assert state.outputs(pl.Series("c", [None, 8])).tolist() == [[1], [0]]


@pytest.mark.parametrize(
    ("cells", "kind", "numbers"),
    [
        (pl.Series(["1", " 2.5 ", "?", None]), "number", [1, 2.5, np.nan, np.nan]),
        (pl.Series([*["1"] * 9, "x"]), "number", [*[1] * 9, np.nan]),
        (pl.Series([True, None]), "number", [1, np.nan]),
        (pl.Series([None, None]), "number", [np.nan, np.nan]),
        (pl.Series([1.0, np.inf, np.nan]), "number", [1, np.nan, np.nan]),
        (pl.Series(["True", "f", "YES", "0", "1.0", "NA"]), "boolean", [1, 0, 1, 0, 1, np.nan]),
        (pl.Series([1, 0, None]), "boolean", [1, 0, np.nan]),
        (pl.Series(["1970-01-03", None]), "days", [2, np.nan]),
        (pl.Series(["1"], dtype=pl.Categorical), "number", [1]),
    ],
)
def test_the_same_values_in_other_types(cells, kind, numbers):
    np.testing.assert_array_equal(numbers_of(cells, kind), numbers)


@pytest.mark.parametrize(
    ("cells", "kind", "words"),
    [
        (
            ["1"] * 8 + ["old"],
            "number",
            "'c' must hold numbers, as in the train rows, but it holds 'old'. Correct",
        ),
        (["1", "2"], "days", "must hold dates such as 2024-01-31.* but it holds '1'"),
        ([dt.date(2020, 1, 1)], "number", "but it holds 2020-01-01"),
        ([5], "days", "but it holds 5"),
        ([0, 2], "boolean", "must hold true or false, as in the train rows, but it holds 2.0"),
        (["maybe"], "boolean", "but it holds 'maybe'"),
    ],
)
def test_other_values_are_refused(cells, kind, words):
    with pytest.raises(BadData, match=words):
        numbers_of(pl.Series("c", cells), kind)
