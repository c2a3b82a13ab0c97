"""The space of a study that is kept: as it was asked, or as the trials of a study of other people tell it."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from caviar.errors import BadSpace
from caviar.tuning.dimensions import Choice, Dimension, Integer, LogUniform, Uniform
from caviar.tuning.space import Space

ASKED = "caviar:search"
"""The attribute of a study that says what it searches."""

_DIMENSIONS = {one.__name__: one for one in typing.get_args(Dimension)}


def plain_space(space: Space) -> dict[str, Any]:
    """A space as plain values, from which `space_from` makes it again."""

    def plain(one: Dimension) -> dict[str, Any]:
        return {"kind": type(one).__name__, **{f.name: getattr(one, f.name) for f in dataclasses.fields(one)}}

    return {
        "dimensions": {name: plain(one) for name, one in space.items()},
        "conditions": {
            name: {of: list(values) for of, values in when.items()} for name, when in space.conditions.items()
        },
        "fixed": dict(space.fixed),
    }


def space_from(asked: Mapping[str, Any]) -> Space | None:
    """The space of what a study was asked; None where it is not in there."""
    kept = asked.get("space")
    if not isinstance(kept, Mapping):
        return None
    dimensions: dict[str, Dimension] = {}
    for name, one in kept["dimensions"].items():
        fields = dict(one)
        kind = _DIMENSIONS[fields.pop("kind")]
        dimensions[name] = Choice(*fields["options"]) if kind is Choice else kind(**fields)
    conditions = {name: {of: tuple(values) for of, values in when.items()} for name, when in kept["conditions"].items()}
    return Space(dimensions, conditions, dict(kept["fixed"]))


def space_of(study: optuna.Study) -> Space:
    """The space of a study: as caviar was asked to search it, or from the distributions of its trials.

    A parameter that only some of the trials have is searched under the condition that tells them apart, where one
    parameter of a few options does.

    Raises:
        BadSpace: it has no trial with parameters.
    """
    own = space_from(study.user_attrs.get(ASKED, {}))
    if own is not None:
        return own
    trials = [trial for trial in study.get_trials(deepcopy=False) if trial.params]
    seen: dict[str, BaseDistribution] = {}
    for trial in trials:
        seen.update(trial.distributions)
    if not seen:
        raise BadSpace(f"A study must have trials to tell its space, but {study.study_name!r} has none. Give a space.")
    everywhere = [name for name in seen if all(name in trial.params for trial in trials)]
    conditions = {}
    for name in seen:
        if name in everywhere:
            continue
        for parent in everywhere:
            if not isinstance(seen[parent], CategoricalDistribution):
                continue
            holding = [trial.params[parent] for trial in trials if name in trial.params]
            without = [trial.params[parent] for trial in trials if name not in trial.params]
            if not set(holding) & set(without):
                conditions[name] = {parent: tuple(dict.fromkeys(holding))}
                break
    ranges = [(name, one) for name, one in seen.items() if isinstance(one, (FloatDistribution, IntDistribution))]
    fixed = {name: one.low for name, one in ranges if one.single()}
    return Space({name: _dimension(one) for name, one in seen.items() if name not in fixed}, conditions, fixed)


def _dimension(one: BaseDistribution) -> Dimension:
    match one:
        case CategoricalDistribution():
            return Choice(*one.choices)
        case IntDistribution(step=1):
            return Integer(one.low, one.high, log=one.log)
        case IntDistribution():
            return Choice(*range(one.low, one.high + 1, one.step))
        case FloatDistribution(log=True):
            return LogUniform(one.low, one.high)
        case FloatDistribution():
            return Uniform(one.low, one.high)
    raise BadSpace(f"A study's parameters must be float, int or categorical, got {one}.")
