import datetime as dt
import json
import shutil

import numpy as np
import polars as pl
import pytest
import toy_splits
from PIL import Image
from scipy.special import softmax

import caviar
from caviar.errors import BadData, BadRun
from caviar.network.shapes import Inputs
from caviar.training.outputs import outputs
from caviar.training.packing import starting_weights

CONFIG = caviar.Config(hidden_units=5, activation="tanh", batch_norm=True, batch_size=32, epochs=2)


def model_of(split, config=CONFIG):
    return caviar.Model.of(caviar.train(split, [config])[0], split)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "model"
    caviar.save(model_of(toy_splits.classes()), folder)
    return folder


def fresh_rows():
    """Rows with the columns of the toy splits."""
    rng = np.random.default_rng(4)
    return pl.DataFrame({name: rng.normal(size=20) for name in ("x0", "x1", "x2", "x3")})


@pytest.mark.parametrize("kind", ["classes", "numbers"])
def test_there_and_back(kind, tmp_path):
    split = getattr(toy_splits, kind)()
    model = model_of(split)
    caviar.save(model, tmp_path / "deep" / "folder")
    back = caviar.load(tmp_path / "deep" / "folder")
    assert (back.config, back.preparation, back.target) == (model.config, model.preparation, model.target)
    for one, other in zip((*model.weights, *model.statistics), (*back.weights, *back.statistics), strict=True):
        for a, b in zip(one, other, strict=True):
            assert getattr(a, "dtype", None) == getattr(b, "dtype", None)
            np.testing.assert_array_equal(a, b)
    frame = fresh_rows()
    np.testing.assert_array_equal(model.outputs(frame), back.outputs(frame))
    assert back.predict(frame).equals(model.predict(frame))
    assert caviar.predict(tmp_path / "deep" / "folder", frame).equals(caviar.predict(model, frame))


def test_nothing_is_pickled(saved):
    assert {path.name for path in saved.iterdir()} == {"model.json", "model.safetensors"}
    description = json.loads((saved / "model.json").read_text())
    assert (description["format"], description["task"]) == (1, "classification")
    assert caviar.Config.from_mapping(description["config"]) == CONFIG
    length = int.from_bytes((saved / "model.safetensors").read_bytes()[:8], "little")
    arrays = json.loads((saved / "model.safetensors").read_bytes()[8 : 8 + length])
    names = {f"layer.0.{part}" for part in ("w", "b", "scale", "mean", "variance")}
    assert set(arrays) - {"__metadata__"} == {*names, "layer.1.w", "layer.1.b"}
    assert arrays["layer.0.w"]["shape"] == [5, 4]


def test_predictions_are_labels_and_shares(saved):
    split = toy_splits.classes()
    model, frame = caviar.load(saved), fresh_rows()
    answer = caviar.predict(saved, frame, proba=True)
    assert answer.columns == ["prediction", "probability of ant", "probability of bee", "probability of cow"]
    raw = outputs([(model.config, model.weights, model.statistics)], split.preparation.features(frame))[0]
    np.testing.assert_allclose(answer.drop("prediction").to_numpy(), softmax(raw.astype(float), axis=1), rtol=1e-12)
    assert answer["prediction"].to_list() == [("ant", "bee", "cow")[i] for i in raw.argmax(1)]
    assert len(set(answer["prediction"])) > 1


def test_a_number_comes_in_its_own_unit():
    split = toy_splits.numbers()
    model, frame = model_of(split), fresh_rows()
    np.testing.assert_allclose(
        model.predict(frame)["prediction"].to_numpy(),
        model.outputs(frame)[:, 0].astype(float) * split.target.std + split.target.decode(np.zeros(1))[0],
        rtol=1e-6,
    )
    with pytest.raises(BadRun, match="Probabilities need classes, but 'y' is a number"):
        model.predict(frame, proba=True)


def test_columns_in_any_order_and_more_of_them(saved):
    frame = fresh_rows()
    other = frame.select(pl.lit("?").alias("note"), "x3", "x1", "x0", "x2")
    assert caviar.predict(saved, other).equals(caviar.predict(saved, frame))
    with pytest.raises(BadData, match="x2"):
        caviar.predict(saved, frame.drop("x2"))


def test_no_rows_give_no_predictions_of_the_same_kind(saved):
    none = caviar.load(saved).predict(fresh_rows().clear(), proba=True)
    assert none.schema == caviar.predict(saved, fresh_rows(), proba=True).schema
    assert none.height == 0


def test_labels_keep_their_type():
    for labels in ([3, 7], [True, False], ["yes", "no"]):
        x, y = toy_splits.blobs(60, 2, 4)
        split = caviar.split(caviar.read((x, np.array(labels)[y])))
        weights = starting_weights(CONFIG.changed(batch_norm=False), Inputs(4), 2)
        model = caviar.Model(CONFIG.changed(batch_norm=False), weights, (), split.preparation, split.target)
        answer = model.predict(fresh_rows())["prediction"].to_list()
        assert set(answer) <= set(labels)
        assert type(answer[0]) is type(labels[0])


def cut(path):
    path.write_bytes(path.read_bytes()[:-100])


