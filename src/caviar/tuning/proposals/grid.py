"""The grid: every combination of a few values per setting. It is there to compare with.

Source: course section 6: a grid of 25 points tries 5 learning rates, 25 random points try 25.
"""

import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping

from caviar.tuning.proposals.propose import Proposal, Request
from caviar.tuning.spaces.course_order import IMPORTANCE
from caviar.tuning.spaces.dimensions import Dimension
from caviar.tuning.spaces.space import Point, Space


@dataclasses.dataclass(frozen=True)
class Grid:
    """All combinations of a few values of every setting, as many as there are trials for.

    One axis after the other gets one value more, the one with the fewest first and among those the one that matters
    most (`IMPORTANCE`), as long as the whole grid has no more points than the search may try. The values of an axis are
    the middles of equal parts of its scale: two learning rates in [1e-4, 1] are 1e-3 and 0.1. An axis with one value
    has the middle of its scale.

    What a program is compiled for changes slowest, so that a generation needs few programs.
    """

    @property
    def ahead(self) -> bool:
        """Its points do not depend on how others did; nothing would be gained."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The next points of the grid; none where all have been tried."""
        total = request.proposed + (request.of or request.n)
        points = grid_points(request.space, total, request.together.decides)
        allowed = (point for point in points if request.together.allowed(point))
        return Proposal(list(itertools.islice(allowed, request.proposed, request.proposed + request.n)))


def grid_points(space: Space, most: int, slow: tuple[str, ...] = ()) -> Iterator[Point]:
    """The grid of a space with at most so many points; combinations that a condition makes equal are there once.

    Args:
        space: what is searched.
        most: points, at least 1.
        slow: settings that change slowest.
    """
    levels = grid_levels(space, most)
    changing = [name for name in slow if name in space] + [name for name in space if name not in slow]
    axes = [[space[name].at((i + 0.5) / levels[name]) for i in range(levels[name])] for name in changing]
    for values in itertools.product(*axes):
        point = dict(zip(changing, values, strict=True))
        if not space.conditions:
            yield {name: point[name] for name in space}
            continue
        active = space.active(point)
        # Of the combinations that differ in what is left out, the one with the first values stands for all.
        if all(name in active or point[name] == axis[0] for name, axis in zip(changing, axes, strict=True)):
            yield active


def grid_levels(space: Mapping[str, Dimension], most: int) -> dict[str, int]:
    """How many values each axis of the grid has."""
    levels = dict.fromkeys(space, 1)
    rank = {name: IMPORTANCE.index(name) if name in IMPORTANCE else len(IMPORTANCE) for name in space}
    room = {name: dimension.levels or most for name, dimension in space.items()}
    open_ = [name for name in space if room[name] > 1]
    while open_:
        name = min(open_, key=lambda one: (levels[one], rank[one]))
        if math.prod(levels.values()) // levels[name] * (levels[name] + 1) > most or levels[name] == room[name]:
            open_.remove(name)
        else:
            levels[name] += 1
    return levels
