"""Do earlier studies on other data help a search? Regret with and without a warm start, each data set left out in turn.

    python benchmarks/warm_start.py TABLES [MORE_TABLES] --data FOLDER [--seeds 20] [--proposer coarse_to_fine]

The tables hold what many configs of one space reach on a data set (`search_tables.py`, `warm_start_tables.py`). An
earlier study is a search of 60 trials of another set's table; the search of the set that is left out starts with what
those of all the others tell. A proposed point is judged as the nearest config of the table that was not tried yet.
Regret is the loss of the best so far above the table's best, as a share of what lies between that and the table's
median. Two priors that should not help are tried as well: `shuffled` earlier studies, whose scores belong to other
(random) points, and `reversed` ones, whose best points were the worst.
"""

import argparse
import functools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy import stats

import search_tables
import warm_start_tables
from caviar.data.split import Split
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.propose import Proposer, RandomPoints, Request, Tried
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.spaces.space import Point, Space
from caviar.tuning.transfer.likeness import figures_of, likeness
from caviar.tuning.transfer.prior import Earlier, Prior, Warmed, earlier_study, encoded

TRIALS, GENERATION, AFTER = 40, 10, (10, 20, 40)
EARLIER_TRIALS = 60
PROPOSERS: dict[str, Proposer] = {"coarse_to_fine": CoarseToFine(), "random": RandomPoints()}
KINDS = ("warm", "shuffled", "reversed")


class Table:
    """What the configs of one data set reach."""

    def __init__(self, path: Path, split: Split) -> None:
        """Read a table; its data are needed for what they are like."""
        kept = dict(np.load(path))
        self.space: Space = search_tables.space_of(int(kept["train_rows"]), str(kept["task"]))  # type: ignore[arg-type]
        self.points = [self.space.point(dict(zip(self.space, u, strict=True))) for u in kept["places"]]
        self.x = encoded(self.space, self.points)
        self.criterion = kept["criterion"]
        self.noise = kept["noise"]
        self.like = figures_of(split)

    def regret(self, best: float) -> float:
        """The loss of the best so far, see above."""
        least = float(self.criterion.min())
        return (best - least) / (float(np.median(self.criterion)) - least)


def searched(table: Table, proposer: Proposer, seed: int, trials: int) -> list[int]:
    """The rows of the table that a search tries, in order."""
    left = np.ones(len(table.points), bool)
    order: list[int] = []
    generation = 0
    while len(order) < trials:
        tried = [Tried(table.points[i], float(table.criterion[i]), float(table.noise[i]), True) for i in order]
        together = together_in_programs(table.space, search_tables.BASE, first=generation == 0)
        n = min(GENERATION, trials - len(order))
        asked = Request(table.space, tried, n, generation, seed, together, trials - len(order))
        for point in proposer(asked).points:
            apart = np.square(table.x - encoded(table.space, [point])).sum(axis=1)
            row = int(np.where(left, apart, np.inf).argmin())
            left[row] = False
            order.append(row)
        generation += 1
    return order[:trials]


def moved(point: Point, m_from: int, m_to: int) -> Point:
    """Settings for other data: l2 in the same proportion to the rows."""
    return {name: value * m_to / m_from if name == "l2" else value for name, value in point.items()}


def prior_for(name: str, tables: dict[str, Table], seed: int, kind: str) -> Prior:
    """What the studies of all other sets tell about this one."""
    own = tables[name]
    found: list[Earlier] = []
    for other, table in tables.items():
        if other == name:
            continue
        # Where a search has looked tells where it is good, whatever the scores: those without meaning look anywhere.
        proposer = RandomPoints() if kind == "shuffled" else CoarseToFine()
        rows = searched(table, proposer, 1_000 + seed, EARLIER_TRIALS)
        criteria = table.criterion[rows]
        if kind == "shuffled":
            criteria = np.random.default_rng([seed, len(other)]).permutation(criteria)
        elif kind == "reversed":
            criteria = -criteria
        m = table.like["train_rows"], own.like["train_rows"]
        trials = [(moved(table.points[row], *m), float(c)) for row, c in zip(rows, criteria, strict=True)]
        one = earlier_study(other, own.space, trials, alike=likeness(table.like, own.like))
        if one is not None:
            found.append(one)
    return Prior(own.space, tuple(found))


def curve(table: Table, rows: Sequence[int]) -> list[float]:
    """Regret after each of `AFTER`."""
    return [table.regret(float(table.criterion[list(rows[:n])].min())) for n in AFTER]


def interval(values: np.ndarray) -> str:
    """Mean over the data sets with its 95 % interval."""
    half = stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / len(values) ** 0.5
    return f"{values.mean():+.4f} ({values.mean() - half:+.4f} to {values.mean() + half:+.4f})"


def main() -> None:
    """Replay and print."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("tables", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--seeds", type=int, default=20)
    parser.add_argument("--proposer", choices=PROPOSERS, default="coarse_to_fine")
    asked = parser.parse_args()
    paths = {path.stem.replace("_", " "): path for folder in asked.tables for path in sorted(folder.glob("*.npz"))}
    tables = {name: Table(path, split_for(name, asked.data)) for name, path in paths.items()}
    proposer = PROPOSERS[asked.proposer]
    kept: dict[str, Any] = {kind: [] for kind in ("cold", *KINDS)}
    used: dict[str, list[bool]] = {kind: [] for kind in KINDS}
    for name, table in tables.items():
        cold = [curve(table, searched(table, proposer, seed, TRIALS)) for seed in range(asked.seeds)]
        kept["cold"].append(np.mean(cold, axis=0))
        for kind in KINDS:
            runs = []
            for seed in range(asked.seeds):
                warmed = Warmed(proposer, prior_for(name, tables, seed, kind))
                rows = searched(table, warmed, seed, TRIALS)
                tried = [Tried(table.points[i], float(table.criterion[i]), 0.0, True) for i in rows]
                used[kind].append(warmed.verdict(tried[:GENERATION]).used)
                runs.append(curve(table, rows))
            kept[kind].append(np.mean(runs, axis=0))
        print(name, {kind: np.round(rows[-1], 3).tolist() for kind, rows in kept.items()}, flush=True)
    cold = np.array(kept["cold"])
    print(
        f"\n{len(tables)} data sets, {asked.seeds} seeds each; regret after {AFTER} trials, without: "
        f"{np.round(cold.mean(axis=0), 4).tolist()}"
    )
    for kind in KINDS:
        apart = np.array(kept[kind]) - cold
        print(f"{kind} minus cold; used after the first generation in {np.mean(used[kind]):.0%}")
        for at, n in enumerate(AFTER):
            print(f"  after {n}: {interval(apart[:, at])}; better on {(apart[:, at] < 0).sum()} of {len(tables)} sets")


@functools.cache
def split_for(name: str, folder: Path) -> Split:
    """The data of a table."""
    if name in search_tables.DATA:
        return search_tables.split_of(name, folder)
    return warm_start_tables.split_of(name if name in warm_start_tables.SETS else name.replace(" ", "_"), folder)


if __name__ == "__main__":
    main()
