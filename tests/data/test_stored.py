import datetime
import shutil

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal, assert_series_equal

from caviar.data import stored as module
from caviar.data.stored import store
from caviar.errors import BadData


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def frame(rows=1000):
    rng = np.random.default_rng(0)
    numbers = pl.Series("numbers", rng.normal(size=rows))
    numbers = pl.select(pl.when(pl.Series(rng.random(rows) > 0.1)).then(numbers).alias("numbers")).to_series()
    return pl.DataFrame(
        [
            numbers,
            pl.Series("whole", rng.integers(-5, 5, rows)),
            pl.Series("text", [None if i % 7 == 0 else f"łäng {i % 13}" * (i % 5) for i in range(rows)]),
            pl.Series("flag", rng.random(rows) > 0.5),
            pl.Series("day", [datetime.date(2020, 1, 1) + datetime.timedelta(days=i % 400) for i in range(rows)]),
        ]
    )


@pytest.fixture
def both():
    whole = frame()
    return whole, store(whole.get_columns())


def test_it_reads_like_a_frame(both):
    whole, stored = both
    assert (stored.columns, stored.height, stored.width, len(stored)) == (whole.columns, 1000, 5, 1000)
    assert stored.schema == dict(whole.schema)
    for own, other in zip(stored.get_columns(), whole.get_columns(), strict=True):
        assert_series_equal(own, other)
    assert_series_equal(stored["text"], whole["text"])
    assert_frame_equal(stored.drop(["text", "flag"])[:], whole.drop("text", "flag"))
    assert_frame_equal(stored.select(["day", "whole"])[:], whole.select("day", "whole"))


@pytest.mark.parametrize("at", [slice(0, 10), slice(990, 2000), slice(5, 5), slice(0, 1000, 7), np.array([3, 999, 3])])
def test_rows(both, at):
    whole, stored = both
    assert_frame_equal(stored[at], whole[at])


def test_batches_follow_each_other(both, monkeypatch):
    whole, stored = both
    parts = list(stored.batches(300))
    assert [part.height for part, _ in parts] == [300, 300, 300, 100]
    assert_frame_equal(pl.concat([part for part, _ in parts]), whole)
    np.testing.assert_array_equal(np.concatenate([place for _, place in parts]), np.arange(1000))
    monkeypatch.setattr(module, "BATCH", 64)  # record batches of the files
    again = store(whole.get_columns())
    assert_frame_equal(pl.concat([part for part, _ in again.batches(100)]), whole)


def test_columns_are_written_one_after_the_other(tmp_path):
    """The next one is made when the last is on disk."""
    written = []

    def columns():
        for column in frame(10).get_columns():
            written.append(len(list(tmp_path.rglob("*.arrow"))))
            yield column

    store(columns())
    assert written == [0, 1, 2, 3, 4]


def test_a_full_disk(monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(pl.DataFrame, "write_ipc", full)
    with pytest.raises(BadData, match=r"Column 'numbers' must be kept on disk, .* Set XDG_CACHE_HOME"):
        store(frame(10).get_columns())


def test_some_rows_in_some_order(both):
    whole, stored = both
    at = np.random.default_rng(1).permutation(1000)[:300]
    rows, wanted = stored.rows(at), whole[at]
    assert (rows.columns, rows.height, rows.width, len(rows)) == (whole.columns, 300, 5, 300)
    assert rows.schema == dict(whole.schema)
    for own, other in zip(rows.get_columns(), wanted.get_columns(), strict=True):
        assert_series_equal(own, other)
    assert_series_equal(rows["text"], wanted["text"])
    assert_frame_equal(rows[5:9], wanted[5:9])
    assert_frame_equal(rows[np.array([7, 1])], wanted[np.array([7, 1])])
    assert_frame_equal(rows.select(["day"])[:], wanted.select("day"))
    assert_frame_equal(rows.drop({"day", "other"}, strict=False)[:], wanted.drop("day"))
    assert_frame_equal(rows.rows(np.array([299, 0]))[:], wanted[np.array([299, 0])])
    with pytest.raises(KeyError, match="other"):
        rows.drop(["other"])


def test_rows_in_the_order_of_the_file_know_their_places(both):
    whole, stored = both
    at = np.random.default_rng(1).permutation(1000)[:300]
    parts = list(stored.rows(at).batches(130))
    places = np.concatenate([place for _, place in parts])
    assert sorted(places) == list(range(300))
    assert (np.diff(at[places]) > 0).all()
    assert_frame_equal(pl.concat([frame for frame, _ in parts]), whole[at[places]])


def test_files_that_are_gone(both, tmp_path):
    _, stored = both
    shutil.rmtree(tmp_path / "caviar")
    for look in (lambda: stored["text"], lambda: stored[:5], lambda: list(stored.batches())):
        with pytest.raises(BadData, match=r"must stay where they were put .* Read the table again"):
            look()
