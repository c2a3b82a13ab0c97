import pytest

from caviar.data.column_types import ASKED, ColumnType, as_json, asked_types, types_from_toml
from caviar.data.scaling import SCALES
from caviar.errors import BadData


@pytest.mark.parametrize("word", ASKED)
def test_every_word_is_understood(word):
    kind = asked_types({"c": word}, ["c"], None)["c"]
    assert kind.asked
    assert kind.word == ("number" if word in (*SCALES, "unscaled") else word)
    assert kind.scale == (word if word in SCALES else None if word == "unscaled" else "table")


def test_levels_may_be_numbers():
    assert asked_types({"c": [1, 2.5, "x "]}, ["c"], None) == {
        "c": ColumnType("ordered", "as asked", ("1", "2.5", "x"), asked=True)
    }
    assert as_json({"a": (1, 2), "b": "text"}) == {"a": ["1", "2"], "b": "text"}
    assert as_json(None) is None


@pytest.mark.parametrize("asked", [b"ab", bytearray(b"ab"), 3, None, {"low": 1}])
def test_what_is_neither_a_word_nor_levels(asked):
    with pytest.raises(BadData, match="type of 'a' must be a word or a list of levels, got"):
        asked_types({"a": asked}, ["a"], None)


@pytest.mark.parametrize("heading", ["", "[types]\n"])
def test_a_file(tmp_path, heading):
    path = tmp_path / "types.toml"
    path.write_text(f'{heading}zip = "category"\n"lot area" = "log"\ngrade = ["low", "high"]\n')
    assert types_from_toml(path) == {"zip": "category", "lot area": "log", "grade": ["low", "high"]}


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "there is no .*types.toml"),
        (b"zip: category", "cannot be read: .*A line looks like"),
        (b"\xff", "cannot"),
        (b'[types]\nzip = "log"\n[config]\ndropout = 0.2\n', r"\[types\] must stand alone .*also holds 'config'"),
        (b'zip = "log"\n[types]\narea = "log"\n', r"\[types\] must stand alone .*also holds 'zip'. Put every"),
    ],
)
def test_a_file_that_is_none(tmp_path, content, words):
    path = tmp_path / "types.toml"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadData, match=words):
        types_from_toml(path)
