import json

import numpy as np
import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from made_up import pixels

from caviar.data import pixels as module
from caviar.data.images import images_of
from caviar.data.numeric import Numeric, fit_numeric
from caviar.data.pixels import Pixels, fit_pixels
from caviar.data.prepare import Preparation, fit_preparation
from caviar.errors import BadData

SCALES = st.sampled_from(["standard", "robust", None])


def fitted(array, scale="standard"):
    made = fit_pixels(images_of("image", array), array.shape[1:], scale)
    assert isinstance(made, Pixels)
    return made


def varies(channel):
    known = channel[~np.isnan(channel)]
    return len(known) > 0 and known.min() < known.max()


def by_hand(channel, scale):
    """The formulas of `fit_numeric`'s docstring over all pixels of a channel, in float64."""
    x = channel.astype(np.float64)
    x = np.where(np.isnan(x), np.nanmedian(x), x)
    if scale == "standard":
        return (x - np.mean(x)) / np.std(x)
    if scale == "robust":
        q25, q50, q75 = np.percentile(x, [25, 50, 75])
        z = (x - q50) / (q75 - q25) if q75 > q25 else (x - q50) * 2 / (x.max() - x.min())
        return z / np.sqrt(1 + (z / 3) ** 2)
    return x


@given(array=pixels(), scale=SCALES)
def test_every_channel_is_scaled_by_its_own_numbers(array, scale):
    rows, height, width, channels = array.shape
    assume(any(varies(array[..., k]) for k in range(channels)))
    state = fitted(array, scale)
    came = state.outputs(images_of("image", array))
    assert (came.dtype, came.shape) == (np.float32, (rows, height * width * channels))
    assert state.marked == np.isnan(array).any()
    for k, part in enumerate(np.split(came, channels, axis=1)):  # channel by channel
        channel = array[..., k].reshape(rows, -1)
        expected = by_hand(channel, scale) if varies(channel) else np.zeros(channel.shape)
        np.testing.assert_allclose(part, expected, rtol=1e-5, atol=1e-5 * np.abs(expected).max())


@given(array=pixels(), scale=SCALES)
def test_statistics_are_those_of_a_column_of_numbers(array, scale):
    channel = array[..., 0]
    assume(varies(channel))
    state = fitted(array, scale)
    numbers = fit_numeric(
        pl.Series("c", channel.reshape(-1)).fill_nan(None)
        if array.dtype != np.uint8
        else pl.Series("c", channel.reshape(-1)),
        "number",
        scale,
    )
    assert isinstance(numbers, Numeric)
    came = (state.fills[0], state.centers[0], state.spreads[0])
    size = np.nanmax(np.abs(channel))
    np.testing.assert_allclose(came, (numbers.fill, numbers.center, numbers.spread), rtol=1e-6, atol=1e-6 * size)


def test_the_order_is_channels_height_width():
    array = np.arange(2 * 2 * 3 * 2, dtype=np.uint8).reshape(2, 2, 3, 2)
    state = fitted(array, None)
    came = state.outputs(images_of("image", array))
    np.testing.assert_array_equal(came[0], [0, 2, 4, 6, 8, 10, 1, 3, 5, 7, 9, 11])
    np.testing.assert_array_equal(came.reshape(2, 2, 2, 3), array.transpose(0, 3, 1, 2))
    assert state.names[:4] == ("image[0,0,0]", "image[0,1,0]", "image[0,2,0]", "image[1,0,0]")
    assert state.names[6] == "image[0,0,1]"
    for name, value in zip(state.names, came[0], strict=True):
        row, column, channel = json.loads(name.removeprefix("image"))
        assert array[0, row, column, channel] == value


def test_large_images_have_a_name_for_every_pixel():
    names = fit_preparation(images_of("image", np.arange(2 * 3072).reshape(2, 32, 32, 3)).to_frame()).names
    assert len(set(names)) == len(names) == 3072


def test_a_constant_pixel_stays_and_a_constant_channel_gives_zeros():
    array = np.random.default_rng(0).normal(size=(6, 2, 2, 3)).astype(np.float32)
    array[:, 0, 0, 0] = 5
    array[..., 1] = 7
    array[..., 2] = np.nan
    for scale in ("standard", "robust", None):
        came = fitted(array, scale).outputs(images_of("image", array + 1))
        assert came.shape == (6, 12)
        assert len(np.unique(came[:, 0])) == 1
        assert came[0, 0] != 0
        np.testing.assert_array_equal(came[:, 4:], 0)


