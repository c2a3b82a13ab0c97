"""All checks together: sorted, and a fault of one is said and hides none."""

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.checks import run
from caviar.data.checks.check import CHECKS, Check, Checked
from caviar.errors import BadData


def found(name, severity):
    return Checked((Check(name, severity, {}, "It is so.", "here"),), (f"{name} skipped",), (f"{name} passed",))


def minor(_table, _task):
    return found("duplicate_rows", "info")


def major(_table, _task):
    return found("target_leakage", "critical")


def middle(_table, _task):
    return found("label_noise", "warning")


def check_broken(_table, _task):
    raise ZeroDivisionError("division by zero")


def check_refusing(_table, _task):
    raise BadData("Rows must be rows. Make them rows.")


def test_the_most_severe_comes_first(monkeypatch):
    monkeypatch.setattr(run, "OF_TABLE", (minor, major, middle))
    monkeypatch.setattr(run, "OF_ROWS", ())
    done = run.check_table(caviar.read("iris"))
    assert [check.severity for check in done.checks] == ["critical", "warning", "info"]
    assert done.skipped == ("duplicate_rows skipped", "target_leakage skipped", "label_noise skipped")
    assert len(done.passed) == 3


def test_a_fault_is_said_and_hides_nothing(monkeypatch):
    monkeypatch.setattr(run, "OF_TABLE", (check_broken, check_refusing, major))
    monkeypatch.setattr(run, "OF_ROWS", ())
    with pytest.warns(run.CheckFailed, match="broken was not checked: this is a fault of caviar") as told:
        done = run.check_table(caviar.read("iris"))
    assert len(told) == 1
    assert [check.name for check in done.checks] == ["target_leakage"]
    assert "ZeroDivisionError: division by zero" in done.skipped[0]
    assert done.skipped[1] == "refusing was not checked. Rows must be rows. Make them rows."


@pytest.mark.parametrize("sample", ["iris", "wine", "breast_cancer", "diabetes"])
def test_every_check_runs_on_every_sample_without_a_warning(sample):
    """A fault of a check is a Python warning, and these are errors here."""
    table = caviar.read(sample)
    split = caviar.split(table)
    done = run.check_table(table, split.task) + run.check_split(split)
    assert {check.name for check in done.checks} <= set(CHECKS)
    assert [check.meaning for check in done.checks if check.severity != "info"] == []
    assert split.times_opened == 0


def test_tables_of_odd_shape_are_checked():
    random = np.random.default_rng(0)
    frame = pl.DataFrame(
        {
            "empty": pl.Series([None] * 60, dtype=pl.Float64),
            "words": [f"w{i}" for i in range(60)],
            "same": [1] * 60,
            "x": random.normal(size=60),
            "y": ["a", "b"] * 30,
        }
    )
    table = caviar.read(frame, "y")
    run.check_table(table)
    run.check_split(caviar.split(table))
    run.check_split(caviar.split(table, test=0))
    run.check_split(caviar.split(table, dev=0))
    run.check_table(caviar.read(frame, False))


@pytest.mark.parametrize("name", ["rows", "cell", "cells", "count", "level", "first", "len"])
def test_columns_may_be_called_what_they_like(name):
    random = np.random.default_rng(0)
    frame = pl.DataFrame({name: random.choice(["a", "b", "+"], 400), "x": random.normal(size=400)})
    table = caviar.read(frame.with_columns(y=random.choice(["n", "m"], 400)), "y")
    run.check_table(table)
    run.check_split(caviar.split(table))
    caviar.read(frame, name).describe()


def test_stray_numbers_of_any_size_are_checked():
    """A cell of the size of the largest float; a fault of a check would be a Python warning, an error here."""
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 3))
    x[5, 0] = 1e308
    table = caviar.read((x, random.choice(["n", "m"], 400)))
    (found,) = (c for c in run.check_table(table).checks if c.name == "outliers")
    assert [about["rows"] for about in found.evidence["columns"].values()] == [[5]]
    run.check_split(caviar.split(table))


def test_named_groups_of_given_sets_are_compared():
    random = np.random.default_rng(0)
    x = random.normal(size=(400, 2))
    frame = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "who": [f"p{i % 40}" for i in range(400)], "y": x[:, 0] > 0})
    table, test = caviar.read(frame[:300], "y"), caviar.read(frame[300:], "y")
    found = run.check_split(caviar.split(table, test=test, group="who")).checks
    assert next((c.name, c.severity) for c in found if c.name == "group_overlap") == ("group_overlap", "critical")
    alone = run.check_split(caviar.split(table, group="who")).checks
    assert [c for c in alone if c.name == "group_overlap" and c.severity != "info"] == []
