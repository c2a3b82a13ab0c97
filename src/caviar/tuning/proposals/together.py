"""Which points of networks share a compiled program: what lets a generation cost a few compilations only.

What must be compiled (layers, width class, mini-batch, batch norm, activation, whether there is dropout, ...) is
proposed for a few leaders and copied by the others; everything else is proposed for each.
"""

from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Any

import numpy as np

from caviar.network.config import Config
from caviar.training.plan import same_class
from caviar.tuning.proposals.propose import Together
from caviar.tuning.spaces.space import Point, Space

DECIDES_PROGRAM = (
    *("layers", "units", "batch_size", "batch_norm", "layer_norm", "activation", "output", "loss", "class_weight"),
    *("augment", "filters", "kernel_size", "stride", "pooling", "global_pooling", "residual", "precision"),
)
"""Settings that a compiled program is made for; `units` by its width class."""

BY_CLASS = ("units",)
"""Those of them of which a program has room for several values."""

SWITCHES: Mapping[str, Any] = {
    **{"dropout": 0, "input_noise": 0, "mixup": 0},
    **{"clip_norm": None, "clip_value": None, "max_norm": None, "average_weights": None},
}
"""Settings that a program is made with or without, and the value that is without."""

LEADERS, LEADERS_LATER = 3, 2
"""Programs in the first generation and in every later one, at most: each costs seconds to compile."""


def together_in_programs(
    space: Space,
    around: Config,
    *,
    first: bool,
    most: int | None = None,
    given: Sequence[Point] = (),
    allowed: Callable[[Config], bool] | None = None,
) -> Together:
    """How the points of a generation of networks share programs.

    Args:
        space: what is searched.
        around: the settings that are not searched.
        first: whether it is the first generation.
        most: programs that the time allows to compile, those of `given` among them; None does not count it.
        given: points that are trained beside those that are proposed.
        allowed: whether a config may be tried; None: all may.
    """
    decides = tuple(name for name in DECIDES_PROGRAM if name in space)
    switches = {name: off for name, off in SWITCHES.items() if name in space}

    def follow(point: Point, leader: Point, stream: np.random.Generator) -> Point:
        own = dict(point)
        for name in decides:
            own.pop(name, None)
            if name in leader:
                own[name] = leader[name]
        for name, off in switches.items():
            if name in own and name in leader and (own[name] == off) != (leader[name] == off):
                own[name] = leader[name]
        if "units" in leader:
            low, high = same_class(leader["units"])
            if not low <= point.get("units", 0) <= high:
                dimension = space["units"]
                start, end = dimension.place(low), dimension.place(high)
                own["units"] = min(high, max(low, dimension.at(start + stream.random() * (end - start))))
            else:
                own["units"] = point["units"]
        return space.active(own)

    def program(point: Point) -> Hashable:
        made_for = {name: point.get(name) for name in decides}
        if point.get("units"):
            made_for["units"] = same_class(point["units"])
        return (*made_for.items(), *(name for name, off in switches.items() if point.get(name, off) != off))

    def may(point: Point) -> bool:
        return allowed is None or allowed(space.config(point, around))

    needed = (*decides, *switches)
    inside = (point for point in given if all(name in point and space[name].holds(point[name]) for name in needed))
    lead = tuple({name: point[name] for name in needed} for point in inside)
    programs = LEADERS if first else LEADERS_LATER
    new = programs if most is None else max(0, min(programs, most - len(lead)))
    return Together(max(1, new), follow, may, decides, switches, lead, program, new, programs - new)


def apart() -> Together:
    """No point follows another: for functions of one's own."""
    return Together(1 << 30, lambda point, _leader, _stream: point, lambda _: True)
