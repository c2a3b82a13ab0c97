import datetime

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.checks.equal_rows import comparable, first_equal
from caviar.data.images import images_of

CELLS = {
    "whole": st.none() | st.integers(0, 2),
    "number": st.none() | st.sampled_from([0.0, -0.0, 0.5]),
    "text": st.none() | st.sampled_from(["a", "b"]),
}


@st.composite
def frames(draw):
    rows = draw(st.integers(1, 30))
    types = {"whole": pl.Int64, "number": pl.Float64, "text": pl.String}
    return pl.DataFrame(
        [
            pl.Series(name, draw(st.lists(cells, min_size=rows, max_size=rows)), dtype=types[name])
            for name, cells in CELLS.items()
        ]
    )


@given(frames())
def test_the_first_equal_row_is_the_one_a_loop_finds(frame):
    rows = comparable(frame).rows()
    np.testing.assert_array_equal(first_equal(comparable(frame)), [rows.index(row) for row in rows])


def test_cells_of_other_types_are_compared_by_what_they_say():
    a = pl.DataFrame({"n": [1, 2], "t": ["1", "x"], "d": [datetime.date(2024, 1, 31)] * 2})
    b = pl.DataFrame({"d": [datetime.date(2024, 1, 31)], "n": [1.0], "t": [1]}, schema_overrides={"t": pl.Int64})
    assert first_equal(comparable(a, b)).tolist() == [0, 1, 0]


def test_large_whole_numbers_are_not_rounded():
    frame = pl.DataFrame({"id": [2**60, 2**60 + 1]})
    assert first_equal(comparable(frame)).tolist() == [0, 1]


def test_columns_that_one_frame_lacks_do_not_count():
    assert comparable(pl.DataFrame({"a": [1], "b": [2]}), pl.DataFrame({"b": [2], "c": [3]})).columns == ["b"]


def test_images_are_compared_pixel_by_pixel_whatever_their_type():
    pixels = np.random.default_rng(0).integers(0, 9, (4, 3, 3, 1))
    pixels[3] = pixels[1]
    whole, real = (pl.DataFrame([images_of("image", pixels.astype(kind))]) for kind in (np.uint8, np.float32))
    assert first_equal(comparable(whole)).tolist() == [0, 1, 2, 1]
    assert first_equal(comparable(whole, real)).tolist() == [0, 1, 2, 1, 0, 1, 2, 1]
