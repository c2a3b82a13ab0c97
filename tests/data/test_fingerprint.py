import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from caviar.data.fingerprint import fingerprint
from caviar.data.images import images_of

FRAME = pl.DataFrame({"a": [1.5, None, 3.0], "b": ["x", "yz", None], "c": [True, None, False], "d": [1, 2, 3]})


def test_equal_contents_have_one_fingerprint_whatever_their_memory():
    pieces = pl.concat([FRAME[:1], FRAME[1:]], rechunk=False)
    assert fingerprint(pieces) == fingerprint(FRAME)
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert fingerprint(np.asfortranarray(array)) == fingerprint(array)
    assert fingerprint(array.astype(">f4")) == fingerprint(array)


@pytest.mark.parametrize(
    "other",
    [
        FRAME.rename({"a": "A"}),
        FRAME.with_columns(pl.col("d").cast(pl.Int32)),
        FRAME.with_columns(a=pl.Series([1.5, 0.0, 3.0])),  # 0 is not a missing cell
        FRAME.with_columns(b=pl.Series(["xy", "z", None])),  # the same letters
        FRAME.with_columns(b=pl.Series(["x", "yz", ""])),
        FRAME.with_columns(c=pl.Series([True, False, False])),
        FRAME.select("b", "a", "c", "d"),
        FRAME[:2],
        FRAME.with_columns(d=pl.Series([1, 3, 2])),
    ],
)
def test_any_difference_shows(other):
    assert fingerprint(other) != fingerprint(FRAME)


IMAGES = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1)


def test_equal_images_have_one_fingerprint():
    frame = images_of("image", IMAGES).to_frame()
    pieces = pl.concat([frame[:1], frame[1:]], rechunk=False)
    assert fingerprint(pieces) == fingerprint(frame)
    assert fingerprint(frame[[1, 0]]) != fingerprint(frame)


@pytest.mark.parametrize(
    "other",
    [
        IMAGES[:1],
        IMAGES.reshape(2, 3, 2, 1),
        IMAGES.astype(np.uint8),
        np.where(IMAGES == 0, np.nan, IMAGES).astype(np.float32),
        IMAGES + (IMAGES == 11),
    ],
)
def test_any_difference_of_images_shows(other):
    assert fingerprint(images_of("image", other).to_frame()) != fingerprint(images_of("image", IMAGES).to_frame())


def test_parts_do_not_run_into_each_other():
    assert fingerprint("ab", "c") != fingerprint("a", "bc")
    assert fingerprint(np.zeros((2, 3))) != fingerprint(np.zeros((3, 2)))
    assert fingerprint(np.zeros(2, np.int64)) != fingerprint(np.zeros(2))


def test_it_is_the_same_in_another_process():
    program = (
        "import polars as pl; from caviar.data.fingerprint import fingerprint;"
        "print(fingerprint(pl.DataFrame({'a': [1.5, None], 'b': ['x', None]}), 'w'))"
    )
    came = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.strip()
    assert came == fingerprint(pl.DataFrame({"a": [1.5, None], "b": ["x", None]}), "w")
    # a kept value: a change of it makes every run folder look like one of other data
    assert came == "610bff73ddf22d7ee0cdbbda8e921431465eeb52e2ae32fed42553b7173bf5cc"
