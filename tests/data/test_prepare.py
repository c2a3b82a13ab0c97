import json

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import features

from caviar.data.prepare import Dropped, Preparation, fit_preparation
from caviar.errors import BadData, BadRun

FRAME = pl.DataFrame(
    {
        "age": [20.0, None, 40.0, 60.0],
        "job": ["cook", "smith", "cook", "smith"],
        "ok": [True, False, True, True],
        "day": pl.Series([0, 1, 2, 3], dtype=pl.Int32).cast(pl.Date),
        "same": [1, 1, 1, 1],
    }
)
SCALES = st.sampled_from(["standard", "robust", None])


def fitted(frame, scale):
    try:
        return fit_preparation(frame, scale)
    except BadData as error:
        assume("none is of use" not in str(error))
        raise


def test_every_kind_of_column():
    preparation = fit_preparation(FRAME)
    assert preparation.names == ("age", "age is missing", "job = cook", "job = smith", "ok", "day")
    assert preparation.width == 6
    came = preparation.features(FRAME)
    assert came.dtype == np.float32
    age = np.array([20.0, 40.0, 40.0, 60.0])  # the median for the missing one
    np.testing.assert_allclose(came[:, 0], (age - age.mean()) / age.std(), rtol=1e-6)
    np.testing.assert_array_equal(came[:, 1:5].T, [[0, 1, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1], [1, 0, 1, 1]])
    np.testing.assert_allclose(came[:, 5], (np.arange(4) - 1.5) / np.sqrt(1.25), rtol=1e-6)
    assert preparation.columns[4] == Dropped("same", "all cells are alike")


def test_it_says_what_it_does():
    said = "\n".join(fit_preparation(FRAME).words())
    for words in (
        "2 columns of numbers: (x - mean) / standard deviation, both of the train rows.",
        "1 true/false column as 0 and 1: 'ok'.",
        "Dates count as days since 1970-01-01: 'day'.",
        "1 of these has missing cells, which take the median of the train rows",
        "1 text column becomes 2 columns of 0 and 1, one per value.",
        "Dropped 'same': all cells are alike.",
    ):
        assert words in said
    assert "within ±3" in fit_preparation(FRAME, "robust").words()[0]
    assert "not scaled" in fit_preparation(FRAME, None).words()[0]


@given(frame=features(), scale=SCALES)
def test_it_survives_json(frame, scale):
    preparation = fitted(frame, scale)
    again = Preparation.from_json(json.loads(json.dumps(preparation.to_json(), allow_nan=False)))
    assert again == preparation
    assert again.names == preparation.names
    np.testing.assert_array_equal(again.features(frame), preparation.features(frame))


@given(train=features(rows=12), scale=SCALES, data=st.data())
def test_the_matrix_is_finite_and_a_row_does_not_notice_the_others(train, scale, data):
    preparation = fitted(train, scale)
    came = preparation.features(train)
    assert came.shape == (12, preparation.width) == (12, len(preparation.names))
    assert np.isfinite(came).all()
    rows = data.draw(st.permutations(range(12)))[:5]
    np.testing.assert_array_equal(preparation.features(train[rows]), came[rows])
    assert preparation.features(train[:0]).shape == (0, preparation.width)


@given(frame=features(), data=st.data(), scale=SCALES)
def test_order_and_number_of_columns_do_not_matter(frame, data, scale):
    preparation = fitted(frame, scale)
    shuffled = frame.select(data.draw(st.permutations(frame.columns)))
    more = shuffled.with_columns(pl.lit(3.0).alias("one more"))
    np.testing.assert_array_equal(preparation.features(more), preparation.features(frame))


@given(frame=features(), scale=SCALES)
def test_the_types_of_another_reader_do_not_matter(frame, scale):
    """All cells as text, as a CSV of a few rows might give them."""
    preparation = fitted(frame, scale)
    text = frame.with_columns(pl.col(pl.Boolean).cast(pl.String)).cast(pl.String)
    np.testing.assert_array_equal(preparation.features(text), preparation.features(frame))


def test_names_are_given_once():
    frame = pl.DataFrame({"a": [1.0, None, 2.0], "a is missing": [1.0, 2.0, 3.0]})
    names = fit_preparation(frame).names
    assert names == ("a", "a is missing", "a is missing (2)")


def test_a_missing_column_is_named():
    with pytest.raises(BadData, match=r"a column 'age', but the table has none. Did you mean 'Age'\?"):
        fit_preparation(FRAME).features(FRAME.rename({"age": "Age"}))
    fit_preparation(FRAME).features(FRAME.drop("same"))  # a dropped one is not missed


@pytest.mark.parametrize("scale", ["standart", 1, ""])
def test_unknown_scales(scale):
    with pytest.raises(BadData, match="scale must be 'standard', 'robust' or None"):
        fit_preparation(FRAME, scale)


def test_columns_of_no_use_at_all():
    frame = pl.DataFrame({"a": [1, 1], "b": [None, None]})
    with pytest.raises(BadData, match=r"none is of use \('a': all cells are alike; 'b': every cell is missing\)"):
        fit_preparation(frame)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"format": 2, "columns": []},
        {"format": 1, "columns": [{"as": "x"}]},
        {"format": 1, "columns": [{}]},
    ],
)
def test_damaged_state_is_refused(state):
    with pytest.raises(BadRun, match="A preparation must"):
        Preparation.from_json(state)
