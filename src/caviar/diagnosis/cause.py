"""Several findings may be true of one fault: which of them is the cause?

A rate that is too low, too few epochs and mini-batches that are too large all end in too few or too short updates, and
each would be mended by undoing any of them. The cause is the setting that departs most from what is usual. And where
another rate helps, but a quick model shows that most of the error is due to something else, it is the network that is
too small. What is not the cause becomes worth knowing.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.finding import Finding, FindingName, Severity
from caviar.diagnosis.guard import better, stuck
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.training.optimizers import update_rule
from caviar.training.plan import epochs_planned

USUAL = 3.0
"""A setting departs from what is usual from this factor on."""

_MOST = 0.5
"""Share of the error that can be mended, which a cause accounts for."""

_BATCH = 64

_SLOW: tuple[FindingName, ...] = ("learning_rate_too_low", "undertrained", "batch_too_large")


def settled(found: Sequence[Finding], subject: Subject, result: BiasVariance | None) -> list[Finding]:
    """The findings, those that are not the cause of what others explain as worth knowing.

    Args:
        found: of the finders, and of bias and variance.
        subject: of which they are.
        result: its bias and variance; None where all networks diverged.
    """
    weighty = {finding.name for finding in found if finding.severity != "info"}
    beside: set[FindingName] = set()
    behind: set[FindingName] = set()
    far = departures(subject)
    slow: list[FindingName] = sorted((name for name in _SLOW if name in weighty), key=lambda name: -far[name])
    if len(slow) > 1 and far[slow[0]] > 1:
        beside.update(slow[1:])
    if "high_bias" in weighty and far["learning_rate_too_low"] < USUAL and _accounts_for(subject, result) < _MOST:
        behind.add("learning_rate_too_low")
    if "high_bias" in weighty and far["undertrained"] < USUAL:
        behind.update(f.name for f in found if f.name == "undertrained" and _gain(f) < _MOST)
    # Where nothing is learned the network is at fault first, and what helps a little comes behind it.
    lowered: dict[FindingName, Severity] = dict.fromkeys(behind, "warning" if stuck(subject) else "info")
    raised: dict[FindingName, Severity] = {"high_bias": "critical"} if behind & weighty and stuck(subject) else {}
    new = raised | lowered | dict.fromkeys(beside, "info")
    changed = [dataclasses.replace(f, severity=new[f.name]) if f.name in new else f for f in found]
    return [before if before.severity == "info" else after for before, after in zip(found, changed, strict=True)]


def _gain(undertrained: Finding) -> float:
    """Share of the loss that more epochs would take away."""
    return float(undertrained.evidence["gain"]["value"] / undertrained.evidence["loss"])


def departures(subject: Subject) -> dict[FindingName, float]:
    """By what factor a setting makes for fewer or shorter updates than the usual one; below 1 for more."""
    config, split = subject.config, subject.split
    usual = config.changed(learning_rate=None, momentum_form="average", momentum=0.9)
    length, of_usual = (one.rate * _grown(one) for one in (config, usual))
    return {
        "learning_rate_too_low": of_usual / max(length, 1e-30),
        "undertrained": epochs_planned(config.changed(epochs=None), split) / epochs_planned(config, split),
        "batch_too_large": subject.batch_size / min(_BATCH, subject.rows_trained),
    }


def _grown(config: Config) -> float:
    """To what multiple of a gradient the optimiser's average grows where gradients stay alike."""
    rule = update_rule(config)
    return float(rule.gain / (1 - rule.beta1))


def _accounts_for(subject: Subject, result: BiasVariance | None) -> float:
    """The share of the error above the best quick model's that a higher rate takes away; 1 where it is not known."""
    higher = better(subject, "higher rate")
    if not higher or result is None or result.optimal.bound is None:
        return 1.0
    unit = 1.0 if subject.split.task == "classification" else float(np.var(subject.split.y_train))
    own, other = (
        np.mean([score.error.mean() for score in scores]) / unit
        for scores in (higher[0].companion.against, higher[0].companion.scores)
    )
    mendable = own - result.optimal.bound.value
    return float((own - other) / mendable) if mendable > 0 else 1.0
