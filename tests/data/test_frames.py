import numpy as np
import pandas as pd
import polars as pl
import pytest

from caviar.data.frames import is_frame, series_to_polars, to_polars
from caviar.errors import BadData


def test_what_is_a_frame():
    assert is_frame(pl.DataFrame())
    assert is_frame(pl.LazyFrame())
    assert is_frame(pd.DataFrame())
    assert not any(map(is_frame, (np.eye(2), [1], "iris", None, pl.Series([1]))))


def test_pandas_columns_keep_their_cells():
    frame = pd.DataFrame(
        {
            "whole": [1, 2, 3],
            "gaps": [1.5, None, 3.0],
            "text": ["x", None, "z"],
            "day": pd.to_datetime(["2020-01-01", None, "2020-03-01"]),
            "zone": pd.to_datetime(["2020-01-01", None, "2020-03-01"]).tz_localize("UTC"),
            "level": pd.Categorical(["u", "v", None]),
            "code": pd.Categorical([1, 2, 1]),
            "flag": [True, False, True],
            "flags": pd.array([True, None, False], dtype="boolean"),
            "nullable": pd.array([1, None, 3], dtype="Int64"),
            "mixed": [1, "x", 2.5],
            "nothing": [None, None, None],
        }
    )
    came = to_polars(frame)
    assert came.drop("day", "zone", "level", "code").to_dict(as_series=False) == {
        "whole": [1, 2, 3],
        "gaps": [1.5, None, 3.0],
        "text": ["x", None, "z"],
        "flag": [True, False, True],
        "flags": [True, None, False],
        "nullable": [1, None, 3],
        "mixed": ["1", "x", "2.5"],
        "nothing": [None, None, None],
    }
    assert came["day"].dt.date().cast(pl.String).to_list() == ["2020-01-01", None, "2020-03-01"]
    assert came["zone"].null_count() == 1
    assert came["level"].to_list() == ["u", "v", None]
    assert came["code"].to_list() == ["1", "2", "1"]
    assert isinstance(came["code"].dtype, pl.Categorical)


def test_lazy_frames_and_numbered_columns():
    assert to_polars(pl.LazyFrame({" a ": [1]})).columns == ["a"]
    assert to_polars(pd.DataFrame(np.eye(2))).to_dict(as_series=False) == {"0": [1.0, 0.0], "1": [0.0, 1.0]}


def test_two_columns_of_one_name_are_refused():
    with pytest.raises(BadData, match="Column names must differ"):
        to_polars(pd.DataFrame(np.eye(2), columns=["a", "a"]))
    with pytest.raises(BadData, match="the frame has 'a' more than once"):
        to_polars(pl.DataFrame({"a": [1], " a": [2]}))


def test_series_of_any_library():
    series = series_to_polars(pd.Series(["a", None]), "y")
    assert series is not None
    assert (series.name, series.to_list()) == ("y", ["a", None])
    assert series_to_polars(np.zeros(2), "y") is None
