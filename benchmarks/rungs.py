"""What rungs save, and whether the best config survives them: the same configs with rungs and all to their end.

    python benchmarks/rungs.py [--data letter.csv] [--only digits letter] [--configs 64] [--seeds 5] [--json rungs.json]

Configs are drawn at random from the space that `caviar.tune` searches by default (epochs and schedules included), such
that they share compiled programs as in a search, and compiled before anything is timed. Digits (1,797 rows, judged out
of fold: five networks each) come with scikit-learn; of letter the first 6,000 rows are taken.

For each seed all configs are trained to their end, with notes of how they stand at every rung. Who is stopped follows
from the notes, because a network that goes on has the same bits whoever else does:

    halving     two rungs, at a ninth and a third of the most epochs
    hyperband   the brackets of one round, each with as many of the configs as it has
    strict      halving as it is usually done: the best third by the mean goes on, whatever the noise

Told are the cost of training, in multiplications, as a part of what the same configs cost to their end; the part of
configs that were trained to their end; whether the one that is best in the end was, and by how much the best that is
left is worse than that, in standard errors of their paired difference. Halving is also run: its seconds of all cores as
a part of those of all to the end, and the part of its wall-clock that judging at rungs takes.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from report import hand_over

ROWS = 6_000


def the_split(name: str, data: Path | None) -> Any:
    """Prepared rows."""
    import polars as pl

    import caviar

    if name == "digits":
        return caviar.split(caviar.read("digits"), test=0)
    return caviar.split(caviar.read(pl.read_csv(data).head(ROWS), target="class"), dev=0.2, test=0)


def the_configs(split: Any, configs: int, seed: int) -> list[Any]:
    """Points of the default space that share programs, behind the default config."""
    import caviar
    from caviar.training.plan import written_out
    from caviar.tuning.proposals.propose import RandomPoints, Request
    from caviar.tuning.proposals.together import together_in_programs
    from caviar.tuning.spaces.defaults import default_space

    start = written_out(caviar.Config(seed=seed), split)
    space = default_space(start, split)
    together = together_in_programs(space, start, first=True)
    points = RandomPoints()(Request(space, [], configs - 1, 0, seed, together)).points
    return [start, *(space.config(point, start) for point in points)]


def strictly(standings: Any, eta: float) -> Any:
    """The best third by the mean, whatever the noise."""
    criteria = np.array([one.criterion for one in standings])
    keep = np.zeros(len(criteria), bool)
    keep[np.argsort(criteria, kind="stable")[: max(1, int(np.ceil(len(criteria) / eta)))]] = True
    return keep


class Notes:
    """How the configs of a generation stand at its rungs."""

    def __init__(self) -> None:
        """Nothing yet."""
        self.at: dict[int, dict[int, Any]] = {}
        self.seconds = 0.0

    def watch(self, decide: Any, *, keep_all: bool) -> Any:
        """The same decision, noted and timed; or that all go on."""

        def watched(race: Any, runs: Any, epoch: int) -> Any:
            began = time.perf_counter()
            try:
                if not keep_all:
                    return decide(race, runs, epoch)
                numbers = [n for n in range(len(race.networks)) if n not in race._done]
                current = race._done | dict(zip(numbers, runs, strict=True))
                each = race._each
                configs = sorted({number // each for number in numbers})
                networks = [[current[i * each + fold] for fold in range(each)] for i in configs]
                standings = race._standings(race._judged(networks), networks, epoch)
                self.at[epoch] = dict(zip(configs, standings, strict=True))
                return [True] * len(runs)
            finally:
                self.seconds += time.perf_counter() - began

        return watched


def judged(split: Any, configs: list[Any], rungs: Any, *, keep_all: bool = False) -> tuple[Any, Notes, float, float]:
    """Outcomes, notes, seconds of all cores and of the clock."""
    from caviar.tuning import networks
    from caviar.tuning.search import Entry

    notes, own = Notes(), networks._Race._keep
    networks._Race._keep = notes.watch(own, keep_all=keep_all)
    try:
        began, clock = time.process_time(), time.perf_counter()
        outcomes = networks.Networks(split, "error", rungs=rungs)([Entry({}, config) for config in configs], 1, ())
        return outcomes, notes, time.process_time() - began, time.perf_counter() - clock
    finally:
        networks._Race._keep = own


def replayed(
    split: Any, configs: list[Any], whole: Any, notes: Notes, epochs: tuple[int, ...], *, eta: float, strict: bool
) -> dict[str, Any]:
    """What rungs at these epochs would have done with the first of the configs that were trained to their end."""
    from caviar.training.plan import relative_cost
    from caviar.tuning.noise import HALVES
    from caviar.tuning.rungs import go_on, may_stop

    left, trained = list(range(len(configs))), [outcome.facts["epochs"] for outcome in whole]
    for epoch in epochs:
        there = [i for i in left if i in notes.at[epoch]]
        if not there:
            continue
        standings = [notes.at[epoch][i] for i in there]
        may = may_stop([configs[i] for i in there], split, [()] * len(there))
        stays = strictly(standings, eta) if strict else go_on(standings, may, eta=eta, rungs=len(epochs))
        for i, stay in zip(there, stays, strict=True):
            if not stay:
                left.remove(i)
                trained[i] = epoch
    each = [relative_cost(config, split) for config in configs]
    full = [outcome.facts["epochs"] for outcome in whole]
    per_epoch = [cost / epochs for cost, epochs in zip(each, map(_planned(split), configs), strict=True)]
    best, kept = (min(among, key=lambda i: whole[i].criterion) for among in (range(len(configs)), left))
    apart = np.subtract(whole[kept].facts[HALVES], whole[best].facts[HALVES])
    spread = max(1e-12, float(np.sqrt(np.square(apart).mean())))
    return {
        "configs": len(configs),
        "cost": float(np.dot(per_epoch, trained)),
        "whole_cost": float(np.dot(per_epoch, full)),
        "went_on": len(left) / len(configs),
        "best_survived": best == kept,
        "lost": (whole[kept].criterion - whole[best].criterion) / spread,
        "error": whole[kept].values[0],
        "best_error": whole[best].values[0],
    }


def _planned(split: Any) -> Any:
    from caviar.training.plan import last_epoch

    return lambda config: last_epoch(config, split)


def side_by_side(split: Any, configs: list[Any]) -> dict[str, list[dict[str, Any]]]:
    """All contestants on the same configs; of Hyperband one row per bracket."""
    from caviar.tuning.rungs import Rungs

    judged(split, [config.changed(stop_after=1) for config in configs], None)  # compiles
    most = max(map(_planned(split), configs))
    halving, hyperband = Rungs(most=most), Rungs("hyperband", most=most)
    whole, _, all_cores, _ = judged(split, configs, None)
    again, notes, _, _ = judged(split, configs, halving, keep_all=True)
    assert [one.criterion for one in again] == [one.criterion for one in whole]
    outcomes, judging, cores, clock = judged(split, configs, halving)
    epochs = halving.bracket(0).epochs
    found = {
        name: [replayed(split, configs, whole, notes, epochs, eta=halving.eta, strict=name == "strict")]
        for name in ("halving", "strict")
    }
    assert found["halving"][0]["went_on"] == np.mean([outcome.state == "complete" for outcome in outcomes])
    found["halving"][0] |= {"seconds": cores / all_cores, "judging": judging.seconds / clock}
    found["hyperband"] = []
    for generation in range(1 + len(epochs)):
        n = min(len(configs), hyperband.size(generation, len(configs)))
        bracket = hyperband.bracket(generation).epochs
        found["hyperband"].append(
            replayed(split, configs[:n], whole[:n], notes, bracket, eta=hyperband.eta, strict=False)
        )
    return found


def main() -> None:
    """Print a table per data set."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--only", nargs="+", default=["digits", "letter"])
    parser.add_argument("--configs", type=int, default=64)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    results: dict[str, Any] = {"cores": len(os.sched_getaffinity(0)), "configs": asked.configs, "sets": {}}
    for name in asked.only:
        split = the_split(name, asked.data)
        runs = []
        for seed in range(asked.seeds):
            runs.append(side_by_side(split, the_configs(split, asked.configs, seed)))
            print(f"{name}, seed {seed}: {json.dumps(runs[-1])}", flush=True)
        results["sets"][name] = runs
        print(f"\n{name}: {asked.configs} configs, {asked.seeds} seeds")
        print(f"{'':12}{'cost':>8}{'went on':>10}{'best left':>12}{'lost, s.e.':>12}{'seconds':>10}{'judging':>10}")
        for way in runs[0]:
            rows = [row for run in runs for row in run[way]]
            cost = sum(row["cost"] for row in rows) / sum(row["whole_cost"] for row in rows)
            went_on = np.average([row["went_on"] for row in rows], weights=[row["configs"] for row in rows])
            survived = f"{sum(row['best_survived'] for row in rows)} of {len(rows)}"
            line = f"{way:12}{cost:8.2f}{went_on:10.0%}{survived:>12}{np.mean([row['lost'] for row in rows]):12.2f}"
            if "seconds" in rows[0]:
                line += "".join(f"{np.median([row[key] for row in rows]):10.2f}" for key in ("seconds", "judging"))
            print(line)
        print()
    hand_over(results, asked.json)


if __name__ == "__main__":
    main()
