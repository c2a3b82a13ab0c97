"""What the checks of data found becomes findings, as those about networks are."""

import dataclasses
from typing import Any

from caviar.data.checks.balance import check_missing_class
from caviar.data.checks.check import Check, Checked
from caviar.data.checks.distribution_shift import check_new_rows
from caviar.data.checks.inputs import check_unnormalized_inputs
from caviar.data.checks.run import by_severity, check_split, check_table
from caviar.data.sets import SHOWN
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.subject import Subject
from caviar.errors import BadData


@dataclasses.dataclass(frozen=True)
class DataDiagnosis:
    """Whether the data can be trusted."""

    findings: tuple[Finding, ...]
    """The most severe first."""
    skipped: tuple[str, ...]
    """Sentences: what was not checked, or on a sample only."""
    passed: tuple[str, ...]
    """Sentences: what is in order."""

    def to_json(self) -> dict[str, Any]:
        """Plain values: lists of findings, and of sentences."""
        return {
            "findings": [finding.to_json() for finding in self.findings],
            "skipped": list(self.skipped),
            "passed": list(self.passed),
        }


def diagnose_data(table: Table, split: Split, new: Table | None = None) -> DataDiagnosis:
    """Run every check of a table and of its split, and compare it with rows that are to be predicted.

    Args:
        table: as it was read; row numbers in the evidence of most findings are those of its rows, from 0.
        split: of that table. Its test set stays sealed: it is compared, and nothing is chosen by it.
        new: rows without a target; columns that the train rows do not have are left out.

    Returns:
        Findings, and what was skipped.

    Raises:
        BadData: the new rows lack a column, or one holds something else.

    Warns:
        CheckFailed: a check has a fault of its own; the others are done.
    """
    done = check_table(table, split.task) + check_split(split)
    return of_checked(done if new is None else done + _checked_new(table.name, split, new))


def _checked_new(name: str, split: Split, new: Table) -> Checked:
    shown = new.sample(SHOWN)
    try:
        split.preparation.features(shown.cells)
    except BadData as error:
        raise BadData(f"The new rows '{new.name}' must match '{name}'. {error}") from None
    train = split.raw()["train"].cells
    used = [name for name in train.columns if split.types[name].word != "identifier" and name in shown.features.columns]
    return check_new_rows(train.select(used), shown.cells.select(used))


def of_checked(checked: Checked) -> DataDiagnosis:
    """The same as findings, what was said twice said once."""
    findings = tuple(finding_of(check) for check in by_severity(checked.checks))
    return DataDiagnosis(findings, tuple(dict.fromkeys(checked.skipped)), tuple(dict.fromkeys(checked.passed)))


def finding_of(check: Check) -> Finding:
    """The same doubt as a finding."""
    return Finding(check.name, check.severity, check.evidence, check.meaning, check.source)


def of_split(subject: Subject) -> list[Finding]:
    """Inputs of a size that networks do not learn from, and classes that a set lacks: what a split tells by itself."""
    checked = check_unnormalized_inputs(subject.split) + check_missing_class(subject.split)
    return [finding_of(check) for check in checked.checks]
