"""Does the target mean the same in every set? Shares of classes, or the distribution of a quantity, are compared."""

from collections.abc import Mapping
from itertools import combinations
from typing import Any

import numpy as np

from caviar.data.checks.check import Check, Checked
from caviar.data.checks.two_samples import LEVEL, Difference, holm, of_numbers, of_shares
from caviar.data.split import Split
from caviar.data.target import TargetCoding

_SOURCE = "chi-squared (classes) or Kolmogorov-Smirnov (quantities) with Holm 1979; Lipton, Wang & Smola 2018"
_KEPT = 20  # classes in the evidence


def check_label_shift(split: Split) -> Checked:
    """Compare the target in train, dev and test (`label_shift_between`)."""
    return label_shift_between({n: part.y for n, part in split.raw().items() if n != "bridge"}, split.target)


def label_shift_between(sets: Mapping[str, np.ndarray], coding: TargetCoding) -> Checked:
    """Compare the target of every two sets.

    Told when the p-value, corrected for the pairs, is below 0.001; a warning when the difference is also at least small
    (`two_samples`), an info otherwise.

    Args:
        sets: encoded targets by the name of the set, as `Split.y` has them; sets without rows are left out.
        coding: of the target.

    Returns:
        At most one doubt, about the two sets that differ most.
    """
    used = {name: y for name, y in sets.items() if len(y)}
    found = {pair: _difference(used[pair[0]], used[pair[1]], coding) for pair in combinations(used, 2)}
    corrected = holm({pair: difference.p_value for pair, difference in found.items()})
    certain = [pair for pair in found if corrected[pair] < LEVEL]
    if not certain:
        return Checked()
    worst = max(certain, key=lambda pair: (found[pair].large, found[pair].effect))
    difference = found[worst]
    first, second = worst
    typical = [_typical(used[name], coding) for name in worst]
    evidence: dict[str, Any] = {
        "sets": list(worst),
        "effect": round(difference.effect, 4),
        "p_value": corrected[worst],
        "rows": [len(used[name]) for name in worst],
        "first": typical[0],
        "second": typical[1],
        "other_sets": [list(pair) for pair in certain if pair != worst],
    }
    others = [" and ".join(pair) for pair in certain if pair != worst]
    also = f" (the same holds between {', '.join(others)})" if others else ""
    small = "" if difference.large else " The difference is beyond chance but small."
    advice = (
        f"{_told(coding, first, second, used)}{also}.{small} A network learns from the train rows which "
        "answers are usual, and an error counts every row: figures of the two sets cannot be compared as they are."
    )
    if difference.large:
        advice += " Split one table at random, or make sure that the set that judges is as later use will be."
    severity = "warning" if difference.large else "info"
    return Checked((Check("label_shift", severity, evidence, advice, _SOURCE),))


def _difference(first: np.ndarray, second: np.ndarray, coding: TargetCoding) -> Difference:
    if coding.classes is None:
        return of_numbers(first, second)
    classes = len(coding.classes)
    return of_shares(np.bincount(first, minlength=classes), np.bincount(second, minlength=classes))


def _typical(y: np.ndarray, coding: TargetCoding) -> dict[str, float]:
    """Shares of the commonest classes, or quartiles in the target's unit."""
    if coding.classes is None:
        quartiles = coding.decode(np.quantile(y, [0.25, 0.5, 0.75]))
        return dict(zip(("q25", "median", "q75"), map(float, quartiles), strict=True))
    shares = np.bincount(y, minlength=len(coding.classes)) / len(y)
    return {str(coding.classes[at]): float(shares[at]) for at in np.argsort(-shares, kind="stable")[:_KEPT]}


def _told(coding: TargetCoding, first: str, second: str, sets: Mapping[str, np.ndarray]) -> str:
    """What differs, without the full stop."""
    name = f"'{coding.name}'"
    if coding.classes is None:
        middle, measure = [float(coding.decode(np.median(sets[part]))) for part in (first, second)], "median"
        if f"{middle[0]:.4g}" == f"{middle[1]:.4g}":
            middle, measure = [float(coding.decode(sets[part].mean())) for part in (first, second)], "mean"
        return (
            f"The target {name} is distributed otherwise in {second} than in {first}: its {measure} is "
            f"{middle[1]:.4g} in {second} and {middle[0]:.4g} in {first}"
        )
    shares = [np.bincount(sets[part], minlength=len(coding.classes)) / len(sets[part]) for part in (first, second)]
    most = int(np.abs(shares[0] - shares[1]).argmax())
    return (
        f"The classes of {name} have other shares in {second} than in {first}: {coding.classes[most]!r} is "
        f"{shares[1][most]:.1%} of the {second} rows and {shares[0][most]:.1%} of the {first} rows"
    )
