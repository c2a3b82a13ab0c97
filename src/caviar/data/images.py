"""Images as one column: pixels (rows, height, width, channels) in a Series, and back.

The column is a polars Array of shape (height, width, channels). `read` keeps uint8 and true/false as uint8; pixels
of any other type become float32, which holds whole numbers up to 2^24 without loss. A missing pixel is NaN.
"""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from caviar.data.words import count
from caviar.errors import BadData

Shape = tuple[int, int, int]
"""Height, width and channels."""

IMAGE = "image"
"""Name of a column of images that has no other."""


def images_of(name: str, pixels: np.ndarray) -> pl.Series:
    """A column of the images in an array.

    Args:
        name: of the column.
        pixels: (rows, height, width, channels), of any type of number, or true/false.

    Returns:
        The same pixels, of the same type.

    Raises:
        BadData: an axis of length 0, or something else than numbers.
    """
    if 0 in pixels.shape[1:]:
        raise BadData(
            "Images must have a height, a width and a channel, but X of shape (rows, height, width, channels) = "
            f"{pixels.shape} has an axis of length 0. Check how the images were read; one channel is X[..., None]."
        )
    if pixels.dtype.kind not in "biuf":
        raise BadData(
            f"Images must hold numbers or true/false, but X of shape {pixels.shape} holds {pixels.dtype}. Turn it "
            "into numbers with X.astype('float32')."
        )
    if pixels.dtype.kind == "f" and pixels.dtype.itemsize not in (4, 8):
        pixels = _in_float32(pixels)
    native = pixels.astype(pixels.dtype.newbyteorder("="), copy=False)
    return pl.Series(name, np.ascontiguousarray(native).reshape(-1)).reshape(native.shape)


def shape_of(dtype: pl.DataType) -> Shape | None:
    """Height, width and channels of a column of images; None for a column of another type."""
    shape = dtype.shape if isinstance(dtype, pl.Array) else ()
    pixel: Any = dtype
    while isinstance(pixel, pl.Array):
        pixel = pixel.inner
    if len(shape) != 3 or min(shape) == 0:
        return None
    if pixel in (pl.Int128, pl.UInt128):  # NumPy has no such integers
        return None
    if not (pixel.is_numeric() or pixel == pl.Boolean):
        return None
    height, width, channels = shape
    return height, width, channels


def pixels_of(images: pl.Series) -> np.ndarray:
    """The array of a column of images: (rows, height, width, channels), uint8, or float32 with NaN where missing.

    An infinite pixel, or one too large for float32, is missing. A cell that is null is an image of missing pixels.
    """
    return _known(images.to_numpy())[0]


class Known(NamedTuple):
    """Images of finite and missing pixels."""

    images: pl.Series
    infinite: int
    """Number of pixels that were infinite."""


def without_infinite(images: pl.Series) -> Known:
    """The images as `read` keeps them: uint8 or float32, NaN where a pixel is missing or infinite."""
    pixels, infinite = _known(images.to_numpy())
    return Known(images_of(images.name, pixels), infinite)


def missing_in(images: pl.Series) -> int:
    """Number of missing pixels."""
    pixels = pixels_of(images)
    return 0 if pixels.dtype == np.uint8 else int(np.isnan(pixels).sum())


def size_in_words(shape: Shape) -> str:
    """`8 x 8, 1 channel`: height x width and channels."""
    height, width, channels = shape
    return f"{height} x {width}, {count(channels, 'channel')}"


def counted(rows: int, shape: Shape | None) -> str:
    """`1,797 images of 8 x 8, 1 channel`; `1,797 rows` where they are no images."""
    return count(rows, "row") if shape is None else f"{count(rows, 'image')} of {size_in_words(shape)}"


def _known(pixels: np.ndarray) -> tuple[np.ndarray, int]:
    """Pixels as `pixels_of` gives them, and how many were infinite."""
    if pixels.dtype in (np.uint8, np.bool_):
        return pixels.astype(np.uint8, copy=False), 0
    x = _in_float32(pixels)
    finite = np.isfinite(x)
    if finite.all():
        return x, 0
    return np.where(finite, x, np.float32(np.nan)), int(np.isinf(x).sum())


def _in_float32(pixels: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):
        return pixels.astype(np.float32, copy=False)
