import datetime as dt

import numpy as np
import polars as pl
import pytest

import caviar
from caviar.data.column_types import ColumnType
from caviar.data.images import images_of
from caviar.data.infer import column_types, infer_type
from caviar.errors import BadData

RNG = np.random.default_rng(0)
NAMES = [f"{a} {b} of {c}" for a in ("great", "small", "old") for b in ("house", "yard") for c in range(30)]


def word(cells, name="c"):
    return infer_type(cells.alias(name) if isinstance(cells, pl.Series) else pl.Series(name, cells)).word


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        ([1.5, 2.5, None], "number"),
        ([1, 2, 2, 1] * 10, "number"),
        ([dt.timedelta(days=1), dt.timedelta(days=2)], "number"),
        ([True, False, None], "boolean"),
        (["yes", "No", None] * 3, "boolean"),
        (["t", "f"] * 3, "boolean"),
        (["t", "no"] * 3, "category"),
        (["Y", "N", "P"] * 3, "category"),
        (["low", "medium", "high"] * 3, "ordered"),
        (["0-9", "10-19", "20+"] * 3, "ordered"),
        (["red", "blue", "red", None] * 3, "category"),
        ([dt.date(2024, 1, 1), dt.date(2024, 1, 2)], "date"),
        ([dt.time(3), dt.time(4)], "date"),
        ([f"id-{i}" for i in range(40)], "identifier"),
        ([f"id-{i // 2}" for i in range(40)], "category"),
        (NAMES, "text"),
        ([*NAMES, *NAMES], "text"),
        ([*NAMES[:20]] * 3, "category"),
        ([None, None], "empty"),
        ([3, 3, 3], "constant"),
        (["x", "x"], "constant"),
        ([3, 3, None], "number"),
        (["a", "b", "c", *[None] * 9], "category"),
    ],
)
def test_the_cells_tell_the_type(cells, expected):
    assert word(cells) == expected


def test_images():
    assert word(images_of("i", np.zeros((3, 2, 2, 1), np.uint8))) == "images"


@pytest.mark.parametrize("name", ["id", "Id", "PID", "customer_id", "customerID", "row key", "Unnamed: 0", "UUID"])
def test_whole_numbers_that_are_called_a_key(name):
    keys = RNG.choice(10**9, 200, replace=False)
    assert word(keys, name) == "identifier"
    assert word(keys.astype(float), name) == "identifier"
    assert word(keys / 7, name) == "number"  # a measure, whatever it is called
    assert word(RNG.integers(0, 50, 200), name) == "number"  # groups of rows, not rows


@pytest.mark.parametrize("name", ["price", "width", "humid", "grid", "paid", "keyboard", "idle"])
def test_different_whole_numbers_are_no_keys(name):
    assert word(RNG.choice(10**6, 200, replace=False), name) == "number"


def test_numbers_that_count_rows():
    assert word(range(1, 201), "Order") == "identifier"
    assert word(range(19), "Order") == "number"
    assert word(np.arange(200.0), "Order") == "number"
    assert word(np.arange(200) * 2, "Order") == "number"
    assert word(range(200), "day of study") == "number"
    assert word(RNG.permutation(200), "Order") == "number"
    some = RNG.permutation(200)[:50]
    assert infer_type(pl.Series("Order", some + 7), some).word == "identifier"
    assert infer_type(pl.Series("Order", some + 7)).word == "number"
    counted = pl.DataFrame({"n": range(50)})
    assert column_types(counted)["n"] == ColumnType("number", "no other column is of use")
    assert column_types(counted.with_columns(x=pl.Series(RNG.normal(size=50))))["n"].word == "identifier"


def test_what_was_asked_for_comes_first():
    frame = pl.DataFrame({"zip": [10115, 20095] * 20, "size": ["b", "a"] * 20, "id": range(40), "note": ["x y"] * 40})
    types = {"zip": "category", "size": ["b", "a"], "id": "number", "note": "drop"}
    table = caviar.read(frame, target=False, types=types)
    assert [kind.word for kind in table.types.values()] == ["category", "ordered", "number", "drop"]
    assert table.types["size"].levels == ("b", "a")
    assert caviar.read(frame, target=False).types["zip"].word == "number"


@pytest.mark.parametrize(
    ("types", "words"),
    [
        ({"Zip": "category"}, r"types name a column 'Zip', but the table has none. Did you mean 'zip'\?"),
        (
            {"zip": "categorie"},
            r"The type of 'zip' must be one of number, .* got 'categorie'. Did you mean 'category'\?",
        ),
        ({"zip": 3}, "must be a word or a list of levels, got 3"),
        ({"zip": [[1]]}, "must be a word or a list of levels"),
        ({"job": ["cook"]}, "must be two or more different ones"),
        ({"job": ["cook", "cook"]}, "must be two or more different ones"),
        ({"job": ["cook", "clerk"]}, "must all be named, from low to high, but 'smith' is not among 'cook', 'clerk'"),
        ({"job": "ordered"}, "have no order that is known"),
        ({"job": "number"}, "cannot be of the type 'number' that was asked for: .* holds 'cook'"),
        ({"job": "boolean"}, "cannot be of the type 'boolean'"),
        ({"zip": "date"}, "cannot be of the type 'date'"),
        ({"y": "category"}, "'y' is the target"),
        (["zip"], "types must be a mapping"),
    ],
)
def test_types_that_cannot_be(types, words):
    frame = pl.DataFrame({"zip": [1, 2, 3], "job": ["cook", "smith", "cook"], "y": [1, 2, 3]})
    with pytest.raises(BadData, match=words):
        caviar.read(frame, target="y", types=types)


def test_images_can_only_be_dropped():
    images = images_of("image", np.zeros((3, 2, 2, 1), np.uint8)).to_frame()
    with pytest.raises(BadData, match="holds images, which can only be dropped"):
        column_types(images, {"image": ColumnType("number", asked=True)})
    assert column_types(images, {"image": ColumnType("drop", asked=True)})["image"].word == "drop"


def test_ordered_categories_of_data_frames_keep_their_order():
    import pandas as pd

    levels = ["tiny", "NA", "a lot"]
    cells = ["a lot", "tiny", None, "tiny"]
    ordered = pd.DataFrame({"c": pd.Categorical(cells, categories=levels, ordered=True), "x": [1, 2, 3, 4]})
    enum = pl.DataFrame({"c": pl.Series(cells, dtype=pl.Enum(levels)), "x": [1, 2, 3, 4]})
    for frame in (ordered, enum):
        kind = caviar.read(frame, target="x").types["c"]
        assert (kind.word, kind.levels) == ("ordered", ("tiny", "a lot"))  # NA is read as missing
    plain = ordered.assign(c=pd.Categorical(["1", "2", "3", "4"]))
    assert caviar.read(plain, target="x").types["c"].word == "category"
    assert caviar.read(ordered, target="x", types={"c": "category"}).types["c"].word == "category"
