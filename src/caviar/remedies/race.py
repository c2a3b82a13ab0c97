"""Remedies within a budget of trainings: a few at a time, in their order, the most promising with more seeds.

1. The baseline at its three rates, with one seed.
2. The next few remedies likewise. The best of them that are ahead of the baseline race on, the others are out
   (successive elimination, Jamieson & Talwalkar 2016).
3. Those and the baseline with other seeds, one more at a time as long as it is ahead with every seed but not yet
   proven, and trainings are left.
4. The first that is proven ends the race; else it goes on with the next few.
5. Where none is, what is ahead is compared with the baseline at its own rate, if another was picked for it.
"""

import dataclasses
from collections.abc import Callable, Iterator, Sequence

from caviar.diagnosis.intervals import paired_gain
from caviar.remedies.experiment import (
    RATES,
    WORTHWHILE,
    Candidate,
    Experiment,
    Outcome,
    Rated,
    at_best_rates,
    at_rates,
    outcome_of,
    treated,
    with_seeds,
)
from caviar.remedies.purse import Purse
from caviar.remedies.remedy import Remedy
from caviar.training.scores import Score

_COMPARED, _FEW, _SHARE = 2, 2, 10
"""Seeds of the first comparison; remedies at a time, or a tenth of the trainings that are left."""

LEAST = 2 * len(RATES) + 2 * _COMPARED
"""Trainings by which one remedy can be tried: baseline and remedy at three rates each, then with other seeds."""

_MORE_SEEDS, _LARGEST = 4, 1 << 31
"""Seeds beyond the first comparison; a Config's seed is below."""

_RATE_ALONE = Remedy(
    "best of three rates",
    "training",
    {},
    "Of the three rates at which the network was trained, it did best.",
    "none",
    "course section 6 (alpha comes first)",
)


def race(
    baseline: Candidate,
    remedies: Sequence[Remedy],
    purse: Purse,
    seeds: Sequence[int],
    *,
    tell: Callable[[Outcome], None] = lambda _: None,
) -> Experiment:
    """Try as many remedies as the trainings left allow, until one is proven.

    Args:
        baseline: the config that is to be improved, and its split.
        remedies: one change each, the most hopeful first.
        purse: trains and judges configs, and counts.
        seeds: the first picks the rates, the others compare; others follow the last where they are needed.
        tell: told of each outcome as soon as it is known.

    Returns:
        The outcomes of those that were tried. Verdicts allow for all comparisons that the whole budget could pay. Those
        that fell behind with the first seed have that seed's score only: they are rejected or undecided.
    """
    three = [Candidate(config, baseline.split) for config in at_rates(baseline.config, seeds[0])]
    if purse.cost(three) > purse.left:
        return Experiment(baseline, (), ())
    lane = _Race(purse, baseline, list(seeds))
    outcomes: list[Outcome] = []
    waiting = list(remedies)
    while waiting and not any(outcome.verdict == "accepted" for outcome in outcomes):
        few = waiting[: lane.affordable()]
        if not few:
            break
        waiting = waiting[len(few) :]
        for outcome in lane.heat(few, [treated(baseline, remedy) for remedy in few]):
            tell(outcome)
            outcomes.append(outcome)
    if not any(outcome.verdict == "accepted" for outcome in outcomes) and (outcome := lane.against_own_rate()):
        tell(outcome)
        outcomes.append(outcome)
    return Experiment(lane.baseline.candidate, lane.scores, tuple(outcomes))


