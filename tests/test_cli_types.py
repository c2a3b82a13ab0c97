"""`--types FILE`: what columns are is said on the command line, kept in the run folder, and used for new rows."""

import json

import pytest

from caviar.cli import main
from caviar.reporting import training_run
from small_runs import CSV, TOML, written

TYPES = 'b = "drop"\nsize = ["M", "L"]\n'
TRAIN = ["train", "f.csv", "--target", "y", "--config", "small.toml", "--types", "types.toml", "--out", "run"]
IMPROVE = ["improve", *TRAIN[1:], "--trials", "2"]


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    sizes = ["size", *("ML"[i % 2] for i in range(60))]
    written(tmp_path / "f.csv", [f"{size},{line}" for size, line in zip(sizes, CSV, strict=True)])
    (tmp_path / "small.toml").write_text(TOML)
    (tmp_path / "types.toml").write_text(TYPES)
    return tmp_path


def columns_of(folder):
    state = json.loads((folder / "model.json").read_text())["preparation"]
    return {column["column"]: (column["as"], column.get("levels")) for column in state["columns"]}


@pytest.mark.parametrize("command", [TRAIN, IMPROVE])
def test_an_interrupted_run_remembers_the_types(place, monkeypatch, capsys, command):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("caviar.improvement.train_baselines", interrupted)
        patched.setattr(training_run, "train", interrupted)
        assert main(command) == 130
    (place / "types.toml").unlink()
    assert main([command[0], "--resume", "run"]) == 0
    assert columns_of(place / "run") == {
        "size": ("ordered", ["M", "L"]),
        "a": ("numeric", None),
        "b": ("dropped", None),
    }
    capsys.readouterr()
    written(place / "new.csv", ["size,a", "L,0.3", "M,-0.2", "XL,0.1", ",0.5"])
    assert main(["predict", "run", "new.csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 5


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('B = "drop"', "types name a column 'B', but the table has none. Did you mean 'b'?"),
        ('b = "dropp"', "got 'dropp'. Did you mean 'drop'?"),
        ('size = ["S", "L"]', "must all be named, from low to high, but 'M' is not among 'S', 'L'."),
        ("b: drop", "--types must be a TOML file"),
        (None, "--types must name a TOML file, but there is no types.toml."),
    ],
)
@pytest.mark.parametrize("command", [TRAIN, IMPROVE])
def test_types_that_cannot_be_are_one_line(place, capsys, command, content, words):
    if content is None:
        (place / "types.toml").unlink()
    else:
        (place / "types.toml").write_text(content)
    assert main(command) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert words in err
    assert err.count("\n") == 1
    assert not (place / "run").exists()


def test_other_types_are_another_request(place, capsys):
    assert main(TRAIN) == 0
    (place / "types.toml").write_text('b = "log"')
    assert main(TRAIN) == 1
    assert 'was asked for types = {"b": "drop", "size": ["M", "L"]}, now types = {"b": "log"} came' in (
        capsys.readouterr().err
    )
    assert main(["train", "--resume", "run", "--types", "types.toml"]) == 2
