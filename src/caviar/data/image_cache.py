"""Scaled pictures are kept in the user's cache folder, so that a folder of pictures is decoded once.

A file of the cache is never needed: one that cannot be read is made again, and the oldest go when there is too much.
"""

import hashlib
import json
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from caviar.data.images import Shape
from caviar.data.words import bytes_in_words
from caviar.files import cache_folder, write_atomically

MOST_BYTES = 4 << 30
"""Of all files of the cache together."""

_RULE = 2  # counts up when the same files give other pixels


class Scaled(NamedTuple):
    """Pictures of one size."""

    pixels: np.ndarray
    """uint8 (files, height, width, channels)."""
    faults: list[str]
    """For each file why it cannot be read, "" when it can."""
    note: str = ""
    """What went wrong with keeping them."""


def kept_or_made(
    paths: Sequence[Path], shape: Shape, make: Callable[[], tuple[np.ndarray, list[str]]], version: str
) -> Scaled:
    """Scaled pictures from the cache, or made and kept there.

    Args:
        paths: of the pictures; their names, sizes and times of change are the key.
        shape: height, width and channels.
        make: gives pixels and faults.
        version: of the library that scales.

    Returns:
        The same pixels either way.
    """
    about = [(str(path), stat.st_size, stat.st_mtime_ns) for path in paths for stat in (path.stat(),)]
    key = hashlib.sha256(json.dumps([_RULE, version, shape, about]).encode()).hexdigest()[:32]
    file = cache_folder() / "images" / f"{key}.npz"
    known = _kept(file, (len(paths), *shape))
    if known is not None:
        return known
    pixels, faults = make()
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _make_room(file.parent, pixels.nbytes)
        with write_atomically(file) as path, path.open("wb") as stream:
            np.savez(stream, pixels=pixels, faults=np.asarray(faults, dtype=str))
    except OSError as error:
        reason = error.strerror or str(error)
        return Scaled(pixels, faults, f"The scaled pictures are not kept for the next time: {file.parent}: {reason}.")
    return Scaled(pixels, faults)


def _kept(file: Path, shape: tuple[int, ...]) -> Scaled | None:
    try:
        with np.load(file, allow_pickle=False) as held:
            pixels, faults = held["pixels"], held["faults"].tolist()
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    if pixels.shape != shape or pixels.dtype != np.uint8 or len(faults) != len(pixels):
        return None
    return Scaled(pixels, faults)


def _make_room(folder: Path, wanted: int) -> None:
    """Remove the oldest files until `wanted` bytes more are not too much."""
    if wanted > MOST_BYTES:
        raise OSError(None, f"they have {bytes_in_words(wanted)}, more than the cache holds")
    files = sorted(((p.stat(), p) for p in folder.glob("*.npz")), key=lambda known: -known[0].st_mtime)
    held = wanted
    for stat, path in files:
        held += stat.st_size
        if held > MOST_BYTES:
            path.unlink(missing_ok=True)