def test_a_missing_pixel_takes_the_median_of_its_channel():
    array = np.array([[1, 10], [2, 20], [9, np.nan], [np.nan, 40]], np.float32).reshape(4, 1, 1, 2)
    state = fitted(array, None)
    assert state.fills == (2, 20)
    assert state.marked
    new = np.array([[np.nan, np.inf]]).reshape(1, 1, 1, 2)
    np.testing.assert_array_equal(state.outputs(images_of("image", new)), [[2, 20]])


@given(array=pixels(), scale=SCALES)
def test_the_type_of_the_same_pixels_does_not_matter(array, scale):
    assume(any(varies(array[..., k]) for k in range(array.shape[3])))
    state = fitted(array, scale)
    wide = images_of("image", array.astype(np.float64))
    assert fit_pixels(wide, state.shape, scale) == state
    np.testing.assert_array_equal(state.outputs(wide), state.outputs(images_of("image", array)))
    if array.dtype == np.uint8:
        whole = images_of("image", array.astype(np.int64))
        np.testing.assert_array_equal(state.outputs(whole), state.outputs(wide))


@given(array=pixels(), scale=SCALES)
def test_images_survive_json(array, scale):
    assume(any(varies(array[..., k]) for k in range(array.shape[3])))
    frame = images_of("image", array).to_frame()
    preparation = fit_preparation(frame, scale)
    state = json.loads(json.dumps(preparation.to_json(), allow_nan=False))
    assert state["columns"][0]["as"] == "pixels"
    again = Preparation.from_json(state)
    assert again == preparation
    assert again.image_shape == array.shape[1:]
    assert again.names == preparation.names
    np.testing.assert_array_equal(again.features(frame), preparation.features(frame))


@pytest.mark.parametrize("block", [1, 12, 25])
def test_blocks_do_not_show(monkeypatch, block):
    array = np.random.default_rng(1).normal(size=(7, 2, 3, 2)).astype(np.float32)
    state = fitted(array)
    whole = state.outputs(images_of("image", array))
    monkeypatch.setattr(module, "_BLOCK", block)
    np.testing.assert_array_equal(state.outputs(images_of("image", array)), whole)
    np.testing.assert_array_equal(state.outputs(images_of("image", array[2:3])), whole[2:3])
    assert state.outputs(images_of("image", array[:0])).shape == (0, 12)


@pytest.mark.parametrize("size", [1e-45, 1e-38, 1.0, 3e38])
@pytest.mark.parametrize("scale", ["standard", "robust", None])
def test_no_size_of_pixels_overflows(size, scale):
    array = (np.array([-1, 0, 0.5, 1]) * size).astype(np.float32).reshape(4, 1, 1, 1)
    came = fitted(array, scale).outputs(images_of("image", array))
    assert np.isfinite(came).all()
    assert came[0, 0] < came[3, 0]
    assert np.isfinite(fitted(array, scale).outputs(images_of("image", np.full((1, 1, 1, 1), -3e38)))).all()


@pytest.mark.parametrize(
    ("cells", "came"),
    [
        (images_of("image", np.zeros((2, 4, 3, 1))), "holds images of 4 x 3, 1 channel. Resize them"),
        (images_of("image", np.zeros((2, 3, 4, 3))), "holds images of 3 x 4, 3 channels"),
        (pl.Series("image", [1.0, 2.0]), "holds Float64"),
        (pl.Series("image", np.zeros((2, 3, 4))), "holds Array"),
    ],
)
def test_other_images_are_refused(cells, came):
    state = fitted(np.arange(24).reshape(2, 3, 4, 1))
    with pytest.raises(
        BadData, match=f"'image' must hold images of 3 x 4, 1 channel, as in the train rows, but it {came}"
    ):
        state.outputs(cells)


@pytest.mark.parametrize(
    ("array", "reason"),
    [
        (np.full((3, 2, 2, 1), np.nan), "every pixel is missing"),
        (np.full((3, 2, 2, 1), 5, np.uint8), "all pixels are alike"),
        (np.stack([np.full((3, 2, 2), k) for k in (1, 2)], axis=-1), "all pixels are alike"),
    ],
)
def test_images_of_no_use(array, reason):
    assert fit_pixels(images_of("image", array), array.shape[1:], "standard") == reason
    with pytest.raises(BadData, match=f"none is of use .'image': {reason}"):
        fit_preparation(images_of("image", array).to_frame())
