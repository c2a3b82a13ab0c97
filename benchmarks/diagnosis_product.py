"""What `diagnosis.py` asks of the product: one small function each, so that there is one place to change."""

from collections.abc import Sequence

from caviar.data.split import Split
from caviar.data.table import Table
from caviar.diagnosis.data import diagnose_data
from caviar.diagnosis.diagnose import findings_of, ordered
from caviar.diagnosis.examine import examine
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.remedies.fix import fix
from caviar.training.workbench import Workbench


def examined(split: Split, config: Config, bench: Workbench, seeds: Sequence[int]) -> Subject:
    """A config's networks and companions, trained and measured."""
    return examine(split, config, bench.train, seeds)


def of_network(subject: Subject) -> list[Finding]:
    """What the product says of the networks."""
    return findings_of(subject)


def of_data(table: Table, split: Split) -> list[Finding]:
    """What the product says of the data."""
    return list(diagnose_data(table, split).findings)


def in_order(findings: Sequence[Finding]) -> list[Finding]:
    """All of them, what hurts most first."""
    return ordered(findings)


def mended(
    split: Split, config: Config, findings: Sequence[Finding], bench: Workbench, *, seeds: Sequence[int], trainings: int
) -> tuple[Split, Config, int]:
    """What the product's remedies give for at most so many trainings: split, config, and the trainings spent.

    Later rounds follow the basic recipe: looking again would take trainings that nobody counts.
    """
    fixed = fix(split, config, findings, bench, seeds, trainings=trainings)
    return fixed.split, fixed.config, fixed.trainings
