"""Whatever a person gives to the command: it works sensibly, or one line says what to do and nothing is left behind."""

import json
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from caviar.cli import main
from small_runs import CSV, TOML, written

ROWS = CSV[1:]


NARROW = ["a,y", *(row.split(",")[0] + "," + row.split(",")[2] for row in ROWS)]
"""Without b: with a column that marks missing cells it is as wide as the whole table."""


def with_cells(column: int, cell: str, every: int = 1, table: list[str] = CSV) -> list[str]:
    """The table with another cell in every so many rows of a column."""
    heading, *lines = [line.split(",") for line in table]
    for line in lines[::every]:
        line[column] = cell
    return [",".join(line) for line in (heading, *lines)]


def npz(path: Path) -> None:
    np.savez(path, pictures=np.zeros((30, 4, 4, 3)), labels=np.zeros(3))


def parquet_cut_off(path: Path) -> None:
    pl.DataFrame({"a": range(60), "y": ["p", "q"] * 30}).write_parquet(path)
    path.write_bytes(path.read_bytes()[:-40])


# File content: lines, bytes, or a function that writes it. Then the options, and what the line must say.
REFUSED = {
    "missing file": ("there.csv", CSV, ["tere.csv", "--target", "y"], ["no file 'tere.csv'", "mean 'there.csv'"]),
    "empty": ("f.csv", b"", ["--target", "y"], ["line of column names", "is empty", "Export"]),
    "header only": ("f.csv", CSV[:1], ["--target", "y"], ["rows below", "only the line of names", "Export"]),
    "no such column": ("f.csv", CSV, ["--target", "Y"], ["no column 'Y'", "Did you mean 'y'?"]),
    "no target": ("f.csv", CSV, [], ["Which column", "'a', 'b', 'y'"]),
    "one value": ("f.csv", with_cells(2, "yes"), ["--target", "y"], ["must vary", "'yes' in every row", "Choose"]),
    "missing labels": ("f.csv", with_cells(2, "", 9), ["--target", "y"], ["every row", "7 missing cells", "Leave"]),
    "garbage": ("f.csv", np.random.default_rng(0).bytes(3000), ["--target", "y"], ["must be a text file", "Save"]),
    "ten rows": ("f.csv", CSV[:11], ["--target", "y"], ["at least 20 rows", "has 10", "Collect"]),
    "same names": ("f.csv", ["a,a,y", *ROWS], ["--target", "y"], ["must differ", "'a' more than once", "Rename"]),
    "npz without X": ("f.npz", npz, ["--target", "y"], ["f.npz"]),
    "parquet cut off": ("f.parquet", parquet_cut_off, ["--target", "y"], ["parquet", "cut off", "Write it again"]),
    "kind of file": ("f.docx", CSV, ["--target", "y"], ["must end in .csv", "'f.docx'", "Save"]),
    "dev lacks a column": (
        "f.csv",
        CSV,
        ["--target", "y", "--dev", "dev.csv"],
        ["dev table 'dev' must match 'f'. The train rows have a column 'b', but"],
    ),
    "dev is no file": ("f.csv", CSV, ["--target", "y", "--dev", "dve.csv"], ["no file 'dve.csv'", "'dev.csv'"]),
    "dev is infinite": (
        "f.csv",
        CSV,
        ["--target", "y", "--dev", "inf"],
        ["--dev must be a file, a share", "got 'inf'"],
    ),
    "dev is all": ("f.csv", CSV, ["--target", "y", "--dev", "59"], ["At least 10 rows", "dev takes 59", "smaller"]),
    "test is a whole": ("f.csv", CSV, ["--target", "y", "--test", "1"], ["test must be a share", "got 1.0"]),
    "no seconds": ("f.csv", CSV, ["--target", "y", "--seconds", "0"], ["--seconds must be above 0", "Leave it out"]),
    "endless": ("f.csv", CSV, ["--target", "y", "--seconds", "inf"], ["finite", "got inf", "Leave it out"]),
    "no trials": ("f.csv", CSV, ["--target", "y", "--trials", "0"], ["--trials must be at least 1", "Leave it out"]),
    "metric of the other task": ("f.csv", CSV, ["--target", "y", "--metric", "rmse"], ["error, auc", "got 'rmse'"]),
    "metric of classes": ("f.csv", CSV, ["--target", "a", "--metric", "auc"], ["rmse, mae, r2", "got 'auc'"]),
    "words as quantity": ("f.csv", CSV, ["--target", "y", "--task", "regression"], ["target of numbers", "'y'"]),
    "optimal error of 2": ("f.csv", CSV, ["--target", "y", "--optimal-error", "2"], ["in [0, 1)", "got 2.0", "Leave"]),
    "optimal RMSE": ("f.csv", CSV, ["--target", "a", "--optimal-error", "-1"], ["at least 0", "unit of 'a'", "Leave"]),
    "optimal error unknown": ("f.csv", CSV, ["--target", "y", "--optimal-error", "nan"], ["in [0, 1)", "got nan"]),
    "seed": ("f.csv", CSV, ["--target", "y", "--seed", "-1"], ["seed must be", "got -1"]),
    "large seed": ("f.csv", CSV, ["--target", "y", "--seed", "9999999999"], ["seed must be", "9999999999"]),
    "out cannot be": ("f.csv", CSV, ["--target", "y", "--out", "/proc/nowhere/run"], ["--out must be", "another"]),
    "out is a file": ("f.csv", CSV, ["--target", "y", "--out", "dev.csv"], ["--out must be a folder", "dev.csv"]),
    "out under a file": ("f.csv", CSV, ["--target", "y", "--out", "dev.csv/run"], ["--out must be a folder"]),
    "out is another's": ("f.csv", CSV, ["--target", "y", "--out", "theirs"], ["new or empty", "'letter.txt'"]),
    "unknown setting": ("f.csv", CSV, ["--target", "y", "--config", "typo.toml"], ["'dropuot'", "mean 'dropout'?"]),
    "no TOML": ("f.csv", CSV, ["--target", "y", "--config", "dev.csv"], ["must be a TOML file", "dropout = 0.2"]),
    "no config": (
        "f.csv",
        CSV,
        ["--target", "y", "--config", "none.toml"],
        ["no none.toml", "hidden_units = [64, 64]"],
    ),
    "wrong value": ("f.csv", CSV, ["--target", "y", "--config", "high.toml"], ["Config.dropout must be in [0, 1)"]),
    "nothing to resume": ("f.csv", None, ["--resume", "theirs"], ["must hold run.json", "theirs has none", "Give"]),
}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A working folder with what the cases refer to."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "dev.csv", NARROW)
    (tmp_path / "small.toml").write_text(TOML)
    (tmp_path / "typo.toml").write_text("dropuot = 0.2\n")
    (tmp_path / "high.toml").write_text("dropout = 1.5\n")
    (tmp_path / "theirs").mkdir()
    (tmp_path / "theirs" / "letter.txt").write_text("Dear")
    return tmp_path


