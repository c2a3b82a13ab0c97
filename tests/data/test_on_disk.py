"""A table whose columns stay on disk becomes the same table, split and network as one in memory."""

import functools

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import caviar
from caviar.data import sets
from caviar.data.checks.run import check_split, check_table
from caviar.data.written import write_sets
from caviar.errors import BadData
from caviar.training.saved import Model


@pytest.fixture(autouse=True)
def _cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def made_up(rows=3000):
    """Columns of many kinds, with missing cells."""
    rng = np.random.default_rng(0)
    sparse = pl.Series(rng.random(rows) > 0.05)
    frame = pl.DataFrame(
        {
            "size": rng.normal(size=rows),
            "rooms": rng.integers(0, 5, rows),
            "colour": rng.choice(["red", "green", "sea blue", None], rows),
            "grade": rng.choice(["low", "medium", "high"], rows),
            "new": rng.random(rows) > 0.3,
            "day": pl.Series(rng.integers(0, 900, rows)).cast(pl.Date),
            "code": [f"id-{i}" for i in range(rows)],
            "weight": rng.random(rows),
        }
    )
    price = frame["size"] + 0.3 * frame["rooms"] + pl.Series(rng.normal(size=rows))
    cheap = pl.select(pl.when(price > 0.5).then(pl.lit("dear")).otherwise(pl.lit("cheap"))).to_series()
    return frame.with_columns(pl.when(sparse).then(frame["size"]).alias("size"), price=price, cheap=cheap)


@functools.cache
def frame():
    return made_up()


@pytest.fixture(params=["csv", "parquet", "arrow"])
def path(request, tmp_path):
    file = tmp_path / f"houses.{request.param}"
    write = {"csv": frame().write_csv, "parquet": frame().write_parquet, "arrow": frame().write_ipc}[request.param]
    write(file)
    return file


@pytest.fixture
def parquet(tmp_path):
    frame().write_parquet(tmp_path / "houses.parquet")
    return tmp_path / "houses.parquet"


def both(path, target="cheap", **more):
    inside, outside = caviar.read(path, target, **more), caviar.read(path, target, in_memory=False, **more)
    assert (inside.on_disk, outside.on_disk) == (False, True)
    return inside, outside


def test_the_same_table(path):
    inside, outside = both(path)
    assert inside.fingerprint == outside.fingerprint
    assert inside.types == outside.types
    assert_frame_equal(inside.features, outside.cells)
    assert "The columns stay on disk, and are read when they are needed." in outside.notes
    assert [note for note in outside.notes if "on disk" not in note] == list(inside.notes)
    assert inside.describe().splitlines()[1:9] == outside.describe().splitlines()[1:9]


WAYS = {
    "default": {},
    "quantity": {"target": "price"},
    "weights": {"weight": "weight"},
    "groups and a bridge": {"group": "day", "bridge": True},
    "times": {"time": "day"},
    "robust": {"scale": "robust"},
    "no test": {"test": 0, "dev": 100},
}


@pytest.mark.parametrize("way", WAYS)
def test_the_same_split(parquet, way):
    asked = dict(WAYS[way])
    inside, outside = both(parquet, asked.pop("target", "cheap"))
    own, other = caviar.split(inside, **asked), caviar.split(outside, **asked)
    assert isinstance(other.x, np.memmap)
    assert own.fingerprint == other.fingerprint
    assert own.explanation == other.explanation
    np.testing.assert_array_equal(own.x, other.x)
    np.testing.assert_array_equal(own.x_bridge, other.x_bridge)
    np.testing.assert_array_equal(own.folds(5), other.folds(5))
    np.testing.assert_array_equal(own.rescaled("log").x, other.rescaled("log").x)
    assert_frame_equal(own.raw()["test"].cells, other.raw()["test"].cells)


def test_the_same_network_and_predictions(parquet):
    inside, outside = both(parquet)
    splits = [caviar.split(table) for table in (inside, outside)]
    own, other = (caviar.train(split, [caviar.Config(epochs=2)])[0] for split in splits)
    for a, b in zip(own.weights, other.weights, strict=True):
        np.testing.assert_array_equal(a.w, b.w)
    model = Model.of(own, splits[0])
    np.testing.assert_array_equal(model.outputs(inside.features), model.outputs(outside.features))


