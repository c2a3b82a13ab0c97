"""Remedies put together, and the combination tried like any other: what helps alone need not help beside another.

A combination takes the accepted remedies and the promising ones: those whose own 95 % interval lies above zero, but not
the wider one that allows for the number of tries. Together they may show what none shows alone.
"""

from collections.abc import Sequence

import numpy as np

from caviar.data.scaling import Scale
from caviar.remedies.experiment import Bench, Candidate, Experiment, Outcome, experiment
from caviar.remedies.remedy import Keep, Remedy


def combination(tried: Experiment) -> list[Outcome]:
    """The accepted and promising remedies that change different settings, the largest gain first."""
    together: list[Outcome] = []
    for outcome in tried.promising:
        if not any(outcome.remedy.touches(other.remedy) for other in together):
            together.append(outcome)
    return together


def combined(
    start: Candidate, tried: Experiment, bench: Bench, seeds: Sequence[int], *, tries: int | None = None
) -> tuple[Candidate, Outcome | None]:
    """The best config that the remedies give.

    Args:
        start: the config that the remedies were applied to.
        tried: the experiment with single remedies.
        bench: trains and judges configs.
        seeds: as in `experiment`.
        tries: for which the verdict allows; None is one more than there were single remedies.

    Returns:
        The candidate to go on with - the baseline where nothing was accepted - and the outcome of the
        combination; None where there was nothing to combine.
    """
    together = combination(tried)
    outcome = None
    if len(together) > 1:
        scales: list[Scale | Keep] = [o.remedy.scale for o in together if o.remedy.scale != "keep"]
        remedy = Remedy(
            name=" + ".join(other.remedy.name for other in together),
            against=together[0].remedy.against,
            settings={name: value for other in together for name, value in other.remedy.settings.items()},
            reason="Remedies that help alone may help together.",
            cost="the costs of all of them",
            source="course section 2 (repeat until both are low)",
            scale=scales[0] if scales else "keep",
        )
        (outcome,) = experiment(start, [remedy], bench, seeds, tries=tries or len(tried.outcomes) + 1).outcomes
    better = [*tried.accepted, *([outcome] if outcome and outcome.verdict == "accepted" else [])]
    if not better:
        return tried.baseline, outcome
    return min(better, key=lambda o: float(np.mean([score.loss.mean() for score in o.scores]))).candidate, outcome
