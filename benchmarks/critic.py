"""The critic of the space on made-up problems: how often it is wrong on clean spaces, and finds planted faults.

    python benchmarks/critic.py [--runs 100] [--trials 64] [--seed 0] [CASE ...]

A problem has six settings of a network, drawn anew in every run: a bowl over the place of each, one product of two of
them, a cliff at high learning rates as networks have it, and noise of a tenth of the standard deviation below the
cliff. It is searched coarse to fine (the grid by a grid). What is true is computed from the formula: total indices of
the ranks by quasi-Monte-Carlo, and where the bowls' lowest points lie.

A remark is wrong when it says of an edge that is none, of an effect below a tenth that it is larger, names a scale that
is right, or an order that is not so.
"""

import argparse
import dataclasses
import math
import time
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import qmc

from caviar.arrays import Numbers
from caviar.tuning.critic.critic import LITTLE, Remark, criticise
from caviar.tuning.critic.surrogate import ranks
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.grid import Grid
from caviar.tuning.proposals.propose import Request, Tried
from caviar.tuning.proposals.together import apart
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.trials import Outcome, Trial

SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "momentum": OneMinusLogUniform(0.8, 0.995),
        "units": Integer(16, 256, log=True),
        "batch_size": Choice(32, 64, 128, 256),
        "l2": LogUniform(1e-4, 1.0),
        "dropout": Uniform(0.0, 0.6),
    }
)
CASES = ("clean", "edge", "log", "no_effect", "grid")
GRID = ("learning_rate", "units", "dropout")
"""What is searched by the grid: 64 points are four values of each."""

_CLIFF = 0.35
"""How far above its best place the learning rate diverges."""

_DIVERGED = 4.0
"""The value there."""


@dataclasses.dataclass(frozen=True)
class Problem:
    """A formula over places, shape (points, settings) -> values, and what is true of it."""

    space: Space
    value: Callable[[Numbers], Numbers]
    noise: float
    share: dict[str, float]
    best: dict[str, float]
    """Place of the lowest point of each bowl; outside [0, 1] where it lies beyond the range."""


def problem(case: str, stream: np.random.Generator) -> Problem:
    """One problem of a case; the planted fault is about the learning rate, but for what has no effect."""
    whole = Space({name: SPACE[name] for name in GRID}) if case == "grid" else SPACE
    names = list(whole)
    best = stream.uniform(0.25, 0.75, len(names))
    weights = np.concatenate([[1.6], stream.uniform(0.6, 1.2, len(names) - 1)])
    space = whole
    if case == "edge":
        best[0] = stream.choice([-0.1, 1.1])
    if case in ("no_effect", "grid"):
        weights[1 + stream.integers(len(names) - 1)] = 0.0
    if case == "log":
        # Searched evenly by a name of which nothing is known: only the good points can tell.
        space = Space({("x" if name == "learning_rate" else name): one for name, one in whole.items()})
        space = Space({**dict(space), "x": Uniform(0.0, 1.0)})
        best[0] = stream.uniform(0.3, 0.6)
    cliff = math.inf if case in ("edge", "log") else _CLIFF  # on an even scale nearly all would lie behind it
    product = stream.choice(len(names) - 1, 2, replace=False) + 1

    def value(places: Numbers) -> Numbers:
        u = places.copy()
        if case == "log":  # four powers of ten below 1
            u[:, 0] = np.clip(1 + np.log10(np.maximum(u[:, 0], 1e-9)) / 4, 0, 1)
        low = ((u - best) ** 2) @ weights + 0.3 * weights[product].prod() * np.prod(u[:, product] - 0.5, axis=1)
        return np.where(u[:, 0] > best[0] + cliff, _DIVERGED, low)

    design = qmc.Sobol(2 * len(names), rng=stream).random(2048)
    base, other = design[:, : len(names)], design[:, len(names) :]
    told = [value(base)]
    for column in range(len(names)):
        changed = base.copy()
        changed[:, column] = other[:, column]
        told.append(value(changed))
    ranked = ranks(list(np.concatenate(told))).reshape(len(told), -1)
    total = ((ranked[1:] - ranked[0]) ** 2).mean(axis=1)
    return Problem(
        space,
        value,
        0.1 * float(np.std(told[0][told[0] < _DIVERGED])),
        dict(zip(space, total / total.sum(), strict=True)),
        dict(zip(space, best, strict=True)),
    )


