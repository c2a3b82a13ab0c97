"""Are the sets of one kind? Columns one by one and all together become one doubt, with what to do about it."""

from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import polars as pl

from caviar.data.checks.check import Check, Checked, Severity
from caviar.data.checks.column_shift import ColumnShift, compare_columns
from caviar.data.checks.joint_shift import ToldApart, tell_apart
from caviar.data.checks.two_samples import LEVEL, holm
from caviar.data.split import Split
from caviar.data.words import count, listed

_LARGE_AUC = 0.6
"""Below it a difference in all columns together is small: a shift of 0.36 standard deviations in one normal column."""
_OTHER_WORLD = 0.9
"""AUC above which two sets have next to nothing in common."""
_SHOWN, _KEPT = 3, 20  # columns in the sentence, and in the evidence
_SOURCE = "Kolmogorov-Smirnov and chi-squared with Holm 1979; Lopez-Paz & Oquab 2017 (classifier two-sample test)"

Pair = tuple[str, str]


class _Comparison(NamedTuple):
    """Two sets, with p-values corrected for all columns of all pairs."""

    pair: Pair
    columns: list[tuple[ColumnShift, float]]
    """Those that differ beyond chance, the largest effect first."""
    compared: int
    """Columns that were compared."""
    joint: ToldApart | None
    joint_p: float

    @property
    def certain(self) -> bool:
        """Whether the sets differ beyond chance."""
        return bool(self.columns) or self.joint_p < LEVEL

    @property
    def severity(self) -> Severity:
        """How bad the difference is."""
        together = self.joint if self.joint is not None and self.joint_p < LEVEL else None
        if together and together.low >= _OTHER_WORLD:
            return "critical"
        if any(shift.difference.large for shift, _ in self.columns) or (together and together.auc >= _LARGE_AUC):
            return "warning"
        return "info"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        told: dict[str, Any] = {"sets": list(self.pair), "columns_compared": self.compared}
        told["columns_differing"] = len({shift.column for shift, _ in self.columns})
        told["columns"] = [shift.to_json(p) for shift, p in self.columns[:_KEPT]]
        if self.joint is not None:
            auc = {"value": self.joint.auc, "low": self.joint.low, "high": self.joint.high, "rows": self.joint.rows}
            told |= {"auc": auc, "p_value": self.joint_p}
        return told


def check_distribution_shift(split: Split) -> Checked:
    """Compare train, dev and test rows with each other (`shift_between`); the test set counts as unopened.

    Identifiers are not learned from, so that they may differ.
    """
    names_of_rows = [name for name, kind in split.types.items() if kind.word == "identifier"]
    sets = {name: part.cells for name, part in split.raw().items() if name != "bridge"}
    return shift_between({name: frame.drop(names_of_rows, strict=False) for name, frame in sets.items()}, split.seed)


def check_new_rows(train: pl.DataFrame, new: pl.DataFrame) -> Checked:
    """Compare rows that are to be predicted with the rows a network was trained on (`shift_between`).

    Raises:
        BadData: a column of the new rows holds something else than that of the train rows.
    """
    return shift_between({"train": train, "new": new})


def shift_between(sets: Mapping[str, pl.DataFrame], seed: int = 0) -> Checked:
    """Compare every two sets, such as train, dev and test, or train and new rows.

    A difference is told when its p-value, corrected for all columns of all pairs, is below 0.001. It is a warning when
    it is also large: a Kolmogorov-Smirnov distance of 0.08, a shift of shares as large, or an AUC of 0.6 for all
    columns together; an info otherwise; critical when a classifier tells the sets apart with an AUC above 0.9.

    Args:
        sets: feature columns by the name of the set, the train rows first; sets without rows are left out. Types of the
            first decide how the others are read.
        seed: of the choice of rows.

    Returns:
        At most one doubt, for all sets together; a sentence when dev and test are of one kind.

    Raises:
        BadData: a column of a later set holds something else than that of the first.
    """
    used = {name: frame for name, frame in sets.items() if frame.height}
    pairs = list(combinations(used, 2))
    compared = {pair: compare_columns(used[pair[0]], used[pair[1]]) for pair in pairs}
    names_of_rows = list(dict.fromkeys(name for pair in pairs for name in compared[pair].names_of_rows))
    told_by = {name: frame.drop(names_of_rows, strict=False) for name, frame in used.items()}
    joint = {pair: tell_apart(told_by[pair[0]], told_by[pair[1]], seed) for pair in pairs}
    p_values = holm({(pair, at): s.difference.p_value for pair in pairs for at, s in enumerate(compared[pair].shifts)})
    joint_p = holm({pair: told.p_value for pair, told in joint.items() if told is not None})
    comparisons = []
    for pair in pairs:
        shifts = compared[pair].shifts
        beyond = [(s, p_values[pair, at]) for at, s in enumerate(shifts) if p_values[pair, at] < LEVEL]
        beyond.sort(key=lambda told: (not told[0].difference.large, -told[0].difference.effect))
        columns = len({s.column for s in shifts})
        comparisons.append(_Comparison(pair, beyond, columns, joint[pair], joint_p.get(pair, 1.0)))
    skipped = [f"Not compared between sets, as names of single rows: {listed(names_of_rows)}."] if names_of_rows else []
    small = [name for name, frame in used.items() if any(name in p for p in pairs) and frame.height < 20]
    if small:
        skipped.append(
            f"Not compared in all columns together, since there are fewer than 20 rows: {' and '.join(small)}."
        )
    found = tuple(_checks([c for c in comparisons if c.certain]))
    passed = tuple(_alike(c, used) for c in comparisons if c.pair == ("dev", "test") and not c.certain)
    return Checked(found, tuple(skipped), passed)


