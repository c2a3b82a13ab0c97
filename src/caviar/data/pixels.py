"""A column of images becomes its pixels as a network reads them, every channel scaled by numbers of its own.

The order is channel by channel: all pixels of the first channel row by row, then those of the next. A pixel that is
the same in all images stays, because a convolution needs the whole grid.
"""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.images import Shape, pixels_of, shape_of, size_in_words
from caviar.data.scaling import Scale, Statistics, scaled, statistics
from caviar.errors import BadData

_BLOCK = 1 << 18  # pixels that are scaled at a time, in float64


@dataclass(frozen=True)
class Pixels:
    """How the channels of a column of images are filled, scaled and bounded; all numbers are of the train rows."""

    column: str
    shape: Shape
    """Height, width and channels."""
    scale: Scale
    marked: bool
    """Whether a train row had a missing pixel. No output tells where: pixels are filled only."""
    fills: tuple[float, ...]
    """Median of each channel: what a missing pixel becomes."""
    centers: tuple[float, ...]
    spreads: tuple[float, ...]
    """What the distance to the center is divided by. 0: all known pixels of the channel are alike, it gives zeros."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """`image[row,column,channel]`, each counted from 0, in the order of the outputs."""
        height, width, channels = self.shape
        return tuple(
            f"{self.column}[{row},{column},{channel}]"
            for channel in range(channels)
            for row in range(height)
            for column in range(width)
        )

    def outputs(self, cells: pl.Series) -> Numbers:
        """Pixels in the order (channels, height, width), float32 (rows, len(names)), finite.

        Args:
            cells: images of the shape of the train rows, of any type of number.

        Raises:
            BadData: images of another shape, or no images.
        """
        if (shape := shape_of(cells.dtype)) != self.shape:
            came = f"holds {cells.dtype}" if shape is None else f"holds images of {size_in_words(shape)}"
            raise BadData(
                f"Column '{cells.name}' must hold images of {size_in_words(self.shape)}, as in the train rows, but "
                f"it {came}. Resize them, or check that they are the same kind of images."
            )
        height, width, channels = self.shape
        pixels = pixels_of(cells).reshape(-1, height * width, channels)
        outputs = np.zeros((len(pixels), channels, height * width), np.float32)
        step = max(1, _BLOCK // (height * width))
        for channel, numbers in enumerate(map(Statistics, self.fills, self.centers, self.spreads)):
            if numbers.spread > 0:
                for start in range(0, len(pixels), step):
                    some = pixels[start : start + step, :, channel].astype(np.float64)
                    outputs[start : start + step, channel] = scaled(some, numbers, self.scale)
        return outputs.reshape(len(pixels), channels * height * width)


def fit_pixels(cells: pl.Series, shape: Shape, scale: Scale) -> Pixels | str:
    """Statistics of the channels of one column of images, of the train rows.

    They are those of a column of numbers (`numeric.fit_numeric`), taken over all pixels of a channel.

    Args:
        cells: train rows, images.
        shape: of the images.
        scale: how every channel is scaled; "quantile" and "log", which are for numbers of long tails, count as
            "standard".

    Returns:
        The column's state, or the reason why it is of no use.
    """
    pixels = pixels_of(cells)
    scale = "standard" if scale in ("quantile", "log") else scale
    channels = [_of_channel(pixels[..., channel], scale) for channel in range(shape[2])]
    if all(numbers is None for numbers in channels):
        return "every pixel is missing"
    known = [Statistics(0.0, 0.0, 0.0) if numbers is None else numbers for numbers in channels]
    if not any(numbers.spread for numbers in known):
        return "all pixels are alike"
    fills, centers, spreads = zip(*(numbers[:3] for numbers in known), strict=True)
    marked = pixels.dtype != np.uint8 and bool(np.isnan(pixels).any())
    return Pixels(cells.name, shape, scale, marked, fills, centers, spreads)


def _of_channel(pixels: np.ndarray, scale: Scale) -> Statistics | None:
    """Statistics of one channel; None when every pixel is missing."""
    x = pixels.astype(np.float32).reshape(-1)
    low, high = float(np.fmin.reduce(x)), float(np.fmax.reduce(x))
    if np.isnan(low):
        return None
    return Statistics(low, low, 0.0) if low == high else statistics(x, scale)
