import pytest

from caviar.data.words import count, has, listed


@pytest.mark.parametrize(
    ("number", "noun", "said"),
    [
        (1, "row", "1 row"),
        (2000, "row", "2,000 rows"),
        (3, "class", "3 classes"),
        (0, "category", "0 categories"),
    ],
)
def test_count(number, noun, said):
    assert count(number, noun) == said


def test_listed_shows_a_few_and_counts_the_rest():
    assert listed(["a", "b"]) == "'a', 'b'"
    assert listed(range(9), 2) == "0, 1 and 7 more"
    assert len(listed(["x" * 500])) == 40


def test_has():
    assert (has(1), has(2)) == ("has", "have")
