"""What a thorough diagnosis adds: sanity checks that train, learning rates, more rows, and where the network stands."""

import dataclasses
import math
from collections.abc import Callable
from typing import Any

from caviar.diagnosis import learning_rate
from caviar.diagnosis.examine import Train
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.landscape import Landscape, landscape
from caviar.diagnosis.learning_curve import LearningCurve, learning_curve
from caviar.diagnosis.learning_rate import LearningRateSweep, learning_rate_sweep
from caviar.diagnosis.subject import Subject
from caviar.diagnosis.thorough import thorough
from caviar.errors import BadConfig, BadData


@dataclasses.dataclass(frozen=True, eq=False)
class CloserLook:
    """What was seen.

    Attributes:
        findings: of the checks that train, and of the learning rates.
        sweep: the learning rates.
        curve: errors over amounts of data; None where there are no dev rows, or too few rows.
        no_curve: why there is none; else "".
        landscape: where the first network stands; None where every network diverged.
    """

    findings: tuple[Finding, ...]
    sweep: LearningRateSweep
    curve: LearningCurve | None
    no_curve: str
    landscape: Landscape | None

    def words(self) -> dict[str, list[str]]:
        """Sentences under a heading each."""
        return {
            "Learning rates": self.sweep.words(),
            "More rows": [self.no_curve] if self.curve is None else self.curve.words(),
            "Where it stands": ["Every network diverged."] if self.landscape is None else [_standing(self.landscape)],
        }

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "learning_rates": self.sweep.to_json(),
            "learning_curve": None if self.curve is None else self.curve.to_json(),
            "landscape": None if self.landscape is None else self.landscape.to_json(),
            "in_words": self.words(),
        }


def closer_look(
    seen: Subject, train: Train, *, optimal: float = 0.0, tell: Callable[[str], None] = lambda _: None
) -> CloserLook:
    """Train and measure all of it; takes several times as long as the networks themselves.

    Args:
        seen: the networks that are diagnosed.
        train: trains networks, see `examine`.
        optimal: error that nothing can beat, towards which the learning curve is read.
        tell: told what is under way.
    """
    tell("Sanity checks: a few rows by heart, shuffled targets, inputs of 0.")
    found = thorough(seen, train)
    tell("Learning rates.")
    sweep = learning_rate_sweep(seen.split, seen.config)
    tell("Amounts of data.")
    curve, why = None, ""
    try:
        curve = learning_curve(seen.split, seen.config, optimal=optimal)
    except (BadConfig, BadData) as error:
        why = str(error)
    sound = next((run for run in seen.runs if run.status != "diverged" and run.best_epoch), None)
    return CloserLook(
        findings=(*found, *learning_rate.findings(sweep)),
        sweep=sweep,
        curve=curve,
        no_curve=why,
        landscape=None if sound is None else landscape(sound, seen.split),
    )


def _standing(found: Landscape) -> str:
    """The landscape in a sentence."""
    where = {
        "minimum": "in a minimum, as far as can be reached by small steps",
        "saddle": "at a saddle: along one direction J falls that the gradient does not tell",
        "plateau": "on a plateau, where nothing is learned yet",
        "slope": "on a slope: J still falls along the gradient",
    }[found.verdict]
    told = (
        f"The first network stands {where}. J is {found.objective:.3g}, its gradient {found.gradient_norm:.2g} long; "
        f"the Hessian's eigenvalues lie between {found.smallest.value:.2g} and {found.largest.value:.3g}."
    )
    if found.sharpness is None or not math.isfinite(found.limit):
        return told
    return f"{told} The sharpness is {found.sharpness:.3g} where steps of this rate are stable up to {found.limit:.3g}."
