"""Replays searches on the tables of `search_tables.py`: a proposed point becomes the nearest config not yet taken.

Nearest: numbers by their places on the scales, squared and added up; every choice that differs counts 1, and so does
what another program is compiled for (layers, width class). Who proposed is told the config that was really taken, and
its dev loss.

Wall-clock time is a model, since nothing is trained here: a list of configs takes what such a list took when the table
was made, by its length and its programs (compiled before; the middle of three pairs of programs), and proposing takes
what it takes here.
"""

import dataclasses
import functools
import time
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import optuna

from caviar.arrays import Numbers
from caviar.training.plan import width_class
from caviar.tuning.proposals.propose import Proposer, Request, Tried
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Point, Space
from search_tables import BASE, EPOCHS, PROGRAMS, space_of, table_of

RUNGS = (1, 3, 9, 27)
"""Epochs of Hyperband's rungs."""


class Table:
    """A data set's configs and what came of each.

    Attributes:
        name: of the data set.
        space: what is searched.
        points: of the configs.
        curves: dev loss, (configs, epochs).
        noise: standard error of the last.
    """

    def __init__(self, folder: Path, name: str) -> None:
        kept = table_of(folder / f"{name}.npz")
        self.name, self._folder = name, folder
        self.space: Space = space_of(int(kept["train_rows"]), str(kept["task"]))  # pyright: ignore
        self.points = [self.space.point(dict(zip(self.space, row, strict=True))) for row in kept["places"].tolist()]
        self.curves = np.asarray(kept["curves"], float)
        self.noise = np.asarray(kept["noise"], float)
        self._numbers = [name for name, one in self.space.items() if not isinstance(one, Choice)]
        self._words = [name for name, one in self.space.items() if isinstance(one, Choice)]
        self._where = [self._features(point) for point in self.points]
        self._x = np.array([numbers for numbers, _ in self._where])
        words = [words for _, words in self._where]
        self._codes = np.array([[hash(word) for word in row] for row in words])

    @property
    def last(self) -> np.ndarray:
        """Dev loss of the last epoch."""
        return self.curves[:, -1]

    def _features(self, point: Point) -> tuple[list[float], tuple]:
        places = self.space.places(point)
        numbers = [places.get(name, np.nan) for name in self._numbers]
        return numbers, (*(point.get(name) for name in self._words), point["layers"], width_class(point["units"]))

    def nearest(self, point: Point, taken: np.ndarray) -> int:
        """The nearest config that is not taken."""
        numbers, words = self._features(point)
        apart = np.nansum((self._x - np.array(numbers)) ** 2, axis=1)
        apart += (self._codes != np.array([hash(word) for word in words])).sum(axis=1)
        return int(np.argmin(np.where(taken, np.inf, apart)))

    def programs(self, configs: Sequence[int]) -> int:
        """Compiled programs that some configs need."""
        decides = [
            (p["layers"], width_class(p["units"]), p["batch_size"], p["batch_norm"])
            for p in (self.points[i] for i in configs)
        ]
        return len(set(decides))

    def seconds(self, n: int, programs: int) -> float:
        """What a list of so many configs of so many programs takes to train."""
        took = self._seconds_of()
        return float(np.interp(n, took["lists"], np.median(took["seconds"], axis=1))) * max(1.0, programs / PROGRAMS)

    def _seconds_of(self) -> dict[str, Any]:
        return table_of(self._folder / f"{self.name}-seconds.npz")

    def regret(self, best: float) -> float:
        """How far a dev loss is from the table's best: 0 the best, 1 the median."""
        return float((best - self.last.min()) / (np.median(self.last) - self.last.min()))


class Step(NamedTuple):
    """A list of configs that was proposed and trained."""

    n: int
    """Configs."""
    programs: int
    """Compiled programs that they need."""
    part: float
    """Of their epochs that they were trained for."""
    proposing: float
    """Seconds that it took to propose them, here."""
    ahead: bool
    """Whether that was while the step before trained."""
    reached: float
    """Regret of the best so far."""


@dataclasses.dataclass
class Trace:
    """A replayed search, step by step."""

    steps: list[Step]

    @property
    def work(self) -> Numbers:
        """Trainings so far, counted in whole ones, after each step."""
        return np.cumsum([step.n * step.part for step in self.steps])

    def seconds(self, table: Table) -> Numbers:
        """Wall-clock seconds so far, by the model, after each step."""
        clock, training, ends = 0.0, 0.0, []
        for step in self.steps:
            clock += max(0.0, step.proposing - training) if step.ahead else step.proposing
            training = table.seconds(step.n, step.programs) * step.part
            clock += training
            ends.append(clock)
        return np.array(ends)

    def after(self, trials: float) -> float:
        """Regret after so much work; a step counts when it is done."""
        return self._reached(self.work <= trials + 1e-9)

    def within(self, seconds: float, table: Table) -> float:
        """Regret after so much time."""
        return self._reached(self.seconds(table) <= seconds + 1e-9)

    def _reached(self, done: np.ndarray) -> float:
        """Regret after the steps that are done; before the first that of the median config."""
        return self.steps[int(done.sum()) - 1].reached if done.any() else 1.0


