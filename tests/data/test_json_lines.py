"""JSON lines: what polars reads, what Python's reader adds, and flattened objects."""

import json
import math
import time

import numpy as np
import polars as pl
import pytest

from caviar.data.json_lines import read_json_lines
from caviar.data.read import read
from caviar.errors import BadData


@pytest.fixture
def frame_of(tmp_path):
    def read_lines(*lines):
        path = tmp_path / "f.jsonl"
        path.write_bytes("\n".join(lines).encode())
        return read_json_lines(path)[0]

    return read_lines


NAN = '{"unused": NaN}'  # is no JSON, so that Python's reader takes the file


@pytest.mark.parametrize("slowly", [False, True])
@pytest.mark.parametrize(
    ("lines", "columns"),
    [
        (['{"a": 1, "b": "x"}', "", '{"b": "y", "a": 2}'], {"a": [1, 2], "b": ["x", "y"]}),
        (['{"a": 1}', '{"b": 2.5}'], {"a": [1, None], "b": [None, 2.5]}),
        (['{"a": 1}', '{"a": "x"}'], {"a": ["1", "x"]}),
        (['{"a": true}', '{"a": null}'], {"a": [True, None]}),
        (['{"a": {"b": 1, "c": {"d": "x"}}}', '{"a": null}'], {"a.b": [1, None], "a.c.d": ["x", None]}),
        (['{"a": 9223372036854775807}', '{"a": -1}'], {"a": [9223372036854775807, -1]}),
        (['{"a": 1}', '{"a": 0.5}'], {"a": [1.0, 0.5]}),
        (['{"k\u00f6": "\\u00e9"}'], {"kö": ["é"]}),
    ],
)
def test_cells_come_as_they_were_written(frame_of, lines, columns, slowly):
    frame = frame_of(*lines, *([NAN] if slowly else []))
    came = frame.drop("unused").head(frame.height - 1) if slowly else frame
    assert came.to_dict(as_series=False) == columns


def test_what_python_writes_that_is_no_json(frame_of):
    frame = frame_of('{"a": NaN, "b": 1}', '{"a": Infinity, "b": 1e999}', '{"a": 2, "b": 99999999999999999999999}')
    assert math.isnan(frame["a"][0])
    assert frame["a"].to_list()[1:] == [math.inf, 2]
    assert frame["b"].to_list() == [1, math.inf, 1e23]


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([""], "must have one JSON object per line, but it is empty"),
        (["[1, 2]", "[3, 4]"], r"must be a JSON object such as .* line 1 is of type list"),
        (['{"a": 1}', '{"a": '], "line 2 is not: Expecting value.* may be cut off"),
        (["[", "  {", '    "a": 1'], "line 1 is not.* A JSON document of many lines"),
        (['{"a": [1, 2]}', '{"a": [3]}'], r"'a' in 'f.jsonl' is of lists"),
        (['{"a": [1, 2]}', '{"a": NaN}'], r"'a' in 'f.jsonl' is of lists"),
        (['{"a": ' * 20 + "1" + "}" * 20], "nested more than 8 deep"),
        (['{"a": ' * 20 + "NaN" + "}" * 20], "may be nested 8 deep, but line 1"),
        (['{"a": ' + "[" * 100_000], "line 1 is not: it is nested too deep|line 1 is not: Expecting"),
        (['{"a.b": 1, "a": {"b": 2}}'], "has 'a.b' more than once"),
        (['{"a": 1, " a": 2}'], "has 'a' more than once"),
    ],
)
def test_each_bad_file_has_one_clear_line(frame_of, lines, words):
    with pytest.raises(BadData, match=words) as error:
        frame_of(*lines)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("more", [[], [NAN]])
def test_lines_that_all_have_other_names_are_refused_before_they_fill_the_memory(frame_of, more):
    began = time.monotonic()
    with pytest.raises(BadData, match="must have the same names, but"):
        frame_of(*more, *(f'{{"c{i}": 1}}' for i in range(20_000)))
    assert time.monotonic() - began < 60


def test_a_table_and_its_notes(tmp_path):
    path = tmp_path / "f.NDJSON"
    rows = [{"x": i, "at": {"city": "Bern", "day": "2024-01-02"}, "y": "ab"[i % 2]} for i in range(30)]
    path.write_text("\n".join(map(json.dumps, rows)), encoding="utf-8-sig")
    table = read(path, target="y")
    assert table.features.schema == {"x": pl.Int64, "at.city": pl.String, "at.day": pl.Date}
    assert table.notes[:2] == (
        "Read as UTF-8 with a byte order mark, one JSON object per line.",
        "Objects inside are flattened, such as 'at.city', 'at.day'.",
    )
    assert np.array_equal(table.target.to_numpy(), ["a", "b"] * 15)
