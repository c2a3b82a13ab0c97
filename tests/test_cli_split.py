"""`caviar split`, and the options that divide rows on the other commands."""

import json
import shlex
from pathlib import Path

import polars as pl
import pytest

import caviar
from caviar import cli
from caviar.cli import main
from small_runs import CSV, TOML, written


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a table: row, who, day, part, camera and y."""
    monkeypatch.chdir(tmp_path)
    lines = [f"{CSV[0]},who,day,part,camera"]
    for i, line in enumerate(CSV[1:]):
        part = ("train", "train", "train", "dev", "test")[i % 5]
        lines.append(f"{line},p{i // 3},2024-01-{1 + i % 28:02d},{part},{'phone' if i % 2 else 'web'}")
    written(tmp_path / "f.csv", lines)
    written(tmp_path / "mine.toml", TOML.splitlines())
    return tmp_path


def split(*more):
    return main(["split", "f.csv", "--target", "y", *more])


def test_three_files_and_what_was_done(capsys):
    assert split() == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.splitlines()[1] == "60 rows: 36 to train, 12 to choose (dev), 12 to judge at the end (test)."
    folder = Path("caviar-splits/f-1")
    assert f"Files:   {folder}" in out
    assert {path.name for path in folder.iterdir()} == {"train.parquet", "dev.parquet", "test.parquet", "split.json"}
    rows = [pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "dev", "test")]
    assert [len(part) for part in rows] == [36, 12, 12]
    assert len(pl.concat(rows).unique()) == 60


def test_the_command_that_is_printed_runs(capsys, monkeypatch):
    assert split("--group", "who", "--out", "my sets", "--format", "csv") == 0
    command = capsys.readouterr().out.splitlines()[-1].removeprefix("Go on:   ")
    asked = {}
    monkeypatch.setattr("caviar.improvement.improve", lambda data, **rest: asked.update(data=data, **rest) or 1 / 0)
    assert main(shlex.split(command)[1:]) == 1
    assert asked["group"] == "who"
    table, dev, test = (caviar.read(asked[name], target=asked["target"]) for name in ("data", "dev", "test"))
    done = caviar.split(table, dev=dev, test=test, group=asked["group"])
    assert sum(done.sizes.values()) == 60
    assert "who" not in done.preparation.names


def test_what_decides_the_result_goes_on(capsys, monkeypatch, place):
    (place / "my types.toml").write_text('a = "drop"\n')
    assert split("--types", "my types.toml", "--task", "classification", "--resolution", "0.2") == 0
    asked = json.loads(Path("caviar-splits/f-1/split.json").read_text())["asked"]
    assert (asked["types"], asked["task"], asked["resolution"]) == ({"a": "drop"}, "classification", 0.2)
    out = capsys.readouterr().out
    assert "Bridge:" not in out
    command = out.splitlines()[-1].removeprefix("Go on:   ")
    given = {}
    monkeypatch.setattr("caviar.improvement.improve", lambda data, **rest: given.update(data=data, **rest) or 1 / 0)
    assert main(shlex.split(command)[1:]) == 1
    assert (given["types"], given["task"]) == ({"a": "drop"}, "classification")


def test_what_the_bridge_file_is_for_is_said(capsys):
    assert split("--bridge", "--out", "s") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("Bridge:")]
    assert "s/bridge.parquet holds rows like those of train, held out to tell mismatch" in line
    assert Path("s/bridge.parquet").exists()


@pytest.mark.parametrize("number", ["nan", "inf", "-inf"])
@pytest.mark.parametrize("name", ["dev", "test"])
def test_sizes_that_are_no_numbers_of_rows(capsys, name, number):
    assert split(f"--{name}={number}") == 1
    assert f"--{name} must be a file, a share in (0, 1) or a number of rows, got '{number}'" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "sets"),
    [
        (["--by", "part"], {"train": 36, "dev": 12, "test": 12}),
        (["--time", "day", "--bridge"], {"train": 33, "dev": 12, "test": 12, "bridge": 3}),
        (["--source", "camera=phone"], {"train": 42, "dev": 7, "test": 7, "bridge": 4}),
        (["--dev", "0.1", "--test", "0"], {"train": 54, "dev": 6}),
        (["--resolution", "0.2", "--seed", "5"], {"train": 36, "dev": 12, "test": 12}),
    ],
)
def test_options(options, sets, capsys):
    assert split(*options, "--json", "--out", "s") == 0
    told = json.loads(capsys.readouterr().out)
    assert {name: one["rows"] for name, one in told["sets"].items()} == sets
    assert told == json.loads(Path("s/split.json").read_text())
    assert told["asked"]["data"] == str(Path("f.csv").absolute())


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--group", "whom"], "There is no column 'whom' of groups. Did you mean 'who'?"),
        (["--time", "who"], "must hold dates or numbers, but 'who' holds 'p0'"),
        (["--by", "camera"], "must say train, dev or test in every row, but 'camera' says 'web', 'phone' in 60 rows"),
        (["--source", "camera"], "--source must be COLUMN=VALUE, such as camera=phone, got 'camera'"),
        (["--group", "who", "--time", "day"], "'group' and 'time' cannot both decide which rows are held out"),
        (["--dev", "nothing.csv"], "There is no file 'nothing.csv'"),
        (["--out", "f.csv"], "--out must be a new or empty folder, but f.csv holds something"),
    ],
)
def test_what_cannot_be_is_one_line_and_leaves_nothing(options, told, capsys, place):
    before = sorted(place.rglob("*"))
    assert split(*options) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert told in err
    assert err.count("\n") == 1
    assert sorted(place.rglob("*")) == before


def test_train_and_improve_remember_how_rows_were_divided(capsys):
    options = ["--target", "y", "--config", "mine.toml", "--group", "who", "--bridge", "--out", "run"]
    assert main(["train", "f.csv", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert sum(told["split"].values()) == 60
    assert told["split"]["bridge"] >= 1
    asked = json.loads(Path("run/run.json").read_text())["asked"]
    assert (asked["group"], asked["bridge"], asked["time"]) == ("who", True, None)
    assert main(["train", "--resume", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == told
    Path("run/summary.json").unlink()
    assert main(["train", "--resume", "run", "--json"]) == 0, "the same rows are divided the same way again"
    assert json.loads(capsys.readouterr().out)["networks"] == told["networks"]
    assert main(["train", "f.csv", *options[:4], "--out", "run"]) == 1
    assert "was asked for bridge = true, now bridge = null came" in capsys.readouterr().err
    assert main(["train", "--resume", "run", "--bridge"]) == 2
    assert "leave out --bridge" in capsys.readouterr().err


def test_a_source_is_resumed(capsys):
    options = ["--target", "y", "--config", "mine.toml", "--source", "camera=phone", "--out", "run"]
    assert main(["train", "f.csv", *options, "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    Path("run/summary.json").unlink()
    assert main(["train", "--resume", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["split"] == told["split"]


@pytest.mark.parametrize("command", ["improve", "train", "split", "diagnose"])
def test_every_division_is_an_option_of_every_command(command, capsys):
    from caviar.reporting.division import Division

    assert set(cli.Rows().division) == set(Division._fields)
    assert main([command, "--help"]) == 0
    assert {f"--{name}" for name in Division._fields} <= set(capsys.readouterr().out.split())


def test_types_that_files_do_not_keep_are_said(tmp_path, capsys):
    frame = pl.DataFrame({"grade": ["a", "b", "c"] * 20, "x": list(range(60)), "y": [0, 1] * 30})
    frame.write_csv(tmp_path / "t.csv")
    (tmp_path / "types.toml").write_text('grade = ["a", "b", "c"]')
    asked = ["split", str(tmp_path / "t.csv"), "--target", "y", "--types", str(tmp_path / "types.toml")]
    for kind, said in (("csv", True), ("parquet", False)):
        assert main([*asked, "--format", kind, "--out", str(tmp_path / kind)]) == 0
        assert ("do not keep the type of 'grade'" in capsys.readouterr().out) == said
