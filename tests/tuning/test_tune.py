import numpy as np
import optuna
import pytest
from safetensors.numpy import load_file

from caviar.errors import BadConfig, BadRun, BadSpace
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.plan import relative_cost, written_out
from caviar.training.scores import judge, row_plan
from caviar.tuning.spaces.defaults import default_space, starts
from caviar.tuning.spaces.dimensions import LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.strategy import Seconds
from caviar.tuning.tune import tune
from diagnosis.made_scores import classes, quantity
from tuning.made_searches import content, figures

SPLIT = classes(300, 100)
BASE = Config(hidden_units=(8,), learning_rate=0.001, epochs=3, batch_size=32)
SPACE = Space({"learning_rate": LogUniform(1e-3, 1e-1), "l2": LogUniform(1e-3, 10), "momentum": Uniform(0, 0.9)})


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    return tune(SPLIT, SPACE, base=BASE, trials=24, seed=5, storage=tmp_path_factory.mktemp("study") / "study.log")


def test_a_search_finds_better_settings_than_it_began_with(study):
    assert len(study.trials) == 24
    assert study.trials[0].config == BASE.changed(seed=5)
    assert study.best.outcome.criterion < 0.9 * study.trials[0].outcome.criterion
    assert len(study.zooms) == 2  # generations of 8


def test_the_best_in_all_its_forms(study):
    losses = [trial.outcome.criterion for trial in study.trials]
    assert study.best.number == int(np.argmin(losses))
    assert study.best_config == SPACE.config(study.best_params, BASE.changed(seed=5))
    assert study.best_value == study.best.outcome.values[0]
    assert study.optuna.trials[study.best.number].value == study.best_value


def test_the_best_config_trained_alone_scores_the_same(study):
    (alone,) = judge(SPLIT, [study.best_config], metric_for(SPLIT.task, None), on=row_plan(SPLIT))
    assert alone.loss.mean() == study.best.outcome.criterion
    assert alone.value == study.best_value
    assert len(alone.loss) == 400  # out of fold: every row of train and dev


def test_the_same_seed_tunes_alike_in_memory_or_on_disk(study):
    again = tune(SPLIT, SPACE, base=BASE, trials=24, seed=5)
    assert figures(again) == figures(study)
    assert content(again.optuna) == content(study.optuna)


def test_a_metric_that_is_maximised():
    study = tune(SPLIT, SPACE, base=BASE, trials=16, metric="auc")
    assert study.metric == "auc"
    assert study.optuna.direction == optuna.study.StudyDirection.MAXIMIZE
    assert study.best_value == max(trial.outcome.values[0] for trial in study.trials) == study.optuna.best_value
    assert 0.5 < study.best_value <= 1


def test_no_generation_is_begun_when_time_is_up():
    assert len(tune(SPLIT, SPACE, base=BASE, trials=24, seconds=1e-9, strategy="caviar").trials) == 8


def test_few_trainings_go_to_a_panda_and_it_is_said(tmp_path):
    told: list[str] = []
    study = tune(SPLIT, SPACE, base=BASE, trials=6, say=told.append, storage=tmp_path / "study.log")
    assert "nudged" in told[0]
    second = study.trials[1]
    assert [name for name in SPACE if second.values[name] != study.trials[0].values[name]] == ["learning_rate"]
    again = tune(SPLIT, SPACE, base=BASE, trials=6, storage=tmp_path / "study.log")
    assert figures(again) == figures(study)
    with pytest.raises(BadSpace, match="continued as it was begun, as a panda, got --strategy caviar"):
        tune(SPLIT, SPACE, base=BASE, trials=6, strategy="caviar", storage=tmp_path / "study.log")


def test_the_usual_space():
    study = tune(SPLIT, base=BASE.changed(optimizer="sgd"), trials=8)
    assert study.space == default_space(BASE.changed(optimizer="sgd"), SPLIT, trials=8)
    assert len(study.trials) == 8


def test_where_nobody_gives_a_config_two_are_tried_first(tmp_path, monkeypatch):
    """The second where it differs from the first in what is searched alone: otherwise it is no point of the space."""
    first, second = (written_out(config, SPLIT) for config in starts(SPLIT))
    monkeypatch.setattr("caviar.tuning.tune_networks.seconds_of", lambda *_: Seconds(each=1e-3, program=1e-3))
    study, again = (tune(SPLIT, trials=40, seconds=0.1, storage=tmp_path / "study.log") for _ in range(2))
    assert [trial.network for trial in study.trials[:2]] == [first, second]
    assert (study.trials[1].values["dropout"], study.trials[1].values["units"]) == (0, 96)
    assert len(study.trials) == 10
    assert [trial.network for trial in again.trials[:2]] == [first, second]
    few = tune(SPLIT, trials=3, strategy="caviar")
    assert [trial.network for trial in few.trials].count(second) == 0
    assert few.trials[0].network == first


def test_with_a_space_and_no_config_what_is_not_searched_is_as_in_the_default():
    space = Space({"dropout": Uniform(0.0, 0.5), "learning_rate": LogUniform(1e-3, 1e-1)})
    assert [trial.network for trial in tune(SPLIT, space, trials=1).trials] == [written_out(Config(), SPLIT)]


