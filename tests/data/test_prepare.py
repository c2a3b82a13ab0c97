import json

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import features

import caviar
from caviar.data import scaling
from caviar.data.images import images_of
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
SCALES = st.sampled_from([*scaling.SCALES, None])


def fitted(frame, scale):
    try:
        return fit_preparation(frame, scale)
    except BadData as error:
        assume("none is of use" not in str(error))
        raise


def test_every_kind_of_column():
    preparation = fit_preparation(FRAME)
    assert preparation.names == (
        "age",
        "age is missing",
        "job = cook",
        "job = smith",
        "ok",
        "day (days)",
        "day (weekday sine)",
        "day (weekday cosine)",
    )
    assert preparation.width == 8
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
        "1 column of numbers: (x - mean) / standard deviation, both of the train rows.",
        "1 true/false column as 0 and 1: 'ok'.",
        "Dates 'day': days as numbers; weekday as sine and cosine.",
        "1 of these has missing cells, which take the median of the train rows",
        "1 column of categories becomes 2 columns of 0 and 1, one per value.",
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


def test_images_alone_have_a_shape():
    images = images_of("image", np.arange(24, dtype=np.uint8).reshape(4, 2, 3, 1))
    alone = fit_preparation(images.to_frame())
    assert alone.image_shape == (2, 3, 1)
    assert fit_preparation(images.to_frame().with_columns(same=pl.lit(1))).image_shape == (2, 3, 1)
    beside = fit_preparation(FRAME.with_columns(images))
    assert beside.image_shape is fit_preparation(FRAME).image_shape is None
    assert fit_preparation(images.to_frame().with_columns(FRAME["age"])).image_shape is None
    came = beside.features(FRAME.with_columns(images))
    np.testing.assert_array_equal(came[:, -6:], alone.features(images.to_frame()))
    np.testing.assert_array_equal(came[:, :-6], fit_preparation(FRAME).features(FRAME))


def test_images_are_spoken_of():
    pixels = np.arange(48, dtype=np.float32).reshape(4, 2, 2, 3)
    pixels[..., 1] = 7
    pixels[0, 0, 0, 0] = np.nan
    assert fit_preparation(images_of("image", pixels).to_frame()).words() == [
        "Images of 2 x 2, 3 channels: 12 inputs, in every channel (x - mean) / standard deviation, both of the "
        "train rows.",
        "Missing pixels take the median of their channel in the train rows.",
        "Channels that are the same everywhere become 0 (counted from 0): 1.",
    ]
    plain = fit_preparation(images_of("image", np.eye(4, dtype=np.uint8)[..., None, None]).to_frame(), None)
    assert plain.words() == ["Images of 4 x 1, 1 channel: 4 inputs, in every channel as they are, not scaled."]


def test_missing_images_are_asked_for_by_their_shape():
    images = images_of("image", np.arange(24, dtype=np.uint8).reshape(4, 2, 3, 1)).to_frame()
    with pytest.raises(BadData, match=r"has none. Give images of 2 x 3, 1 channel, .* shape \(rows, 2, 3, 1\)"):
        fit_preparation(images).features(FRAME)


@pytest.mark.parametrize("scale", ["standart", 1, ""])
def test_unknown_scales(scale):
    with pytest.raises(BadData, match="scale must be 'standard', 'robust', 'quantile', 'log' or None"):
        fit_preparation(FRAME, scale)


def test_columns_of_no_use_at_all():
    frame = pl.DataFrame({"a": [1, 1], "b": [None, None]})
    with pytest.raises(BadData, match=r"none is of use \('a': all cells are alike; 'b': every cell is missing\)"):
        fit_preparation(frame)


@pytest.mark.parametrize(
    "state",
    [
        {},
        {"format": 3, "columns": []},
        {"format": 1, "columns": [{"as": "x"}]},
        {"format": 1, "columns": [{}]},
    ],
)
def test_damaged_state_is_refused(state):
    with pytest.raises(BadRun, match="A preparation must"):
        Preparation.from_json(state)


OF_FORMAT_1 = {
    "format": 1,
    "columns": [
        {"as": "numeric", "column": "age", "kind": "number", "fill": 40.0, "marked": True, "scale": "standard"}
        | {"center": 40.0, "spread": 10.0},
        {"as": "numeric", "column": "day", "kind": "days", "fill": 1.0, "marked": False, "scale": None}
        | {"center": 0.0, "spread": 1.0},
        {"as": "category", "column": "job", "levels": ["cook", "smith"], "other": False, "marked": False},
        {"as": "dropped", "column": "same", "reason": "all cells are alike"},
    ],
}


