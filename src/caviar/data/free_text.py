"""A column of free text becomes counts of its words and pairs of words, hashed into a fixed number of columns.

Nothing is fitted but the width: a word that no train row had finds its place like any other, and there is no vocabulary
to keep.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers
from caviar.data.category import level_of

WIDTH = 256
"""Columns that words and pairs share."""

_WORD = r"(?u)\b\w+\b"
_BLOCK = 10_000  # rows hashed at a time


@dataclass(frozen=True)
class FreeText:
    """How many columns the words of a column of text are hashed into."""

    column: str
    width: int
    marked: bool
    """Whether an output is 1 where the cell is missing: when a train row had it missing."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the outputs."""
        words = tuple(f"{self.column} words {number}" for number in range(self.width))
        return words + (f"{self.column} is missing",) * self.marked

    def outputs(self, cells: pl.Series) -> Numbers:
        """Outputs of the column, float32 (rows, len(names)); a missing cell has no words.

        Every word, in small letters, and every pair of neighbours adds 1 or -1 to the column that its hash names; a row
        is divided by its length and multiplied by sqrt(width), so that its mean square is 1, as that of a standardised
        number is.

        Source: Weinberger et al. 2009, "Feature hashing for large scale multitask learning", arXiv:0902.2206.
        """
        from sklearn.feature_extraction.text import HashingVectorizer  # noqa: PLC0415  (slow to import)

        hashing = HashingVectorizer(n_features=self.width, ngram_range=(1, 2), token_pattern=_WORD)
        text = level_of(cells)
        outputs = np.zeros((len(text), len(self.names)), np.float32)
        for start in range(0, len(text), _BLOCK):
            some = text.slice(start, _BLOCK).fill_null("").to_list()
            hashed: Any = hashing.transform(some)  # a sparse matrix
            outputs[start : start + _BLOCK, : self.width] = hashed.toarray()
        outputs[:, : self.width] *= np.sqrt(np.float32(self.width))
        if self.marked:
            outputs[:, -1] = text.is_null().to_numpy()
        return outputs


def fit_free_text(cells: pl.Series) -> FreeText | str:
    """The state of one column of the train rows, or the reason why it is of no use."""
    text = level_of(cells)
    if text.null_count() == len(text):
        return "every cell is missing"
    if text.n_unique() == 1:
        return "all cells are alike"
    return FreeText(cells.name, WIDTH, marked=text.null_count() > 0)
