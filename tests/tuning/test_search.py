import dataclasses
import json

import numpy as np
import pytest

from caviar.network.config import Config
from caviar.training.metrics import LARGER_IS_BETTER, metrics_of
from caviar.tuning.spaces.dimensions import Choice, Integer, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.trials import LOSS_DECIDES, criterion
from diagnosis.made_scores import score
from tuning.made_searches import SPACE, START, Judge, content, figures, loss, run


def test_the_start_is_trial_0():
    study = run()
    first = study.trials[0]
    assert (first.number, first.generation, first.config) == (0, 0, START)
    assert first.values == SPACE.values_of(START)
    assert study.optuna.trials[0].user_attrs["caviar:id"] == "0/0"


@pytest.mark.parametrize("trials", [1, 2, 8, 20, 24])
def test_exactly_so_many_trials_as_asked(trials):
    study = run(trials=trials)
    assert [trial.number for trial in study.trials] == list(range(trials))
    assert [trial.generation for trial in study.trials] == [i // 8 for i in range(trials)]
    assert len(study.optuna.trials) == trials


def test_the_best_is_never_lost_and_never_worse_than_the_start():
    study = run(trials=64, generation_size=16)
    losses = [loss(trial.config) for trial in study.trials]
    assert study.best_value == min(losses) < losses[0]
    assert study.best is study.ranked[0] is study.trials[int(np.argmin(losses))]
    assert [loss(trial.config) for trial in study.ranked] == sorted(losses)
    assert study.best_config is study.best.config
    assert study.best_params == study.best.values
    assert SPACE.config(study.best_params, START) == study.best_config
    assert study.optuna.best_value == study.best_value
    assert study.optuna.best_trial.number == study.best.number


def test_a_start_that_is_best_stays_best():
    best = START.changed(learning_rate=0.01, dropout=0.2)
    assert run(start=best, trials=32).best.number == 0


def test_the_same_seed_gives_the_same_trials():
    one, other = run(), run()
    assert figures(one) == figures(other)
    assert one.zooms == other.zooms
    assert content(one.optuna) == content(other.optuna)
    assert figures(run(seed=4))[1:] != figures(one)[1:]


def test_later_generations_zoom_in():
    study = run(trials=96, generation_size=32)
    assert [zoom.generation for zoom in study.zooms] == [1, 2]
    means = [np.mean([loss(t.config) for t in study.trials if t.generation == g]) for g in range(3)]
    assert means[2] < 0.7 * means[0]


def test_configs_share_a_few_programs():
    """Three in the first generation and two in every later one: layers, width class, batch size, batch norm."""
    study = run(trials=65, generation_size=32, first=[START.changed(l2=1.0)])
    own = [
        {(c.layers, 1 << (c.hidden_units[0] - 1).bit_length(), c.batch_size, c.batch_norm) for c in configs}
        for configs in (
            [t.config for t in study.trials if t.generation == generation and t.number > 1] for generation in range(2)
        )
    ]
    assert [len(programs) for programs in own] == [3, 2]


def test_configs_that_are_handed_in_come_after_the_start():
    given = [START.changed(dropout=0.3), START.changed(learning_rate=0.02)]
    assert [t.config for t in run(first=given).trials[:3]] == [START, *given]
    assert [t.config for t in run(first=given, trials=2).trials] == [START, given[0]]


def test_settings_that_are_not_searched_are_those_of_the_centre():
    study = run(around=START.changed(l2=0.7))
    assert study.trials[0].config.l2 == 0
    assert {trial.config.l2 for trial in study.trials[1:]} == {0.7}


def test_only_allowed_configs_are_tried():
    study = run(allowed=lambda config: config.dropouts[0] < 0.3)
    assert all(trial.config.dropouts[0] < 0.3 for trial in study.trials)


def test_it_ends_between_generations_when_it_is_enough():
    judge, asked = Judge(), []

    def enough():
        asked.append(len(judge.lists))
        return len(judge.lists) >= 2

    study = run(judge, trials=1_000, enough=enough)
    assert len(study.trials) == 16
    assert asked == [1, 2]  # never before the first
    assert [len(configs) for configs in judge.lists] == [8, 8]


def test_every_generation_is_told_with_its_zoom():
    told = []
    study = run(tell=lambda trials, zooms: told.append((trials, zooms)))
    assert [trial for trials, _ in told for trial in trials] == list(study.trials)
    assert [zooms for _, zooms in told] == [(), *((zoom,) for zoom in study.zooms)]


def test_a_metric_that_is_maximised():
    def judged(configs):
        return [score(c, loss=1 - loss(c), value=1 - loss(c)) for c in configs]  # the loss would choose otherwise

    study = run(judged, metric="auc", trials=32)
    assert study.best_value == max(t.score.value for t in study.trials)
    assert study.optuna.direction.name == "MAXIMIZE"
    assert study.optuna.best_value == study.best_value


@pytest.mark.parametrize("metric", [*metrics_of("classification"), *metrics_of("regression")])
def test_less_is_better_for_every_criterion(metric):
    better, worse = score(loss=0.2, value=0.2), score(loss=0.3, value=0.3)
    if metric in LOSS_DECIDES:
        assert criterion(better, metric) == pytest.approx(0.2)
        assert criterion(dataclasses.replace(better, value=float("nan")), metric) == pytest.approx(0.2)
    else:
        assert abs(criterion(better, metric)) == 0.2
        assert criterion(dataclasses.replace(better, value=float("nan")), metric) == float("inf")
        larger = metric in LARGER_IS_BETTER
        assert (criterion(better, metric) > criterion(worse, metric)) == larger


def test_what_is_written_beside_every_trial():
    study = run()
    for trial, stored in zip(study.trials, study.optuna.trials, strict=True):
        attributes = stored.user_attrs
        assert attributes["caviar:values"] == trial.values
        assert Config.from_mapping(json.loads(attributes["caviar:config"])) == trial.config
        assert (attributes["caviar:status"], attributes["networks"], attributes["best_epoch"]) == ("finished", 1, 3)
        assert attributes["loss"] == pytest.approx(loss(trial.config))
        assert attributes["train_error"] == pytest.approx(loss(trial.config) / 2)
        assert stored.params["beta1"] == pytest.approx(np.log10(1 - trial.config.beta1))
        assert stored.distributions == {name: d.distribution() for name, d in SPACE.items()}  # never a zoom


@pytest.mark.parametrize(
    ("start", "dimensions"),
    [
        (Config(dropout=(0.1, 0.2)), {"dropout": Uniform(0, 0.5)}),
        (Config(), {"beta2": OneMinusLogUniform(0.9, 0.999)}),
        (Config(), {"early_stopping": Integer(3, 9)}),
        (Config(batch_size="full"), {"batch_size": Integer(8, 64)}),
        (Config(activation=("relu", "tanh")), {"activation": Choice("relu", "tanh")}),
        (Config(activation=("relu", "tanh")), {"layers": Integer(1, 3)}),
        (Config(hidden_units=()), {"layers": Integer(1, 3), "units": Integer(2, 4)}),
    ],
)
def test_a_start_may_have_what_no_dimension_holds(start, dimensions):
    """One value per layer, None, "full", no layers: kept as the attribute, searched from the nearest place."""
    space = Space(dimensions)
    study = run(
        lambda configs: [score(c, loss=1 + i) for i, c in enumerate(configs)], start=start, around=start, space=space
    )
    assert study.trials[0].config == start
    stored = study.optuna.trials[0]
    assert all(
        stored.distributions[name]._contains(stored.distributions[name].to_internal_repr(v))
        for name, v in stored.params.items()
    )
    assert stored.user_attrs["caviar:values"] == space.values_of(start)
    assert all(space[name].holds(trial.values[name]) for trial in study.trials[1:] for name in space)
