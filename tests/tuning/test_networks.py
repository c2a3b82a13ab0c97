"""Generations of networks: who is stopped, what is kept of them, and that an interrupted one goes on to the same."""

import dataclasses
import json
import math

import numpy as np
import optuna
import pytest

import caviar
from caviar.errors import BadConfig, BadSpace
from caviar.network.config import Config
from caviar.network.own import own_network
from caviar.training import crew
from caviar.training.drive import starting_weights
from caviar.training.plan import inputs_of
from caviar.training.scores import constant_score, judge, networks_for, row_plan
from caviar.tuning import networks as module
from caviar.tuning.networks import RUNGS, Networks
from caviar.tuning.noise import HALVES
from caviar.tuning.objectives import costs, objectives_of, prediction_cost, size
from caviar.tuning.rungs import Rungs
from caviar.tuning.search import Entry
from caviar.tuning.spaces.dimensions import LogUniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.trials import Trial
from diagnosis.made_scores import classes, quantity
from training import toy_splits

FEW, MANY = classes(300, 100), classes(5_000, 1_000)
THREE = Rungs(least=2)  # of 9 epochs: one at 3; of 18: at 2 and 6
BASE = Config(hidden_units=(8,), batch_size=500, epochs=18)
RATES = [0.03, 0.03001, 0.03002, 1e-6, 2e-6, 3e-6, 4e-6, 5e-6, 6e-6, 0.03003]
"""Three alike, six that hardly move and another like the first."""
CONFIGS = [BASE.changed(learning_rate=rate) for rate in RATES]


def entries(configs):
    return [Entry({}, config) for config in configs]


def of(split=MANY, configs=CONFIGS, generation=1, **settings):
    judge = Networks(split, settings.pop("metric", "error"), **({"rungs": THREE} | settings))
    return judge(entries(configs), generation, ())


@pytest.fixture(scope="module")
def outcomes():
    return of()


@pytest.fixture(scope="module")
def whole():
    return of(rungs=None)


def plain(outcome):
    """What makes two outcomes equal."""
    curves = {name: curve.tolist() for name, curve in (outcome.curves or {}).items()}
    return json.dumps([dataclasses.asdict(dataclasses.replace(outcome, curves=None)), curves])


def test_slow_ones_are_stopped_and_the_others_are_as_if_nobody_had_been(outcomes, whole):
    states = [outcome.state for outcome in outcomes]
    assert states == ["complete"] * 3 + ["pruned"] * 6 + ["complete"]
    for one, other in zip(outcomes, whole, strict=True):
        if one.state == "complete":
            assert plain(dataclasses.replace(one, rungs={})) == plain(other)
            assert list(one.rungs) == [2, 6]
        else:
            assert list(one.rungs) == [2]


def test_what_is_kept_of_a_stopped_one(outcomes):
    """The same as of a network that ended there."""
    stopped = outcomes[5]
    (ended,) = of(configs=[CONFIGS[5].changed(stop_after=2)], rungs=None)
    assert stopped.values == ended.values == (stopped.rungs[2],)
    assert (stopped.criterion, stopped.noise) == (ended.criterion, ended.noise)
    assert {**ended.facts, "caviar:status": "pruned"} == stopped.facts
    assert stopped.facts["epochs"] == stopped.facts["best_epoch"] == 2
    for name, curve in stopped.curves.items():
        np.testing.assert_array_equal(curve, ended.curves[name])


def test_outcomes_hold_no_rows(outcomes):
    for outcome in outcomes:
        assert outcome.score is None
        assert all(
            curve.dtype == np.float32 and len(curve) == outcome.facts["epochs"] for curve in outcome.curves.values()
        )
        assert len(outcome.facts[HALVES]) == 32
        assert len(json.dumps(dict(outcome.facts))) < 1_000


def test_a_survivor_has_the_bits_of_the_config_trained_alone(outcomes):
    (run,) = caviar.train(MANY, [CONFIGS[1]])
    for name, curve in outcomes[1].curves.items():
        np.testing.assert_array_equal(curve, run.history[name].astype(np.float32))
    (alone,) = judge(MANY, [CONFIGS[1]], "error", on=row_plan(MANY))
    assert (alone.value, float(alone.loss.mean())) == (outcomes[1].values[0], outcomes[1].criterion)


