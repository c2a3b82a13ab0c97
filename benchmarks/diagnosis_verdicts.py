"""What the product says of cases beside what is true of them: detected, named right, false alarms; with intervals."""

import dataclasses
from collections import Counter
from collections.abc import Sequence

import numpy as np
from scipy import stats

from caviar.data.checks.check import CHECKS
from caviar.diagnosis.finding import Finding, FindingName
from caviar.errors import CaviarError
from diagnosis_cases import BY_NAME, Bed, Case, Judged
from diagnosis_product import examined, in_order, of_data, of_network

SEEDS = (0, 1, 2)
"""Of the networks that are diagnosed."""

NOT_OF_TRAINING: tuple[FindingName, ...] = ("high_bias", "high_variance", "overfit_dev", "data_mismatch", *CHECKS)
"""What a healthy network may have: its data may be hard, few or doubtful."""


@dataclasses.dataclass(frozen=True)
class Told:
    """What was said of one case.

    Attributes:
        case: which.
        findings: in the product's order, those of the data among them; () where it failed.
        failed: the message of the exception, if there was one.
    """

    case: Case
    findings: tuple[Finding, ...] = ()
    failed: str = ""

    @property
    def warnings(self) -> list[FindingName]:
        """Names of findings of severity warning or worse, in order."""
        return [finding.name for finding in self.findings if finding.severity != "info"]

    @property
    def first(self) -> str:
        """The first name, or what there is instead."""
        return self.findings[0].name if self.findings else "(failed)" if self.failed else "(nothing)"

    @property
    def detected(self) -> bool:
        """Whether a finding that is true of the fault is a warning or worse."""
        fault = BY_NAME[self.case.fault]
        return any(name in (*fault.accepted, *fault.also) for name in self.warnings)

    @property
    def named(self) -> bool:
        """Whether the first finding is one of the cause."""
        return self.first in BY_NAME[self.case.fault].accepted

    @property
    def alarms(self) -> list[FindingName]:
        """Warnings about training."""
        return [name for name in self.warnings if name not in NOT_OF_TRAINING]

    def line(self) -> str:
        """The case and all that was said, on one line."""
        said = ", ".join(f"{f.name}{'' if f.severity == 'warning' else f' ({f.severity})'}" for f in self.findings)
        return f"{self.case.name} | {self.failed or said or '(nothing)'}"


def tell(bed: Bed, cases: Sequence[Case], *, again: bool = False) -> list[Told]:
    """What the product says of cases; the networks of those examined before are not trained again.

    Args:
        bed: where they are planted.
        cases: which.
        again: examine anew, with networks trained anew.
    """
    told = []
    for number, case in enumerate(cases):
        if not bed.kept.path("subjects", case.name).exists() or again:
            print(f"examining {number + 1} of {len(cases)}: {case.name}", flush=True)
        told.append(_told(bed, case, again=again))
    return told


def _told(bed: Bed, case: Case, *, again: bool) -> Told:
    at, config = bed.sides(case).faulty
    split = bed.kept.split(at)
    try:
        subject = bed.kept.value(
            "subjects", case.name, lambda: examined(split, config, bed.kept.bench(split), SEEDS), again=again
        )
        said = of_network(subject)
    except (CaviarError, ArithmeticError, ValueError, TypeError, IndexError, AttributeError) as error:
        return Told(case, failed=f"{type(error).__name__}: {' '.join(str(error).split())[:200]}")
    data = bed.kept.value("data", at, lambda: of_data(bed.table(at), split), again=again)
    return Told(case, tuple(in_order([*said, *data])))


def share(hits: int, of: int) -> str:
    """A share with its Clopper-Pearson interval.

    Source: Clopper & Pearson 1934.
    """
    if not of:
        return "none"
    low = stats.beta.ppf(0.025, hits, of - hits + 1) if hits else 0.0
    high = stats.beta.ppf(0.975, hits + 1, of - hits) if hits < of else 1.0
    return f"{hits} of {of} = {hits / of:.1%} (95 % interval {low:.1%} to {high:.1%})"


