"""The loop of remedies: prescribe, try, keep what helps, look again; until nothing helps or the budget is spent."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

from caviar.data.split import Split
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.remedies.asks import more_rows
from caviar.remedies.case import Case
from caviar.remedies.combine import combination, combined
from caviar.remedies.experiment import RATES, Bench, Candidate, Experiment, Outcome, experiment
from caviar.remedies.purse import Purse
from caviar.remedies.race import race
from caviar.remedies.remedy import Remedy
from caviar.remedies.rules import prescribe

ROUNDS = 3
"""At most so many times remedies are tried, each time from what the last ones gave."""


@dataclasses.dataclass(frozen=True, eq=False)
class Round:
    """Remedies tried from one baseline.

    Attributes:
        experiment: the remedies one by one.
        combination: those that help together; None where there was nothing to combine.
        best: what to go on with: the baseline where nothing was accepted.
        not_tried: names of remedies that were left out, each with the reason.
    """

    experiment: Experiment
    combination: Outcome | None
    best: Candidate
    not_tried: Mapping[str, str] = dataclasses.field(default_factory=dict)

    @property
    def outcomes(self) -> list[Outcome]:
        """All of the round, the combination last."""
        return [*self.experiment.outcomes, *([self.combination] if self.combination else [])]

    @property
    def helped(self) -> Outcome | None:
        """The outcome that gave the best; None where nothing was accepted."""
        accepted = [outcome for outcome in self.outcomes if outcome.verdict == "accepted"]
        return next((outcome for outcome in accepted if outcome.candidate is self.best), None)


@dataclasses.dataclass(frozen=True, eq=False)
class Fixed:
    """What the remedies gave.

    Attributes:
        start: the config that was to be improved, and its split.
        rounds: what was tried, in order, at least one.
        asked: remedies that ask a person for something: they cannot be tried.
        trainings: configs that were judged for it, one for every seed; those known before not counted.
    """

    start: Candidate
    rounds: tuple[Round, ...]
    asked: tuple[Remedy, ...]
    trainings: int

    @property
    def candidate(self) -> Candidate:
        """What to go on from: the best that was proven, or the start at the rate that one seed picked."""
        return self.rounds[-1].best

    @property
    def config(self) -> Config:
        """The best that was proven, with the seed of the start; the start's own where nothing was."""
        return self.candidate.config.changed(seed=self.start.config.seed) if self.kept else self.start.config

    @property
    def split(self) -> Split:
        """That of the config: with its normalisation."""
        return self.candidate.split if self.kept else self.start.split

    @property
    def experiments(self) -> tuple[Experiment, ...]:
        """Those of the rounds."""
        return tuple(each.experiment for each in self.rounds)

    @property
    def outcomes(self) -> list[Outcome]:
        """All that was tried, in order."""
        return [outcome for each in self.rounds for outcome in each.outcomes]

    @property
    def kept(self) -> list[Outcome]:
        """What helped, one after the other: each was tried on top of those before it."""
        return [each.helped for each in self.rounds if each.helped is not None]

    @property
    def not_tried(self) -> dict[str, str]:
        """Names of remedies that were left out in every round, each with the reason."""
        tried = {outcome.remedy.name for outcome in self.outcomes}
        left = {name: reason for each in self.rounds for name, reason in each.not_tried.items()}
        return {name: reason for name, reason in left.items() if name not in tried}

    def words(self) -> list[str]:
        """What was kept, and what a person is asked to do."""
        lines = [f"{one.remedy.name}: loss lower by {_interval(one.gain)}" for one in self.kept]
        if not self.kept:
            lines.append(
                f"No setting that was tried ({len(self.outcomes)} remedies, {self.trainings} trainings) helps beyond "
                "the noise."
            )
        return lines + [f"{remedy.asks} {remedy.reason}" for remedy in self.asked]


def fix(
    split: Split,
    config: Config,
    findings: Sequence[Finding],
    bench: Bench,
    seeds: Sequence[int],
    *,
    trainings: int | None = None,
    rounds: int = ROUNDS,
    diagnose: Callable[[Candidate], Sequence[Finding]] | None = None,
    leave_out: Callable[[Candidate, Sequence[Remedy]], Mapping[str, str]] = lambda *_: {},
    tell: Callable[[Outcome], None] = lambda _: None,
) -> Fixed:
    """Try what the findings prescribe, keep what helps, and go on from there.

    Args:
        split: train and dev rows.
        config: the network that is to be improved.
        findings: of `diagnose`, what hurts most first.
        bench: trains and judges configs; what it has judged before costs nothing.
        seeds: the first picks the rates, the others compare; at least two.
        trainings: most that may be spent, one config judged with one seed each: then remedies race, see `race`. None
            tries all of them with all seeds.
        rounds: how often at most it goes on from what helped.
        diagnose: looks again at what helped, for the next round; None: the next round follows the basic recipe.
        leave_out: names of remedies that are not to be tried, each with the reason; asked once per round.
        tell: told of each outcome as soon as it is known.

    Returns:
        What was tried and what was kept. The verdicts allow for all that was tried, over all rounds: the chance that
        anything useless is accepted stays below 5 %.
    """
    purse = Purse(bench, trainings)
    start = now = Candidate(config, split)
    done: list[Round] = []
    asked: dict[str, Remedy] = {}
    for number in range(rounds):
        prescribed = prescribe(findings, now.config, now.split)
        asked |= {remedy.name: remedy for remedy in prescribed if remedy.asks}
        possible = [remedy for remedy in prescribed if not remedy.asks]
        left = leave_out(now, possible)
        chosen = [remedy for remedy in possible if remedy.name not in left]
        tried = _round(now, chosen, purse, seeds, rounds=rounds, tell=tell)
        if number and not tried.outcomes:
            break
        done.append(dataclasses.replace(tried, not_tried=left))
        if tried.helped is None or number == rounds - 1:
            break
        now = tried.best
        findings = diagnose(now) if diagnose else []
    if not any(each.helped for each in done) and (remedy := more_rows(Case(config, split))):
        asked.setdefault(remedy.name, remedy)
    return Fixed(start, tuple(done), tuple(asked.values()), purse.spent)


def _round(
    start: Candidate,
    remedies: Sequence[Remedy],
    purse: Purse,
    seeds: Sequence[int],
    *,
    rounds: int,
    tell: Callable[[Outcome], None],
) -> Round:
    """One round; its verdicts allow for as many remedies in every round, or for all that the trainings can pay."""
    if purse.most is None:
        tried = experiment(start, remedies, purse, seeds, tell=tell, tries=rounds * len(remedies) or None)
        combine = True
    else:
        tried = race(start, remedies, purse, seeds, tell=tell)
        combine = len(combination(tried)) > 1 and purse.left >= len(RATES) + 2 * len(seeds)
    if not combine:
        best = tried.accepted[0].candidate if tried.accepted else tried.baseline
        return Round(tried, None, best)
    best, together = combined(start, tried, purse, seeds, tries=rounds * (len(tried.outcomes) + 1))
    if together is not None:
        tell(together)
    return Round(tried, together, best)


def _interval(gain: Estimate) -> str:
    return f"{gain.value:.3g} (95 % interval {gain.low:.3g} to {gain.high:.3g})"
