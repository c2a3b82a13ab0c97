import numpy as np
import polars as pl
import pytest
from hypothesis import given
from made_up import pixels

from caviar.data.images import counted, images_of, missing_in, pixels_of, shape_of, size_in_words, without_infinite
from caviar.errors import BadData

ONES = np.ones((3, 2, 4, 1))


@given(array=pixels())
def test_pixels_survive_the_column(array):
    column = images_of("scan", array)
    assert (column.name, len(column), shape_of(column.dtype)) == ("scan", len(array), array.shape[1:])
    assert pixels_of(column).dtype == array.dtype
    np.testing.assert_array_equal(pixels_of(column), array)
    np.testing.assert_array_equal(pixels_of(column[1:]), array[1:])
    assert missing_in(column) == np.isnan(array).sum()


@pytest.mark.parametrize(
    ("given_", "kept", "read"),
    [
        (np.bool_, pl.Boolean, np.uint8),
        (np.uint8, pl.UInt8, np.uint8),
        (np.int8, pl.Int8, np.float32),
        (np.uint16, pl.UInt16, np.float32),
        (np.int64, pl.Int64, np.float32),
        (np.float16, pl.Float32, np.float32),
        (np.float32, pl.Float32, np.float32),
        (np.float64, pl.Float64, np.float32),
        (np.longdouble, pl.Float32, np.float32),
        (">f4", pl.Float32, np.float32),
        (">i2", pl.Int16, np.float32),
    ],
)
def test_pixels_of_any_type_of_number(given_, kept, read):
    column = images_of("image", ONES.astype(given_))
    assert column.dtype == pl.Array(kept, (2, 4, 1))
    assert pixels_of(column).dtype == read
    np.testing.assert_array_equal(pixels_of(column), ONES)


def test_the_memory_of_an_array_does_not_matter():
    array = np.arange(48, dtype=np.uint8).reshape(2, 4, 3, 2)
    for same in (np.asfortranarray(array), np.repeat(array, 2, axis=0)[::2], array[:, ::-1][:, ::-1]):
        np.testing.assert_array_equal(pixels_of(images_of("image", same)), array)


def test_infinite_pixels_are_missing_and_counted():
    array = ONES.copy()
    array[0, 0, :, 0] = [np.inf, -np.inf, 1e300, np.nan]  # 1e300 is too large for float32
    expected = np.where(array == 1, 1, np.nan)
    column = images_of("image", array)
    np.testing.assert_array_equal(pixels_of(column), expected)
    done = without_infinite(column)
    assert (done.infinite, missing_in(done.images), done.images.dtype) == (3, 4, pl.Array(pl.Float32, (2, 4, 1)))
    np.testing.assert_array_equal(done.images.to_numpy(), expected)


def test_null_is_a_missing_pixel_or_a_missing_image():
    column = pl.Series("image", [[[[1], [None]]], None], dtype=pl.Array(pl.UInt8, (1, 2, 1)))
    np.testing.assert_array_equal(pixels_of(column)[..., 0], [[[1, np.nan]], [[np.nan, np.nan]]])
    assert missing_in(column) == 3


@pytest.mark.parametrize(
    "dtype",
    [
        pl.Float32(),
        pl.List(pl.Float32),
        pl.Array(pl.Float32, (2, 2)),
        pl.Array(pl.Float32, (2, 2, 2, 2)),
        pl.Array(pl.Float32, (2, 0, 2)),
        pl.Array(pl.String, (2, 2, 2)),
        pl.Array(pl.Int128, (2, 2, 2)),
    ],
)
def test_columns_of_other_types_are_no_images(dtype):
    assert shape_of(dtype) is None


@pytest.mark.parametrize("shape", [(0, 2, 3, 1), (2, 1, 1, 1)])
def test_small_columns(shape):
    assert pixels_of(images_of("image", np.zeros(shape))).shape == shape


@pytest.mark.parametrize("axis", [1, 2, 3])
def test_an_axis_needs_a_length(axis):
    shape = [3, 2, 4, 1]
    shape[axis] = 0
    with pytest.raises(BadData, match=r"has an axis of length 0. Check how the images were read"):
        images_of("image", np.zeros(shape))


@pytest.mark.parametrize("dtype", [object, str, "M8[D]"])
def test_pixels_are_numbers(dtype):
    with pytest.raises(BadData, match=r"must hold numbers or true/false, but X of shape \(3, 2, 4, 1\) holds"):
        images_of("image", np.zeros((3, 2, 4, 1), np.int64).astype(dtype))


def test_words():
    assert size_in_words((28, 32, 3)) == "28 x 32, 3 channels"
    assert counted(1797, (8, 8, 1)) == "1,797 images of 8 x 8, 1 channel"
    assert counted(1, (8, 8, 1)) == "1 image of 8 x 8, 1 channel"
    assert counted(1797, None) == "1,797 rows"
