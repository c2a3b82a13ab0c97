"""`retune` from an old run folder to the new one: real trainings of a tiny network, on data that stay or change."""

import json

import numpy as np
import polars as pl
import pytest
from markupsafe import escape

from caviar.cli.search import report
from caviar.data.read import read
from caviar.data.split import split
from caviar.errors import BadRun, BadSpace
from caviar.network.config import Config
from caviar.reporting import retuning_run
from caviar.reporting.retuning_run import retune
from caviar.reporting.status import status
from caviar.training.plan import written_out
from caviar.tuning.spaces.dimensions import LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.transfer import retune as comparing
from diagnosis.made_scores import score
from small_runs import Lines
from tuning import made_searches

SPACE = Space({"learning_rate": LogUniform(1e-5, 1.0), "dropout": Uniform(0.0, 0.5)})
BASE = Config(hidden_units=(4,), epochs=20, batch_size="full", learning_rate=0.05)


@pytest.fixture(autouse=True)
def few_challengers(monkeypatch):
    """Enough to tell what is planted here, in a third of the time."""
    for name, few in {"NEAR": 6, "FRESH": 4, "FINAL_SEEDS": 4, "FINALISTS": 2}.items():
        monkeypatch.setattr(comparing, name, few)


def rows(n=240, seed=0, shift=0.0):
    random = np.random.default_rng(seed)
    x = random.normal(size=(n, 2)) + np.array([shift, 0])
    y = np.where(x[:, 0] - shift + x[:, 1] + 0.5 * random.normal(size=n) > 0, "yes", "no")
    return pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})


def old_run(folder, best_rate=0.1):
    """A finished run of a search whose best rate was this, by a formula."""
    folder.mkdir()
    rows().write_csv(folder / "old.csv")
    start = written_out(BASE, split(read(folder / "old.csv", "y"), test=0.2))

    def judge(configs):
        place = SPACE["learning_rate"].place
        return [score(c, loss=0.1 + (place(c.rate) - place(best_rate)) ** 2, value=place(c.rate)) for c in configs]

    run = folder / "run"
    run.mkdir()
    study = made_searches.run(
        judge, start=start, around=start, space=SPACE, trials=24, storage=run / "study.log", seed=4
    )
    asked = {"command": "tune", "data": str(folder / "old.csv"), "target": "y", "test": 0.2, "seed": 0, "rows": "?"}
    asked["rows"] = split(read(folder / "old.csv", "y"), test=0.2).fingerprint
    (run / "run.json").write_text(
        json.dumps({"format": 1, "asked": asked, "versions": {}, "begun": "2026-01-01T00:00:00+00:00", "seconds": 1.0})
    )
    best = {"config": study.best_config.to_json()}
    summary = {"format": 1, "task": "classification", "best": best, "split": {"train": 150, "dev": 42, "test": 48}}
    (run / "summary.json").write_text(json.dumps(summary))
    return run


def test_old_settings_on_data_of_the_same_kind(tmp_path):
    run = old_run(tmp_path / "old")
    listener = Lines()
    found = retune(run, rows(seed=1), out=tmp_path / "new", search=False, tolerance=0.2, listener=listener)
    assert found.verdict == "settings still lead"
    assert found.summary["searched"] is False
    assert found.summary["shift"]["against"] == "train rows"
    assert not found.summary["shift"]["large"]
    assert found.lines == [line for line in listener.told if line in found.lines]
    lead = next(one for one in found.summary["contestants"] if one["kind"] == "old" and one["seeds"] == 4)
    assert found.config.changed(seed=0) == Config.from_mapping(lead["config"]).changed(seed=0)
    assert "The model that was trained on the new train rows has the settings " in found.lines[-1]
    assert "search chose" not in found.lines[-1]
    assert {"prediction"} <= set(found.model.predict(rows(20, seed=3)).columns)
    kinds = [one["kind"] for one in found.summary["contestants"]]
    assert kinds.count("old") >= 3
    assert kinds.count("fresh") == 4
    assert json.loads((tmp_path / "new" / "summary.json").read_text()) == found.summary
    assert status([tmp_path / "new"]).code == 0

    trained = Lines()
    again = retune(run, rows(seed=1), out=tmp_path / "new", search=False, tolerance=0.2, listener=trained)
    assert again.summary == found.summary
    assert not trained.trained_in
    with pytest.raises(BadRun, match="was asked for seed = 0, now seed = 1"):
        retune(run, rows(seed=1), out=tmp_path / "new", search=False, tolerance=0.2, seed=1)


