"""A search from the sweep configuration of Weights & Biases.

A sweep gives every parameter a distribution; those that are even on a scale of caviar are taken over as they are.
Others - a bell, a weighted choice - are searched evenly over where nearly all of them lies, because proposals of caviar
learn where good points are. Whatever changes is said in `Sweep.said`.

Source: W&B, "Sweep configuration options", docs.wandb.ai, read 2026.
"""

import math
from collections.abc import Mapping
from typing import Any

from caviar.errors import BadSpace, nearest
from caviar.tuning.rungs import Rungs
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.spaces.sweep import Sweep

_METHODS = {"grid": "grid", "random": "random", "bayes": "gp"}

_BESIDE = ("program", "project", "entity", "name", "description", "command", "settings", "job", "image_uri")
"""What says how W&B runs a program, not what is searched."""

_BELL = 2.0
"""Standard deviations on either side of the mean that are searched of a normal distribution: 95 % of it."""

_WORDS = ("value", "values", "probabilities", "distribution", "min", "max", "mu", "sigma", "q", "a", "b", "parameters")

_ENDS: dict[str, str] = {
    "uniform": "even",
    "q_uniform": "even",
    "int_uniform": "whole",
    "log_uniform": "exponents",
    "q_log_uniform": "exponents",
    "log_uniform_values": "log",
    "q_log_uniform_values": "log",
    "inv_log_uniform": "negative exponents",
    "inv_log_uniform_values": "log",
    "normal": "bell",
    "q_normal": "bell",
    "log_normal": "bell of exponents",
    "q_log_normal": "bell of exponents",
    "beta": "share",
    "q_beta": "share",
}
_CHOICES = ("constant", "categorical", "categorical_w_probabilities")


def sweep_of(content: Mapping[str, Any]) -> Sweep:
    """A search from what a sweep's YAML file holds.

    Raises:
        BadSpace: no parameters, an unknown word (the nearest is suggested), or a range that cannot be.
    """
    said: list[str] = []
    parameters = content.get("parameters")
    if not isinstance(parameters, Mapping) or not parameters:
        raise BadSpace("A sweep must have parameters, got none. Name the settings that are searched and their ranges.")
    space = Space({name: _parameter(name, table, said) for name, table in _flat(parameters)})
    method = content.get("method")
    if method is not None and method not in _METHODS:
        raise BadSpace(f"A sweep's method must be grid, random or bayes, got {method!r}. {nearest(method, _METHODS)}")
    if method == "bayes":
        said.append("method bayes is taken for a Gaussian process (gp).")
    metric = content.get("metric") or {}
    goal = metric.get("goal", "minimize")
    if goal not in ("minimize", "maximize"):
        raise BadSpace(f"A sweep's goal must be minimize or maximize, got {goal!r}. Correct metric.goal.")
    if "target" in metric:
        said.append(f"metric.target {metric['target']} is not taken over: the search does not end there.")
    if metric.get("impute"):
        said.append(f"metric.impute {metric['impute']} is not taken over: a trial that failed is ranked last.")
    rungs = _rungs(content.get("early_terminate"), said)
    others = [word for word in content if word in _BESIDE]
    if others:
        said.append(f"{', '.join(others)} is not read: it says how W&B runs a program.")
    known = (*_BESIDE, "parameters", "method", "metric", "early_terminate", "run_cap")
    said += [f"{word} is not known here and not read." for word in content if word not in known]
    return Sweep(
        space=space,
        proposals=_METHODS.get(str(method)),
        direction=goal if metric else None,
        metric=metric.get("name"),
        rungs=rungs,
        trials=content.get("run_cap"),
        said=tuple(said),
    )


def _flat(parameters: Mapping[str, Any], group: str = "") -> list[tuple[str, Any]]:
    """Parameters by name; those that are nested have the names around them in front, with dots."""
    found = []
    for name, table in parameters.items():
        whole = f"{group}{name}"
        if not isinstance(table, Mapping):
            raise BadSpace(f"A sweep's parameter must say value, values or min and max, got {table!r} for {whole!r}.")
        if isinstance(table.get("parameters"), Mapping):
            found += _flat(table["parameters"], f"{whole}.")
        else:
            found.append((whole, table))
    return found


def _parameter(name: str, table: Mapping[str, Any], said: list[str]) -> Any:
    """The dimension of one parameter, or its only value."""
    for word in table:
        if word not in _WORDS:
            raise BadSpace(
                f"The parameter {name!r} of a sweep has an unknown word, got {word!r}. {nearest(word, _WORDS)}"
            )
    distribution = table.get("distribution")
    known = (*_ENDS, *_CHOICES)
    if distribution is not None and distribution not in known:
        raise BadSpace(
            f"The distribution of a sweep's {name!r} must be one of W&B's, got {distribution!r}. "
            f"{nearest(str(distribution), known)}"
        )
    if "value" in table:
        return _numeric(name, table["value"], said)
    if "values" in table:
        return _choice(name, table, said)
    if distribution in _CHOICES:
        raise BadSpace(
            f"The parameter {name!r} of a sweep needs value or values for {distribution}, got {dict(table)!r}."
        )
    if distribution is None and not {"min", "max"} <= set(table):
        raise BadSpace(f"A sweep's parameter must say value, values or min and max, got {dict(table)!r} for {name!r}.")
    return _range(name, table, said)


