"""Do the settings that were best on old data still lead on new ones, or has the optimum moved?

The old top settings, the config that they started from, neighbours of the old best and points from the whole space are
trained on the new data as one population with two seeds. The best of the old and the challengers that came nearest, or
passed it, go on with fresh seeds: what chose them was partly luck. The optimum has moved where a challenger is better
beyond the noise of seeds and rows - allowing for all that were tried - and by more than a tolerance; the settings still
lead where what may be gained by going over to a challenger is expected to be less than that.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy import stats

from caviar.data.split import Split
from caviar.diagnosis.intervals import Estimate, mean
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, Judge, compare, fixed_epochs, gain_by_ratio, judge_all
from caviar.training.scores import Score
from caviar.tuning.proposals.propose import RandomPoints, Request
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.spaces.dimensions import Choice, Dimension, LogUniform
from caviar.tuning.spaces.space import Point, Space

MovedVerdict = Literal["settings still lead", "optimum has moved", "cannot tell"]
Kind = Literal["old", "start", "near", "fresh"]
"""`old`: top settings of the run | `start`: what its search began with | `near`: the old best with one setting drawn
again | `fresh`: from the whole space."""

TOLERANCE = 0.05
"""Share of the old best's loss by which another must be better, or be expected to be, to be worth a search."""

TOP, NEAR, FRESH = 4, 12, 12
"""Old settings, and challengers of both kinds."""

_LEAST_APART, _MOST_APART = 0.15, 0.6
"""Parts of a scale by which a setting that is drawn again moves."""

_OFTENER, _MORE = "learning_rate", 2
"""The setting that matters most by the course (section 6) has so many turns more."""

FIRST_SEEDS, FINAL_SEEDS, FINALISTS = 2, 6, 4
"""Seeds of the whole population, and those of the challengers that go on."""


@dataclasses.dataclass(frozen=True, eq=False)
class Contestant:
    """Settings on the new data.

    Attributes:
        name: in words.
        kind: old | start | near | fresh.
        config: as it was trained, but for the seed.
        scores: one per seed: the fresh ones of those that went on, the first ones of the others.
        reached: its loss, with a 95 % interval over seeds and rows.
        gain: loss of the old best minus its own; the interval is paired by seed and row.
        went_on: whether it was trained with the fresh seeds.
        better: whether it is better than the old best beyond the noise, allowing for all that were tried.
    """

    name: str
    kind: Kind
    config: Config
    scores: tuple[Score, ...]
    reached: Estimate
    gain: Estimate
    went_on: bool
    better: bool


@dataclasses.dataclass(frozen=True, eq=False)
class Comparison:
    """Old settings against others on new data.

    Attributes:
        verdict: settings still lead | optimum has moved | cannot tell.
        pays: whether a search pays: a challenger is better, or the gain that is expected of one exceeds the tolerance.
        leader: the best of the old settings.
        contestants: all, those that went on first, the lowest loss first.
        tolerance: share of the leader's loss.
        sentences: what was found.
    """

    verdict: MovedVerdict
    pays: bool
    leader: Contestant
    contestants: tuple[Contestant, ...]
    tolerance: float
    sentences: tuple[str, ...]

    @property
    def best(self) -> Contestant:
        """The leader, or where one is better and by more than the tolerance, the best of these."""
        least = self.tolerance * self.leader.reached.value
        passed = [one for one in self.contestants if one.better and one.gain.value >= least]
        return max(passed, key=lambda one: one.gain.value, default=self.leader)


