"""A critic of the space, in words: what the trials say about where was searched, and how.

| remark | it is said when |
|---|---|
| edge | the best values of a setting lie at an end of its range, in nearly every part of the trials: widen it |
| scale | its range covers powers of ten, or good values crowd at an end, on a scale that does not spread them |
| no_effect | it makes less than `LITTLE` of the difference, with its interval |
| grid | the trials form a grid, which repeats what matters for every value of what does not |
| order | another setting than the learning rate matters most, which the course ranks first |

Nothing is said that a few lucky trials could say: a remark about where the best values lie follows from models of many
parts of the trials (`surrogate`), which must agree, and only of settings that matter.

Source: course section 6; Bergstra & Bengio 2012 (what a grid wastes).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy.stats import f

from caviar.tuning.critic.crowding import crowded
from caviar.tuning.critic.edges import Edge, edge_of
from caviar.tuning.critic.importance import Importance, importance_of
from caviar.tuning.critic.surrogate import Surrogate, by_rank, surrogate
from caviar.tuning.spaces.dimensions import Choice, Integer, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.trials import Trial

RemarkName = Literal["edge", "scale", "no_effect", "grid", "order"]

LITTLE = 0.1
"""Share of the difference between points below which a setting is said to have no effect worth searching."""

_ONE_SIDED = 1.645 / 1.96
"""From the upper end of a 95 % interval to the bound that is passed with 5 %."""

_ALPHA = 0.05

DECADES = 2.0
"""Powers of ten that a range may cover on a linear scale."""

_GRID_LEAST = 3
"""Values of a grid that can show a setting's effect."""

OF_LOG = ("learning_rate", "l1", "l2", "weight_decay", "epsilon", "initial_scale", "norm_epsilon")
"""Settings whose powers of ten matter, see the course: one of them on a linear scale is too much."""

OF_ONE_MINUS = ("momentum", "beta1", "beta2", "norm_beta", "average_weights")
"""Weights of averages."""

_SMALLEST, _SMALLEST_BETA, _LARGEST_BETA = 1e-4, 0.5, 0.9999
"""Where a log scale begins that so far begins at 0, in the range's high end; ends of a scale of 1 - beta."""


@dataclasses.dataclass(frozen=True)
class Remark:
    """Something to be said about a space.

    Attributes:
        name: edge | scale | no_effect | grid | order.
        setting: which setting it is about.
        evidence: the figures that it rests on.
        meaning: what it means, a sentence.
        advice: what to do, a sentence.
    """

    name: RemarkName
    setting: str
    evidence: dict[str, Any]
    meaning: str
    advice: str


@dataclasses.dataclass(frozen=True)
class Critique:
    """What trials say about the space in which they lie.

    Attributes:
        importance: of every setting, the most important first; the same for all where nothing is known.
        known: whether the trials tell it: a model of a part of them must explain some of the rest.
        remarks: what there is to be said, in the order of the space.
    """

    importance: tuple[Importance, ...]
    known: bool
    remarks: tuple[Remark, ...]


def criticise(space: Space, trials: Sequence[Trial], *, seed: int = 0) -> Critique:
    """What there is to be said about a space that was searched; of several objectives, about the first.

    Args:
        space: what was searched.
        trials: of it, however they were drawn; of more than `surrogate.MOST` a random part is modelled.
        seed: of the parts of the trials that must agree.
    """
    model = surrogate(space, trials, seed=seed)
    importances = importance_of(space, model)
    known = any(one.high < 1 or one.low > 0 for one in importances)
    return Critique(importances, known, _remarks(space, trials, model if known else None, importances))


