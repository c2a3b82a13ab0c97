import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.levels import text_form


@given(st.lists(st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_numbers_read_from_text_have_the_form_of_numbers(numbers):
    """A column that was text among the train rows may be read as numbers later, and back."""
    if not all(isinstance(n, int) for n in numbers):
        numbers = list(map(float, numbers))
    assert text_form(pl.Series(numbers)).to_list() == text_form(pl.Series(map(repr, numbers))).to_list()


@pytest.mark.parametrize(
    ("cells", "form"),
    [
        ([1, -2, None], ["1", "-2", None]),
        ([1.0, -2.0, 0.5, float("nan"), -0.0], ["1", "-2", "0.5", None, "0"]),
        (["1.0", " 1 ", "1.50", "+1.", "v1.0", None], ["1", "1", "1.5", "1", "v1.0", None]),
        (
            ["007", "-0", "1e3", str(2**62 + 1), "inf", "nan"],
            ["7", "0", "1000", str(2**62 + 1), "inf", "nan"],
        ),
        ([True, False, None], ["true", "false", None]),
        (["True", "FALSE", "truely"], ["true", "false", "truely"]),
    ],
)
def test_one_value_has_one_form(cells, form):
    assert text_form(pl.Series(cells)).to_list() == form
