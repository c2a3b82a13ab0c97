"""Tables that hypothesis makes up, and files that tests write."""

import numpy as np
import polars as pl
from hypothesis import strategies as st

WORDS = st.text(
    st.characters(codec="cp1252", categories=("L", "N", "P", "S"), exclude_characters="\x7f−"),
    min_size=1,
    max_size=8,
)
NUMBERS = st.one_of(
    st.integers(-(10**12), 10**12).map(float),
    st.floats(-1e15, 1e15, allow_nan=False).filter(lambda x: x == 0 or abs(x) > 1e-100),
)
LEVELS = (
    "+",
    "-",
    "red",
    "green",
    "blue; or",
    "a, b",
    'the "best"',
    "two\nlines",
    "Köln",
    "tab\there",
    "x|y",
)


@st.composite
def features(draw: st.DrawFn, rows: int | None = None) -> pl.DataFrame:
    """A frame of 1 to 5 columns of numbers, true/false, text of every sort and dates, with gaps; 4 to 40 rows."""
    height = draw(st.integers(4, 40)) if rows is None else rows
    columns = []
    for i in range(draw(st.integers(1, 5))):
        kind = draw(st.sampled_from(["number", "whole", "flag", "text", "answer", "grade", "prose", "day"]))
        cells = {
            "number": NUMBERS,
            "whole": st.integers(-(2**40), 2**40),
            "flag": st.booleans(),
            "text": st.sampled_from(LEVELS),
            "answer": st.sampled_from(["yes", "no"]),
            "grade": st.sampled_from(["low", "medium", "high", "very high"]),
            "prose": st.lists(WORDS, min_size=4, max_size=9).map(" ".join),
            "day": st.dates(),
        }[kind]
        dtype = {
            "number": pl.Float64,
            "whole": pl.Int64,
            "flag": pl.Boolean,
            "day": pl.Date,
        }.get(kind, pl.String)
        if draw(st.booleans()):
            cells = st.none() | cells
        columns.append(pl.Series(f"{kind} {i}", draw(st.lists(cells, min_size=height, max_size=height)), dtype=dtype))
    return pl.DataFrame(columns)


@st.composite
def pixels(draw: st.DrawFn) -> np.ndarray:
    """Images (rows, height, width, channels), uint8 or float32 with missing pixels; 2 to 6 rows."""
    shape = tuple(draw(st.tuples(st.integers(2, 6), st.integers(1, 4), st.integers(1, 4), st.integers(1, 3))))
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    images = random.integers(0, draw(st.sampled_from([2, 5, 256])), shape)
    if draw(st.booleans()):
        return images.astype(np.uint8)
    size = draw(st.sampled_from([1e-30, 1 / 255, 1, 1e20]))
    missing = random.random(shape) < draw(st.sampled_from([0, 0.3]))
    return np.where(missing, np.nan, (images - draw(st.integers(0, 5))) * size).astype(np.float32)


def lines(*rows: str) -> bytes:
    """A text file in UTF-8."""
    return ("\n".join(rows) + "\n").encode()


def csv_lines(rows: int = 30) -> list[str]:
    """Header and rows of a small table: x, city, y."""
    return ["x,city,y", *(f"{i / 4},{('Rome', 'Oslo', 'Bern')[i % 3]},{'ab'[i % 2]}" for i in range(rows))]
