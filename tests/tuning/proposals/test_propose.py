import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.training.plan import width_class
from caviar.tuning.proposals.coarse_to_fine import ranked
from caviar.tuning.proposals.propose import RandomPoints, Tried, anywhere, drawn_together, key_of
from caviar.tuning.proposals.proposers import PROPOSALS, proposer_for
from caviar.tuning.proposals.together import apart
from caviar.tuning.spaces.dimensions import Choice, Integer, Uniform
from caviar.tuning.spaces.space import Space
from tuning.asked import SPACE, badness, programs, request, searched, tried_of

NAMES = [name for name in PROPOSALS if name not in ("qmc", "nsga3", "gp")]
"""Every way of proposing, but those that are another by a second name, and the Gaussian process, which takes seconds:
see `test_samplers`."""


def proposer(name):
    if name == "cma":
        pytest.importorskip("cmaes")
    return proposer_for(name)


@pytest.fixture(scope="module")
def tried():
    return tried_of(drawn_together(request(n=24, seed=5, together=programs(0)), anywhere(SPACE)))


def later(tried, **changed):
    """The fourth generation, of five points in two programs, of a search of 60."""
    return request(tried, **{"n": 5, "generation": 3, "together": programs(3), "of": 36} | changed)


@pytest.mark.parametrize("name", NAMES)
def test_points_lie_in_the_space_and_are_as_many_as_asked(name, tried):
    for asked in (request(n=7, together=programs(0), of=60), later(tried)):
        points = proposer(name)(asked).points
        assert len(points) == asked.n
        for point in points:
            assert all(SPACE[setting].holds(value) for setting, value in point.items())
            assert list(point) == list(SPACE.active(point))
            assert ("decay_rate" in point) == (point["schedule"] == "exponential")
            assert json.loads(json.dumps(point)) == point


@pytest.mark.parametrize("name", NAMES)
def test_the_same_request_has_the_same_answer_whatever_came_between(name, tried):
    one, other = proposer(name), proposer(name)
    asked = later(tried)
    first = one(asked)
    one(request(n=3, seed=9))
    assert one(asked) == first == other(asked)


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_other_seeds_and_other_generations_have_other_points(name, tried):
    asked = later(tried)
    points = proposer(name)(asked).points
    assert points != proposer(name)(asked._replace(seed=1)).points
    assert points != proposer(name)(asked._replace(generation=4, proposed=29)).points


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_points_share_the_programs_of_the_first_two(name, tried):
    points = proposer(name)(later(tried, n=6)).points
    program = [(p["layers"], width_class(p["units"]), p["batch_size"], p["activation"]) for p in points]
    assert program[2:] == [program[0], program[1]] * 2
    assert len({p["learning_rate"] for p in points}) > 3


@pytest.mark.parametrize("name", NAMES)
def test_what_may_not_be_tried_is_not_proposed(name, tried):
    together = programs(3, allowed=lambda config: config.batch_size == 32)
    points = proposer(name)(later(tried, together=together, of=100, proposed=0)).points
    assert {point["batch_size"] for point in points} == {32}


@pytest.mark.parametrize("name", NAMES)
def test_a_search_may_have_one_setting_only(name):
    space = Space({"dropout": Uniform(0, 0.8)})
    found = tried_of([{"dropout": u} for u in np.linspace(0, 0.8, 11)], lambda p: p["dropout"])
    asked = request(found, space=space, n=3, generation=2, of=20)
    assert all(0 <= point["dropout"] <= 0.8 for point in proposer(name)(asked).points)


@pytest.mark.parametrize("name", NAMES)
def test_steps_are_kept(name):
    space = Space({"dropout": Uniform(0, 0.8, step=0.1), "units": Integer(8, 128, step=8)})
    tried, _ = searched(proposer(name), 3, n=5, space=space, judge=lambda p: p["dropout"] + p["units"])
    for one in tried:
        assert one.point["dropout"] in [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8]
        assert one.point["units"] % 8 == 0


@pytest.mark.parametrize("name", NAMES)
def test_failed_and_pruned_points_values_outside_and_equal_ones_are_borne(name):
    points = drawn_together(request(n=14, seed=2), anywhere(SPACE))
    known = [Tried(point, 1.0, 0.1, number % 3 > 0) for number, point in enumerate(points)]
    known += [Tried(points[0], float("inf"), 0.0, False), Tried(points[1] | {"units": 9_000}, 0.5, 0.0, True)]
    assert len(proposer(name)(later(known)).points) == 5


