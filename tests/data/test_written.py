import datetime as dt
import errno
import json
import os
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from made_up import features

import caviar
from caviar.data.row_hashes import row_hashes, set_fingerprint
from caviar.data.sealed import TestOpenedAgain
from caviar.data.table import Table
from caviar.data.written import write_sets
from caviar.errors import BadData, BadRun


def table(rows=120):
    random = np.random.default_rng(4)
    frame = pl.DataFrame(
        {
            "row": np.arange(float(rows)),
            "who": [f"p{i}" for i in random.integers(40, size=rows)],
            "part": ["train", "train", "dev", "test"] * (rows // 4),
        }
    )
    return Table("people", frame, pl.Series("y", [f"c{i}" for i in random.integers(3, size=rows)]))


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_the_files_give_the_same_sets_again(tmp_path, kind):
    done = caviar.split(table(), by="part", bridge=True)
    folder = write_sets(done, tmp_path / "deep" / "sets", kind, {"by": "part"})
    names = {"train", "dev", "test", "bridge"}
    assert {path.name for path in folder.iterdir()} == {f"{name}.{kind}" for name in names} | {"split.json"}
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["sets"]
    read = {name: caviar.read(folder / f"{name}.{kind}", target="y") for name in names}
    again = caviar.split(read["train"], dev=read["dev"], test=read["test"])
    np.testing.assert_array_equal(again.x_dev, done.x_dev)
    np.testing.assert_array_equal(np.sort(again.x_train, axis=0), np.sort(done.x_train, axis=0))
    assert "part" not in read["train"].features.columns, "it has done its work"
    assert done.times_opened == 0
    done.open_test()
    with pytest.warns(TestOpenedAgain):
        again.open_test()


def test_split_json(tmp_path):
    done = caviar.split(table(), group="who")
    content = json.loads((write_sets(done, tmp_path / "sets", asked={"group": "who"}) / "split.json").read_text())
    assert content["asked"] == {"group": "who"}
    assert content["how"] == list(done.explanation)
    assert {name: one["rows"] for name, one in content["sets"].items()} == done.sizes
    for one in content["sets"].values():
        frame = pl.read_parquet(tmp_path / "sets" / one["file"])
        assert one["fingerprint"] == set_fingerprint(row_hashes(frame))
        assert frame.columns == ["row", "part", "who", "y"], "the group is there for the next command"


@settings(max_examples=20)
@given(frame=features(rows=30))
def test_any_table_comes_back(tmp_path_factory, frame):
    number = pl.Series("row", np.arange(30.0))
    done = caviar.split(Table("t", frame.with_columns(number), pl.Series("y", ["a", "b"] * 15)))
    folder = write_sets(done, tmp_path_factory.mktemp("any") / "sets")
    whole = pl.concat([pl.read_parquet(folder / f"{name}.parquet") for name in ("train", "dev", "test")])
    assert whole.sort("row").equals(frame.with_columns(number, y=pl.Series(["a", "b"] * 15)))


def test_a_folder_that_is_taken_or_cannot_be_written(tmp_path):
    done = caviar.split(table())
    (tmp_path / "empty").mkdir()
    write_sets(done, tmp_path / "empty")
    before = sorted(path.name for path in tmp_path.rglob("*"))
    with pytest.raises(BadRun, match=r"must be a new or empty folder, but .*empty holds something"):
        write_sets(done, tmp_path / "empty")
    with pytest.raises(BadRun, match="that can be written"):
        write_sets(done, tmp_path / "empty" / "split.json" / "sets")
    assert sorted(path.name for path in tmp_path.rglob("*")) == before


FILES = {"train.parquet", "dev.parquet", "test.parquet", "split.json"}


@pytest.fixture(params=["current", "link", "dangling link"])
def empty(request, tmp_path, monkeypatch):
    """An empty folder that cannot be replaced by another, and how it is called."""
    own = tmp_path / "own"
    if request.param == "current":
        own.mkdir()
        monkeypatch.chdir(own)
        return own, Path()
    if request.param == "link":
        own.mkdir()
    (tmp_path / "link").symlink_to(own)
    return own, tmp_path / "link"


def test_the_current_folder_and_a_link_may_be_empty_folders(empty):
    own, called = empty
    assert write_sets(caviar.split(table()), called) == called
    assert {path.name for path in called.iterdir()} == {path.name for path in own.iterdir()} == FILES
    with pytest.raises(BadRun, match="holds something"):
        write_sets(caviar.split(table()), called)


@pytest.mark.parametrize("number", [0, 2])
def test_files_that_cannot_be_moved_leave_nothing(tmp_path, monkeypatch, number):
    moved, rename = [], Path.rename

    def full(path, to):
        if len(moved) == number:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        moved.append(to)
        return rename(path, to)

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(BadRun, match="No space left on device"):
        write_sets(caviar.split(table()), tmp_path)
    assert len(moved) == number
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_leaves_nothing(tmp_path, monkeypatch):
    def full(_, path):
        path.write_bytes(b"half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(pl.DataFrame, "write_parquet", full)
    with pytest.raises(BadRun, match=r"No space left on device\. Give another one, or make room"):
        write_sets(caviar.split(table()), tmp_path / "sets")
    assert list(tmp_path.iterdir()) == []


def test_images_are_written_as_parquet_only(tmp_path):
    pixels = np.random.default_rng(0).integers(0, 256, (40, 4, 3, 2)).astype(np.uint8)
    done = caviar.split(caviar.read((pixels, ["a", "b"] * 20)))
    with pytest.raises(BadData, match="Images cannot be written as CSV"):
        write_sets(done, tmp_path / "csv", "csv")
    folder = write_sets(done, tmp_path / "sets")
    again = caviar.read(folder / "train.parquet", target="y")
    assert again.image_shape == (4, 3, 2)
    np.testing.assert_array_equal(
        np.stack(again.features["image"].to_list()), np.stack(done.raw()["train"].frame["image"].to_list())
    )


def divided(**columns):
    """A split of a table with a column of numbers and these."""
    rows = len(next(iter(columns.values())))
    frame = pl.DataFrame({"row": np.arange(float(rows)) ** 2, **columns})
    return caviar.split(caviar.read((frame, ["a", "b"] * (rows // 2))))


def moments(rows, zone=None):
    start = dt.datetime(2024, 1, 1, tzinfo=dt.UTC if zone else None)
    cells = pl.Series([start + dt.timedelta(hours=7 * row) for row in range(rows)])
    return cells.dt.convert_time_zone(zone) if zone else cells


def test_durations_are_written_as_parquet_only(tmp_path):
    done = divided(lasted=[dt.timedelta(hours=row) for row in range(60)])
    with pytest.raises(BadData, match=r"'lasted' holds durations\. Write parquet files"):
        write_sets(done, tmp_path / "csv", "csv")
    assert list(tmp_path.iterdir()) == []
    again = caviar.read(write_sets(done, tmp_path / "sets") / "train.parquet", target=done.target.name)
    assert again.features.schema["lasted"] == pl.Duration


@pytest.mark.parametrize("zone", [None, "Asia/Tokyo"])
def test_times_are_read_again_from_csv(zone, tmp_path):
    done = divided(when=moments(60, zone))
    folder = write_sets(done, tmp_path / "sets", "csv")
    cells = caviar.read(folder / "train.csv", target=done.target.name).features["when"]
    expected = done.sets()["train"].cells["when"]
    if zone:
        expected = expected.dt.convert_time_zone("UTC").dt.replace_time_zone(None)
    assert cells.to_list() == expected.to_list()
    told = json.loads((folder / "split.json").read_text())["types_lost"]
    assert told == ({"when": "times of the zone Asia/Tokyo, written in UTC"} if zone else {})


def with_types():
    """A split with types that the owner of the DataFrame gave."""
    sizes, codes = pl.Enum(["S", "M", "L", "XL"]), pl.Categorical()
    return divided(
        size=pl.Series(["L", "S", "M", None, "S", "M"] * 10, dtype=sizes),
        code=pl.Series(["1", "2", "3", "1", "2"] * 12, dtype=codes),
        rank=pl.Series(["1.0", "02", "1.0"] * 20, dtype=pl.Enum(["02", "1.0"])),
    )


def test_parquet_keeps_the_types_of_a_data_frame(tmp_path):
    done = with_types()
    folder = write_sets(done, tmp_path / "sets")
    read = {name: caviar.read(folder / f"{name}.parquet", target=done.target.name) for name in ("train", "dev", "test")}
    again = caviar.split(read["train"], dev=read["dev"], test=read["test"])
    assert again.types == done.types
    assert again.preparation == done.preparation
    np.testing.assert_array_equal(again.x_dev, done.x_dev)
    content = json.loads((folder / "split.json").read_text())
    assert content["types_lost"] == {}
    assert content["how"] == list(done.explanation)


def test_csv_tells_which_types_it_loses(tmp_path):
    done = with_types()
    content = json.loads((write_sets(done, tmp_path / "sets", "csv") / "split.json").read_text())
    assert content["types_lost"] == {"size": "ordered: S < M < L < XL", "code": "category", "rank": "ordered: 2 < 1"}
    assert content["how"][-1] == (
        "The csv files do not keep the type of 'size' (ordered: S < M < L < XL); 'code' (category); 'rank' (ordered: "
        "2 < 1). Write parquet files, or say the types again by --types."
    )


def test_types_that_no_file_keeps_are_told(tmp_path):
    rows = np.random.default_rng(0).normal(size=60)
    done = caviar.split(caviar.read((pl.DataFrame({"a": rows, "b": rows**2}), ["a", "b"] * 30), types={"b": "log"}))
    content = json.loads((write_sets(done, tmp_path / "sets") / "split.json").read_text())
    assert content["types_lost"] == {"b": "log"}
    assert content["how"][-1].endswith("the type of 'b' (log). Say the types again by --types.")


def test_a_level_that_only_dev_has_leaves_text(tmp_path):
    """Enum has no place for it."""
    sizes = ["S", "M", "L"]
    frame = pl.DataFrame({"size": pl.Series(sizes * 20, dtype=pl.Enum(sizes)), "row": np.arange(60.0) ** 2})
    other = frame.with_columns(size=pl.Series(["XL", "S", "M"] * 20))
    tables = [caviar.read((one, ["a", "b"] * 30)) for one in (frame, other)]
    folder = write_sets(caviar.split(tables[0], dev=tables[1]), tmp_path / "sets")
    assert pl.read_parquet(folder / "dev.parquet")["size"].dtype == pl.String
    assert list(json.loads((folder / "split.json").read_text())["types_lost"]) == ["size"]
