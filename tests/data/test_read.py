"""The door as a whole: what comes in as any kind of file is the same table; what cannot is one clear line."""

import io
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up import csv_lines, lines

import caviar
from caviar.data.read import read
from caviar.data.split import split
from caviar.errors import BadData

FRAME = pl.DataFrame(
    {
        "x": [i / 8 for i in range(24)],
        "n": [*range(23), None],
        "city": ["Köln", "Rio, Brazil", None, 'the "best"'] * 6,
        "y": ["a", "b", "c"] * 8,
    },
    schema_overrides={"n": pl.Int64},
)


def assert_same_table(table, frame=FRAME):
    assert table.target.to_list() == frame["y"].to_list()
    assert table.features.equals(frame.drop("y"))


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "cp1252"])
@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".txt", ".CSV"])
def test_a_text_file_is_read_as_it_was_written(tmp_path, delimiter, encoding, suffix):
    path = tmp_path / f"f{suffix}"
    path.write_bytes(FRAME.write_csv(separator=delimiter, null_value="NA").encode(encoding))
    table = read(path, target="y")
    assert_same_table(table)
    assert table.name == "f"
    assert any("'NA'" in note for note in table.notes)


WORDS = st.text("abcdef éß.'x", min_size=1, max_size=6).map(lambda word: f"w{word}w")


