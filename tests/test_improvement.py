"""The whole job on small tables: what it leaves, what it repeats exactly, what it says, and how it goes on."""

import json

import numpy as np
import optuna
import pandas as pd
import polars as pl
import pytest
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend

import caviar
from caviar.errors import BadConfig, BadRun
from small_runs import CONFIG, QUICK, Lines, finished, finished_from_file, frame

pytestmark = pytest.mark.filterwarnings("ignore::caviar.data.sealed.TestOpenedAgain")  # several runs, one test set

LEFT = {".lock", "curves", "model.json", "model.safetensors", "report.html", "run.json", "study.log", "summary.json"}
SEARCHED = {"config": CONFIG, "trials": 9}
"""Nine trials are two generations."""


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return tmp_path_factory.getbasetemp()


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    return caviar.improve(frame(), "y", out=tmp_path_factory.mktemp("searched") / "run", **SEARCHED)


def timeless(summary):
    """What does not depend on the clock, nor on what was opened before."""
    told = {name: value for name, value in summary.items() if name not in ("seconds", "looks")}
    return told | {"dev looks": summary["looks"]["dev"]}


def trials(folder):
    storage = JournalStorage(JournalFileBackend(str((folder / "study.log").absolute())))
    study = optuna.load_study(study_name="caviar", storage=storage)
    return [(t.number, t.state, t.params, t.values, t.user_attrs, t.distributions) for t in study.trials]


def arrays(improvement):
    return [part for layer in improvement.model.weights for part in layer if part is not None]


def test_what_is_left_and_what_is_said(base):
    result, told = finished(base)
    assert {path.name for path in result.folder.iterdir() if not path.name.startswith(".")} == LEFT - {".lock"}
    assert not [path for path in result.folder.rglob("*") if path.suffix in (".pkl", ".pickle", ".joblib", ".npy")]
    assert all(path.read_bytes()[:2] != b"\x80\x04" for path in result.folder.rglob("*") if path.is_file())
    assert json.loads((result.folder / "summary.json").read_text()) == result.summary
    stages = ["Data", "Baselines", "Diagnosis", "Remedies", "Search", "Last comparison, with fresh seeds", "Proof"]
    assert [line.removeprefix("== ") for line in told if line.startswith("== ")] == stages
    assert {row["name"] for row in result.summary["baselines"]} == {"constant", "linear", "default", "yours"}
    assert result.summary["seconds"] > 0
    assert result.summary["networks_trained"] > 100


