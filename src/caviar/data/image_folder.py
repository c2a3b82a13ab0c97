"""A folder of pictures becomes columns: one sub-folder per class, or a CSV file of file names and labels.

Pictures of one size of at most 64 x 64 stay as they are, others are scaled to 64 x 64 (`pictures`); one grey channel
when all are grey, else three. Symbolic links are not followed, so nothing outside the folder is read.
"""

import math
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.data.image_cache import kept_or_made
from caviar.data.images import IMAGE, Shape, images_of, size_in_words
from caviar.data.matrices import Columns
from caviar.data.picture_labels import labels_file
from caviar.data.pictures import ENDINGS, Head, heads, pillow, pixels
from caviar.data.words import bytes_in_words, count, listed
from caviar.errors import BadData

SIDE = 64
"""Height and width, in pixels, that pictures are scaled to when no other is asked for."""

MOST_BYTES = 4 << 30
"""Of all pixels together."""

MOST_UNREADABLE = 0.05
"""Share of pictures that may be unreadable; they are left out."""

_MOST_FILES = 2_000_000
_SETS = {"train", "training", "test", "testing", "val", "valid", "validation", "dev"}


class Found(NamedTuple):
    """What lies in a folder."""

    pictures: list[str]
    """Paths below the folder with / between their parts, in the order of the alphabet."""
    tables: list[str]
    """CSV and TSV files of the folder itself."""
    folders: list[str]
    """Sub-folders of the folder itself."""
    links: int
    """Symbolic links, which are not followed."""
    others: int


def read_image_folder(
    root: Path,
    target: str | None,
    names: Sequence[str] | None,
    with_target: bool = True,
    image_shape: Sequence[int] | None = None,
) -> Columns:
    """Columns of a folder of pictures: one of images, and one of labels.

    Args:
        root: an existing folder.
        target: name of the labels' column; None: `class`, or the one that the CSV file has.
        names: one name for the column of images.
        with_target: False takes all pictures of the folder, without labels, in the order of their paths.
        image_shape: height and width, perhaps channels (1 or 3), to scale to; None: the rule above.

    Returns:
        The columns, uint8 (rows, height, width, channels), and sentences about sizes and what was left out.

    Raises:
        BadData: Pillow is missing; no pictures, no classes; too many unreadable ones (without target: any); or more
            pixels than 4 GiB.
    """
    found = _found(root)
    if not found.pictures:
        raise BadData(f"A folder of pictures must hold some ({', '.join(ENDINGS)}), but '{root}' {_instead(found)}.")
    notes: list[str] = []
    if with_target:
        files, labels, called, said = _labelled(root, found, target)
        notes += said
    else:
        files, labels, called = found.pictures, None, None
        notes.append("Rows are the pictures in the order of their paths.")
    if found.links:
        notes.append(f"{count(found.links, 'symbolic link')} not followed.")
    paths = [root / name for name in files]
    known = heads(paths)
    shape, sentence = _shape(known, image_shape)
    notes.append(sentence)
    if (size := len(paths) * math.prod(shape)) > MOST_BYTES:
        raise BadData(
            f"The pixels of all pictures may take {bytes_in_words(MOST_BYTES)}, but {len(paths):,} pictures of "
            f"{size_in_words(shape)} take {bytes_in_words(size)}. Scale them smaller with image_shape=(height, width)."
        )
    made = kept_or_made(paths, shape, lambda: pixels(paths, shape), str(getattr(pillow(), "__version__", "")))
    good = np.array([not fault for fault in made.faults])
    if not good.all():
        notes.append(_unreadable(files, made.faults, with_target))
    if made.note:
        notes.append(made.note)
    column = images_of(names[0] if names else IMAGE, made.pixels[good])
    if labels is None or called is None:
        return Columns(column.to_frame(), None, tuple(notes))
    return Columns(pl.DataFrame([column, labels.filter(pl.Series(good)).alias(called)]), called, tuple(notes))


def holds_pictures(root: Path) -> bool:
    """Whether a folder has a picture within its first thousand files."""
    seen = 0
    for _, folders, files in os.walk(root):
        folders.sort()
        for name in files:
            seen += 1
            if name.lower().endswith(ENDINGS):
                return True
        if seen > 1000:
            break
    return False


def _found(root: Path) -> Found:
    pictures: list[str] = []
    tables: list[str] = []
    top: list[str] = []
    links = others = 0
    waiting = [""]
    while waiting:
        prefix = waiting.pop()
        with os.scandir(root / prefix) as entries:
            for entry in entries:
                name = prefix + entry.name
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_symlink():
                    links += 1
                elif entry.is_dir():
                    waiting.append(f"{name}/")
                    if not prefix:
                        top.append(name)
                elif entry.is_file() and name.lower().endswith(ENDINGS):
                    pictures.append(name)
                elif not prefix and name.lower().endswith((".csv", ".tsv")):
                    tables.append(name)
                else:
                    others += 1
        if len(pictures) + others > _MOST_FILES:
            raise BadData(
                f"A folder may hold {_MOST_FILES:,} files, but '{root}' has more. Name the folder of the pictures only."
            )
    return Found(sorted(pictures), sorted(tables), sorted(top), links, others)


