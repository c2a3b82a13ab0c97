"""Which trial of a study to take: the best few again with fresh seeds, and how far the best of many flattered itself.

The best of N trials on the dev rows is best partly by luck: of its seed, and of those rows. Fresh seeds take away the
first and leave the second, which only new rows take away (`proof`); how large both are expected to be is said.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy import stats

from caviar.data.split import Split
from caviar.diagnosis.intervals import LEVEL, Estimate, mean
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, Judge, fixed_epochs, gain_by_ratio, judge_all
from caviar.training.metrics import MetricName
from caviar.training.plan import relative_cost
from caviar.training.scores import Score, row_plan
from caviar.training.scores import judge as judge_configs
from caviar.tuning.luck import luck_of_best, own_noise
from caviar.tuning.search import Study
from caviar.tuning.trials import LOSS_DECIDES, Trial, criterion

TOP, SEEDS = 5, 5
"""Trials beside trial 0 that are trained again, and the seeds of each."""

_CHEAPER = 0.9
"""Share of the chosen one's cost below which another counts as cheaper."""

_LARGEST_SEED = 1 << 31

Standing = Literal["chosen", "alike", "worse"]
"""`alike`: cannot be told from the chosen one | `worse`: shown to be worse than it."""


@dataclasses.dataclass(frozen=True, eq=False)
class Entrant:
    """A trial of the study with fresh seeds.

    Attributes:
        trial: its number in the study.
        config: as it was trained, but for the seed.
        shown: its criterion in the search.
        reached: the same with fresh seeds, with a 95 % interval over seeds and rows - over seeds alone where the metric
            is not decided by the loss. Less is better.
        behind: its loss minus that of the chosen one, paired by seed and row; the interval allows for all entrants.
        standing: chosen | alike | worse.
        cost: of training, in units of the chosen one's.
        scores: one per seed.
    """

    trial: int
    config: Config
    shown: float
    reached: Estimate
    behind: Estimate
    standing: Standing
    cost: float
    scores: tuple[Score, ...]


@dataclasses.dataclass(frozen=True, eq=False)
class Selection:
    """The trial to take.

    Attributes:
        chosen: the lowest mean criterion with fresh seeds.
        candidates: all that were trained again, the lowest mean first.
        optimism: by how much the best of the search is expected to look better there than it is, in the unit of the
            criterion.
        remaining: the part of it that fresh seeds do not take away, because the rows are the same.
        sentence: all of this in words.
    """

    chosen: Entrant
    candidates: tuple[Entrant, ...]
    optimism: float
    remaining: float
    sentence: str


