"""A search in words: dimensions, points, regions and what was reached, as people write them."""

import math
from collections.abc import Mapping
from typing import Any

from caviar.data.task import Task
from caviar.diagnosis.intervals import Estimate
from caviar.reporting import words
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform
from caviar.tuning.spaces.space import Space


def value(name: str, given: Any) -> str:
    """A value of a setting; rates of averages keep the digits that matter, those of 1 - beta."""
    if isinstance(given, bool):
        return "yes" if given else "no"
    if isinstance(given, float):
        close = name in ("beta1", "beta2", "momentum", "average_weights") and 0.9 < given < 1
        digits = 1 - math.floor(math.log10(1 - given)) if close else 0
        return f"{given:.{digits}f}".rstrip("0") if close else words.number(given)
    return f"{given:,}" if isinstance(given, int) else str(given)


def dimension(name: str, one: Dimension) -> str:
    """What is searched of one setting, and on which scale."""
    if isinstance(one, Choice):
        return f"{words.name_of(name)} {' or '.join(value(name, option) for option in one.options)}"
    scale = ""
    if isinstance(one, LogUniform) or (isinstance(one, Integer) and one.log):
        scale = " (log)"
    elif isinstance(one, OneMinusLogUniform):
        scale = f" (1 - {name} on a log scale)"
    return f"{words.name_of(name)} {value(name, one.low)} to {value(name, one.high)}{scale}"


def point(values: Mapping[str, Any]) -> str:
    """The searched settings of a trial."""
    return ", ".join(f"{words.name_of(name)} {value(name, one)}" for name, one in values.items())


def region(zoom: Zoom, space: Space) -> str:
    """Where a zoom draws from, setting by setting."""
    return ", ".join(_side(name, ends, space[name]) for name, ends in zoom.region.items() if name in space)


def _side(name: str, ends: tuple[Any, ...], one: Dimension) -> str:
    """Options, or both ends of a range."""
    shown = dict.fromkeys(value(name, end) for end in ends)
    return f"{words.name_of(name)} {(' or ' if isinstance(one, Choice) else ' to ').join(shown)}"


def metric(figure: float | None, name: str, task: Task) -> str:
    """A value of the metric: error rates in percent, others as numbers."""
    if figure is None or not math.isfinite(figure):
        return "unknown"
    return words.error(figure, task) if name in ("error", "rmse") else words.number(figure)


def metric_interval(estimate: Estimate, name: str, task: Task) -> str:
    """A value of the metric with its 95 % interval, where it has one."""
    if not math.isfinite(estimate.low):
        return metric(estimate.value, name, task)
    low, high = (metric(end, name, task) for end in (estimate.low, estimate.high))
    return f"{metric(estimate.value, name, task)} ({low} to {high})"


def name_of_metric(name: str) -> str:
    """As people call it."""
    return {"auc": "AUC", "rmse": "RMSE", "mae": "MAE", "f1": "F1", "r2": "R²"}.get(name, name.replace("_", " "))


def importance(content: Mapping[str, Any]) -> list[tuple[str, Estimate, str]]:
    """(setting, its share of what moves the result, its place in the course's order); none where it is not known."""
    rows = content.get("importance") or []
    return [(row["name"], Estimate(**row["share"]), _ordinal(row["course"])) for row in rows]


def share(one: Estimate) -> str:
    """A share with its interval."""
    return f"{one.value:.0%} ({one.low:.0%} to {one.high:.0%})"


def _ordinal(place: int | None) -> str:
    return "" if place is None else {1: "1st", 2: "2nd", 3: "3rd"}.get(place, f"{place}th")


def of_space(content: Mapping[str, Any]) -> list[str]:
    """What the trials say of the space: what mattered, and what to change before the next search."""
    said = [f"{words.name_of(name)} {share(one)}" for name, one, _ in importance(content)[:3]]
    return [*([f"What moves the result most: {', '.join(said)}."] if said else []), *remarks(content)]


def remarks(content: Mapping[str, Any]) -> list[str]:
    """What the critic of the space says, in sentences; settings that have no effect in one."""
    said = content.get("remarks") or []
    without = [one for one in said if one["name"] == "no_effect"]
    if len(without) < 2:
        return [f"{one['meaning']} {one['advice']}" for one in said]
    names = [words.name_of(one["setting"]) for one in without]
    most = max(one["evidence"]["high"] for one in without)
    together = (
        f"{', '.join(names[:-1])} and {names[-1]} make hardly any difference between points, each at most "
        f"{most:.0%} of it. Fix them at the best trial's values, and search something else."
    )
    others = [f"{one['meaning']} {one['advice']}" for one in said if one["name"] != "no_effect"]
    return [*others, together[0].upper() + together[1:]]
