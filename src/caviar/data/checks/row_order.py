"""Does the order of the rows in the file tell something about the target?"""

import numpy as np

from caviar.arrays import Numbers
from caviar.data.checks.check import Check, Checked
from caviar.data.table import Table
from caviar.data.target import fit_classes
from caviar.data.task import Task, infer_task

P = 1e-4
"""Chance with which a shuffled file is reported."""
WEAK, STRONG = 0.01, 0.5
"""Shares of the target's variance that the place in the file explains: worth saying from the first on; from the second
on the file is sorted."""
TAIL = 0.15
"""So far the end of a file must differ from its rest to be a warning: a share of rows of other classes, or standard
deviations / 2."""
_BLOCKS = 20
_RARE = 40  # rows; the tests' distributions need classes that are no rarer
_SHUFFLES = 99  # that must all be less ordered: a guard against skewed targets
_SOURCE = "Pearson's chi-squared test; Welch 1951; lag-1 test of Wald & Wolfowitz 1943. cleanlab calls it non-iid."


def check_row_order(table: Table, task: Task | None = None) -> Checked:
    """Test whether the target follows the place of a row in the file.

    Two tests, at p < 1e-4 together: the file is cut into 20 equal parts, which are compared (drift, sorting), and every
    row is compared with the next (runs, series).

    Args:
        table: with a target, rows as they stood in the file.
        task: None: by the target.

    Returns:
        `row_order` with p-values, the share of variance explained by the part of the file and the correlation of
        neighbours. A warning when the last tenth of the file differs from the rest and the file is not merely sorted;
        else an info: random sets are not hurt by it.
    """
    if table.target is None or table.rows < 5 * _BLOCKS:
        return Checked(skipped=("Whether the order of rows matters takes at least 100 rows.",) * (table.rows > 0))
    classes = (task or infer_task(table.target)[0]) == "classification"
    z = _indicators(table, classes)
    if not z.any():
        return Checked(skipped=(f"Whether the order of rows matters takes at least {_RARE} rows of a second class.",))
    explained, p_blocks = _blocks(z)
    neighbours, p_neighbours = _neighbours(z)
    p = min(1.0, 2 * min(p_blocks, p_neighbours))
    if p >= P or max(explained, neighbours**2) < WEAK or not _stands_out(z, explained, neighbours):
        return Checked()
    tail, p_tail = _tail(z, classes)
    is_sorted = max(explained, neighbours) >= STRONG
    drifts = not is_sorted and tail >= TAIL and p_tail < P
    ordered = "is sorted by it, or in runs" if is_sorted else "says something about it"
    advice = (
        "The last tenth of the file differs from the rest. If the rows stand in order of time, new rows will be like "
        "the last ones, and figures on rows drawn at random are too good: take the last rows as dev and test set."
        if drifts
        else "Sets drawn at random are not hurt by this; sets cut from the file in its order would be."
    )
    return Checked(
        (
            Check(
                "row_order",
                "warning" if drifts else "info",
                {
                    "p_value": p,
                    "explained_by_part_of_file": explained,
                    "correlation_of_neighbours": neighbours,
                    "difference_of_last_tenth": tail,
                    "sorted": is_sorted,
                    "rows": table.rows,
                },
                f"The place of a row in the file predicts '{table.target.name}': the file {ordered}. Which twentieth "
                f"of the file a row stands in explains {explained:.1%} of the target's variance, and neighbours "
                f"correlate with {neighbours:.2f} (p {_in_words(p)}; in a shuffled file both are near 0). {advice}",
                _SOURCE,
            ),
        )
    )


def _in_words(p: float) -> str:
    return f"= {p:.1g}" if p >= 1e-300 else "< 1e-300"


def _indicators(table: Table, classes: bool) -> Numbers:
    """(rows, k) standardised columns: one per class, or the ranks of a quantity."""
    from scipy.stats import rankdata  # noqa: PLC0415  slow to import

    assert table.target is not None  # checked at the door
    if not classes:
        x = rankdata(table.target.cast(float).to_numpy())[:, None]
        return (x - x.mean()) / x.std()
    codes = fit_classes(table.target).encode(table.target)
    counts = np.bincount(codes)
    rare = (counts < _RARE)[codes]
    joined = -1 if rare.sum() >= _RARE else int(counts.argmax())  # what is rare is one class, or of the commonest
    codes = np.unique(np.where(rare, joined, codes), return_inverse=True)[1]
    shares = np.bincount(codes) / len(codes)
    return (codes[:, None] == np.arange(len(shares))) / np.sqrt(shares) - np.sqrt(shares)


def _blocks(z: Numbers) -> tuple[float, float]:
    """Share of variance between the parts of the file, without what chance gives, and its p-value.

    With classes rows * sum(share_b * |mean z|^2) is Pearson's chi-squared of class and part; with ranks it is
    Kruskal and Wallis' statistic.
    """
    from scipy.stats import chi2  # noqa: PLC0415

    part = np.arange(len(z)) * _BLOCKS // len(z)
    sizes = np.bincount(part)[:, None]
    means = np.stack([np.bincount(part, weights=column) for column in z.T], axis=1) / sizes
    statistic = float((sizes * means**2).sum())
    dimensions = max(1, z.shape[1] - 1)
    freedom = (_BLOCKS - 1) * dimensions
    explained = max(0.0, statistic - freedom) / (len(z) * dimensions)
    return min(1.0, explained), float(chi2.sf(statistic, freedom))


def _neighbours(z: Numbers) -> tuple[float, float]:
    """Correlation of a row's target with the next one's, and the one-sided p-value of a positive one."""
    from scipy.stats import norm  # noqa: PLC0415

    dimensions = max(1, z.shape[1] - 1)
    r = float((z[1:] * z[:-1]).sum() / (len(z) * dimensions))
    return r, float(norm.sf(r * np.sqrt(len(z) * dimensions)))


def _stands_out(z: Numbers, explained: float, neighbours: float) -> bool:
    """Whether the file is more ordered than every one of its shuffles, in one of the two ways."""
    stream = np.random.Generator(np.random.Philox(key=0))
    shuffled = [(_blocks(own)[0], _neighbours(own)[0]) for own in (stream.permutation(z) for _ in range(_SHUFFLES))]
    most_explained, most_alike = np.max(shuffled, axis=0)
    return explained > most_explained or neighbours > most_alike


def _tail(z: Numbers, classes: bool) -> tuple[float, float]:
    """How far the last tenth differs from the rest, and the p-value.

    Classes: half the sum of the differences of shares, the share of rows that would have to change. A quantity: half
    the difference of mean ranks in standard deviations.
    """
    from scipy.stats import chi2  # noqa: PLC0415

    n = len(z) // 10
    gap = z[-n:].mean(axis=0) - z[:-n].mean(axis=0)
    dimensions = max(1, z.shape[1] - 1)
    p = float(chi2.sf((gap**2).sum() * n * (len(z) - n) / len(z), dimensions))
    if not classes:
        return float(abs(gap[0]) / 2), p
    return float(np.abs(gap * z.min(axis=0)).sum() / 2), p  # a standardised indicator is -sqrt(share) where it is off