def select(
    study: Study,
    split: Split,
    *,
    judge: Judge | None = None,
    top: int = TOP,
    seeds: int = SEEDS,
) -> Selection:
    """Train the best trials of a study and trial 0 again with fresh seeds, and choose by the mean.

    Args:
        study: of networks.
        split: the data it was searched on.
        judge: trains and judges configs; None: `train`.
        top: trials beside trial 0; those that differ in nothing but the seed are one.
        seeds: of each, none of which the study has used; at least 2.

    Raises:
        BadSpace: a study of a function, or without a trial that is complete; fewer than 2 seeds.
    """
    metric = study.metric
    if metric is None or not study.ranked:
        raise BadSpace(
            "A selection needs a study of networks with a complete trial, got "
            f"{'a study of a function' if metric is None else 'none that is complete'}. Tune with a Split."
        )
    if top < 1 or seeds < 2:
        raise BadSpace(f"A selection needs at least 1 trial and 2 seeds, got top={top}, seeds={seeds}. Leave them out.")
    entered = _entered(study, top)
    fresh = fresh_seeds([trial.network.seed for trial in study.trials if trial.config is not None], seeds)
    configs = [fixed_epochs(t.network, t.outcome.facts.get("best_epoch", t.network.epochs)) for t in entered]
    train = judge or (lambda rows, many: judge_configs(rows, many, metric, on=row_plan(rows)))
    flat = judge_all([Candidate(config.changed(seed=s), split) for config in configs for s in fresh], train)
    scores = [tuple(flat[i * seeds : (i + 1) * seeds]) for i in range(len(entered))]
    reached = [_reached(own, metric) for own in scores]
    best = min(range(len(entered)), key=lambda i: reached[i].value)
    candidates = []
    for i, trial in enumerate(entered):
        # The best was not known before: as if all pairs had been compared.
        behind = _behind(scores[i], scores[best], len(entered) * (len(entered) - 1) // 2)
        standing: Standing = "chosen" if i == best else "worse" if behind.low > 0 else "alike"
        cost = relative_cost(configs[i], split) / relative_cost(configs[best], split)
        shown = trial.outcome.criterion
        candidates.append(Entrant(trial.number, configs[i], shown, reached[i], behind, standing, cost, scores[i]))
    noise, of_rows = own_noise([np.stack([s.loss for s in own]) for own in scores])
    lucky = metric in LOSS_DECIDES
    figures = [trial.outcome.criterion for trial in study.ranked]
    optimism = luck_of_best(figures, noise) if lucky else max(0.0, reached[0].value - entered[0].outcome.criterion)
    remaining = optimism * (of_rows / noise) ** 2 if noise and lucky else 0.0
    order = sorted(candidates, key=lambda one: one.reached.value)
    words = _sentence(order, len(figures), optimism, remaining, seeds)
    return Selection(candidates[best], tuple(order), optimism, remaining, words)


def fresh_seeds(used: Sequence[int], n: int) -> list[int]:
    """The n seeds from 101 above the first one used that none of those used is."""
    first, taken, found = min(used, default=0) + 101, set(used), []
    while len(found) < n:
        if first % _LARGEST_SEED not in taken:
            found.append(first % _LARGEST_SEED)
        first += 1
    return found


def _entered(study: Study, top: int) -> list[Trial]:
    """The best trials, the best first, and trial 0 where it is none of them and is complete."""
    found: dict[Config, Trial] = {}
    for trial in study.ranked:
        own = trial.network.changed(seed=0)
        if len(found) < top or trial.number == 0:
            found.setdefault(own, trial)
    return list(found.values())


def _reached(scores: Sequence[Score], metric: MetricName) -> Estimate:
    """The criterion over fresh seeds, and its interval."""
    if metric in LOSS_DECIDES:
        return mean(np.stack([score.loss for score in scores]))
    each = np.array([criterion(score, metric) for score in scores])
    half = float(stats.t.ppf((1 + LEVEL) / 2, len(each) - 1) * each.std(ddof=1) / len(each) ** 0.5)
    middle = float(each.mean())
    return Estimate(middle, middle - half, middle + half, len(scores[0].loss))


def _behind(scores: Sequence[Score], best: Sequence[Score], tries: int) -> Estimate:
    """How far a config is behind the best, with an interval that allows for all tries."""
    if scores is best:
        return Estimate(0.0, 0.0, 0.0, len(best[0].loss))
    losses, least = (np.stack([score.loss for score in each]) for each in (scores, best))
    return gain_by_ratio(losses, least, 1 - (1 - LEVEL) / max(1, tries))


def _sentence(order: Sequence[Entrant], trials: int, optimism: float, remaining: float, seeds: int) -> str:
    """What was chosen, how far the search flattered, and what else would do."""
    chosen = order[0]
    led = min(order, key=lambda one: one.shown)
    told = [
        f"Of {trials:,} trials, {len(order)} were trained again with {seeds} fresh seeds: trial {chosen.trial} has the "
        f"lowest mean, {_interval(chosen.reached)}."
    ]
    if chosen.trial != led.trial:
        told.append(f"In the search trial {led.trial} had led, and is {led.standing} now.")
    told.append(
        f"Expect the best of {trials:,} to look better in the search than it is by about {optimism:.2g}"
        + (f"; {remaining:.2g} of that is luck of the rows, which fresh seeds leave." if remaining > 0 else ".")
    )
    start = next((one for one in order if one.trial == 0), None)
    if start is not None and start is not chosen:
        shown = "is shown to be worse" if start.standing == "worse" else "cannot be told from it"
        told.append(f"Trial 0, where the search began, {shown}: {_interval(start.behind)} more.")
    alike = [one for one in order if one.standing == "alike" and one.cost < _CHEAPER]
    if alike:
        cheapest = min(alike, key=lambda one: one.cost)
        told.append(
            f"Trial {cheapest.trial} costs {cheapest.cost:.0%} of it to train and cannot be told from it: take that "
            "where time or size counts."
        )
    return " ".join(told)


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
