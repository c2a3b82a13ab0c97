from itertools import pairwise

import numpy as np
import polars as pl

from caviar.data.free_text import WIDTH, FreeText, fit_free_text

CELLS = ["a fine house", None, "An old house, by the sea", "the sea"]


def fitted(*cells):
    state = fit_free_text(pl.Series("t", cells, dtype=pl.String))
    assert isinstance(state, FreeText)
    return state


def hashed(text):
    """One row by hand: murmur hash of words and pairs, its sign the sign, its remainder the column."""
    from sklearn.utils import murmurhash3_32

    words = text.lower().split()
    row = np.zeros(WIDTH)
    for term in words + [" ".join(pair) for pair in pairwise(words)]:
        code = murmurhash3_32(term, seed=0, positive=False)
        row[abs(int(code)) % WIDTH] += 1 if code >= 0 else -1
    return row / np.sqrt((row**2).sum()) * np.sqrt(WIDTH)


def test_words_and_pairs_by_hand():
    state = fitted(*CELLS)
    came = state.outputs(pl.Series("t", CELLS))
    assert came.dtype == np.float32
    assert came.shape == (4, WIDTH + 1) == (4, len(state.names))
    for row, text in ((0, CELLS[0]), (2, "an old house by the sea"), (3, CELLS[3])):
        np.testing.assert_allclose(came[row, :WIDTH], hashed(text), rtol=1e-5)
    assert not came[1, :WIDTH].any()
    assert came[:, WIDTH].tolist() == [0, 1, 0, 0]


def test_new_words_have_their_place_and_many_rows_are_hashed_in_blocks():
    state = fitted("a b c", "d e f")
    rows = pl.Series("t", [f"word{i} and more" for i in range(10_050)])
    came = state.outputs(rows)
    np.testing.assert_allclose(np.mean(came**2, axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(came[10_040:], state.outputs(rows[10_040:]))


def test_columns_of_no_use():
    assert fit_free_text(pl.Series("t", [None, None], dtype=pl.String)) == "every cell is missing"
    assert fit_free_text(pl.Series("t", ["a b", "a b"])) == "all cells are alike"
