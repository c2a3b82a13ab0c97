"""`diagnose`: the findings for one config's networks, what hurts most first."""

import dataclasses
from collections.abc import Callable, Iterable, Sequence

from caviar.data.split import Split
from caviar.diagnosis import (
    activations,
    batch,
    bias_variance,
    data,
    epochs,
    gradients,
    harder_rows,
    landscape,
    oscillation,
    output_and_loss,
    own_network,
    rising,
    sanity,
    steps,
)
from caviar.diagnosis.cause import settled
from caviar.diagnosis.examine import check_same_config, examine, subject
from caviar.diagnosis.finding import SEVERITIES, Finding, FindingName, Severity
from caviar.diagnosis.optimal_error import given_error
from caviar.diagnosis.subject import Subject
from caviar.errors import BadData
from caviar.network.config import Config
from caviar.training.plan import held_out
from caviar.training.population import train
from caviar.training.record import Run

SEEDS = 3
"""Networks of a config that is given to `diagnose` untrained."""

FINDERS: tuple[Callable[[Subject], list[Finding]], ...] = (
    data.of_split,
    own_network.find,
    output_and_loss.find,
    sanity.find,
    activations.find,
    gradients.find,
    steps.find,
    rising.find,
    oscillation.find,
    landscape.find,
    batch.find,
    epochs.find,
    harder_rows.find,
)
"""What reads a subject, causes before what they cause."""

_CAUSES: tuple[FindingName, ...] = (
    "examples_interact",
    "gradient_mismatch",
    "leakage",
    "group_overlap",
    "target_leakage",
    "learns_shuffled_labels",
    "unnormalized_inputs",
    "outliers",
    "duplicate_rows",
    "conflicting_labels",
    "label_noise",
    "missing_class",
    "class_imbalance",
    "label_shift",
    "distribution_shift",
    "row_order",
    "nearly_empty_column",
    "too_few_rows",
    "wrong_loss",
    "wrong_output_activation",
    "symmetric_units",
    "no_gradient",
    "poor_initialization",
    "saturated_units",
    "vanishing_gradients",
    "exploding_gradients",
    "learning_rate_too_high",
    "dead_units",
    "over_regularized",
    "learning_rate_too_low",
    "batch_too_large",
    "batch_too_small",
    "undertrained",
    "oscillating_loss",
    "overtrained",
    "diverged",
    "plateau",
    "saddle",
    "initial_loss_off",
    "cannot_overfit_batch",
    "data_mismatch",
    "high_bias",
    "high_variance",
    "overfit_dev",
    "worse_than_baseline",
)
"""Among findings of one severity: what explains the others comes first, then the order of the recipe."""

_EXPLAINS_LITTLE: dict[FindingName, Severity] = {"too_few_rows": "info", "duplicate_rows": "warning"}
"""Up to which severity a finding comes last: what cannot be told, and copies that are a part of the rows."""


def diagnose(
    what: Config | Run | Sequence[Run],
    split: Split,
    *,
    optimal_error: float | None = None,
    tolerance: float | None = None,
) -> list[Finding]:
    """Say what limits a network, with evidence.

    Args:
        what: a config, which is trained with three seeds, and in the places that its lanes have to spare at other
            learning rates, without regularisation and from other starting weights; or one trained network, or several
            of one config that differ in seed (and fold): more seeds, tighter intervals.
        split: the split they were trained on.
        optimal_error: the error of a perfect model, such as that of a person: share misclassified, or RMSE in the
            target's unit, 0 as in the course's table; None estimates it, see `optimal_error`.
        tolerance: size above which a gap matters, see `bias_variance`.

    Returns:
        Findings, the most severe first; among equals causes before what they cause, and bias before variance, the
        order of the recipe.

    Raises:
        BadData: no runs, one that was never trained, runs of different configs, seeds that were not trained on the
            same folds, or an optimal error that cannot be.
    """
    if optimal_error is not None:
        given_error(optimal_error, split)  # before anything is trained
    if isinstance(what, Config):
        seeds = [what.seed + i for i in range(SEEDS)]
        seen = examine(split, what, train, seeds, optimal_error=optimal_error, tolerance=tolerance)
    else:
        given = [what] if isinstance(what, Run) else list(what)
        if not given:
            raise BadData(
                "caviar.diagnose needs at least one run, got none. Train one with caviar.train(split, [config])."
            )
        check_same_config(given)
        if any(not run.epochs for run in given):
            raise BadData(
                "caviar.diagnose needs networks that were trained, got one without an epoch. Train it, or hand in its "
                "config."
            )
        if not any(held_out(run.config, split).any() for run in given):
            raise BadData(
                "caviar.diagnose needs rows that were held out, got none. Split with dev rows, or train on folds."
            )
        seen = subject(given, split, optimal_error=optimal_error, tolerance=tolerance)
    return findings_of(seen)


def findings_of(seen: Subject) -> list[Finding]:
    """What limits the networks of a subject, in the order of `diagnose`."""
    found = [finding for finder in FINDERS for finding in finder(seen)]
    if seen.gaps is not None:
        found += bias_variance.findings(seen.gaps, seen.split)
    return ordered(settled(found, seen))


def ordered(findings: Iterable[Finding]) -> list[Finding]:
    """The most severe first; among equals causes before what they cause; each name once, at its most severe.

    Inputs that no network learns from are as severe as what they bring about.
    """
    place = {name: number for number, name in enumerate(_CAUSES)}
    once: dict[FindingName, Finding] = {}
    for finding in findings:
        known = once.get(finding.name)
        if known is None or SEVERITIES.index(finding.severity) > SEVERITIES.index(known.severity):
            once[finding.name] = finding
    worst = max((finding.severity for finding in once.values()), key=SEVERITIES.index, default="info")
    weighed = [dataclasses.replace(f, severity=worst) if _is_spoilt(f) else f for f in once.values()]

    def rank(finding: Finding) -> tuple[int, int]:
        weight = SEVERITIES.index(finding.severity)
        little = _EXPLAINS_LITTLE.get(finding.name)
        last = little is not None and weight <= SEVERITIES.index(little)
        return -weight, len(place) if last else place.get(finding.name, len(place))

    return sorted(weighed, key=rank)


def _is_spoilt(finding: Finding) -> bool:
    """Whether a warning is about inputs that no network learns from: not scaled, or scaled by cells far away."""
    of_scale = finding.name == "unnormalized_inputs" or (
        finding.name == "outliers" and bool(finding.evidence.get("sets_scale"))
    )
    return of_scale and finding.severity == "warning"
