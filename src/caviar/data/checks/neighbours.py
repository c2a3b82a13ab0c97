"""Rows that lie closer to another one than the density of the data around them explains.

Where data are dense, neighbours are close and nothing is wrong, so no distance is small by itself. In a smooth density
of dimension m the nearest of k neighbours lies within t times the distance of the k-th with chance 1 - (1 - t^m)^(k-1).
A row is a near copy when its nearest neighbour would be so close with a chance below one in a thousand, in all rows
together.

The dimension is that of the data, not the number of columns: it is estimated from the outer neighbours, which copies do
not reach (Levina & Bickel 2004, averaged as MacKay & Ghahramani 2005 say), locally and overall; the lower one counts.
Numbers that were rounded have no distances below their step: its variance is added to all squared distances.
"""

from typing import NamedTuple

import numpy as np

from caviar.arrays import Mask, Numbers, Whole

NEIGHBOURS = 20
MOST_ROWS, MOST_PAIRS = 10_000, 500_000_000
"""So many rows are looked at, and so many distances are taken: the fewer of the two."""
CHANCE = 1e-3
"""Of a single false near copy in all rows."""
CLOSE = 1 / 3
"""A near copy is also nearer than this share of the distance of the k-th neighbour, whatever the dimension."""
_FEW_COLUMNS = 6  # a tree is faster than all distances up to here


class Near(NamedTuple):
    """Near copies among the rows that were looked at."""

    row: Whole
    """(pairs,) row numbers."""
    other: Whole
    """(pairs,) the nearest row of each."""
    distance: Numbers
    """(pairs,) over the distance that is usual for a nearest neighbour."""
    looked_at: int


def near_copies(x: Numbers, order: Whole, rounding: float = 0.0) -> Near:
    """Find rows that are much closer to another than the data's density explains.

    Args:
        x: float (rows, width), columns of comparable spread, no row twice.
        order: row numbers, those that matter most first; the first of them are looked at, among all rows.
        rounding: variance that rounding adds to a squared distance, in the unit of `x`.

    Returns:
        Pairs. Fewer than 50 rows give none.
    """
    at = order[: most_looked_at(len(x))]
    if len(x) < 50:
        return Near(at[:0], at[:0], np.empty(0), 0)
    from sklearn.neighbors import NearestNeighbors  # noqa: PLC0415  a second to import

    x = np.ascontiguousarray(x, np.float32 if x.shape[1] > _FEW_COLUMNS else np.float64)
    way = "kd_tree" if x.shape[1] <= _FEW_COLUMNS else "brute"
    found = NearestNeighbors(n_neighbors=NEIGHBOURS + 1, algorithm=way).fit(x)
    _, nearest = found.kneighbors(x[at])
    nearest = _without_self(nearest, at)
    squared = np.stack([_squared(x, at, nearest[:, i]) for i in range(NEIGHBOURS)], axis=1)
    distance = np.sqrt(squared + rounding)
    log = np.log(np.maximum(distance, 1e-300) / np.maximum(distance[:, -1:], 1e-300))
    inverse = -log[:, NEIGHBOURS // 2 : -1].mean(axis=1)  # 1 / dimension, seen from the outer half of the neighbours
    # The k-th of the outer neighbours stands at a fraction of the ball: their mean log distance is -c / m.
    ranks = np.arange(NEIGHBOURS // 2 + 1, NEIGHBOURS)
    expected = np.mean([sum(1 / j for j in range(rank, NEIGHBOURS)) for rank in ranks])
    local = expected / np.maximum(inverse, 1e-12)
    dimension = np.minimum(np.minimum(local, expected / max(float(inverse.mean()), 1e-12)), x.shape[1])
    log_chance = np.log(NEIGHBOURS - 1) + dimension * log[:, 0]
    near = (log_chance + np.log(len(x)) < np.log(CHANCE)) & (log[:, 0] < np.log(CLOSE))
    usual = max(float(np.median(distance[:, 0])), 1e-300)
    return Near(at[near], nearest[near, 0], distance[near, 0] / usual, len(at))


def most_looked_at(rows: int) -> int:
    """How many rows of a table are compared with all others."""
    return min(rows, MOST_ROWS, MOST_PAIRS // max(rows, 1))


def alike_first(codes: Whole, prefer: Mask) -> Whole:
    """Row numbers in the order in which they should be looked at.

    First rows that share their code with another row, then `prefer`, then the others, each in random order.

    Args:
        codes: (rows,) a coarse description of each row, such as its cell of a grid or the hash of its image.
        prefer: (rows,).
    """
    _, inverse, counts = np.unique(codes, return_inverse=True, return_counts=True)
    shared = counts[inverse] > 1
    if shared.mean() > 0.5:  # so coarse that it tells nothing
        shared[:] = False
    random = np.random.Generator(np.random.Philox(key=len(codes))).random(len(codes))
    return np.lexsort((random, ~prefer, ~shared))


def grid_cell(x: Numbers, width: float = 0.25) -> Whole:
    """uint64 (rows,) codes of the cells of a grid, in the unit of `x`, in which rows lie."""
    codes = np.zeros(len(x), np.uint64)
    for i, column in enumerate(np.round(x / width).T):
        cells = np.unique(column, return_inverse=True)[1]
        codes += np.random.Philox(key=i).random_raw(int(cells.max()) + 1)[cells]
    return codes


def _without_self(nearest: Whole, at: Whole) -> Whole:
    """(rows, k) neighbours of k + 1, without the row itself, or without the last where it is not among them."""
    itself = nearest == at[:, None]
    itself[~itself.any(axis=1), -1] = True
    return nearest[~itself].reshape(len(at), -1)


def _squared(x: Numbers, at: Whole, others: Whole) -> Numbers:
    """Squared distances in float64: the quick ones lose small distances to rounding."""
    squared = np.empty(len(at))
    for start in range(0, len(at), 1_000):
        part = slice(start, start + 1_000)
        squared[part] = ((x[at[part]].astype(np.float64) - x[others[part]]) ** 2).sum(axis=1)
    return squared
