"""A file of JSON lines, one object per row, becomes a frame; objects inside are flattened to `outer.inner`."""

import io
import json
import re
from pathlib import Path
from typing import Any

import polars as pl

from caviar.data.bounds import most_bytes
from caviar.data.decode import decode
from caviar.data.text import refuse_duplicates
from caviar.data.unpack import contents
from caviar.data.words import count, listed
from caviar.errors import BadData

_MOST_DEPTH = 8
_CHUNK = 1000  # lines


def read_json_lines(path: Path) -> tuple[pl.DataFrame, None, tuple[str, ...]]:
    """Read a .jsonl or .ndjson file.

    A name that a line does not have is a missing cell. NaN and Infinity, which are no JSON but are written by Python,
    are understood.

    Args:
        path: an existing file.

    Returns:
        Columns in the order in which their names appear, cells as they were written: a column of text and numbers is
        text. Sentences about what was found.

    Raises:
        BadData: no lines, a line that is no JSON object, objects nested more than 8 deep, lists, or more
            cells (rows times different names) than a file of this size can mean.
    """
    data, encoding = decode(contents(path), path)
    if not data.strip():
        raise BadData(f"'{path.name}' must have one JSON object per line, but it is empty. Export the table again.")
    frame = _fast(data, path)
    if frame is None:
        frame = _line_by_line(data, path)
    nested = [name for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)]
    frame = _flattened(frame, path)
    names = [name.strip() for name in frame.columns]
    refuse_duplicates(names, f"'{path.name}'", "Objects inside are flattened to 'outer.inner'.")
    notes = [f"Read as {encoding}, one JSON object per line."]
    if nested:
        notes.append(f"Objects inside are flattened, such as {listed(_within(nested, frame.columns), 3)}.")
    return frame.rename(dict(zip(frame.columns, names, strict=True))), None, tuple(notes)


def _fast(data: bytes, path: Path) -> pl.DataFrame | None:
    """The frame as polars reads it; None when it cannot."""
    try:
        _check_names(data, path)
        return pl.read_ndjson(io.BytesIO(data), infer_schema_length=None)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException):
        return None


def _line_by_line(data: bytes, path: Path) -> pl.DataFrame:
    """The frame by Python's own reader, which knows NaN and can say which line is wrong."""
    rows: list[dict[str, Any]] = []
    names: dict[str, None] = {}
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        row = _object(line, number, path)
        names |= dict.fromkeys(row)
        rows.append(row)
        _check_cells(data, len(rows), len(names), path)
    columns = {name: [row.get(name) for row in rows] for name in names}
    outer = {name[: dot.start()] for name in names for dot in re.finditer(r"\.", name)}
    for name in outer & columns.keys():
        if all(cell is None for cell in columns[name]):  # null where the others have an object
            del columns[name]
    return pl.DataFrame([_series(name, cells) for name, cells in columns.items()])


def _check_names(data: bytes, path: Path) -> None:
    """Count the names in a thousand lines at a time: what polars does grows with the square of their number."""
    names: set[str] = set()
    begin = rows = 0
    while begin < len(data):
        end = begin
        for _ in range(_CHUNK):
            end = data.find(b"\n", end) + 1 or len(data)
            rows += 1
            if end == len(data):
                break
        if chunk := data[begin:end].strip():
            schema = pl.scan_ndjson(io.BytesIO(chunk), infer_schema_length=None).collect_schema()
            names.update(name for field, dtype in schema.items() for name in _leaves(field, dtype))
            _check_cells(data, rows, len(names), path)
        begin = end


def _leaves(name: str, dtype: Any) -> list[str]:
    if not isinstance(dtype, pl.Struct):
        return [name]
    return [leaf for field in dtype.fields for leaf in _leaves(f"{name}.{field.name}", field.dtype)]


def _check_cells(data: bytes, rows: int, names: int, path: Path) -> None:
    """Every line may have names of its own, and every name a cell in every line."""
    if 8 * rows * names > most_bytes(len(data)):
        raise BadData(
            f"The lines of '{path.name}' must have the same names, but {count(rows, 'line')} have {names:,} different "
            "ones. Write one name per column, and what differs from row to row as its value."
        )


