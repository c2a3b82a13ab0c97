"""Columns of every type as numbers for trees."""

import datetime

import numpy as np
import polars as pl

from caviar.data.checks.matrix import matrix_of, some_rows
from caviar.data.images import images_of


def test_every_type_has_its_numbers():
    frame = pl.DataFrame(
        {
            "x": [1.5, None, 3.0],
            "flag": [True, False, None],
            "day": [datetime.date(1970, 1, 2), None, datetime.date(1970, 1, 11)],
            "city": ["Rome", "Oslo", "Rome"],
            "id": ["a", "b", "c"],
        }
    )
    (got,) = matrix_of([frame])
    nan = float("nan")
    np.testing.assert_array_equal(got, np.float32([[1.5, 1, 1, 0], [nan, 0, nan, 1], [3, nan, 10, 0]]))


def test_later_frames_are_read_as_the_first_and_levels_are_ranked_together():
    first = pl.DataFrame({"x": [1, 2], "c": ["a", "b"]})
    second = pl.DataFrame({"c": ["b", "b", None], "x": ["3", "4", "5"], "more": [1, 2, 3]})
    a, b = matrix_of([first, second])
    np.testing.assert_array_equal(a, np.float32([[1, 1], [2, 0]]))
    np.testing.assert_array_equal(b, np.float32([[3, 0], [4, 0], [5, np.nan]]))


def test_large_images_are_averaged():
    pixels = np.arange(2 * 32 * 32, dtype=np.uint8).reshape(2, 32, 32, 1)
    (got,) = matrix_of([pl.DataFrame([images_of("image", pixels)])])
    assert got.shape == (2, 256)
    assert got[0, 0] == pixels[0, :2, :2].mean()
    assert got[1, 17] == pixels[1, 2:4, 2:4].mean()


def test_some_rows():
    np.testing.assert_array_equal(some_rows(5, 5), np.arange(5))
    got = some_rows(1000, 10, 3)
    assert len(set(got.tolist())) == 10
    assert (np.diff(got) > 0).all()
    assert got.tolist() != some_rows(1000, 10, 4).tolist()
