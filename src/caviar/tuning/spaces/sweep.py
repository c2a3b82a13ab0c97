"""`Sweep`: a search as a file asks for it - the space, and what else the file says."""

import dataclasses
from typing import Literal

from caviar.tuning.rungs import Rungs
from caviar.tuning.spaces.space import Space


@dataclasses.dataclass(frozen=True)
class Sweep:
    """A search as a file asks for it; what the file does not say is None.

    Attributes:
        space: what is searched.
        proposals: who proposes points, a word of `tune`.
        direction: of the metric.
        metric: its name in the program of whoever wrote the file.
        rungs: where trials are stopped early.
        trials: most of them.
        said: what could not be taken over as it was, a sentence each.
    """

    space: Space
    proposals: str | None = None
    direction: Literal["minimize", "maximize"] | None = None
    metric: str | None = None
    rungs: Rungs | None = None
    trials: int | None = None
    said: tuple[str, ...] = ()
