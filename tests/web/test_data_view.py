"""The data of a run as the page shows them; of the test rows nothing but their number."""

import datetime
import json

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.web.data_view import data_view

HOSTILE = "<script>alert(1)</script>"
ROWS = 200
STREAM = np.random.default_rng(0)
SETS = np.array(["train"] * 120 + ["dev"] * 40 + ["test"] * 40)
SEALED = SETS == "test"


def rows():
    """Those of the test set hold what no others do."""
    number = np.where(SEALED, 1e9, np.round(STREAM.uniform(-1, 1, ROWS), 3))
    colour = np.where(SEALED, "sealed-colour", np.where(np.arange(ROWS) % 4 == 0, "red", HOSTILE))
    return pl.DataFrame(
        {
            "number": [None if i % 10 == 0 else value for i, value in enumerate(number)],
            "colour": colour,
            "day": [datetime.date(2020, 1, 1) + datetime.timedelta(days=i) for i in range(ROWS)],
            "always": ["same"] * ROWS,
            "set": SETS,
            "y": np.where(np.arange(ROWS) % 2, "yes", HOSTILE),
        }
    )


FRAME = rows()


@pytest.fixture(scope="module")
def split():
    return caviar.split(caviar.read(FRAME, "y"), by="set")


@pytest.fixture(scope="module")
def told(split):
    return json.loads(json.dumps(data_view(split), allow_nan=False))


def test_columns_are_told_by_the_train_rows(told):
    by_name = {column["name"]: column for column in told["columns"]}
    number = FRAME["number"][:120].drop_nulls()
    assert by_name["number"]["kind"] == "number"
    assert by_name["number"]["missing"] == pytest.approx(0.1)
    assert by_name["number"]["about"] == f"{number.min():,.6g} to {number.max():,.6g}, median {number.median():,.6g}"
    assert by_name["colour"]["about"] == f"{HOSTILE} 75%, red 25%"  # as text
    assert by_name["day"]["about"] == "2020-01-01 to 2020-04-29"
    assert by_name["always"]["about"].startswith("left out")
    assert by_name["set"] == {"name": "set", "kind": "by", "missing": 0.0, "about": "not learned from: train 100%"}


def test_rows_and_the_balance_of_classes(told):
    assert told["rows"] == {"train": 120, "dev": 40, "test": 40}
    assert told["classes"] == [{"name": HOSTILE, "train": 60, "dev": 20}, {"name": "yes", "train": 60, "dev": 20}]
    assert told["target"]["about"] == f"{HOSTILE} 50%, yes 50%"


def test_of_sealed_rows_nothing_is_told(split, told):
    """Numbers and levels that only they hold, a shift by them and rows that they share stand nowhere."""
    said = json.dumps(told)
    assert "sealed-colour" not in said
    assert "1e+09" not in said
    assert "1,000,000,000" not in said
    assert not any("test" in json.dumps(check["evidence"]) for check in told["checks"])
    assert split.times_opened == 0
    assert "40 test rows stay sealed" in told["left_out"][-1]
    assert split.n_test == 40  # the split itself is as it was


def test_checks_stand_with_their_evidence_in_words():
    table = FRAME.drop("set")
    table = pl.concat([table, table.head(60), table.head(60)])
    split = caviar.split(caviar.read(table, "y"), dev=60, test=0, duplicates="anywhere", seed=1)
    told = json.loads(json.dumps(data_view(split), allow_nan=False))
    checks = {check["name"]: check for check in told["checks"]}
    assert "duplicate_rows" in checks
    assert "leakage" in checks  # of train into dev
    assert checks["leakage"]["severity"] in ("warning", "critical")
    for check in told["checks"]:
        assert check["meaning"].endswith(".")
        assert all(isinstance(part, str) for pair in check["evidence"] for part in pair)
    assert told["left_out"] == [sentence for sentence in told["left_out"] if "stay sealed" not in sentence]


def test_a_regression_has_no_classes():
    table = caviar.read((STREAM.normal(size=(150, 3)), np.arange(150.0)))
    told = data_view(caviar.split(table, dev=30, test=30), table)
    assert told["classes"] == []
    assert "median" in told["target"]["about"]
    assert told["notes"] == list(table.notes)


def test_images_and_many_columns(monkeypatch):
    pixels = STREAM.integers(0, 9, (120, 4, 5, 1)).astype(np.uint8)
    pixels[:, 0, 0, 0] = 200
    told = data_view(caviar.split(caviar.read((pixels, np.arange(120) % 2)), dev=20, test=0))
    (column,) = told["columns"]
    assert column["about"] == "4 x 5, 1 channel, pixels 0 to 200"
    monkeypatch.setattr("caviar.web.data_view.MOST_COLUMNS", 4)
    told = data_view(caviar.split(caviar.read((STREAM.normal(size=(60, 7)), np.arange(60) % 2)), dev=10, test=0))
    assert (len(told["columns"]), told["more_columns"]) == (4, 3)
