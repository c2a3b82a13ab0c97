import numpy as np

from caviar.data.explain import explain_classes, explain_sizes
from caviar.data.sizes import Sizes

NONE = (None, None)


def sizes(own, sets=None, given=NONE, classes=True, resolution=0.01):
    return explain_sizes(Sizes(*own), Sizes(*(sets or own)), given, classes=classes, resolution=resolution)


def test_sizes_and_what_they_tell():
    assert sizes((16_000, 2_000, 2_000)) == [
        "20,000 rows: 16,000 to train, 2,000 to choose (dev), 2,000 to judge at the end (test).",
        "2,000 dev rows tell two networks apart, both judged on them (paired), when their errors differ by about "
        "0.010.",
    ]


def test_what_cannot_be_reached_is_said():
    assert sizes((90, 30, 30))[1] == (
        "30 dev rows tell two networks apart, both judged on them (paired), when their errors differ by about 0.080; "
        "a difference of 0.01 would take 1,921 dev rows."
    )


def test_images_are_called_images():
    said = explain_sizes(Sizes(60, 20, 20), Sizes(60, 20, 20), NONE, classes=True, resolution=0.01, shape=(28, 28, 3))
    assert said[0].startswith("100 images of 28 x 28, 3 channels: 60 to train, ")


def test_sets_that_are_not_there():
    assert sizes((70, 30, 0))[-1] == (
        "No test set: the final figure will be the dev figure, which flatters what was chosen by it."
    )
    assert sizes((70, 0, 30))[1].startswith("No dev set: ")


def test_given_sets_are_named():
    said = sizes((75, 25, 0), (75, 25, 400), (None, "white wine"))
    assert said[0] == "100 rows: 75 to train, 25 to choose (dev)."
    assert "The test set is the table 'white wine', 400 rows, as given." in said
    assert not any("No test set" in sentence for sentence in said)


def test_regression_tells_how_well_an_rmse_is_known():
    """1.96 / sqrt(2 n): the 95 % half-width of the standard deviation of n normal errors."""
    assert (
        sizes((60, 200, 200), classes=False)[1]
        == "An RMSE over 200 dev rows is known to about ±9.8%, more with outliers."
    )
    rmse = np.sqrt((np.random.default_rng(0).normal(size=(20_000, 200)) ** 2).mean(axis=1))
    assert abs(1.96 * rmse.std() - 0.098) < 0.002


def test_classes():
    both = (True, True)
    assert explain_classes(["a", "b"], np.array([[6, 2, 2], [3, 1, 1]]), both) == [
        "Every class has its share of each set."
    ]
    assert explain_classes(["a", "b"], np.array([[6, 2, 2], [2, 0, 0]]), both) == [
        "Every class with 3 rows or more has its share of each set.",
        "'b' has fewer: these rows are all in train, where they can be learned but not judged.",
    ]
    assert explain_classes(["a", "b"], np.array([[60, 30, 10], [60, 10, 30]]), both) == [
        "Classes are divided as evenly as the sets allow."
    ]
    assert explain_classes(["a", "b"], np.array([[9, 0, 3], [0, 5, 2]]), both, by_chance=False) == [
        "No train row is 'b': a network cannot learn what it has not seen.",
        "No dev row is 'a'.",
    ]
    assert explain_classes(["a", "b"], np.array([[60, 2, 20], [6, 0, 2]]), both) == [
        "Classes are divided as evenly as the sets allow.",
        "The dev set has no row of 'b': it is too small, or their rows must be elsewhere.",
    ]
    assert explain_classes(["a"], np.array([[9, 0, 0]]), (False, False)) == []
