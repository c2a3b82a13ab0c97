"""Faults planted on data sets: which of them worsen the dev loss beyond noise, and so count.

A case trains the healthy config and the faulty one with the same fresh seeds and judges both on the same dev rows; it
counts when the paired 95 % interval of the difference lies above zero. A quantity's losses are compared in its unit.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from caviar.data.split import Split
from caviar.data.table import Table
from caviar.diagnosis.intervals import Estimate, paired_gain
from caviar.errors import CaviarError
from caviar.network.config import Config
from caviar.training.plan import program_for
from caviar.training.scores import Score
from diagnosis_faults import FAULTS, own_config
from diagnosis_kept import Kept
from diagnosis_pool import Pool, find_pool
from diagnosis_sets import Data, data_of, split_of, tables_of

SEEDS = (31, 32, 33, 34)
"""By which healthy and faulty networks are compared."""

BY_NAME = {fault.name: fault for fault in FAULTS}


@dataclasses.dataclass(frozen=True)
class Case:
    """A fault on a data set, or with fault "" and the config's number a healthy case."""

    of: str
    fault: str = ""
    number: int = 0

    @property
    def name(self) -> str:
        """As people say it."""
        return f"{self.of}: {self.fault}" if self.fault else f"{self.of}: healthy config {self.number}"


@dataclasses.dataclass(frozen=True)
class Judged:
    """What a case did to the dev loss.

    Attributes:
        healthy: mean loss of the healthy config.
        faulty: that of the faulty one.
        gap: their paired difference.
        refused: the product's message where it refuses the config or the data; the case is left out.
        diverged: networks that did.
    """

    healthy: float = np.nan
    faulty: float = np.nan
    gap: Estimate | None = None
    refused: str = ""
    diverged: int = 0

    @property
    def counts(self) -> bool:
        """Whether the dev loss is worse beyond noise."""
        return self.gap is not None and self.gap.low > 0


@dataclasses.dataclass(frozen=True, eq=False)
class Sides:
    """The healthy and the faulty side of a case: the name of the split, and the config."""

    healthy: tuple[str, Config]
    faulty: tuple[str, Config]


class Bed:
    """Where cases are planted: data sets, their pools, and what is kept."""

    def __init__(self, data: Path | None, keep: Path) -> None:
        self._folder = data
        self.kept = Kept(keep, self._split)

    def pool(self, of: str) -> Pool:
        """The healthy configs of a data set."""
        split = self.kept.split(of)
        return self.kept.value("pools", of, lambda: find_pool(self._data(of), split, self.kept.bench(split)))

    def sides(self, case: Case) -> Sides:
        """What is trained for a case.

        Raises:
            CaviarError: the product refuses the config or the data.
        """
        pool = self.pool(case.of)
        if not case.fault:
            return Sides((case.of, pool.best), (case.of, pool.healthy[case.number]))
        fault = BY_NAME[case.fault]
        at = case.of if fault.data is None and fault.scale == "keep" and fault.ground is None else case.name
        ground = case.of if fault.ground is None else case.name
        config = (
            own_config(self.kept.split(at), self._data(case.of)) if fault.base == "own" else getattr(pool, fault.base)
        )
        spoilt = fault.config(config, self.kept.split(at)) if fault.config else config
        program_for(spoilt, self.kept.split(at))
        return Sides((ground, config), (at, spoilt))

    def table(self, name: str) -> Table:
        """The train rows of a split as a table."""
        return tables_of(self._spoilt(name))[0]

    def _data(self, of: str) -> Data:
        data = data_of(of, self._folder)
        assert data is not None
        return data

    def _spoilt(self, name: str) -> Data:
        of, _, said = name.partition(": ")
        data = self._data(of)
        for spoil in (BY_NAME[said].ground, BY_NAME[said].data) if said else ():
            if spoil is not None:
                data = spoil(data, np.random.default_rng([3, *name.encode()]))
        return data

    def _split(self, name: str) -> Split:
        _, _, said = name.partition(": ")
        scale = BY_NAME[said].scale if said else "keep"
        return split_of(self._spoilt(name), "standard" if scale == "keep" else scale)


def planted(sets: Sequence[str], data: Path | None, per_fault: int) -> list[Case]:
    """The cases: every fault on so many of the data sets that it suits, taken in turn."""
    cases = []
    for number, fault in enumerate(FAULTS):
        suited = [of for of in sets if (rows := data_of(of, data)) is not None and fault.suits(rows)]
        turned = [suited[(number + 3 * i) % len(suited)] for i in range(len(suited))] if suited else []
        cases += [Case(of, fault.name) for of in _once([*turned, *suited])[:per_fault]]
    return sorted(cases, key=lambda case: list(sets).index(case.of))


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))


def judge(bed: Bed, cases: Sequence[Case]) -> dict[Case, Judged]:
    """Which cases count; those of one data set are trained in one list per split."""
    missing = [case for case in cases if not bed.kept.path("judged", case.name).exists()]
    sides, judged = {}, {}
    for case in missing:
        try:
            sides[case] = bed.sides(case)
        except CaviarError as error:
            judged[case] = bed.kept.value("judged", case.name, lambda told=str(error): Judged(refused=told))
    scores: dict[tuple[str, Config], list[Score]] = {}
    for at in _once([side[0] for two in sides.values() for side in (two.healthy, two.faulty)]):
        configs = list(
            dict.fromkeys(side[1] for two in sides.values() for side in (two.healthy, two.faulty) if side[0] == at)
        )
        split = bed.kept.split(at)
        asked = [config.changed(seed=seed) for config in configs for seed in SEEDS]
        came = iter(bed.kept.bench(split).judge(split, asked))
        scores |= {(at, config): [next(came) for _ in SEEDS] for config in configs}
    for case, two in sides.items():
        before, after = scores[two.faulty], scores[two.healthy]
        own, other = bed.kept.split(two.faulty[0]), bed.kept.split(two.healthy[0])
        judged[case] = bed.kept.value(
            "judged", case.name, lambda b=before, a=after, o=own, h=other: _compared(b, a, o, h)
        )
    return {case: judged[case] if case in judged else bed.kept.value("judged", case.name, Judged) for case in cases}


def losses(scores: Sequence[Score], split: Split, unit: Split) -> np.ndarray:
    """(seeds, rows) losses, those of a quantity on the scale of another split's target."""
    factor = 1.0 if split.classes else (split.target.std / unit.target.std) ** 2
    return factor * np.stack([score.loss for score in scores])


def _compared(faulty: Sequence[Score], healthy: Sequence[Score], own: Split, other: Split) -> Judged:
    if not _same_rows(own, other):
        raise AssertionError(f"the dev rows of {own} and {other} must be the same")
    before, after = losses(faulty, own, other), losses(healthy, other, other)
    return Judged(
        healthy=float(after.mean()),
        faulty=float(before.mean()),
        gap=paired_gain(before, after),
        diverged=sum(score.status == "diverged" for score in faulty),
    )


def _same_rows(one: Split, two: Split) -> bool:
    """Whether dev rows have the same targets in the same order."""
    in_unit = [s.y_dev if s.classes else s.y_dev * s.target.std + s.target.mean for s in (one, two)]
    return len(in_unit[0]) == len(in_unit[1]) and bool(np.allclose(in_unit[0], in_unit[1], rtol=1e-3, atol=1e-3))