@st.composite
def writings(draw):
    """Numbers, words and how to write them down: delimiter, encoding, missing mark, decimal comma or not."""
    numbers = draw(st.lists(st.none() | st.floats(-1e12, 1e12), min_size=20, max_size=24))
    words = draw(st.lists(st.none() | WORDS, min_size=len(numbers), max_size=len(numbers)))
    delimiter = draw(st.sampled_from(",;\t|"))
    comma = delimiter != "," and any(n is not None and n != round(n) for n in numbers) and draw(st.booleans())
    encoding = draw(st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-16-be", "cp1252"]))
    mark = draw(st.sampled_from(["", "NA", "?", "null", "-"]))
    return numbers, words, {"separator": delimiter, "null_value": mark}, comma, encoding


@given(writings())
def test_any_table_in_any_writing_is_read_back(tmp_path_factory, writing):
    numbers, words, how, comma, encoding = writing
    frame = pl.DataFrame(
        {
            "x": pl.Series(numbers, dtype=pl.Float64),
            "w": pl.Series(words, dtype=pl.String),
            "y": (["a", "b"] * 12)[: len(numbers)],
        }
    )
    path = tmp_path_factory.getbasetemp() / "any.csv"
    written = pl.col("x").cast(pl.String).str.replace(".", "," if comma else ".", literal=True)
    path.write_bytes(frame.with_columns(written).write_csv(**how).encode(encoding))
    came = read(path, target="y").features
    assert came["x"].cast(pl.Float64).to_list() == numbers
    assert came["w"].cast(pl.String).to_list() == words


def test_frames_parquet_npz_and_arrays_give_the_same_table(tmp_path):
    FRAME.write_parquet(tmp_path / "f.parquet")
    assert_same_table(read(tmp_path / "f.parquet", target="y"))
    assert_same_table(read(FRAME, target="y"))
    assert_same_table(read(FRAME.lazy(), target="y"))
    pandas = pd.DataFrame({name: FRAME[name].to_list() for name in FRAME.columns})
    came = read(pandas, target="y").features
    assert came.with_columns(pl.col("n").cast(pl.Int64)).equals(FRAME.drop("y"))
    assert_same_table(read((FRAME.drop("y"), FRAME["y"])))
    x = FRAME.select("x", pl.col("n").fill_null(0)).to_numpy()
    np.savez(tmp_path / "f.npz", X=x, y=FRAME["y"].to_numpy().astype(str))
    for source in ((x, FRAME["y"].to_list()), tmp_path / "f.npz"):
        table = read(source, columns=["x", "n"])
        assert table.features["x"].to_list() == FRAME["x"].to_list()
        assert table.target is not None
        assert table.target.to_list() == FRAME["y"].to_list()


def test_the_target_may_have_another_name_or_none():
    x, y = np.eye(20), np.arange(20)
    target = read((x, y), target="price").target
    assert target is not None
    assert target.name == "price"
    assert read((x, y), target=False).target is None
    assert read((x, y), target=False).features.width == 20
    assert read(x, target="x3").features.width == 19
    assert read("iris", target=False).features.columns[-1] == "target"
    assert read("iris", target="sepal length (cm)").features.columns[-1] == "target"
    assert read(FRAME.rename({"y": " y "}), target=" y").features.columns == ["x", "n", "city"]


def test_columns_choose_features():
    assert read("iris", columns=["petal width (cm)", "target"]).features.columns == ["petal width (cm)"]
    with pytest.raises(BadData, match=r"the frame has no column 'x1'. Did you mean 'x'"):
        read(FRAME, target="y", columns=["x1"])
    with pytest.raises(BadData, match="must be a list of names"):
        read(FRAME, target="y", columns="x")


def test_names():
    assert read(FRAME, target="y").name == "table"
    assert read(FRAME, target="y", name="trips").name == "trips"
    assert read("wine").name == "wine"
    assert caviar.read is read


def test_a_sample_wins_over_a_file_of_that_name_without_ending(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("iris").write_bytes(lines(*csv_lines()))
    Path("iris.csv").write_bytes(lines(*csv_lines()))
    assert read("iris").rows == 150
    assert read("iris.csv", target="y").rows == 30


def test_to_predict_few_rows_and_any_target_will_do(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes(lines("x,y", "1,"))
    table = read(path, target=False)
    assert (table.rows, table.target, table.features.columns) == (1, None, ["x", "y"])


def test_an_all_missing_column_stays_for_the_preparation_to_drop(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes(lines("x,gone,y", *(f"{i},?,{i % 2}" for i in range(20))))
    assert read(path, target="y").features["gone"].null_count() == 20


def test_equal_data_have_equal_fingerprints_however_they_were_written(tmp_path):
    (tmp_path / "a.csv").write_bytes(FRAME.write_csv().encode())
    (tmp_path / "b.txt").write_bytes(FRAME.write_csv(separator="|", null_value="?").encode("utf-16"))
    assert read(tmp_path / "a.csv", target="y").fingerprint == read(tmp_path / "b.txt", target="y").fingerprint


@given(
    st.text('ab1.,;|-"\n\r\t ?€\x00', max_size=60) | st.binary(max_size=60),
    st.sampled_from(["utf-8", "utf-16", "cp1252"]),
)
def test_whatever_is_in_a_file_it_is_a_table_or_bad_data(tmp_path_factory, content, encoding):
    path = tmp_path_factory.getbasetemp() / "whatever.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode(encoding))
    try:
        table = read(path, target=False)
    except BadData:
        return
    assert table.rows > 0
    assert table.features.width > 0


GOOD = csv_lines()
CASES = {
    "empty": (b"", "'f.csv' must have a line of column names and rows below it, but it is empty"),
    "header only": (lines(GOOD[0]), "has only the line of names"),
    "garbage": (np.random.default_rng(0).bytes(4000), "must be a text file"),
    "NUL": (lines(*GOOD[:3], "1,\0,a", *GOOD[3:]), "line 4 has a NUL byte"),
    "ragged": (lines(*GOOD, "1,2"), "must have 3 cells, as its first line has, but line 32 has 2"),
    "unclosed quote": (lines(*GOOD, '1,"Bern,a'), "in 'f.csv' line 32 they are not"),
    "one column": (lines("y", *"ab" * 15), "only 'y'. Add columns"),
    "two of a name": (lines("x,x,y", *(f"{i},1,{i % 2}" for i in range(20))), "has 'x' more than once"),
    "wrong target": (
        lines(*[GOOD[0].replace("y", "Y"), *GOOD[1:]]),
        "no column 'y' to predict. Did you mean 'Y'?",
    ),
    "missing target": (
        lines(*GOOD, "1,Rome,", "2,Oslo,None"),
        r"'y' in 'f.csv' has 2 missing cells \(rows 31, 32 of the data; cells such as 'None' are read as",
    ),
    "infinite target": (
        lines("x,y", *(f"{i},{i}" for i in range(30)), "1,1e999"),
        r"must be finite, but 'y' in 'f.csv' has 1 infinite cell \(row 31 of the data\)",
    ),
    "constant target": (lines("x,y", *(f"{i},7" for i in range(30))), "'y' in 'f' is 7 in every row"),
    "ten rows": (lines(*GOOD[:11]), "needs at least 20 rows, but 'f' has 10. Collect more"),
    "unclear comma": (
        lines("x\ty", *(f"1,{i:03d}\t{i % 2}" for i in range(30))),
        "'1,000' in column 'x' may be 1.000 or 1000",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_each_bad_text_file_has_one_clear_line(tmp_path, case):
    data, words = CASES[case]
    path = tmp_path / "f.csv"
    path.write_bytes(data)
    with pytest.raises(BadData, match=words) as error:
        split(read(path, target="y"))
    message = str(error.value)
    assert "\n" not in message
    assert message.endswith((".", "?"))
    assert str(tmp_path) not in message


def test_the_question_for_the_target_names_the_columns(tmp_path):
    path = tmp_path / "f.csv"
    path.write_bytes(lines(*GOOD))
    with pytest.raises(
        BadData, match=r"Which column is to be predicted\? 'f.csv' has 'x', 'city', 'y': name it by --target"
    ):
        read(path)
    wide = pl.DataFrame({f"c{i}": [1, 2] for i in range(40)})
    with pytest.raises(BadData, match=r"'c11', …, 'c39': name it by --target"):
        read(wide)


def test_missing_files_suggest_the_nearest(tmp_path):
    (tmp_path / "houses.csv").write_bytes(lines(*GOOD))
    (tmp_path / "notes.md").write_text("x")
    with pytest.raises(BadData, match=r"no file 'house.csv' in .* Did you mean 'houses.csv'\?"):
        read(tmp_path / "house.csv", target="y")
    with pytest.raises(BadData, match=r"a folder of pictures .* has none. Name one of its files, such as 'houses.csv'"):
        read(tmp_path, target="y")
    with pytest.raises(BadData, match=r"There is no folder .*nowhere"):
        read(tmp_path / "nowhere" / "f.csv")
    with pytest.raises(BadData, match=r"must end in \.csv, .* got 'notes.md'\. Save the table as"):
        read(tmp_path / "notes.md")
    with pytest.raises(BadData, match="Did you mean 'iris'"):
        read("irsi")
    for name, advice in (
        ("f.csv.zst", "Unpack it first"),
        ("f.parquet.gz", "Unpack it first"),
        ("f.json", "one object per line"),
        ("f.pkl", "A pickle could run anything"),
        ("f.npy", "numpy.savez"),
        ("f.png", "Name the folder of the pictures"),
    ):
        (tmp_path / name).write_bytes(b"x")
        with pytest.raises(BadData, match=advice):
            read(tmp_path / name)


def test_damaged_parquet_files(tmp_path, capfd):
    path = tmp_path / "f.parquet"
    stream = io.BytesIO()
    FRAME.write_parquet(stream)
    whole = stream.getvalue()
    for data in (
        whole[:-30],
        b"PAR1" + whole[200:],
        whole[:40] + bytes(200) + whole[-4:],
        b"hello",
        b"PAR1PAR1",
    ):
        path.write_bytes(data)
        with pytest.raises(BadData, match="must be a parquet file, but it cannot be read as one"):
            read(path, target="y")
    path.write_bytes(b"")
    with pytest.raises(BadData, match="it has no bytes"):
        read(path, target="y")
    assert "panicked" not in capfd.readouterr().err


@pytest.mark.parametrize("source", [None, 3, {"a": [1]}, {1, 2}])
def test_other_things_are_refused(source):
    with pytest.raises(BadData, match=r"takes a path, the name of a sample \(digits, .*got "):
        read(source)


def test_a_table_needs_rows_and_a_target_that_is_no_date():
    with pytest.raises(BadData, match="must have rows, but the frame has none"):
        read(FRAME[:0], target="y")
    dates = FRAME.with_columns(y=pl.Series(pd.date_range("2020-01-01", periods=24).to_pydatetime().tolist()))
    with pytest.raises(BadData, match=r"holds dates. Turn it into a number"):
        read(dates, target="y")


IMAGES = np.arange(24 * 2 * 3, dtype=np.uint8).reshape(24, 2, 3, 1)


def test_images(tmp_path):
    np.savez(tmp_path / "scans.npz", X=IMAGES, y=FRAME["y"].to_numpy().astype(str))
    from_file, from_memory = read(tmp_path / "scans.npz"), read((IMAGES, FRAME["y"]))
    for table in (from_file, from_memory, read(pl.DataFrame([from_file.features["image"], FRAME["y"]]), target="y")):
        assert table.image_shape == (2, 3, 1)
        assert table.features.schema == {"image": pl.Array(pl.UInt8, (2, 3, 1))}
        np.testing.assert_array_equal(table.features["image"].to_numpy(), IMAGES)
        assert table.fingerprint == from_file.fingerprint
    for table in (read(IMAGES, target=False), read((IMAGES, FRAME["y"]), target=False)):
        assert (table.target, table.image_shape) == (None, (2, 3, 1))
    assert read((IMAGES, FRAME["y"]), columns=["scan"]).features.columns == ["scan"]
    assert read(IMAGES[..., 0], target=False).image_shape is None


@pytest.mark.parametrize(("given_", "kept"), [(np.bool_, pl.UInt8), (np.int64, pl.Float32), (np.float64, pl.Float32)])
def test_images_are_kept_as_uint8_or_float32(given_, kept):
    table = read((IMAGES.astype(given_), FRAME["y"]))
    assert table.features.dtypes == [pl.Array(kept, (2, 3, 1))]
    np.testing.assert_array_equal(table.features["image"].to_numpy(), IMAGES.astype(given_))


def test_infinite_pixels_are_missing_and_said():
    pixels = IMAGES.astype(np.float64)
    pixels[0, 0, 0, 0], pixels[1, 0, 0, 0], pixels[2, 0, 0, 0] = np.inf, -np.inf, np.nan
    table = read((pixels, FRAME["y"]))
    assert "Infinite numbers are read as missing: 'image' (2)." in table.notes
    assert np.isnan(table.features["image"].to_numpy()).sum() == 3
    assert not any("nfinite" in note for note in read((IMAGES / 3, FRAME["y"])).notes)


def test_images_that_cannot_be_read():
    with pytest.raises(BadData, match="must have rows, but the array has none"):
        read((IMAGES[:0], []))
    with pytest.raises(BadData, match=r"'image' in the frame holds images. Choose another column"):
        read(read(IMAGES, target=False).features.with_columns(FRAME["x"]), target="image")
    with pytest.raises(BadData, match="columns has 6 names"):
        read((IMAGES, FRAME["y"]), columns=list("abcdef"))
