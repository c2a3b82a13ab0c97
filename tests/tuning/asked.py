"""Requests without training: what a proposer is asked, and a criterion that is a formula."""

from collections.abc import Callable, Sequence

from caviar.network.config import Config
from caviar.tuning.proposals.propose import Proposal, Proposer, Request, Together, Tried
from caviar.tuning.proposals.together import apart, together_in_programs
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Point, Space

SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1),
        "beta1": OneMinusLogUniform(0.5, 0.999),
        "units": Integer(4, 256, log=True),
        "layers": Integer(1, 3),
        "batch_size": Choice(32, 64),
        "dropout": Uniform(0, 0.8),
        "schedule": Choice("constant", "exponential", "cosine"),
        "decay_rate": OneMinusLogUniform(0.5, 0.99),
        "activation": Choice("relu", "tanh"),
    },
    {"decay_rate": {"schedule": ("exponential",)}},
)
"""Every kind of dimension, a condition, and what decides programs."""


def badness(point: Point) -> float:
    """Squared distance on the scales from rate 0.01 and dropout 0.2; tanh and ReLU differ a little."""
    apart = sum(
        (SPACE[n].place(point[n]) - SPACE[n].place(v)) ** 2 for n, v in {"learning_rate": 0.01, "dropout": 0.2}.items()
    )
    return apart + 0.05 * (point["activation"] == "tanh")


def programs(generation: int, space: Space = SPACE, allowed: Callable[[Config], bool] | None = None) -> Together:
    """How networks share programs."""
    return together_in_programs(space, Config(epochs=9), first=generation == 0, allowed=allowed)


def request(
    tried: Sequence[Tried] = (),
    *,
    space: Space = SPACE,
    n: int = 8,
    generation: int = 0,
    seed: int = 0,
    together: Together | None = None,
    of: int = 0,
    proposed: int | None = None,
) -> Request:
    """What is asked of a generation; without `together` of one whose points share nothing."""
    before = len(tried) if proposed is None else proposed
    return Request(space, tried, n, generation, seed, together or apart(), of or n, before)


def tried_of(points: Sequence[Point], judge: Callable[[Point], float] = badness, noise: float = 0.0) -> list[Tried]:
    """Points as a proposer sees them when they are judged."""
    return [Tried(point, judge(point), noise, True, (judge(point),)) for point in points]


def searched(
    proposer: Proposer,
    generations: int,
    *,
    n: int = 8,
    space: Space = SPACE,
    judge: Callable[[Point], float] = badness,
    seed: int = 0,
    share: bool = False,
) -> tuple[list[Tried], list[Proposal]]:
    """A whole search: the trials and what was proposed for each generation."""
    tried: list[Tried] = []
    proposals = []
    for generation in range(generations):
        together = programs(generation, space) if share else None
        asked = request(
            tried,
            space=space,
            n=n,
            generation=generation,
            seed=seed,
            together=together,
            of=generations * n - len(tried),
        )
        proposals.append(proposer(asked))
        tried = tried + tried_of(proposals[-1].points, judge)
    return tried, proposals
