"""Any of Optuna's samplers as a proposer: asked for a whole list at a time, from a study in memory that mirrors ours.

The mirror is built anew for every generation and its sampler newly seeded, so that what is proposed follows from what
was tried and nothing else. It has the distributions of the whole space (1 - beta as its logarithm), one value to be
minimised - or one per objective - and the points of the generation that were proposed already as running trials, so
that samplers keep away from them (TPE's constant liar, the GP's pending points).

What a sampler takes grows with the trials it sees, so that it is told of at most `Sampled.most`: the best quarter of
them and the latest.

Two kinds of sampler keep their state in the attributes of trials, which the mirror must give them: genetic algorithms
the number of the population that a trial belongs to, CMA-ES the state of its distribution.
"""

import copy
import dataclasses
import inspect
import json
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

import numpy as np
import optuna
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, GridSampler, PartialFixedSampler, QMCSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from caviar.errors import BadSpace
from caviar.tuning.low_discrepancy import LowDiscrepancy
from caviar.tuning.propose import REDRAWS, Proposal, Proposer, Request, Tried, anywhere, key_of, keys_tried, stream_of
from caviar.tuning.space import Point, Space
from caviar.tuning.together import BY_CLASS

SamplerName = Literal["tpe", "gp", "cma", "nsga2", "nsga3"]

MOST = 400
"""Trials that a sampler is told of."""

_MOST_GP = 200
"""The same of a Gaussian process, whose cost grows with their cube."""

_BEST_SHARE = 4
"""One in so many of them is there because it is good, the others because they are the latest."""

_ASKED_AGAIN = 5
"""Times that a sampler is asked for another point where its own is not allowed or was tried before."""


@dataclasses.dataclass(frozen=True)
class Sampled:
    """Points by one of Optuna's samplers.

    The leaders of a generation are asked freely; for the others, what a program is compiled for is fixed to what their
    leader has (`PartialFixedSampler`). Conditional settings are asked for where their condition holds.

    Attributes:
        make: makes the sampler from a seed.
        name: says which sampler it is, with all that its points follow from.
        most: trials that it is told of.
    """

    make: Callable[[int], BaseSampler] = dataclasses.field(repr=False, compare=False)
    name: str
    most: int = MOST

    @property
    def ahead(self) -> bool:
        """It proposes a generation while the one before it trains."""
        return True

    def __call__(self, request: Request) -> Proposal:
        """As many points as are wanted; a point that is not allowed in spite of all asking is drawn at random."""
        stream = stream_of(request)
        mirror = Mirror(request.space, told(request.tried, self.most), self.make(int(stream.integers(1 << 31))))
        together, known, points = request.together, keys_tried(request), list[Point]()
        for number in range(request.n):
            leader = points[number % together.leaders] if number >= together.leaders else None

            def drawn(attempt: int, leader: Point | None = leader) -> Point:
                asks = attempt < _ASKED_AGAIN
                point = mirror.ask(leader, together.decides) if asks else anywhere(request.space)(stream)
                return point if leader is None else together.follow(point, leader, stream)

            tries = [drawn(0)]
            while not (together.allowed(tries[-1]) and key_of(tries[-1]) not in known) and len(tries) < REDRAWS:
                tries.append(drawn(len(tries)))
            point = tries[-1]
            if known:
                known.add(key_of(point))
            mirror.add(point)
            points.append(point)
        return Proposal(points)


