"""Rows that are nearly the same: measured twice, rounded, re-encoded or slightly changed copies."""

from typing import Any, NamedTuple

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.checks.check import Check, Checked, Severity
from caviar.data.checks.coincidence import step_of
from caviar.data.checks.equal_rows import comparable, first_equal
from caviar.data.checks.neighbours import Near, alike_first, grid_cell, near_copies
from caviar.data.images import pixels_of, shape_of
from caviar.data.split import SetName, Split
from caviar.data.table import Table
from caviar.data.words import count

FINE = 0.02
"""In a column with fine numbers two rows agree with at most this chance."""
SOME, MANY = 0.005, 0.1
"""Shares of a set's rows with a near copy in an earlier set that are a warning, and critical."""
WITHIN = 0.05
"""Share of the rows of one table that is a warning."""
ALIKE = 0.9
"""Correlation of all pixels of two images from which on they count as copies."""
_SIDE = 8  # images are compared as so many by so many gray pixels
_SHOWN = 5
_SOURCE = (
    "Barz & Denzler 2020, J. Imaging 6(6); difference hash: Krawetz 2013; dimension: Levina & Bickel 2004. cleanlab "
    "compares with .13 of the median distance, which smooth data of few dimensions also reach."
)


class _Space(NamedTuple):
    """Where rows are compared."""

    x: Numbers
    """(rows, width) float."""
    agree: Whole
    """(rows,) rows can only be near copies when these codes are equal."""
    rounding: float
    """Variance of rounding in a squared distance."""
    codes: Whole
    """(rows,) coarse descriptions: where they are equal is looked first."""


def check_near_duplicates(data: Table | Split) -> Checked:
    """Find rows nearly the same as another row, of a table, or of two sets of a split.

    Rows that are exactly the same are left to other checks. Columns of fine numbers are compared by distance, and
    distances with the data's own density (`neighbours`); all other columns must agree. Images are compared as 8 x 8
    gray pixels of equal brightness and contrast, those of the same difference hash first, and all their pixels must
    then correlate by 0.9.

    Args:
        data: a table, or a split, whose sets are compared with each other.

    Returns:
        `near_duplicates` with the number of rows, and examples of row numbers. In a table a warning from 5 % on; across
        sets a warning from 0.5 % of the later set, critical from 10 %; else an info.
    """
    sets: tuple[SetName, ...] = ("train", "dev", "test")
    if isinstance(data, Table):
        parts, of_set = [data.cells], np.zeros(data.rows, int)
        target = None
    else:
        raw = data.raw()
        parts = [raw[name].cells for name in sets if len(raw[name].y)]
        sets = tuple(name for name in sets if len(raw[name].y))
        of_set = np.repeat(np.arange(len(sets)), [len(raw[name].y) for name in sets])
        target = np.concatenate([raw[name].y for name in sets])
    pixels = _pixels(parts)
    frame = comparable(*parts)
    first = first_equal(frame)
    at = np.flatnonzero(first == np.arange(len(first)))
    space = _of_images(pixels[at]) if pixels is not None else _of_columns(frame[at])
    if space is None:
        return Checked(
            skipped=("Near duplicates were not looked for: it takes two columns of fine numbers, or images.",)
        )
    order = alike_first(space.codes, of_set[at] > 0)
    near = near_copies(space.x, order, space.rounding)
    same = space.agree[near.row] == space.agree[near.other]
    if pixels is not None:
        same &= _correlate(pixels, at[near.row], at[near.other]) >= ALIKE
    near = Near(at[near.row[same]], at[near.other[same]], near.distance[same], near.looked_at)
    skipped = ()
    if near.looked_at < len(at):
        skipped = (
            f"Near duplicates were looked for around {near.looked_at:,} of {len(at):,} rows: those that share a coarse "
            "grid cell or hash with others first, then rows of dev and test, then random ones.",
        )
    found = _within(near, len(of_set)) if isinstance(data, Table) else _across(near, of_set, sets, target)
    return Checked(found, skipped)


def _within(near: Near, rows: int) -> tuple[Check, ...]:
    involved = len(np.union1d(near.row, near.other))
    if not involved:
        return ()
    share = involved / rows
    order = np.argsort(near.distance, kind="stable")
    pairs = dict.fromkeys(tuple(sorted((int(near.row[i]), int(near.other[i])))) for i in order)
    examples = [list(pair) for pair in list(pairs)[:_SHOWN]]
    return (
        _check(
            "warning" if share >= WITHIN else "info",
            {"rows": involved, "share": share, "pairs": len(pairs), "examples": examples},
            near,
            f"{count(involved, 'row')} of {rows:,} ({share:.1%}) nearly equal another row, such as the rows "
            f"{examples[0][0]} and {examples[0][1]} (counted from 0). If they are the same thing twice, it weighs "
            "twice, and must not stand on both sides of a split.",
        ),
    )


