"""The last choice: the best few of a search with fresh seeds, because the best of many was partly lucky.

Fresh seeds take away the luck of the seed, not that of the rows, which are those of the search: the gains still
flatter. What is free of both is the test set, see `proof`.

Networks that stopped early are trained for the number of epochs that was best before, instead of watching the rows
they are judged on once more: it is also how the chosen one is refitted on all rows. Only the config that was to be
improved is trained as it was given: what its early stopping sees of those rows makes it harder to beat, not easier.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from caviar.data.split import Split
from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, Judge, Verdict, compare, fixed_epochs, judge_all
from caviar.training.metrics import MetricName
from caviar.training.scores import Score
from caviar.tuning.search import Study
from caviar.tuning.trials import LOSS_DECIDES, criterion

_TOP = 2
"""Trials of a search that come into the last comparison."""


@dataclasses.dataclass(frozen=True, eq=False)
class Finalist:
    """A config in the last comparison.

    Attributes:
        name: where it comes from.
        candidate: its config and its split; all but the first have a fixed number of epochs.
        scores: one per fresh seed.
        gain: loss of the config that was to be improved minus its own, paired.
        error_gain: alike, of the error.
        verdict: accepted | rejected | undecided, against the config that was to be improved.
    """

    name: str
    candidate: Candidate
    scores: tuple[Score, ...]
    gain: Estimate
    error_gain: Estimate
    verdict: Verdict


def choose(
    finalists: Sequence[tuple[str, Candidate]], judge: Judge, seeds: Sequence[int], metric: MetricName
) -> tuple[Finalist, list[Finalist]]:
    """Compare finalists with fresh seeds.

    Args:
        finalists: (name, candidate); the first is the config that was to be improved.
        judge: trains and judges configs.
        seeds: not used before.
        metric: what is optimised.

    Returns:
        The chosen one and all: the best by the metric's criterion among those whose loss is shown to be below the
        first's - and, where the metric itself decides, whose metric is better - or the first when there is none.
    """
    replicas = [Candidate(c.config.changed(seed=seed), c.split) for _, c in finalists for seed in seeds]
    flat = judge_all(replicas, judge)
    scores = [tuple(flat[i * len(seeds) : (i + 1) * len(seeds)]) for i in range(len(finalists))]
    judged = []
    for (name, candidate), own in zip(finalists, scores, strict=True):
        gain, error_gain, verdict = compare(scores[0], own, tries=len(finalists) - 1)
        judged.append(Finalist(name, candidate, own, gain, error_gain, verdict))

    def reached(finalist: Finalist) -> float:
        return float(np.mean([criterion(score, metric) for score in finalist.scores]))

    better = [finalist for finalist in judged[1:] if finalist.verdict == "accepted"]
    if metric not in LOSS_DECIDES:
        better = [finalist for finalist in better if reached(finalist) < reached(judged[0])]
    return min(better, key=reached, default=judged[0]), judged


def best_of_search(
    study: Study, rows: Split, *, known: Sequence[Config], time_for: Callable[[Config], bool] = lambda _: True
) -> list[tuple[str, Candidate]]:
    """The finalists that a search gives: its best trials, each with the epochs that were best.

    Args:
        study: the search.
        rows: the split that it was judged on.
        known: finalists already; a trial that differs from one of them in the seed only is passed over, and so is
            trial 0, the config that was to be improved.
        time_for: whether there is time for one more after the first.
    """
    found: list[tuple[str, Candidate]] = []
    for trial in study.ranked:
        config = fixed_epochs(trial.network, trial.outcome.facts["best_epoch"])
        if trial.number == 0 or any(config == other.changed(seed=config.seed) for other in known):
            continue
        if len(found) == _TOP or (found and not time_for(config)):
            break
        found.append((f"trial {trial.number}", Candidate(config, rows)))
    return found