def test_a_finished_run_is_handed_back(base):
    result, _ = finished(base)
    before = {path: path.stat().st_mtime_ns for path in result.folder.rglob("*") if path.suffix != ".lock"}
    listener = Lines()
    again = caviar.improve(frame(), "y", out=result.folder, listener=listener, **QUICK)
    assert again.summary == result.summary
    assert listener.told == [f"This run is finished already: {result.folder}"]
    assert {path: path.stat().st_mtime_ns for path in before} == before
    for mine, theirs in zip(arrays(again), arrays(result), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert again.model.predict(frame()).equals(caviar.predict(result.folder, frame()))


def test_another_request_in_the_same_folder_is_refused(base):
    result, _ = finished(base)
    with pytest.raises(
        BadRun, match=r"was asked for seed = 0, now seed = 7 came. Ask for the same .*or give another --out"
    ):
        caviar.improve(frame(), "y", out=result.folder, seed=7, **QUICK)
    with pytest.raises(BadRun, match="the data hold others"):
        caviar.improve(frame(59), "y", out=result.folder, **QUICK)


def test_the_same_seed_gives_the_same_answer_bit_for_bit(base, tmp_path):
    result, _ = finished(base)
    pandas = pd.DataFrame({name: frame()[name].to_list() for name in frame().columns})
    again = caviar.improve(pandas, "y", out=tmp_path / "again", **QUICK)
    assert timeless(again.summary) == timeless(result.summary)
    assert trials(again.folder) == trials(result.folder)
    for mine, theirs in zip(arrays(again), arrays(result), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_another_seed_gives_another_answer(base, tmp_path):
    result, _ = finished(base)
    other = caviar.improve(frame(), "y", out=tmp_path / "other", seed=1, **QUICK)
    assert other.summary["seed"] == 1
    for name in ("baselines", "remedies", "best"):
        assert other.summary[name] != result.summary[name]


def test_a_pair_of_arrays_gives_the_same_figures_as_a_frame(base, tmp_path):
    result, _ = finished(base)
    pair = (frame().drop("y").to_numpy(), frame()["y"].to_numpy())
    summary = caviar.improve(pair, out=tmp_path / "pair", **QUICK).summary
    for name in ("split", "baselines", "remedies", "best", "networks_trained"):
        assert summary[name] == result.summary[name]


@pytest.mark.parametrize("until", ["== Remedies", "generation 1", "== Last comparison"])
def test_an_interrupted_run_goes_on_where_it_was(searched, tmp_path, until):
    listener, out = Lines(until), tmp_path / "run"
    with pytest.raises(KeyboardInterrupt):
        caviar.improve(frame(), "y", out=out, listener=listener, **SEARCHED)
    again = f"caviar.improve with the same arguments and out={str(out)!r}"  # for data that are not in a file
    assert listener.told[-1] == f"Interrupted. To go on where it was: {again}"
    assert not (out / "summary.json").exists()
    assert list((out / "checkpoints").iterdir())
    again = Lines()
    resumed = caviar.improve(frame(), "y", out=out, listener=again, **SEARCHED)
    at = next(i for i, line in enumerate(again.told) if line.startswith(until))
    ended = [line.removeprefix("== ") for line in again.told[: at + 1] if line.startswith("== ")][:-1]
    assert not again.trained_in & set(ended), "what was trained before is not trained again"
    assert timeless(resumed.summary) == timeless(searched.summary)
    assert trials(out) == trials(searched.folder)
    assert not (out / "checkpoints").exists()
    for mine, theirs in zip(arrays(resumed), arrays(searched), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    curves = "curves/trials.safetensors"
    assert (out / curves).read_bytes() == (searched.folder / curves).read_bytes()


def test_an_interruption_before_the_proof_changes_no_count(searched, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        caviar.improve(frame(), "y", out=tmp_path / "run", listener=Lines("== Proof"), **SEARCHED)
    resumed = caviar.improve(frame(), "y", out=tmp_path / "run", **SEARCHED)
    assert timeless(resumed.summary) == timeless(searched.summary)


def test_pure_noise_is_not_improved(tmp_path):
    rng = np.random.default_rng(1)
    x, y = rng.normal(size=(60, 2)), rng.permutation(["heads", "tails"] * 30)
    listener = Lines()
    config = caviar.Config(hidden_units=(4,), epochs=10, learning_rate=0.01, batch_size="full")
    result = caviar.improve((x, y), out=tmp_path / "run", config=config, trials=4, listener=listener)
    assert result.summary["improved"] is False
    chosen = result.summary["best"]["config"]
    assert [chosen[name] for name in ("hidden_units", "epochs", "optimizer")] == [[4], 10, "adam"]
    words = "Your network was not improved: nothing that was tried is better beyond the noise."
    assert any(line.startswith(words) for line in listener.told)
    assert words in (result.folder / "report.html").read_text(encoding="utf-8")
    assert "Nothing was changed." in (result.folder / "report.html").read_text(encoding="utf-8")


def test_a_gain_that_is_there_is_found(base):
    """A threshold on one column, and too few steps to find it."""
    result, told = finished(base)
    assert result.summary["improved"] is True
    best = result.summary["best"]
    yours = {row["name"]: row for row in result.summary["baselines"]}["yours"]
    assert best["dev_error"]["value"] < yours["dev_error"]["value"]
    assert best["config"] != CONFIG.to_json()
    assert any(line.startswith("Your network was improved, and the test rows confirm it: ") for line in told)


def test_settings_of_ones_own_that_the_search_cannot_hold(tmp_path):
    """Per layer, with a decay of its own, stopping before the schedule's end: the run reaches its end."""
    config = CONFIG.changed(
        hidden_units=(4, 4),
        dropout=(0.1, 0.2),
        activation=("relu", "leaky_relu"),
        schedule="exponential",
        decay_rate=0.9,
        stop_after=15,
    )
    result = caviar.improve(frame(), "y", config=config, trials=9, out=tmp_path / "run")
    assert result.summary["trials"] == 9
    assert trials(tmp_path / "run")[0][4]["caviar:values"]["dropout"] == [0.1, 0.2]
    assert (tmp_path / "run" / "report.html").exists()


def test_a_network_that_diverges_counts_as_the_constant_model(tmp_path):
    config = CONFIG.changed(optimizer="sgd", learning_rate=1e20)
    result = caviar.improve(frame(), "y", config=config, trials=1, out=tmp_path / "run")
    rows = {row["name"]: row for row in result.summary["baselines"]}
    assert rows["yours"]["test_error"] == rows["constant"]["test_error"]
    assert "diverged" in [finding["name"] for finding in result.summary["findings"]]


def test_regression_with_an_optimal_error(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 2))
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "price": 100 + 20 * x[:, 0] - 5 * x[:, 1]})
    result = caviar.improve(table, "price", out=tmp_path / "run", optimal_error=2.0, **QUICK)
    summary = result.summary
    assert (summary["task"], summary["metric"]) == ("regression", "rmse")
    assert set(summary["best"]["scores"]) == {"rmse", "mae", "r2"}
    linear = {row["name"]: row for row in summary["baselines"]}["constant"]["test_error"]
    assert 10 < linear["value"] < 40  # in the target's unit: about its standard deviation
    (bias,) = [finding for finding in summary["findings"] if finding["name"] == "high_bias"]
    assert bias["evidence"]["optimal_error"] == pytest.approx((2.0 / table["price"].std()) ** 2, rel=0.3)
    predicted = result.model.predict(table.drop("price"))["prediction"]
    assert predicted.dtype == pl.Float64
    assert "Residuals" in (result.folder / "report.html").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def without_test(tmp_path_factory):
    """A run without a test set, which optimises AUC."""
    out, listener = tmp_path_factory.mktemp("without") / "run", Lines()
    result = caviar.improve(frame(48), "y", dev=12, test=0, metric="auc", out=out, listener=listener, **QUICK)
    return result, listener.told


def test_without_a_test_set_it_is_said_that_figures_flatter(without_test):
    result, told = without_test
    assert result.summary["split"]["test"] == 0
    assert result.summary["best"]["test_error"] is None
    assert all(row["test_error"] is None for row in result.summary["baselines"])
    assert any("flatter it" in line for line in told)
    assert "There is no test set" in (result.folder / "report.html").read_text(encoding="utf-8")


def test_the_metric_that_was_asked_for_is_optimised(without_test):
    result, _ = without_test
    assert result.summary["metric"] == "auc"
    values = [values for _, _, _, values, *_ in trials(result.folder)]
    assert all(0 <= value <= 1 for (value,) in values)
    storage = JournalStorage(JournalFileBackend(str((result.folder / "study.log").absolute())))
    assert optuna.load_study(study_name="caviar", storage=storage).direction.name == "MAXIMIZE"


def test_dev_and_test_may_be_tables_of_their_own(tmp_path):
    rows = frame()
    dev, test = rows[28:48], rows[40:].select(reversed(rows.columns))
    result = caviar.improve(rows[:28], "y", dev=dev, test=test, out=tmp_path / "run", **QUICK)
    assert result.summary["split"] == {"train": 28, "dev": 20, "test": 20}
    wrong = result.model.predict(test)["prediction"] != rows[40:]["y"]
    assert result.summary["best"]["test_error"]["value"] == pytest.approx(wrong.mean())
    assert json.loads((result.folder / "run.json").read_text())["asked"]["dev"] == "given in Python"


def test_a_metric_may_decide_between_classes_and_quantities_of_whole_numbers(tmp_path):
    table = frame().with_columns(y=pl.Series([i % 3 for i in range(60)]))
    assert caviar.split(caviar.read(table, "y")).task == "classification"
    with pytest.raises(BadConfig, match="rmse, mae, r2, got 'f1'"):
        caviar.improve(table.with_columns(pl.col("y") + 0.5), "y", metric="f1", out=tmp_path / "run", task="regression")
    result = caviar.improve(table, "y", metric="mae", out=tmp_path / "mae", refit=False, config=CONFIG, trials=1)
    assert result.summary["task"] == "regression"
    assert result.summary["best"]["refitted"] is False
    assert not (tmp_path / "run").exists()


def test_a_sample_is_known_by_its_name_also_beside_a_folder_of_that_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "iris").mkdir()
    with pytest.raises(KeyboardInterrupt):
        caviar.improve("iris", listener=Lines("== Baselines"), **QUICK)
    assert json.loads((tmp_path / "caviar-runs" / "iris-1" / "run.json").read_text())["asked"]["data"] == "iris"