def _across(near: Near, of_set: Whole, sets: tuple[SetName, ...], target: Any) -> tuple[Check, ...]:
    starts = np.concatenate([[0], np.cumsum(np.bincount(of_set))])
    found = []
    for later in range(1, len(sets)):
        for earlier in range(later):
            forth = (of_set[near.row] == later) & (of_set[near.other] == earlier)
            back = (of_set[near.row] == earlier) & (of_set[near.other] == later)
            mine = np.concatenate([near.row[forth], near.other[back]])
            theirs = np.concatenate([near.other[forth], near.row[back]])
            mine, which = np.unique(mine, return_index=True)
            theirs = theirs[which]
            if not len(mine):
                continue
            total = int((of_set == later).sum())
            share = len(mine) / total
            severity: Severity = "critical" if share >= MANY else "warning" if share >= SOME else "info"
            a, b = sets[later], sets[earlier]
            examples = [
                {a: int(i - starts[later]), b: int(j - starts[earlier])}
                for i, j in list(zip(mine, theirs, strict=True))[:_SHOWN]
            ]
            same = int((target[mine] == target[theirs]).sum())
            found.append(
                _check(
                    severity,
                    {"set": a, "also_in": b, "rows": len(mine), "share": share, "same_target": same}
                    | {"examples": examples},
                    near,
                    f"{count(len(mine), f'{a} row')} of {total:,} ({share:.1%}) nearly equal a row of {b}, {same:,} of "
                    f"them with the same target; {a} row {examples[0][a]} and {b} row {examples[0][b]}, for example. "
                    f"What was learned by heart there counts as understood here: the {a} figure is too good. Keep "
                    "copies of one thing in one set, by a column that says which belong together.",
                )
            )
    return tuple(found)


def _check(severity: Severity, evidence: dict[str, Any], near: Near, meaning: str) -> Check:
    closest = {"median_distance_over_usual": float(np.median(near.distance)), "looked_at": near.looked_at}
    return Check("near_duplicates", severity, evidence | closest, meaning, _SOURCE)


def _of_columns(frame: pl.DataFrame) -> _Space | None:
    """Columns of fine numbers, each over its interquartile range; the others as codes."""
    fine, rounding, coarse = [], 0.0, []
    for column in frame.get_columns():
        x = _fine(column)
        if x is None:
            coarse.append(column)
            continue
        known = x[~np.isnan(x)]
        middle, spread = float(np.median(known)), float(np.subtract(*np.quantile(known, [0.75, 0.25])))
        rounding += (step_of(known) / spread) ** 2 / 6
        with np.errstate(over="ignore"):
            fine.append(np.clip((np.where(np.isnan(x), middle, x) - middle) / spread, -1e6, 1e6))
        coarse.append(pl.Series(f"{column.name} missing", np.isnan(x)))
    if len(fine) < 2:
        return None
    codes = first_equal(pl.DataFrame([c.alias(str(i)) for i, c in enumerate(coarse)]))
    x = np.stack(fine, axis=1)
    return _Space(x, codes, rounding, grid_cell(x))


def _fine(column: pl.Series) -> Numbers | None:
    """Cells as float64 with NaN where missing, when two rows hardly ever agree; else None."""
    if not (column.dtype.is_numeric() or column.dtype.is_temporal()) or len(column) < 50:
        return None
    x = column.to_physical().cast(pl.Float64).fill_null(float("nan")).to_numpy()
    known = x[np.isfinite(x)]
    if len(known) < 0.5 * len(x):
        return None
    counts = np.unique(known, return_counts=True)[1].astype(float)
    if (counts**2).sum() - len(known) > FINE * len(known) ** 2:
        return None
    with np.errstate(over="ignore"):
        spread = np.subtract(*np.quantile(known, [0.75, 0.25]))
    return x if np.isfinite(spread) and spread > 0 else None


def _pixels(parts: list[pl.DataFrame]) -> np.ndarray | None:
    """The images of all parts, when they hold nothing else."""
    if parts[0].width != 1 or shape_of(parts[0].to_series().dtype) is None:
        return None
    return np.concatenate([pixels_of(part.to_series()) for part in parts])


def _of_images(pixels: np.ndarray) -> _Space | None:
    """Small gray images of equal brightness and contrast."""
    small = _small(pixels, _SIDE, _SIDE)
    x = small.reshape(len(small), -1)
    if x.shape[1] < 4:
        return None
    x = x - x.mean(axis=1, keepdims=True)
    spread = x.std(axis=1, keepdims=True)
    return _Space(x / np.where(spread > 0, spread, 1), np.zeros(len(x), int), 0.0, difference_hash(pixels))


def difference_hash(pixels: np.ndarray) -> Whole:
    """uint64 (rows,): for 8 x 8 places whether the image, at 8 x 9 gray pixels, grows brighter to the right.

    Args:
        pixels: (rows, height, width, channels).
    """
    small = _small(pixels, _SIDE, _SIDE + 1)
    bits = np.packbits((small[:, :, 1:] > small[:, :, :-1]).reshape(len(small), -1), axis=1)
    padded = np.zeros((len(bits), 8), np.uint8)
    padded[:, : bits.shape[1]] = bits
    return padded.view(np.uint64)[:, 0]


def _small(pixels: np.ndarray, height: int, width: int) -> Numbers:
    """Gray images, float32 (rows, at most height, at most width): means of rectangles of pixels."""
    made = []
    for start in range(0, len(pixels), 2_000):
        gray = np.nan_to_num(pixels[start : start + 2_000].astype(np.float32)).mean(axis=3)
        for axis, wanted in ((1, height), (2, width)):
            edges = np.unique(np.arange(wanted) * gray.shape[axis] // wanted)
            sizes = np.diff(np.append(edges, gray.shape[axis])).astype(np.float32)
            shape = (1, -1, 1) if axis == 1 else (1, 1, -1)
            gray = np.add.reduceat(gray, edges, axis=axis) / sizes.reshape(shape)
        made.append(gray)
    return np.concatenate(made)


def _correlate(pixels: np.ndarray, rows: Whole, others: Whole) -> Numbers:
    """Correlation of all pixels of pairs of images."""
    r = np.empty(len(rows))
    for i, (row, other) in enumerate(zip(rows, others, strict=True)):
        a, b = (np.nan_to_num(pixels[at].astype(np.float64)).ravel() for at in (row, other))
        a, b = a - a.mean(), b - b.mean()
        norm = np.sqrt((a @ a) * (b @ b))
        r[i] = a @ b / norm if norm > 0 else 1.0
    return r
