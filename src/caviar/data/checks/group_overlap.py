"""Groups, such as patients or customers, of which rows stand in several sets."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.checks.check import Check, Checked, Severity
from caviar.data.checks.equal_rows import comparable
from caviar.data.split import SetName, Split
from caviar.data.words import count, has, listed
from caviar.errors import BadData

MANY = 0.1
"""Share of a set's rows from which on shared groups are critical; any below are a warning."""
LEVELS, ROWS = 20, (1.5, 50.0)
"""A column may name groups when it has so many different values and, on average, so many rows of each."""
ALIKE = 0.5
"""Rows of a group are alike in the target when this share of the difference to other rows is gone."""
P = 1e-6
_SHOWN = 5
_MOST_PAIRS = 5_000
_PAIRS: tuple[tuple[SetName, SetName], ...] = (("dev", "train"), ("test", "train"), ("test", "dev"))
_SOURCE = "Kapoor & Narayanan 2023, Patterns 4(9), L3.2; Saeb et al. 2017, GigaScience 6(5): subjects in both sets."


def check_group_overlap(groups: Mapping[SetName, pl.Series | np.ndarray | Sequence[Any]]) -> Checked:
    """Find groups of which rows stand in several sets.

    Args:
        groups: for every set the group of each of its rows, text or numbers; 1, 1.0 and "1" are one group. A row whose
            group is missing belongs to none.

    Returns:
        `group_overlap` for every two sets that share groups: a warning, critical when a tenth of the rows of the later
        set are of shared groups.

    Raises:
        BadData: labels that are neither text nor numbers.
    """
    series = {name: _labels(name, labels) for name, labels in groups.items()}
    found: list[Check] = []
    for later, earlier in _PAIRS:
        if later not in series or earlier not in series or not len(series[later]):
            continue
        joined = comparable(series[earlier].to_frame(), series[later].to_frame()).to_series()
        mine, theirs = joined[len(series[earlier]) :], joined[: len(series[earlier])]
        rows = mine.is_in(theirs.drop_nulls().unique().implode()).fill_null(False)
        if not rows.any():
            continue
        shared = series[later].filter(rows).unique(maintain_order=True)
        number = int(rows.to_numpy().sum())
        share = number / len(mine)
        severity: Severity = "critical" if share >= MANY else "warning"
        found.append(
            Check(
                "group_overlap",
                severity,
                {
                    "set": later,
                    "also_in": earlier,
                    "groups": len(shared),
                    "rows": number,
                    "share": share,
                    "examples": shared.head(_SHOWN).to_list(),
                },
                f"{count(len(shared), 'group')} ({listed(shared.to_list(), 3)}) {has(len(shared))} rows in both "
                f"{earlier} and {later}, {count(number, f'{later} row')} of {len(mine):,} ({share:.1%}). What is "
                f"learned of a group helps with its other rows, so the {later} figure says little about new groups. "
                "Keep every group in one set.",
                _SOURCE,
            )
        )
    return Checked(tuple(found))


def check_named_groups(split: Split) -> Checked:
    """Look for rows of one group in several sets (`check_group_overlap`), where a column of groups was named.

    Sets that are divided here hold whole groups; those that are given need not.
    """
    name = split.roles.group
    sets = split.raw()
    if name is None:
        return Checked()
    return check_group_overlap({n: part.beside[name] for n, part in sets.items() if name in part.beside.columns})


