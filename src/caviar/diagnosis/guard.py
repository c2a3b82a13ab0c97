"""Is training in fact hurt? Symptoms alone are no findings: most networks with small gradients or still units are well.

Three witnesses count. A network that is *stuck* errs nearly as often on its own training rows as a model that answers
every row alike. One that *underfits* errs more often on them than a quick model does on new rows. A companion is
*better* when its loss on held-out rows is lower beyond the noise of rows and seeds, and by an amount that matters.
"""

import dataclasses
from collections.abc import Iterable
from typing import get_args
from weakref import WeakKeyDictionary

import numpy as np

from caviar.diagnosis.finding import Severity
from caviar.diagnosis.intervals import LEVEL, Estimate, paired_gain
from caviar.diagnosis.subject import Companion, CompanionKind, Subject

STUCK = 0.7
"""Share of the constant model's training error from which a network counts as stuck."""

OF_LOSS, _OF_CONSTANT = 0.1, 0.01
"""A gain matters from these shares on: of the network's own loss, and of the constant model's."""

_SEED_NOISES = 3.0
"""Standard deviations of the loss over seeds that a gain must exceed; they are known from a few seeds only."""

_BELOW_BEST = 0.2
"""Of the best seed's loss: by so much less a companion is better, however widely the seeds scatter."""


@dataclasses.dataclass(frozen=True, eq=False)
class Better:
    """A companion that does better than the network it accompanies.

    Attributes:
        companion: what was changed.
        gain: of loss on held-out rows, paired; above 0.
        loss: the network's own, on the same rows.
    """

    companion: Companion
    gain: Estimate
    loss: float

    @property
    def share(self) -> float:
        """Of the loss that the change takes away."""
        return self.gain.value / self.loss if self.loss else 0.0

    def sentence(self) -> str:
        """The experiment, in words."""
        seeds = len(self.companion.scores)
        return (
            f"Trained beside it with {self.companion.name}, all else equal, the loss on held-out rows is "
            f"{self.loss - self.gain.value:.3g} instead of {self.loss:.3g} (lower by {self.gain.low:.2g} to "
            f"{self.gain.high:.2g}, {seeds} seed{'s' if seeds > 1 else ''})."
        )

    def evidence(self) -> dict[str, object]:
        """Figures of the experiment."""
        return {"experiment": self.companion.name, "loss": self.loss, "gain": self.gain.to_json()}


def better(subject: Subject, *kinds: CompanionKind) -> list[Better]:
    """The companions of these kinds that do better, the best first."""
    if subject not in _known:  # every finder asks, and intervals take time
        _known[subject] = _all_better(subject)
    return [one for one in _known[subject] if one.companion.kind in kinds]


_known: WeakKeyDictionary[Subject, list[Better]] = WeakKeyDictionary()


def _all_better(subject: Subject) -> list[Better]:
    """The companions that do better, the lowest loss first: gains of different seeds cannot be compared.

    A companion has one or two seeds, too few to know their noise by: it is taken from the subject's own seeds - where
    these scatter widely, the companion must be better than the best of them - and the interval is that of rows,
    widened for the number of companions.
    """
    level, noise = 1 - (1 - LEVEL) / max(1, len(subject.companions)), _seed_noise(subject)
    best_seed = min(float(score.loss.mean()) for score in subject.scores)
    of_constant = _OF_CONSTANT * float(subject.constant.loss.mean())
    found = []
    for companion in subject.companions:
        before, after = (np.mean([s.loss for s in scores], axis=0) for scores in (companion.against, companion.scores))
        gain, loss = paired_gain(before[None], after[None], level), float(before.mean())
        beyond_noise = gain.value > _SEED_NOISES * noise / len(companion.scores) ** 0.5
        beyond_best = best_seed - float(after.mean()) > max(_BELOW_BEST * best_seed, of_constant)
        if gain.low > 0 and gain.value > max(OF_LOSS * loss, of_constant) and (beyond_noise or beyond_best):
            found.append(Better(companion, gain, loss))
    return sorted(found, key=lambda one: one.loss - one.gain.value)


def severity(subject: Subject, one: Better) -> Severity:
    """Of what a companion shows: an info where another kind of change helps more, else by how bad things are."""
    return severity_of_training(subject) if leading(subject) == one.companion.kind else "info"


def leading(subject: Subject) -> CompanionKind | None:
    """The kind of change that helps most; None where none does."""
    every = better(subject, *get_args(CompanionKind))
    return every[0].companion.kind if every else None


def severity_of_training(subject: Subject) -> Severity:
    """`critical` where nothing is learned, else `warning`."""
    return "critical" if stuck(subject) or share_diverged(subject) == 1 else "warning"


def stuck(subject: Subject) -> bool:
    """Whether the networks err on their training rows nearly as a model does that answers every row alike."""
    errors = [score.train_error for score in subject.scores if score.status != "diverged"]
    return not errors or float(np.mean(errors)) > STUCK * subject.constant.train_error


def underfits(subject: Subject) -> bool:
    """Whether a quick model errs less on rows it has not seen than the networks do on those they were trained on."""
    return subject.gaps is not None and subject.gaps.bias_verdict == "high"


def hurt(subject: Subject) -> bool:
    """Whether training is hurt by the witnesses above."""
    return stuck(subject) or underfits(subject) or bool(better(subject, "higher rate", "lower rate", "other start"))


def share_diverged(subject: Subject) -> float:
    """Of the seeds."""
    return float(np.mean([score.status == "diverged" for score in subject.scores]))


def _seed_noise(subject: Subject) -> float:
    """Standard deviation of the loss over seeds; 0 with one seed, or where some diverged."""
    means = [float(score.loss.mean()) for score in subject.scores if score.status != "diverged"]
    return float(np.std(means, ddof=1)) if 1 < len(means) == len(subject.scores) else 0.0


def listed(values: Iterable[float]) -> str:
    """Figures of layers, first layer first."""
    return ", ".join(f"{value:.2g}" for value in values)
