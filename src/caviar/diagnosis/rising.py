"""Does the objective J rise in an iteration of the full batch? Then the learning rate is too high (course, section 5).

With all rows in every step and nothing drawn at random, the mean of J over an epoch is J before its only step, so the
history tells J of every iteration. Along a direction of curvature c, a step of gradient descent at rate alpha
overshoots by more than it gains once alpha > 2 / c: J rises. A mini-batch curve is noisy, and that is no finding.
Neither is a rise by momentum alone, whose steps overshoot at any rate and come back.
"""

import dataclasses

import numpy as np

from caviar.arrays import Mask, Numbers
from caviar.data.split import Split
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.guard import better
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.training.optimizers import update_rule
from caviar.training.plan import program_for
from caviar.training.record import Run

_ROUNDING = 1e-5
"""Share of J by which it may rise since it is of float32."""

_OFTEN = 0.05
"""Share of iterations."""

_LOST = 0.01
"""Of what J fell by in all."""


@dataclasses.dataclass(frozen=True)
class Rises:
    """How J went from iteration to iteration of the full batch.

    Attributes:
        iterations: steps between two values of J.
        rose: those in which J rose.
        first: the first of them, counted from 1; None where there is none.
        largest: the largest rise.
        lost: by how much J ended above its lowest value.
        fell: by how much its lowest value is below the first.
    """

    iterations: int
    rose: int
    first: int | None
    largest: float
    lost: float
    fell: float

    @property
    def share(self) -> float:
        """Of iterations in which J rose."""
        return self.rose / max(1, self.iterations)


def every_step_is_exact(config: Config, split: Split) -> bool:
    """Whether every step is of all rows, with nothing drawn at random."""
    program = program_for(config, split)
    rows = split.n_train if program.pool == "train" else split.rows
    random = any(config.dropouts) or config.input_noise or config.mixup or config.augment
    return program.batch_size >= rows and not random and config.sampling == "shuffled"


def rises(objective: Numbers) -> Rises:
    """Count the rises of J.

    Args:
        objective: (iterations + 1,) J before every step, as in `Run.history` of a full batch.
    """
    change = np.diff(objective)
    up: Mask = ~(change <= _ROUNDING * np.abs(objective[:-1]))
    lowest = float(np.min(objective))
    return Rises(
        iterations=len(change),
        rose=int(up.sum()),
        first=int(np.argmax(up)) + 1 if up.any() else None,
        largest=float(change[up].max()) if up.any() else 0.0,
        lost=float(objective[-1] - lowest),
        fell=float(objective[0] - lowest),
    )


def find(subject: Subject) -> list[Finding]:
    """`learning_rate_too_high` where J rises in an iteration of the full batch, without dropout.

    Of the network in which it rises most often. It is a warning where training is hurt: J rises often, and ends above
    where it has been, or a companion with a lower rate does better. Otherwise it is worth knowing. Networks that
    diverged are left to `sanity.diverged`.
    """
    if not every_step_is_exact(subject.config, subject.split):
        return []
    seen = [(rises(run.history["objective"]), run) for run in subject.runs if _told(run)]
    if not seen:
        return []
    worst, run = max(seen, key=lambda pair: pair[0].share)
    ends_above = worst.lost > _LOST * worst.fell
    hurt = worst.share >= _OFTEN and (ends_above or bool(better(subject, "lower rate")))
    if not worst.rose or (update_rule(run.config).beta1 > 0 and not hurt):
        return []
    rate = run.config.rate
    meaning = (
        f"With all rows in every step J must fall in every iteration, but it rose in {worst.rose} of "
        f"{worst.iterations}, first in iteration {worst.first}, by up to {worst.largest:.2g}"
        + (f", and ended {worst.lost:.2g} above its lowest value" if ends_above else ", though it fell on the whole")
        + f". The learning rate {rate:g} is too high for the sharpest directions of J: a third of it is the first try. "
        "(Were the gradient wrong, J would do the same; caviar's are checked.)"
    )
    evidence = dataclasses.asdict(worst) | {"share": worst.share, "learning_rate": rate}
    severity = "warning" if hurt else "info"
    source = "course section 5 (full batch); Cohen et al. 2021 (the edge of stability)"
    return [Finding("learning_rate_too_high", severity, evidence, meaning, source)]


def _told(run: Run) -> bool:
    """Whether the history of a network has iterations to compare."""
    return run.status != "diverged" and run.epochs > 1
