"""Cuts: from what earlier trials reported, the value at each step behind which a trial should be pruned.

A trial is pruned where more than half of the trials that came as far are better, and chance does not explain it. It is
judged by its best report so far, as they are, so that one bad report ends nothing.
"""

import functools
from collections.abc import Sequence

import numpy as np
from scipy.stats import binom

from caviar.arrays import Numbers
from caviar.tuning.trials import Trial

RECENT = 100
"""Trials that are compared with: those that reported last. A search that zooms in leaves its first ones behind."""

CHANCE = 0.05
"""A trial that is as good as half of the others is pruned at a step with at most this chance."""

_FEWEST = 5
"""Reports from which a jitter can be told."""


def cuts_from(before: Sequence[Trial], *, maximise: bool) -> dict[int, float]:
    """The cuts of a generation.

    Args:
        before: trials of earlier generations, in the order of the study.
        maximise: whether more is better.

    Returns:
        By step, what a trial's best report so far must not exceed; less is better, so values of a study that maximises
        are negated. Steps that fewer than five trials came to have none.

    Source: the median rule of Golovin et al. 2017 (Vizier), with the sign test's bound in place of the median.
    """
    sign = -1.0 if maximise else 1.0
    reported = [trial.outcome.rungs for trial in before if trial.outcome.rungs and trial.outcome.state != "failed"]
    at: dict[int, list[float]] = {}
    jitters = []
    for rungs in reported[-RECENT:]:
        steps = sorted(rungs)
        values = sign * np.array([rungs[step] for step in steps])
        for step, best in zip(steps, np.minimum.accumulate(values), strict=True):
            at.setdefault(step, []).append(float(best))
        if len(values) >= _FEWEST:
            jitters.append(_jitter(values))
    slack = float(np.sqrt(2) * np.median(jitters)) if jitters else 0.0
    needed = {step: _needed(len(values)) for step, values in at.items()}
    return {step: sorted(values)[needed[step] - 1] + slack for step, values in at.items() if needed[step]}


def _jitter(values: Numbers) -> float:
    """Standard deviation of what makes reports of one trial jump, by their second differences: a trend has none."""
    return float(np.median(np.abs(np.diff(values, 2))) / (0.6745 * np.sqrt(6)))


@functools.cache
def _needed(n: int) -> int:
    """How many of n must be better before chance does not explain it; 0 where n are too few."""
    k = int(binom.isf(CHANCE, n, 0.5)) + 1  # P(at least k of n) is at most CHANCE
    return k if k <= n else 0
