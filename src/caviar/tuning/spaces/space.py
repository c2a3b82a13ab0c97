"""`Space`: which settings are searched, on which scales, and under which conditions.

A *point* is one value for every setting that is searched under its conditions. Settings that are the same everywhere
are fixed values, and no part of a point.

Source: course section 6; Bergstra & Bengio 2012.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from optuna.distributions import BaseDistribution

from caviar.errors import BadSpace, nearest
from caviar.network.config import Config
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, plain
from caviar.tuning.spaces.settings import SETTINGS, config_of, value_of

Point = dict[str, Any]
"""A value for every setting that is searched."""


@dataclasses.dataclass(frozen=True)
class Space(Mapping[str, Dimension]):
    """Settings to search, by name: a mapping of what is searched.

    For networks, names are fields of `Config`, and in place of `hidden_units` the pair `layers` (hidden layers) and
    `units` (in each of them); for a function of one's own, any names.

    Attributes:
        dimensions: what is searched, by name; a plain value in place of a dimension is the same in every point, and
            is found in `fixed`.
        conditions: by name, under which values of others a setting is searched at all:
            {"decay_rate": {"schedule": ("exponential", "staircase")}}.
        fixed: values that are the same in every point.

    Raises:
        BadSpace: no dimensions, a list where a dimension belongs, or conditions that name what is not searched, or each
            other in a circle.
    """

    dimensions: dict[str, Dimension]
    conditions: dict[str, dict[str, tuple[Any, ...]]] = dataclasses.field(default_factory=dict)
    fixed: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name, value in _items("dimensions", self.dimensions):
            _check_one(name, value)
        searched = {name: one for name, one in self.dimensions.items() if isinstance(one, Dimension)}
        fixed = {name: plain(one) for name, one in self.dimensions.items() if name not in searched}
        for name, value in _items("fixed", self.fixed):
            if name in self.dimensions or isinstance(value, Dimension):
                raise BadSpace(
                    f"A fixed setting of a Space must not be searched as well, got {name!r}. Drop one of both."
                )
        object.__setattr__(self, "dimensions", searched)
        object.__setattr__(self, "fixed", dict(self.fixed) | fixed)
        if not searched:
            raise BadSpace(
                "A Space needs at least one dimension, got none. For example "
                "Space({'learning_rate': LogUniform(1e-4, 1e-1)})."
            )
        conditions = {
            name: {parent: _values(values) for parent, values in _items(f"conditions[{name!r}]", when)}
            for name, when in _items("conditions", self.conditions)
        }
        object.__setattr__(self, "conditions", {name: when for name, when in conditions.items() if when})
        self._check_conditions()

    def _check_conditions(self) -> None:
        for name, when in self.conditions.items():
            for other in (name, *when):
                if other not in self.dimensions:
                    known = "It is fixed: leave the condition out." if other in self.fixed else ""
                    raise BadSpace(
                        f"Conditions of a Space must be about what it searches, got {other!r}. "
                        f"{known or nearest(other, self.dimensions)}"
                    )
            for parent, values in when.items():
                dimension = self.dimensions[parent]
                if not isinstance(dimension, Choice | Integer):
                    raise BadSpace(
                        f"The condition of {name!r} must be about a Choice or an Integer, got {parent!r} with "
                        f"{dimension}: no value of it is met exactly. Search a Choice in its place."
                    )
                wrong = [value for value in values if not dimension.holds(value)]
                if wrong or not values:
                    raise BadSpace(
                        f"The condition of {name!r} must name values that {parent!r} can have, got "
                        f"{repr(wrong[0]) if wrong else 'none'} for {dimension}."
                    )
        if len(self.order) < len(self.dimensions):
            circle = sorted(set(self.dimensions) - set(self.order))
            raise BadSpace(f"Conditions must not depend on each other in a circle, got one among {circle}. Drop one.")

    @functools.cached_property
    def order(self) -> tuple[str, ...]:
        """The names, each behind those on which its condition depends; without conditions as they were given."""
        placed: dict[str, None] = {}
        for _ in self.dimensions:
            for name in self.dimensions:
                if all(parent in placed for parent in self.conditions.get(name, ())):
                    placed.setdefault(name)
        return tuple(placed)

    @functools.cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """What Optuna calls the dimensions, by name."""
        return {name: dimension.distribution() for name, dimension in self.dimensions.items()}

    def __getitem__(self, name: str) -> Dimension:
        return self.dimensions[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.dimensions)

    def __len__(self) -> int:
        return len(self.dimensions)

    def is_active(self, name: str, values: Mapping[str, Any]) -> bool:
        """Whether a setting is searched where others have these values."""
        return all(
            parent in values and values[parent] in allowed for parent, allowed in self.conditions.get(name, {}).items()
        )

    def point(self, places: Mapping[str, float]) -> Point:
        """The point at these places, each in [0, 1]; a setting whose condition does not hold is left out."""
        point: Point = {}
        for name in self.order:
            if self.is_active(name, point):
                point[name] = self[name].at(places[name])
        return {name: point[name] for name in self if name in point}

    def places(self, point: Mapping[str, Any]) -> dict[str, float]:
        """The place in [0, 1] of every value of a point on its scale; values outside are moved to the edge."""
        return {name: self[name].place(point[name]) for name in self if name in point}

    def active(self, values: Mapping[str, Any]) -> Point:
        """Those of the values that are searched under their conditions."""
        point: Point = {}
        for name in self.order:
            if name in values and self.is_active(name, point):
                point[name] = values[name]
        return {name: point[name] for name in self if name in point}

    def check_settings(self) -> None:
        """Make sure that all names are settings of a `Config`.

        Raises:
            BadSpace: an unknown name; the nearest is suggested.
        """
        for name in itertools.chain(self, self.fixed):
            if name not in SETTINGS:
                raise BadSpace(
                    f"A Space searches settings of Config, layers and units, got {name!r}. {nearest(name, SETTINGS)}"
                )

    def config(self, values: Mapping[str, Any], base: Config) -> Config:
        """`base` with the fixed settings, and the searched ones changed to `values`.

        What a network cannot have beside the others is left out: a decay rate without decay, layer norm beside batch
        norm, normalisation without hidden layers, an end behind the last epoch.
        """
        return config_of(self.fixed | dict(values), base)

    def values_of(self, config: Config) -> dict[str, Any]:
        """A config's values of the searched settings, and of `layers` and `units`.

        A value that it has by rule is given as the number it is: learning rate, beta2, decay rate.
        """
        own = {name: value_of(config, name) for name in dict.fromkeys(("layers", "units", *self))}
        return {name: value for name, value in own.items() if name not in self or self.is_active(name, own)}


def _items(what: str, given: Any) -> Iterable[tuple[str, Any]]:
    """Names and values of a mapping."""
    if not isinstance(given, Mapping) or not all(isinstance(name, str) and name for name in given):
        raise BadSpace(
            f"Space needs {what} by name, got {given!r}. For example "
            "Space({'learning_rate': LogUniform(1e-4, 1e-1)})."
        )
    return given.items()


def _check_one(name: str, value: Any) -> None:
    """Make sure that what is given for a setting is a dimension or a plain value."""
    if isinstance(value, BaseDistribution):
        raise BadSpace(
            f"Space needs dimensions of caviar, got {value} of Optuna for {name!r}. Give all of Optuna's distributions "
            "as a dictionary in place of the Space."
        )
    if isinstance(value, type) and issubclass(value, Dimension):
        raise BadSpace(f"Space needs a dimension for {name!r}, got its class {value.__name__}. Give it its range.")
    if isinstance(value, list | dict | set | frozenset | range | np.ndarray) or hasattr(value, "rvs"):
        raise BadSpace(
            f"Space needs a dimension or one value for {name!r}, got {value!r}. Use Choice(...) with the options one "
            "by one, Uniform, LogUniform, OneMinusLogUniform or Integer; one value per layer is a tuple."
        )


def _values(given: Any) -> tuple[Any, ...]:
    """The values of a condition; one alone need not be in brackets."""
    return tuple(given) if isinstance(given, tuple | list | set | frozenset | range) else (given,)
