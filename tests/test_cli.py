"""The commands as a person types them: what goes to which stream, exit codes, interruption and going on."""

import csv
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
from importlib.metadata import version

import polars as pl
import pytest

import caviar
from caviar.cli import main
from caviar.errors import BadData
from caviar.reporting.config_file import read_config
from caviar.reporting.terminal import PlainLines
from small_runs import CONFIG, CSV, TOML, finished, finished_from_file, frame, written


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run, and its data."""
    result, path = finished_from_file(tmp_path_factory.getbasetemp())
    return result.folder, path


@pytest.fixture
def place(tmp_path, monkeypatch):
    """A working folder with a small table and the settings of a small network."""
    monkeypatch.chdir(tmp_path)
    written(tmp_path / "f.csv", CSV)
    (tmp_path / "small.toml").write_text(TOML)
    return tmp_path


SMALL = ["improve", "f.csv", "--target", "y", "--config", "small.toml", "--trials", "2"]


def caviar_command(*words, **how):
    """The command in a process of its own."""
    command = [sys.executable, "-m", "caviar.cli", *words]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **how)


@pytest.mark.parametrize("words", [["--help"], ["improve", "--help"], ["predict", "--help"], []])
def test_help(capsys, words):
    assert main(words) == 0
    out, err = capsys.readouterr()
    assert err == ""
    if words[:1] == ["improve"]:
        options = "target config dev test task metric optimal-error seconds trials out seed refit types resume json"
        assert {f"--{option}" for option in options.split()} <= set(re.findall(r"--[a-z-]+", out))
    else:
        assert "predict" in out


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.strip() == caviar.__version__ == version("caviar")


@pytest.mark.parametrize(
    "words",
    [
        ["improve"],
        ["improve", "f.csv", "--trails", "3"],
        ["improve", "f.csv", "--trials", "many"],
        ["improve", "f.csv", "--metric", "beauty"],
        ["improve", "f.csv", "g.csv"],
        ["improve", "f.csv", "--resume", "run"],
        ["improve", "--resume", "run", "--trials", "5"],
        ["improve", "--resume", "run", "--no-refit"],
        ["predict", "run"],
        ["improvee", "f.csv"],
        ["diagnose"],
        ["diagnose", "--data-only"],
    ],
)
def test_a_wrong_command_line_is_2(capsys, words):
    assert main(words) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err
    assert "Traceback" not in err


def test_json_is_one_object_and_progress_goes_to_standard_error(place, capsys):
    assert main([*SMALL, "--out", "run", "--json"]) == 0
    out, err = capsys.readouterr()
    assert out.count("\n") == 1
    summary = json.loads(out, parse_constant=pytest.fail)
    assert summary == json.loads((place / "run" / "summary.json").read_text())
    stages = ["Data", "Baselines", "Diagnosis", "Remedies", "Search", "Last comparison, with fresh seeds", "Proof"]
    assert re.findall(r"^\d+:\d\d == (.*)$", err, re.MULTILINE) == stages
    assert re.search(r"accepted|rejected|undecided", err)
    assert all(re.match(r"\d+:\d\d ", line) for line in err.splitlines())

    # The same command prints the finished run again, and trains nothing.
    assert main([*SMALL, "--out", "run", "--json"]) == 0
    again, err = capsys.readouterr()
    assert again == out
    assert "finished already" in err
    assert "==" not in err
    assert main(["improve", "--resume", "run", "--json"]) == 0
    assert capsys.readouterr().out == out
    # Another command in the same folder is refused, with both values.
    assert main([*SMALL[:-1], "3", "--out", "run"]) == 1
    assert "trials = 2, now trials = 3 came" in capsys.readouterr().err


@pytest.mark.usefixtures("place")
def test_data_are_diagnosed_on_a_screen_and_as_json(capsys):
    assert main(["diagnose", "--data-only", "f.csv", "--target", "y"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    assert out.startswith("f: ")
    assert re.search(r"^(\d+ findings?, the most severe first:|Nothing )", out, re.MULTILINE)
    assert "dev and test are of one kind" in " ".join(out.split())
    assert main(["diagnose", "--data-only", "f.csv", "--target", "y", "--json"]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    for finding in json.loads(out, parse_constant=pytest.fail)["findings"]:
        assert set(finding) == {"name", "severity", "evidence", "meaning", "source"}
    assert main(["diagnose", "--data-only", "gone.csv", "--target", "y"]) == 1
    assert "There is no file 'gone.csv'" in capsys.readouterr().err


def test_without_out_runs_are_numbered_and_the_answer_is_where_they_are(place, capsys):
    (place / "caviar-runs" / "f-1").mkdir(parents=True)
    assert main(SMALL) == 0
    assert capsys.readouterr().out == "Run folder: caviar-runs/f-2\nReport:     caviar-runs/f-2/report.html\n"
    assert (place / "caviar-runs" / "f-2" / "report.html").exists()


def interrupt_at(monkeypatch, stage):
    """As if Ctrl-C were pressed when a stage begins."""

    def interrupted(lines, title):
        lines._write(f"== {title}")
        if title == stage:
            raise KeyboardInterrupt

    monkeypatch.setattr(PlainLines, "stage", interrupted)


def test_a_sample_needs_nothing_else(place, capsys, monkeypatch):
    interrupt_at(monkeypatch, "Diagnosis")
    assert main(["improve", "iris", "--config", "small.toml", "--trials", "2", "--json"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert "150 rows: 90 to train" in err
    assert re.search(r"linear: error on dev .*\d%", err)
    assert (place / "caviar-runs" / "iris-1" / "run.json").exists()


def test_config_may_stand_under_its_own_heading(place):
    assert read_config(place / "small.toml") == CONFIG
    (place / "small.toml").write_text(f"[config]\n{TOML}")
    assert read_config(place / "small.toml") == CONFIG


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_predict_prints_one_line_per_row_whatever_the_order_of_columns(done, tmp_path, capsys):
    folder, path = done
    assert main(["predict", str(folder), str(path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    expected = caviar.load(folder).predict(pl.read_csv(path))["prediction"].to_list()
    assert [row["prediction"] for row in rows_of(out)] == expected
    turned = tmp_path / "turned.csv"
    pl.read_csv(path).select("b", pl.lit(1).alias("more"), "a").write_csv(turned, separator=";")
    assert main(["predict", str(folder), str(turned)]) == 0
    assert capsys.readouterr().out == out


def test_predict_writes_probabilities_to_a_file(done, tmp_path, capsys):
    folder, path = done
    assert main(["predict", str(folder), str(path), "--proba", "--out", str(tmp_path / "p.csv")]) == 0
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"60 predictions: {tmp_path / 'p.csv'}\n"
    rows = rows_of((tmp_path / "p.csv").read_text())
    assert rows[0].keys() == {"prediction", "probability of no", "probability of yes"}
    for row in rows:
        shares = {label: float(row[f"probability of {label}"]) for label in ("no", "yes")}
        assert sum(shares.values()) == pytest.approx(1)
        assert row["prediction"] == max(shares, key=lambda label: shares[label])
    assert [path.name for path in tmp_path.iterdir()] == ["p.csv"]


def test_one_row_is_enough_to_predict(done, tmp_path, capsys):
    written(tmp_path / "one.csv", ["b,a", "0.5,-2"])
    assert main(["predict", str(done[0]), str(tmp_path / "one.csv")]) == 0
    assert capsys.readouterr().out in ("prediction\nno\n", "prediction\nyes\n")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["none", "good.csv"], "must hold model.json"),
        (["begun", "good.csv"], "let it finish"),
        (["damaged", "good.csv"], "cannot be read"),
        (["whole", "none.csv"], "no file 'none.csv'"),
        (["whole", "lacks.csv"], "a column 'b', but the table has none"),
        (["whole", "empty.csv"], "is empty"),
    ],
)
def test_predict_says_in_one_line_what_is_wrong(done, place, capsys, given, words):
    (place / "whole").symlink_to(done[0])
    (place / "begun").mkdir()
    (place / "begun" / "run.json").write_text("{}")
    (place / "damaged").mkdir()
    (place / "damaged" / "model.json").write_text('{"format": 1}')
    written(place / "good.csv", CSV)
    written(place / "lacks.csv", ["a,c", "1,2"])
    (place / "empty.csv").write_bytes(b"")
    assert main(["predict", *given, "--out", "p.csv"]) == 1
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("caviar: ")
    assert err.count("\n") == 1
    assert words in err
    assert not (place / "p.csv").exists()


def test_predict_cannot_write(done, place, capsys):
    for out in ("nowhere/p.csv", "f.csv/p.csv", "."):
        assert main(["predict", str(done[0]), "f.csv", "--out", out]) == 1
        err = capsys.readouterr().err
        assert err.startswith("caviar: ")
        assert err.count("\n") == 1
    assert sorted(path.name for path in place.iterdir()) == ["f.csv", "small.toml"]


def test_a_fault_of_caviar_is_one_line_too(capsys, monkeypatch):
    def broken(*_, **__):
        raise ZeroDivisionError("of all\nthings")

    monkeypatch.setattr("caviar.improvement.improve", broken)
    assert main(["improve", "f.csv", "--json"]) == 1
    out, err = capsys.readouterr()
    assert err.startswith("caviar: This is a fault of caviar, not of yours (ZeroDivisionError: of all things).")
    assert err.count("\n") == 1
    assert "--debug" in json.loads(out)["error"]
    with pytest.raises(ZeroDivisionError):
        main(["improve", "f.csv", "--debug"])


def test_debug_shows_where_it_came_from(place):
    with pytest.raises(BadData, match=r"no file 'g.csv'"):
        main(["improve", "g.csv", "--target", "y", "--debug"])
    assert place.exists()


def test_no_traceback_reaches_the_screen(place):
    process = caviar_command("improve", "g.csv", cwd=place)
    out, err = process.communicate()
    assert process.returncode == 1
    assert out == ""
    assert err.startswith("caviar: There is no file 'g.csv'")
    assert err.count("\n") == 1


def test_an_interrupted_run_is_130_and_resume_ends_it(done, place, capsys, monkeypatch):
    with monkeypatch.context() as patched:
        interrupt_at(patched, "Search")
        assert main([*SMALL, "--out", "run"]) == 130
    out, err = capsys.readouterr()
    assert out == ""
    assert err.endswith("Interrupted. To go on where it was: caviar improve --resume run\n")
    assert main(["predict", "run", "f.csv"]) == 1
    capsys.readouterr()
    monkeypatch.chdir(place.parent)  # the data are found from anywhere
    assert main(["improve", "--resume", str(place / "run"), "--json"]) == 0
    summary = json.loads(capsys.readouterr().out)
    whole = json.loads((done[0] / "summary.json").read_text())
    assert summary["looks"]["dev"] == whole["looks"]["dev"]
    differs = {"seconds": 0, "looks": None}  # the other run has opened the same test rows
    assert summary | differs == whole | differs


def test_a_run_of_python_objects_is_not_resumed_from_files(tmp_path_factory, tmp_path, capsys):
    result, _ = finished(tmp_path_factory.getbasetemp())
    shutil.copytree(result.folder, tmp_path / "run")
    assert main(["improve", "--resume", str(tmp_path / "run"), "--json"]) == 0  # it is finished: no data are needed
    assert json.loads(capsys.readouterr().out) == result.summary
    (tmp_path / "run" / "summary.json").unlink()
    assert main(["improve", "--resume", str(tmp_path / "run")]) == 1
    assert "begun in Python with data that are not in a file. Call caviar.improve again" in capsys.readouterr().err
    assert frame().height == result.summary["rows"]


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_ctrl_c_in_a_process_of_its_own(place):
    process = caviar_command(*SMALL, "--out", "run", cwd=place)
    assert process.stderr is not None
    seen = []
    for line in process.stderr:
        seen.append(line)
        if "== Remedies" in line:
            process.send_signal(signal.SIGINT)
            break
    out, err = process.communicate(timeout=120)
    assert process.returncode == 130, "".join(seen) + err
    assert out == ""
    assert "caviar improve --resume run" in err
    assert "Traceback" not in err
    assert main(["improve", "--resume", str(place / "run")]) == 0
    assert (place / "run" / "report.html").exists()
