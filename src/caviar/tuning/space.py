"""`Space`: which settings are searched, on which scales, and under which conditions.

A *point* is one value for every setting that is searched under its conditions. Settings that are the same everywhere
are fixed values, and no part of a point.

Source: course section 6; Bergstra & Bengio 2012.
"""

import dataclasses
import functools
import itertools
from collections.abc import Iterator, Mapping
from typing import Any

from caviar.errors import BadSpace, nearest
from caviar.network.config import DECAYING, Config
from caviar.remedies.remedy import with_layers
from caviar.tuning.dimensions import Dimension

Point = dict[str, Any]
"""A value for every setting that is searched."""

_NOT_SEARCHED = ("hidden_units", "rows", "seed")
SETTINGS = ("layers", "units", *(f.name for f in dataclasses.fields(Config) if f.name not in _NOT_SEARCHED))
"""What may be searched of a `Config`: its fields, and `layers` and `units` in place of `hidden_units`."""


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
        BadSpace: no dimensions, or conditions that name what is not searched, or each other in a circle.
    """

    dimensions: dict[str, Dimension]
    conditions: dict[str, dict[str, tuple[Any, ...]]] = dataclasses.field(default_factory=dict)
    fixed: dict[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        searched = {name: one for name, one in self.dimensions.items() if isinstance(one, Dimension)}
        fixed = {name: one for name, one in self.dimensions.items() if name not in searched}
        object.__setattr__(self, "dimensions", searched)
        object.__setattr__(self, "fixed", dict(self.fixed) | fixed)
        if not searched:
            raise BadSpace(
                "A Space needs at least one dimension, got none. For example "
                "Space({'learning_rate': LogUniform(1e-4, 1e-1)})."
            )
        conditions = {
            name: {parent: (values if isinstance(values, tuple) else tuple(values)) for parent, values in when.items()}
            for name, when in self.conditions.items()
        }
        object.__setattr__(self, "conditions", conditions)
        self._check_conditions()

    def _check_conditions(self) -> None:
        for name, when in self.conditions.items():
            for other in (name, *when):
                if other not in self.dimensions:
                    raise BadSpace(
                        f"Conditions of a Space must be about what it searches, got {other!r}. "
                        f"{nearest(other, self.dimensions)}"
                    )
            for parent, values in when.items():
                wrong = [value for value in values if not self.dimensions[parent].holds(value)]
                if wrong or not values:
                    raise BadSpace(
                        f"The condition of {name!r} must name values that {parent!r} can have, got "
                        f"{wrong[0] if wrong else 'none'!r} for {self.dimensions[parent]}."
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
        """`base` with the fixed settings, and the searched ones changed to `values`."""
        values = self.fixed | dict(values)
        settings = {name: value for name, value in values.items() if name not in ("layers", "units")}
        if "epochs" in settings:
            settings["stop_after"] = None
        if settings.get("schedule", base.schedule) not in DECAYING:
            settings["decay_rate"] = None
        if "batch_norm" in settings:  # it takes the place of layer norm; without it there are no statistics
            settings |= {"layer_norm": False} if settings["batch_norm"] else {"norm_statistics": "moving"}
        if "learning_rate" in settings and "schedule" not in settings:
            base = base.at_rate(settings["learning_rate"])
        if "layers" in values or "units" in values:
            own = self.values_of(base)
            layers, units = values.get("layers", own["layers"]), values.get("units", own["units"])
            settings = with_layers(base, (units,) * layers) | settings
        return base.changed(**settings)

    def values_of(self, config: Config) -> dict[str, Any]:
        """A config's values of the searched settings, and of `layers` and `units`."""
        own: dict[str, Any] = {"layers": len(config.hidden_units), "units": max(config.hidden_units, default=1)}
        for name in self:
            if name not in own:
                value = getattr(config, name)
                own[name] = config.rate if name == "learning_rate" else value
        return own
