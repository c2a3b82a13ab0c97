import csv
import io
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.records import records
from caviar.errors import BadData

PATH = Path("f.csv")


def rows(data: str, delimiter: str | None = None) -> list[tuple[str, ...]]:
    frame, _ = records(data.encode(), PATH, delimiter)
    return [tuple(cell or "" for cell in row) for row in frame.rows()]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(mark):
    frame, found = records("\n".join(mark.join(row) for row in ("abc", "123", "4x6")).encode(), PATH)
    assert found == mark
    assert frame.rows() == [("a", "b", "c"), ("1", "2", "3"), ("4", "x", "6")]


@pytest.mark.parametrize(
    ("data", "mark"),
    [
        ("a;b\n1,5;2,5\n1;2", ";"),  # decimal commas
        ("price, net;n\n1,5;2\n2,5;3", ";"),  # a comma in every line: both fit, the comma loses
        ("a,b,c\n1|2,3,4\n5|6,7,8", ","),
        ('a,b\n"1;2;3",4\n"5;6;7",8', ","),
        ("a\n1\n2", None),
        ("text\nhello, world\nwell, well", None),
    ],
)
def test_a_mark_inside_cells_is_not_taken_for_the_delimiter(data, mark):
    assert records(data.encode(), PATH)[1] == mark


def test_quotes_hold_delimiters_line_breaks_and_quotes():
    assert rows('a,b\n"x, y","1\n2"\n"say ""hi""",\r\n"",z') == [
        ("a", "b"), ("x, y", "1\n2"), ('say "hi"', ""), ("", "z"),
    ]  # fmt: skip


def test_a_quote_inside_a_cell_is_a_letter():
    assert rows('a,b\n5" pipe,1\n6" pipe,2\n"a, b",3') == [
        ("a", "b"),
        ('5" pipe', "1"),
        ('6" pipe', "2"),
        ("a, b", "3"),
    ]
    assert rows('a, b\n1, "x, y"\n2, "z"') == [("a", "b"), ("1", "x, y"), ("2", "z")]


def test_blank_lines_are_left_out_but_not_in_one_column():
    assert rows("a,b\n\n1,2\r\n \r\n3,4") == [("a", "b"), ("1", "2"), ("3", "4")]
    assert rows("a\n1\n\n3") == [("a",), ("1",), ("",), ("3",)]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (
            "a,b\n1,2\n3\n4,5",
            "must have 2 cells, as its first line has, but line 3 has 1 .comma between cells.",
        ),
        ("a,b\n1,2\n3,4,5\n6", "line 3 has 3 and 1 other line do not match either"),
        ('a,b\n"1\n2",2\n\n3,4,5', "line 5 has 3"),
        ("a,b\n1,5,2,5\n", "decimal commas, save it with semicolons"),
        ('a;b\n5" x;1\n6" y;2;3', "line 3 has 3 .semicolon between cells."),
        ('a,b\n"x,1\ny,2', "line 2 they are not: unexpected end of data. Close the quote"),
        ('a,b\nx,1\n"y" or z,2', "line 3 they are not"),
    ],
)
def test_lines_and_quotes_that_do_not_fit_are_named(data, words):
    with pytest.raises(BadData, match=words):
        records(data.encode(), PATH)


@given(
    cells=st.lists(st.tuples(*[st.text(st.sampled_from('ab,;\t|"\n\r 5€'), max_size=6)] * 3), min_size=2, max_size=8),
    mark=st.sampled_from(",;\t|"),
    quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
)
def test_what_pythons_writer_writes_is_read_back(cells, mark, quoting):
    header = ("first", "second", "third")
    file = io.StringIO(newline="")
    csv.writer(file, delimiter=mark, quoting=quoting).writerows([header, *cells])
    read = rows(file.getvalue().rstrip("\r\n"), mark)
    assert read == [header, *cells]


def test_cells_are_text():
    assert set(records(b"a,b\n1,2", PATH)[0].dtypes) == {pl.String}