def test_checks_look_at_a_sample(parquet, monkeypatch):
    inside, outside = both(parquet)
    own, other = (caviar.split(table) for table in (inside, outside))
    assert check_split(own).checks == check_split(other).checks
    assert {c.name for c in check_table(inside).checks} == {c.name for c in check_table(outside).checks}
    monkeypatch.setattr(sets, "SHOWN", 500)
    assert other.raw()["train"].frame.height == len(other.raw()["train"].y) == 500
    assert other.sets()["train"].frame.height == other.n_train


@pytest.mark.parametrize("kind", ["parquet", "csv"])
def test_written_sets_are_the_same(parquet, kind, tmp_path):
    inside, outside = both(parquet)
    for name, table in (("in", inside), ("out", outside)):
        write_sets(caviar.split(table), tmp_path / name, kind)
    read = pl.read_parquet if kind == "parquet" else pl.read_csv
    for name in ("train", "dev", "test"):
        own, other = (read(tmp_path / place / f"{name}.{kind}") for place in ("in", "out"))
        assert_frame_equal(own, other, check_row_order=name != "train")
    texts = [(tmp_path / place / "split.json").read_text() for place in ("in", "out")]
    assert texts[0] == texts[1]


def test_written_sets_keep_types_from_disk(tmp_path):
    rows = 400
    sizes = pl.Enum(["S", "M", "L"])
    data = {"size": pl.Series(["L", "S", "M", "S"] * 100, dtype=sizes), "n": np.arange(rows) ** 2, "y": [0, 1] * 200}
    pl.DataFrame(data).write_parquet(tmp_path / "a.parquet")
    _, outside = both(tmp_path / "a.parquet", "y")
    folder = write_sets(caviar.split(outside), tmp_path / "sets")
    assert pl.read_parquet(folder / "train.parquet").schema["size"] == sizes


LATE = {
    "words at the end": [str(i) for i in range(160)] + ["none known"] * 40,
    "nothing at the beginning": [""] * 150 + [str(i) for i in range(50)],
    "commas at the end": [str(i) for i in range(160)] + ["1,5"] * 40,
    "plus at the end": ["-"] * 150 + ["+"] * 50,
    "dates": ["NA"] * 150 + ["2024-02-01"] * 50,
}


@pytest.mark.parametrize("cells", LATE.values(), ids=LATE)
def test_the_whole_column_decides_what_it_is(cells, tmp_path, monkeypatch):
    """Not its first rows, which come in a piece of their own."""
    monkeypatch.setattr("caviar.data.large_text._PIECE", 400)
    path = tmp_path / "a.csv"
    frame = pl.DataFrame({"a": cells, "b": ["2,5"] * 200, "c": [i % 7 for i in range(200)], "y": [0, 1] * 100})
    frame.write_csv(path, separator=";")
    inside, outside = both(path, "y")
    assert outside.features.schema == dict(inside.features.schema)
    assert outside.notes[2:] == inside.notes[1:]
    assert inside.fingerprint == outside.fingerprint


def test_what_is_large(tmp_path, monkeypatch, parquet):
    """By bytes; a number that fits on any machine, so that a file is read alike everywhere."""
    from caviar.data import columnar, sources

    assert not caviar.read(parquet, "cheap").on_disk
    cells = 8 * frame().height * frame().width
    monkeypatch.setattr(columnar, "LARGE", cells - 1)
    assert caviar.read(parquet, "cheap").on_disk
    assert not caviar.read(parquet, "cheap", in_memory=True).on_disk
    monkeypatch.setattr(columnar, "LARGE", cells)
    assert not caviar.read(parquet, "cheap").on_disk
    frame().write_csv(tmp_path / "a.csv")
    monkeypatch.setattr(sources, "LARGE_TEXT", (tmp_path / "a.csv").stat().st_size - 1)
    assert caviar.read(tmp_path / "a.csv", "cheap").on_disk


def test_files_that_are_no_tables_say_so_on_disk_as_well(tmp_path):
    (tmp_path / "a.parquet").write_bytes(b"PAR1 but no more")
    with pytest.raises(BadData, match="must be a parquet file"):
        caviar.read(tmp_path / "a.parquet", "y", in_memory=False)
    pl.DataFrame({"a ": [1.0] * 30, " a": [2.0] * 30, "y": [0, 1] * 15}).write_parquet(tmp_path / "b.parquet")
    with pytest.raises(BadData, match="Column names must differ"):
        caviar.read(tmp_path / "b.parquet", "y", in_memory=False)
