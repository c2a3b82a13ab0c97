"""A bench that trains nothing: the loss of a config is what a test says, and every call is written down."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.remedies.remedy import Remedy
from caviar.training.scores import RowPlan, Score, networks_for, row_plan
from diagnosis.made_scores import score

ROWS = 120


class FakeBench:
    """Judges by a formula.

    Attributes:
        judged: lists that were judged, in order.
        glanced: lists at which it was glanced.
        scales: of the splits that came.
        trained: as a bench keeps it.
    """

    def __init__(
        self, loss: Callable[[Config, Split], float], *, noise: float = 0.1, fits: bool = False, **others: Any
    ) -> None:
        """Mean loss of a config, standard deviation of each row's own noise, and other parts of every score."""
        self.judged: list[list[Config]] = []
        self.glanced: list[list[Config]] = []
        self.scales: set[str] = set()
        self.trained: set[tuple[str, Config]] = set()
        self._known: dict[tuple[str, Config], Score] = {}
        self._loss, self._noise, self._fits, self._others = loss, noise, fits, others

    def judge(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.judged.append(list(configs))
        return self._scores(split, configs)

    def glance(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.glanced.append(list(configs))
        return self._scores(split, configs)

    def fits(self, split: Split, configs: Sequence[Config]) -> bool:  # noqa: ARG002  the protocol's
        return self._fits

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:  # noqa: ARG002  the protocol's
        return self._known.get((split.fingerprint, config))

    def _scores(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.scales.add(split.scale)
        found = [score(c, loss=self._losses(split, c), error=self._losses(split, c), **self._others) for c in configs]
        self._known.update(((split.fingerprint, c), made) for c, made in zip(configs, found, strict=True))
        self.trained.update((split.fingerprint, n) for c in configs for n in networks_for(c, row_plan(split)))
        return found

    def _losses(self, split: Split, config: Config) -> np.ndarray:
        """One loss per row: hard rows are hard for everyone, the rest is this network's own."""
        hard = np.random.default_rng(0).exponential(size=ROWS)
        named = {name: here for name, (here, _) in config.differences(Config()).items()}  # whatever else Config learns
        own = np.random.default_rng(zlib.crc32(f"{named} {split.scale}".encode()))
        return self._loss(config, split) + hard + self._noise * own.normal(size=ROWS)


def remedy(name: str, **settings: Any) -> Remedy:
    """A remedy of which only the settings matter."""
    scale = settings.pop("scale", "keep")
    return Remedy(name, "bias", settings, "to see what happens", "none", "a test", scale)
