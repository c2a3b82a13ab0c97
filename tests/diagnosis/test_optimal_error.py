import numpy as np
import pytest

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis.intervals import Estimate
from caviar.diagnosis.optimal_error import OptimalError, estimated_error, given_error
from caviar.errors import BadData
from diagnosis.made_scores import classes, quantity


def noisy(share: float, rows: int = 1_200) -> Split:
    """Two clear classes; a share of the labels is wrong."""
    stream = np.random.default_rng(0)
    x = stream.normal(size=(rows, 3))
    y = (x[:, 0] > 0) ^ (stream.random(rows) < share)
    return split(read((x, np.array(["no", "yes"])[y.astype(int)])), dev=200, test=0)


def test_what_a_person_says():
    found = given_error(0.03, classes(90, 30))
    assert (found.low, found.bound, found.given, found.how) == (0.03, None, True, "The optimal error was given: 3.0%.")
    rows = quantity(90, 30)
    assert given_error(rows.target.std / 2, rows).low == pytest.approx(0.25)
    assert "RMSE" in given_error(1.0, rows).how
    assert found.exact == Estimate(0.03, 0.03, 0.03, 0)


@pytest.mark.parametrize(("task", "wrong"), [(classes, -0.1), (classes, 1.0), (quantity, -0.1), (quantity, np.inf)])
def test_an_optimal_error_that_cannot_be(task, wrong):
    with pytest.raises(BadData, match=f"optimal error must be .* got {wrong}"):
        given_error(wrong, task(90, 30))


def test_the_range_holds_the_bayes_error():
    """Labels are wrong with a chance of 10 %: nothing errs less, and quick models come near."""
    found = estimated_error(noisy(0.1))
    assert not found.given
    assert 0.05 < found.low < 0.1 + 0.02
    assert found.low <= found.bound.value
    assert 0.08 < found.bound.value < 0.15
    assert found.bound.high > 0.1
    assert "labels look wrong, a guess" in found.how
    assert f"at most about {found.bound.value:.1%}" in found.how
    assert "on 720 rows it has not seen" in found.how


def test_overlap_is_not_taken_for_wrong_labels():
    """The classes overlap by about 10 %: no lower end but 0 is claimed."""
    stream = np.random.default_rng(1)
    y = np.arange(1_200) % 2
    x = stream.normal(size=(1_200, 2)) + np.where(y == 1, 0.9, -0.9)[:, None] * np.array([1, 1])
    found = estimated_error(split(read((x, y)), dev=200, test=0))
    assert found.low == 0
    assert found.how.startswith("Nothing sets a lower limit to the optimal error but 0.")
    assert found.bound.low < 0.101 < found.bound.high + 0.02  # Phi(-0.9 * sqrt 2) = 0.1015 is Bayes's


def test_clean_classes_have_a_bound_near_0():
    found = estimated_error(noisy(0.0))
    assert found.low == 0
    assert found.bound.value < 0.03


def test_equal_rows_of_different_classes_set_a_limit():
    """Every input comes 40 times, a quarter of the labels otherwise: 25 % is the least, by hand."""
    x = np.repeat(np.arange(12.0), 40)[:, None] * np.array([1.0, 2.0])
    y = np.tile(np.arange(40) < 10, 12).astype(int) ^ (x[:, 0].astype(int) % 2)
    rows = split(read((x, y)), dev=80, test=0, duplicates="anywhere")
    found = estimated_error(rows)
    kinds = rows.x_train[:, 0].round(5)
    by_hand = sum(np.bincount(rows.y_train[kinds == kind]).min() for kind in np.unique(kinds)) / rows.n_train
    assert found.low == pytest.approx(by_hand)
    assert 0.2 < by_hand < 0.3
    assert found.how.startswith(f"The optimal error is at least {by_hand:.1%}")


def test_equal_rows_of_different_quantities_set_a_limit():
    stream = np.random.default_rng(2)
    x = np.repeat(np.arange(30.0), 20)[:, None] * np.array([1.0, -1.0])
    y = x[:, 0] + 3 * stream.normal(size=len(x))
    found = estimated_error(split(read((x, y)), dev=100, test=0, task="regression", duplicates="anywhere"))
    noise = 9 / (9 + (30**2 - 1) / 12)
    assert 0.8 * noise < found.low <= found.bound.high
    assert found.bound.value > 0.8 * noise


def test_a_quantity_is_bounded_on_the_scale_of_its_variance():
    rows = quantity(900, 60)
    found = estimated_error(rows)
    noise = 1 / rows.target.std**2  # of the target's variance; no model goes below
    assert found.low == 0
    assert noise < found.bound.high
    assert found.bound.value < 4 * noise


def test_too_few_rows_leave_the_course_s_0():
    x = np.random.default_rng(5).normal(size=(30, 2))
    found = estimated_error(split(read((x, (x[:, 0] > 0).astype(int))), dev=6, test=0))
    assert (found.low, found.bound) == (0.0, None)
    assert "No quick model was fitted" in found.how
    assert OptimalError(0.0).to_json()["bound"] is None
    assert OptimalError(0.0, Estimate(0.1, 0.05, 0.2, 9)).to_json()["bound"]["high"] == 0.2