def _instead(found: Found) -> str:
    parts = [
        count(number, noun)
        for number, noun in ((found.others + len(found.tables), "other file"), (found.links, "symbolic link"))
        if number
    ]
    return f"has {' and '.join(parts)}" + (", which are not followed" if found.links else "") if parts else "is empty"


def _labelled(root: Path, found: Found, target: str | None) -> tuple[list[str], pl.Series, str, list[str]]:
    """Files, their labels, the name of the target, and sentences."""
    by_table = labels_file(root, found.tables, found.pictures, target)
    if by_table is not None:
        return by_table
    files = [name for name in found.pictures if "/" in name]
    classes = sorted({name.partition("/")[0] for name in files})
    if classes and {name.lower() for name in classes} <= _SETS:
        first = max(classes, key=lambda name: name.lower().startswith("train"))
        raise BadData(
            f"The sub-folders of '{root}' must be classes, but {listed(classes)} are sets. Name one of them as DATA, "
            f"such as '{root / first}', and another by --test or --dev."
        )
    if len(classes) < 2:
        came = f"only '{classes[0]}'" if classes else "none"
        raise BadData(
            f"A folder of pictures must have one sub-folder for each class, or a CSV file with their file names and "
            f"labels, but '{root}' has {came}. Move each class into a folder of its own, or read with target=False to "
            "predict."
        )
    tally = Counter(name.partition("/")[0] for name in files)
    notes = [f"Classes are the sub-folders: {listed([f'{name} ({tally[name]:,})' for name in classes])}."]
    empty = [name for name in found.folders if name not in tally]
    if empty:
        notes.append(f"{count(len(empty), 'sub-folder')} without pictures left out: {listed(empty, 3)}.")
    if len(files) < len(found.pictures):
        notes.append(f"{count(len(found.pictures) - len(files), 'picture')} outside the sub-folders left out.")
    labels = pl.Series([name.partition("/")[0] for name in files], dtype=pl.String)
    return files, labels, target or "class", notes


def _shape(known: Sequence[Head], asked: Sequence[int] | None) -> tuple[Shape, str]:
    """What pictures are scaled to, and a sentence about it."""
    readable = [head for head in known if not head.fault]
    sizes = {(head.height, head.width) for head in readable} or {(SIDE, SIDE)}
    channels = 1 if readable and all(head.grey for head in readable) else 3
    if asked is not None:
        height, width, channels = _checked(asked, channels)
    elif len(sizes) == 1 and max(next(iter(sizes))) <= SIDE:
        height, width = next(iter(sizes))
    else:
        height = width = SIDE
    shape = (height, width, channels)
    if sizes == {(height, width)}:
        return shape, f"All pictures have {height} x {width} pixels (height x width)."
    smallest, largest = min(sizes, key=math.prod), max(sizes, key=math.prod)
    came = f"{smallest[0]} x {smallest[1]}"
    if largest != smallest:
        came += f" to {largest[0]} x {largest[1]}"
    return shape, (
        f"Pictures of {came} are scaled to {height} x {width} pixels (height x width), whatever their shape"
        + ("; image_shape=(height, width) chooses another size." if asked is None else ", as asked.")
    )


def _checked(asked: Sequence[int], channels: int) -> Shape:
    good = (
        not isinstance(asked, str)
        and len(asked) in (2, 3)
        and all(isinstance(n, (int, np.integer)) and not isinstance(n, bool) for n in asked)
        and all(1 <= n <= 4096 for n in asked[:2])
        and (*asked, channels)[2] in (1, 3)
    )
    if not good:
        raise BadData(
            f"image_shape must be (height, width) in pixels from 1 to 4,096, or (height, width, channels) with 1 or 3 "
            f"channels, got {asked!r}. Write for example image_shape=(32, 32)."
        )
    height, width, channels = (*(int(n) for n in asked), channels)[:3]
    return height, width, channels


def _unreadable(files: Sequence[str], faults: Sequence[str], with_target: bool) -> str:
    bad = [f"{name}: {fault}" for name, fault in zip(files, faults, strict=True) if fault]
    shown = "; ".join(bad[:3]) + (f"; and {len(bad) - 3:,} more" if len(bad) > 3 else "")
    if not with_target:
        raise BadData(f"Every picture to predict for must be readable, but {count(len(bad), 'file')}: {shown}. Remove.")
    if len(bad) > MOST_UNREADABLE * len(files):
        raise BadData(
            f"At most {MOST_UNREADABLE:.0%} of the pictures may be unreadable, but {len(bad):,} of {len(files):,} are "
            f"({shown}). Correct or remove them."
        )
    return f"{count(len(bad), 'picture')} that cannot be read left out ({shown})."
