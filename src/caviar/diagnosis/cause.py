"""Several findings may be true of one fault: which of them is the cause?

A rate that is too low, too few epochs and mini-batches that are too large all end in too few or too short updates, and
each would be mended by undoing any of them. The cause is the setting that departs most from what is usual; where none
departs, the one whose undoing helped most. Likewise a lower rate helps a network that was trained far too long. And
where another rate helps a tiny network, but a quick model shows that most of the error is due to something else, it is
the network that is too small. What is not the cause becomes worth knowing.
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from caviar.diagnosis.batch import usual_size
from caviar.diagnosis.finding import SEVERITIES, Finding, FindingName, Severity
from caviar.diagnosis.guard import better
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.training.optimizers import update_rule
from caviar.training.plan import epochs_planned

USUAL = 3.0
"""A setting departs from what is usual from this factor on."""

_MOST = 0.5
"""Share of the error that can be mended, which a cause accounts for."""

_TINY = 8
"""Units of a layer below which a network may be too small for anything."""

_STILL: tuple[FindingName, ...] = ("plateau", "saddle")
_SLOW: tuple[FindingName, ...] = ("learning_rate_too_low", "undertrained", "batch_too_large")


def settled(found: Sequence[Finding], subject: Subject) -> list[Finding]:
    """The findings, those that are not the cause of what others explain as worth knowing."""
    far = departures(subject)
    return _of_tiny(_of_long(_of_slow(list(found), far), far), far, subject)


def _of_slow(found: list[Finding], far: dict[FindingName, float]) -> list[Finding]:
    """Of several reasons for too few or too short updates one is the cause."""
    slow: list[FindingName] = sorted((f.name for f in found if f.name in _SLOW), key=lambda name: -far[name])
    weighty = [f for f in found if f.name in _SLOW and f.severity != "info"]
    if len(slow) < 2 or not weighty:
        return found
    cause = slow[0] if far[slow[0]] >= USUAL else max(weighty, key=_gain).name
    return _led_by(cause, slow, found)


def _of_long(found: list[Finding], far: dict[FindingName, float]) -> list[Finding]:
    """A lower rate helps a network that was trained far too long."""
    severities: dict[FindingName, Severity] = {f.name: f.severity for f in found}
    if not {"overtrained", "learning_rate_too_high"} <= severities.keys():
        return found
    long = far["undertrained"] <= 1 / USUAL or severities["overtrained"] != "info"
    if not long or far["learning_rate_too_low"] <= 1 / USUAL:
        return found
    return _led_by("overtrained", ["overtrained", "learning_rate_too_high"], found)


def _of_tiny(found: list[Finding], far: dict[FindingName, float], subject: Subject) -> list[Finding]:
    """High bias comes before a rate, or epochs, that explain less than half of it, where a layer is tiny.

    So it does before a plateau or a saddle: a tiny network has little to learn with.
    """
    weighty = {finding.name for finding in found if finding.severity != "info"}
    if "high_bias" not in weighty or not _is_tiny(subject.config):
        return found
    behind = set[FindingName](_STILL)
    if far["learning_rate_too_low"] < USUAL and _accounts_for(subject) < _MOST:
        behind.add("learning_rate_too_low")
    if far["undertrained"] < USUAL:
        behind.update(f.name for f in found if f.name == "undertrained" and _gain(f) < _MOST)
    return _led_by("high_bias", ["high_bias", *sorted(behind & weighty)], found) if behind & weighty else found


def _led_by(cause: FindingName, among: Sequence[FindingName], found: Sequence[Finding]) -> list[Finding]:
    """The cause as severe as the worst of them, the others as worth knowing."""
    severities: list[Severity] = [f.severity for f in found if f.name in among]
    worst = max(severities, key=SEVERITIES.index)
    new: dict[FindingName, Severity] = dict.fromkeys(among, "info")
    new[cause] = worst
    return [dataclasses.replace(f, severity=new[f.name]) if f.name in new else f for f in found]


def _is_tiny(config: Config) -> bool:
    """Whether a layer has few units, or none bends."""
    if config.network is not None:
        return False
    bends = any(activation != "linear" for activation in config.activations)
    return not config.layers or not bends or min(config.hidden_units, default=_TINY) < _TINY


def _gain(finding: Finding) -> float:
    """Share of the loss that undoing a finding takes away, or would; 0 where it is not told."""
    gain = finding.evidence.get("gain")
    return float(gain["value"] / finding.evidence["loss"]) if gain and finding.evidence.get("loss") else 0.0


def departures(subject: Subject) -> dict[FindingName, float]:
    """By what factor a setting makes for fewer or shorter updates than the usual one; below 1 for more."""
    config, split = subject.config, subject.split
    usual = config.changed(learning_rate=None, momentum_form="average", momentum=0.9)
    length, of_usual = (one.rate * _grown(one) for one in (config, usual))
    return {
        "learning_rate_too_low": of_usual / max(length, 1e-30),
        "undertrained": epochs_planned(config.changed(epochs=None), split) / epochs_planned(config, split),
        "batch_too_large": subject.batch_size / usual_size(subject.rows_trained),
    }


def _grown(config: Config) -> float:
    """To what multiple of a gradient the optimiser's average grows where gradients stay alike."""
    rule = update_rule(config)
    return float(rule.gain / (1 - rule.beta1))


def _accounts_for(subject: Subject) -> float:
    """The share of the error above the best quick model's that a higher rate takes away; 1 where it is not known."""
    higher, gaps = better(subject, "higher rate"), subject.gaps
    if not higher or gaps is None or gaps.optimal.bound is None:
        return 1.0
    unit = 1.0 if subject.split.task == "classification" else float(np.var(subject.split.y_train))
    own, other = (
        np.mean([score.error.mean() for score in scores]) / unit
        for scores in (higher[0].companion.against, higher[0].companion.scores)
    )
    mendable = own - gaps.optimal.bound.value
    return float((own - other) / mendable) if mendable > 0 else 1.0
