"""A space of networks: what a `Config` demands of it, checked before anything is trained."""

import itertools
from typing import Any

from caviar.errors import BadConfig, BadSpace
from caviar.network.config import Config
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer
from caviar.tuning.spaces.settings import OF_CONVOLUTIONS, OF_HIDDEN_LAYERS, READ_WITH, value_of
from caviar.tuning.spaces.space import Space


def for_networks(space: Space, base: Config) -> Space:
    """The same space with the conditions that a `Config` imposes on what is searched.

    A setting that is read only beside certain values of another one is searched only there: decay_rate with a schedule
    that decays, momentum with an optimiser that has it, dropout where there are hidden layers.

    Args:
        space: what is to be searched.
        base: the settings that are not.

    Raises:
        BadSpace: a name that is no setting (the nearest is suggested), a setting that no point reads, or values that no
            Config has.
    """
    space.check_settings()
    conditions = {name: dict(space.conditions.get(name, {})) | _imposed(space, name, base) for name in space}
    whole = Space(dict(space.dimensions), conditions, space.fixed)
    _check_points(whole, base)
    return whole


def _imposed(space: Space, name: str, base: Config) -> dict[str, tuple[Any, ...]]:
    """The conditions of one setting, those that are given narrowed to what is read."""
    conditions: dict[str, tuple[Any, ...]] = {}
    given = space.conditions.get(name, {})
    for parent, wanted in READ_WITH.get(name, {}).items():
        dimension = space.get(parent)
        options = _values(dimension) if parent in space else (space.fixed.get(parent, value_of(base, parent)),)
        options = given.get(parent, options)
        met = tuple(option for option in options if option in wanted)
        if not met:
            raise BadSpace(
                f"Space.{name} is read only with {parent} in {wanted}, got {parent} in {options}. Search or fix "
                f"{parent} there, or leave {name} out."
            )
        if parent in space and len(met) < len(_values(dimension)):
            conditions[parent] = met
    if name in OF_CONVOLUTIONS and not (base.filters or "filters" in space.fixed):
        raise BadSpace(
            f"Space.{name} is read only by convolutions, got a config without filters. Give one with filters, or leave "
            f"{name} out."
        )
    layers = _values(space.get("layers"))
    if name in OF_HIDDEN_LAYERS and 0 in layers and not base.filters and "layers" not in given:
        conditions["layers"] = tuple(n for n in layers if n)
    return conditions


def _values(dimension: Dimension | None) -> tuple[Any, ...]:
    """All values of a Choice or an Integer."""
    if isinstance(dimension, Integer):
        return tuple(range(dimension.low, dimension.high + 1, dimension.step))
    return dimension.options if isinstance(dimension, Choice) else ()


def _check_points(space: Space, base: Config) -> None:
    """Build the configs of every pair of ends and options: values contradict each other in pairs."""
    ends = {
        name: [one.place(option) for option in one.options] if isinstance(one, Choice) else [0.0, 1.0]
        for name, one in space.items()
    }
    usual = {name: places[0] for name, places in ends.items()}
    pairs = itertools.combinations(space, 2) if len(space) > 1 else [(name, name) for name in space]
    for one, other in pairs:
        for here, there in itertools.product(ends[one], ends[other]):
            point = space.point(usual | {one: here, other: there})
            try:
                space.config(point, base)
            except BadConfig as error:
                raise BadSpace(f"Every point of a Space must be a Config, but {point} is not: {error}") from None
