"""A study in memory that mirrors ours, for one of Optuna's samplers to read.

It has the distributions of the whole space (1 - beta as its logarithm), one value to be minimised - or one per
objective - and the points of the generation that were proposed already as running trials, so that samplers keep away
from them (TPE's constant liar, the GP's pending points).

Two kinds of sampler keep their state in the attributes of trials, which the mirror gives them: genetic algorithms the
number of the population that a trial belongs to, CMA-ES the state of its distribution.
"""

import inspect
import pickle
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna._transform import _SearchSpaceTransform
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, CmaEsSampler, PartialFixedSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from caviar.tuning.proposals.propose import Tried
from caviar.tuning.proposals.together import BY_CLASS
from caviar.tuning.spaces.space import Point, Space


class Mirror:
    """A study in memory that a sampler reads: the trials it is told of, and the points that are under way."""

    def __init__(self, space: Space, tried: Sequence[Tried], sampler: BaseSampler) -> None:
        objectives = max((len(one.values) for one in tried), default=1)
        self._space, self._sampler = space, sampler
        self._distributions = space.distributions
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
                dimension = self._space[name]
                value = dimension.restored(_suggested(trial, name, self._distributions[name]))
                point[name] = value if dimension.levels is None else dimension.at(dimension.place(value))  # 0.3
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


def _suggested(trial: optuna.Trial, name: str, distribution: BaseDistribution) -> Any:
    match distribution:
        case optuna.distributions.FloatDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_float(name, low, high, step=step, log=log)
        case optuna.distributions.IntDistribution(low=low, high=high, step=step, log=log):
            return trial.suggest_int(name, low, high, step=step, log=log)
        case optuna.distributions.CategoricalDistribution(choices=choices):
            return trial.suggest_categorical(name, choices)
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