def test_survivors_are_put_together_into_fewer_lanes(monkeypatch):
    """Sixteen networks are two lanes; the eight that go on are one, and the next generation has lanes of its own."""
    seen, original = [], crew.drive

    def watched(lane, *rest, **others):
        seen.append((others["until"], len(lane.members), lane.size))
        return original(lane, *rest, **others)

    monkeypatch.setattr(crew, "drive", watched)
    rates = [(0.03, 1e-6)[i % 2] * (1 + i / 1e4) for i in range(16)]
    configs = [BASE.changed(learning_rate=rate, epochs=9) for rate in rates]
    outcomes = of(configs=configs)
    assert [outcome.state for outcome in outcomes] == ["complete", "pruned"] * 8
    assert sorted(seen, key=str) == [(3, 8, 8), (3, 8, 8), (None, 8, 8)]
    seen.clear()
    of(configs=configs, generation=2)
    assert sorted(seen, key=str) == [(3, 8, 8), (3, 8, 8), (None, 8, 8)]


def test_the_users_own_config_goes_on():
    bad_first = [CONFIGS[4], *CONFIGS[:3], *CONFIGS[5:9]]
    assert of(configs=bad_first, generation=0)[0].state == "complete"
    assert of(configs=bad_first, generation=1)[0].state == "pruned"


def test_out_of_fold_the_networks_of_a_config_go_on_or_stop_together(monkeypatch):
    given = []
    real = module.train

    def watched(*rest, **others):
        given.append(real(*rest, **others))
        return given[-1]

    monkeypatch.setattr(module, "train", watched)
    configs = [config.changed(batch_size=64, epochs=9) for config in CONFIGS[:9]]
    outcomes = of(FEW, configs)
    assert [outcome.state for outcome in outcomes] == ["complete"] * 3 + ["pruned"] * 6
    statuses = [run.status for run in given[0]]
    assert len(statuses) == 45
    assert statuses == ["finished"] * 15 + ["pruned"] * 30
    assert {outcome.facts["networks"] for outcome in outcomes} == {5}


def test_a_config_of_which_a_fold_is_done_is_judged_by_all_its_folds():
    """Early stopping ends some folds before the rung; the others are compared with all rows."""
    configs = [config.changed(batch_size=64, epochs=9, early_stopping=1) for config in [*CONFIGS[:3], *CONFIGS[3:9]]]
    configs[0] = configs[0].changed(learning_rate=0.3)
    stops = {run.epochs for run in caviar.train(FEW, networks_for(configs[0], row_plan(FEW)))}
    assert min(stops) <= 3 < max(stops)  # some end before the rung
    outcomes, alone = of(FEW, configs), of(FEW, configs[:1], rungs=None)
    assert outcomes[0].state in ("complete", "pruned")
    if outcomes[0].state == "complete":
        assert outcomes[0].values == alone[0].values
    assert all(math.isfinite(v) for outcome in outcomes for v in outcome.values)


def test_one_that_diverges_is_complete_with_the_constant_models_value():
    lost = BASE.changed(learning_rate=1e30, optimizer="sgd")
    for metric in ("error", "auc", "f1"):
        outcome = of(configs=[*CONFIGS, lost], metric=metric)[-1]
        assert (outcome.state, outcome.facts["caviar:status"]) == ("complete", "diverged")
        assert outcome.values == (constant_score(MANY, metric).value,)
        assert outcome.rungs == {}


@pytest.mark.parametrize("metric", ["auc", "f1", "balanced_accuracy", "log_loss"])
def test_any_metric_stops_who_is_plainly_worse(metric):
    states = [outcome.state for outcome in of(metric=metric)]
    assert states[:3] == ["complete"] * 3
    assert states.count("pruned") >= 5


@pytest.mark.parametrize("metric", ["rmse", "mae", "r2"])
def test_any_metric_of_a_quantity(metric):
    split = quantity(5_000, 1_000)
    outcomes = of(split, metric=metric)
    assert [outcome.state for outcome in outcomes] == ["complete"] * 3 + ["pruned"] * 6 + ["complete"]
    assert outcomes[3].values[0] == outcomes[3].rungs[2]


def test_a_metric_without_a_value_is_refused_at_once():
    x, y = np.arange(12_000.0).reshape(6_000, 2), np.array(["a", "b"] * 2_500 + ["a"] * 1_000)
    split = caviar.split(
        caviar.read((x[:5_000], y[:5_000])), dev=caviar.read((x[5_000:], y[5_000:])), test=0, scale=None
    )
    with pytest.raises(BadConfig, match="auc has none"):
        of(split, metric="auc", generation=0)


@pytest.mark.parametrize("when", [1, 4, 6, 9])
def test_an_interrupted_generation_goes_on_to_the_same_outcomes(tmp_path, outcomes, when):
    """Between the rungs, at one, and inside: wherever a callback breaks off."""
    calls = []

    def breaking(_progress):
        calls.append(1)
        if len(calls) == when:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        of(checkpoints=tmp_path, callbacks=[breaking])
    again = of(checkpoints=tmp_path)
    assert [plain(outcome) for outcome in again] == [plain(outcome) for outcome in outcomes]
    assert list(tmp_path.glob("generation-00001/*.safetensors"))


