"""How much of a fault's damage the product's remedies undo, and a random search with the same number of trainings.

A training is one config judged with one seed. The search draws from the product's own default space around the faulty
config, tries that config too, and takes the best on dev rows. Both are judged on fresh seeds, as are the healthy and
the faulty config: share closed = (faulty - mended) / (faulty - healthy) of the mean dev loss, cut to [0, 1].
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.tuning.proposals.propose import anywhere as whole_space
from caviar.tuning.spaces.defaults import default_space
from diagnosis_cases import BY_NAME, Bed, Case, losses
from diagnosis_kept import bench_for
from diagnosis_product import mended
from diagnosis_verdicts import mean_share, tell

TRAININGS = 20
TRYING, JUDGING = (51, 52, 53), (61, 62, 63)
"""Seeds of the remedies, and fresh ones by which what came is judged."""


@dataclasses.dataclass(frozen=True)
class Mended:
    """Mean dev losses on fresh seeds, the trainings that the remedies spent, and what they changed."""

    healthy: float
    faulty: float
    remedies: float
    random: float
    trainings: int
    config: str

    def closed(self, loss: float) -> float:
        """The share of the gap that is closed by a network of this loss, in [0, 1]."""
        gap = self.faulty - self.healthy
        return float(np.clip((self.faulty - loss) / gap, 0, 1)) if gap > 0 else 1.0


def curable(cases: Sequence[Case]) -> list[Case]:
    """The cases that a config or a scale can cure."""
    return [case for case in cases if BY_NAME[case.fault].curable]


def mend(bed: Bed, cases: Sequence[Case], *, again: bool = False) -> dict[Case, Mended]:
    """Remedies and random search on cases."""
    results = {}
    for number, case in enumerate(cases):
        if not bed.kept.path("mended", case.name).exists() or again:
            print(f"mending {number + 1} of {len(cases)}: {case.name}", flush=True)
        results[case] = bed.kept.value("mended", case.name, lambda one=case: _mend(bed, one), again=again)
    return results


def _mend(bed: Bed, case: Case) -> Mended:
    sides = bed.sides(case)
    split, unit, faulty = bed.kept.split(sides.faulty[0]), bed.kept.split(sides.healthy[0]), sides.faulty[1]
    (told,) = tell(bed, [case])
    own, config, spent = mended(split, faulty, told.findings, bench_for(split), seeds=TRYING, trainings=TRAININGS)

    def judged(rows: Split, one: Config) -> float:
        fresh = bed.kept.bench(rows).judge(rows, [one.changed(seed=seed) for seed in JUDGING])
        return float(losses(fresh, rows, unit).mean())

    changed = {name: mine for name, (mine, _) in config.differences(faulty).items()}
    return Mended(
        healthy=judged(unit, sides.healthy[1]),
        faulty=judged(split, faulty),
        remedies=judged(own, config),
        random=judged(split, _searched(bed, case, split, faulty)),
        trainings=spent,
        config=f"{changed}" + ("" if own is split else f", scale {own.scale}"),
    )


def _searched(bed: Bed, case: Case, split: Split, faulty: Config) -> Config:
    """The best of as many random configs, the faulty one among them.

    Cases of one data set take the same places of their spaces, so that most of them share compiled programs.
    """
    space = default_space(faulty, split)
    stream = np.random.default_rng([5, *case.of.encode()])
    draw = whole_space(space)
    tried = [faulty, *(space.config(draw(stream), faulty) for _ in range(TRAININGS - 1))]
    scores = bed.kept.bench(split).judge(split, [config.changed(seed=TRYING[0]) for config in tried])
    return tried[int(np.argmin([score.loss.mean() for score in scores]))]


def print_mended(results: dict[Case, Mended]) -> dict[str, str]:
    """Shares closed, by fault and in all."""
    columns = ("healthy", "faulty", "mended", "search")
    print(f"\n{'case':<64} {' '.join(f'{c:>8}' for c in columns)} {'closed':>7} {'search':>7} {'spent':>5}")
    for case, one in results.items():
        closed = f"{one.closed(one.remedies):>7.0%} {one.closed(one.random):>7.0%}"
        figures = " ".join(f"{v:>8.3g}" for v in (one.healthy, one.faulty, one.remedies, one.random))
        print(f"{case.name:<64} {figures} {closed} {one.trainings:>5}  {one.config}")
    figures = {
        "gap closed by the remedies": mean_share([one.closed(one.remedies) for one in results.values()]),
        "gap closed by random search": mean_share([one.closed(one.random) for one in results.values()]),
    }
    for name, figure in figures.items():
        print(f"{name}: {figure}")
    return figures