def check_group_columns(split: Split) -> Checked:
    """Find columns that look like the name of a group whose rows stand in several sets.

    Whole numbers or text of many values with a few rows each, whose rows are far more alike in the target than rows of
    neighbouring values (numbers) or any other rows (text) are. Numbers that measure something change little from one
    value to the next, so they do not stand out. A column of names that return, such as models or places, looks the
    same, so this is never more than an info.

    Args:
        split: whose sets are compared.

    Returns:
        `group_overlap`, an info, for every such column of which dev or test rows have a value that train rows have.
    """
    parts = split.raw()
    names: list[SetName] = [name for name in ("train", "dev", "test") if len(parts[name].y)]
    y = np.concatenate([parts[name].y for name in names])
    frame = comparable(*(parts[name].cells for name in names))
    n_train = len(parts["train"].y)
    found = []
    for column in frame.get_columns():
        codes = _codes_of_group(column)
        if codes is None:
            continue
        alike = _alike(codes, y, split.classes is not None, ordered=column.dtype != pl.String)
        if alike is None:
            continue
        shared = np.isin(codes[n_train:], codes[:n_train]) & (codes[n_train:] >= 0)
        if shared.mean() < 0.5:
            continue
        levels = len(np.unique(codes[codes >= 0]))
        found.append(
            Check(
                "group_overlap",
                "info",
                {
                    "column": column.name,
                    "groups": levels,
                    "rows_per_group": float((codes >= 0).sum() / levels),
                    "rows": int(shared.sum()),
                    "share": float(shared.mean()),
                    "alike_in_target": alike,
                },
                f"'{column.name}' may name groups: {levels:,} different values, "
                f"{(codes >= 0).sum() / levels:.1f} rows of each on average, alike in '{split.target.name}'. "
                f"{shared.mean():.0%} of the held-out rows are of a group that train rows are of. If new rows will "
                "be of new groups, the figures are too good: keep every group in one set, and leave the column out.",
                _SOURCE,
            )
        )
    return Checked(tuple(found))


def _labels(name: SetName, labels: Any) -> pl.Series:
    try:
        series = labels if isinstance(labels, pl.Series) else pl.Series(np.asarray(labels).tolist(), strict=True)
    except (TypeError, ValueError) as error:
        raise BadData(
            f"Groups must be one text or number for each row, but those of the {name} rows are mixed ({error}). "
            "Write all of them as text."
        ) from None
    if not (series.dtype.is_numeric() or series.dtype in (pl.String, pl.Boolean, pl.Null)):
        raise BadData(
            f"Groups must be one text or number for each row, but those of the {name} rows are {series.dtype}. "
            "Write all of them as text."
        )
    return series.alias("group")


def _codes_of_group(column: pl.Series) -> Whole | None:
    """Number of every cell's value, -1 where missing, when a column of whole numbers or text may name groups."""
    kind = column.dtype
    if not (kind == pl.String or kind.is_numeric()):
        return None
    if kind.is_float() and not bool((column.drop_nulls() == column.drop_nulls().round()).all()):
        return None
    known = column.drop_nulls()
    levels = known.n_unique()
    if levels < LEVELS or not ROWS[0] <= len(known) / levels <= ROWS[1]:
        return None
    return (column.rank("dense").cast(pl.Int64) - 1).fill_null(-1).to_numpy()


def _alike(codes: Whole, y: np.ndarray, classes: bool, *, ordered: bool) -> float | None:
    """How much more alike in the target two rows of a group are than two of neighbouring groups; None when not much.

    Args:
        codes: (rows,) dense numbers of values, in the order of the values, -1 for none.
        y: (rows,) codes of classes, or numbers.
        classes: which.
        ordered: whether a neighbouring value is the next number, or any other row.
    """
    from scipy.stats import ttest_ind  # noqa: PLC0415  slow to import

    random = np.random.Generator(np.random.Philox(key=len(codes)))
    rows = random.permutation(np.flatnonzero(codes >= 0))
    rows = rows[np.argsort(codes[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(codes[rows], prepend=-1))
    sizes = np.diff(np.append(starts, len(rows)))
    firsts = rows[starts]
    several = sizes > 1
    if several.sum() < LEVELS:
        return None
    own = firsts[several], rows[starts[several] + 1]
    others = (firsts[:-1], firsts[1:]) if ordered else (firsts, random.permutation(firsts))
    inside, outside = (_difference(y, a[:_MOST_PAIRS], b[:_MOST_PAIRS], classes) for a, b in (own, others))
    if not outside.any():
        return None
    alike = 1 - float(inside.mean() / outside.mean())
    p = float(np.asarray(ttest_ind(inside, outside, equal_var=False, alternative="less")[1])) if inside.any() else 0.0
    enough = outside.mean() * len(inside) > 14  # so that no difference at all has a chance below P
    return alike if alike >= ALIKE and p < P and enough else None


def _difference(y: np.ndarray, a: Whole, b: Whole, classes: bool) -> Numbers:
    return (y[a] != y[b]).astype(float) if classes else np.abs(y[a] - y[b]).astype(float)
