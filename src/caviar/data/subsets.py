"""An order of rows of which every beginning is a subset that stands for all: what a learning curve is drawn from.

Subsets of one order are nested: a smaller one lies inside every larger one, so that what is added is all that differs.
"""

from typing import NamedTuple

import numpy as np

from caviar.arrays import Whole


class Nested(NamedTuple):
    """Rows in an order of whole groups."""

    order: Whole
    """(rows,) row numbers."""
    ends: Whole
    """(groups,) rows up to the end of each group, rising."""

    def first(self, share: float) -> Whole:
        """The first groups whose rows come nearest to a share of all, at least one group; row numbers, rising."""
        end = int(self.ends[np.argmin(np.abs(self.ends - share * len(self.order)))])
        return np.sort(self.order[:end])


def nested_by_class(codes: Whole | None, together: Whole | None, rows: int, stream: np.random.Generator) -> Nested:
    """A random order that holds about its share of every class wherever it is cut.

    Groups of a class come in random order, each at the place among its class where its rows lie: rows on their own are
    off by less than one per class, at every cut.

    Args:
        codes: (rows,) class of every row; None: no classes to balance. A group counts with the class of its first row.
        together: (rows,) rows with one number stay together; None: every row is on its own.
        rows: how many there are.
        stream: of random numbers.
    """
    groups = np.arange(rows) if together is None else np.unique(together, return_inverse=True)[1]
    _, first, sizes = np.unique(groups, return_index=True, return_counts=True)
    label = np.zeros(len(first), np.int64) if codes is None else codes[first].astype(np.int64)
    order = stream.permutation(len(first))
    order = order[np.argsort(label[order], kind="stable")]  # by class, at random within
    of_class = np.bincount(label, weights=sizes)
    before = np.cumsum(sizes[order]) - sizes[order]
    before = before - (np.cumsum(of_class) - of_class)[label[order]]
    place = (before + sizes[order] / 2) / of_class[label[order]]
    order = order[np.lexsort((stream.random(len(order)), place))]
    turn = np.empty(len(order), np.int64)
    turn[order] = np.arange(len(order))
    return Nested(np.argsort(turn[groups], kind="stable"), np.cumsum(sizes[order]))


def nested_by_time(times: Whole) -> Nested:
    """The latest rows first."""
    return Nested(np.argsort(-np.unique(times, return_inverse=True)[1], kind="stable"), np.arange(1, len(times) + 1))
