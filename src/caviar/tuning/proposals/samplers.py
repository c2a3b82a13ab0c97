"""Any of Optuna's samplers as a proposer: asked for a whole list at a time, from a study in memory that mirrors ours.

The mirror is built anew for every generation and its sampler newly seeded, so that what is proposed follows from what
was tried and nothing else. What a sampler takes grows with the trials that it sees: it is told of at most
`Sampled.most`, a quarter of them the best, the others the latest.
"""

import copy
import dataclasses
import json
from collections.abc import Callable, Sequence
from typing import Literal

import optuna
from optuna.samplers import BaseSampler, CmaEsSampler, GridSampler, QMCSampler

from caviar.errors import BadSpace
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.mirror import Mirror
from caviar.tuning.proposals.propose import REDRAWS, Known, Proposal, Proposer, Request, Tried, anywhere, stream_of
from caviar.tuning.spaces.space import Point

SamplerName = Literal["tpe", "gp", "cma", "nsga2", "nsga3"]

MOST = 400
"""Trials that a sampler is told of."""

_MOST_GP = 200
"""The same of a Gaussian process, whose cost grows with their cube."""

_BEST_SHARE = 4
"""One in so many of them is there because it is good, the others because they are the latest."""

_ASKED_AGAIN = 5
"""Times that a sampler is asked for another point where its own is not allowed or was tried before."""


@dataclasses.dataclass(frozen=True)
class Sampled:
    """Points by one of Optuna's samplers.

    The leaders of a generation are asked freely; for the others, what a program is compiled for is fixed to what their
    leader has (`PartialFixedSampler`). Conditional settings are asked for where their condition holds.

    Attributes:
        make: makes the sampler from a seed.
        name: says which sampler it is, with all that its points follow from.
        most: trials that it is told of.
    """

    make: Callable[[int], BaseSampler] = dataclasses.field(repr=False, compare=False)
    name: str
    most: int = MOST

    @property
    def ahead(self) -> bool:
        """It proposes a generation while the one before it trains."""
        return True

    def __call__(self, request: Request) -> Proposal:
        """As many points as are wanted; a point that is not allowed in spite of all asking is drawn at random."""
        stream = stream_of(request)
        mirror = Mirror(request.space, told(request.tried, self.most), self.make(int(stream.integers(1 << 31))))
        together, known, points = request.together, Known(request), list[Point]()
        for number in range(request.n):
            leader = together.leader_of(number, points)

            def drawn(attempt: int, leader: Point | None = leader) -> Point:
                asks = attempt < _ASKED_AGAIN
                point = mirror.ask(leader, together.decides) if asks else anywhere(request.space)(stream)
                return point if leader is None else together.follow(point, leader, stream)

            tries = [drawn(0)]
            while not (together.allowed(tries[-1]) and tries[-1] not in known) and len(tries) < REDRAWS:
                tries.append(drawn(len(tries)))
            point = tries[-1]
            known.add(point)
            mirror.add(point)
            points.append(point)
        return Proposal(points)


def told(tried: Sequence[Tried], most: int) -> list[Tried]:
    """The trials that a sampler is told of, in their order: a quarter the best, the others the latest."""
    if len(tried) <= most:
        return list(tried)
    best = sorted(range(len(tried)), key=lambda i: (not tried[i].complete, tried[i].criterion))[: most // _BEST_SHARE]
    kept = set(best)
    for i in reversed(range(len(tried))):
        if len(kept) == most:
            break
        kept.add(i)
    return [tried[i] for i in sorted(kept)]


def sampled(word: SamplerName) -> Sampled:
    """One of Optuna's samplers by a word, with its own defaults.

    Raises:
        ImportError: it needs a package that is not installed.
    """
    match word:
        case "tpe":
            return Sampled(lambda seed: optuna.samplers.TPESampler(seed=seed), "tpe")
        case "gp":
            _needs("torch", "Proposals by a Gaussian process need PyTorch: pip install torch")
            return Sampled(
                lambda seed: optuna.samplers.GPSampler(seed=seed, warn_independent_sampling=False), "gp", _MOST_GP
            )
        case "cma":
            _needs("cmaes", "Proposals by CMA-ES need its package: pip install cmaes")
            return Sampled(lambda seed: CmaEsSampler(seed=seed, warn_independent_sampling=False), "cma")
        case "nsga2":
            return Sampled(lambda seed: optuna.samplers.NSGAIISampler(seed=seed), "nsga2")
        case "nsga3":
            return Sampled(lambda seed: optuna.samplers.NSGAIIISampler(seed=seed), "nsga3")


def _needs(package: str, message: str) -> None:
    try:
        __import__(package)
    except ImportError as error:
        raise ImportError(message) from error


def by_sampler(sampler: BaseSampler) -> Proposer:
    """A proposer that asks a sampler that somebody made; its own random numbers are seeded anew.

    Raises:
        BadSpace: a sampler of grids, which reads its place from a study that it has made itself.
    """
    if isinstance(sampler, GridSampler):
        raise BadSpace("Proposals must come from a sampler of one's choice or 'grid', got GridSampler. Give 'grid'.")
    if isinstance(sampler, QMCSampler):  # it reads its place in the sequence from the study, too
        return LowDiscrepancy("halton" if sampler._qmc_type == "halton" else "sobol")
    most = _MOST_GP if type(sampler).__name__ == "GPSampler" else MOST
    return Sampled(lambda seed: _reseeded(sampler, seed), _name(sampler), most)


def _reseeded(sampler: BaseSampler, seed: int) -> BaseSampler:
    """A copy whose random numbers, and those of the samplers it asks itself, start from a seed."""
    own = copy.deepcopy(sampler)
    waiting, seen = [own], set()
    while waiting:
        one = waiting.pop()
        if id(one) in seen:
            continue
        seen.add(id(one))
        for value in getattr(one, "__dict__", {}).values():
            if type(value).__name__ == "LazyRandomState":
                seed += 1
                value.rng.seed(seed % (1 << 32))
            elif isinstance(value, BaseSampler) or type(value).__module__.startswith("optuna.samplers"):
                waiting.append(value)
    return own


def _name(sampler: BaseSampler) -> str:
    """Kind and plain settings of a sampler, its seed left out: it gets others."""
    plain = {
        name.lstrip("_"): value
        for name, value in sorted(vars(sampler).items())
        if isinstance(value, (bool, int, float, str)) and "seed" not in name
    }
    return f"{type(sampler).__name__}({json.dumps(plain)[1:-1]})"
