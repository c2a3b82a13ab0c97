"""Regret of searches on tables of configs that were trained once: coarse to fine beside grid, random, TPE, Hyperband.

    python benchmarks/search_tables.py TABLES --data FOLDER
    python benchmarks/search.py TABLES [--sets letter wine digits california] [--seeds 10] [--without optuna_hyperband]

Replayed as `search_replay` says. Regret: the best dev loss so far less the table's best, over the median's; 0 is the
table's best config, 1 its median. Budgets are in whole trainings of 27 epochs; Hyperband spends them in parts.

- coarse_to_fine, grid, random, low_discrepancy: whole generations that share programs, as `caviar.tune` does; their
  sizes are `propose.generation_size` of the budget.
- tpe: Optuna 5's TPESampler (multivariate, constant liar: its defaults) as its users write it, one trial after the
  other, every point free. With `group=True` it was no better on the sets that things were designed on.
- tpe_generations: the same sampler through caviar, a generation ahead and sharing programs.
- hyperband: brackets of random configs in lock step, eta 3; optuna_hyperband: HyperbandPruner with TPE.

The settings of coarse to fine were chosen on `DESIGN`; the other sets judge it. Differences are paired by seed, and
their intervals Student's over the seeds, each seed's difference a mean over the sets.
"""

import argparse
import functools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from scipy import stats

from caviar.tuning.proposals.propose import generation_size
from caviar.tuning.proposals.proposers import proposer_for
from report import hand_over
from search_replay import Step, Table, Trace, by_generations, by_hyperband, by_optuna, by_optuna_hyperband, quiet

BUDGETS = (20, 100, 500)
DESIGN = ("letter", "wine")
"""Sets on which coarse to fine was designed."""

RIVAL = "tpe"
OURS = "coarse_to_fine"

Search = Callable[[Table, int, int], Trace]
"""(table, trials, seed) -> what came of it."""


def _generations(word: str) -> Search:
    def search(table: Table, trials: int, seed: int) -> Trace:
        return by_generations(table, proposer_for(word), trials, lambda _: generation_size(trials), seed)

    return search


SEARCHES: dict[str, Search] = {
    OURS: _generations("coarse_to_fine"),
    RIVAL: lambda table, trials, seed: by_optuna(table, optuna.samplers.TPESampler(seed=seed), trials),
    "tpe_generations": _generations("tpe"),
    "hyperband": lambda table, trials, seed: by_hyperband(table, seed, trials),
    "optuna_hyperband": lambda table, trials, seed: by_optuna_hyperband(table, seed, trials),
    "random": _generations("random"),
    "low_discrepancy": _generations("low_discrepancy"),
    "grid": _generations("grid"),
}
UNTIL = {"optuna_hyperband": 100}
"""Searches that are replayed for the smaller budgets only: 500 whole trainings are 2,000 trials of it, and minutes."""

ANY_BUDGET = (RIVAL, "optuna_hyperband", "hyperband")
"""Searches that do not look at the budget: one of the largest holds those of the smaller ones."""


class Traces:
    """Replayed searches, kept in a folder so that an interrupted benchmark goes on."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._kept = folder / "replayed"
        self._kept.mkdir(exist_ok=True)

    @functools.cache  # noqa: B019
    def table(self, name: str) -> Table:
        """A table."""
        return Table(self._folder, name)

    @functools.cache  # noqa: B019
    def of(self, search: str, name: str, trials: int, seed: int) -> Trace:
        """A search; those that do not look at the budget are replayed once, for the largest."""
        trials = UNTIL.get(search, max(BUDGETS)) if search in ANY_BUDGET else trials
        path = self._kept / f"{search}-{name}-{trials}-{seed}.json"
        if not path.exists():
            path.write_text(json.dumps(SEARCHES[search](self.table(name), trials, seed).steps))
        return Trace([Step(*step) for step in json.loads(path.read_text())])


def interval(differences: np.ndarray) -> tuple[float, float, float]:
    """Mean of one difference per seed, and its 95 % interval by Student's t."""
    mean = float(differences.mean())
    if np.ptp(differences) == 0:
        return mean, mean, mean
    low, high = stats.t.interval(0.95, len(differences) - 1, mean, stats.sem(differences))
    return mean, float(low), float(high)


