"""A search of the settings of networks: from what is asked to the plan, the study and its judge."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import optuna

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import written_out
from caviar.training.population import Callback
from caviar.training.scores import row_plan
from caviar.tuning import store
from caviar.tuning.coarse_to_fine import CoarseToFine
from caviar.tuning.defaults import default_space
from caviar.tuning.networks import Networks
from caviar.tuning.nudges import Nudges
from caviar.tuning.propose import Proposer, Zoom
from caviar.tuning.search import Entry, Plan, Study, asked_of, search
from caviar.tuning.space import Space
from caviar.tuning.strategy import Strategy, StrategyName, choose_strategy, configs_at_once, seconds_of
from caviar.tuning.together import together_in_programs
from caviar.tuning.trials import Trial

TRIALS = 64
"""Configs of a search without a budget of one's own."""

_UNLIMITED = 1_000_000
"""Configs of a search that only the seconds end."""

_GENERATIONS = 8
"""Into which the configs that the seconds allow are divided."""

_SMALLEST, _LARGEST = 8, 64
"""Configs of a generation."""

_PATIENCE = 0.8
"""A generation is begun when at least this share of the last one's time is left."""

_STRATEGY = "caviar:strategy"

Told = Callable[[Sequence[Trial], tuple[Zoom, ...]], None]


def tune_networks(
    split: Split,
    space: Space | None = None,
    *,
    base: Config | None = None,
    metric: MetricName | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    proposals: Proposer | None = None,
    strategy: StrategyName | None = None,
    storage: str | Path | None = None,
    folder: Path | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = lambda _: None,
    tell: Told = lambda *_: None,
    seed: int = 0,
) -> Study:
    """Search the settings of networks; see `tune`."""
    began = time.monotonic()
    chosen = metric_for(split.task, metric)
    start = written_out((base or Config()).changed(seed=seed, rows=1.0), split)
    space = space or default_space(start, split)
    space.check_settings()
    study = store.open_study(storage, "maximize" if chosen in LARGER_IS_BETTER else "minimize")
    way = _strategy(study, split, start, trials=trials, seconds=seconds, asked=strategy)
    say(way.reason)
    size = _generation_size(way)
    plan = Plan(
        space=space,
        propose=(proposals or (CoarseToFine() if way.name == "caviar" else Nudges(start=space.values_of(start)))),
        trials=trials or _UNLIMITED,
        generation_size=lambda _: size,
        seed=seed,
        given=(Entry(space.values_of(start), start),),
        config=lambda point: space.config(point, start),
        together=lambda generation: together_in_programs(space, start, first=generation == 0),
        metric=chosen,
    )
    store.claim(study, asked_of(plan, base=start.to_json(), rows=split.fingerprint))
    ended = [began]

    def told(fresh: Sequence[Trial], zooms: tuple[Zoom, ...]) -> None:
        ended.append(time.monotonic())
        tell(fresh, zooms)

    def enough() -> bool:
        return seconds is not None and time.monotonic() + _PATIENCE * (ended[-1] - ended[-2]) >= began + seconds

    checkpoints = None if folder is None else folder / "checkpoints"
    return search(plan, Networks(split, chosen, checkpoints, callbacks), study, enough=enough, tell=told)


def _strategy(
    study: optuna.Study,
    split: Split,
    start: Config,
    *,
    trials: int | None,
    seconds: float | None,
    asked: StrategyName | None,
) -> Strategy:
    """Panda or caviar: as it was decided before, or by the budget; what the clock decides is kept with the study."""
    known = study.user_attrs.get(_STRATEGY)
    if known is not None:
        way = Strategy(**json.loads(known))
        if asked in (None, way.name):
            return way
        raise BadSpace(
            f"A study must be continued as it was begun, as a {way.name}, got --strategy {asked}. Give another storage."
        )
    on = row_plan(split)
    way = choose_strategy(
        at_once=configs_at_once(split, start, on),
        trials=trials,
        seconds=seconds,
        seconds_each=None if seconds is None else seconds_of(split, start, on),
        asked=asked,
    )
    study.set_user_attr(_STRATEGY, json.dumps(way.to_json()))
    return way


def _generation_size(way: Strategy) -> int:
    """Configs of a generation.

    Of a panda as few as are trained in the time of one, so that each learns from the last; of a caviar a part of the
    budget that fills the machine.
    """
    if way.name == "panda":
        return max(2, way.at_once)
    parts = 4 if way.seconds_each is None else _GENERATIONS
    return max(_SMALLEST, min(_LARGEST, -(-way.configs // parts)))
