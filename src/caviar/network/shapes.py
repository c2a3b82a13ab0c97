"""What comes into each layer of a network, and what goes out.

The same rules for the true sizes of one network and for the padded ones of its program. Features of an image come
filter by filter (channel by channel), so that a network with fewer filters uses the first rows and columns of a padded
matrix.
"""

import dataclasses
from collections.abc import Sequence
from typing import NamedTuple

from caviar.errors import BadConfig


class Image(NamedTuple):
    """The size of an image."""

    height: int
    width: int
    channels: int


@dataclasses.dataclass(frozen=True)
class Inputs:
    """What a network reads."""

    features: int
    image: Image | None = None
    """Where the features are an image: channel by channel, each row by row."""


@dataclasses.dataclass(frozen=True)
class Convolution:
    """A convolution and the pooling behind it, see `Config`."""

    filters: int
    kernel: int = 3
    stride: int = 1
    pool: int = 1


class LayerShape(NamedTuple):
    """One layer as a product: W (units, inputs) with what comes in at every place."""

    inputs: int
    units: int
    places: int = 1
    """Places of an image at which a filter is applied."""


def layer_shapes(
    inputs: Inputs, convolutions: Sequence[Convolution], units: Sequence[int], outputs: int, *, global_pooling: bool
) -> tuple[LayerShape, ...]:
    """The shapes of all layers: convolutions, dense hidden layers, the last.

    Raises:
        BadConfig: convolutions without an image, or an image that becomes smaller than a pixel.
    """
    shapes, features = [], inputs.features
    if convolutions:
        if inputs.image is None:
            raise BadConfig(
                f"Config.filters needs images, got {len(convolutions)} convolutions for rows of {features} columns. "
                "Read images as an array (rows, height, width, channels), or leave filters out."
            )
        image = inputs.image
        for number, convolution in enumerate(convolutions):
            convolved = after_stride(image, convolution)
            fan_in = image.channels * convolution.kernel**2
            shapes.append(LayerShape(fan_in, convolution.filters, convolved.height * convolved.width))
            image = after_pooling(convolved, convolution)
            if not image.height or not image.width:
                raise BadConfig(
                    f"Config.pooling must leave at least one pixel, but behind convolution {number + 1} none of "
                    f"{convolved.height} x {convolved.width} is left. Pool less, or use fewer convolutions."
                )
        features = image.channels if global_pooling else image.height * image.width * image.channels
    for width in (*units, outputs):
        shapes.append(LayerShape(features, width))
        features = width
    return tuple(shapes)


def after_stride(image: Image, convolution: Convolution) -> Image:
    """The image that a convolution gives: padded, so that only its stride makes it smaller."""
    height, width = (-(-side // convolution.stride) for side in image[:2])
    return Image(height, width, convolution.filters)


def after_pooling(image: Image, convolution: Convolution) -> Image:
    """The image behind the pooling; a rest of rows or columns is left out."""
    return image._replace(height=image.height // convolution.pool, width=image.width // convolution.pool)