def searched(of: Problem, case: str, trials: int, seed: int) -> list[Trial]:
    """The trials of a search."""
    stream, tried = np.random.default_rng([seed, 1]), []
    propose = Grid() if case == "grid" else CoarseToFine()
    generation = 0
    while len(tried) < trials:
        size = min(trials - len(tried), max(8, trials // 4))
        points = propose(Request(of.space, tried, size, generation, seed, apart(), trials - len(tried))).points
        if not points:
            break
        places = np.array([[of.space[name].place(point[name]) for name in of.space] for point in points])
        values = of.value(places) + of.noise * stream.normal(size=len(points))
        tried += [Tried(point, float(v), of.noise, True) for point, v in zip(points, values, strict=True)]
        generation += 1
    return [
        Trial(n, 0, n, one.point, None, Outcome("complete", (one.criterion,), one.criterion))
        for n, one in enumerate(tried)
    ]


def is_wrong(remark: Remark, of: Problem, case: str) -> bool:
    """Whether a remark says what is not so."""
    name = remark.setting
    match remark.name:
        case "edge":
            best = of.best[name]
            return (1 - best if remark.evidence["side"] == "upper" else best) > 0.15
        case "scale":
            return (case, name) != ("log", "x")
        case "no_effect" | "grid":
            return of.share[name] >= LITTLE
        case _:
            return of.share[name] <= of.share["learning_rate"]


def is_found(remarks: Sequence[Remark], of: Problem, case: str) -> bool:
    """Whether the planted fault is among the remarks."""
    wanted = {"edge": ("edge", "learning_rate"), "log": ("scale", "x")}
    if case in wanted:
        return any((one.name, one.setting) == wanted[case] for one in remarks)
    nothing = min(of.share, key=lambda name: of.share[name])
    return any(one.setting == nothing and one.name == case for one in remarks)


def figures(case: str, runs: int, trials: int, seed: int) -> str:
    """A row of the table."""
    wrong, found, inside, seconds = 0, 0, [], 0.0
    said: dict[str, int] = {}
    for run in range(runs):
        of = problem(case, np.random.default_rng([seed, run]))
        tried = searched(of, case, trials, seed + run)
        began = time.process_time()
        critique = criticise(of.space, tried)
        importances, remarks = critique.importance, critique.remarks
        seconds += time.process_time() - began
        for one in remarks:
            if is_wrong(one, of, case):
                said[one.name] = said.get(one.name, 0) + 1
        wrong += any(is_wrong(one, of, case) for one in remarks)
        found += case != "clean" and is_found(remarks, of, case)
        inside += [one.low - 0.01 <= of.share[one.name] <= one.high + 0.01 for one in importances]
    share = "-" if case == "clean" else f"{found / runs:.0%}"
    mistakes = f"{wrong / runs:.0%} {said or ''}"
    return f"| {case} | {runs} | {share} | {mistakes} | {np.mean(inside):.0%} | {seconds / runs:.1f} |"


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=CASES)
    parser.add_argument("--runs", type=int, default=100)
    parser.add_argument("--trials", type=int, default=64)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    print(
        f"{asked.trials} trials\n\n| planted | runs | found | runs with a wrong remark | intervals that hold | CPU s |"
    )
    print("|---|---|---|---|---|---|")
    for case in asked.cases:
        print(figures(case, asked.runs, asked.trials, asked.seed), flush=True)


if __name__ == "__main__":
    main()
