"""Low-discrepancy points: one sequence that fills the space more evenly than random points, over all generations."""

import dataclasses
from typing import Literal

import numpy as np
from scipy.stats import qmc

from caviar.tuning.proposals.propose import Proposal, Request, anywhere, drawn_together

Sequence = Literal["sobol", "halton"]


@dataclasses.dataclass(frozen=True)
class LowDiscrepancy:
    """The points of a scrambled sequence; each generation takes the next ones.

    Every dimension has its own place in the sequence, also where its condition does not hold. Points that share a
    program copy what it is compiled for from the first ones of their generation, and are spread evenly in everything
    else; those that may not be tried are drawn at random in their stead.

    Attributes:
        sequence: sobol | halton.

    Source: Sobol 1967, scrambled as in Owen 1998; Bergstra & Bengio 2012, section 5, for hyperparameters.
    """

    sequence: Sequence = "sobol"

    @property
    def ahead(self) -> bool:
        """Its points do not depend on how others did; nothing would be gained."""
        return False

    def __call__(self, request: Request) -> Proposal:
        """The next points of the sequence."""
        places = places_of(self.sequence, len(request.space), request.seed, request.proposed, request.n)
        points = [request.space.point(dict(zip(request.space, row, strict=True))) for row in places.tolist()]
        return Proposal(drawn_together(request, anywhere(request.space), points))


def places_of(sequence: Sequence, dimensions: int, seed: int, start: int, n: int) -> np.ndarray:
    """Points `start` to `start + n` of a scrambled sequence, shape (n, dimensions), in [0, 1)."""
    engine = (qmc.Sobol if sequence == "sobol" else qmc.Halton)(
        dimensions, scramble=True, rng=np.random.default_rng([seed, 5])
    )
    if start:
        engine.fast_forward(start)
        return engine.random(n)
    return engine.random(1 << (n - 1).bit_length())[:n]
