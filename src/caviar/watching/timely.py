"""Which findings can be true of a network in the middle of its training, and which not yet.

The finders look at networks that have ended. In the middle, a training error that still falls is no bias, and a network
of which little is learned yet is not stuck. So a finding is believed

| when | because |
|---|---|
| at once | it is a fact that no epoch changes: divergence, weights without a gradient, inputs of very different sizes |
| after ten epochs | it is read off the end of a curve: fewer points tell no trend (`oscillation` asks for as many) |
| once the train loss has settled | it rests on what the network has learned: bias, units, gradients, baselines |
| when training has ended | it says that training ended: too few epochs, too few updates |

*Settled* is a train loss that, from the quarter of the epochs before the last to the last one, has fallen by less than
a twentieth of all that it has fallen, or a hundredth of where it began. Epochs count from the last change on: a curve
with a change in the middle would show the change.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis import batch, bias_variance, epochs, landscape, oscillation, rising, steps
from caviar.diagnosis.cause import settled as cause_of
from caviar.diagnosis.diagnose import FINDERS, ordered
from caviar.diagnosis.examine import subject
from caviar.diagnosis.finding import Finding, FindingName
from caviar.diagnosis.sanity import diverged
from caviar.training.plan import epochs_planned
from caviar.training.record import Run
from caviar.training.scores import Score

When = Literal["at once", "few epochs", "settled", "ended"]

FEW = 10
"""Epochs since the last change."""

_STILL, _OF_START = 0.05, 0.01
"""Shares of all that the train loss has fallen, and of where it began: a fall that is less is none."""

_MOVED = 0.1
"""Of their length: where all planned updates would move the weights by more, a slow network may still arrive."""

_WHEN: dict[FindingName, When] = {
    "diverged": "at once",
    "no_gradient": "at once",
    "examples_interact": "at once",
    "gradient_mismatch": "at once",
    "unnormalized_inputs": "at once",
    "missing_class": "at once",
    "learning_rate_too_high": "few epochs",
    "oscillating_loss": "few epochs",
    "overtrained": "few epochs",
    "high_variance": "few epochs",
    "undertrained": "ended",
    "batch_too_large": "ended",
}
"""All others once the train loss has settled."""

_OF_CURVES = (steps.find, rising.find, oscillation.find, landscape.find, batch.find)
"""Finders that read curves, or count updates: of the epochs since the last change."""


@dataclasses.dataclass(frozen=True)
class Look:
    """What one look at a network has found.

    Attributes:
        findings: that are true of it, in the order of `diagnose`.
        moments: the kinds of findings for which it is time.
    """

    findings: tuple[Finding, ...]
    moments: frozenset[When]

    def tells(self, name: FindingName) -> bool:
        """Whether it is time for a finding of this name: only then does its absence say anything."""
        return _WHEN.get(name, "settled") in self.moments


def look(run: Run, split: Split, since: int = 0) -> Look:
    """Diagnose a network as it is.

    Args:
        run: of at least one epoch; `pruned` where it still trains.
        split: its data. Without dev rows no network is judged: only divergence is told.
        since: epochs that had ended when its settings were last changed.
    """
    moments = _moments(run, since)
    if not split.n_dev:
        nothing = np.empty(0)
        known = float("nan")
        score = Score(run.config, run.status, nothing, nothing, known, known, known, 1, run.history, 1, (1.0,))
        return Look(tuple(diverged([score])), frozenset({"at once"}))
    at = Look((), moments)
    believed = [finding for finding in _all(run, split, since) if _believed(finding, at, run, split, since)]
    return Look(tuple(believed), moments)


def _all(run: Run, split: Split, since: int) -> list[Finding]:
    """As `diagnose`, with what is read off curves from the epochs since the last change."""
    seen = subject([run], split)
    late = dataclasses.replace(seen, runs=(_cut(run, since),)) if 0 < since < run.epochs else seen
    found = []
    for finder in FINDERS:
        if finder is epochs.find and late is not seen:  # it names epochs: those of the whole
            since_then = {finding.name for finding in finder(late)}
            found += [finding for finding in finder(seen) if finding.name in since_then]
        else:
            found += finder(late if finder in _OF_CURVES else seen)
    if seen.gaps is not None:
        found += bias_variance.findings(seen.gaps, split)
    return ordered(cause_of(found, seen))


def _cut(run: Run, since: int) -> Run:
    """The epochs after so many."""
    history = {name: curve[since:] for name, curve in run.history.items()}
    return dataclasses.replace(run, history=history, best_epoch=max(1, run.best_epoch - since))


def _moments(run: Run, since: int) -> frozenset[When]:
    if run.status != "pruned":
        return frozenset({"at once", "few epochs", "settled", "ended"})
    if run.epochs - since < FEW:
        return frozenset({"at once"})
    moments: set[When] = {"at once", "few epochs"}
    if has_settled(run.history["train_loss"], since):
        moments.add("settled")
    return frozenset(moments)


def has_settled(loss: Numbers, since: int = 0) -> bool:
    """Whether a train loss has come to rest, see above.

    Args:
        loss: of every epoch, finite.
        since: epochs before the last change.
    """
    late = loss[since:]
    if len(late) < FEW:
        return False
    quarter = len(late) // 4
    fall = late[-2 * quarter : -quarter].mean() - late[-quarter:].mean()
    return bool(fall <= max(_STILL * (loss[0] - loss.min()), _OF_START * loss[0]))


def _believed(finding: Finding, at: Look, run: Run, split: Split, since: int) -> bool:
    """Whether it is time for a finding; that steps are too short only where no planned epoch would change it."""
    if not at.tells(finding.name):
        return False
    if finding.name != "learning_rate_too_low" or "ended" in at.moments:
        return True
    ratios: Sequence[float] = finding.evidence.get("update_ratio", ())
    updates = float(finding.evidence.get("updates", 0))
    planned = updates / max(1, run.epochs - since) * (epochs_planned(run.config, split) - since)
    return planned * max(ratios, default=0.0) < _MOVED
