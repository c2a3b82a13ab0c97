"""`caviar diagnose` as a person types it: findings, remedies, the run folder and its report, and refusals."""

import html
import json
import re
import tomllib
from pathlib import Path

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.cli import main
from caviar.diagnosis.finding import FINDINGS
from caviar.reporting import diagnosis_run
from caviar.reporting.config_file import config_lines, read_config
from caviar.reporting.findings import IN_A_LINE
from caviar.reporting.terminal import PlainLines
from small_runs import HOSTILE, TOML

SLOW = "hidden_units = [4]\nepochs = 30\nbatch_size = 16\nlearning_rate = 1e-4\n"
"""So slow that a remedy must help."""
DIAGNOSE = ["diagnose", "f.csv", "--target", "y", "--config", "slow.toml", "--seeds", "2"]
FIX = [*DIAGNOSE, "--fix", "--trainings", "14"]
STAGES = ["Data", "Diagnosis", "Result"]


@pytest.fixture(autouse=True)
def sealed(monkeypatch):
    """The test rows must not be opened."""
    for name in ("Split.open_test", "open_together"):
        monkeypatch.setattr(f"caviar.data.split.{name}", lambda *_: pytest.fail("opened the test rows"))


def furnished(place):
    """A small table with hostile names, and settings of small networks."""
    a, b = np.random.Generator(np.random.Philox(key=0)).normal(size=(2, 200))
    labels = np.where(a + b > 0, f"yes {HOSTILE}", "no & 'never' $")
    pl.DataFrame({HOSTILE: a, "b [red]$x$": b, "y": labels}).write_csv(place / "f.csv")
    (place / "slow.toml").write_text(SLOW)
    (place / "hot.toml").write_text(f'{TOML}optimizer = "sgd"\nlearning_rate = 1e30\n')
    return place


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return furnished(tmp_path)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    """The folder of a finished run of `FIX`."""
    place = furnished(tmp_path_factory.mktemp("diagnosed"))
    with pytest.MonkeyPatch.context() as patched:
        patched.chdir(place)
        assert main([*FIX, "--out", "run"]) == 0
    return place / "run"


def summary_of(folder):
    return json.loads((folder / "summary.json").read_text(), parse_constant=pytest.fail)


def bits(folder):
    """What a run comes to, without what it took."""
    summary = summary_of(folder)
    summary.pop("seconds")
    return summary


def test_findings_are_told_with_what_to_try_and_the_errors(place, capsys):
    assert main(DIAGNOSE) == 0
    out, err = capsys.readouterr()
    summary = summary_of(place / "caviar-runs" / "f-1")
    assert re.findall(r"^\d+:\d\d == (.*)$", err, re.MULTILINE) == STAGES
    assert out.startswith("What limits your network most: its steps are too short")
    first = summary["findings"][0]
    assert first["name"] == "learning_rate_too_low"
    assert first.keys() == {"name", "severity", "evidence", "meaning", "source"}
    assert re.search(r"^(WARNING|CRITICAL): learning_rate_too_low$", out, re.MULTILINE)
    assert f"  Try: {', or '.join(summary['advice'][0]['tries'])}." in out
    assert len(summary["advice"][0]["tries"]) == 2
    severities = [finding["severity"] for finding in summary["findings"]]
    assert severities == sorted(severities, key=["critical", "warning", "info"].index)
    assert {"training rows", "held-out rows", "constant model", "quick model (nearest neighbours)"} <= set(
        summary["errors"]
    )
    for name, error in summary["errors"].items():
        told = f"{error['value']:.2%} ({error['low']:.2%} to {error['high']:.2%})"
        assert re.search(rf"^  {re.escape(name)} +{re.escape(told)}$", out, re.MULTILINE)
    assert out.endswith("Run folder: caviar-runs/f-1\nReport:     caviar-runs/f-1/report.html\n")
    assert summary["remedies"] == []
    assert summary["fixed"] is None
    assert (summary["format"], summary["rows"], summary["seeds"]) == (1, 200, [0, 1])
    assert not (place / "caviar-runs" / "f-1" / "checkpoints").exists()


def test_the_findings_are_those_of_diagnose(done):
    split = caviar.split(caviar.read(done.parent / "f.csv", "y"))
    config = read_config(done.parent / "slow.toml")
    runs = [config.changed(seed=seed, rows=(fold, 5)) for seed in (0, 1) for fold in range(5)]
    names = {finding.name for finding in caviar.diagnose(caviar.train(split, runs), split)}
    found = {finding["name"] for finding in summary_of(done)["findings"]}
    assert "worse_than_baseline" in names
    assert names <= found  # what companions show is not seen by runs alone