def _remarks(
    space: Space, trials: Sequence[Trial], model: Surrogate | None, importances: Sequence[Importance]
) -> tuple[Remark, ...]:
    """Remarks; without a model only those that follow from the space itself.

    Where a scale is wrong nothing else is said: what good values crowd into is too steep for the model, and what other
    settings do is hidden behind it.
    """
    worth = [one.name for one in importances if one.low > 0 or one.share >= LITTLE]
    scales = [
        remark
        for name in space
        if (remark := _scale(space, name) or (_crowd(space, name, model) if model and name in worth else None))
    ]
    if scales or model is None:
        return tuple(scales)
    edges = [_edge(name, edge) for name in space if name in worth and (edge := edge_of(space, name, model)) is not None]
    return (*edges, *_no_effect(space, trials, model, importances), *_order(importances))


def _edge(name: str, edge: Edge) -> Remark:
    side = "upper" if edge.upper else "lower"
    return Remark(
        "edge",
        name,
        {"side": side, "end": edge.end, "near": edge.near, "of": edge.of, "agreement": edge.agreement, "to": edge.to},
        f"{edge.near} of the best {edge.of} trials have {name} near its {side} end {edge.end:g}, and in "
        f"{edge.agreement:.0%} of random parts of the trials it is best there: better values may lie outside.",
        f"Widen {name} {'upwards' if edge.upper else 'downwards'}, to {edge.to:g}.",
    )


def _scale(space: Space, name: str) -> Remark | None:
    """A range over powers of ten on a linear scale; the range itself is the evidence."""
    dimension = space[name]
    if not isinstance(dimension, Uniform | Integer) or (isinstance(dimension, Integer) and dimension.log):
        return None
    low, high = dimension.low, dimension.high
    if name in OF_ONE_MINUS and isinstance(dimension, Uniform) and (1 - low) >= 10 * (1 - high):
        high = min(high, _LARGEST_BETA)
        return Remark(
            "scale",
            name,
            {"low": low, "high": dimension.high},
            f"{name} is searched evenly up to {dimension.high:g}, but 1 / (1 - {name}) is what "
            "matters, and most of its growth lies in the last tenth of the range.",
            f"Search {name} with OneMinusLogUniform({max(low, _SMALLEST_BETA):g}, {high:g}).",
        )
    decades = math.log10(high / low) if low > 0 else math.inf
    if decades < (1 if name in OF_LOG else DECADES) or (low <= 0 and name not in OF_LOG):
        return None
    start = low if low > 0 else high * _SMALLEST
    kind = f"LogUniform({start:g}, {high:g})" if isinstance(dimension, Uniform) else f"Integer({low}, {high}, log=True)"
    covered = f"{decades:.1f} powers of ten" if low > 0 else f"all powers of ten below {high:g}"
    return Remark(
        "scale",
        name,
        {"low": low, "high": high, "decades": decades},
        f"{name} covers {covered} evenly: nine trials in ten lie in the highest of them.",
        f"Search {name} with {kind}.",
    )


def _crowd(space: Space, name: str, model: Surrogate) -> Remark | None:
    """Good points in a small part at one end, which a log scale would spread."""
    crowd = crowded(space, name, model)
    if crowd is None:
        return None
    dimension = space[name]
    assert isinstance(dimension, Uniform | Integer)
    if crowd.upper:
        kind = f"OneMinusLogUniform({crowd.low:g}, {crowd.high:g})"
    elif isinstance(dimension, Integer):
        kind = f"Integer({max(1, int(crowd.low))}, {dimension.high}, log=True)"
    else:
        kind = f"LogUniform({crowd.low:g}, {crowd.high:g})"
    side = "highest" if crowd.upper else "lowest"
    return Remark(
        "scale",
        name,
        {"part": crowd.part, "near": crowd.near, "of": crowd.of, "agreement": crowd.agreement},
        f"{crowd.near} of the best {crowd.of} trials have {name} in the {side} {crowd.part:.0%} of its range, "
        "which an even scale hardly enters.",
        f"Search {name} with {kind}.",
    )


