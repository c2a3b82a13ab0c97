"""Does the training loss go up and down from epoch to epoch instead of down? Then steps are too long to settle.

The history's training loss is measured on the same rows at the end of every epoch, in test mode: it is no mini-batch
curve, whose noise is no finding. A loss that jumps about next to nothing is none either, nor one that still falls.
"""

import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.guard import better
from caviar.diagnosis.subject import Subject
from caviar.diagnosis.untrained import loss_without_signal

LEVEL = 0.05
"""Share of the loss without signal above which the loss must stand."""

_JUMPS = 0.2
"""Jumps from epoch to epoch, of the level, from which a loss oscillates."""

_FEWEST_EPOCHS = 10


def find(subject: Subject) -> list[Finding]:
    """`oscillating_loss` where the loss of every network jumps; a warning where a lower rate does better."""
    curves = [run.history["train_loss"] for run in subject.runs if run.status != "diverged"]
    if not curves or min(map(len, curves)) < _FEWEST_EPOCHS:
        return []
    levels, jumps = np.array([standing(curve) for curve in curves]).T
    if jumps.min() <= _JUMPS or levels.min() <= LEVEL * loss_without_signal(subject.config, subject.split):
        return []
    lower = better(subject, "lower rate")
    meaning = (
        f"From epoch to epoch the training loss goes up and down, by {np.median(jumps):.0%} of the "
        f"{np.median(levels):.3g} at which it stands, instead of down: steps of this length jump over what they should "
        f"settle in. A lower rate, a rate that decays, or larger mini-batches calm it."
    ) + (f" {lower[0].sentence()}" if lower else "")
    evidence = {"level": levels.tolist(), "jumps": jumps.tolist(), "learning_rate": subject.config.rate}
    evidence |= lower[0].evidence() | {"best_rate": lower[0].companion.config.rate} if lower else {}
    source = "course section 5 (learning rate and its decay)"
    return [Finding("oscillating_loss", "warning" if lower else "info", evidence, meaning, source)]


def standing(loss: Numbers) -> tuple[float, float]:
    """The level at which a loss over epochs stands in its last third, and its jumps of that level; 0 while it falls."""
    late = loss[-max(4, len(loss) // 3) :]
    level, jumps = float(late.mean()), float(np.diff(late).std())
    first, second = np.array_split(late, 2)
    falls = first.mean() - second.mean() > jumps
    return level, 0.0 if falls or not level > 0 else jumps / level
