import pytest

from caviar.errors import BadCommand
from caviar.network.config import Config
from caviar.watching.bounds import Bounds, bounds_from


def test_words_become_bounds():
    found = bounds_from(["learning_rate=1e-4:1e-2", "dropout=0:0.5", "l2"], most_commands=6, epochs=20)
    assert found.settings == {"learning_rate": (1e-4, 1e-2), "dropout": (0.0, 0.5), "l2": None}
    assert (found.most_branches, found.most_commands, found.epochs) == (3, 6, 20)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "needs settings"),
        (["learning_rat"], "learning_rate"),
        (["learning_rate="], "lowest and highest"),
        (["learning_rate=1e-3"], "lowest and highest"),
        (["learning_rate=a:b"], "lowest and highest"),
        (["learning_rate=1:0.1"], "the lower one first"),
        (["learning_rate=nan:1"], "two numbers"),
        (["optimizer=0:1"], "Name it alone"),
        (["seed"], "Leave it out"),
        (["l2", "l2=0:1"], "twice"),
    ],
)
def test_words_that_are_none_are_refused(words, said):
    with pytest.raises(BadCommand, match=said):
        bounds_from(words)


@pytest.mark.parametrize("wrong", [{"most_branches": 1}, {"most_commands": 1}, {"epochs": 7}, {"most_commands": True}])
def test_numbers_out_of_range_are_refused(wrong):
    with pytest.raises(BadCommand, match="whole number from"):
        Bounds({"l2": None}, **wrong)


@pytest.mark.parametrize(
    ("settings", "inside"),
    [
        ({"learning_rate": 0.01}, True),
        ({"learning_rate": 0.02}, False),
        ({"learning_rate": None}, True),  # Adam's own is 0.001
        ({"learning_rate": None, "optimizer": "sgd"}, False),  # SGD's own is 0.1
        ({"dropout": (0.2, 0.4)}, True),
        ({"dropout": (0.2, 0.6)}, False),
        ({"clip_norm": None}, False),  # no number
        ({"l1": 0.1}, False),
        ({"learning_rate": 0.01, "l1": 0.1}, False),
        ({"learning_rate": -1.0}, False),
    ],
)
def test_what_is_outside_is_told(settings, inside):
    bounds = bounds_from(["learning_rate=1e-4:1e-2", "dropout=0:0.5", "optimizer", "clip_norm=0.1:10"])
    assert (bounds.outside(settings, Config()) == "") is inside