class Mirror:
    """A study in memory that a sampler reads: the trials it is told of, and the points that are under way."""

    def __init__(self, space: Space, tried: Sequence[Tried], sampler: BaseSampler) -> None:
        objectives = max((len(one.values) for one in tried), default=1)
        self._space, self._sampler = space, sampler
        self._distributions = {name: dimension.distribution() for name, dimension in space.items()}
        verbosity = optuna.logging.get_verbosity()
        optuna.logging.set_verbosity(optuna.logging.WARNING)  # a study in memory is nothing to tell people of
        self._study = optuna.create_study(directions=[StudyDirection.MINIMIZE] * max(1, objectives), sampler=sampler)
        optuna.logging.set_verbosity(verbosity)
        trials = [self._frozen(one, objectives) for one in tried]
        if hasattr(sampler, "population_size"):
            _in_populations(trials, sampler)
        if isinstance(sampler, CmaEsSampler):
            _with_state(trials, sampler, self._study, self._distributions)
        for trial in trials:
            self._study.add_trial(trial)

    def ask(self, leader: Point | None, decides: Sequence[str]) -> Point:
        """A point that the sampler proposes, with the leader's values of what decides the program."""
        fixed = {name: leader[name] for name in decides if name in leader and name not in BY_CLASS} if leader else {}
        self._study.sampler = _partly_fixed(self._stored(fixed), self._sampler) if fixed else self._sampler
        trial = self._study.ask()
        point: Point = {}
        for name in self._space.order:
            if self._space.is_active(name, point):
                value = _suggested(trial, name, self._distributions[name])
                point[name] = self._space[name].restored(value)
        # What is tried may differ, and is added as it is: this one is out of the sampler's sight.
        self._study._storage.set_trial_state_values(trial._trial_id, TrialState.FAIL)
        return {name: point[name] for name in self._space if name in point}

    def add(self, point: Point) -> None:
        """A point that is under way."""
        self._study.add_trial(self._trial(point, TrialState.RUNNING))

    def _stored(self, point: Mapping[str, Any]) -> dict[str, Any]:
        """A point as Optuna has it; values outside the space are moved to its edge."""
        found = {}
        for name, value in point.items():
            dimension = self._space[name]
            found[name] = dimension.stored(value if dimension.holds(value) else dimension.at(dimension.place(value)))
        return found

    def _trial(self, point: Point, state: TrialState, **results: Any) -> FrozenTrial:
        params = self._stored(self._space.active(point))
        distributions = {name: self._distributions[name] for name in params}
        return create_trial(state=state, params=params, distributions=distributions, **results)

    def _frozen(self, one: Tried, objectives: int) -> FrozenTrial:
        values = list(one.values) if objectives > 1 else [one.criterion]
        if not np.isfinite(one.criterion) or len(values) != max(1, objectives) or not np.isfinite(values).all():
            return self._trial(one.point, TrialState.FAIL)
        if one.complete:
            return self._trial(one.point, TrialState.COMPLETE, values=values)
        # Optuna's TPE raises where trials with intermediate values have several objectives.
        return self._trial(
            one.point, TrialState.PRUNED, intermediate_values={} if objectives > 1 else {1: one.criterion}
        )