def put(path, content):
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    elif content is not None:
        written(path, content)


def everything(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("json_too", [False, True])
@pytest.mark.parametrize("case", REFUSED)
def test_one_line_says_what_to_do_and_nothing_is_left(folder, capsys, case, json_too):
    name, content, options, words = REFUSED[case]
    put(folder / name, content)
    before = everything(folder)
    own_data = options[:1] == ["--resume"] or (options and not options[0].startswith("--"))
    given = ["improve", *options] if own_data else ["improve", name, *options]
    assert main([*given, "--json"] if json_too else given) == 1
    out, err = capsys.readouterr()
    assert err.startswith("caviar: ")
    assert err.endswith((".\n", "?\n"))
    assert err.count("\n") == 1
    for word in words:
        assert word in err
    assert out == (json.dumps({"error": err.removeprefix("caviar: ").rstrip("\n")}) + "\n" if json_too else "")
    assert everything(folder) == before


WORKS = {
    "semicolons": ([line.replace(",", ";") for line in CSV], "utf-8", "semicolon between cells"),
    "tabs": ([line.replace(",", "\t") for line in CSV], "utf-8", "tab between cells"),
    "UTF-16": (CSV, "utf-16", "Read as UTF-16"),
    "Latin-1": (["größe,b,y", *ROWS], "latin-1", "Latin-1"),
    "a column all missing": (
        [f"gone,{CSV[0]}", *(f",{row}" for row in ROWS)],
        "utf-8",
        "Dropped 'gone': every cell is missing",
    ),
    "words among numbers": (
        with_cells(0, "oops", 20, NARROW),
        "utf-8",
        "3 cells that are not ('oops') have been read as missing",
    ),
    "infinite cells": (with_cells(0, "inf", 20, NARROW), "utf-8", "Infinite numbers are read as missing: 'a' (3)"),
}


@pytest.mark.parametrize("case", WORKS)
def test_what_can_be_read_is_read_and_said(folder, capsys, case):
    lines, encoding, words = WORKS[case]
    written(folder / "f.csv", lines, encoding)
    given = ["improve", "f.csv", "--target", "y", "--config", "small.toml", "--trials", "1", "--out", "run"]
    assert main(given) == 0
    err = capsys.readouterr().err
    assert "caviar: " not in err
    assert any(words in line for line in err.splitlines())
    summary = json.loads((folder / "run" / "summary.json").read_text())
    assert summary["rows"] == 60
    assert summary["best"]["test_error"]["rows"] == summary["split"]["test"] == 12
    assert main(["predict", "run", "f.csv"]) == 0
    predictions = capsys.readouterr().out.split()
    assert predictions[0] == "prediction"
    assert len(predictions) == 61
    assert set(predictions[1:]) <= {"yes", "no"}


def test_the_largest_seed_works(folder, capsys):
    written(folder / "f.csv", CSV)
    given = ["improve", "f.csv", "--target", "y", "--config", "small.toml", "--trials", "1", "--seed", "2147483647"]
    assert main([*given, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["seed"] == 2147483647