def _no_effect(
    space: Space, trials: Sequence[Trial], model: Surrogate, importances: Sequence[Importance]
) -> list[Remark]:
    remarks: list[Remark] = []
    for one in importances:
        if one.share + _ONE_SIDED * (one.high - one.share) >= LITTLE or _goes_with(model, one.name):
            continue
        ranked = "" if one.course is None else f" (the course ranks it {_ordinal(one.course)})"
        evidence: dict[str, Any] = {"share": one.share, "low": one.low, "high": one.high, "course": one.course}
        values = _on_a_grid(space, one.name, trials)
        if _too_coarse(space, one.name, values):
            continue
        if values:
            remarks.append(
                Remark(
                    "grid",
                    one.name,
                    evidence | {"values": values, "trials": len(trials)},
                    f"The grid spends {values} values on {one.name}, which makes {one.share:.0%} of the difference "
                    f"({one.low:.0%} to {one.high:.0%}): {len(trials)} trials tell as much about the others as "
                    f"{len(trials) // values}.",
                    f"Draw points at random, or fix {one.name}.",
                )
            )
        else:
            remarks.append(
                Remark(
                    "no_effect",
                    one.name,
                    evidence,
                    f"{one.name} makes {one.share:.0%} of the difference between points ({one.low:.0%} to "
                    f"{one.high:.0%}){ranked}.",
                    f"Fix {one.name} at the best trial's value, and search something else.",
                )
            )
    return remarks


def _goes_with(model: Surrogate, name: str) -> bool:
    """Whether what the model leaves unexplained still goes with a setting, as a bowl or by options: F test at 5 %."""
    held = [i for i, point in enumerate(model.points) if name in point]
    left, dimension = model.unexplained[held], model.space[name]
    values = [model.points[i][name] for i in held]
    if isinstance(dimension, Choice):
        columns = np.array([[value == option for option in dimension.options[1:]] for value in values], float)
    else:
        place = np.array([dimension.place(value) for value in values])
        columns = np.stack([place, place**2], axis=1)
    design = np.column_stack([np.ones(len(held)), columns])
    fitted, _, rank, _ = np.linalg.lstsq(design, left, rcond=None)
    more, rest = rank - 1, len(held) - rank
    within = float(((left - design @ fitted) ** 2).sum())
    if more < 1 or rest < 1 or within == 0:
        return False
    return bool(f.sf((((left - left.mean()) ** 2).sum() - within) / more / (within / rest), more, rest) < _ALPHA)


def _on_a_grid(space: Space, name: str, trials: Sequence[Trial]) -> int:
    """How many values a grid spends on a setting; 0 where the trials form none.

    In a grid the numbers of every axis repeat, also those that could have any value.
    """
    ranked = [trial.values for trial in by_rank(trials)]
    values = {one: {point[one] for point in ranked if one in point} for one in space}
    free = [one for one in space if (space[one].levels or math.inf) > len(values[one])]
    repeats = all((len(values[one]) - 1) ** 2 <= len(ranked) for one in free)  # a point of one's own may be among them
    return len(values[name]) if len(space) > 1 and free and repeats else 0


def _too_coarse(space: Space, name: str, values: int) -> bool:
    """Whether a grid has too few values of a setting to tell that it has no effect: a bowl looks level from two."""
    return 0 < values < min(_GRID_LEAST, space[name].levels or _GRID_LEAST)


def _order(importances: Sequence[Importance]) -> list[Remark]:
    first = importances[0]
    rate = next((one for one in importances if one.name == "learning_rate"), None)
    if rate is None or first is rate or first.low <= rate.high:
        return []
    ranked = "does not rank" if first.course is None else f"ranks {_ordinal(first.course)}"
    return [
        Remark(
            "order",
            first.name,
            {"share": first.share, "low": first.low, "learning_rate": rate.share, "learning_rate_high": rate.high},
            f"{first.name}, which the course {ranked}, makes {first.share:.0%} of the difference, the learning rate "
            f"{rate.share:.0%} ({rate.low:.0%} to {rate.high:.0%}): this space is not the usual one.",
            f"Search {first.name} first; see whether the range of learning_rate holds all that is usual.",
        )
    ]


def _ordinal(place: int) -> str:
    return {1: "first", 2: "second", 3: "third"}.get(place, "last")