def _object(line: bytes, number: int, path: Path) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        match error:
            case RecursionError():
                what = "it is nested too deep"
            case json.JSONDecodeError():
                what = f"{error.msg} at character {error.pos + 1:,}"
            case _:
                what = "a number has more digits than Python reads"
        hint = " A JSON document of many lines becomes such a file with one line for each row."
        raise BadData(
            f"Every line of '{path.name}' must be one JSON object, but line {number:,} is not: {what}."
            + (hint if number == 1 else " Correct the line; the file may be cut off.")
        ) from None
    if not isinstance(row, dict):
        raise BadData(
            f"Every line of '{path.name}' must be a JSON object such as {{\"x\": 1}}, but line {number:,} is of type "
            f"{type(row).__name__}. Write the names of the columns with every row."
        )
    flat: dict[str, Any] = {}
    try:
        _flatten(row, "", flat, depth=0)
    except RecursionError:
        raise BadData(
            f"Objects may be nested {_MOST_DEPTH} deep, but line {number:,} of '{path.name}' goes deeper. Flatten them "
            "before writing."
        ) from None
    return flat


def _flatten(inner: dict[str, Any], prefix: str, flat: dict[str, Any], depth: int) -> None:
    if depth > _MOST_DEPTH:
        raise RecursionError
    for name, value in inner.items():
        if isinstance(value, dict):
            _flatten(value, f"{prefix}{name}.", flat, depth + 1)
        else:
            flat[prefix + name] = value


def _series(name: str, cells: list[Any]) -> pl.Series:
    """A column of one type: numbers, true/false or text; text when they are mixed."""
    types = {type(cell) for cell in cells if cell is not None}
    if types <= {int, float} and types:
        if types == {int} and all(cell is None or -(2**63) <= cell < 2**63 for cell in cells):
            return pl.Series(name, cells, dtype=pl.Int64)
        return pl.Series(name, [None if cell is None else _float(cell) for cell in cells], dtype=pl.Float64)
    if list in types:
        return pl.Series(name, [[]], dtype=pl.List(pl.Null)).extend_constant(None, len(cells) - 1)
    if len(types) > 1:
        return pl.Series(name, [None if c is None else c if isinstance(c, str) else json.dumps(c) for c in cells])
    return pl.Series(name, cells, dtype=None if types else pl.Null)


def _float(number: int | float) -> float:
    try:
        return float(number)
    except OverflowError:
        return float("inf") if number > 0 else float("-inf")


def _flattened(frame: pl.DataFrame, path: Path) -> pl.DataFrame:
    """Objects become one column for each of their names; lists are refused."""
    for _ in range(_MOST_DEPTH + 1):
        nested = {name: dtype for name, dtype in frame.schema.items() if isinstance(dtype, pl.Struct)}
        if not nested:
            break
        parts = [
            frame[name].struct.rename_fields([f"{name}.{field.name}" for field in dtype.fields]).struct.unnest()
            if (dtype := nested.get(name)) is not None
            else frame.select(name)
            for name in frame.columns
        ]
        names = [name for part in parts for name in part.columns]
        refuse_duplicates(names, f"'{path.name}'", "Objects inside are flattened to 'outer.inner'.")
        frame = pl.concat(parts, how="horizontal")
    lists = [name for name, dtype in frame.schema.items() if dtype.is_nested()]
    if lists:
        raise BadData(
            f"A cell must be a number, text, true or false, but {listed(lists, 3)} in '{path.name}' "
            f"{'is' if len(lists) == 1 else 'are'} of lists or nested more than {_MOST_DEPTH} deep. Write "
            f"{count(len(lists), 'column')} of single values instead, or leave them out of the file."
        )
    return frame


def _within(nested: list[str], names: list[str]) -> list[str]:
    return [name for name in names if any(name.startswith(f"{outer}.") for outer in nested)]
