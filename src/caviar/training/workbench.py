"""The workbench of an improvement: trains and judges configs, keeps their scores, counts and times what is done.

Whoever compares or searches hands lists of configs to `judge`; budgets ask `seconds_for` what a list would take.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training.lanes import workload
from caviar.training.metrics import MetricName
from caviar.training.plan import lane_size, program_for
from caviar.training.population import Progress, train
from caviar.training.record import Run
from caviar.training.scores import Memory, RowPlan, Score, judge, networks_for, row_plan

_COMPILE_SECONDS = 1.8
_PRODUCTS_PER_SECOND = 3e10
"""Guesses before anything was measured: compiling one program, and multiplications per second on two cores."""


class Workbench:
    """Trains and judges configs for one improvement.

    Attributes:
        trained: the networks trained so far, each with its data's fingerprint; those of an interrupted run included.
    """

    def __init__(
        self,
        metric: MetricName,
        memory: Memory,
        progress: Callable[[str, float], None],
        seen: Callable[[Sequence[Score]], None],
        checkpoints: Path | None = None,
    ) -> None:
        """A bench.

        Args:
            metric: of `Score.value`.
            memory: where scores are kept.
            progress: told what is under way and which share of it is done.
            seen: told of new scores as soon as they are there.
            checkpoints: folder in which `train` keeps networks, so that an interrupted run finds them again.
        """
        self.trained: set[tuple[str, Config]] = set()
        self._metric: MetricName = metric
        self._memory = memory
        self._progress = progress
        self._seen = seen
        self._checkpoints = checkpoints
        self._keeping = False
        self._kept: dict[tuple[str, Config], Run] = {}
        self._products, self._seconds = 0.0, 0.0

    def judge(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """Train configs and judge each on rows it was not trained on; those judged before are recalled."""
        return self._judged(split, configs, row_plan(split))

    def glance(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        """As `judge`, but out of fold on two of the folds only: enough to pick a learning rate."""
        return self._judged(split, configs, row_plan(split)[:2])

    def fits(self, split: Split, configs: Sequence[Config]) -> bool:
        """Whether judging these configs, of one seed and program, takes no longer than judging one of them."""
        architecture = program_for(configs[0], split).architecture
        folds = len(row_plan(split))
        return len(configs) * folds <= lane_size(architecture, folds)

    @contextlib.contextmanager
    def keeping(self) -> Iterator[None]:
        """Networks that are judged inside this context are kept for `train`, weights and all."""
        self._keeping = True
        try:
            yield
        finally:
            self._keeping = False

    def train(self, split: Split, configs: Sequence[Config]) -> list[Run]:
        """Train networks whose weights are wanted; those that were kept are not trained again."""
        missing = [config for config in dict.fromkeys(configs) if (split.fingerprint, config) not in self._kept]
        with self._timed(split, missing):
            runs = train(split, missing, callbacks=[self._tell], checkpoints=self._checkpoints)
        self.trained.update((split.fingerprint, config) for config in configs)
        trained = dict(zip(missing, runs, strict=True))
        return [trained.get(config) or self._kept[split.fingerprint, config] for config in configs]

    def seconds_for(self, split: Split, configs: Sequence[Config]) -> float:
        """An estimate of what judging these configs takes, from what was trained so far."""
        work = workload(split, self._missing(split, configs, row_plan(split)))
        speed = self._products / self._seconds if self._seconds > 1 else _PRODUCTS_PER_SECOND
        return work.programs * _COMPILE_SECONDS + work.products / speed

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """The score of a config that was judged before by this plan, if it is known."""
        return self._memory.recall(split, config, on)

    def keep(self, split: Split, scores: Sequence[Score]) -> None:
        """Store new scores and tell of them."""
        self._memory.keep(split, scores)
        self._seen(scores)

    def _judged(self, split: Split, configs: Sequence[Config], on: RowPlan) -> list[Score]:
        def keep(progress: Progress) -> None:
            if self._keeping:
                self._kept.update({(split.fingerprint, run.config): run for _, run in progress.finished})

        with self._timed(split, self._missing(split, configs, on)):
            scores = judge(split, configs, self._metric, on=on, memory=self, callbacks=[self._tell, keep])
        self.trained.update((split.fingerprint, network) for c in configs for network in networks_for(c, on))
        return scores

    def _missing(self, split: Split, configs: Sequence[Config], on: RowPlan) -> list[Config]:
        """The networks that must be trained to judge these configs."""
        fresh = [config for config in dict.fromkeys(configs) if self.recall(split, config, on) is None]
        return [network for config in fresh for network in networks_for(config, on)]

    @contextlib.contextmanager
    def _timed(self, split: Split, networks: Sequence[Config]) -> Iterator[None]:
        """Measure how fast these networks are trained."""
        began = time.perf_counter()
        yield
        if networks:
            self._products += workload(split, networks).products
            self._seconds += time.perf_counter() - began

    def _tell(self, progress: Progress) -> None:
        self._progress(f"{progress.networks_done} of {progress.networks} networks", progress.share)
