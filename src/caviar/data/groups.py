"""Rows that belong together, such as all rows of one patient or equal rows, are placed whole into sets or folds."""

from typing import NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.row_hashes import row_hashes
from caviar.data.stored import Frame
from caviar.data.strata import apportion, shuffled
from caviar.data.words import count

_COMMON = 0.01
"""A row that is this share of a table is common by nature and no copy."""
_FEW = 10
"""So many equal rows are never called common."""
_REPEATS = 10
"""In a table where every row occurs this often on average, rows repeat by nature."""


class Together(NamedTuple):
    """Which rows stay together, and why."""

    codes: Whole | None
    """int64 (rows,): rows with one number stay together; None: every row is on its own."""
    said: tuple[str, ...]
    """Sentences."""


def rows_together(features: Frame, group: pl.Series | None, *, duplicates: bool) -> Together:
    """Find the rows that must be in one set.

    Args:
        features: equal rows of these columns stay together, whatever their target: a network that has learned one by
            heart knows the other.
        group: rows with the same value stay together; a row without one is on its own.
        duplicates: whether equal rows stay together.
    """
    equal = _equal_rows(features) if duplicates else Together(None, ())
    if group is None:
        return equal
    codes = _group_codes(group)
    named = f"{_groups_in_words(group, codes)}: each is in one set only. '{group.name}' is not learned from."
    if equal.codes is None:
        return Together(codes, (named, *equal.said))
    joined = _joined(codes, equal.codes)
    if 2 * len(np.unique(joined)) >= len(np.unique(codes)):
        return Together(joined, (named, *equal.said))
    apart = f"Equal rows of different '{group.name}' are kept apart, since they would tie most groups together."
    return Together(codes, (named, apart))


def place(together: Whole, codes: Whole | None, quota: Numbers | Whole, seed: int, stream: int = 0) -> Whole:
    """Put whole groups into sets, so that sizes and classes come out as near to the quota as they can.

    Groups come in order of size, by powers of two, at random among their like; each goes where the share that is
    already filled is smallest (Sainte-Lague's method, over classes), so that large and small groups are divided
    alike. Rows on their own come last and fill what is left exactly.

    Args:
        together: (rows,) rows with one number go into one set.
        codes: (rows,) class of every row, or None.
        quota: (classes, sets) rows of every class that every set should get; one line without classes.
        seed: of the order.
        stream: of the random numbers.

    Returns:
        int64 (rows,) number of the set of every row. Every class is in set 0 if it is anywhere in the table, and
        every set with a quota has a row if there are as many groups as sets.
    """
    order = shuffled(len(together), seed, stream)
    labels = np.zeros(len(together), np.int64) if codes is None else codes.astype(np.int64)
    _, group, rows_of = np.unique(together, return_inverse=True, return_counts=True)
    members = _members(group, labels)
    first = np.full(len(rows_of), -1)
    first[group[order[::-1]]] = np.arange(len(order))[::-1]  # where the group first comes in random order
    large = np.flatnonzero(rows_of > 1)
    large = large[np.lexsort((first[large], -np.floor(np.log2(rows_of[large]))))]
    chosen = np.zeros(len(rows_of), np.int64)
    wanted = [[float(n) for n in line] for line in quota]
    filled = [[0.0] * quota.shape[1] for _ in wanted]
    pinned = _of_one_group(members, len(quota))
    for number in large.tolist():
        own = members[number]
        at = 0 if any(label in pinned for label, _ in own) else _emptiest(own, wanted, filled)
        chosen[number] = at
        for label, rows in own:
            filled[label][at] += rows
    single = np.isin(np.arange(len(rows_of)), large, invert=True)[group]
    placed = chosen[group]
    alone = order[single[order]]
    placed[alone] = _fill(labels[alone], quota, np.array(filled))
    return _none_empty(placed, group, labels, quota)


def _members(group: Whole, labels: Whole) -> list[list[tuple[int, int]]]:
    """Classes of every group, and its rows of each."""
    pairs, rows = np.unique(np.stack([group, labels]), axis=1, return_counts=True)
    found: list[list[tuple[int, int]]] = [[] for _ in range(int(group.max()) + 1)]
    for number, label, n in zip(*pairs.tolist(), rows.tolist(), strict=True):
        found[number].append((label, n))
    return found


def _of_one_group(members: list[list[tuple[int, int]]], classes: int) -> set[int]:
    """Classes that a single group has: they can only be learned or judged."""
    groups = np.bincount([label for own in members for label, _ in own], minlength=classes)
    return set(np.flatnonzero(groups == 1).tolist())