@pytest.mark.parametrize(
    "damage",
    [
        lambda f: cut(f / "model.safetensors"),
        lambda f: cut(f / "model.json"),
        lambda f: (f / "model.safetensors").unlink(),
        lambda f: (f / "model.safetensors").write_bytes(b""),
        lambda f: (f / "model.json").write_text("[]"),
        lambda f: (f / "model.json").write_bytes(b"\xff\xfe\x00"),
        lambda f: edited(f, "config", {"hidden_units": [5], "units": 3}),
        lambda f: edited(f, "config", CONFIG.changed(hidden_units=(5, 5)).to_json()),
        lambda f: edited(f, "config", CONFIG.changed(hidden_units=6).to_json()),
    ],
)
def test_damaged_files_are_named(damage, saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    damage(folder)
    with pytest.raises(BadRun, match=r"copy cannot be read \(.*may be damaged: make it again"):
        caviar.load(folder)


def test_a_damaged_preparation_is_named(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    edited(folder, "preparation", {})
    with pytest.raises(BadRun, match=r"what Preparation.to_json wrote, but it is not .*may be damaged"):
        caviar.load(folder)


def edited(folder, key, value):
    description = json.loads((folder / "model.json").read_text())
    (folder / "model.json").write_text(json.dumps(description | {key: value}))


def test_no_model_and_a_later_one(saved, tmp_path):
    with pytest.raises(BadRun, match=r"must hold model.json, got .*nowhere"):
        caviar.load(tmp_path / "nowhere")
    folder = shutil.copytree(saved, tmp_path / "copy")
    edited(folder, "format", 2)
    with pytest.raises(BadRun, match=r"must have format 1, got 2\. It was written by a later caviar: update"):
        caviar.load(folder)


def test_saving_again_replaces_whole_files(saved, tmp_path):
    folder = shutil.copytree(saved, tmp_path / "copy")
    other = model_of(toy_splits.classes(), CONFIG.changed(seed=1))
    caviar.save(other, folder)
    np.testing.assert_array_equal(caviar.load(folder).weights[0].w, other.weights[0].w)
    assert len(list(folder.iterdir())) == 2


def test_pictures_of_any_size_are_predicted_in_the_size_of_training(tmp_path, monkeypatch):
    monkeypatch.setattr("caviar.data.image_cache.cache_folder", lambda: tmp_path / "cache")

    def pictures(root, side, mode):
        for kind, value in (("dark", 20), ("light", 220)):
            (tmp_path / root / kind).mkdir(parents=True)
            for i in range(12):
                Image.new(mode, (side, side), (value + i,) * len(mode)).save(tmp_path / root / kind / f"{i:02}.png")
        return tmp_path / root

    split = caviar.split(caviar.read(pictures("small", 6, "L")))
    model = model_of(split, caviar.Config(hidden_units=4, epochs=30, learning_rate=0.03))
    large = pictures("large", 90, "RGB")
    for answer in (model.predict(large), caviar.predict(model, str(large))):
        assert answer["prediction"].to_list() == ["dark"] * 12 + ["light"] * 12


def of_every_kind():
    """A model of columns of every kind, and rows for it."""
    rng = np.random.default_rng(2)
    rows = 60
    frame = pl.DataFrame(
        {
            "size": rng.normal(size=rows),
            "fast": rng.integers(2, size=rows).astype(bool),
            "colour": rng.choice(["red", "green", "blue"], rows),
            "grade": rng.choice(["low", "medium", "high"], rows),
            "said": [" ".join(rng.choice(["quite", "very", "long", "words", "here"], 8)) for _ in range(rows)],
            "when": [dt.date(2024, 1, 1) + dt.timedelta(int(day)) for day in rng.integers(300, size=rows)],
            "clock": [dt.time(int(hour), 30) for hour in rng.integers(24, size=rows)],
        }
    )
    split = caviar.split(caviar.read((frame, np.arange(rows) % 2)))
    config = CONFIG.changed(batch_norm=False)
    weights = starting_weights(config, Inputs(split.width), 2)
    return caviar.Model(config, weights, (), split.preparation, split.target), frame


@pytest.mark.parametrize("column", ["size", "fast", "colour", "grade", "said", "when", "clock"])
@pytest.mark.parametrize("cell", [[1, 2], {"a": 1}, b"red"], ids=["list", "struct", "binary"])
def test_cells_that_no_train_column_holds(column, cell):
    model, frame = of_every_kind()
    assert model.predict(frame).height == 60
    with pytest.raises(BadData, match=rf"Column '{column}' must hold .*, as in the train rows, but it holds \w+"):
        model.predict(frame.with_columns(pl.Series(column, [cell] * 60)))


@pytest.mark.parametrize(
    ("column", "cell", "what"),
    [
        ("when", dt.time(10, 30), "dates such as 2024-01-31, as in the train rows, but it holds 10:30:00"),
        ("when", dt.timedelta(3), "dates such as 2024-01-31, as in the train rows, but it holds 3 days"),
        ("clock", dt.date(2024, 1, 1), "times of day such as 10:30:00, as in the train rows, but it holds 2024-01-01"),
        ("clock", dt.timedelta(0), "times of day such as 10:30:00, as in the train rows, but it holds 0:00:00"),
    ],
)
def test_dates_are_no_times_of_day(column, cell, what):
    model, frame = of_every_kind()
    with pytest.raises(BadData, match=f"Column '{column}' must hold {what}"):
        model.predict(frame.with_columns(pl.Series(column, [cell] * 60)))


def test_a_column_that_is_not_used_may_hold_anything(saved, tmp_path):
    frame = fresh_rows()
    frame.with_columns(tags=pl.Series([[1], [2, 3]] * 10)).write_parquet(tmp_path / "new.parquet")
    for use in (caviar.predict, lambda model, data: caviar.load(model).predict(data)):
        assert use(saved, tmp_path / "new.parquet").equals(caviar.predict(saved, frame))


def test_columns_that_stay_on_disk_are_predicted(saved, tmp_path, monkeypatch):
    from caviar.data import columnar

    frame = fresh_rows()
    frame.write_parquet(tmp_path / "new.parquet")
    monkeypatch.setattr(columnar, "LARGE", 1)
    assert caviar.read(tmp_path / "new.parquet", target=False).on_disk
    assert caviar.predict(saved, tmp_path / "new.parquet").equals(caviar.predict(saved, frame))
