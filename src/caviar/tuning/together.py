"""Which points of networks share a compiled program: what lets a generation cost a few compilations only.

What must be compiled (layers, width class, mini-batch, batch norm, kind of activation) is proposed for a few leaders
and copied by the others; everything else is proposed for each.
"""

from collections.abc import Callable, Sequence

import numpy as np

from caviar.network.config import Config
from caviar.training.plan import same_class
from caviar.tuning.propose import Together
from caviar.tuning.space import Point, Space

DECIDES_PROGRAM = ("layers", "units", "batch_size", "batch_norm", "activation")
"""Settings that a compiled program is made for; `units` by its width class."""

BY_CLASS = ("units",)
"""Those of them of which a program has room for several values."""

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
        most: programs that the time allows, those of `given` among them; None does not count it.
        given: points that are trained beside those that are proposed.
        allowed: whether a config may be tried; None: all may.
    """

    def follow(point: Point, leader: Point, stream: np.random.Generator) -> Point:
        own = dict(point)
        for name in DECIDES_PROGRAM:
            own.pop(name, None)
            if name in leader:
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

    decides = tuple(name for name in DECIDES_PROGRAM if name in space)

    def may(point: Point) -> bool:
        return allowed is None or allowed(space.config(point, around))

    inside = (point for point in given if all(name in point and space[name].holds(point[name]) for name in decides))
    lead = tuple({name: point[name] for name in decides} for point in inside)
    leaders = LEADERS if first else LEADERS_LATER
    if most is not None:
        leaders = max(1, min(leaders, most - len(lead)))
    return Together(leaders, follow, may, decides, lead)


def apart() -> Together:
    """No point follows another: for functions of one's own."""
    return Together(1 << 30, lambda point, _leader, _stream: point, lambda _: True)
