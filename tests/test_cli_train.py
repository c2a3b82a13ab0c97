"""`caviar train` as a person types it: the table, the run folder, going on, and refusals."""

import json
import re
import shutil

import numpy as np
import polars as pl
import pytest
from safetensors.numpy import load_file

import caviar
from caviar.cli import main
from caviar.reporting import trained, training_run
from caviar.reporting.terminal import PlainLines
from small_runs import CSV, TOML, written

OTHER = 'hidden_units = [4]\nepochs = 8\nbatch_size = "full"\noptimizer = "momentum"\n'
SMALL = ["train", "f.csv", "--target", "y", "--config", "small.toml"]
BOTH = [*SMALL, "--config", "other.toml", "--seeds", "3", "--seed", "5"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a small table and the settings of small networks."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "f.csv", CSV)
    (tmp_path / "small.toml").write_text(TOML)
    (tmp_path / "other.toml").write_text(OTHER)
    return tmp_path


@pytest.fixture
def sealed(monkeypatch):
    """The test rows must not be opened."""
    for name in ("Split.open_test", "open_together"):
        monkeypatch.setattr(f"caviar.data.split.{name}", lambda *_: pytest.fail("opened the test rows"))


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run of `BOTH`."""
    place = tmp_path_factory.mktemp("trained")
    written(place / "f.csv", CSV)
    (place / "small.toml").write_text(TOML)
    (place / "other.toml").write_text(OTHER)
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        assert main([*BOTH, "--out", "run"]) == 0
    return place / "run"


def names_in(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock")


def bits(folder):
    """What a run comes to, without what it took."""
    summary = json.loads((folder / "summary.json").read_text())
    for taken in ("seconds", "plan"):
        summary.pop(taken)
    files = ("model.safetensors", "model.json", "curves/networks.safetensors")
    return summary, [(folder / name).read_bytes() for name in files]


def interrupt(monkeypatch, after):
    """As if Ctrl-C were pressed when progress is told for the n-th time."""
    told = []

    def progress(*_):
        told.append(0)
        if len(told) == after:
            raise KeyboardInterrupt

    monkeypatch.setattr(PlainLines, "progress", progress)


@pytest.mark.usefixtures("sealed")
def test_one_network_is_trained_kept_and_used(place, capsys):
    assert main([*SMALL, "--out", "run"]) == 0
    out, err = capsys.readouterr()
    summary = json.loads((place / "run" / "summary.json").read_text())
    (network,) = summary["networks"]
    assert out == (
        "config      seed  train error  dev error  epochs  status\n"
        f"small.toml  0     {network['train_error']:<11.2%}  {network['dev_error']:<9.2%}  20      finished\n"
    )
    assert all(re.match(r"\d+:\d\d ", line) for line in err.splitlines())
    assert re.findall(r"^\d+:\d\d == (.*)$", err, re.MULTILINE) == ["Data", "Training", "Result"]
    assert "The 12 test rows stay sealed." in err
    assert "Run folder: run" in err
    files = ["curves", "model.json", "model.safetensors", "run.json", "summary.json"]
    assert names_in(place / "run") == files
    assert (summary["format"], summary["task"], summary["metric"], summary["rows"]) == (
        1,
        "classification",
        "error",
        60,
    )
    assert summary["split"] == {"train": 36, "dev": 12, "test": 12}
    assert summary["best"] == network

    assert main(["predict", "run", "f.csv"]) == 0
    answers = capsys.readouterr().out.split()
    assert answers[0] == "prediction"
    assert answers[1:] == caviar.load(place / "run").predict(pl.read_csv("f.csv"))["prediction"].to_list()


def test_the_figures_are_those_of_train(done):
    summary, curves = (
        json.loads((done / "summary.json").read_text()),
        load_file(done / "curves" / "networks.safetensors"),
    )
    split = caviar.split(caviar.read(done.parent / "f.csv", "y"), seed=5)
    configs = [
        caviar.Config(hidden_units=4, batch_size="full", seed=seed, **settings)
        for settings in ({"epochs": 20}, {"epochs": 8, "optimizer": "momentum"})
        for seed in (5, 6, 7)
    ]
    runs = caviar.train(split, configs)
    for number, (run, network) in enumerate(zip(runs, summary["networks"], strict=True)):
        assert network == {
            "config": "small.toml" if number < 3 else "other.toml",
            "seed": run.config.seed,
            "status": run.status,
            "epochs": run.epochs,
            "best_epoch": run.best_epoch,
            "train_error": run.at_best("train_error"),
            "dev_error": run.at_best("dev_error"),
        }
        for name, curve in run.history.items():
            np.testing.assert_array_equal(curves[f"{number}.{name}"], curve.astype(np.float32))
    assert len(curves) == 6 * len(runs[0].history)
    errors = [run.at_best("dev_error") for run in runs]
    best = runs[int(np.argmin(errors))]
    assert summary["best"] == summary["networks"][int(np.argmin(errors))]
    model = caviar.load(done)
    assert model.config == best.config
    np.testing.assert_array_equal(model.weights[0].w, best.weights[0].w)
    for config, own in zip(summary["configs"], (errors[:3], errors[3:]), strict=True):
        assert config["networks"] == 3
        assert config["dev_error"] == pytest.approx({"mean": np.mean(own), "spread": np.std(own, ddof=1)})


def test_several_seeds_have_a_mean(done, capsys):
    assert main(["train", "--resume", str(done)]) == 0
    out, err = capsys.readouterr()
    assert err == ""  # finished: nothing to tell
    summary = json.loads((done / "summary.json").read_text())
    lines = out.splitlines()
    assert [line.split()[:2] for line in lines[1:]] == [
        [name, word] for name in ("small.toml", "other.toml") for word in ("5", "6", "7", "mean")
    ]
    for line, config in zip((lines[4], lines[8]), summary["configs"], strict=True):
        shown = [f"{config[kind]['mean']:.2%} ± {config[kind]['spread']:.2%}" for kind in ("train_error", "dev_error")]
        assert re.split(r"  +", line)[1:] == ["mean of 3", *shown]


@pytest.mark.parametrize("again", [["train", "--resume", "run"], [*BOTH, "--out", "run"]])
def test_it_goes_on_where_it_was_interrupted(done, place, capsys, monkeypatch, again):
    with monkeypatch.context() as patched:
        interrupt(patched, after=5)
        assert main([*BOTH, "--out", "run"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("Interrupted. To go on where it was: caviar train --resume run\n")
    assert names_in(place / "run") == ["checkpoints", "run.json"]
    kept = len(list((place / "run" / "checkpoints").glob("*.safetensors")))
    assert kept
    spent = json.loads((place / "run" / "run.json").read_text())["spent"]
    assert sum(spent.values()) > 0
    assert main(["predict", "run", "f.csv"]) == 1
    capsys.readouterr()
    assert main(again) == 0
    assert capsys.readouterr().out.count("finished") == 6
    assert bits(place / "run") == bits(done)
    assert names_in(place / "run") == names_in(done)
    (row,) = json.loads((place / "run" / "summary.json").read_text())["plan"]["rows"]
    assert row["spent"] > sum(spent.values())


def test_checkpoints_are_what_it_goes_on_from(place, monkeypatch):
    def interrupted(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(training_run, "write_curves", interrupted)
        assert main([*SMALL, "--out", "run"]) == 130
    monkeypatch.setattr("caviar.training.calls.advance", lambda *_: lambda *_: pytest.fail("trained again"))
    assert main([*SMALL, "--out", "run"]) == 0
    assert (place / "run" / "summary.json").exists()


def test_a_finished_run_is_printed_again(done, capsys, monkeypatch):
    monkeypatch.chdir(done.parent)
    monkeypatch.setattr(training_run, "train", lambda *_, **__: pytest.fail("trained again"))
    before = bits(done)
    assert main([*BOTH, "--out", "run", "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out) == json.loads((done / "summary.json").read_text())
    assert re.fullmatch(r"0:0\d    This run is finished already: run\n", err)
    assert main(["train", "--resume", "run", "--explain"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("config")
    assert err.startswith("program")
    assert bits(done) == before


@pytest.mark.parametrize(
    ("other", "words"),
    [
        ([*BOTH[:-1], "6"], "was asked for seed = 5, now seed = 6 came"),
        ([*BOTH[:-3], "4", "--seed", "5"], "was asked for seeds = 3, now seeds = 4 came"),
        ([*SMALL, "--seeds", "3", "--seed", "5"], "was asked for configs = "),
        ([*BOTH, "--dev", "14"], "was asked for dev = null, now dev = 14 came"),
        (["improve", "f.csv", "--target", "y"], 'was asked for command = "train", now command = null came'),
    ],
)
def test_another_command_in_its_folder_is_refused(done, capsys, monkeypatch, other, words):
    monkeypatch.chdir(done.parent)
    before = bits(done)
    assert main([*other, "--out", "run"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert bits(done) == before


def test_runs_of_one_command_are_not_resumed_by_the_other(done, tmp_path, capsys):
    assert main(["improve", "--resume", str(done)]) == 1
    assert f"was begun by caviar train. Go on with caviar train --resume {done}." in capsys.readouterr().err
    (tmp_path / "run.json").write_text(json.dumps({"format": 1, "asked": {"rows": "ab"}, "seconds": 0}))
    assert main(["train", "--resume", str(tmp_path)]) == 1
    assert "was begun by caviar improve. Go on with caviar improve --resume" in capsys.readouterr().err


def test_explain_tells_the_plan_before_and_what_was_spent_after(place, capsys):
    assert main([*BOTH, "--explain", "--json"]) == 0
    out, err = capsys.readouterr()
    assert re.findall(r"== (.*)$", err, re.MULTILINE) == ["Data", "Plan", "Training", "What was spent", "Result"]
    before, after = (line.split()[1:] for line in err.splitlines() if "8, mini-batch 36" in line)
    assert before[3:8] == ["6", "3", "x", "8", after[7]]
    assert len(after) == len(before) + 2  # seconds spent
    assert max(len(line) for line in err.splitlines() if "mini-batch" in line or "program " in line) <= 100
    plan = json.loads(out)["plan"]
    assert json.loads((place / "caviar-runs" / "f-1" / "summary.json").read_text())["plan"] == plan
    (row,) = plan["rows"]
    assert (row["program"], row["networks"], row["lanes"], row["size"]) == ("8, mini-batch 36", 6, 3, 8)
    assert 0 < row["spent"] < 60


def test_where_every_network_diverges_there_is_no_model(place, capsys):
    (place / "hot.toml").write_text(f'{TOML}optimizer = "sgd"\nlearning_rate = 1e30\n')
    assert main(["train", "f.csv", "--target", "a", "--config", "hot.toml", "--seeds", "2", "--out", "run"]) == 0
    out, err = capsys.readouterr()
    assert [line.split()[2:] for line in out.splitlines()[1:]] == [["-", "-", "1", "diverged"]] * 2
    assert "Every network diverged: there is no model. Lower learning_rate" in err
    assert names_in(place / "run") == ["curves", "run.json", "summary.json"]
    summary = json.loads((place / "run" / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["best"] is None
    assert summary["networks"][0]["dev_error"] is None
    assert summary["configs"][0]["dev_error"] == {"mean": None, "spread": None}
    # Beside one that did not diverge they are not chosen.
    both = ["train", "f.csv", "--target", "a", "--config", "hot.toml", "--config", "small.toml", "--out", "both"]
    assert main(both) == 0
    assert json.loads((place / "both" / "summary.json").read_text())["best"]["config"] == "small.toml"


def test_a_network_that_diverged_is_neither_kept_nor_counted():
    low = {"config": "a", "status": "diverged", "train_error": 0.1, "dev_error": 0.1}  # before it diverged
    networks = [low, *(low | {"status": status, "dev_error": e} for status, e in (("stopped", 0.3), ("finished", 0.2)))]
    assert trained._best(networks) is networks[2]
    over_seeds = trained._over_seeds("a", caviar.Config(), networks)
    assert over_seeds["networks"] == 2
    assert over_seeds["dev_error"] == pytest.approx({"mean": 0.25, "spread": 0.1 / 2**0.5})


def test_without_dev_rows_it_is_said_how_little_is_known(place, capsys):
    assert main([*SMALL, "--dev", "0", "--seeds", "2", "--out", "run"]) == 0
    out, err = capsys.readouterr()
    assert out.splitlines()[1].split()[3] == "-"
    assert "No network was judged on rows that it had not seen" in err
    summary = json.loads((place / "run" / "summary.json").read_text(), parse_constant=pytest.fail)
    assert summary["best"]["train_error"] == min(network["train_error"] for network in summary["networks"])


def test_a_sample_with_nothing_else(place, capsys, monkeypatch):
    interrupt(monkeypatch, after=1)
    assert main(["train", "iris"]) == 130
    assert "150 rows: 90 to train" in capsys.readouterr().err
    asked = json.loads((place / "caviar-runs" / "iris-1" / "run.json").read_text())["asked"]
    assert (asked["configs"], asked["seeds"], asked["data"]) == ([], 1, "iris")


def test_files_of_one_name_go_by_their_paths(place, capsys):
    (place / "b").mkdir()
    shutil.copy("other.toml", "b/small.toml")
    assert main([*SMALL, "--config", "b/small.toml"]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[1:]] == ["small.toml", "b/small.toml"]


REFUSED = {
    "no file": (["train", "g.csv", "--target", "y"], ["no file 'g.csv'"]),
    "no target": (["train", "f.csv"], ["Which column"]),
    "no seeds": ([*SMALL, "--seeds", "0"], ["--seeds must be at least 1, got 0", "Leave it out"]),
    "seed": ([*SMALL, "--seed", "-1"], ["seed must be", "got -1"]),
    "the same file twice": ([*SMALL, "--config", "small.toml"], ["must name a file once", "--seeds"]),
    "no config": ([*SMALL, "--config", "none.toml"], ["no none.toml"]),
    "a bad one of several": ([*SMALL, "--config", "high.toml"], ["high.toml: Config.dropout must be in [0, 1)"]),
    "not for these data": ([*SMALL, "--config", "images.toml"], ["images.toml: Config.filters needs images"]),
    "too large": ([*SMALL, "--config", "huge.toml"], ["must fit into memory", "batch_size smaller"]),
    "out is another's": ([*SMALL, "--out", "theirs"], ["new or empty", "'letter.txt'"]),
    "nothing to resume": (["train", "--resume", "theirs"], ["must hold run.json", "theirs has none"]),
    "words as quantity": ([*SMALL, "--task", "regression"], ["target of numbers", "'y'"]),
    "neither dev nor test": ([*SMALL, "--dev", "0", "--test", "0"], ["dev and test are both 0"]),
}


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_to_do_and_nothing_is_left(place, capsys, case, json_too):
    given, words = REFUSED[case]
    (place / "high.toml").write_text("dropout = 1.5\n")
    (place / "images.toml").write_text("filters = [8]\n")
    (place / "huge.toml").write_text("hidden_units = [1000000, 1000000]\n")
    (place / "theirs").mkdir()
    (place / "theirs" / "letter.txt").write_text("Dear")
    before = sorted(place.rglob("*"))
    assert main([*given, "--json"] if json_too else given) == 1
    out, err = capsys.readouterr()
    assert err.startswith("caviar: ")
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert out == (json.dumps({"error": err.removeprefix("caviar: ").rstrip("\n")}) + "\n" if json_too else "")
    assert sorted(place.rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ["train"],
        ["train", "f.csv", "--trials", "3"],
        ["train", "f.csv", "--storage", "sqlite:///s.db"],
        ["train", "f.csv", "--seeds", "many"],
        ["train", "f.csv", "--resume", "run"],
        ["train", "--resume", "run", "--seeds", "2"],
        ["train", "--resume", "run", "--config", "small.toml"],
        ["train", "--resume", "run", "--out", "other"],
    ],
)
def test_a_wrong_command_line_is_2(capsys, words):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err
    assert "Traceback" not in err


def test_help(capsys):
    assert main(["train", "--help"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    options = "target config seeds dev test group time by source bridge scale task out seed types resume explain json "
    options += "trial storage"
    assert {f"--{option}" for option in options.split()} == set(re.findall(r"--[a-z-]+", out))


def test_a_large_table_says_what_takes_so_long(tmp_path, monkeypatch, capsys):
    from caviar.data import columnar

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(columnar, "LARGE", 1)
    random = np.random.default_rng(0)
    path = tmp_path / "big.parquet"
    pl.DataFrame({"a": random.normal(size=400), "b": random.normal(size=400), "y": [0, 1] * 200}).write_parquet(path)
    assert main(["train", str(path), "--target", "y", "--out", str(tmp_path / "run")]) == 0
    err = capsys.readouterr().err
    assert err.index("The 400 rows of big are on disk: dividing and preparing them.") < err.index("== Data")
