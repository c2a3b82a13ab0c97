"""The end of a message about an unknown word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import BadCommand, BadConfig, BadData, BadLoss, BadObjective, BadRun, BadSpace, CaviarError, nearest


@pytest.mark.parametrize(
    ("word", "words", "said"),
    [
        ("dropuot", ["dropout", "l2"], "Did you mean 'dropout'?"),
        ("Price", ["price", "rooms"], "Did you mean 'price'?"),
        ("PRICE", ["rooms", "Price"], "Did you mean 'Price'?"),
        ("price", ["Price", "PRICE"], "Did you mean 'Price'?"),
        ("zzz", ["a", "b"], "Known: 'a', 'b'."),
        ("zzz", [], "Known: ."),
        ("zzz", [f"column {i}" for i in range(12)], "Known: " + ", ".join(f"'column {i}'" for i in range(12)) + "."),
        ("zzz", [f"column {i}" for i in range(13)], "Known: " + ", ".join(f"'column {i}'" for i in range(12)) + ", …"),
        (3, ["1", "2"], "Known: '1', '2'."),
    ],
)
def test_nearest(word, words, said):
    assert nearest(word, words) == said


@given(st.text(max_size=8), st.lists(st.text(max_size=8), max_size=20))
def test_nearest_is_one_line_that_names_only_known_words(word, words):
    said = nearest(word, iter(words))
    assert "\n" not in said
    if said.startswith("Did you mean"):
        assert said in {f"Did you mean {known!r}?" for known in words}
    else:
        assert said.startswith("Known: ")


@pytest.mark.parametrize("error", [BadCommand, BadConfig, BadData, BadLoss, BadObjective, BadRun, BadSpace])
def test_errors_are_caught_as_caviar_s_and_as_value_errors(error):
    for caught in (CaviarError, ValueError, error):
        with pytest.raises(caught, match="must be"):
            raise error("It must be so.")
