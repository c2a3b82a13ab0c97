import pytest

from caviar.data.text import read_text
from caviar.errors import BadData


@pytest.fixture
def written(tmp_path):
    def write(data):
        path = tmp_path / "f.csv"
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    return write


def test_names_come_from_the_first_line(written):
    text = read_text(written("a, b \n1,2\n"))
    assert text.cells.to_dict(as_series=False) == {"a": ["1"], "b": ["2"]}
    assert text.notes == (
        "Read as UTF-8, comma between cells.",
        "Blanks around column names are left out: ' b '.",
    )


def test_a_column_without_name_gets_one_and_an_empty_one_goes(written):
    text = read_text(written(",a,\n1,2,\n3,4,\n"))
    assert text.cells.columns == ["column 1", "a"]
    assert "Column 1 has no name and is called 'column 1'." in text.notes
    assert "1 column without name and cells left out." in text.notes


def test_empty_rows_below_the_table_go(written):
    text = read_text(written("a;b\n1;2\n;\n3;4\n;\n; \n\n"))
    assert text.cells["a"].to_list() == ["1", None, "3"]
    assert "2 empty rows at the end left out." in text.notes


@pytest.mark.parametrize(
    "data",
    [
        "a;b\r\n1,5;2\r\n",
        "a;b\r1,5;2\r",
        "sep=;\r\na;b\r\n1,5;2",
        "\n\r\n \na;b\n1,5;2\x1a",
        "SEP=;\na;b\n1,5;2",
    ],
)
def test_line_ends_and_excels_first_line(written, data):
    text = read_text(written(data))
    assert (text.delimiter, text.cells.rows()) == (";", [("1,5", "2")])


def test_a_header_of_numbers_is_doubted(written):
    assert any("all are numbers" in note for note in read_text(written("1,2\n3,4\n")).notes)


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ("", "but it is empty. Export the table again"),
        (" \n\n", "but it is empty"),
        ("\ufeff", "but it is empty"),
        ("a,b\n", "has only the line of names"),
        ("a,b,a\n1,2,3", "has 'a' more than once. Rename one"),
        ("a, a\n1,2", "has 'a' more than once"),
        (",\n,\n", "no column has one"),
    ],
)
def test_files_without_a_table(written, data, words):
    with pytest.raises(BadData, match=words):
        read_text(written(data))
