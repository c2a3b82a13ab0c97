"""The space of a study that is kept: as it was asked, or as the trials of a study of other people tell it."""

import dataclasses
import typing
from collections.abc import Mapping
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.trial import TrialState

from caviar.errors import BadSpace
from caviar.tuning.spaces.dimensions import Choice, Dimension
from caviar.tuning.spaces.optuna_distributions import dimension_of
from caviar.tuning.spaces.space import Space

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
        BadSpace: it has no finished trial with parameters.
    """
    own = space_from(study.user_attrs.get(ASKED, {}))
    if own is not None:
        return own
    finished = (TrialState.COMPLETE, TrialState.PRUNED)  # others may lack what they had not come to
    trials = [trial for trial in study.get_trials(deepcopy=False, states=finished) if trial.params]
    seen: dict[str, BaseDistribution] = {}
    for trial in trials:
        seen |= {name: _widest(seen.get(name), one) for name, one in trial.distributions.items()}
    if not seen:
        raise BadSpace(
            f"A study must have finished trials to tell its space, but {study.study_name!r} has none. Give a space."
        )
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
    dimensions = {name: dimension_of(name, one) for name, one in seen.items()}
    searched = {name: when for name, when in conditions.items() if isinstance(dimensions[name], Dimension)}
    return Space(dimensions, searched)


def _widest(one: BaseDistribution | None, other: BaseDistribution) -> BaseDistribution:
    """What holds the values of both ranges, where a study was continued with another range."""
    if isinstance(one, FloatDistribution) and isinstance(other, FloatDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        return FloatDistribution(low, high, log=other.log, step=other.step if one == other else None)
    if isinstance(one, IntDistribution) and isinstance(other, IntDistribution):
        low, high = min(one.low, other.low), max(one.high, other.high)
        return IntDistribution(low, high, log=other.log, step=other.step if one == other else 1)
    return other
