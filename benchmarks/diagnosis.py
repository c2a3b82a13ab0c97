"""How often the diagnosis is right: planted faults, healthy networks, remedies, and what it costs.

    python benchmarks/diagnosis.py sets --keep FOLDER [--data FOLDER]

    sets        the data sets and their healthy configs
    healthy     false alarms on healthy networks: at most 3 %
    faulty      planted faults: at least 95 % detected, 80 % named right
    judge       both again from what is kept, without training: after a threshold has moved
    remedies    share of the gap closed with 20 trainings: at least 80 %; random search beside it
    cost        time of the diagnosis beside training: at most 15 % more
    table       bias and variance by the course's table
    all         everything but judge

What is trained is kept in FOLDER: the same command goes on where it was. When the product examines networks in another
way, `--again` examines the chosen cases anew; healthy configs and which cases count stay. --data is a folder that has
letter/letter.csv and fashion_mnist/train-images-idx3-ubyte.gz. `--only wine,rate` takes the data set wine and faults
with `rate` in their name; `--quick` takes every tenth case.
"""

import argparse
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from diagnosis_cases import Bed, Case, judge, planted
from diagnosis_cost import print_costs, print_table
from diagnosis_pool import qualities
from diagnosis_remedies import curable, mend, print_mended
from diagnosis_sets import SETS, data_of
from diagnosis_verdicts import print_faulty, print_healthy, tell
from report import hand_over

PARTS = ("sets", "healthy", "faulty", "judge", "remedies", "cost", "table", "all")


def main() -> None:
    """Run one part, or all, and print its tables."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("part", choices=PARTS)
    arguments.add_argument("--keep", type=Path, default=Path("caviar-diagnosis"), help="folder for what is trained")
    arguments.add_argument("--data", type=Path, help="folder with letter and fashion_mnist")
    arguments.add_argument("--only", help="names of sets and parts of names of faults, separated by commas")
    arguments.add_argument("--per-fault", type=int, default=4, help="data sets on which each fault is planted")
    arguments.add_argument("--quick", action="store_true", help="every tenth case")
    arguments.add_argument("--again", action="store_true", help="examine and mend anew")
    arguments.add_argument("--json", help="file for the figures")
    asked = arguments.parse_args()
    warnings.filterwarnings("ignore", message=".*was opened")
    words = [word.strip() for word in (asked.only or "").split(",") if word.strip()]
    there = [name for name in SETS if data_of(name, asked.data) is not None]
    sets = [name for name in there if name in words or not set(words) & set(SETS)]
    faults = [word for word in words if word not in SETS]
    bed = Bed(asked.data, asked.keep)
    figures: dict[str, Any] = {}
    parts = [part for part in PARTS if part not in ("judge", "all")] if asked.part == "all" else [asked.part]
    plan = planted(there, asked.data, asked.per_fault)
    cases = _chosen([case for case in plan if case.of in sets and _asked(case, faults)], asked.quick)
    for part in parts:
        match part:
            case "sets":
                _print_sets(bed, sets)
            case "table":
                figures |= print_table()
            case "cost":
                figures |= print_costs(bed, sets)
            case "healthy":
                figures |= print_healthy(bed, tell(bed, _healthy(bed, sets, asked.quick), again=asked.again))
            case "faulty":
                figures |= _faulty(bed, cases, again=asked.again)
            case "remedies":
                counted = curable([case for case, one in judge(bed, cases).items() if one.counts])
                figures |= print_mended(mend(bed, counted, again=asked.again))
            case _:
                known = [case for case in cases if bed.kept.path("judged", case.name).exists()]
                judged = judge(bed, known)
                kept = [case for case in known if bed.kept.path("subjects", case.name).exists()]
                figures |= print_faulty(judged, tell(bed, [case for case in kept if judged[case].counts]))
                healthy = _healthy(bed, [of for of in sets if bed.kept.path("pools", of).exists()], asked.quick)
                figures |= print_healthy(
                    bed, tell(bed, [case for case in healthy if bed.kept.path("subjects", case.name).exists()])
                )
    if asked.json:
        hand_over(figures, asked.json)


def _faulty(bed: Bed, cases: Sequence[Case], *, again: bool) -> dict[str, str]:
    judged: dict[Case, Any] = {}
    for of in dict.fromkeys(case.of for case in cases):
        own = [case for case in cases if case.of == of]
        print(f"judging {len(own)} cases of {of}", flush=True)
        judged |= judge(bed, own)
    return print_faulty(judged, tell(bed, [case for case in cases if judged[case].counts], again=again))


def _asked(case: Case, faults: Sequence[str]) -> bool:
    return not faults or any(word in case.fault for word in faults)


def _chosen(cases: list[Case], quick: bool) -> list[Case]:
    return cases[::10] if quick else cases


def _healthy(bed: Bed, sets: Sequence[str], quick: bool) -> list[Case]:
    """The healthy cases of the data sets."""
    return _chosen([Case(of, number=i) for of in sets for i in range(len(bed.pool(of).healthy))], quick)


def _print_sets(bed: Bed, sets: Sequence[str]) -> None:
    """Sizes, the best config, and which depths, activations and optimisers are among the healthy ones."""
    everything = []
    for of in sets:
        pool, split = bed.pool(of), bed.kept.split(of)
        everything += pool.healthy
        best = ", ".join(f"{k}={mine}" for k, (mine, _) in pool.best.differences(type(pool.best)()).items())
        print(
            f"{split}\n  {len(pool.healthy)} healthy configs; best: loss {pool.loss[pool.best]:.3g}, {best}", flush=True
        )
    print(f"{len(everything)} healthy cases")
    for quality, counts in qualities(everything).items():
        print(f"  {quality}: " + ", ".join(f"{name} {count}" for name, count in counts.items()))


if __name__ == "__main__":
    main()