def judged(traces: Traces, searches: Sequence[str], sets: Sequence[str], seeds: int) -> dict[str, Any]:
    """Regrets, ranks, and what coarse to fine is ahead of TPE, on some sets together."""
    found: dict[str, Any] = {"sets": list(sets)}
    for budget in BUDGETS:
        regret = np.array(
            [[[_regret(traces, one, name, budget, seed) for seed in range(seeds)] for name in sets] for one in searches]
        )  # (searches, sets, seeds)
        rank = stats.rankdata(regret, axis=0, nan_policy="omit")
        ours, rival = searches.index(OURS), searches.index(RIVAL)
        clock = [[_ahead_in_time(traces, name, budget, seed) for name in sets] for seed in range(seeds)]
        found[str(budget)] = {
            "regret": dict(zip(searches, regret.mean(axis=(1, 2)).round(4).tolist(), strict=True)),
            "rank": dict(zip(searches, rank.mean(axis=(1, 2)).round(2).tolist(), strict=True)),
            "of_each_set": {
                one: dict(zip(sets, regret[i].mean(axis=1).round(4).tolist(), strict=True))
                for i, one in enumerate(searches)
            },
            "less_than_tpe_at_equal_trials": interval((regret[ours] - regret[rival]).mean(axis=0)),
            "less_than_tpe_at_equal_seconds": interval(np.array(clock).mean(axis=1)),
        }
    return found


def _regret(traces: Traces, search: str, name: str, budget: int, seed: int) -> float:
    """Regret after a budget; NaN where it is not replayed so far."""
    if budget > UNTIL.get(search, max(BUDGETS)):
        return float("nan")
    return traces.of(search, name, budget, seed).after(budget)


def _ahead_in_time(traces: Traces, name: str, budget: int, seed: int) -> float:
    """Regret of coarse to fine when TPE, one trial after the other, has done so many trials, less that of TPE."""
    rival, table = traces.of(RIVAL, name, budget, seed), traces.table(name)
    seconds = float(rival.seconds(table)[budget - 1])
    return traces.of(OURS, name, max(BUDGETS), seed).within(seconds, table) - rival.after(budget)


def costs(traces: Traces, searches: Sequence[str], sets: Sequence[str], seeds: int) -> dict[str, Any]:
    """By search, milliseconds per trial of proposing, and seconds of a search of 100 trials by the model."""
    found = {}
    for one in searches:
        of = [(traces.of(one, name, 100, seed), traces.table(name)) for name in sets for seed in range(seeds)]
        steps = [step for trace, _ in of for step in trace.steps]
        ends = [trace.seconds(table)[min(int((trace.work < 100).sum()), len(trace.steps) - 1)] for trace, table in of]
        found[one] = {
            "proposing_ms": round(1e3 * sum(step.proposing for step in steps) / sum(step.n for step in steps), 1),
            "seconds_100": round(float(np.mean(ends)), 1),
            "programs": round(float(np.mean([step.programs for step in steps])), 1),
        }
    return found


def show(title: str, searches: Sequence[str], found: dict[str, Any]) -> None:
    """A table of regrets and ranks."""
    print(f"\n{title}: {', '.join(found['sets'])}")
    print(f"{'':18}" + "".join(f"{budget:>9} trials" for budget in BUDGETS) + "   (mean regret, mean rank)")
    for one in searches:
        cells = [f"{found[str(b)]['regret'][one]:9.4f} {found[str(b)]['rank'][one]:6.2f}" for b in BUDGETS]
        print(f"{one:18}" + "".join(cells))
    for what in ("trials", "seconds"):
        cells = [
            "{:+.4f} ({:+.4f} to {:+.4f})".format(*found[str(b)][f"less_than_tpe_at_equal_{what}"]) for b in BUDGETS
        ]
        print(f"coarse_to_fine - tpe at equal {what}: " + "; ".join(cells))


def main() -> None:
    """Replay all searches and print what came of them."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--sets", nargs="+", default=["letter", "wine", "digits", "california"])
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--without", nargs="*", default=[], choices=[s for s in SEARCHES if s not in (OURS, RIVAL)])
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    quiet()
    searches = [one for one in SEARCHES if one not in asked.without]
    traces = Traces(asked.tables)
    design = [name for name in asked.sets if name in DESIGN]
    others = [name for name in asked.sets if name not in DESIGN]
    report: dict[str, Any] = {"seeds": asked.seeds}
    for title, sets in (("designed on", design), ("judged on", others), ("all", asked.sets)):
        if sets:
            report[title] = judged(traces, searches, sets, asked.seeds)
            show(title, searches, report[title])
    for name in asked.sets:
        regrets = {one: [report["all"][str(b)]["of_each_set"][one][name] for b in BUDGETS] for one in searches}
        print(f"{name}: " + "; ".join(f"{one} {' '.join(f'{r:.3f}' for r in of)}" for one, of in regrets.items()))
    report["costs"] = costs(traces, searches, asked.sets, asked.seeds)
    print("\nproposing, ms per trial; 100 trials, seconds by the model; programs per generation")
    for one, cost in report["costs"].items():
        print(f"{one:18}{cost['proposing_ms']:8.1f}{cost['seconds_100']:9.1f}{cost['programs']:7.1f}")
    hand_over(report, asked.json)


if __name__ == "__main__":
    main()