@pytest.mark.parametrize("name", [name for name in NAMES if name != "grid"])
def test_where_all_is_discrete_no_point_is_tried_twice(name):
    space = Space({"layers": Integer(1, 4), "units": Integer(4, 16, step=4), "batch_norm": Choice(False, True)})
    known, _ = searched(proposer(name), 5, n=5, space=space, judge=lambda p: abs(p["layers"] - 2) + p["units"] / 40)
    assert len({key_of(one.point) for one in known}) == 25


@pytest.mark.parametrize("name", ["coarse_to_fine", "tpe", "cma"])
def test_what_learns_beats_random_points(name):
    proposer(name)
    seeds = range(6)
    best = [min(one.criterion for one in searched(proposer_for(name), 6, seed=seed)[0]) for seed in seeds]
    chance = [min(one.criterion for one in searched(RandomPoints(), 6, seed=seed)[0]) for seed in seeds]
    assert np.mean(best) < 0.7 * np.mean(chance)


@pytest.mark.parametrize("name", ["coarse_to_fine", "tpe", "random"])
def test_several_objectives_are_searched_for_their_front(name):
    """Dropout should be small and large: what is proposed may lie anywhere, but rate should come near 0.01."""
    space = Space({"learning_rate": SPACE["learning_rate"], "dropout": SPACE["dropout"]})
    known: list[Tried] = []
    for generation in range(8):
        asked = request(known, space=space, n=8, generation=generation, of=64 - len(known))
        for point in proposer_for(name)(asked).points:
            off = (space["learning_rate"].place(point["learning_rate"]) - 0.5) ** 2
            values = (off + point["dropout"], off - point["dropout"])
            known.append(Tried(point, values[0], 0.0, True, values))
    off = [abs(space["learning_rate"].place(one.point["learning_rate"]) - 0.5) for one in known]
    late, early = np.mean(off[-24:]), np.mean(off[:8])
    assert name == "random" or late < 0.75 * early


@given(seed=st.integers(0, 10_000))
def test_the_whole_space_is_drawn_from_and_nothing_else(seed):
    (point,) = RandomPoints()(request(n=1, seed=seed)).points
    assert all(SPACE[name].holds(value) for name, value in point.items())


def test_every_scale_is_drawn_evenly():
    """A third of the rates lies in each third of the exponents, and so on."""
    points = RandomPoints()(request(n=3_000)).points
    for name in ("learning_rate", "beta1", "dropout", "units", "layers", "schedule"):
        shares = np.bincount([min(2, int(3 * SPACE[name].place(p[name]))) for p in points]) / len(points)
        assert shares == pytest.approx(np.full(3, 1 / 3), abs=0.04), name


def test_the_best_come_first_pruned_ones_after_complete_ones():
    def one(criterion, complete=True, values=()):
        return Tried({}, criterion, 0.0, complete, values)

    best, good, pruned, worse = one(0.1), one(0.2), one(0.05, complete=False), one(0.3, complete=False)
    assert ranked([worse, good, pruned, best]) == [best, good, pruned, worse]
    failed = one(float("inf"), complete=False)
    assert ranked([failed, good]) == [good]
    beaten, first, second = one(3.0, values=(3.0, 3.0)), one(1.0, values=(1.0, 2.0)), one(2.0, values=(2.0, 1.0))
    assert [two.values for two in ranked([beaten, first, second])] == [(1.0, 2.0), (2.0, 1.0), (3.0, 3.0)]


def test_points_that_are_given_are_taken_as_they_are_unless_they_may_not_be_tried():
    space = Space({"x": Uniform(0, 1)})
    given = [{"x": 0.25}, {"x": 0.75}]
    together = apart()._replace(allowed=lambda point: point["x"] < 0.5)
    points = drawn_together(request(space=space, n=2, together=together), anywhere(space), given)
    assert points[0] == given[0]
    assert points[1]["x"] < 0.5


def test_random_points_differ_from_one_generation_to_the_next():
    tried, _ = searched(RandomPoints(), 3)
    assert len({key_of(one.point) for one in tried}) == 24
    assert badness(tried[0].point) == tried[0].criterion
