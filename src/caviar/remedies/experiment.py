"""Remedies tried beside the baseline: same rows, same random numbers, one thing changed, the same three rates.

1. Every candidate and the baseline at rates x 0.3, 1 and 3, on one seed: the rate is picked by the loss on dev rows.
2. Every candidate at its rate, on other seeds: paired with the baseline, seed by seed and row by row.
3. Verdicts: accepted, rejected or undecided. The loss decides, because it sees differences that the error of a few
   hundred rows cannot show; the error is reported.
"""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Literal, Protocol

import numpy as np
from scipy import stats

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.intervals import LEVEL, Estimate, paired_gain
from caviar.network.config import Config
from caviar.remedies.remedy import Remedy
from caviar.training.plan import Program, program_for
from caviar.training.scores import RowPlan, Score

Verdict = Literal["accepted", "rejected", "undecided"]

RATES = (0.3, 1.0, 3.0)
"""Factors of the learning rate: optimiser, batch norm, mini-batch and width each move the best rate."""

WORTHWHILE = 0.01
"""A remedy that cannot lower the loss by this share of it is rejected even if it may help a little."""

Judge = Callable[[Split, Sequence[Config]], list[Score]]
"""Trains configs and judges them on held-out rows."""


class Bench(Protocol):
    """What trains and judges configs: a `Workbench`.

    Attributes:
        trained: the networks asked for so far, each with its data's fingerprint.
    """

    trained: set[tuple[str, Config]]

    def judge(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """On dev rows, or out of fold where data are few."""
        ...

    def glance(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """On dev rows, or on two of the folds: enough to pick a rate."""
        ...

    def fits(self, split: Split, configs: Sequence[Config]) -> bool:
        """Whether judging these configs of one seed takes no longer than judging one of them."""
        ...

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """The score of a config that was judged before by this plan, if it is known."""
        ...


@dataclasses.dataclass(frozen=True, eq=False)
class Candidate:
    """A config and the normalisation of its inputs: what a remedy makes of the baseline."""

    config: Config
    split: Split


@dataclasses.dataclass(frozen=True, eq=False)
class Rated:
    """A candidate at the rate that one seed picked.

    Attributes:
        candidate: at that rate.
        factor: of the rate it came with.
        score: with that seed.
    """

    candidate: Candidate
    factor: float
    score: Score


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """What an experiment found about one remedy.

    Attributes:
        remedy: the change.
        verdict: accepted | rejected | undecided.
        gain: baseline's loss minus the remedy's, mean over seeds and held-out rows; above 0 is better.
        error_gain: alike, of the error: share misclassified, or squared error of the standardised target.
        scores: the remedy's, one per seed.
        candidate: the config at the rate that was picked.
        rate_factor: the factor of the rate that was picked.
    """

    remedy: Remedy
    verdict: Verdict
    gain: Estimate
    error_gain: Estimate
    scores: tuple[Score, ...]
    candidate: Candidate
    rate_factor: float


@dataclasses.dataclass(frozen=True, eq=False)
class Experiment:
    """Remedies beside one baseline.

    Attributes:
        baseline: at the rate that was picked for it.
        baseline_scores: one per seed.
        outcomes: one per remedy that was tried, in the order tried.
    """

    baseline: Candidate
    baseline_scores: tuple[Score, ...]
    outcomes: tuple[Outcome, ...]

    @property
    def accepted(self) -> list[Outcome]:
        """Accepted remedies, the largest gain first."""
        return [outcome for outcome in self.promising if outcome.verdict == "accepted"]

    @property
    def promising(self) -> list[Outcome]:
        """Remedies whose own interval lies above zero, accepted or not: that allows for the number of tries."""
        return sorted((o for o in self.outcomes if o.gain.low > 0), key=lambda o: -o.gain.value)


def experiment(
    baseline: Candidate,
    remedies: Sequence[Remedy],
    bench: Bench,
    seeds: Sequence[int],
    *,
    tell: Callable[[Outcome], None] = lambda _: None,
    tries: int | None = None,
) -> Experiment:
    """Try remedies beside a baseline, those that share its compiled program first.

    Args:
        baseline: the config that is to be improved, and its split.
        remedies: one change each.
        bench: trains and judges configs.
        seeds: the first picks the rates, the others compare; at least two.
        tell: told of each outcome as soon as it is known.
        tries: remedies for which the verdicts allow, see `compare`; None is as many as are given.

    Returns:
        The baseline's scores and one Outcome per remedy, in the order in which they were tried.
    """
    ((chosen, before),) = _rated_and_judged([baseline], bench, seeds)
    outcomes = []
    for together in rounds(baseline, remedies):
        judged = _rated_and_judged([treated(baseline, remedy) for remedy in together], bench, seeds)
        for remedy, (rated, after) in zip(together, judged, strict=True):
            outcome = outcome_of(remedy, rated, before, after, tries or len(remedies))
            tell(outcome)
            outcomes.append(outcome)
    return Experiment(chosen.candidate, before, tuple(outcomes))


def outcome_of(
    remedy: Remedy, rated: Rated, before: Sequence[Score], after: Sequence[Score], tries: int, *, chosen_from: int = 1
) -> Outcome:
    """What the scores of baseline and remedy, paired by seed, say of it; see `compare`."""
    gain, error_gain, verdict = compare(before, after, tries, chosen_from=chosen_from)
    return Outcome(remedy, verdict, gain, error_gain, tuple(after), rated.candidate, rated.factor)


def rounds(baseline: Candidate, remedies: Sequence[Remedy]) -> list[list[Remedy]]:
    """The remedies that are tried at the same time: one compiled program each, that of the baseline first."""
    own = program_for(baseline.config, baseline.split)
    alike: dict[Program, list[Remedy]] = {own: []}
    for remedy in remedies:
        alike.setdefault(program_for(remedy.apply(baseline.config), baseline.split), []).append(remedy)
    return [together for together in alike.values() if together]


def at_best_rates(candidates: Sequence[Candidate], bench: Bench, seed: int) -> list[Rated]:
    """Every candidate at the best of three rates, by its loss with one seed."""
    options = [[Candidate(config, c.split) for config in at_rates(c.config, seed)] for c in candidates]
    glances = iter(judge_all([option for three in options for option in three], bench.glance))
    found = []
    for three in options:
        seen = [next(glances) for _ in three]
        k = min(range(len(three)), key=[score.loss.mean() for score in seen].__getitem__)
        # Early stopping watches the rows that judge: the others train for the epochs that were best for this seed.
        chosen = Candidate(fixed_epochs(three[k].config, seen[k].best_epoch), three[k].split)
        found.append(Rated(chosen, RATES[k], seen[k]))
    return found


def with_seeds(candidates: Sequence[Candidate], bench: Bench, seeds: Sequence[int]) -> list[tuple[Score, ...]]:
    """The scores of every candidate, one per seed."""
    replicas = [Candidate(c.config.changed(seed=seed), c.split) for c in candidates for seed in seeds]
    judged = iter(judge_all(replicas, bench.judge))
    return [tuple(next(judged) for _ in seeds) for _ in candidates]


def _rated_and_judged(
    candidates: Sequence[Candidate], bench: Bench, seeds: Sequence[int]
) -> list[tuple[Rated, tuple[Score, ...]]]:
    """Each candidate at the rate that the first seed picks, and its scores with the others."""
    # Where a device trains all rates of one seed at a time, every seed is trained with every rate at once: the lists
    # below then find their scores.
    options = [(c.split, at_rates(c.config, seeds[0])) for c in candidates]
    free = [
        Candidate(config.changed(seed=seed), rows)
        for rows, three in options
        if bench.fits(rows, three)
        for config in three
        for seed in seeds
    ]
    judge_all(free, bench.judge)
    rated = at_best_rates(candidates, bench, seeds[0])
    return list(zip(rated, with_seeds([one.candidate for one in rated], bench, seeds[1:]), strict=True))


def compare(
    before: Sequence[Score], after: Sequence[Score], tries: int = 1, *, chosen_from: int = 1
) -> tuple[Estimate, Estimate, Verdict]:
    """Loss gain, error gain and verdict of one config over another, paired by seed and row.

    Args:
        before: the baseline's scores, one per seed.
        after: the other config's, with the same seeds.
        tries: configs that are compared with this baseline; the verdict's interval is widened so that
            the chance that any useless one is accepted stays below 5 % (Bonferroni).
        chosen_from: configs of which other seeds chose this one by the same rows: these seeds are new to it, the rows
            are not, so that what the rows alone say must stand out for so many times the tries. Its seeds are few:
            intervals are then those of the ratio of losses.
    """
    loss, other_loss = (np.stack([score.loss for score in scores]) for scores in (before, after))
    error, other_error = (np.stack([score.error for score in scores]) for scores in (before, after))
    error_gain = paired_gain(error, other_error)
    gain_of = gain_by_ratio if chosen_from > 1 else paired_gain
    gain = gain_of(loss, other_loss, LEVEL)
    strict = by_rows = gain_of(loss, other_loss, 1 - (1 - LEVEL) / max(1, tries))
    if chosen_from > 1:
        rows, other_rows = loss.mean(axis=0, keepdims=True), other_loss.mean(axis=0, keepdims=True)
        by_rows = gain_of(rows, other_rows, 1 - (1 - LEVEL) / max(1, tries * chosen_from))
    verdict: Verdict = "undecided"
    if min(strict.low, by_rows.low) > 0:
        verdict = "accepted"
    elif gain.high < WORTHWHILE * abs(float(loss.mean())):
        verdict = "rejected"
    return gain, error_gain, verdict


def gain_by_ratio(before: Numbers, after: Numbers, level: float) -> Estimate:
    """As `paired_gain`, for very few seeds: the interval of the ratio of losses, with a t quantile for each noise.

    A network that fails has losses that scatter widely over seeds; the logarithms of their means over rows hardly do.
    Rows vary about a logarithm as they do about the mean, in shares of it (the delta method). Two seeds that happen to
    agree do not pass for certainty: the spread over seeds has its own, large quantile, and both parts add in
    quadrature. Seeds count as pairs, or as two samples where that tells more: pairs have half the degrees of freedom,
    which outweighs what so few seeds have in common. Of useless remedies either way accepts less than 5 % (simulated).

    Args:
        before: losses, shape (seeds, rows).
        after: the same seeds and rows; where a seed's mean is not above 0 in either, the losses stay as they are.
        level: of the interval.

    Sources: Zou & Donner 2008, for the sum of two half-widths (MOVER); Welch 1947, for two samples.
    """
    means = [losses.mean(axis=1, keepdims=True) for losses in (before, after)]
    as_ratio = all((mean > 0).all() for mean in means)
    gains = before - after
    if as_ratio:
        gains = np.log(means[0] / means[1]) + before / means[0] - after / means[1]
    seeds, rows = gains.shape
    half = float(stats.t.ppf((1 + level) / 2, rows - 1) * gains.mean(axis=0).std(ddof=1) / rows**0.5)
    if seeds > 1:
        in_pairs = stats.t.ppf((1 + level) / 2, seeds - 1) * gains.mean(axis=1).std(ddof=1) / seeds**0.5
        arms = [np.log(mean) if as_ratio else mean for mean in means]
        half = float(np.hypot(half, min(in_pairs, _of_two_samples(arms[0], arms[1], level))))
    value, middle, whole = float((before - after).mean()), float(gains.mean()), float(before.mean())
    low, high = middle - half, middle + half
    if as_ratio:
        low, high = (whole * float(-np.expm1(-np.clip(end, -50, 50))) for end in (low, high))
    return Estimate(value, min(low, value), max(high, value), rows)


def _of_two_samples(one: Numbers, other: Numbers, level: float) -> float:
    """Half-width of the interval of a difference of means of two samples of one size.

    Source: Welch 1947, with Satterthwaite's degrees of freedom.
    """
    n, spreads = len(one), np.array([one.var(ddof=1), other.var(ddof=1)])
    if not spreads.any():
        return 0.0
    freedom = (n - 1) * spreads.sum() ** 2 / np.square(spreads).sum()
    return float(stats.t.ppf((1 + level) / 2, freedom) * (spreads.sum() / n) ** 0.5)


def treated(baseline: Candidate, remedy: Remedy) -> Candidate:
    """What a remedy makes of a baseline."""
    split = baseline.split.rescaled(remedy.scale) if remedy.scale != "keep" else baseline.split
    return Candidate(remedy.apply(baseline.config), split)


def fixed_epochs(config: Config, best_epoch: int) -> Config:
    """The config, trained for the epochs that were best, without watching held-out rows."""
    if config.early_stopping is None:
        return config
    return config.changed(early_stopping=None, stop_after=best_epoch)


def at_rates(config: Config, seed: int) -> list[Config]:
    """The config at the three learning rates, to six digits: 0.3 of one and 3 of its tenth are then the same rate."""
    return [config.at_rate(float(f"{config.rate * factor:.6g}")).changed(seed=seed) for factor in RATES]


def judge_all(candidates: Sequence[Candidate], judge: Judge) -> list[Score]:
    """Judge candidates, those of one split together; the scores come in their order."""
    splits = list(dict.fromkeys(c.split for c in candidates))
    found: dict[int, Score] = {}
    for split in splits:
        members = [i for i, c in enumerate(candidates) if c.split is split]
        found.update(zip(members, judge(split, [candidates[i].config for i in members]), strict=True))
    return [found[i] for i in range(len(candidates))]