def _choice(name: str, table: Mapping[str, Any], said: list[str]) -> Any:
    values = table["values"]
    if not isinstance(values, list) or not values:
        raise BadSpace(f"The values of a sweep's {name!r} must be a list, got {values!r}. Write values: [a, b].")
    if table.get("probabilities"):
        said.append(
            f"{name}: the probabilities {table['probabilities']} are not taken over: all options are equally likely."
        )
    options = [_numeric(name, value, said) for value in values]
    return options[0] if len(options) == 1 else Choice(*options)


def _range(name: str, table: Mapping[str, Any], said: list[str]) -> Any:
    """The dimension of a parameter between two ends."""
    plain = {word: _numeric(name, table[word], said) for word in ("min", "max", "mu", "sigma", "q") if word in table}
    ends = [plain[word] for word in ("min", "max") if word in plain]
    whole = all(isinstance(end, int) for end in ends)
    distribution = table.get("distribution") or ("int_uniform" if whole else "uniform")
    kind = _ENDS[distribution]
    if kind not in ("bell", "bell of exponents", "share") and len(ends) < 2:
        raise BadSpace(f"The parameter {name!r} of a sweep needs min and max for {distribution}, got {dict(table)!r}.")
    match kind:
        case "exponents":
            ends = [math.exp(end) for end in ends]
        case "negative exponents":
            ends = [math.exp(-end) for end in reversed(ends)]
        case "bell" | "bell of exponents":
            mu, sigma = plain.get("mu", 0.0), plain.get("sigma", 1.0)
            ends = [mu - _BELL * sigma, mu + _BELL * sigma]
            ends = [math.exp(end) for end in ends] if kind == "bell of exponents" else ends
            log = " on a log scale" * (kind == "bell of exponents")
            said.append(
                f"{name}: {distribution} is searched evenly{log} from {ends[0]:g} to {ends[1]:g}, where 95 % of it "
                "lies."
            )
        case "share":
            ends = [0.0, 1.0]
            said.append(f"{name}: {distribution} is searched evenly from 0 to 1.")
    if ends[0] == ends[1]:
        return ends[0]
    log = kind in ("exponents", "negative exponents", "log", "bell of exponents")
    if kind == "whole":
        return Integer(ends[0], ends[1])  # pyright: ignore[reportArgumentType]  (it says so where it is no whole number)
    if distribution.startswith("q_"):
        return _rounded(name, ends, plain.get("q", 1), log, said)
    return LogUniform(*ends) if log else Uniform(*ends)


def _rounded(name: str, ends: list[Any], q: Any, log: bool, said: list[str]) -> Any:
    """W&B rounds to the nearest multiple of q: even ones are steps, those on a log scale whole numbers or left."""
    if not isinstance(q, int | float) or not q > 0:
        raise BadSpace(f"The step q of a sweep's {name!r} must be above 0, got {q!r}. Correct it.")
    low, high = (round(end / q) for end in ends)
    if low == high:
        return low * q
    whole = isinstance(q, int)
    if not log:
        said.append(
            f"{name}: every multiple of {q} from {low * q:g} to {high * q:g} is equally likely, also at the ends."
        )
        return Integer(low * q, high * q, step=q) if whole else Uniform(low * q, high * q, step=q)
    if whole and low > 0:
        if q != 1:
            said.append(f"{name}: on a log scale values are whole numbers, not multiples of {q}.")
        return Integer(low * q, high * q, log=True)
    said.append(f"{name}: on a log scale values are not rounded to multiples of {q}.")
    return LogUniform(*ends)


def _numeric(name: str, value: Any, said: list[str]) -> Any:
    """A value; YAML reads 1e-4 as a word, which is a number here."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return value
    said.append(f"{name}: {value!r} is read as the number {number:g}; YAML wants 1.0e-4 with a point.")
    return number


def _rungs(early: Any, said: list[str]) -> Rungs | None:
    """W&B's hyperband stops at each rung what is not among the best 1 / eta: one bracket, which is halving."""
    if not early:
        return None
    if early.get("type") != "hyperband":
        raise BadSpace(
            f"A sweep's early_terminate must be of type hyperband, got {early.get('type')!r}. Correct it, or leave "
            "early_terminate out."
        )
    eta, strict = early.get("eta", 3), early.get("strict", False) is True
    said.append("early_terminate: its iterations are taken for epochs, and trials of a generation are compared.")
    if early.get("min_iter") is not None:
        return Rungs("halving", eta=eta, least=early["min_iter"], most=early.get("max_iter"), strict=strict)
    most, brackets = early.get("max_iter"), early.get("s")
    if most is None or brackets is None:
        raise BadSpace(
            f"A sweep's early_terminate needs min_iter, or max_iter and s, got {dict(early)!r}. Add min_iter, the "
            "first iteration at which runs are stopped."
        )
    return Rungs("halving", eta=eta, least=max(1, round(most / eta**brackets)), most=most, strict=strict)