def compare_settings(
    split: Split,
    old: Sequence[tuple[str, Config]],
    start: Config | None,
    space: Space,
    judge: Judge,
    *,
    seeds: Sequence[int],
    seed: int = 0,
    tolerance: float = TOLERANCE,
) -> Comparison:
    """Train old settings and others on new data, and say whether the old ones still lead.

    Args:
        split: the new data.
        old: (name, config) of the old top settings, the best first; at least one.
        start: what the old search began with; None where that is among them.
        space: where challengers come from.
        judge: trains and judges configs.
        seeds: `FIRST_SEEDS` + `FINAL_SEEDS` of them, none of them used to find the old settings.
        seed: of the challengers.
        tolerance: see `TOLERANCE`; above 0.
    """
    names: dict[Config, tuple[str, Kind]] = {}
    for name, config in old:
        names.setdefault(config.changed(seed=0), (name, "old"))
    if start is not None:
        names.setdefault(start.changed(seed=0), ("the start of the old search", "start"))
    best = old[0][1].changed(seed=0)
    for name, kind, point in challengers(space, best, seed):
        names.setdefault(space.config(point, best), (name, kind))
    configs = list(names)
    first = _judged(split, configs, judge, seeds[:FIRST_SEEDS])
    losses = {config: float(np.mean([s.loss.mean() for s in scores])) for config, scores in first.items()}
    olds = [config for config in configs if names[config][1] == "old"]
    leader = min(olds, key=losses.__getitem__)
    others = sorted((c for c in configs if names[c][1] in ("near", "fresh")), key=losses.__getitem__)
    # Early stopping watches the rows that judge: those that go on train for the epochs that were best.
    going = [leader, *others[:FINALISTS], *(c for c in configs if names[c][1] == "start")]
    fixed = {c: fixed_epochs(c, round(float(np.median([s.best_epoch for s in first[c]])))) for c in going}
    final = _judged(split, list(dict.fromkeys(fixed.values())), judge, seeds[FIRST_SEEDS:])
    of_leader, first_of_leader = final[fixed[leader]], first[leader]

    def contestant(config: Config) -> Contestant:
        name, kind = names[config]
        went_on = config in fixed
        scores, against = (final[fixed[config]], of_leader) if went_on else (first[config], first_of_leader)
        losses = np.stack([score.loss for score in scores])
        gain = gain_by_ratio(np.stack([score.loss for score in against]), losses, 0.95)
        better = False
        if went_on and kind in ("near", "fresh"):
            _, _, said = compare(of_leader, scores, FINALISTS, chosen_from=max(2, len(others)))
            better = said == "accepted"
        if config == leader:
            gain = Estimate(0.0, 0.0, 0.0, losses.shape[1])
        return Contestant(name, kind, fixed.get(config, config), scores, mean(losses), gain, went_on, better)

    found = sorted((contestant(c) for c in configs), key=lambda one: (not one.went_on, one.reached.value))
    lead = next(one for one in found if one.kind == "old" and one.went_on)
    return _judgement(lead, found, tolerance, space)


def challengers(space: Space, best: Config, seed: int) -> list[tuple[str, Kind, Point]]:
    """Points that may lead on new data: near the old best in all settings but one, and from the whole space.

    The one setting is drawn again from a part of its scale that the old best is not in; settings take turns, in the
    order of the space.
    """
    stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 6, 0, 0]))
    values = space.values_of(best)
    own = space.active({name: values[name] for name in space if name in values})
    found: list[tuple[str, Kind, Point]] = []
    names = [_OFTENER] * (_MORE if _OFTENER in own else 0) + [name for name in space if name in own]
    turns = dict.fromkeys(names, 0)
    for number in range(NEAR):
        name = names[number % len(names)]
        value = _elsewhere(space[name], own[name], turns[name], stream)
        turns[name] += 1
        point = space.active({**{n: space[n].at(stream.random()) for n in space}, **own, name: value})
        shown = f"{value:.3g}" if isinstance(value, float) else value
        found.append((f"the old best with {name} {shown}", "near", point))
    together = together_in_programs(space, best, first=True)
    points = RandomPoints()(Request(space, (), FRESH, 0, seed, together)).points
    return [*found, *((f"fresh {i + 1}", "fresh", point) for i, point in enumerate(points))]


def _elsewhere(dimension: Dimension, value: Any, turn: int, stream: np.random.Generator) -> Any:
    """Another value of a dimension: away from the one given, on the roomier side of it and the other in turn."""
    if isinstance(dimension, Choice):
        options = [option for option in dimension.options if option != value]
        return options[int(stream.integers(len(options)))] if options else value
    place = dimension.place(value)
    sides = sorted((-1, 1), key=lambda side: -(place if side < 0 else 1 - place))
    side = sides[turn % 2]
    room = place if side < 0 else 1 - place
    if room < _LEAST_APART:  # next to the old value nothing new is learned
        side, room = -side, 1 - room
    apart = _LEAST_APART + stream.random() * (min(room, _MOST_APART) - _LEAST_APART)
    other = dimension.at(place + side * apart)
    while other == value and apart < room:  # of few whole numbers each owns a large part of the scale
        apart = min(room, apart + 0.1)
        other = dimension.at(place + side * apart)
    return other


