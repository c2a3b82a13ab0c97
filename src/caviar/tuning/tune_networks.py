"""A search of the settings of networks: from what is asked to the plan, the study and its judge."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import optuna

from caviar.data.split import Split
from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.crew import Crew
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import relative_cost, written_out
from caviar.training.population import Callback
from caviar.training.scores import row_plan
from caviar.tuning.networks import Networks
from caviar.tuning.objectives import objectives_of
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.nudges import Nudges
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.proposals.proposers import proposer_for
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.rungs import Rungs, rungs_of
from caviar.tuning.search import Entry, Plan, Study, asked_of, mark_of, search
from caviar.tuning.spaces.course_order import IMPORTANCE
from caviar.tuning.spaces.defaults import default_space, starts
from caviar.tuning.spaces.dimensions import Choice, Integer
from caviar.tuning.spaces.space import Space
from caviar.tuning.strategy import Strategy, StrategyName, choose_strategy, configs_at_once, seconds_of
from caviar.tuning.study import store
from caviar.tuning.study.records import Curves
from caviar.tuning.study.storage import Where
from caviar.tuning.transfer.prior import Prior, Warmed
from caviar.tuning.trials import Trial

TRIALS = 64
"""Configs of a search without a budget of one's own."""

_UNLIMITED = 1_000_000
"""Configs of a search that only the seconds end."""

_GENERATIONS = 4
"""Into which the configs of a budget are divided: each costs programs to compile."""

_SMALLEST, _LARGEST = 8, 64
"""Configs of a generation."""

_AT_LEAST = 2.0
"""Times the start, which a config may cost whatever the budget."""

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
    objectives: Sequence[str] = ("error",),
    trials: int | None = None,
    seconds: float | None = None,
    proposals: Any = None,
    rungs: str | Rungs | None = None,
    strategy: StrategyName | None = None,
    prior: Prior | None = None,
    storage: Where = None,
    study_name: str = store.STUDY_NAME,
    folder: Path | None = None,
    crew: Crew | None = None,
    callbacks: Sequence[Callback] = (),
    say: Callable[[str], None] = lambda _: None,
    tell: Told = lambda *_: None,
    seed: int = 0,
) -> Study:
    """Search the settings of networks; see `tune`."""
    began = time.monotonic()
    chosen, wanted = metric_for(split.task, metric), objectives_of(objectives)
    start, *others = (written_out(one.changed(seed=seed, rows=1.0), split) for one in starts(split, base, space))
    proposer = None if proposals is None else proposer_for(proposals)
    race = rungs_of(rungs)
    direction: store.Direction = "maximize" if chosen in LARGER_IS_BETTER else "minimize"
    smaller: list[store.Direction] = ["minimize"] * (len(wanted) - 1)
    study = store.open_study(storage, [direction, *smaller], study_name=study_name)
    way = _strategy(study, split, start, trials=trials, seconds=seconds, asked=strategy)
    say(way.reason)
    allowed = None if space is not None else _affordable(way, start, split, seconds, say)
    space = space or default_space(start, split, trials=min(way.configs, _UNLIMITED))
    space.check_settings()
    size = _generation_size(way)
    race = race and race.of_most(_most_epochs(space, start))
    usual = CoarseToFine() if way.name == "caviar" else Nudges(IMPORTANCE, space.values_of(start))
    given = _given(space, start, others)

    def configs_of(generation: int) -> int:
        return race.size(generation, size) if race else size

    plan = Plan(
        space=space,
        propose=(proposer or usual) if prior is None else Warmed(proposer or usual, prior),
        trials=trials or _UNLIMITED,
        generation_size=configs_of,
        seed=seed,
        given=given,
        config=lambda point: space.config(point, start),
        together=lambda generation: together_in_programs(
            space,
            start,
            first=generation == 0,
            most=way.most_programs(seconds, [configs_of(earlier) for earlier in range(generation)]),
            given=() if generation else tuple(entry.values for entry in given),
            allowed=allowed,
        ),
        metric=chosen,
    )
    asked = asked_of(plan, base=start.to_json(), data=split.fingerprint, rungs=_named(race), objectives=wanted)
    store.claim(study, asked)
    checkpoints = None if folder is None else folder / "checkpoints"
    ended = [began]

    def told(fresh: Sequence[Trial], zooms: tuple[Zoom, ...]) -> None:
        ended.append(time.monotonic())
        tell(fresh, zooms)

    def enough() -> bool:
        return seconds is not None and time.monotonic() + _PATIENCE * (ended[-1] - ended[-2]) >= began + seconds

    return search(
        plan,
        Networks(split, chosen, checkpoints, callbacks, crew, race, wanted),
        study,
        records=None if folder is None else Curves(folder / "curves", mark_of(asked), checkpoints=checkpoints),
        enough=enough,
        tell=told,
    )


def _given(space: Space, start: Config, others: Sequence[Config]) -> tuple[Entry, ...]:
    """What is tried first: the start, and the others where they differ from it in what is searched alone."""
    entries = [Entry(space.values_of(config), config) for config in (start, *others)]
    return (entries[0], *(entry for entry in entries[1:] if space.config(entry.values, start) == entry.config))


def _most_epochs(space: Space, start: Config) -> int:
    """The epochs of the config that may train longest."""
    dimension = space.get("epochs")
    if isinstance(dimension, Integer):
        return dimension.high
    if isinstance(dimension, Choice):
        return max(option for option in dimension.options if isinstance(option, int))
    return int(space.fixed.get("epochs") or start.epochs or 1)


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
        took=None if seconds is None else seconds_of(split, start, on),
        asked=asked,
    )
    study.set_user_attr(_STRATEGY, json.dumps(way.to_json()))
    return way


def _affordable(
    way: Strategy, start: Config, split: Split, seconds: float | None, say: Callable[[str], None]
) -> Callable[[Config], bool] | None:
    """Which configs may be tried where nobody gave a space: the seconds are to allow all generations. None: all.

    Twice the start may always be; a network that is nudged may become as large as the nudges lead.
    """
    if seconds is None or not way.seconds_each or way.name == "panda":
        return None
    fewest = _GENERATIONS * _SMALLEST
    each = max(_AT_LEAST * way.seconds_each, seconds / fewest)
    say(f"Configs that would take more than {each:.2g} s each are left out: of those the time allows too few.")
    most = relative_cost(start, split) * each / way.seconds_each
    return lambda config: relative_cost(config, split) <= most


def _generation_size(way: Strategy) -> int:
    """Configs of a generation.

    Of a panda as few as are trained in the time of one, so that each learns from the last; of a caviar a part of the
    budget that fills the machine.
    """
    if way.name == "panda":
        return max(2, way.at_once)
    return max(_SMALLEST, min(_LARGEST, -(-way.configs // _GENERATIONS)))


def _named(rungs: Rungs | None) -> str:
    """Rungs, as a study remembers them."""
    return repr(rungs) + (", strict" if rungs is not None and rungs.strict else "")
