"""A bench that counts trainings: one config judged with one seed; what was judged before costs nothing."""

import math
from collections.abc import Iterable, Sequence

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.remedies.experiment import Bench, Candidate
from caviar.training.scores import RowPlan, Score, networks_for, row_plan


class Purse:
    """Trainings that may be spent.

    Attributes:
        most: trainings in all; None is without limit.
        spent: trainings so far.
        trained: of the bench.
    """

    def __init__(self, bench: Bench, most: int | None = None) -> None:
        """A purse with so many trainings for a bench."""
        self.most, self.spent = most, 0
        self.trained = bench.trained
        self._bench = bench
        self._paid: set[tuple[str, Config]] = set()

    @property
    def left(self) -> float:
        """Trainings left; infinite without a limit."""
        return math.inf if self.most is None else self.most - self.spent

    def cost(self, candidates: Iterable[Candidate]) -> int:
        """The trainings that judging these candidates, with the seeds of their configs, would take."""
        return len(self._unpaid([(c.split, c.config) for c in candidates]))

    def judge(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """As the bench does, counted."""
        self._pay(split, configs)
        return self._bench.judge(split, configs)

    def glance(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """As the bench does, counted like `judge`."""
        self._pay(split, configs)
        return self._bench.glance(split, configs)

    def fits(self, split: Split, configs: Sequence[Config]) -> bool:
        """As the bench says; never where trainings are counted, since what fills up a lane would be paid for."""
        return self.most is None and self._bench.fits(split, configs)

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """As the bench does."""
        return self._bench.recall(split, config, on)

    def _pay(self, split: Split, configs: Sequence[Config]) -> None:
        unpaid = self._unpaid([(split, config) for config in configs])
        self.spent += len(unpaid)
        self._paid |= unpaid

    def _unpaid(self, asked: Iterable[tuple[Split, Config]]) -> set[tuple[str, Config]]:
        return {
            (split.fingerprint, config)
            for split, config in asked
            if (split.fingerprint, config) not in self._paid and not self._known(split, config)
        }

    def _known(self, split: Split, config: Config) -> bool:
        """Whether it was judged in this process before, so that an interrupted run that goes on counts alike."""
        on = row_plan(split)
        asked = all((split.fingerprint, network) in self.trained for network in networks_for(config, on))
        return asked and self._bench.recall(split, config, on) is not None
