"""Augmentation: every mini-batch of images is changed a little, in training only.

| word | what is done to every image | amount |
|---|---|---|
| flip | mirrored left to right | the chance of it |
| shift | moved down and across by whole pixels; what comes in repeats the edge | the most pixels |
| crop | padded with the mean colour, and cut to its size anywhere | pixels of padding |
| rotate | turned about its middle, mixing the four nearest pixels; what comes in repeats the edge | most degrees |
| cutout | a square around any pixel becomes the mean colour; it may hang over the edge | its side |

Inputs are prepared, so that 0 is the mean colour. The numbers are drawn from the stream that networks of one seed
share; networks with equal settings train in one lane, so that its images are changed once for all of them.

Sources: He et al. 2016, section 4.2 (crop, flip); DeVries & Taylor 2017 (cutout); course section 3.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from caviar.network.config import Augment, AugmentName
from caviar.network.draws import uniforms
from caviar.network.shapes import Image


class Amounts(NamedTuple):
    """How much of each; scalars of a lane, traced."""

    flip: Float[Array, ""]
    shift: Float[Array, ""]
    crop: Float[Array, ""]
    rotate: Float[Array, ""]
    cutout: Float[Array, ""]


class Draws(NamedTuple):
    """Uniform numbers in [0, 1), one per image."""

    flip: Float[Array, " batch"]
    down: Float[Array, " batch"]
    across: Float[Array, " batch"]
    crop_down: Float[Array, " batch"]
    crop_across: Float[Array, " batch"]
    angle: Float[Array, " batch"]
    cut_down: Float[Array, " batch"]
    cut_across: Float[Array, " batch"]


def amounts(augment: Augment) -> Amounts:
    """The amounts of a config, 0 where a word is not used."""
    return Amounts(**(dict.fromkeys(Amounts._fields, 0.0) | {name: float(amount) for name, amount in augment}))  # pyright: ignore[reportArgumentType]


def draws(key: jax.Array, batch: int, dtype: jnp.dtype) -> Draws:
    """The numbers for one mini-batch."""
    return Draws(*uniforms(key, len(Draws._fields), batch, dtype))


def augmented(
    x: Float[Array, "batch features"], image: Image, words: tuple[AugmentName, ...], given: Amounts, drawn: Draws
) -> Float[Array, "batch features"]:
    """Changed images.

    Args:
        x: images, channel by channel, each row by row.
        image: their size.
        words: what is done; compiled.
        given: how much of it.
        drawn: by which chance.
    """
    images = x.reshape(-1, image.channels, image.height, image.width)
    if words != ("cutout",):
        images = _moved(images, words, given, drawn)
    if "cutout" in words:
        rows = _cut(drawn.cut_down, image.height, given.cutout)
        columns = _cut(drawn.cut_across, image.width, given.cutout)
        images = jnp.where((rows[:, :, None] & columns[:, None, :])[:, None], 0, images)
    return images.reshape(x.shape)


def _cut(uniform: Float[Array, " batch"], pixels: int, side: Float[Array, ""]) -> Bool[Array, "batch pixels"]:
    """Rows, or columns, in a square of this side around any pixel."""
    first = jnp.floor(uniform * pixels) - jnp.floor(side / 2)
    at = jnp.arange(pixels)[None, :]
    return (at >= first[:, None]) & (at < first[:, None] + side)


def _moved(
    images: Float[Array, "batch channels height width"],
    words: tuple[AugmentName, ...],
    given: Amounts,
    drawn: Draws,
) -> Float[Array, "batch channels height width"]:
    """Images whose pixels come from elsewhere: every pixel looks up its place, backwards through all changes."""
    height, width = images.shape[2:]
    down, across = (jnp.arange(side, dtype=images.dtype) for side in (height, width))
    down, across = down[None, :, None], across[None, None, :]
    inside = jnp.ones((), bool)
    if "crop" in words:
        down = down + _whole_pixels(drawn.crop_down, given.crop)
        across = across + _whole_pixels(drawn.crop_across, given.crop)
        inside = (down >= 0) & (down < height) & (across >= 0) & (across < width)
    if "shift" in words:
        down = down + _whole_pixels(drawn.down, given.shift)
        across = across + _whole_pixels(drawn.across, given.shift)
    if "rotate" in words:
        angle = jnp.deg2rad((2 * drawn.angle - 1) * given.rotate)[:, None, None]
        middle, centre = (height - 1) / 2, (width - 1) / 2
        y, x = down - middle, across - centre
        down = middle + y * jnp.cos(angle) - x * jnp.sin(angle)
        across = centre + y * jnp.sin(angle) + x * jnp.cos(angle)
    if "flip" in words:
        across = jnp.where((drawn.flip < given.flip)[:, None, None], width - 1 - across, across)
    down, across = jnp.broadcast_arrays(jnp.clip(down, 0, height - 1), jnp.clip(across, 0, width - 1))
    top, left = jnp.floor(down), jnp.floor(across)
    if "rotate" not in words:
        found = _looked_up(images, top, left)
    else:
        v, h = (down - top)[:, None], (across - left)[:, None]
        bottom, right = jnp.minimum(top + 1, height - 1), jnp.minimum(left + 1, width - 1)
        upper = (1 - h) * _looked_up(images, top, left) + h * _looked_up(images, top, right)
        lower = (1 - h) * _looked_up(images, bottom, left) + h * _looked_up(images, bottom, right)
        found = (1 - v) * upper + v * lower
    return jnp.where(jnp.broadcast_to(inside, down.shape)[:, None], found, 0)


def _whole_pixels(uniform: Float[Array, " batch"], most: Float[Array, ""]) -> Float[Array, "batch 1 1"]:
    """Whole numbers from -most to most, all with equal chances."""
    return (jnp.floor(uniform * (2 * most + 1)) - most)[:, None, None]


def _looked_up(
    images: Float[Array, "batch channels height width"],
    down: Float[Array, "batch height width"],
    across: Float[Array, "batch height width"],
) -> Float[Array, "batch channels height width"]:
    batch, channels, height, width = images.shape
    place: Int[Array, "batch 1 pixels"] = (down * width + across).astype(jnp.int32).reshape(batch, 1, height * width)
    flat = images.reshape(batch, channels, height * width)
    return jnp.take_along_axis(flat, place, axis=2, mode="clip").reshape(images.shape)
