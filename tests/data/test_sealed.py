import warnings

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.ledger import LedgerUnusable
from caviar.data.sealed import TestOpenedAgain
from caviar.data.table import Table


def table(rows=200):
    random = np.random.default_rng(3)
    frame = pl.DataFrame({"row": np.arange(float(rows)), "x": random.normal(size=rows)})
    return Table("people", frame, pl.Series("y", [f"c{i}" for i in random.integers(3, size=rows)]))


def test_another_split_of_the_same_rows_is_recognised():
    caviar.split(table()).open_test(by="a first run")
    again = caviar.split(table())
    with pytest.warns(TestOpenedAgain, match="'people' has been opened 2 times.* choose by the dev rows"):
        again.open_test()
    assert (again.times_opened, again.openings[0].times, again.openings[0].seen) == (1, 2, 1.0)


def test_another_seed_counts_for_the_rows_it_shares():
    first, other = caviar.split(table()), caviar.split(table(), seed=1)
    first.open_test(by="a first run")
    shared = np.isin(other.raw()["test"].frame["row"], first.raw()["test"].frame["row"]).mean()
    assert 0 < shared < 1
    with pytest.warns(TestOpenedAgain, match=rf"{shared:.0%} of the test rows of 'people' .* last .* by a first run"):
        other.open_test()
    assert other.openings[0].seen == shared


def test_other_columns_order_types_and_roles_are_the_same_rows():
    caviar.split(table()).open_test()
    read = table()
    frame = read.features.select("x", pl.col("row").cast(pl.Int64))
    other = caviar.split(Table("copy", frame, read.target), scale="robust", group="row")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TestOpenedAgain)
        other.open_test()
    same = set(other.raw()["test"].beside["row"]) & set(caviar.split(table()).raw()["test"].frame["row"])
    assert other.openings[0].seen == len(same) / other.n_test


def test_rows_never_opened_are_opened_in_silence():
    read = table()
    caviar.split(read).open_test()
    train = caviar.split(read).raw()["train"].whole()
    fresh = caviar.split(caviar.read(train, target="y", name="fresh"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fresh.open_test()
    assert fresh.openings[0].seen == 0


def test_the_same_run_opens_once():
    first, again = caviar.split(table()), caviar.split(table())
    first.open_test(run="r1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        again.open_test(run="r1")
        again.open_test(run="r1")
    assert [(opening.times, opening.seen) for opening in again.openings] == [(1, 0.0)] * 2
    assert {opening.opened for opening in again.openings} == {first.openings[0].opened}
    with pytest.warns(TestOpenedAgain, match="has been opened 2 times"):
        again.open_test(run="r2")


def test_without_a_ledger_the_openings_of_a_split_count(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("CAVIAR_LEDGER", str(tmp_path / "file" / "ledger"))
    done = caviar.split(table())
    with pytest.warns(LedgerUnusable):
        done.open_test()
    with pytest.warns(TestOpenedAgain, match="has been opened 2 times"):
        done.open_test()


def test_looking_at_raw_rows_is_no_opening():
    done = caviar.split(table())
    done.raw()
    assert (done.times_opened, done.openings) == (0, ())
