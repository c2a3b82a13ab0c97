import dataclasses

import numpy as np
import polars as pl
import pytest

from caviar.data.images import images_of
from caviar.data.table import Table
from caviar.errors import BadData

FEATURES = pl.DataFrame({"age": [1.0, None, 3.0], "job": ["x", "y", "x"], "ok": [True, False, None]})
TARGET = pl.Series("price", [10, 20, 30])


def test_it_knows_its_rows_and_cannot_be_changed():
    table = Table("t", FEATURES, TARGET)
    assert table.rows == 3
    assert repr(table) == "Table('t': 3 rows, 3 feature columns, target 'price')"
    with pytest.raises(dataclasses.FrozenInstanceError):
        table.name = "u"  # pyright: ignore[reportAttributeAccessIssue]


def test_the_fingerprint_is_of_the_data_and_not_of_the_name():
    first = Table("a", FEATURES, TARGET, ("note",)).fingerprint
    assert first == Table("b", FEATURES, TARGET).fingerprint
    assert first != Table("a", FEATURES, None).fingerprint
    assert first != Table("a", FEATURES, TARGET.alias("cost")).fingerprint
    assert first != Table("a", FEATURES, pl.Series("price", [10, 20, 31])).fingerprint


@pytest.mark.parametrize(
    ("target", "words"),
    [
        (pl.Series("y", [1, 2]), "3 rows of features and 2 of target 'y'"),
        (pl.Series("y", [1, None, None]), "'y' has 2 missing cells. Leave these rows out"),
        (pl.Series("age", [1, 2, 3]), "must not be among the features, but 'age' is"),
    ],
)
def test_target_and_features_must_fit(target, words):
    with pytest.raises(BadData, match=words):
        Table("t", FEATURES, target)


def test_describe_says_what_is_in_it():
    said = Table("homes", FEATURES, TARGET, ("Read as UTF-8.",)).describe()
    for words in (
        "homes: 3 rows, 3 feature columns",
        "numbers        1  age",
        "categories     1  job (2 different)",
        "true/false     1  ok",
        "missing        2  age (33.3%), ok (33.3%)",
        "target 'price': 3 different values",
        "- Read as UTF-8.",
    ):
        assert words in said


def test_describe_gives_range_or_balance():
    many = pl.DataFrame({"x": range(100)})
    said = Table("t", many, pl.Series("y", [i * 1000.0 for i in range(100)])).describe()
    assert "numbers from 0 to 99,000, 100 different" in said
    assert "median 49,500" in said
    labels = pl.Series("y", ["a"] * 70 + ["b"] * 29 + ["c"])
    said = Table("t", many, labels).describe()
    assert "  a                             70   70.0%" in said
    assert "no target" in Table("t", many, None).describe()


def test_images():
    pixels = np.arange(24, dtype=np.float32).reshape(4, 3, 2, 1)
    pixels[1, 0, 0, 0] = np.nan
    table = Table("digits", images_of("image", pixels).to_frame(), pl.Series("y", [0, 1, 0, 1]))
    assert table.image_shape == (3, 2, 1)
    assert repr(table) == "Table('digits': 4 images of 3 x 2, 1 channel, target 'y')"
    assert table.describe().split("\n")[:3] == [
        "digits: 4 images of 3 x 2, 1 channel",
        "  images         1  image (3 x 2, 1 channel; pixels from 0 to 23)",
        "  missing        1  image (4.2%)",
    ]
    beside = Table("t", table.features.with_columns(x=pl.Series([1, None, 3, 4])), None)
    assert beside.image_shape is Table("t", FEATURES, TARGET).image_shape is None
    assert "t: 4 rows, 2 feature columns" in beside.describe()
    assert "missing        2  image (4.2%), x (25.0%)" in beside.describe()


def test_images_without_a_known_pixel_or_a_missing_one():
    full = Table("t", images_of("image", np.full((2, 1, 1, 1), 7, np.uint8)).to_frame(), None)
    assert "missing        0  no pixel" in full.describe()
    empty = Table("t", images_of("image", np.full((2, 1, 1, 1), np.nan)).to_frame(), None)
    assert "image (1 x 1, 1 channel; no pixel known)" in empty.describe()
    assert "missing        2  image (100.0%)" in empty.describe()


def test_describe_fits_on_a_screen():
    wide = pl.DataFrame({f"a very long column name, number {i}": [float(i), None] for i in range(500)})
    table = Table("t" * 300, wide, pl.Series("y", ["k" * 200, "l"]), tuple(f"note {i}" for i in range(99)))
    lines = table.describe().split("\n")
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 100
    assert "more notes in `notes`" in lines[-1]