def told(tried: Sequence[Tried], most: int) -> list[Tried]:
    """The trials that a sampler is told of, in their order: a quarter the best, the others the latest."""
    if len(tried) <= most:
        return list(tried)
    best = sorted(range(len(tried)), key=lambda i: (not tried[i].complete, tried[i].criterion))[: most // _BEST_SHARE]
    kept = set(best)
    for i in reversed(range(len(tried))):
        if len(kept) == most:
            break
        kept.add(i)
    return [tried[i] for i in sorted(kept)]


def _suggested(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case optuna.distributions.FloatDistribution():
            return trial.suggest_float(name, distribution.low, distribution.high, log=distribution.log)
        case optuna.distributions.IntDistribution():
            return trial.suggest_int(name, distribution.low, distribution.high, log=distribution.log)
        case optuna.distributions.CategoricalDistribution():
            return trial.suggest_categorical(name, distribution.choices)
        case _:
            raise AssertionError(distribution)


def _partly_fixed(values: dict[str, Any], sampler: BaseSampler) -> BaseSampler:
    """A `PartialFixedSampler` without its warning, which cannot be silenced in a thread of its own."""
    fixed = PartialFixedSampler.__new__(PartialFixedSampler)
    inspect.unwrap(PartialFixedSampler.__init__)(fixed, values, sampler)
    return fixed


def _in_populations(trials: Sequence[FrozenTrial], sampler: Any) -> None:
    """Number the populations of a genetic algorithm: complete trials in their order, as many as it wants in each."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    for place, trial in enumerate(complete):
        trial.system_attrs[sampler._get_generation_key()] = place // sampler.population_size


def _with_state(
    trials: Sequence[FrozenTrial],
    sampler: CmaEsSampler,
    study: optuna.Study,
    distributions: Mapping[str, BaseDistribution],
) -> None:
    """Give the last complete trial the state that CMA-ES reaches when it is told of all of them.

    It searches the numbers that every trial has; other settings are drawn at random, as always with it.
    """
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    names = [
        name
        for name, distribution in sorted(distributions.items())
        if not isinstance(distribution, optuna.distributions.CategoricalDistribution)
        and not distribution.single()
        and all(name in trial.params for trial in complete)
    ]
    if not complete or not names:
        return
    transform = _SearchSpaceTransform(
        {name: distributions[name] for name in names}, transform_step=True, transform_0_1=True
    )
    state = sampler._init_optimizer(transform, study.direction)
    size = state.population_size
    for start in range(0, len(complete) - size + 1, size):
        block = complete[start : start + size]
        where = [transform.transform({name: trial.params[name] for name in names}) for trial in block]
        state.tell([(x, trial.value) for x, trial in zip(where, block, strict=True)])  # pyright: ignore
    for key, part in sampler._split_optimizer_str(pickle.dumps(state).hex()).items():
        complete[-1].system_attrs[key] = part


def sampled(word: SamplerName) -> Sampled:
    """One of Optuna's samplers by a word, with its own defaults.

    Raises:
        ImportError: it needs a package that is not installed.
    """
    match word:
        case "tpe":
            return Sampled(lambda seed: optuna.samplers.TPESampler(seed=seed), "tpe")
        case "gp":
            _needs("torch", "Proposals by a Gaussian process need PyTorch: pip install torch")
            return Sampled(
                lambda seed: optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False), "gp", _MOST_GP
            )
        case "cma":
            _needs("cmaes", "Proposals by CMA-ES need its package: pip install cmaes")
            return Sampled(lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False), "cma")
        case "nsga2":
            return Sampled(lambda seed: optuna.samplers.NSGAIISampler(seed=seed), "nsga2")
        case "nsga3":
            return Sampled(lambda seed: optuna.samplers.NSGAIIISampler(seed=seed), "nsga3")


def _needs(package: str, message: str) -> None:
    try:
        __import__(package)
    except ImportError as error:
        raise ImportError(message) from error


def by_sampler(sampler: BaseSampler) -> Proposer:
    """A proposer that asks a sampler that somebody made; its own random numbers are seeded anew.

    Raises:
        BadSpace: a sampler of grids, which reads its place from a study that it has made itself.
    """
    if isinstance(sampler, GridSampler):
        raise BadSpace("Proposals must come from a sampler of one's choice or 'grid', got GridSampler. Give 'grid'.")
    if isinstance(sampler, QMCSampler):  # it reads its place in the sequence from the study, too
        return LowDiscrepancy("halton" if sampler._qmc_type == "halton" else "sobol")
    most = _MOST_GP if type(sampler).__name__ == "GPSampler" else MOST
    return Sampled(lambda seed: _reseeded(sampler, seed), _name(sampler), most)


def _reseeded(sampler: BaseSampler, seed: int) -> BaseSampler:
    """A copy whose random numbers, and those of the samplers it asks itself, start from a seed."""
    own = copy.deepcopy(sampler)
    waiting, seen = [own], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for value in vars(one).values():
            if type(value).__name__ == "LazyRandomState":
                seed += 1
                value.rng.seed(seed % (1 << 32))
            elif isinstance(value, BaseSampler) or type(value).__module__.startswith("optuna.samplers"):
                waiting.append(value)
    return own


def _name(sampler: BaseSampler) -> str:
    """Kind and plain settings of a sampler, its seed left out: it gets others."""
    plain = {
        name.lstrip("_"): value
        for name, value in sorted(vars(sampler).items())
        if isinstance(value, (bool, int, float, str)) and "seed" not in name
    }
    return f"{type(sampler).__name__}({json.dumps(plain)[1:-1]})"