def print_faulty(judged: dict[Case, Judged], told: Sequence[Told]) -> dict[str, str]:
    """The table by fault, by accepted name, the totals, and every miss with its case."""
    of_case = {one.case: one for one in told}
    print(f"\n{'fault':<48} {'cases':>5} {'count':>5} {'det.':>5} {'named':>5}  said first instead")
    for fault in BY_NAME.values():
        own = [case for case in judged if case.fault == fault.name]
        counted = [of_case[case] for case in own if case in of_case]
        if own:
            _row(fault.name, len(own), counted)
    print(f"\n{'accepted name':<48} {'cases':>5} {'count':>5} {'det.':>5} {'named':>5}  said first instead")
    for name in dict.fromkeys(name for fault in BY_NAME.values() for name in fault.accepted):
        own = [case for case in judged if name in BY_NAME[case.fault].accepted]
        if own:
            _row(name, len(own), [of_case[case] for case in own if case in of_case])
    refused = {case: one.refused for case, one in judged.items() if one.refused}
    print("\nmisses: nothing that is true of the fault as a warning")
    _lines([one for one in told if not one.detected], judged)
    print("\nnamed wrong: detected, but another name first")
    _lines([one for one in told if one.detected and not one.named], judged)
    print("\nrefused by the product, left out")
    for case, why in refused.items():
        print(f"  {case.name} | {why}")
    figures = {
        "planted": f"{len(judged)}",
        "left out, not worse beyond noise": f"{sum(not one.counts and not one.refused for one in judged.values())}",
        "refused": f"{len(refused)}",
        "detected": share(sum(one.detected for one in told), len(told)),
        "named right": share(sum(one.named for one in told), len(told)),
    }
    _totals(figures)
    return figures


def _row(name: str, planted: int, counted: Sequence[Told]) -> None:
    instead = Counter(one.first for one in counted if not one.named)
    said = ", ".join(f"{first} {times}" for first, times in instead.most_common())
    detected, named = sum(one.detected for one in counted), sum(one.named for one in counted)
    print(f"{name:<48} {planted:>5} {len(counted):>5} {detected:>5} {named:>5}  {said}")


def _lines(told: Sequence[Told], judged: dict[Case, Judged]) -> None:
    for one in told:
        result = judged[one.case]
        print(f"  {one.line()} | loss {result.healthy:.3g} -> {result.faulty:.3g}, accepted {_names(one.case)}")


def _names(case: Case) -> str:
    return "/".join(BY_NAME[case.fault].accepted)


def print_healthy(bed: Bed, told: Sequence[Told]) -> dict[str, str]:
    """False alarms, each with its case, and what else was said."""
    false = [one for one in told if one.alarms or one.failed]
    print("\nfalse alarms: a finding about training, warning or worse, on a healthy network")
    for one in false:
        pool = bed.pool(one.case.of)
        config = pool.healthy[one.case.number]
        gap = pool.loss[config] / max(pool.loss[pool.best], 1e-12) - 1
        changed = ", ".join(f"{k}={mine}" for k, (mine, _) in config.differences(type(config)()).items())
        print(f"  {one.line()} | loss {gap:+.0%} of the best's; {changed}")
    by_name = Counter(name for one in told for name in one.alarms)
    others = Counter(name for one in told for name in one.warnings if name in NOT_OF_TRAINING)
    print(f"by name: {dict(by_name.most_common())}")
    print(f"bias, variance and data: {dict(others.most_common())}")
    figures = {"false alarms": share(len(false), len(told))}
    _totals(figures)
    return figures


def _totals(figures: dict[str, str]) -> None:
    print()
    for name, figure in figures.items():
        print(f"{name}: {figure}")


def mean_share(values: Sequence[float]) -> str:
    """A mean with its 95 % interval over cases."""
    array = np.asarray(values, float)
    half = stats.t.ppf(0.975, max(1, len(array) - 1)) * array.std(ddof=1) / len(array) ** 0.5 if len(array) > 1 else 0.0
    return (
        f"{array.mean():.1%} (95 % interval {array.mean() - half:.1%} to {array.mean() + half:.1%}, {len(array)} cases)"
    )
