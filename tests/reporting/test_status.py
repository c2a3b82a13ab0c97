"""When settings are due: by age, by shift, and what is said of runs that are not whole."""

import json
import os
from datetime import UTC, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from caviar.errors import BadData, BadRun
from caviar.reporting.data_shift import data_shift, old_rows
from caviar.reporting.run_folder import read_run
from caviar.reporting.status import status
from caviar.reporting.training_run import train_networks
from small_runs import CONFIG

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def made(folder, begun="2026-04-20T08:00:00+00:00", *, finished=True, **asked):
    """A run folder as `caviar train` leaves it, without a model."""
    folder.mkdir(parents=True)
    content = {"format": 1, "asked": {"command": "train"} | asked, "versions": {}, "begun": begun, "seconds": 1.0}
    if begun is None:
        del content["begun"]
    (folder / "run.json").write_text(json.dumps(content))
    if finished:
        (folder / "summary.json").write_text('{"format": 1, "split": {"train": 200, "dev": 50}}')
    return folder


def rows(n=300, shift=0.0, seed=0):
    """Two columns and a class; `shift` moves the first, in standard deviations."""
    random = np.random.default_rng(seed)
    a = random.normal(5 + 2 * shift, 2, n)
    kind = random.choice(["red", "blue"], n)
    y = np.where(a - 2 * shift + random.normal(size=n) > 5, "yes", "no")
    return pl.DataFrame({"a": a, "kind": kind, "y": y})


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run of a file."""
    folder = tmp_path_factory.mktemp("status")
    rows().write_csv(folder / "old.csv")
    train_networks(folder / "old.csv", "y", configs={"small": CONFIG}, out=folder / "run", dev=60, test=0)
    return folder


@pytest.mark.parametrize(("days", "standing"), [(90, "fine"), (12, "fine"), (11, "due"), (0.5, "due")])
def test_settings_are_due_by_age(tmp_path, days, standing):
    found = status([made(tmp_path / "run")], days=days, now=NOW)
    assert found.runs[0].standing == standing
    assert found.code == (3 if standing == "due" else 0)
    assert found.due == (standing == "due")
    assert "Begun 2026-04-20, 11 days ago." in found.lines[0]
    assert ("caviar retune" in found.lines[-1]) == found.due


def test_ninety_days_are_the_default(tmp_path):
    path = made(tmp_path / "run")
    begun = datetime(2026, 4, 20, 8, tzinfo=UTC)
    assert status([path], now=begun + timedelta(days=89, hours=23)).code == 0
    assert status([path], now=begun + timedelta(days=90)).code == 3


def test_an_old_run_without_a_date_has_its_files(tmp_path):
    path = made(tmp_path / "run", None)
    then = (NOW - timedelta(days=100)).timestamp()
    os.utime(path / "run.json", (then, then))
    (line, _) = status([path], now=NOW).lines
    assert "due" in line
    assert "Its date was not kept; its file is of 2026-01-21, 100 days ago." in line


def test_runs_that_are_not_whole_are_said_and_do_not_hide_the_others(tmp_path):
    open_, broken, due = tmp_path / "open", tmp_path / "broken", made(tmp_path / "due", "2025-01-01T00:00:00+00:00")
    made(open_, finished=False)
    made(broken)
    (broken / "summary.json").write_text("{")
    found = status([open_, broken, tmp_path / "none"], now=NOW)
    assert [one.standing for one in found.runs] == ["unfinished", "damaged", "damaged"]
    assert found.code == 4
    assert f"caviar train --resume {open_}" in found.lines[0]
    assert "must be JSON" in found.lines[1]
    assert "must hold run.json" in found.lines[2]
    both = status([open_, due], now=NOW)
    assert both.code == 3
    assert json.loads(json.dumps(both.to_json()))["due"] is True


def test_rows_of_the_same_kind_do_not_make_settings_due(run):
    found = status([run / "run"], new=rows(400, seed=1))
    assert found.code == 0
    assert found.runs[0].shift.against == "train rows"
    assert "of one kind" in found.lines[0]


def test_rows_that_have_shifted_make_settings_due(run):
    found = status([run / "run"], new=rows(400, 0.8, seed=1))
    assert found.code == 3
    assert "'a'" in found.lines[0]


def test_a_class_that_the_run_did_not_know_makes_settings_due(run):
    new = rows(100, seed=1).with_columns(y=pl.lit("perhaps"))
    found = status([run / "run"], new=new)
    assert found.due
    assert "values that the run did not know" in found.lines[0]


def test_where_the_old_rows_are_gone_the_model_is_asked(run, tmp_path):
    asked = read_run(run / "run")["asked"]
    gone = asked | {"data": str(tmp_path / "away.csv")}
    for shift, large in ((0.0, False), (0.8, True)):
        found = data_shift(run / "run", gone, rows(400, shift, seed=2))
        assert found.against == "model"
        assert found.large == large
        assert "The run's data are gone" in found.sentences[0]
    assert "'a' (mean 4.886 then, 6.5" in found.sentences[1]
    other = rows(400, seed=2).with_columns(kind=pl.lit("green"))
    assert "'green'" in data_shift(run / "run", gone, other).sentences[1]
    assert "lack the column 'kind'" in data_shift(run / "run", gone, rows().drop("kind")).sentences[1]


def test_old_rows_that_have_changed_are_not_taken_for_the_old_ones(run, tmp_path):
    asked = read_run(run / "run")["asked"]
    assert old_rows(asked)[0].fingerprint == asked["rows"]
    rows(299).write_csv(tmp_path / "old.csv")
    found, why = old_rows(asked | {"data": str(tmp_path / "old.csv")})
    assert found is None
    assert "have changed since" in why
    assert "given in Python" in old_rows(asked | {"data": "given in Python"})[1]
    (tmp_path / "old.csv").write_text("a\n")
    assert "cannot be read as they were" in old_rows(asked | {"data": str(tmp_path / "old.csv")})[1]


def test_without_rows_or_model_it_cannot_be_told(tmp_path):
    path = made(tmp_path / "run", data=str(tmp_path / "away.csv"))
    found = status([path], new=rows(), now=NOW)
    assert found.runs[0].shift.against == "nothing"
    assert "cannot be told" in found.lines[0]
    assert found.code == 0


def test_the_models_false_alarms_are_rare(run):
    """Samples of the same kind: at a level of one in a thousand none of forty is told."""
    gone = read_run(run / "run")["asked"] | {"data": "/away.csv"}
    alarms = [bool(data_shift(run / "run", gone, rows(200, seed=s)).checks) for s in range(10, 50)]
    assert sum(alarms) <= 1


def test_bad_input(run, tmp_path):
    with pytest.raises(BadRun, match="at least one run folder and days above 0"):
        status([])
    with pytest.raises(BadRun, match="days=0"):
        status([run], days=0)
    with pytest.raises(BadData):
        status([run / "run"], new=tmp_path / "none.csv")
