import datetime as dt

import polars as pl
import pytest

from caviar.data.columns import typed
from caviar.errors import BadData


def one(*cells, **more):
    done = typed(pl.DataFrame({"c": pl.Series(cells, dtype=pl.String)}), ",", **more)
    return done.frame["c"], done


@pytest.mark.parametrize("mark", ["", " ", "NA", "n/a", "NaN", "null", "NONE", "?", "-"])
def test_missing_marks_in_any_case(mark):
    column, done = one("1", mark, "3")
    assert column.to_list() == [1, None, 3]
    assert done.notes[0].startswith("Read as missing: ")


def test_missing_marks_are_counted_as_they_were_written():
    _, done = one("a", "NA", "NA", "na", "", None, "b")
    assert done.notes == ("Read as missing: 'NA' (2 cells), empty (2 cells), 'na' (1 cell).",)
    assert done.cells_lost == {"c": ["NA", "", "na"]}


def test_plus_and_minus_are_a_pair_of_labels():
    assert one("+", "-", "?")[0].to_list() == ["+", "-", None]
    assert one("a", "-")[0].to_list() == ["a", None]


def test_nine_in_ten_numbers_make_a_numeric_column():
    column, done = one(*map(str, range(27)), "old", "old", "new", "?")
    assert column.to_list() == [*range(27), None, None, None, None]
    assert "Column 'c' is numeric; 3 cells that are not ('old', 'new') have been read as missing." in done.notes
    column, done = one(*map(str, range(26)), "old", "old", "new")
    assert column.dtype == pl.String
    assert "Column 'c' is text: 89% of its cells are numbers" in done.notes[0]


def test_signs_of_money_are_hinted_at():
    column, done = one("$5", "$1,000", "$7.50")
    assert column.dtype == pl.String
    assert "write them without signs and spaces" in done.notes[0]


def test_true_false_and_words_stay_text_without_surrounding_blanks():
    assert one("true", " false ", "true")[0].to_list() == ["true", "false", "true"]


def test_dates_as_iso_8601_writes_them():
    column, done = one("2024-02-29", "", "1969-12-31")
    assert column.to_list() == [dt.date(2024, 2, 29), None, dt.date(1969, 12, 31)]
    assert "Read as dates: 'c'." in done.notes
    assert one("2024-01-01 10:30", "2024-01-02T11:45")[0].to_list()[1] == dt.datetime(2024, 1, 2, 11, 45)
    assert one("2024-01-01 10:30:15.250")[0].to_list() == [dt.datetime(2024, 1, 1, 10, 30, 15, 250_000)]
    assert one("2024-02-30", "2024-01-01")[0].dtype == pl.String  # no such day
    assert one("2024-01-01", target="c")[0].dtype == pl.String


def test_infinite_numbers_are_missing_in_features_and_kept_in_the_target():
    column, done = one("1", "1e999", "-inf")
    assert column.to_list() == [1.0, None, None]
    assert "Infinite numbers are read as missing: 'c' (2)." in done.notes
    assert one("1", "1e999", target="c")[0].to_list() == [1.0, float("inf")]


def test_the_types_of_a_frame():
    frame = pl.DataFrame(
        {
            "category": pl.Series(["1", "NA"], dtype=pl.Categorical),
            "nan": [float("nan"), 1.0],
            "nothing": pl.Series([None, None]),
            "money": pl.Series(["1.50", "2.25"]).cast(pl.Decimal(10, 2)),
            "flag": [True, None],
            "small": pl.Series([1, 2], dtype=pl.UInt8),
        }
    )
    done = typed(frame).frame
    assert done.to_dict(as_series=False) == {
        "category": ["1", None],
        "nan": [None, 1.0],
        "nothing": [None, None],
        "money": [1.5, 2.25],
        "flag": [True, None],
        "small": [1, 2],
    }
    assert done["category"].dtype == pl.String


@pytest.mark.parametrize("cells", [[[1, 2], [3]], [{"a": 1}, {"a": 2}], [b"x", b"y"]])
def test_columns_of_other_things_are_refused(cells):
    with pytest.raises(BadData, match=r"but 'c' holds .* leave it out with columns="):
        typed(pl.DataFrame({"c": cells}))


def test_many_columns_with_strays_make_few_sentences():
    frame = pl.DataFrame({f"c{i}": [*map(str, range(20)), "x"] for i in range(50)})
    notes = typed(frame).notes
    assert len(notes) == 9
    assert notes[-1] == "The same holds for 42 more columns."