def test_what_helps_is_kept_and_goes_on(done, capsys, monkeypatch):
    summary = summary_of(done)
    fixed = summary["fixed"]
    assert fixed["kept"]
    assert 10 <= fixed["trainings"] <= fixed["most"] == 14
    accepted = [one["name"] for one in summary["remedies"] if one["verdict"] == "accepted"]
    assert set(fixed["kept"]) <= set(accepted)
    before, after = (summary["errors"][name] for name in ("held-out rows", "held-out rows, with what helped"))
    assert after["high"] < 0.1 < before["value"]
    settings = tomllib.loads((done / "fixed.toml").read_text())
    config = read_config(done / "fixed.toml")
    assert config == caviar.Config.from_mapping(fixed["config"] | {"seed": 0})
    assert config.rate > 1e-4
    assert config_lines(config) == [f"{name} = {json.dumps(value)}" for name, value in settings.items()]
    monkeypatch.chdir(done.parent)
    assert main([*FIX, "--out", "run"]) == 0
    command = re.findall(r"^Go on: +caviar (.*)$", capsys.readouterr().out, re.MULTILINE)
    assert command == ["train f.csv --target y --config run/fixed.toml"]
    assert main([*command[0].split(), "--out", "trained"]) == 0
    (line,) = capsys.readouterr().out.splitlines()[1:]
    assert float(re.findall(r"([\d.]+)%", line)[1]) < 100 * before["value"]


def test_verdicts_are_told_as_they_come_and_a_finished_run_is_told_again(place, capsys):
    assert main([*FIX, "--out", "run"]) == 0
    out, err = capsys.readouterr()
    summary = summary_of(place / "run")
    for remedy in summary["remedies"]:
        assert f"{remedy['in_words']}\n" in err
        assert f"  {remedy['in_words']}\n" in out
    assert main([*FIX, "--out", "run"]) == 0
    again, err = capsys.readouterr()
    assert again == out
    assert "finished already" in err
    assert "==" not in err
    assert main([*FIX, "--out", "run", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == summary
    assert main([*DIAGNOSE, "--out", "run"]) == 1
    assert "asked for fix = true, now fix = false came" in capsys.readouterr().err
    assert main(["train", "--resume", "run"]) == 1
    assert "was begun by caviar diagnose. Go on with the same command and --out run." in capsys.readouterr().err


@pytest.mark.parametrize("stage", ["Remedies", "Result"])
def test_an_interrupted_run_goes_on(place, done, capsys, monkeypatch, stage):
    def interrupted(lines, title):
        lines._write(f"== {title}")
        if title == stage:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(PlainLines, "stage", interrupted)
        assert main([*FIX, "--out", "run"]) == 130
    assert "the same command with --out run" in capsys.readouterr().err
    assert not (place / "run" / "summary.json").exists()
    trained = []
    with monkeypatch.context() as patched:
        patched.setattr(diagnosis_run.Workbench, "_tell", lambda _, progress: trained.extend(progress.epochs))
        assert main([*FIX, "--out", "run"]) == 0
    assert bool(trained) == (stage == "Remedies")  # what checkpoints hold is not trained again
    assert bits(place / "run") == bits(done)


def test_the_report_shows_it_all_and_names_from_data_are_text(done):
    text = (done / "report.html").read_text(encoding="utf-8")
    assert HOSTILE not in text
    assert "<title>caviar: f</title>" in text
    for part in ("findings", "errors", "training", "layers", "companions", "remedies", "data", "method"):
        assert f'<h2 id="{part}">' in text
        assert f'href="#{part}"' in text
    summary = summary_of(done)
    for finding in summary["findings"]:
        assert html.escape(finding["meaning"], quote=True) in text.replace("&#39;", "&#x27;").replace("&#34;", "&quot;")
    assert text.count("<svg") == 6
    assert summary["headline"] in text
    assert "caviar train f.csv --target y --config run/fixed.toml" in text


def test_when_every_network_diverged_that_is_told_and_cured(place, capsys):
    hot = ["diagnose", "f.csv", "--target", "y", "--config", "hot.toml", "--seeds", "2", "--out", "run"]
    assert main([*hot, "--fix", "--trainings", "12"]) == 0
    out = capsys.readouterr().out
    summary = summary_of(place / "run")
    assert summary["findings"][0]["name"] in ("diverged", "learning_rate_too_high")
    assert sum(finding["name"] == "diverged" for finding in summary["findings"]) == 1
    assert "training rows" not in summary["errors"]
    assert "constant model" in out
    assert "<svg" in (place / "run" / "report.html").read_text()


def test_dev_rows_of_one_class_and_none_at_all(place):
    rows = pl.read_csv("f.csv")
    rows.filter(pl.col("y").str.starts_with("yes")).head(8).write_csv("yes.csv")
    assert main([*DIAGNOSE, "--dev", "yes.csv", "--out", "one"]) == 0
    assert summary_of(place / "one")["judged"] == "dev"
    assert main([*DIAGNOSE, "--dev", "0", "--out", "none"]) == 0
    assert summary_of(place / "none")["judged"] == "out of fold"


def test_a_regression_has_errors_in_its_unit_and_another_scale_is_kept(place, capsys):
    rng = np.random.Generator(np.random.Philox(key=1))
    x = rng.normal(size=(80, 2))
    pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": 100 * x[:, 0] + 10 * rng.normal(size=80)}).write_csv("g.csv")
    assert main(["diagnose", "g.csv", "--target", "y", "--config", "slow.toml", "--scale", "none", "--out", "r"]) == 0
    summary = summary_of(place / "r")
    assert 80 < summary["errors"]["constant model"]["value"] < 130
    assert summary["errors"]["quick model (linear)"]["value"] < 20
    assert "RMSE of y" in (place / "r" / "report.html").read_text()
    assert json.loads((place / "r" / "run.json").read_text())["asked"]["scale"] == "none"
    capsys.readouterr()


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (["--trainings", "9", "--fix"], 1, "--trainings must be at least 10, got 9: one remedy takes that many"),
        (["--seeds", "0"], 1, "--seeds must be at least 1, got 0"),
        (["--config", "gone.toml"], 1, "there is no gone.toml"),
        (["--config", "images.toml"], 1, "filters"),
        (["--optimal-error", "1.5"], 1, "optimal error must be in [0, 1), got 1.5"),
        (["--target", "z"], 1, "z"),
        (["--data-only", "--fix"], 2, "--data-only trains no network; leave out --fix"),
        (["--data-only", "--optimal-error", "0.1", "--out", "run"], 2, "leave out --optimal-error, --out"),
        (["--scale", "huge"], 2, "huge"),
    ],
)
def test_what_cannot_be_done_is_one_line_and_leaves_nothing(place, capsys, more, code, said):
    (place / "images.toml").write_text("filters = [8]\n")
    given = ["diagnose", "f.csv", *([] if "--target" in more else ["--target", "y"]), *more]
    assert main(given) == code
    out, err = capsys.readouterr()
    assert out == ""
    assert said in err
    assert "Traceback" not in err
    if code == 1:
        assert err.count("\n") == 1 or err.startswith("0:")
    assert not (place / "caviar-runs").exists()
    assert not (place / "run").exists()