def by_generations(
    table: Table, proposer: Proposer, trials: int, size: Callable[[int], int], seed: int, *, at_once: bool = True
) -> Trace:
    """A search of caviar's: generation after generation, each trained as one list.

    Args:
        table: what is searched.
        proposer: proposes.
        trials: configs in all.
        size: of a generation, by its number.
        seed: of the proposals.
        at_once: whether a generation shares programs; otherwise every point is free.
    """
    taken = np.zeros(len(table.points), bool)
    done: list[list[Tried]] = []
    steps, best, proposed = [], np.inf, 0
    while proposed < trials:
        generation = len(done)
        known = done[:-1] if proposer.ahead else done
        together = together_in_programs(table.space, BASE, first=generation == 0)
        if not at_once:
            together = together._replace(leaders=1 << 30)
        wanted = min(size(generation), trials - proposed)
        tried = [one for part in known for one in part]
        began = time.perf_counter()
        request = Request(table.space, tried, wanted, generation, seed, together, trials - proposed, proposed)
        points = proposer(request).points
        took = time.perf_counter() - began
        if not points:
            break
        configs = []
        for point in points:
            configs.append(table.nearest(point, taken))
            taken[configs[-1]] = True
        done.append([Tried(table.points[i], table.last[i], table.noise[i], True) for i in configs])
        best = min(best, *table.last[configs])
        proposed += len(configs)
        steps.append(Step(len(configs), table.programs(configs), 1.0, took, proposer.ahead, table.regret(best)))
    return Trace(steps)


def _define(trial: optuna.Trial, space: Space) -> Point:
    point: Point = {}
    for name in space.order:
        if space.is_active(name, point):
            distribution = space[name].distribution()
            point[name] = space[name].restored(trial._suggest(name, distribution))
    return point


def _take(study: optuna.Study, trial: optuna.Trial, space: Space, point: Point) -> None:
    """Make a running trial one of another point: of the config that is really taken."""
    kept = study._storage._get_trial(trial._trial_id)  # pyright: ignore
    kept.params, kept._distributions = {}, {}
    for name, value in point.items():
        kept.params[name] = space[name].stored(value)
        kept._distributions[name] = space[name].distribution()


def by_optuna(table: Table, sampler: optuna.samplers.BaseSampler, trials: int) -> Trace:
    """Optuna as its users write it: one trial after the other, each trained alone."""
    study = optuna.create_study(sampler=sampler)
    taken = np.zeros(len(table.points), bool)
    steps, best = [], np.inf
    for _ in range(trials):
        began = time.perf_counter()
        trial = study.ask()
        point = _define(trial, table.space)
        took = time.perf_counter() - began
        config = table.nearest(point, taken)
        taken[config] = True
        _take(study, trial, table.space, table.points[config])
        study.tell(trial, table.last[config])
        best = min(best, table.last[config])
        steps.append(Step(1, 1, 1.0, took, False, table.regret(best)))
    return Trace(steps)


def by_optuna_hyperband(table: Table, seed: int, trials: int) -> Trace:
    """TPE and HyperbandPruner, one trial after the other, until so many whole trainings are spent."""
    pruner = optuna.pruners.HyperbandPruner(min_resource=1, max_resource=EPOCHS, reduction_factor=3)
    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), pruner=pruner)
    taken = np.zeros(len(table.points), bool)
    steps, best, work = [], np.inf, 0.0
    while work < trials and not taken.all():
        began = time.perf_counter()
        trial = study.ask()
        point = _define(trial, table.space)
        took = time.perf_counter() - began
        config = table.nearest(point, taken)
        taken[config] = True
        _take(study, trial, table.space, table.points[config])
        pruned, epochs = False, EPOCHS
        for epoch in RUNGS:  # the pruner decides at no other epoch
            trial.report(table.curves[config, epoch - 1], epoch)
            if epoch < EPOCHS and trial.should_prune():
                pruned, epochs = True, epoch
                break
        if pruned:
            study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        else:
            study.tell(trial, table.last[config])
            best = min(best, table.last[config])
        work += epochs / EPOCHS
        steps.append(Step(1, 1, epochs / EPOCHS, took, False, table.regret(best) if np.isfinite(best) else 1.0))
    return Trace(steps)


def by_hyperband(table: Table, seed: int, trials: int) -> Trace:
    """Hyperband in lock step: brackets of random configs, the best third of which goes on after each rung.

    The configs of a bracket share programs as generations do: `PROGRAMS`.

    Source: Li et al. 2018, JMLR 18:185, with eta 3.
    """
    order = np.random.default_rng(seed).permutation(len(table.points)).tolist()
    steps, best, work = [], np.inf, 0.0
    while work < trials and order:
        for start, n in ((0, 27), (1, 12), (2, 6), (3, 4)):
            left, order, before = order[:n], order[n:], 0
            for epoch in RUNGS[start:] if left else ():
                part, before = (epoch - before) / EPOCHS, epoch
                ranked = sorted(left, key=lambda i, at=epoch: table.curves[i, at - 1])
                if epoch == EPOCHS:
                    best = min(best, table.last[ranked[0]])
                work += len(left) * part
                reached = table.regret(best) if np.isfinite(best) else 1.0
                steps.append(Step(len(left), PROGRAMS, part, 0.0, False, reached))
                left = ranked[: max(1, len(left) // 3)]
    return Trace(steps)


@functools.cache
def quiet() -> None:
    """Optuna says nothing about studies in memory and experimental parts."""
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    warnings.filterwarnings("ignore", category=optuna.exceptions.ExperimentalWarning)
