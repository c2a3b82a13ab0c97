"""Whatever table is written in whatever form, the same cells of the same types are read back."""

import bz2
import gzip
import json
import lzma
from datetime import date

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.data.read import read
from caviar.data.split import split

WORDS = st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=6).map("w{}w".format)
KINDS = {
    "whole": (pl.Int64, st.integers(-(2**63), 2**63 - 1)),
    "number": (pl.Float64, st.floats(allow_nan=False, allow_infinity=False).map(lambda x: x + 0.0)),
    "flag": (pl.Boolean, st.booleans()),
    "text": (
        pl.String,
        WORDS | st.sampled_from(["a, b", 'the "best"', "two\nlines", "tab\there", "x;y|z", "{}", "+5a"]),
    ),
    "day": (pl.Date, st.dates(date(1000, 1, 1))),
}


@st.composite
def tables(draw):
    """1 to 4 columns of any type with missing cells, and a target; 20 to 30 rows."""
    height = draw(st.integers(20, 30))
    columns = []
    for number in range(draw(st.integers(1, 4))):
        kind = draw(st.sampled_from(sorted(KINDS)))
        dtype, cells = KINDS[kind]
        made = draw(st.lists(st.none() | cells, min_size=height, max_size=height))
        columns.append(pl.Series(draw(WORDS) + str(number), made, dtype=dtype))
    return pl.DataFrame([*columns, pl.Series("target", (["yes", "no"] * 15)[:height])])


def json_lines(frame, path):
    rows = frame.with_columns(pl.selectors.date().cast(pl.String)).to_dicts()
    path.write_text("\n".join(json.dumps(row, ensure_ascii=False) for row in rows), encoding="utf-8")


def packed(pack, separator=","):
    return lambda frame, path: path.write_bytes(pack(frame.write_csv(separator=separator).encode()))


WAYS = {
    "f.csv": pl.DataFrame.write_csv,
    "f.tsv": lambda frame, path: frame.write_csv(path, separator="\t"),
    "f.txt": lambda frame, path: frame.write_csv(path, separator=";", quote_style="non_numeric"),
    "f.csv.gz": packed(gzip.compress),
    "f.tsv.bz2": packed(bz2.compress, "\t"),
    "f.CSV.XZ": packed(lzma.compress, "|"),
    "f.jsonl": json_lines,
    "f.ndjson": pl.DataFrame.write_ndjson,
    "f.parquet": pl.DataFrame.write_parquet,
    "f.arrow": pl.DataFrame.write_ipc,
    "f.feather": lambda frame, path: frame.write_ipc(path, compression="zstd"),
    "f.ipc": pl.DataFrame.write_ipc_stream,
}


def expected(frame, ending):
    """Text has no types: true and false, a column without cells, and whole floats come as the cells say."""
    if ending in ("f.parquet", "f.arrow", "f.feather", "f.ipc"):
        return frame
    is_json = ending in ("f.jsonl", "f.ndjson")
    columns = []
    for column in frame.get_columns():
        if column.null_count() == len(column):
            columns.append(column.cast(pl.Float64 if is_json else pl.String))
        elif column.dtype == pl.Boolean and not is_json:
            columns.append(pl.Series(column.name, [None if cell is None else str(cell).lower() for cell in column]))
        else:
            columns.append(column)
    return pl.DataFrame(columns)


@pytest.mark.parametrize("ending", WAYS)
@settings(max_examples=25)
@given(frame=tables())
def test_a_table_is_read_back(tmp_path_factory, ending, frame):
    path = tmp_path_factory.mktemp("round") / ending
    WAYS[ending](frame, path)
    table = read(path, target="target")
    assert table.name == "f"
    came, wanted = table.features, expected(frame.drop("target"), ending)
    assert came.columns == wanted.columns
    for name in wanted.columns:
        assert came[name].to_list() == wanted[name].to_list(), name
        assert came[name].dtype == wanted[name].dtype, name
    assert table.target.to_list() == frame["target"].to_list()


def test_all_ways_give_the_same_split(tmp_path):
    frame = pl.DataFrame(
        {"x": [i / 8 for i in range(40)], "w": ["u", "v", None, "ü"] * 10, "target": ["yes", "no"] * 20},
    )
    prints = set()
    for ending, write in WAYS.items():
        write(frame, tmp_path / ending)
        prints.add(split(read(tmp_path / ending, target="target")).fingerprint)
    assert len(prints) == 1
