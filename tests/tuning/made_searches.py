"""Searches without training: the loss of a config is a formula with a best point."""

from collections.abc import Callable, Sequence
from typing import Any

import optuna

from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER
from caviar.training.scores import Score
from caviar.tuning.networks import Scored
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.search import Entry, Plan, Study, asked_of, search
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from diagnosis.made_scores import score

DIMENSIONS: dict[str, Dimension] = {
    "learning_rate": LogUniform(1e-4, 1e-1),
    "beta1": OneMinusLogUniform(0.8, 0.99),
    "layers": Integer(1, 3),
    "units": Integer(8, 128, log=True),
    "batch_size": Choice(32, 64, 128),
    "dropout": Uniform(0.0, 0.6),
    "batch_norm": Choice(False, True),
}
SPACE = Space(DIMENSIONS)
START = Config(learning_rate=1e-3, hidden_units=(64, 64), epochs=9)


def loss(config: Config) -> float:
    """Least at rate 0.01 and dropout 0.2."""
    rate, dropout = SPACE["learning_rate"], SPACE["dropout"]
    apart = (rate.place(config.rate) - rate.place(0.01)) ** 2 + (dropout.place(config.dropouts[0]) - 1 / 3) ** 2
    return 0.1 + apart


class Judge:
    """Judges by the formula; counts the lists that came, and breaks off in one of them if asked."""

    def __init__(self, *, break_at: int | None = None) -> None:
        self.lists: list[list[Config]] = []
        self._break_at = break_at

    def __call__(self, configs: Sequence[Config]) -> list[Score]:
        if self._break_at == len(self.lists):
            raise KeyboardInterrupt
        self.lists.append(list(configs))
        return [score(c, loss=loss(c), value=loss(c), train_error=loss(c) / 2) for c in configs]


def run(
    judge: Any = None,
    *,
    start: Config = START,
    around: Config = START,
    space: Space = SPACE,
    metric: Any = "error",
    trials: int = 20,
    generation_size: int = 8,
    seed: int = 3,
    storage: Any = None,
    first: Sequence[Config] = (),
    allowed: Callable[[Config], bool] = lambda _: True,
    propose: Any = None,
    again: bool = True,
    **settings: Any,
) -> Study:
    """A search for 20 configs, 8 at a time."""
    given = [start, *first][:trials]
    plan = Plan(
        space=space,
        propose=propose or CoarseToFine(),
        trials=trials,
        generation_size=lambda _: generation_size,
        seed=seed,
        given=tuple(Entry(space.values_of(config), config) for config in given),
        config=lambda point: space.config(point, around),
        together=lambda generation: together_in_programs(space, around, first=generation == 0, allowed=allowed),
        metric=metric,
    )
    study = store.open_study(storage, "maximize" if metric in LARGER_IS_BETTER else "minimize")
    store.claim(study, asked_of(plan, around=around.to_json()))
    return search(plan, Scored(judge or Judge(), metric), study, again=again, **settings)


def content(study: optuna.Study) -> list[tuple]:
    """What makes two studies equal: everything but dates."""
    return [(t.number, t.state, t.params, t.distributions, t.values, t.user_attrs) for t in study.trials]


def figures(study: Study) -> list[tuple]:
    """What makes two searches equal."""
    return [(t.number, t.generation, t.values, t.config, t.outcome.criterion, t.outcome.values) for t in study.trials]
