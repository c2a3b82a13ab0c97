"""Picture files become uint8 pixels of one size, through Pillow (extra `images`).

A picture is turned as its camera says, laid on white where it is transparent, and scaled to the wanted height and
width whatever its shape, each new pixel a mean of those it covers (Pillow's BILINEAR). Only formats that Pillow
decodes itself are opened, and none of more than 50 million pixels.
"""

import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from pathlib import Path
from threading import Lock
from typing import Any, NamedTuple

import numpy as np

from caviar.data.images import Shape
from caviar.errors import BadData

ENDINGS = (".png", ".jpg", ".jpeg", ".gif", ".bmp", ".webp", ".tif", ".tiff", ".ppm", ".pgm", ".pbm")
FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
MOST_PIXELS = 50_000_000
_LARGE = 4_000_000
_THREADS = 4
_GREY = ("1", "L", "LA", "La", "I", "F")

_one_large = Lock()
"""Large pictures are decoded one at a time: four of 50 million pixels would take 2 GB."""


class Head(NamedTuple):
    """What the first bytes of a picture say; or why it cannot be read."""

    height: int = 0
    width: int = 0
    grey: bool = False
    fault: str = ""


def heads(paths: Sequence[Path]) -> list[Head]:
    """Sizes of pictures, before any is decoded."""
    return _each(paths, _head)


def pixels(paths: Sequence[Path], shape: Shape) -> tuple[np.ndarray, list[str]]:
    """Decode and scale pictures.

    Args:
        paths: of the files; one may come several times.
        shape: height, width and channels (1: grey, 3: red, green, blue) to scale to.

    Returns:
        uint8 (files, height, width, channels), and for each file why it cannot be read ("" when it can; its pixels
        are 0 otherwise).
    """
    scaled = np.zeros((len(paths), *shape), np.uint8)

    def fill(number: int) -> str:
        try:
            scaled[number] = _scaled(paths[number], shape)
        except Exception as error:  # a decoder of seven formats fails on damaged files in every way there is
            return _told(error)
        return ""

    return scaled, _each(range(len(paths)), fill)


def pillow() -> Any:
    """Pillow's `Image`, the door to the extra."""
    try:
        from PIL import Image  # noqa: PLC0415
    except ImportError:
        raise BadData('Reading pictures needs Pillow, which is not there: pip install "caviar[images]"') from None
    return Image


def _each(pictures: Sequence[Any], function: Callable[[Any], Any]) -> list[Any]:
    pillow()
    with warnings.catch_warnings():  # of damaged EXIF data and the like, which are of no use here
        warnings.simplefilter("ignore")
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(function, pictures))


def _head(path: Path) -> Head:
    try:
        with _opened(path) as image:
            width, height = image.size
            if image.getexif().get(0x0112, 1) in (5, 6, 7, 8):  # the camera was held upright
                width, height = height, width
            return Head(height, width, image.mode.split(";")[0] in _GREY)
    except Exception as error:  # as in `pixels`
        return Head(fault=_told(error))


def _opened(path: Path) -> Any:
    image = pillow().open(path, formats=FORMATS)
    width, height = image.size
    if width * height > MOST_PIXELS:
        image.close()
        raise ValueError(f"it has {width:,} x {height:,} pixels, more than {MOST_PIXELS:,}")
    return image


def _scaled(path: Path, shape: Shape) -> np.ndarray:
    from PIL import ImageOps  # noqa: PLC0415

    height, width, channels = shape
    with _opened(path) as image, _one_large if image.size[0] * image.size[1] > _LARGE else nullcontext():
        image.draft(None, (2 * max(height, width),) * 2)  # JPEG is decoded at 1/2, 1/4 or 1/8 where that is enough
        upright = ImageOps.exif_transpose(image)
        if upright.mode[0] == "I":  # 16 bits, or 32 of which 16 are used
            upright = pillow().fromarray((np.asarray(upright).clip(0, 65535) / 257).round().astype(np.uint8))
        colours = "L" if channels == 1 else "RGB"
        if upright.has_transparency_data:
            clear = upright.convert("RGBA")
            upright = pillow().new("RGB", clear.size, "white")
            upright.paste(clear, mask=clear.getchannel("A"))
        small = upright.convert(colours).resize((width, height), pillow().Resampling.BILINEAR)
        return np.asarray(small).reshape(shape)


def _told(error: Exception) -> str:
    if type(error).__name__ == "UnidentifiedImageError":  # its words hold the whole path
        return "no picture of a known format"
    return " ".join(str(error).split())[:100] or type(error).__name__