def test_every_finding_has_its_line():
    assert list(IN_A_LINE) != []
    assert sorted(IN_A_LINE) == sorted(FINDINGS)
    for line in IN_A_LINE.values():
        assert line[0].islower()
        assert not line.endswith(".")


def test_the_readme_lists_every_finding_with_its_line():
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(
        r"^\| finding \| says of the network or its data that \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE
    )
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) == dict(IN_A_LINE)


def test_a_closer_look_tells_of_rates_more_rows_and_the_landscape(place, capsys):
    pl.read_csv("f.csv").sample(120, seed=0).write_csv("dev.csv")
    assert main([*DIAGNOSE, "--dev", "dev.csv", "--thorough", "--out", "run"]) == 0
    said, summary = capsys.readouterr().out, summary_of(place / "run")
    closer = summary["closer_look"]
    assert list(closer["in_words"]) == ["Learning rates", "More rows", "Where it stands"]
    assert all(
        sentence.split(":")[0] in " ".join(said.split()) for part in closer["in_words"].values() for sentence in part
    )
    assert closer["learning_rates"]["best"]["rate"] > 1e-4
    assert closer["learning_curve"]["more_rows_help"] in {"yes", "no", "cannot tell"}
    assert closer["landscape"]["verdict"] in {"minimum", "saddle", "plateau", "slope"}
    assert "learning_rate_too_low" in {finding["name"] for finding in summary["findings"]}
    page = (place / "run" / "report.html").read_text()
    assert page.count("<figure>") >= 6
    assert 'href="#closer"' in page


@pytest.mark.usefixtures("place")
def test_a_closer_look_needs_a_network(capsys):
    assert main(["diagnose", "f.csv", "--target", "y", "--data-only", "--thorough"]) == 2
    assert "leave out --thorough" in capsys.readouterr().err
