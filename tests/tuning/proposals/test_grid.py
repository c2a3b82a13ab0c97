import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.tuning.proposals.grid import Grid, grid_levels, grid_points
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy, places_of
from caviar.tuning.proposals.propose import RandomPoints, key_of
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from tuning.asked import SPACE, programs, request, searched

PLANE = Space({"dropout": Uniform(0, 1), "learning_rate": LogUniform(1e-4, 1)})


def test_a_grid_has_the_middles_of_equal_parts_on_the_right_scale():
    points = list(grid_points(PLANE, 6))
    assert sorted({p["learning_rate"] for p in points}) == pytest.approx(
        [10 ** (-4 + 4 * t) for t in (1 / 6, 0.5, 5 / 6)]
    )
    assert sorted({p["dropout"] for p in points}) == pytest.approx([0.25, 0.75])
    assert len(points) == 6


def test_what_matters_most_gets_a_second_value_first():
    assert grid_levels(PLANE, 2) == {"dropout": 1, "learning_rate": 2}
    assert grid_levels(PLANE, 25) == {"dropout": 5, "learning_rate": 5}
    assert grid_levels(Space({"a": Choice(1, 2), "b": Uniform(0, 1)}), 12) == {"a": 2, "b": 6}


@given(most=st.integers(1, 400))
def test_a_grid_has_no_more_points_than_trials_and_none_twice(most):
    points = list(grid_points(SPACE, most))
    assert 1 <= len(points) <= most
    assert len({key_of(point) for point in points}) == len(points)
    assert all(("decay_rate" in point) == (point["schedule"] == "exponential") for point in points)


def test_a_grid_of_all_values_has_all_combinations():
    space = Space({"layers": Integer(1, 3), "batch_norm": Choice(False, True)})
    points = {(p["layers"], p["batch_norm"]) for p in grid_points(space, 1_000)}
    assert points == set(itertools.product((1, 2, 3), (False, True)))


@pytest.mark.parametrize("share", [False, True])
def test_generations_go_through_the_grid_once_and_end_with_it(share):
    tried, proposals = searched(Grid(), 13, n=8, share=share)
    points = [key_of(one.point) for one in tried]
    assert len(set(points)) == len(points)
    slow = programs(0).decides if share else ()
    assert set(points) == {key_of(point) for point in grid_points(SPACE, 104, slow)}
    assert proposals[-1].points == []


def test_a_generation_of_a_grid_needs_few_programs():
    points = Grid()(request(n=8, of=96, together=programs(0))).points
    assert len({(p["layers"], p["units"], p["batch_size"], p["activation"]) for p in points}) <= 4


@pytest.mark.parametrize("sequence", ["sobol", "halton"])
def test_a_sequence_goes_on_from_generation_to_generation(sequence):
    whole = places_of(sequence, 3, 7, 0, 40)
    parts = [places_of(sequence, 3, 7, start, 10) for start in range(0, 40, 10)]
    assert [row.tolist() for part in parts for row in part] == whole.tolist()
    assert (places_of(sequence, 3, 8, 0, 40) != whole).all()


def test_a_sequence_fills_every_sixteenth_of_a_scale():
    tried, _ = searched(LowDiscrepancy(), 4, n=4, space=PLANE, judge=lambda p: p["dropout"])
    chance, _ = searched(RandomPoints(), 4, n=4, space=PLANE, judge=lambda p: p["dropout"])

    def parts(some):
        return len({int(16 * PLANE["learning_rate"].place(one.point["learning_rate"])) for one in some})

    assert parts(tried) == 16 > parts(chance)