def test_settings_that_do_not_suit_the_new_data_are_told_and_searched(tmp_path):
    """The old best rate, by its formula, is far too small for twenty epochs: on these data the optimum is elsewhere."""
    run = old_run(tmp_path / "old", best_rate=1e-4)
    found = retune(run, rows(seed=1, shift=1.0), out=tmp_path / "new", trials=16)
    assert found.verdict == "optimum has moved"
    assert found.summary["searched"] is True
    assert found.summary["shift"]["large"]
    assert any("'a'" in line for line in found.lines)
    assert any("earlier" in line.lower() for line in found.lines)
    assert found.config.rate > 1e-3
    assert (tmp_path / "new" / "study.log").exists()
    assert found.summary["selection"]["candidates"][0]["standing"] == "chosen"
    best, lead = found.summary["best"]["dev_error"]["value"], found.summary["contestants"]
    old = next(one for one in lead if one["kind"] == "old")
    assert best < old["dev_error"]["value"]
    assert "the settings that the search chose; against the old best: " in found.lines[-1]


def test_a_run_whose_study_is_gone_gives_its_chosen_settings(tmp_path, monkeypatch):
    run = old_run(tmp_path / "old")
    (run / "study.log").unlink()
    content = json.loads((run / "run.json").read_text())
    content["asked"]["storage"] = f"sqlite:///{tmp_path / 'gone.db'}"
    (run / "run.json").write_text(json.dumps(content))
    monkeypatch.setattr(retuning_run, "default_space", lambda *_: SPACE)
    found = retune(run, rows(seed=1), out=tmp_path / "new", search=False)
    assert "only the chosen settings are taken, since its study cannot be opened" in found.lines[0]
    assert [one["name"] for one in found.summary["contestants"] if one["kind"] == "old"] == ["the chosen settings"]


def test_an_interrupted_one_goes_on_and_trains_nothing_twice(tmp_path):
    run = old_run(tmp_path / "old")
    with pytest.raises(KeyboardInterrupt):
        retune(run, rows(seed=1), out=tmp_path / "new", search=False, listener=Lines(until="No search was asked for"))
    trained = Lines()
    found = retune(run, rows(seed=1), out=tmp_path / "new", search=False, listener=trained)
    assert trained.trained_in <= {"Network"}
    whole = retune(run, rows(seed=1), out=tmp_path / "whole", search=False)
    drop = {"seconds", "networks_trained"}
    assert {k: v for k, v in found.summary.items() if k not in drop} == {
        k: v for k, v in whole.summary.items() if k not in drop
    }


def test_what_cannot_be_retuned_is_refused_and_nothing_written(tmp_path):
    run = old_run(tmp_path / "old")
    for name, content, message in (
        ("summary.json", None, "needs a finished run"),
        ("summary.json", "{", "must be JSON"),
    ):
        kept = (run / name).read_text()
        (run / name).unlink() if content is None else (run / name).write_text(content)
        with pytest.raises(BadRun, match=message):
            retune(run, rows(), out=tmp_path / "new")
        (run / name).write_text(kept)
    with pytest.raises(BadRun, match=r"must hold run\.json"):
        retune(tmp_path / "none", rows(), out=tmp_path / "new")
    with pytest.raises(BadSpace, match="at least 1 trial and a tolerance above 0, got 0"):
        retune(run, rows(), trials=0, out=tmp_path / "new")
    (run / "study.log").unlink()
    (run / "summary.json").write_text('{"format": 1, "split": {"train": 10}}')
    with pytest.raises(BadRun, match="must hold the settings of a network"):
        retune(run, rows(), out=tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_the_report_tells_the_verdict_the_shift_and_every_contestant(tmp_path, capsys):
    run = old_run(tmp_path / "old")
    found = retune(run, rows(seed=1, shift=3.0), out=tmp_path / "new", search=False, tolerance=0.2)
    page = (found.folder / "report.html").read_text(encoding="utf-8")
    assert f"{found.verdict[0].upper()}{found.verdict[1:]}." in page
    for one in found.summary["contestants"]:
        assert str(escape(one["name"])) in page
    (check,) = found.summary["shift"]["checks"]
    assert str(escape(check["meaning"])) in page
    assert "<script" not in page
    path = found.folder / "report.html"
    path.unlink()
    report(found.folder)  # of the command line
    assert capsys.readouterr().out == f"Report: {path}\n"
    assert path.read_text(encoding="utf-8") == page
