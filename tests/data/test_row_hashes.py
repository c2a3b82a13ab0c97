import datetime

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from made_up import features

from caviar.data.images import images_of
from caviar.data.row_hashes import row_hashes, set_fingerprint


@given(features(), st.data())
def test_equal_rows_have_equal_numbers(frame, data):
    """Against a comparison of the cells themselves."""
    again = data.draw(st.lists(st.integers(0, frame.height - 1), max_size=20))
    whole = pl.concat([frame, frame[again]])
    hashes = row_hashes(whole)
    assert hashes.dtype == np.uint64
    cells = [tuple(0.0 if cell == 0 else cell for cell in row) for row in whole.rows()]
    assert len(set(zip(cells, hashes.tolist(), strict=True))) == len(set(cells)) == len(set(hashes.tolist()))
    shuffled = whole.select(data.draw(st.permutations(whole.columns)))
    np.testing.assert_array_equal(row_hashes(shuffled), hashes)


def test_values_and_not_types_count():
    one = pl.DataFrame({"a": [1, 0, None], "d": [datetime.date(2024, 1, 1)] * 3})
    other = pl.DataFrame({"a": [1.0, -0.0, None], "d": [datetime.datetime(2024, 1, 1)] * 3})
    np.testing.assert_array_equal(row_hashes(one), row_hashes(other))
    assert len(set(row_hashes(one).tolist())) == 3
    assert set(row_hashes(one).tolist()).isdisjoint(row_hashes(one.rename({"a": "b"})).tolist())
    swapped = pl.DataFrame({"a": [1, 2], "b": [2, 1]})
    assert len(set(row_hashes(swapped).tolist())) == 2


def test_large_whole_numbers_are_told_apart():
    near = pl.DataFrame({"id": [2**60, 2**60 + 1, -(2**60), 2**60]})
    assert len(set(row_hashes(near).tolist())) == 3


def test_images():
    pixels = np.random.default_rng(0).integers(0, 256, (6, 4, 3, 2))
    pixels[5] = pixels[0]
    hashes = [
        row_hashes(images_of("image", pixels.astype(dtype)).to_frame()).tolist() for dtype in (np.uint8, np.float32)
    ]
    assert hashes[0] == hashes[1]
    assert len(set(hashes[0])) == 5
    assert hashes[0][0] == hashes[0][5]


def test_numbers_are_those_of_every_process():
    """Written down: a ledger of today must be understood by the caviar of tomorrow."""
    frame = pl.DataFrame({"a": [1.5, None], "b": ["Köln", "x"], "c": [True, False]})
    assert row_hashes(frame).tolist() == [5132438394929808026, 7129924745201975102]
    assert set_fingerprint(np.array([3, 1, 3], np.uint64)) == set_fingerprint(np.array([1, 3], np.uint64))


def test_chance_collisions_are_rare():
    assert len(np.unique(row_hashes(pl.DataFrame({"a": np.arange(200_000), "b": np.arange(200_000) % 7})))) == 200_000