def test_a_crew_is_handed_on_only_where_there_is_one(monkeypatch):
    asked = []

    def fake(_split, _networks, **given):
        asked.append({name: value for name, value in given.items() if name == "crew"})
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "train", fake)
    for one in (None, "a crew"):
        with pytest.raises(KeyboardInterrupt):
            of(crew=one)
    assert asked == [{}, {"crew": "a crew"}]


OBJECTIVES = ("error", "size", "prediction_cost")


def test_several_objectives():
    small = [config.changed(hidden_units=units) for config in (CONFIGS[0], CONFIGS[3]) for units in (1, 2, 8)]
    outcomes = of(configs=small, objectives=OBJECTIVES)
    for config, outcome in zip(small, outcomes, strict=True):
        assert outcome.values[1:] == (size(config, MANY), prediction_cost(config, MANY))
        assert outcome.rungs == {}
        assert outcome.facts[RUNGS]["2"] > 0
    # The smallest that learns goes on beside better, larger ones; those that do not learn are stopped.
    assert [outcome.state for outcome in outcomes[:3]] == ["complete"] * 3
    assert [outcome.state for outcome in outcomes[4:]] == ["pruned"] * 2


def test_optuna_goes_on_with_a_study_of_several_objectives():
    """Its TPE cannot compare intermediate values of several objectives, and would raise on every one."""
    small = [config.changed(hidden_units=units) for config in CONFIGS[:4] for units in (2, 8)]
    outcomes = of(configs=small, objectives=OBJECTIVES[:2])
    assert {outcome.state for outcome in outcomes} == {"complete", "pruned"}
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        directions=["minimize"] * 2, sampler=optuna.samplers.TPESampler(n_startup_trials=1, seed=0)
    )
    space = Space({"learning_rate": LogUniform(1e-7, 1.0)})
    for number, (config, outcome) in enumerate(zip(small, outcomes, strict=True)):
        store.add_trial(study, space, Trial(number, 0, number, space.values_of(config), config, outcome))
    asked = study.ask({"learning_rate": space["learning_rate"].distribution()})
    assert 1e-7 <= asked.params["learning_rate"] <= 1.0
    assert store.trials_of(study, space)["0/1"].outcome.facts[RUNGS] == outcomes[1].facts[RUNGS]


ARCHITECTURES = [
    Config(hidden_units=(17, 5)),
    Config(hidden_units=()),
    Config(hidden_units=(17, 5), batch_norm=True),
    Config(hidden_units=(9,), layer_norm=True),
]


@pytest.mark.parametrize("config", ARCHITECTURES)
def test_size_is_that_of_the_weights(config):
    weights = starting_weights(config, MANY)
    parts = [part for layer in weights for part in layer if part is not None]
    assert size(config, MANY) == sum(part.size for part in parts)
    assert prediction_cost(config, MANY) == sum(layer.w.size for layer in weights)


def test_size_and_cost_of_convolutions():
    split = toy_splits.images()
    config = Config(filters=(5, 3), kernel_size=3, stride=1, pooling=2, hidden_units=(7,))
    weights = starting_weights(config, split)
    assert size(config, split) == sum(layer.w.size + layer.b.size for layer in weights)
    first, second, *dense = [layer.w.size for layer in weights]
    assert prediction_cost(config, split) == first * 48 + second * 12 + sum(dense)  # 8 x 6 pixels, then 4 x 3


def test_size_and_cost_of_a_network_of_ones_own():
    config = Config(network=(lambda _key, _config: {"w": np.ones((2, 3))}, lambda weights, x: x @ weights["w"]))
    assert size(config, MANY) == 6
    assert prediction_cost(config, MANY) == own_network(config, inputs_of(2, None), 3).products


def test_costs_are_asked_by_their_words():
    config = Config(hidden_units=(4,))
    assert costs(config, MANY, ("error",)) == ()
    assert costs(config, MANY, ("error", "prediction_cost")) == (2 * 4 + 4 * 3,)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("error", "prediction_time"), "Use 'prediction_cost'"),
        (("error", "sise"), "Did you mean 'size'"),
        (("size", "error"), "begin with 'error'"),
        (("error", "size", "size"), "name each once"),
        ((), "begin with 'error'"),
    ],
)
def test_objectives_that_cannot_be(words, said):
    with pytest.raises(BadSpace, match=said):
        objectives_of(words)


def test_objectives_as_a_list_or_a_word():
    assert objectives_of(["error", "size"]) == ("error", "size")
    assert objectives_of("error") == ("error",)