def _checks(certain: Sequence[_Comparison]) -> list[Check]:
    """One doubt: the worst pairs, in words."""
    if not certain:
        return []
    severity = min(certain, key=lambda c: _rank(c.severity)).severity
    alarming = [c for c in certain if c.severity == severity or (severity == "critical" and c.severity == "warning")]
    worst = min(alarming, key=lambda c: (_rank(c.severity), -_auc(c)))
    advice = _advice({c.pair for c in alarming}) if severity != "info" else _SMALL
    meaning = f"{_who([c.pair for c in alarming], severity)}{_how(worst)} {advice}"
    evidence = worst.to_json() | {"other_sets": [c.to_json() for c in certain if c is not worst]}
    return [Check("distribution_shift", severity, evidence, meaning, _SOURCE)]


def _rank(severity: Severity) -> int:
    return ("critical", "warning", "info").index(severity)


def _auc(comparison: _Comparison) -> float:
    return 0.5 if comparison.joint is None else comparison.joint.auc


_SMALL = "The difference is beyond chance but small: worth knowing, no cause for alarm."


def _who(pairs: Sequence[Pair], severity: Severity) -> str:
    """Which sets differ, up to the colon."""
    kinds = "differ a little from" if severity == "info" else "are of another kind than"
    if len(pairs) == 1:
        return f"The {pairs[0][1]} rows {kinds} the {pairs[0][0]} rows: "
    if len(pairs) == 2:
        odd = next(name for name in pairs[0] if name in pairs[1])
        others = [name for pair in pairs for name in pair if name != odd]
        return f"The {odd} rows {kinds} the {others[0]} and {others[1]} rows: "
    names = list(dict.fromkeys(name for pair in pairs for name in pair))
    what = "differ a little from each other" if severity == "info" else "are all of different kinds"
    return f"The {', '.join(names[:-1])} and {names[-1]} rows {what}: "


def _how(comparison: _Comparison) -> str:
    """The columns that differ most, and all together."""
    first, second = comparison.pair
    names = list(dict.fromkeys(shift.column for shift, _ in comparison.columns))
    told = []
    if names:
        shown = [
            f"{_named(s)} ({s.first} in {first}, {_without_measure(s)} in {second})"
            for s, _ in comparison.columns[:_SHOWN]
        ]
        which = "" if len(comparison.columns) <= _SHOWN else "most of all "
        differ = "differs" if len(names) == 1 else "differ"
        told.append(
            f"{len(names)} of {count(comparison.compared, 'column')} {differ} between {first} and {second}, "
            f"{which}{', '.join(shown)}."
        )
    else:
        told.append("no column differs by itself, but all together do.")
    if (joint := comparison.joint) is not None:
        told.append(
            f"A classifier tells {first} from {second} rows with an AUC of {joint.auc:.2f} ({joint.low:.2f} to "
            f"{joint.high:.2f}); 0.5 is guessing, 1 is certain."
        )
    return " ".join(told)


def _named(shift: ColumnShift) -> str:
    return repr(shift.column) if shift.what == "values" else f"{shift.what} of {shift.column!r}"


def _without_measure(shift: ColumnShift) -> str:
    """The second figure: `median` and `true in` are said once."""
    for measure in ("median ", "mean "):
        if shift.first.startswith(measure):
            return shift.second.removeprefix(measure)
    return shift.second


def _advice(pairs: set[Pair]) -> str:
    if ("dev", "test") in pairs:
        return (
            "Dev and test rows must be of one kind: a network is chosen by the dev rows, and what is best there need "
            "not be best on the test rows. Take both from the rows that matter in the end."
        )
    if all("new" in pair for pair in pairs):
        return "The network was not trained for such rows: its measured error says little about them."
    return (
        "That may be meant, but a gap between train and dev error then has two causes, variance and this mismatch. "
        "Train on rows like those that matter in the end, or add some of them."
    )


def _alike(comparison: _Comparison, sets: Mapping[str, pl.DataFrame]) -> str:
    """That dev and test are of one kind, and how well that is known."""
    dev, test = (sets[name].height for name in comparison.pair)
    joint = comparison.joint
    together = (
        ""
        if joint is None
        else f", and a classifier cannot tell them apart (AUC {joint.auc:.2f}, {joint.low:.2f} to {joint.high:.2f})"
    )
    return (
        f"The columns of dev and test are of one kind, as far as {dev:,} and {test:,} rows can tell: none of "
        f"{count(comparison.compared, 'column')} differs beyond chance{together}."
    )
