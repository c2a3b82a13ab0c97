"""Has every class rows enough to be learned from, and to be judged by?"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from caviar.arrays import Whole
from caviar.data.checks.check import Check, Checked
from caviar.data.split import Split
from caviar.data.target import Label
from caviar.data.words import has, listed

_UNEQUAL = 10
"""Commonest class against rarest: above it an error rate alone says little."""
_TO_LEARN = 20
"""Rows of a class below which hardly anything can be learned of it."""
_TO_MEASURE = 5
"""Rows of a class in dev or test: with 4, an error of 25 % has an interval from 5 to 70 % (Wilson)."""
_RARE = 0.5
"""A class is rare below this part of an equal share; where all classes have few rows, the table is too small."""
_KEPT = 20


def check_class_imbalance(split: Split) -> Checked:
    """Look for rare classes among the train rows (`class_imbalance`); nothing for a quantity."""
    return class_imbalance(split.y_train, split.classes) if split.classes else Checked()


def check_missing_class(split: Split) -> Checked:
    """Look for classes that train, dev or test lack (`missing_class`); nothing for a quantity."""
    if not split.classes:
        return Checked()
    return missing_class({name: part.y for name, part in split.raw().items() if name != "bridge"}, split.classes)


def class_imbalance(codes: Whole, classes: Sequence[Label]) -> Checked:
    """Classes with much fewer rows than others.

    An info when the commonest class has more than ten times the rows of the rarest. A warning when a class has fewer
    than 20 rows to learn from and less than half of an equal share.

    Args:
        codes: (rows,) of the train rows.
        classes: labels in the order of their codes.

    Returns:
        At most one doubt.
    """
    rows = np.bincount(codes, minlength=len(classes))
    total = int(rows.sum())
    if not total or len(classes) < 2:
        return Checked()
    scarce = np.flatnonzero((rows < _TO_LEARN) & (rows < _RARE * total / len(classes)) & (rows > 0)).tolist()
    most, least = int(rows.argmax()), int(np.where(rows > 0, rows, total + 1).argmin())
    ratio = rows[most] / rows[least]
    if not scarce and ratio <= _UNEQUAL:
        return Checked()
    evidence: dict[str, Any] = {
        "rows": total,
        "ratio": float(ratio),
        "rarest": str(classes[least]),
        "rarest_rows": int(rows[least]),
        "rarest_share": float(rows[least] / total),
        "commonest": str(classes[most]),
        "commonest_share": float(rows[most] / total),
        "too_few_to_learn": {str(classes[at]): int(rows[at]) for at in scarce[:_KEPT]},
    }
    share, largest = rows[least] / total, rows[most] / total
    meaning = f"Class {classes[least]!r} has {int(rows[least]):,} of {total:,} train rows ({share:.2%}), "
    meaning += f"class {classes[most]!r} {largest:.1%}. "
    if largest > 0.5:
        meaning += f"Who always answers {classes[most]!r} errs in only {1 - largest:.1%} of them. "
    if scarce:
        names = listed((classes[at] for at in scarce), 4)
        meaning += (
            f"{names} {has(len(scarce))} fewer than {_TO_LEARN} train rows, too few to learn from: collect more of "
            "them, join them with another class, or leave them out. "
        )
    meaning += (
        "Read balanced accuracy, F1 or AUC beside the error (--metric), and try class_weight = 'balanced' when rare "
        "classes matter."
    )
    severity = "warning" if scarce else "info"
    return Checked((Check("class_imbalance", severity, evidence, meaning, "Japkowicz & Stephen 2002"),))


def missing_class(sets: Mapping[str, Whole], classes: Sequence[Label]) -> Checked:
    """Classes of which a set has no row, or too few to judge by.

    Args:
        sets: codes by the name of the set; sets without rows are left out.
        classes: labels in the order of their codes.

    Returns:
        At most one doubt: critical when train lacks a class that another set has, a warning when dev or test lacks one
        or has fewer than 5 rows of a class that is rare there.
    """
    rows = {name: np.bincount(y, minlength=len(classes)) for name, y in sets.items() if len(y)}
    known = np.sum(list(rows.values()), axis=0) > 0
    lacking: dict[str, list[str]] = {}
    few: dict[str, dict[str, int]] = {}
    told = []
    for name, own in rows.items():
        absent = np.flatnonzero((own == 0) & known).tolist()
        if absent:
            lacking[name] = [str(classes[at]) for at in absent]
            told.append(f"The {name} set has no row of {listed((classes[at] for at in absent), 4)}.")
        rare = own < _RARE * own.sum() / len(classes)
        scarce = np.flatnonzero((own > 0) & (own < _TO_MEASURE) & rare).tolist()
        if name != "train" and scarce:
            few[name] = {str(classes[at]): int(own[at]) for at in scarce}
            shown = ", ".join(f"{classes[at]!r} ({own[at]})" for at in scarce[:4])
            more = f" and {len(scarce) - 4:,} more" if len(scarce) > 4 else ""
            told.append(f"The {name} set has fewer than {_TO_MEASURE} rows of {shown}{more}.")
    if not told:
        return Checked()
    if "train" in lacking:
        severity = "critical"
        told.append("What no train row shows cannot be learned: every such row will be answered wrongly.")
    else:
        severity = "warning"
        told.append("The error of these classes cannot be measured there. Make the set larger, or collect more rows.")
    evidence = {"lacking": lacking, "too_few": few}
    return Checked((Check("missing_class", severity, evidence, " ".join(told), "course section 1; Wilson 1927"),))