def _emptiest(own: list[tuple[int, int]], wanted: list[list[float]], filled: list[list[float]]) -> int:
    """The set of whose rows of these classes the smallest share is there, half of the newcomers counted."""
    best, least = 0, float("inf")
    for at in range(len(wanted[0])):
        share = 0.0
        for label, rows in own:
            quota = wanted[label][at]
            share += rows * (filled[label][at] + rows / 2) / quota if quota > 0 else float("inf")
        if share < least:
            best, least = at, share
    return best


def _fill(labels: Whole, quota: Numbers | Whole, have: Numbers) -> Whole:
    """The set of every row that is on its own: set 1 and later ones are filled up, set 0 gets the rest."""
    free = np.bincount(labels, minlength=len(quota))
    kept = np.where(have[:, 0] > 0, 0, np.minimum(free, 1))  # a row of every class stays for set 0
    placed = np.zeros(len(labels), np.int64)
    by_class = np.argsort(labels, kind="stable")
    start = np.cumsum(free) - free
    taken = np.zeros(len(quota), np.int64)
    for at in range(1, quota.shape[1]):
        most = np.maximum(free - taken - kept, 0)
        total = min(max(0, round(float(quota[:, at].sum() - have[:, at].sum()))), int(most.sum()))
        wish = np.clip(quota[:, at] - have[:, at], 0, None)
        given = apportion(wish * total / max(wish.sum(), 1), total, most * 0, most)
        for label in np.flatnonzero(given):
            begin = start[label] + taken[label]
            placed[by_class[begin : begin + given[label]]] = at
        taken += given
    return placed


def _none_empty(placed: Whole, group: Whole, labels: Whole, quota: Numbers | Whole) -> Whole:
    """Move the smallest groups that will do: to set 0 for a class that it lacks, and to a set that has no row."""
    placed = placed.copy()
    sizes = np.bincount(group)
    for label in np.flatnonzero(np.bincount(labels, minlength=len(quota))):
        own = labels == label
        if (placed[own] == 0).any() or not quota[label, 0]:
            continue
        moved = min(np.unique(group[own]).tolist(), key=lambda number: sizes[number])
        placed[group == moved] = 0
    for at in np.flatnonzero(quota.sum(axis=0)):
        if (placed == at).any():
            continue
        holder = int(np.argmax(np.bincount(placed)))
        there = np.unique(group[placed == holder])
        if len(there) > 1:
            placed[group == there[np.argmin(sizes[there])]] = at
    return placed


def _equal_rows(features: Frame) -> Together:
    _, codes, times = np.unique(row_hashes(features), return_inverse=True, return_counts=True)
    rows = len(codes)
    if len(times) == rows:
        return Together(None, ())
    repeated = int((times > 1)[codes].sum())
    if len(times) * _REPEATS <= rows:
        return Together(
            None,
            (
                f"Of {rows:,} rows only {len(times):,} differ in their features: rows repeat by nature, so equal ones "
                "may be in different sets.",
            ),
        )
    common = times > max(_FEW, _COMMON * rows)
    said = []
    if (tied := repeated - int(times[common].sum())) > 0:
        said.append(f"{tied:,} rows have the same features as another one: equal rows are kept in one set.")
    if common.any():
        said.append(
            f"{count(int(common.sum()), 'row')} of features {'is' if common.sum() == 1 else 'are'} common by nature "
            f"(up to {int(times.max()):,} times) and may be in different sets."
        )
        own = np.flatnonzero(common[codes])
        codes = codes.copy()
        codes[own] = len(times) + np.arange(len(own))
    return Together(codes if tied > 0 else None, tuple(said))


def _group_codes(group: pl.Series) -> Whole:
    """A number for every group; a row without one has a number of its own."""
    codes = group.rank("dense").cast(pl.Int64).fill_null(-1).to_numpy().copy()
    alone = np.flatnonzero(codes < 0)
    codes[alone] = codes.max(initial=0) + 1 + np.arange(len(alone))
    return codes


def _groups_in_words(group: pl.Series, codes: Whole) -> str:
    sizes = np.bincount(codes)
    missing = group.null_count()
    told = f"{count(group.drop_nulls().n_unique(), 'group')} by '{group.name}', of up to {int(sizes.max()):,} rows"
    if missing:
        told += f", and {count(missing, 'row')} without one, each on its own"
    return told


def _joined(one: Whole, other: Whole) -> Whole:
    """Rows that are together by one of two numberings, directly or through others."""
    from scipy.sparse import coo_array  # noqa: PLC0415  (only where it is needed: reading stays quick)
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    _, a = np.unique(one, return_inverse=True)
    _, b = np.unique(other, return_inverse=True)
    nodes = int(a.max()) + int(b.max()) + 2
    edges = coo_array((np.ones(len(a), np.int8), (a, b + int(a.max()) + 1)), shape=(nodes, nodes))
    return connected_components(edges, directed=False)[1][a].astype(np.int64)
