import json

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.data.target import TargetCoding, fit_classes, fit_quantity
from caviar.errors import BadData, BadRun


@pytest.mark.parametrize(
    ("cells", "classes"),
    [
        (["b", "a", "b"], ("a", "b")),
        ([10, 9, 10], (9, 10)),
        ([1.0, 0.0], (0.0, 1.0)),
        ([True, False], (False, True)),
    ],
)
def test_classes_are_the_labels_in_order(cells, classes):
    coding = fit_classes(pl.Series("y", cells))
    assert coding.classes == classes
    assert [type(c) for c in coding.classes or ()] == [type(c) for c in classes]
    codes = coding.encode(pl.Series("y", cells))
    assert codes.dtype == np.int32
    assert coding.decode(codes).tolist() == cells
    assert TargetCoding.from_json(json.loads(json.dumps(coding.to_json()))) == coding
    assert coding.task == "classification"


def test_labels_of_another_type_are_the_same():
    coding = fit_classes(pl.Series("y", [1, 2]))
    for cells in ([1.0, 2.0], ["1", "2"], ["1.0", " 2"]):
        assert coding.encode(pl.Series("y", cells)).tolist() == [0, 1]
    flags = fit_classes(pl.Series("y", [True, False]))
    assert flags.encode(pl.Series("y", ["True", "false"])).tolist() == [1, 0]
    assert fit_classes(pl.Series("y", ["1", "1.0", "a"])).classes == ("1", "a")


@given(
    st.lists(st.floats(-1e12, 1e12), min_size=2).filter(
        lambda cells: np.ptp(cells) > max(1e-9, 1e-3 * np.abs(cells).max())
    )
)
def test_quantities_are_standardised_and_come_back(cells):
    x = np.array(cells)
    coding = fit_quantity(pl.Series("y", cells))
    assert (coding.mean, coding.std) == (x.mean(), x.std())
    codes = coding.encode(pl.Series("y", cells))
    assert codes.dtype == np.float32
    np.testing.assert_allclose(codes, (x - x.mean()) / x.std(), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(coding.decode(codes), x, rtol=1e-5, atol=2e-6 * np.abs(x).max())
    assert TargetCoding.from_json(json.loads(json.dumps(coding.to_json()))) == coding
    assert coding.classes is None


@pytest.mark.parametrize(
    ("cells", "words"),
    [
        (["c"], "must have the classes of the train rows, but 'c' is none. Known: 'apple', 'pear'"),
        (["pear", "aple"], "Did you mean 'apple'"),
        ([None], "known in every row, but 'y' has 1 missing cell"),
    ],
)
def test_labels_that_are_no_classes(cells, words):
    with pytest.raises(BadData, match=words):
        fit_classes(pl.Series("y", ["apple", "pear"])).encode(pl.Series("y", cells, dtype=pl.String))


def test_a_new_number_may_mean_a_quantity():
    with pytest.raises(BadData, match=r"but 9 is none. Known: '3', '4'. If it is a quantity, ask for --task"):
        fit_classes(pl.Series("y", [3, 4])).encode(pl.Series("y", [3, 9]))


def test_one_class_is_none():
    with pytest.raises(BadData, match="must vary, but 'y' is 'a' in every row"):
        fit_classes(pl.Series("y", ["a", "a"]))


def test_quantities_that_are_no_numbers():
    coding = fit_quantity(pl.Series("y", [1.0, 2.0]))
    with pytest.raises(BadData, match="must hold numbers, as in the train rows, but 'a' came"):
        coding.encode(pl.Series("y", ["a"]))
    with pytest.raises(BadData, match="must be finite, but row 2 is not"):
        coding.encode(pl.Series("y", [1.0, float("inf")]))
    with pytest.raises(BadData, match="must vary among the train rows, but 'y' is 3 in all of them"):
        fit_quantity(pl.Series("y", [3, 3]))
    with pytest.raises(BadData, match=r"goes up to 1.0e\+300. Use another unit"):
        fit_quantity(pl.Series("y", [1e300, 0.0]))


def test_damaged_state():
    with pytest.raises(BadRun, match=r"must be what TargetCoding.to_json wrote"):
        TargetCoding.from_json({"name": "y"})
