"""`caviar tune`, `report`, `retune`, `status` and `train --trial` as a person types them."""

import json
import re
import shutil

import numpy as np
import optuna
import pytest
from safetensors.numpy import load_file

import caviar
from caviar.cli import main
from caviar.errors import BadRun
from caviar.reporting import tuning_run
from caviar.reporting.terminal import PlainLines
from caviar.training.plan import written_out
from caviar.tuning.spaces.defaults import default_space, starts
from small_runs import CSV, TOML, written

SPACE = 'learning_rate = {log = [1e-3, 1e-1]}\nactivation = ["relu", "tanh"]\n'
DATA = ["f.csv", "--target", "y", "--config", "small.toml"]
BARE = ["tune", *DATA, "--strategy", "caviar", "--seed", "5"]
SMALL = [*BARE, "--space", "space.toml", "--trials", "10"]


def filled(place):
    """A small table, settings of a small network and ranges for them."""
    written(place / "f.csv", CSV)
    (place / "small.toml").write_text(TOML)
    (place / "space.toml").write_text(SPACE)
    return place


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return filled(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run of `SMALL`, and what it printed on stderr."""
    place = filled(tmp_path_factory.mktemp("tuned"))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        for name in ("Split.open_test", "open_together"):
            patched.setattr(f"caviar.data.split.{name}", lambda *_: pytest.fail("opened the test rows"))
        assert main([*SMALL, "--out", "run"]) == 0
    return place / "run"


@pytest.fixture
def there(done, tmp_path, monkeypatch):
    """A copy of its folder, to be changed."""
    shutil.copytree(done.parent, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    run = tmp_path / "run" / "run.json"
    run.write_text(run.read_text().replace(str(done.parent), str(tmp_path)))
    return tmp_path / "run"


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text())


def bits(folder):
    """What a search comes to, without what it took: summary, study, model, settings."""
    summary = summary_of(folder)
    summary.pop("seconds")
    study = optuna.load_study(
        study_name=None,
        storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(folder / "study.log"))),
    )
    trials = [(t.number, t.state, t.params, t.values, t.user_attrs, t.intermediate_values) for t in study.trials]
    return summary, trials, [(folder / name).read_bytes() for name in ("model.safetensors", "model.json", "best.toml")]


def interrupt(monkeypatch, after):
    """As if Ctrl-C were pressed when progress is told for the n-th time."""
    told = []

    def progress(*_):
        told.append(0)
        if len(told) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(PlainLines, "progress", progress)


def test_what_a_search_leaves(done):
    files = sorted(path.name for path in done.iterdir() if not path.name.startswith("."))
    assert files == [
        "best.toml", "curves", "model.json", "model.safetensors", "report.html", "run.json", "study.log", "summary.json"
    ]  # fmt: skip
    summary = summary_of(done)
    assert (summary["format"], summary["task"], summary["metric"]) == (1, "classification", "error")
    assert summary["split"] == {"train": 36, "dev": 12, "test": 12}
    assert (summary["trials"], summary["pruned"], summary["failed"]) == (10, 0, 0)
    best = summary["best"]
    assert set(best["params"]) == {"learning_rate", "activation"}
    assert best["dev_error"]["low"] <= best["dev_error"]["value"] <= best["dev_error"]["high"]
    assert best["trial"] in [one["trial"] for one in summary["selection"]["candidates"]]
    assert summary["networks_trained"] > 10 * 5  # out of fold, and those of the last comparison
    assert "configs" in summary["strategy"]


def test_the_model_is_the_network_of_the_best_settings(done):
    best = summary_of(done)["best"]
    config = caviar.Config.from_mapping(best["config"])
    model = caviar.load(done)
    assert model.config == config
    split = caviar.split(caviar.read(done.parent / "f.csv", "y"), seed=5)
    (run,) = caviar.train(split, [config])
    for mine, kept in zip(run.weights, model.weights, strict=True):
        np.testing.assert_array_equal(mine.w, kept.w)
    assert best["train_error"]["value"] == run.at_best("train_error")


def test_the_best_settings_are_a_file_for_config(done):
    from caviar.reporting.config_file import read_config

    best = caviar.Config.from_mapping(summary_of(done)["best"]["config"])
    assert read_config(done / "best.toml") == best.changed(seed=0)


def test_optuna_opens_the_study(done):
    _, trials, _ = bits(done)
    assert len(trials) == 10
    assert all(set(params) == {"learning_rate", "activation"} for _, _, params, *_ in trials)


def test_the_same_command_prints_a_finished_run_again(there, capsys):
    before = bits(there)
    assert main([*SMALL, "--out", "run", "--json"]) == 0
    out, err = capsys.readouterr()
    assert "finished already" in err
    printed, best = json.loads(out), before[0]["best"]
    assert printed == {"best_value": best["value"], "best_params": best["params"], "trials": 10, "run": "run"}
    assert main(["tune", "--resume", "run"]) == 0
    assert f"trial {best['trial']}" in capsys.readouterr().out
    assert bits(there) == before


@pytest.mark.parametrize("after", [1, 4])
def test_a_search_that_was_interrupted_goes_on_to_the_same(place, done, after, capsys, monkeypatch):
    with pytest.MonkeyPatch.context() as patched:
        interrupt(patched, after)
        assert main([*SMALL, "--out", "run"]) == 130
    assert "caviar tune --resume run" in capsys.readouterr().err
    assert not (place / "run" / "summary.json").exists()
    assert main(["tune", "--resume", "run"]) == 0
    monkeypatch.undo()
    assert bits(place / "run") == bits(done)


def test_the_report_of_a_search_that_is_not_finished(there, capsys):
    finished = (there / "report.html").read_text()
    (there / "summary.json").unlink()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out == "Report: run/report.html (the search is not finished)\n"
    assert "caviar tune --resume run" in (there / "report.html").read_text()
    assert "with fresh seeds" in finished


def test_the_report_is_written_anew(there, capsys):
    before = (there / "report.html").read_bytes()
    (there / "report.html").unlink()
    assert main(["report", "run"]) == 0
    assert capsys.readouterr().out == "Report: run/report.html\n"
    assert (there / "report.html").read_bytes() == before


def test_a_trial_is_trained_again_to_the_same_curve(there, capsys):
    assert main(["train", "--trial", "3", "run"]) == 0
    out = capsys.readouterr().out
    assert "The curves are those of the study, bit for bit." in out
    assert "one per fold" in out
    curves = load_file(there / "replays" / "trial-3.safetensors")
    last = out.splitlines()[-3].split()
    assert int(last[0]) == len(curves["dev_loss"]) == 20
    assert last[2] == f"{curves['dev_loss'][-1]:.3g}"


def test_a_trial_on_other_data_or_that_is_not_there(there, capsys):
    assert main(["train", "--trial", "10", "run"]) == 1
    assert "must be one of 0 to 9, got 10" in capsys.readouterr().err.splitlines()[-1]
    written(there.parent / "f.csv", [*CSV[:-1], CSV[1]])
    assert main(["train", "--trial", "3", "run"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "holds others" in line
    assert not (there / "replays").exists()


@pytest.mark.usefixtures("there")
def test_a_curve_that_differs_is_said(capsys, monkeypatch):
    from caviar.tuning.study.records import Curves

    true = Curves.curves
    monkeypatch.setattr(Curves, "curves", lambda self, i: true(self, i) | {"dev_loss": true(self, i)["dev_loss"] + 0.5})
    assert main(["train", "--trial", "0", "run", "--json"]) == 1
    assert json.loads(capsys.readouterr().out)["same"] is False
    assert main(["train", "--trial", "0", "run"]) == 1
    assert "NOT the curves of the study: dev_loss differs by up to 0.5" in capsys.readouterr().out


def test_status(there, capsys):
    assert main(["status", "run"]) == 0
    assert capsys.readouterr().out.startswith("fine")
    (there / "summary.json").unlink()
    assert main(["status", "run", "--json"]) == 4
    assert json.loads(capsys.readouterr().out)["runs"][0]["standing"] == "unfinished"


def test_a_database_with_a_password(place, capsys):
    url = "sqlite://user:secret@/study.db"
    assert main([*SMALL, "--storage", url, "--out", "run"]) in (0, 1)
    out, err = capsys.readouterr()
    assert "secret" not in out + err
    assert "secret" not in (place / "run" / "run.json").read_text()


def test_a_study_in_a_database(place, capsys):
    assert (
        main([*BARE, "--space", "space.toml", "--trials", "8", "--storage", "sqlite:///study.db", "--out", "run"]) == 0
    )
    study = optuna.load_study(study_name="caviar", storage="sqlite:///study.db")
    assert len(study.trials) == 8
    assert not (place / "run" / "study.log").exists()
    assert "optuna-dashboard sqlite:///study.db" in (place / "run" / "report.html").read_text()
    capsys.readouterr()
    # the same place for another search
    (place / "space.toml").write_text(SPACE.replace("1e-3", "1e-4"))
    assert (
        main([*BARE, "--space", "space.toml", "--trials", "8", "--storage", "sqlite:///study.db", "--out", "other"])
        == 1
    )
    assert "was begun with space" in capsys.readouterr().err.splitlines()[-1]
    assert len(optuna.load_study(study_name="caviar", storage="sqlite:///study.db").trials) == 8


def test_rungs_objectives_and_other_proposals(place, capsys):
    words = ["--rungs", "halving", "--objectives", "error", "size", "--proposals", "low_discrepancy"]
    assert main([*SMALL, *words, "--out", "run"]) == 0
    summary = summary_of(place / "run")
    assert summary["front"]["objectives"] == ["error", "size"]
    assert summary["front"]["trials"]
    page = (place / "run" / "report.html").read_text()
    assert "error against size" in page
    assert 'id="rungs"' in page
    capsys.readouterr()
    assert main([*SMALL, *words, "--out", "run"]) == 0
    assert "finished already" in capsys.readouterr().err


def refused(capsys, *words):
    """The last line of a refusal."""
    assert main(list(words)) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert not re.search("Traceback|fault of caviar", err)
    return err.splitlines()[-1]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("learning_rate = {log = [1e-1, 1e-3]}", "low < high"),
        ("learning_rate = {log = [0, 1]}", "zero has no logarithm"),
        ("learning_rat = {log = [1e-3, 1e-1]}", "'learning_rate'"),
        ("learning_rate = {lok = [1e-3, 1e-1]}", "'log'"),
        ("activation = []", "at least two options"),
        ("", "at least one dimension"),
        ("learning_rate = ", "TOML"),
    ],
)
def test_ranges_that_cannot_be_searched(place, capsys, content, said):
    (place / "space.toml").write_text(content)
    assert said in refused(capsys, *SMALL, "--out", "run")
    assert not (place / "run").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--space", "gone.toml"], "gone.toml"),
        (["--proposals", "randon"], "'random'"),
        (["--objectives", "error", "sice"], "'size'"),
        (["--objectives", "size"], "begin with 'error'"),
        (["--trials", "0"], "at least 1 trial"),
        (["--seconds", "0"], "more than 0 seconds"),
        (["--metric", "rmse"], "classification"),
        (["--warm-start", "gone"], "gone"),
        (["--storage", "postgresql://nobody@127.0.0.1:1/nothing"], "must be a file or a database that answers"),
        (["--storage", "nonsense://x"], "a database that answers, got nonsense://x"),
        (["--cluster", "127.0.0.1:1"], "nothing listens"),
    ],
)
@pytest.mark.usefixtures("place")
def test_what_cannot_be_asked(capsys, words, said):
    usual = [] if "--space" in words else ["--space", "space.toml"]
    usual += [] if "--trials" in words else ["--trials", "10"]
    line = refused(capsys, *BARE, *usual, "--out", "run", *words)
    assert said in line
    assert line.startswith("caviar: ")


def test_with_earlier_searches_the_space_and_the_config_it_is_made_around_go_together(there, monkeypatch):
    asked = {}

    def caught(split, **how):
        asked.update(how, split=split)
        raise BadRun("caught")

    monkeypatch.setattr(tuning_run, "tune", caught)
    with pytest.raises(BadRun, match="caught"):
        tuning_run.tune_networks("f.csv", "y", warm_start=[there], trials=20, out="other")
    split = asked["split"]
    start = written_out(starts(split)[0].changed(seed=0, rows=1.0), split)
    assert asked["base"] == start
    assert asked["space"] == default_space(start, split, trials=20)


def test_another_request_in_the_same_folder(there, capsys):
    assert "was asked for trials = 10, now trials = 12" in refused(
        capsys, *BARE, "--space", "space.toml", "--trials", "12", "--out", "run"
    )
    written(there.parent / "f.csv", [*CSV[:-1], CSV[1]])
    assert "the data hold others" in refused(capsys, *SMALL, "--out", "run")


@pytest.mark.usefixtures("place")
def test_resume_of_what_is_no_search(capsys):
    assert main(["train", *DATA, "--out", "trained"]) == 0
    capsys.readouterr()
    assert "was begun by caviar train" in refused(capsys, "tune", "--resume", "trained")
    assert "is of caviar train" in refused(capsys, "train", "--trial", "0", "trained")
    assert "is of caviar train" in refused(capsys, "report", "trained")
    assert "must hold run.json" in refused(capsys, "report", "gone")


def test_usage(place, capsys):
    assert main(["tune"]) == 2
    assert main(["tune", "--resume", "run", "--trials", "3"]) == 2
    assert "leave out --trials" in capsys.readouterr().err
    assert main(["train", "--trial", "3"]) == 2
    assert main(["train", "--trial", "3", "run", "--seeds", "2"]) == 2
    assert "leave out --seeds" in capsys.readouterr().err
    assert main([*SMALL, "--rungs", "nothing"]) == 2
    assert not (place / "run").exists()


def test_a_search_whose_networks_all_diverge(place, capsys, monkeypatch):
    true = tuning_run.select
    monkeypatch.setattr(tuning_run, "select", lambda *a, **k: _diverged(true(*a, **k)))
    assert main([*SMALL, "--out", "run"]) == 0
    assert "diverged" in capsys.readouterr().out
    assert summary_of(place / "run")["best"] is None
    assert not (place / "run" / "model.json").exists()
    assert main(["report", "run"]) == 0


def _diverged(found):
    import dataclasses

    scores = tuple(dataclasses.replace(score, status="diverged") for score in found.chosen.scores)
    return dataclasses.replace(found, chosen=dataclasses.replace(found.chosen, scores=scores))