class _Race:
    """One baseline and those that race against it."""

    def __init__(self, purse: Purse, start: Candidate, seeds: list[int]) -> None:
        self.baseline = at_best_rates([start], purse, seeds[0])[0]
        self._start = start
        self._purse, self._first = purse, seeds[0]
        self._chosen_from = max(1, int(purse.most or 0) // len(RATES))
        self._tries = max(1, int(purse.most or 0) // (len(RATES) + 2 * _COMPARED))
        more = [(seeds[-1] + 1 + i) % _LARGEST for i in range(_COMPARED + _MORE_SEEDS)]
        self._seeds = [*seeds[1:], *more][: _COMPARED + _MORE_SEEDS]
        self._compared = 0
        self._leader: tuple[Remedy, Rated] | None = None

    @property
    def scores(self) -> tuple[Score, ...]:
        """The baseline's, with the seeds that have compared, or that picked its rate where none has."""
        if not self._compared:
            return (self.baseline.score,)
        return with_seeds([self.baseline.candidate], self._purse, self._seeds[: self._compared])[0]

    def affordable(self) -> int:
        """Remedies that can be tried at three rates such that the best can still be compared."""
        width = max(_FEW, int(min(self._purse.left, 1e6)) // _SHARE)
        return max(0, min(width, int(min(self._purse.left - self._pair(_COMPARED), 1e6)) // len(RATES)))

    def heat(self, remedies: Sequence[Remedy], candidates: Sequence[Candidate]) -> Iterator[Outcome]:
        """A few remedies: all with the first seed, the best of those ahead with others."""
        rated = at_best_rates(candidates, self._purse, self._first)
        places = sorted(range(len(rated)), key=lambda i: float(rated[i].score.loss.mean()))
        ahead = [i for i in places if self._ahead([self.baseline.score], [rated[i].score])]
        racing = ahead[: max(1, len(remedies) // 3)]
        for i in places:
            if i in racing and self._pair(_COMPARED, rated[i]) <= self._purse.left:
                yield self._compare(remedies[i], rated[i])
            else:
                yield self._out(remedies[i], rated[i])

    def against_own_rate(self) -> Outcome | None:
        """What is ahead, against the baseline at its own rate; None where its rate was the best, or nothing is paid.

        That a remedy is not proven beside the baseline at its best rate does not mean that what came is no better than
        the network that was given.
        """
        remedy, rated = self._leader or (_RATE_ALONE, self.baseline)
        n = max(_COMPARED, self._compared)
        pair = [self._start, rated.candidate]
        if self.baseline.factor == 1 or self._cost(pair, self._seeds[:n]) > self._purse.left:
            return None
        before, after = with_seeds(pair, self._purse, self._seeds[:n])
        settings = {name: new for name, (new, _) in rated.candidate.config.differences(self._start.config).items()}
        settings.pop("seed", None)
        both = dataclasses.replace(remedy, name=f"{remedy.name}, against its own rate", settings=settings)
        return outcome_of(both, rated, before, after, self._tries, chosen_from=self._chosen_from)

    def _cost(self, candidates: Sequence[Candidate], seeds: Sequence[int]) -> int:
        """Trainings that candidates take with these seeds."""
        return self._purse.cost(Candidate(c.config.changed(seed=s), c.split) for c in candidates for s in seeds)

    def _compare(self, remedy: Remedy, rated: Rated) -> Outcome:
        """With two seeds, and more while it is ahead with all of them but not proven."""
        n = _COMPARED
        while True:
            pair = [self.baseline.candidate, rated.candidate]
            before, after = with_seeds(pair, self._purse, self._seeds[:n])
            self._compared = max(self._compared, n)
            outcome = outcome_of(remedy, rated, before, after, self._tries, chosen_from=self._chosen_from)
            settled = outcome.verdict == "accepted" or not self._ahead(before, after)
            if settled or n == len(self._seeds) or self._pair(n + 1, rated) > self._purse.left:
                if self._ahead(before, after):
                    self._leader = remedy, rated
                return outcome
            n += 1

    def _out(self, remedy: Remedy, rated: Rated) -> Outcome:
        """What one seed says: it can reject, but accept nothing."""
        scores = [self.baseline.score], [rated.score]
        gain, error_gain = (
            paired_gain(before[None], after[None])
            for before, after in (
                (scores[0][0].loss, scores[1][0].loss),
                (scores[0][0].error, scores[1][0].error),
            )
        )
        worthwhile = WORTHWHILE * abs(float(self.baseline.score.loss.mean()))
        verdict = "rejected" if gain.high < worthwhile else "undecided"
        return Outcome(remedy, verdict, gain, error_gain, (rated.score,), rated.candidate, rated.factor)

    def _ahead(self, before: Sequence[Score], after: Sequence[Score]) -> bool:
        """Whether the loss is lower with every seed, by what is worthwhile."""
        pairs = zip(before, after, strict=True)
        return all(float(b.loss.mean() - a.loss.mean()) > WORTHWHILE * abs(float(b.loss.mean())) for b, a in pairs)

    def _pair(self, n: int, rated: Rated | None = None) -> int:
        """Trainings that the baseline, and another, take with n seeds; where none is given, one that is new.

        Where the baseline's own rate was not the best, it takes part with that as well.
        """
        seeds = self._seeds[:n]
        known = [self.baseline.candidate, *([rated.candidate] if rated else [])]
        cost = self._cost(known if self.baseline.factor == 1 else [*known, self._start], seeds)
        return cost if rated else cost + len(seeds)
