"""The search: generation after generation of configs, trained as populations, coarse to fine.

A generation is a function of the seed, its number and the scores of the generations before it. Its configs share a few
compiled programs: what must be compiled (layers, width class, mini-batch, batch norm, kind of activation) is drawn for
a few leaders and copied by the others; everything else is drawn for each.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import same_class, written_out
from caviar.training.scores import Score, judge, row_plan
from caviar.tuning import store
from caviar.tuning.defaults import default_space
from caviar.tuning.propose import Point, Zoom, coarse_to_fine
from caviar.tuning.space import Space

DECIDES_PROGRAM = ("layers", "units", "batch_size", "batch_norm", "activation")
"""Settings that a compiled program is made for; `units` by its width class."""

LOSS_DECIDES: tuple[MetricName, ...] = ("error", "rmse", "r2")
"""Metrics for which configs are ranked by their held-out loss."""

_REDRAWS = 100

LEADERS, LEADERS_LATER = 3, 2
"""Programs in the first generation and in every later one: each costs about a second to compile."""


@dataclasses.dataclass(frozen=True, eq=False)
class Trial:
    """One config of a study.

    Attributes:
        number: place in the study, from 0.
        generation: the generation it belongs to.
        values: searched settings by name.
        config: the whole config.
        score: how it did.
    """

    number: int
    generation: int
    values: Point
    config: Config
    score: Score


@dataclasses.dataclass(frozen=True, eq=False)
class Study:
    """A finished search.

    Attributes:
        space: what was searched.
        metric: what is optimised.
        trials: all of them, in order; trial 0 is the config from which the search started.
        zooms: the regions that were searched more densely, in order.
        optuna: the same as Optuna's Study.
    """

    space: Space
    metric: MetricName
    trials: tuple[Trial, ...]
    zooms: tuple[Zoom, ...]
    optuna: optuna.Study

    @property
    def ranked(self) -> list[Trial]:
        """Trials, the best first, by `criterion`."""
        return sorted(self.trials, key=lambda trial: criterion(trial.score, self.metric))

    @property
    def best(self) -> Trial:
        """The best trial by `criterion`."""
        return self.ranked[0]

    @property
    def best_value(self) -> float:
        """The metric of the best trial."""
        return self.best.score.value

    @property
    def best_params(self) -> Point:
        """The searched settings of the best trial."""
        return self.best.values

    @property
    def best_config(self) -> Config:
        """The config of the best trial."""
        return self.best.config


def criterion(score: Score, metric: MetricName) -> float:
    """What configs are ranked by, less is better: the metric, but for `error` the held-out loss.

    A few hundred or thousand rows cannot tell apart the error rates of good configs, while their losses differ visibly.
    """
    if metric in LOSS_DECIDES:
        return float(score.loss.mean())
    if not np.isfinite(score.value):
        return float("inf")
    return -score.value if metric in LARGER_IS_BETTER else score.value


def search(
    start: Config,
    around: Config,
    space: Space,
    judged: Callable[[Sequence[Config]], list[Score]],
    *,
    metric: MetricName,
    trials: int,
    generation_size: int,
    seed: int,
    storage: str | Path | None = None,
    first: Iterable[Config] = (),
    allowed: Callable[[Config], bool] = lambda _: True,
    enough: Callable[[], bool] = lambda: False,
    tell: Callable[[Sequence[Trial], Zoom | None], None] = lambda *_: None,
) -> Study:
    """Search a space around a config.

    Args:
        start: trial 0, the config that is to be improved.
        around: the settings that are not searched.
        space: what is searched.
        judged: trains configs and judges them.
        metric: what is optimised.
        trials: number of configs in all, trial 0 included.
        generation_size: configs that are proposed at a time.
        seed: of the proposals.
        storage: where the study is kept, see `store.open_study`.
        first: configs to try in the first generation, after trial 0.
        allowed: whether a drawn config may be tried, such as for its cost.
        enough: asked between generations; the search ends when it says so.
        tell: told after each generation of its trials, and before it of its zoom.

    Returns:
        The study; `space` and `storage` hold every trial.
    """
    study = store.open_study(storage, "maximize" if metric in LARGER_IS_BETTER else "minimize")
    store.claim(study, json.dumps([seed, metric, generation_size, start.to_json(), repr(space), around.to_json()]))
    known = store.known_ids(study)
    done: list[Trial] = []
    zooms: list[Zoom] = []
    generation = 0
    given = [start, *first][:trials]
    # A generation that the study holds already is gone through again, so that a resumed search never ends before it.
    while len(done) < trials and (not done or f"{generation}/0" in known or not enough()):
        stream = np.random.Generator(np.random.Philox(key=seed, counter=[0, 4, generation, 0]))
        wanted = min(generation_size, trials - len(done)) - (0 if done else len(given))
        tried = [(trial.values, criterion(trial.score, metric)) for trial in done]
        draw, zoom = coarse_to_fine(space, tried, generation)
        if zoom:
            zooms.append(zoom)
        configs = [] if done else list(given)
        leaders = LEADERS_LATER if done else LEADERS
        configs += draw_together(space, around, draw, n=max(0, wanted), leaders=leaders, allowed=allowed, stream=stream)
        scores = judged(configs)
        fresh = [
            Trial(len(done) + i, generation, space.values_of(config), config, score)
            for i, (config, score) in enumerate(zip(configs, scores, strict=True))
        ]
        for i, trial in enumerate(fresh):
            if f"{generation}/{i}" not in known:
                store.add_trial(study, space, trial.values, trial.score.value, _attributes(trial, i))
        done += fresh
        tell(fresh, zoom)
        generation += 1
    return Study(space, metric, tuple(done), tuple(zooms), study)


def draw_together(
    space: Space,
    around: Config,
    draw: Callable[[np.random.Generator], Point],
    *,
    n: int,
    leaders: int,
    allowed: Callable[[Config], bool],
    stream: np.random.Generator,
) -> list[Config]:
    """Draw n configs that share the compiled programs of a few of them.

    Args:
        space: what is searched.
        around: the settings that are not searched.
        draw: draws one point.
        n: configs wanted.
        leaders: configs whose program-deciding settings the others copy; units are drawn anew within the
            leader's width class.
        allowed: whether a config may be tried; where none of many draws is, the last one is taken.
        stream: random numbers.
    """
    points: list[Point] = []
    for number in range(n):
        leader = points[number % leaders] if number >= leaders else None
        point = _alike(space, draw(stream), leader, stream)
        for _ in range(_REDRAWS):
            if allowed(space.config(point, around)):
                break
            point = _alike(space, draw(stream), leader, stream)
        points.append(point)
    return [space.config(point, around) for point in points]


def _alike(space: Space, point: Point, leader: Point | None, stream: np.random.Generator) -> Point:
    """The point, with what decides the program copied from the leader."""
    if leader is None:
        return point
    own = point | {name: leader[name] for name in DECIDES_PROGRAM if name in space}
    if "units" in space:
        low, high = same_class(leader["units"])
        dimension = space["units"]
        start, end = dimension.place(low), dimension.place(high)
        own["units"] = min(high, max(low, dimension.at(start + stream.random() * (end - start))))
    return own


def _attributes(trial: Trial, index: int) -> dict[str, Any]:
    score = trial.score
    return {
        "caviar:id": f"{trial.generation}/{index}",
        "caviar:status": score.status,
        "caviar:config": json.dumps(trial.config.to_json()),
        "loss": float(score.loss.mean()),
        "train_error": score.train_error,
        "best_epoch": score.best_epoch,
        "networks": score.networks,
    }


def tune(
    split: Split,
    space: Space | None = None,
    *,
    base: Config | None = None,
    metric: MetricName | None = None,
    trials: int = 64,
    seconds: float | None = None,
    storage: str | Path | None = None,
    seed: int = 0,
) -> Study:
    """Search settings, coarse to fine, hundreds of networks at a time.

    Args:
        split: data; with fewer than 5,000 train and dev rows configs are judged out of fold.
        space: what is searched; None is a space around `base` for its most important settings.
        base: trial 0, and the settings that are not searched; None is `Config()`.
        metric: what is optimised; None is error or rmse.
        trials: configs in all.
        seconds: no new generation is begun after so many.
        storage: None in memory, a path for Optuna's journal file, or a URL such as sqlite:///study.db.
        seed: of the proposals and of the networks.

    Returns:
        The Study: `best_config`, `best_value`, `best_params`, `trials`, `optuna`.

    Raises:
        BadSpace: a budget that is not above 0.
        BadConfig: a metric of another task.
    """
    if trials < 1 or (seconds is not None and seconds <= 0):
        raise BadSpace(
            f"caviar.tune needs at least 1 trial and more than 0 seconds, got trials={trials}, seconds={seconds}."
        )
    chosen = metric_for(split.task, metric)
    start = (base or Config()).changed(seed=seed, rows=1.0)
    start = written_out(start, split)
    began = time.monotonic()
    return search(
        start,
        start,
        space or default_space(start, split),
        lambda configs: judge(split, configs, chosen, on=row_plan(split)),
        metric=chosen,
        trials=trials,
        generation_size=max(8, min(64, -(-trials // 4))),
        seed=seed,
        storage=storage,
        enough=lambda: seconds is not None and time.monotonic() - began >= seconds,
    )
