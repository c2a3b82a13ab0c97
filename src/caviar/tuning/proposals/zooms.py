"""Zooms in words: what a person wants to read of a region that is searched more densely."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from caviar.tuning.proposals.propose import Request, Zoom
from caviar.tuning.proposals.regions import NARROWED, Box, Region
from caviar.tuning.spaces.dimensions import Choice, Dimension
from caviar.tuning.spaces.space import Space


def zoom(request: Request, region: Region, of: int, regions: int, relevance: Mapping[str, float]) -> Zoom:
    """What is written down of a region.

    Args:
        request: what was asked.
        region: from which points were drawn.
        of: good points in all regions.
        regions: how many there are.
        relevance: by setting, how much it matters.
    """
    space, boxes = request.space, region.boxes
    part: dict[str, tuple[Any, ...]] = {}
    for name, dimension in space.items():
        box = boxes[name]
        if isinstance(dimension, Choice):
            had = {point[name] for point in region.points if name in point}
            part[name] = tuple(option for option in dimension.options if not had or option in had)
        else:
            part[name] = (dimension.at(box.low), dimension.at(box.high))
    return Zoom(request.generation, len(region.points), part, _reason(request, region, of, regions, relevance))


def _reason(request: Request, region: Region, of: int, regions: int, relevance: Mapping[str, float]) -> str:
    """Why this region: whose points lie there, what narrowed, what was widened, what lies at the edge of the space."""
    space, boxes = request.space, region.boxes
    numbers = [name for name, dimension in space.items() if not isinstance(dimension, Choice)]
    good = f"the best {of} of {len(request.tried)} points lie here"
    if regions > 1:
        good = f"{len(region.points)} of the best {of} of {len(request.tried)} points lie here, apart from the others"
    parts = [good]
    narrowed = sorted((name for name in numbers if boxes[name].width < NARROWED), key=lambda name: boxes[name].width)
    if narrowed:
        parts.append("narrowed most: " + ", ".join(_range(space, name, boxes[name]) for name in narrowed[:2]))
    favoured = [_favoured(name, dimension, boxes[name]) for name, dimension in space.items()]
    parts += [one for one in favoured if one][:2]
    matters = sorted(numbers, key=lambda name: -relevance[name])[:3]
    for name in matters:
        box = boxes[name]
        if box.at_end:
            parts.append(
                f"the best {name} lies at the {'lower' if box.at_end == 'low' else 'upper'} edge of the space: beyond "
                "it may be better"
            )
        elif box.widened:
            side = "downwards" if box.widened == "down" else "upwards"
            parts.append(f"{name} is widened {side}, since the best lies on that edge")
    return "; ".join(parts)


def _range(space: Space, name: str, box: Box) -> str:
    low, high = space[name].at(box.low), space[name].at(box.high)
    return f"{name} {low:.3g} to {high:.3g}"


def _favoured(name: str, dimension: Dimension, box: Box) -> str:
    """An option that most good points have, where there is one."""
    if not isinstance(dimension, Choice) or len(dimension.options) < 2:
        return ""
    largest = int(np.argmax(box.weights))
    return f"{name} mostly {dimension.options[largest]}" if box.weights[largest] > 0.7 else ""
