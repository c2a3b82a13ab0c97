import numpy as np
import pandas as pd
import polars as pl
import pytest

from caviar.data.matrices import from_arrays
from caviar.errors import BadData

X = np.arange(12.0).reshape(4, 3)
Y = np.array([0, 1, 0, 1])


def test_columns_are_numbered_or_named():
    made = from_arrays(X, Y)
    assert made.frame.columns == ["x0", "x1", "x2", "y"]
    np.testing.assert_array_equal(made.frame.drop("y").to_numpy(), X)
    assert made.target == "y"
    assert from_arrays(X, names=[" a", "b", "c"]).frame.columns == ["a", "b", "c"]


def test_images_are_flattened_in_c_order_and_said():
    images = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)
    made = from_arrays(images)
    np.testing.assert_array_equal(made.frame.to_numpy(), images.reshape(2, 12))
    assert made.notes == (
        "Every example of shape 3 x 4 is flattened to 12 columns; images are given as (rows, height, width, "
        "channels): X[..., None].",
    )
    assert from_arrays(images[None, None]).notes == (
        "Every example of shape 1 x 2 x 3 x 4 is flattened to 24 columns.",
    )


IMAGES = np.arange(4 * 2 * 3 * 2, dtype=np.uint8).reshape(4, 2, 3, 2)


def test_images_of_four_axes_are_one_column():
    made = from_arrays(IMAGES, Y)
    assert made.frame.schema == {"image": pl.Array(pl.UInt8, (2, 3, 2)), "y": pl.Int64}
    np.testing.assert_array_equal(made.frame["image"].to_numpy(), IMAGES)
    assert made.notes == ("X is read as 4 images of 2 x 3, 2 channels (rows, height, width, channels).",)
    assert from_arrays(IMAGES, names=[" scan "]).frame.columns == ["scan"]
    assert from_arrays(IMAGES.tolist()).frame["image"].to_list() == IMAGES.tolist()


def test_channels_that_seem_to_come_first_are_noted():
    advice = "If the 3 are the channels, put them last: X.transpose(0, 2, 3, 1)."
    assert from_arrays(np.zeros((2, 3, 8, 8))).notes[1] == advice
    assert len(from_arrays(np.zeros((2, 3, 8, 3))).notes) == 1
    assert len(from_arrays(np.zeros((2, 8, 8, 8))).notes) == 1


@pytest.mark.parametrize(
    "y", [Y.reshape(-1, 1), list(Y), pd.Series(Y), pl.Series(Y), pd.DataFrame({"q": Y}), Y.astype(np.int8)]
)
def test_targets_of_many_kinds(y):
    assert from_arrays(X, y, target="t").frame["t"].to_list() == [0, 1, 0, 1]


def test_arrays_of_many_types():
    assert from_arrays(X.astype(np.float16)).frame["x0"].to_list() == [0.0, 3.0, 6.0, 9.0]
    assert from_arrays(X.astype(">f8"))[0]["x1"].to_list() == [1.0, 4.0, 7.0, 10.0]
    assert from_arrays(X > 4).frame.dtypes == [pl.Boolean] * 3
    objects = np.array([[1, "a"], [None, "b"], [float("nan"), None]], dtype=object)
    assert from_arrays(objects).frame.rows() == [(1, "a"), (None, "b"), (None, None)]
    masked = np.ma.masked_array([[1, 2], [3, 4]], [[False, True], [False, False]])
    assert from_arrays(masked).frame.fill_nan(None).rows() == [(1.0, None), (3.0, 4.0)]
    assert from_arrays(np.array([[b"a"], [b"b"]])).frame["x0"].to_list() == ["a", "b"]
    assert from_arrays(pd.DataFrame({"q": [1, 2]}), [0, 1]).frame.columns == ["q", "y"]


@pytest.mark.parametrize(
    ("x", "y", "more", "words"),
    [
        (X[:, 0], None, {}, r"X must have two axes .rows, columns., got shape \(4,\)"),
        (X, Y[:3], {}, "same number of rows, got 4 and 3. If the axes of X are"),
        (
            X,
            np.eye(4),
            {},
            r"one value per row, got shape \(4, 4\). One-hot labels become classes by y.argmax",
        ),
        (X, None, {"names": ["a"]}, "got 1 name for 3 columns"),
        (X, None, {"names": ["a", "b", "a"]}, "columns has 'a' more than once"),
        (X, Y, {"names": ["y", "b", "c"]}, "'y' is a column of X"),
        (X * 1j, None, {}, "must hold real numbers, got complex ones"),
        ([[1, 2], [3]], None, {}, "Rows must be of one length"),
        (IMAGES * 1j, None, {}, "must hold real numbers, got complex ones"),
        (IMAGES.astype(object), None, {}, r"Images must hold numbers or true/false, but X of shape .* holds object"),
        (IMAGES.astype(str), None, {}, r"Turn it into numbers with X.astype\('float32'\)"),
        (IMAGES[:, :0], None, {}, r"= \(4, 0, 3, 2\) has an axis of length 0. Check"),
        (IMAGES[..., :0], None, {}, "has an axis of length 0"),
        (IMAGES, None, {"names": ["a", "b"]}, r"columns has 2 names for X of shape \(4, 2, 3, 2\). Give one name"),
        (IMAGES, None, {"names": []}, "columns has 0 names"),
        (IMAGES, Y, {"target": "image"}, "'image' is a column of X"),
        (IMAGES, Y[:3], {}, "same number of rows, got 4 and 3"),
    ],
)
def test_what_does_not_fit_is_refused(x, y, more, words):
    with pytest.raises(BadData, match=words):
        from_arrays(x, y, **more)