def test_configs_for_which_there_is_no_time_are_left_out_of_the_usual_space(monkeypatch):
    """The seconds are to allow four generations of eight, and twice the start is always allowed."""
    took = Seconds(each=1.0, program=1.0)
    monkeypatch.setattr("caviar.tuning.tune_networks.seconds_of", lambda *_: took)
    start = BASE.changed(hidden_units=(64, 64))
    told: list[str] = []
    study = tune(SPLIT, base=start, trials=16, seconds=32.0, strategy="caviar", say=told.append)
    costs = [relative_cost(trial.network, SPLIT) for trial in study.trials]
    assert max(costs) <= 2 * costs[0]
    assert "more than 2 s each are left out" in told[1]
    wide = tune(SPLIT, base=start, trials=16, seconds=3_200.0, strategy="caviar")
    assert 2 * costs[0] < max(relative_cost(trial.network, SPLIT) for trial in wide.trials) <= 100 * costs[0]


def test_a_quantity():
    study = tune(quantity(300, 100), SPACE, base=BASE, trials=8)
    assert study.metric == "rmse"
    assert study.best_value == pytest.approx(
        np.sqrt(study.best.outcome.criterion) * quantity(300, 100).target.std, rel=1e-5
    )


@pytest.mark.parametrize("budget", [{"trials": 0}, {"trials": -1}, {"seconds": 0}, {"seconds": -2.0}])
def test_a_budget_of_nothing(budget):
    with pytest.raises(BadSpace, match="at least 1 trial and more than 0 seconds, got"):
        tune(SPLIT, SPACE, **budget)


def test_a_metric_of_the_other_task():
    with pytest.raises(BadConfig, match="which is for regression"):
        tune(SPLIT, SPACE, metric="rmse")


def test_another_search_in_the_same_storage_is_refused(tmp_path):
    path = tmp_path / "study.log"
    one = tune(SPLIT, SPACE, base=BASE, trials=2, storage=path)
    with pytest.raises(BadRun, match=r"begun with seed = 0, now seed = 1 came.* give another storage"):
        tune(SPLIT, SPACE, base=BASE, trials=2, seed=1, storage=path)
    assert figures(tune(SPLIT, SPACE, base=BASE, trials=2, storage=path)) == figures(one)


def test_a_base_of_a_fold_is_searched_on_all_rows():
    study = tune(SPLIT, SPACE, base=BASE.changed(rows=(0, 5)), trials=1)
    assert study.trials[0].config == BASE


def test_a_folder_keeps_curves_and_the_same_call_goes_on(tmp_path):
    asked = {"base": BASE, "trials": 20, "rungs": "hyperband", "objectives": ("error", "size"), "seed": 2}
    whole = tune(SPLIT, SPACE, folder=tmp_path / "whole", **asked)
    stopped = tmp_path / "stopped"

    def stop(trials, _):
        if trials[0].generation == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(SPLIT, SPACE, folder=stopped, tell=stop, **asked)
    again = tune(SPLIT, SPACE, folder=stopped, **asked)
    assert figures(again) == figures(whole)
    assert content(again.optuna) == content(whole.optuna)
    assert not list((stopped / "checkpoints").glob("*"))
    assert len(whole.trials[0].outcome.values) == 2
    assert kept(stopped / "curves") == kept(tmp_path / "whole" / "curves")


def kept(folder) -> dict[str, dict[str, bytes]]:
    """What files hold; the order of what stands at their head is safetensors' own."""
    return {path.name: {k: v.tobytes() for k, v in load_file(path).items()} for path in folder.iterdir()}


@pytest.mark.parametrize(
    "proposals", ["random", "grid", "low_discrepancy", "tpe", optuna.samplers.RandomSampler(seed=0)]
)
def test_proposals_by_a_word_or_a_sampler(proposals):
    study = tune(SPLIT, SPACE, base=BASE, trials=17, proposals=proposals)
    assert len(study.trials) == 17 or proposals == "grid"
    assert study.zooms == ()


def test_a_function_is_tuned_by_the_same_door(tmp_path):
    space = Space({"x": Uniform(-1, 1), "shift": 0.25})
    study = tune(lambda trial: (trial.params["x"] - trial.params["shift"]) ** 2, space, trials=40, folder=tmp_path)
    assert study.best_value < 0.01
    assert study.best_params["shift"] == 0.25
    assert (tmp_path / "study.log").exists()


@pytest.mark.parametrize(
    ("what", "settings", "message"),
    [
        (SPLIT, {"processes": 2}, "To tune networks leave out processes, which is for a function; got 2"),
        (SPLIT, {"direction": "maximize"}, "leave out direction"),
        (lambda _: 0.0, {"base": BASE}, "To tune a function leave out base, which is for networks"),
        (lambda _: 0.0, {"rungs": "halving"}, "leave out rungs"),
        (SPLIT, {"proposals": "randm"}, "Did you mean 'random'"),
        (SPLIT, {"rungs": "halvin"}, "Did you mean 'halving'"),
        (SPLIT, {"objectives": ("size",)}, "Put 'error' first"),
    ],
)
def test_what_does_not_go_together(what, settings, message):
    with pytest.raises(BadSpace, match=message):
        tune(what, SPACE, trials=2, **settings)
