import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data import orders
from caviar.data.orders import order_of


@pytest.mark.parametrize(
    "order",
    [
        "low medium high",
        "Low Mid High",
        "S M L",
        "XS S M L XL XXL",
        "Po Fa TA Gd Ex",
        "Fair Good|Very Good Premium Ideal".replace("|", " ").replace("Very Good", "Very_Good"),
        "never sometimes always",
        "C- C+ B- B A",
        "I1 SI2 SI1 VS2 VS1 VVS2 VVS1 IF",
        "first second third",
        "BB A- AAA",
        "0-9 10-19 20-29",
        "<18 18-25 26-64 65+",
        "$1,000-$1,999 $2,000-$9,999 $10,000-$20,000",
        "5-10k 10-20k 1m-2m",
    ],
)
def test_known_orders_are_found_from_any_order(order):
    levels = order.split()
    for seed in range(3):
        assert order_of(random.Random(seed).sample(levels, len(levels))) == tuple(levels)


def test_words_of_several_letters():
    agreement = ("Strongly Disagree", "disagree", "Neither agree nor disagree", "Agree", "strongly-agree")
    assert order_of(sorted(agreement)) == agreement
    assert order_of(["grade 10", "grade 9", "grade 1"]) == ("grade 1", "grade 9", "grade 10")
    assert order_of(["under 18", "18 to 64", "64 and over", "over 100"]) is None  # the last two overlap
    assert order_of(["under 18", "18 to 30", "30 to 64", "over 64"]) == ("under 18", "18 to 30", "30 to 64", "over 64")


@pytest.mark.parametrize(
    "levels",
    [
        "low high",
        "A B C",
        "A B C D F",
        "low medium high unknown",
        "red green blue",
        "Mon Tue Wed",
        "jan feb mar",
        "10-20 15-30 30-40",
        "20-10 30-20 40-30",
        "555-1234 555-2345 x",
        "medium mid normal",
        "cluster 1|cluster 2".replace(" 1|cluster 2", "1 cluster2 cluster3"),
    ],
)
def test_when_in_doubt_there_is_no_order(levels):
    assert order_of(levels.split()) is None


@given(st.data())
def test_every_scale_keeps_its_order(data):
    places = data.draw(st.sampled_from(orders._PLACES))
    words = data.draw(st.lists(st.sampled_from(sorted(places)), min_size=3, unique=True))
    found = order_of(words)
    if found is not None:
        ranks = [next(p for p in orders._PLACES if set(words) <= set(p))[word] for word in found]
        assert ranks == sorted(ranks)
        assert sorted(found) == sorted(words)