def expected_gain(gain: Estimate) -> float:
    """What is gained on average by going over to a config where it is better, and staying where it is not.

    Source: Mockus 1975 (expected improvement), for a normal distribution with this mean and 95 % interval.
    """
    spread = (gain.high - gain.low) / (2 * float(stats.norm.ppf(0.975)))
    if spread <= 0:
        return max(0.0, gain.value)
    at = gain.value / spread
    return float(gain.value * stats.norm.cdf(at) + spread * stats.norm.pdf(at))


def for_rows(config: Config, ratio: float) -> Config:
    """Settings for so many times the rows: a penalty is divided by the rows, so that it grows with them."""
    penalties = {name: getattr(config, name) * ratio for name in ("l1", "l2") if getattr(config, name)}
    return config.changed(**penalties) if penalties and ratio != 1 else config


def space_for_rows(space: Space, ratio: float) -> Space:
    """A space for so many times the rows, see `for_rows`."""
    moved = {
        name: LogUniform(one.low * ratio, one.high * ratio)
        for name, one in space.items()
        if name in ("l1", "l2") and isinstance(one, LogUniform)
    }
    return Space({**space.dimensions, **moved}, space.conditions, space.fixed) if moved and ratio != 1 else space


def _judged(
    split: Split, configs: Sequence[Config], judge: Judge, seeds: Sequence[int]
) -> dict[Config, tuple[Score, ...]]:
    """The scores of every config, one per seed, from one list."""
    flat = judge_all([Candidate(c.changed(seed=seed), split) for c in configs for seed in seeds], judge)
    n = len(seeds)
    return {config: tuple(flat[i * n : (i + 1) * n]) for i, config in enumerate(configs)}


def _judgement(lead: Contestant, found: Sequence[Contestant], tolerance: float, space: Space) -> Comparison:
    """The verdict, and what it rests on, in words."""
    least = tolerance * abs(lead.reached.value)
    tried = [one for one in found if one.kind in ("near", "fresh")]
    final = [one for one in tried if one.went_on]
    passed = [one for one in final if one.better and one.gain.value >= least]
    nearest = max(final, key=lambda one: expected_gain(one.gain))
    expected = expected_gain(nearest.gain)
    open_ = expected >= least
    told = [
        f"{len(tried)} challengers on the new data against {lead.name}, the best of the old settings there: loss "
        f"{_interval(lead.reached)}."
    ]
    verdict: MovedVerdict
    if passed:
        verdict = "optimum has moved"
        best = max(passed, key=lambda one: one.gain.value)
        told.append(
            f"The optimum has moved: {best.name} has a loss lower by {_interval(best.gain)} with fresh seeds, beyond "
            f"the noise and more than {tolerance:.0%} ({_apart(space, best.config, lead.config)})."
        )
    elif not open_:
        verdict = "settings still lead"
        told.append(
            f"The old settings still lead: {nearest.name}, of which most may be hoped, has a loss lower by "
            f"{_interval(nearest.gain)}; the gain that is expected, {expected:.2g}, is less than {tolerance:.0%} "
            f"({least:.2g})."
        )
    else:
        verdict = "cannot tell"
        told.append(
            f"It cannot be told: {nearest.name} has a loss lower by {_interval(nearest.gain)}; with "
            f"{lead.reached.rows:,} rows that is neither beyond the noise nor is the gain that is expected, "
            f"{expected:.2g}, less than {tolerance:.0%} ({least:.2g})."
        )
    start = next((one for one in found if one.kind == "start"), None)
    if start is not None:
        against = "which the old best no longer beats" if start.gain.high >= 0 else "which it still beats"
        told.append(f"The start of the old search, {against}, has a loss lower by {_interval(start.gain)}.")
    return Comparison(verdict, bool(passed) or open_, lead, tuple(found), tolerance, tuple(told))


def _apart(space: Space, config: Config, other: Config) -> str:
    """The searched settings in which two configs differ."""
    mine, theirs = space.values_of(config), space.values_of(other)

    def shown(value: Any) -> str:
        return f"{value:.3g}" if isinstance(value, float) else str(value)

    told = [f"{n} {shown(theirs[n])} to {shown(mine[n])}" for n in mine if mine[n] != theirs[n]]
    return ", ".join(told[:4]) + (", …" if len(told) > 4 else "")


def _interval(estimate: Estimate) -> str:
    return f"{estimate.value:.3g} ({estimate.low:.3g} to {estimate.high:.3g})"