def test_a_file_of_format_1_still_opens():
    old = Preparation.from_json(json.loads(json.dumps(OF_FORMAT_1)))
    np.testing.assert_array_equal(
        old.features(FRAME),
        [[-2, 0, 0, 1, 0], [0, 1, 1, 0, 1], [0, 0, 2, 1, 0], [2, 0, 3, 0, 1]],
    )
    assert Preparation.from_json(old.to_json()) == old
    assert "Dates count as days since 1970-01-01" in "\n".join(old.words())


ALL = pl.DataFrame(
    {
        "price": [1.0, 10.0, 100.0, 1000.0] * 10,
        "zip": [7, 8, 7, 8] * 10,
        "grade": ["b", "a", "c", None] * 10,
        "note": ["big and red", "small", "red", "red house"] * 10,
        "id": [f"k{i}" for i in range(40)],
        "when": [f"2024-0{1 + i % 9}-01" for i in range(40)],
    }
)
TYPES = {"price": "log", "zip": "category", "grade": ["c", "b", "a"], "note": "text", "id": "drop", "when": "date"}


def test_every_type_as_asked():
    table = caviar.read(ALL, target=False, types=TYPES)
    preparation = fit_preparation(table.features, "robust", table.types)
    used = {type(column).__name__ for column in preparation.columns}
    assert used == {"Numeric", "Category", "Ordered", "FreeText", "Dropped", "Dates"}
    came = preparation.features(ALL)
    np.testing.assert_allclose(came[:4, 0], np.array([-3, -1, 1, 3]) / np.sqrt(5), rtol=1e-5)
    assert preparation.names[1:6] == ("zip = 7", "zip = 8", "grade >= b", "grade >= a", "grade is missing")
    np.testing.assert_array_equal(came[:4, 3:6], [[1, 0, 0], [1, 1, 0], [0, 0, 0], [1, 0, 1]])
    assert Preparation.from_json(json.loads(json.dumps(preparation.to_json()))) == preparation
    said = "\n".join(preparation.words())
    for words in (
        "1 column of numbers: log(x)",
        "1 ordered column becomes 2 columns of 0 and 1, one per step.",
        "Order c < b < a: 'grade'.",
        "Free text 'note': its words and pairs of words, hashed into 256 columns.",
        "Dates 'when': days as numbers; month, weekday as sine and cosine.",
        "Dropped 'id': as asked.",
    ):
        assert words in said


def test_what_new_rows_may_hold():
    table = caviar.read(ALL, target=False, types=TYPES)
    preparation = fit_preparation(table.features, "standard", table.types)
    row = {"price": -5, "zip": 99, "grade": "z", "note": "never seen", "when": None}
    came = preparation.features(pl.DataFrame([row]))
    names = preparation.names
    assert np.isfinite(came).all()
    assert came[0, 0] == preparation.features(ALL)[:, 0].min()  # below all prices counts as the lowest
    assert came[0, [names.index("zip = 7"), names.index("zip = 8")]].tolist() == [0, 0]
    assert came[0, names.index("grade is missing")] == 1
    for column, cells, words in (
        ("price", "dear", "Column 'price' must hold numbers, as in the train rows, but it holds 'dear'"),
        ("when", "soon", "Column 'when' must hold dates such as 2024-01-31, as in the train rows, but it holds 'soon'"),
        ("when", 3, "Column 'when' must hold dates"),
    ):
        with pytest.raises(BadData, match=words):
            preparation.features(pl.DataFrame([row | {column: cells}]))


def test_types_that_were_not_given_are_told_by_the_rows():
    table = caviar.read(ALL, target=False)
    assert fit_preparation(table.features, None, {"zip": table.types["zip"]}) == fit_preparation(table.features, None)


def test_train_rows_alone_still_count():
    """They are some of the table's rows, in random order."""
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"n": range(60), "x": rng.normal(size=60)})
    done = caviar.split(caviar.Table("t", frame, pl.Series("y", rng.normal(size=60))))
    assert done.preparation.names == ("x",)
    assert done.rescaled("quantile").preparation.names == ("x",)
    assert "Dropped 'n': an identifier: it counts the rows." in done.explanation