def test_a_file_is_remembered_by_its_whole_path(base):
    result, path = finished_from_file(base)
    asked = json.loads((result.folder / "run.json").read_text())["asked"]
    assert asked["data"] == str(path)
    assert asked["config"] == CONFIG.to_json()
    assert result.summary["judged"] == "out of fold"


def test_a_run_that_goes_on_after_its_proof_has_opened_the_test_rows_once(tmp_path, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("caviar.improvement.write_report", interrupted)
        with pytest.raises(KeyboardInterrupt):
            caviar.improve(frame(), "y", out=tmp_path / "run", **QUICK)
    resumed = caviar.improve(frame(), "y", out=tmp_path / "run", **QUICK).summary["looks"]["test"]
    assert (resumed["times"], resumed["seen"], resumed["rows"]) == (1, 0.0, 12)
    assert str(tmp_path / "run") in resumed["by"]
    other = Lines()
    summary = caviar.improve(frame(), "y", out=tmp_path / "other", listener=other, **QUICK).summary
    assert (summary["looks"]["test"]["times"], summary["looks"]["test"]["seen"]) == (2, 1.0)
    assert any("but 100% of them had been opened before, in 1 other look; last " in line for line in other.told)
    assert "100% of them had been opened before" in (tmp_path / "other" / "report.html").read_text()
