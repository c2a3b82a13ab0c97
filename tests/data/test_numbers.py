import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.numbers import marks_of, parse
from caviar.errors import BadData


def column(*cells, name="c"):
    return pl.Series(name, cells, dtype=pl.String)


@pytest.mark.parametrize(
    ("marks", "text", "number"),
    [
        ("point", "1.5", 1.5), ("point", "-1e3", -1000.0), ("point", "+.5", 0.5), ("point", "−2.5", -2.5),
        ("point", "1e999", float("inf")), ("point", "1,5", None), ("point", "1_000", None),
        ("point", "0x10", None),
        ("point", "abc", None), ("point", "", None), ("point", "1.2.3", None),
        ("decimal comma", "1,5", 1.5), ("decimal comma", "1.234,5", 1234.5), ("decimal comma", "-,25", -0.25),
        ("decimal comma", "1,5e3", 1500.0), ("decimal comma", "1.234", 1234), ("decimal comma", "1.5", None),
        ("decimal comma", "1,2,3", None), ("decimal comma", "12.34,5", None),
        ("thousands comma", "1,234", 1234), ("thousands comma", "1,234,567.5", 1234567.5),
        ("thousands comma", "0.5", 0.5), ("thousands comma", "1,5", None), ("thousands comma", "0,500", None),
        ("thousands point", "1.234.567", 1234567), ("thousands point", "12", 12),
        ("thousands point", "1.5", None),
    ],
)  # fmt: skip
def test_one_cell(marks, text, number):
    assert parse(column(text), marks).to_list() == [number]


def test_whole_numbers_stay_whole_even_when_others_are_missing():
    assert parse(column("1", None, "x", str(2**62))).to_list() == [1, None, None, 2**62]
    assert parse(column("1", str(10**30))).to_list() == [1.0, 1e30]
    assert parse(column("1", "2.0")).dtype == pl.Float64


@given(st.lists(st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False)), min_size=1))
def test_what_python_writes_is_read_back(numbers):
    read = parse(column(*map(repr, numbers)))
    whole = all(isinstance(n, int) for n in numbers)
    assert read.dtype == (pl.Int64 if whole else pl.Float64)
    assert read.to_list() == (numbers if whole else list(map(float, numbers)))


@given(st.lists(st.decimals(-(10**9), 10**9, places=2), min_size=1), st.booleans())
def test_thousands_and_decimals_of_either_kind(numbers, german):
    written = [f"{n:,.2f}" for n in numbers]
    if german:
        written = [text.translate(str.maketrans(",.", ".,")) for text in written]
    read = parse(column(*written), "decimal comma" if german else "thousands comma")
    assert read.to_list() == [float(n) for n in numbers]


def test_the_way_that_fits_most_cells_wins():
    found = marks_of([column("0", "1", "2", "1,5", name="a"), column("x", "1", "y", name="b")], ";")
    assert found == {"a": "decimal comma"}
    assert marks_of([column("1.234.567", "1.000", "7")], ";") == {"c": "thousands point"}
    assert marks_of([column("1.234", "12")], ";") == {"c": "point"}
    assert marks_of([column(*["1"] * 9, "x")], ",") == {"c": "point"}
    assert marks_of([column(*["1"] * 8, "x")], ",") == {}


@pytest.mark.parametrize(
    ("others", "delimiter", "way"),
    [
        ([], ";", "decimal comma"),
        ([], ",", "thousands comma"),
        ([("0,5", "2")], "\t", "decimal comma"),
        ([("0,5", "2")], ",", "decimal comma"),
        ([("1,234,567", "2")], ";", "thousands comma"),
        ([("0.25", "2")], ";", "thousands comma"),
    ],
)
def test_the_rest_of_the_file_says_what_a_comma_means(others, delimiter, way):
    columns = [column("1,234", "5"), *(column(*cells, name=f"o{i}") for i, cells in enumerate(others))]
    assert marks_of(columns, delimiter)["c"] == way


@pytest.mark.parametrize(("others", "delimiter"), [([], "\t"), ([], None), ([("0,5", "1"), ("0.5", "1")], ";")])
def test_a_comma_that_nothing_explains_is_an_error(others, delimiter):
    columns = [column("1,234", "5"), *(column(*cells, name=f"o{i}") for i, cells in enumerate(others))]
    with pytest.raises(BadData, match=r"'1,234' in column 'c' may be 1.234 or 1234. Write decimals with a point"):
        marks_of(columns, delimiter)


def test_points_are_thousands_beside_decimal_commas():
    decimal = column("0,5", "1", name="d")
    assert marks_of([decimal, column("1.234", "12")], ";")["c"] == "thousands point"
    assert marks_of([decimal, column("1.234", "1.5")], ";")["c"] == "point"


GAPS = " \u00a0\u2009\u202f'\u2019"


@pytest.mark.parametrize("gap", GAPS)
@pytest.mark.parametrize("comma", [False, True])
@given(numbers=st.lists(st.integers(-(10**11), 10**11), min_size=1, max_size=20))
def test_blanks_and_apostrophes_part_thousands(numbers, gap, comma):
    written = [
        f"{n / 100:,.2f}".replace(".", ";").replace(",", gap).replace(";", "," if comma else ".") for n in numbers
    ]
    cells = column(*written)
    marks = "thousands gap, decimal comma" if comma else "thousands gap"
    assert parse(cells, marks).to_list() == [n / 100 for n in numbers]
    if any(abs(n) >= 10**5 for n in numbers):
        assert marks_of([cells], ";") == {cells.name: marks}


def test_other_blanks_are_no_thousands():
    for text in ("12 34", "0 123", "1 2345", "1  234", "1 234 56", "12:30", "1 234 m"):
        assert parse(column(text), "thousands gap").to_list() == [None]
        assert marks_of([column(text)], ";") == {}


def test_a_comma_beside_them_is_a_decimal_one():
    sure, unclear = column("1 234,5", "2 000,25").alias("a"), column("1,234", "5,678").alias("b")
    assert marks_of([sure, unclear], "\t")["b"] == "decimal comma"
