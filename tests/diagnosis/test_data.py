"""Doubts about data become findings."""

import json

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks.check import CHECKS, Check, Checked
from caviar.diagnosis.data import diagnose_data, finding_of, of_checked
from caviar.diagnosis.finding import FINDINGS, Finding
from caviar.errors import BadData


def test_every_name_of_a_check_is_one_of_a_finding_once():
    assert set(CHECKS) <= set(FINDINGS)
    assert len(set(FINDINGS)) == len(FINDINGS)


def test_a_check_keeps_what_it_knows():
    check = Check("label_noise", "warning", {"rows": [1]}, "It is so.", "here")
    assert finding_of(check) == Finding("label_noise", "warning", {"rows": [1]}, "It is so.", "here")


def test_findings_are_sorted_and_sentences_said_once():
    checks = [Check("outliers", s, {}, "It is so.", "here") for s in ("info", "critical", "warning")]
    done = of_checked(Checked(tuple(checks), ("a", "b", "a"), ("c", "c")))
    assert [finding.severity for finding in done.findings] == ["critical", "warning", "info"]
    assert (done.skipped, done.passed) == (("a", "b"), ("c",))


def test_planted_faults_of_a_table_and_its_sets_are_found():
    random = np.random.default_rng(0)
    frames = []
    for rows, moved in ((1500, 0.0), (500, 1.0)):
        x = random.normal(size=(rows, 3))
        y = (x[:, 0] > 0) ^ (random.random(rows) < 0.1)
        frames.append(pl.DataFrame({"a": x[:, 0], "b": x[:, 1] + moved, "c": x[:, 2], "y": y}))
    table, test = (caviar.read(frame, "y") for frame in frames)
    done = diagnose_data(table, caviar.split(table, test=test))
    assert {"label_noise", "distribution_shift"} <= {f.name for f in done.findings if f.severity != "info"}
    content = json.loads(json.dumps(done.to_json(), allow_nan=False))
    assert set(content["findings"][0]) == {"name", "severity", "evidence", "meaning", "source"}


def test_new_rows_are_compared_with_the_train_rows(tmp_path):
    random = np.random.default_rng(1)
    names = [f"id-{i}" for i in range(2000)]
    train = pl.DataFrame({"a": random.normal(size=2000), "b": random.normal(size=2000), "key": names})
    train = train.with_columns(y=(train["a"] > 0).cast(pl.Int8))
    table = caviar.read(train, "y")
    split = caviar.split(table)
    for moved, found in ((0.0, False), (1.0, True)):
        new = pl.DataFrame({"b": random.normal(size=900) + moved, "a": random.normal(size=900), "other": [1] * 900})
        new = new.with_columns(key=pl.Series([f"new-{i}" for i in range(900)]))
        done = diagnose_data(table, split, caviar.read(new, target=False))
        shifts = [f for f in done.findings if f.name == "distribution_shift"]
        assert bool(shifts) == found
        assert not found or "new" in shifts[0].meaning
    new.drop("b").write_csv(tmp_path / "fresh.csv")
    with pytest.raises(
        BadData,
        match=r"new rows 'fresh' must match '.+'\. The train rows have a column 'b', but the table has none",
    ):
        diagnose_data(table, split, caviar.read(tmp_path / "fresh.csv", target=False))
