"""`Check`: one doubt about the data, and how we know."""

from dataclasses import dataclass
from typing import Any, Literal, get_args

CheckName = Literal[
    "leakage",
    "target_leakage",
    "group_overlap",
    "duplicate_rows",
    "near_duplicates",
    "conflicting_labels",
    "label_noise",
    "row_order",
    "distribution_shift",
    "label_shift",
    "class_imbalance",
    "missing_class",
    "constant_feature",
    "nearly_empty_column",
    "identifier_column",
    "outliers",
    "unnormalized_inputs",
    "too_few_rows",
]
CHECKS: tuple[CheckName, ...] = get_args(CheckName)

Severity = Literal["info", "warning", "critical"]


@dataclass(frozen=True)
class Check:
    """One doubt about the data.

    Attributes:
        name: stable, one of `CHECKS`.
        severity: `critical` what is measured cannot be believed | `warning` accuracy or belief is lost | `info` worth
            knowing.
        evidence: figures by name, as plain values: columns, rows (numbers from 0 in the table or set they are of),
            examples, effect sizes, p-values; an interval is a mapping with value, low, high and rows.
        meaning: a paragraph in plain words.
        source: where the rule comes from.
    """

    name: CheckName
    severity: Severity
    evidence: dict[str, Any]
    meaning: str
    source: str


@dataclass(frozen=True)
class Checked:
    """What some checks found, what is in order, and what they did not look at."""

    checks: tuple[Check, ...] = ()
    skipped: tuple[str, ...] = ()
    """Sentences: what was not checked, or on a sample only, and why."""
    passed: tuple[str, ...] = ()
    """Sentences: what was checked and is in order, where a person should know."""

    def __add__(self, other: "Checked") -> "Checked":
        return Checked(self.checks + other.checks, self.skipped + other.skipped, self.passed + other.passed)
