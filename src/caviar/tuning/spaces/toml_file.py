"""A space as a TOML file, and back.

    learning_rate = {log = [1e-4, 1e-1]}              # LogUniform
    beta1 = {one_minus_log = [0.9, 0.9995]}           # OneMinusLogUniform
    dropout = {uniform = [0, 0.5]}                    # Uniform; step = 0.1 for steps
    units = {integer = [16, 256], log = true}         # Integer; or step = 8
    activation = ["relu", "tanh"]                     # Choice
    class_weight = {choice = ["balanced"], none = true}   # Choice with None behind the others; none = 0: in front
    schedule = ["constant", "inverse_time"]
    decay_rate = {uniform = [0.1, 2], when = {schedule = ["inverse_time"]}}   # searched only there
    optimizer = "adam"                                # fixed
    hidden_units = {fixed = [64, 64]}                 # a fixed value with several parts

All may stand under [space]. A table of other names is a group: [model] with rate = ... is the setting "model.rate".
"""

import json
import math
from collections.abc import Mapping
from typing import Any

from caviar.errors import BadSpace, nearest
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space

_KINDS = ("uniform", "log", "one_minus_log", "integer", "choice", "fixed", "none")
_MORE = {"uniform": ("step",), "integer": ("log", "step"), "choice": ("none",)}


def space_of_tables(content: Mapping[str, Any]) -> Space:
    """A space from what a TOML file holds.

    Raises:
        BadSpace: a table that tells no dimension, or one that cannot be.
    """
    tables = content["space"] if set(content) == {"space"} and isinstance(content["space"], Mapping) else content
    dimensions: dict[str, Any] = {}
    conditions: dict[str, Any] = {}
    fixed: dict[str, Any] = {}
    for name, value in _flat(tables):
        if isinstance(value, list):
            dimensions[name] = Choice(*value)
        elif isinstance(value, Mapping):
            kind = _kind(name, value)
            into = fixed if kind == "fixed" or (kind == "none" and "choice" not in value) else dimensions
            into[name] = _made(name, kind, value)
            if "when" in value:
                conditions[name] = value["when"]
        else:
            fixed[name] = value
    return Space(dimensions, conditions, fixed)


def _flat(tables: Mapping[str, Any], group: str = "") -> list[tuple[str, Any]]:
    """Names and values; those of a group have its name in front."""
    found = []
    for name, value in tables.items():
        whole = group + name
        if isinstance(value, Mapping) and not _is_dimension(whole, value):
            found += _flat(value, f"{whole}.")
        else:
            found.append((whole, value))
    return found


def _is_dimension(name: str, table: Mapping[str, Any]) -> bool:
    """Whether a table tells a dimension; otherwise it must be a group of settings."""
    if any(kind in table for kind in _KINDS if kind != "log") or isinstance(table.get("log"), list):
        return True
    plain = [word for word, value in table.items() if not isinstance(value, Mapping)]
    likely = next((word for word in plain if nearest(word, _KINDS).startswith("Did")), None)
    if likely or not table or not all(isinstance(value, Mapping | list) for value in table.values()):
        raise BadSpace(
            f"A table of a space must tell a dimension, got {dict(table)!r} for {name!r}. "
            f"{nearest(likely or next(iter(table), ''), _KINDS)}"
        )
    return False


def _kind(name: str, table: Mapping[str, Any]) -> str:
    kinds = [kind for kind in _KINDS if kind in table and not (kind == "log" and "integer" in table)]
    kinds = [kind for kind in kinds if not (kind == "none" and "choice" in table)]
    known = (*kinds, "when", *(more for kind in kinds for more in _MORE.get(kind, ())))
    for word in table:
        if word not in known:
            raise BadSpace(f"The table of {name!r} must hold only {', '.join(known)}, got {word!r}. Leave it out.")
    if len(kinds) != 1:
        raise BadSpace(f"A setting of a space must be told in one way, got {kinds} for {name!r}. Keep one of them.")
    return kinds[0]


def _made(name: str, kind: str, table: Mapping[str, Any]) -> Any:
    """The dimension of a table, or its fixed value."""
    value = table[kind]
    if kind == "fixed":
        return tuple(value) if isinstance(value, list) else value
    if kind == "none":
        return None
    if kind == "choice":
        options = list(value) if isinstance(value, list) else [value]
        place = table.get("none", False)
        if place is not False:
            options.insert(len(options) if place is True else place, None)
        return Choice(*options)
    if not isinstance(value, list) or len(value) != 2:
        raise BadSpace(f"The table of {name!r} needs {kind} = [low, high], got {value!r}. Give both ends.")
    return _between(kind, value, table)


def _between(kind: str, ends: list[Any], table: Mapping[str, Any]) -> Dimension:
    match kind:
        case "uniform":
            return Uniform(*ends, step=table.get("step"))
        case "log":
            return LogUniform(*ends)
        case "one_minus_log":
            return OneMinusLogUniform(*ends)
        case _:
            return Integer(*ends, log=table.get("log", False), step=table.get("step", 1))


def toml_of(space: Space) -> str:
    """A space as the text of a TOML file, from which `space_of_tables` makes it again.

    Raises:
        BadSpace: a fixed value that a file cannot hold, such as a function.
    """
    searched = [f"{_key(name)} = {_table(space, name)}" for name in space]
    fixed = [f"{_key(name)} = {_fixed(name, value)}" for name, value in space.fixed.items()]
    return "\n".join([*searched, *fixed]) + "\n"


def _table(space: Space, name: str) -> str:
    parts = _told(space[name])
    when = space.conditions.get(name)
    if when:
        parts.append(f"when = {{{', '.join(f'{_key(parent)} = {_plain(values)}' for parent, values in when.items())}}}")
    return f"{{{', '.join(parts)}}}"


def _told(dimension: Dimension) -> list[str]:
    """The parts of a dimension's table."""
    match dimension:
        case Uniform(low, high, step):
            return [f"uniform = {_plain((low, high))}", *([] if step is None else [f"step = {_plain(step)}"])]
        case LogUniform(low, high):
            return [f"log = {_plain((low, high))}"]
        case OneMinusLogUniform(low, high):
            return [f"one_minus_log = {_plain((low, high))}"]
        case Integer(low, high, log, step):
            more = ["log = true"] if log else [f"step = {step}"] if step != 1 else []
            return [f"integer = {_plain((low, high))}", *more]
        case _:
            options = [option for option in dimension.options if option is not None]
            place = dimension.options.index(None) if None in dimension.options else None
            none = [] if place is None else ["none = true"] if place == len(options) else [f"none = {place}"]
            return [f"choice = {_plain(options)}", *none]


def _fixed(name: str, value: Any) -> str:
    if value is None:
        return "{none = true}"
    if isinstance(value, list | tuple):
        return f"{{fixed = {_plain(value)}}}"
    if not isinstance(value, bool | int | float | str):
        raise BadSpace(f"A fixed value must be plain to be written to a file, got {value!r} for {name!r}. Drop it.")
    return _plain(value)


def _plain(value: Any) -> str:
    """A word, number or list of them in TOML."""
    if isinstance(value, list | tuple):
        return f"[{', '.join(_plain(part) for part in value)}]"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    """A name, quoted where TOML wants it."""
    return name if name.isascii() and name.replace("_", "").isalnum() else _plain(name)
