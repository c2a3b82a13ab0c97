import datetime as dt
import math

import numpy as np
import polars as pl
from hypothesis import assume, given
from hypothesis import strategies as st

from caviar.data.dates import PARTS, Dates, fit_dates, part_of
from caviar.data.numeric import numbers_of

MOMENTS = st.datetimes(dt.datetime(1, 1, 1), dt.datetime(9999, 12, 30))


def fitted(cells, scale="standard"):
    state = fit_dates(cells if isinstance(cells, pl.Series) else pl.Series("d", cells), scale)
    assert isinstance(state, Dates)
    return state


@given(st.lists(MOMENTS, min_size=1, max_size=5))
def test_parts_are_those_of_the_calendar(moments):
    days = numbers_of(pl.Series(moments, dtype=pl.Datetime("us")), "days")
    for moment, *came in zip(moments, *(part_of(days, part) for part in PARTS), strict=True):
        hour = moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / 3600
        assert came[1:4] == [moment.year, moment.month - 1, moment.weekday()]
        assert abs(came[0] - (moment - dt.datetime(1970, 1, 1)) / dt.timedelta(days=1)) < 1e-9
        assert min(abs(came[4] - hour), 24 - abs(came[4] - hour)) < 0.02 / 3600


def test_only_parts_that_vary():
    assert fitted([dt.date(2023, 5, 1), dt.date(2024, 5, 2)]).parts == ("days", "year", "weekday")
    assert fitted([dt.datetime(2024, 5, 1, 3), dt.datetime(2024, 5, 1, 5)]).parts == ("days", "hour")
    assert fitted([dt.time(3), dt.time(15)]).parts == ("days", "hour")
    weeks = [dt.date(2024, 5, 1) + dt.timedelta(days=7 * i) for i in range(3)]
    assert fitted(weeks).parts == ("days",)


def test_by_hand():
    cells = [dt.datetime(2023, 12, 31, 18), None, dt.datetime(2024, 1, 1, 6), dt.datetime(2024, 1, 2, 6)]
    state = fitted(cells)
    assert state.names == (
        "d (days)",
        "d (year)",
        "d (month sine)",
        "d (month cosine)",
        "d (weekday sine)",
        "d (weekday cosine)",
        "d (hour sine)",
        "d (hour cosine)",
        "d is missing",
    )
    came = state.outputs(pl.Series("d", cells))
    days = np.array([-0.5, 0, 0, 1.0])  # the median for the missing one
    np.testing.assert_allclose(came[:, 0], (days - days.mean()) / days.std(), rtol=1e-9)
    np.testing.assert_allclose(came[:, 1], np.array([-3, 1, 1, 1]) / math.sqrt(3), rtol=1e-9)
    np.testing.assert_allclose(came[:, 2], [-0.5, 0, 0, 0], atol=1e-9)  # 11/12 of the way around
    np.testing.assert_allclose(came[:, 7], [0, 0, 0, 0], atol=1e-9)
    np.testing.assert_allclose(came[:, 6], [-1, 1, 1, 1], atol=1e-9)
    np.testing.assert_array_equal(came[:, 8], [0, 1, 0, 0])
    assert state.outputs(pl.Series("d", ["2024-01-01 06:00"])).tolist() == [came[2].tolist()]


def test_a_time_with_a_zone_counts_as_its_clock_shows_it():
    local = [dt.datetime(2024, 7, 1, 9), dt.datetime(2024, 7, 2, 23)]
    zoned = pl.Series("d", local).dt.replace_time_zone("America/New_York")
    np.testing.assert_array_equal(fitted(zoned).outputs(zoned), fitted(local).outputs(pl.Series("d", local)))


def test_columns_of_no_use():
    assert fit_dates(pl.Series("d", [None, None], dtype=pl.Date), "standard") == "every cell is missing"
    assert fit_dates(pl.Series("d", [dt.date(2024, 1, 1)] * 2), None) == "all cells are alike"
    assert fitted([dt.date(2024, 1, 1), None]).names == ("d is missing",)


@given(st.lists(st.none() | MOMENTS, min_size=3, max_size=9), st.sampled_from(["standard", "robust", "log", None]))
def test_outputs_are_finite_and_circles_are_round(moments, scale):
    assume(len({m for m in moments if m}) > 1)
    cells = pl.Series("d", moments, dtype=pl.Datetime("us"))
    state = fitted(cells, scale)
    came = state.outputs(cells)
    assert came.shape == (len(cells), len(state.names))
    assert np.isfinite(came).all()
    sines = [i for i, name in enumerate(state.names) if name.endswith(" sine)")]
    for i in sines:
        np.testing.assert_allclose(came[:, i] ** 2 + came[:, i + 1] ** 2, 1, rtol=1e-12)
