"""Which row goes to which set, by seed and class; nothing but arrays.

The random numbers are uniform doubles of Philox, sorted: the same rows on every platform.
"""

import numpy as np

from caviar.arrays import Numbers, Whole
from caviar.data.sizes import Sizes


def choose_rows(codes: Whole | None, sizes: Sizes, seed: int, rows: int, stream: int = 0) -> tuple[Whole, Whole, Whole]:
    """Rows of train, dev and test.

    Args:
        codes: (rows,) class of every row; None: no classes to balance.
        sizes: rows of each set, adding up to `rows`.
        seed: not negative.
        rows: of the table.
        stream: of the random numbers: another one is another choice with the same seed.

    Returns:
        Three arrays of row numbers, each in random order; together every row once. With classes each set has
        of every class the rows its size asks for, rounded (`allot`).
    """
    order = shuffled(rows, seed, stream)
    if codes is None:
        test, dev, train = np.split(order, [sizes.test, sizes.test + sizes.dev])
        return train, dev, test
    share = allot(np.bincount(codes), sizes)
    place = np.empty(rows, np.int64)  # of a row among those of its class, in random order
    by_class = order[np.argsort(codes[order], kind="stable")]
    counts = np.bincount(codes)
    place[by_class] = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    to_test = place < share[codes, 2]
    to_dev = ~to_test & (place < share[codes, 2] + share[codes, 1])
    return order[~(to_test | to_dev)[order]], order[to_dev[order]], order[to_test[order]]


def allot(counts: Whole, sizes: Sizes) -> Whole:
    """Rows of every class in every set, by largest remainders.

    First the rows held out are divided among the classes, then those of each class between dev and test. A
    class with fewer rows than there are sets goes to train; every other class is in every set when the
    sets are large enough.

    Args:
        counts: (classes,) rows of each class.
        sizes: rows of train, dev and test.

    Returns:
        (classes, 3) rows in train, dev, test: row sums `counts`, column sums `sizes`. Train is within one
        row of its exact share; so are dev and test when they are of one size, else within two (classes
        that only just reach every set excepted).
    """
    sets = 1 + (sizes.dev > 0) + (sizes.test > 0)
    total = sizes.dev + sizes.test
    if not total:
        return np.stack([counts, counts * 0, counts * 0], axis=1)
    full = counts >= sets
    least = np.where(full, sets - 1, 0)
    if min(n for n in (sizes.dev, sizes.test) if n) < full.sum():  # not every class fits into every set
        least = np.zeros_like(counts)
    most = np.where(full, counts - 1, 0)
    if most.sum() < total:
        most = counts
    held = apportion(counts * total / counts.sum(), total, least, most)
    least_test = np.where((least > 0) & (sizes.test > 0), 1, 0)
    most_test = held - np.where((least > 0) & (sizes.dev > 0), 1, 0)
    test = apportion(held * sizes.test / total, sizes.test, least_test, most_test)
    return np.stack([counts - held, held - test, test], axis=1)


def apportion(quota: Numbers, total: int, least: Whole, most: Whole) -> Whole:
    """Whole numbers near `quota` that add up to `total`: largest remainders (Hamilton's method).

    Args:
        quota: (classes,) what each would get if it could be divided.
        total: what is to be given out, between least.sum() and most.sum().
        least: (classes,) lower bounds.
        most: (classes,) upper bounds.

    Returns:
        (classes,) int64 within the bounds; a tie goes to the lower class.
    """
    given = np.clip(np.floor(quota).astype(np.int64), least, most)
    while (short := total - int(given.sum())) != 0:
        step = 1 if short > 0 else -1
        free = given < most if step > 0 else given > least
        wish = np.where(free, step * (quota - given), -np.inf)
        chosen = np.argsort(-wish, kind="stable")[: min(abs(short), int(free.sum()))]
        given[chosen] += step
    return given


def fold_numbers(codes: Whole | None, rows: int, k: int, seed: int) -> Whole:
    """Fold of every row, int32 in [0, k): sizes, and rows of each class, differ by one at most."""
    order = shuffled(rows, seed, stream=1)
    if codes is not None:
        order = order[np.argsort(codes[order], kind="stable")]
    folds = np.empty(rows, np.int32)
    folds[order] = np.arange(rows) % k
    return folds


def shuffled(rows: int, seed: int, stream: int = 0) -> Whole:
    """Row numbers in random order: a function of seed and stream."""
    random = np.random.Generator(np.random.Philox(np.random.SeedSequence([seed, stream])))
    return np.argsort(random.random(rows), kind="stable")
