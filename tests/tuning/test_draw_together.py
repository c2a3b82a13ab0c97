import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.network.config import Config
from caviar.training.plan import same_class, width_class
from caviar.tuning.dimensions import Choice, Integer, Uniform
from caviar.tuning.propose import Request, anywhere, drawn_together
from caviar.tuning.space import Space
from caviar.tuning.together import DECIDES_PROGRAM, together_in_programs
from tuning.made_searches import SPACE


def together(n=30, leaders=3, space=SPACE, allowed=lambda _: True, seed=0):
    shared = together_in_programs(space, Config(), first=True, allowed=allowed)._replace(leaders=leaders)
    points = drawn_together(Request(space, [], n, 0, seed, shared), anywhere(space))
    return [space.config(point, Config()) for point in points]


def program(config: Config) -> tuple:
    return config.layers, width_class(config.hidden_units[0]), config.batch_size, config.batch_norm, config.activation


@given(seed=st.integers(0, 10_000), leaders=st.integers(1, 4))
def test_the_others_copy_what_decides_the_program(seed, leaders):
    configs = together(12, leaders, seed=seed)
    for number, config in enumerate(configs):
        assert program(config) == program(configs[number % leaders])
        assert all(SPACE[name].holds(value) for name, value in SPACE.values_of(config).items())


def test_everything_else_is_drawn_for_each():
    configs = together(leaders=1)
    assert len({config.rate for config in configs}) == len({config.dropout for config in configs}) == 30


def test_units_cover_the_class_of_the_leader_and_stay_in_the_space():
    space = Space({"units": Integer(40, 60)})
    units = {config.hidden_units[0] for config in together(400, 1, space)}
    assert units == set(range(40, 61))
    assert {width_class(n) for n in units} == {64}


@pytest.mark.parametrize("units", [1, 8, 9, 100, 128, 129, 512, 513])
def test_a_width_class_holds_its_own_ends(units):
    low, high = same_class(units)
    assert low <= units <= high
    assert {width_class(n) for n in range(low, high + 1)} == {width_class(units)}
    assert width_class(high + 1) != width_class(units)


def test_what_is_not_searched_is_not_copied():
    configs = together(6, 1, Space({"dropout": Uniform(0, 0.5)}))
    assert {(c.layers, c.batch_size) for c in configs} == {(2, 64)}
    assert set(DECIDES_PROGRAM) >= {"layers", "units", "batch_size", "batch_norm"}


def test_what_may_not_be_tried_is_drawn_again():
    configs = together(allowed=lambda config: config.rate < 1e-3 and config.layers < 3)
    assert all(config.rate < 1e-3 and config.layers < 3 for config in configs)


def test_where_nothing_is_allowed_it_ends_all_the_same():
    assert len(together(4, allowed=lambda _: False)) == 4


def test_the_same_random_numbers_draw_the_same_configs():
    assert together() == together()
    assert together() != together(seed=1)
    assert together(0) == []


def test_a_leader_is_drawn_like_any_point():
    sizes = [together(1, seed=seed)[0].batch_size for seed in range(300)]
    assert sorted(set(sizes)) == [32, 64, 128]
    assert min(sizes.count(size) for size in (32, 64, 128)) > 70
    assert Choice(32, 64, 128) == SPACE["batch_size"]


def test_some_follow_the_programs_of_points_that_are_given():
    space = Space({"units": Integer(8, 64, log=True), "batch_size": Choice(16, 32, 64), "dropout": Uniform(0.0, 0.5)})
    own = {"units": 12, "batch_size": 32, "dropout": 0.1}
    shared = together_in_programs(space, Config(), first=True, given=[own])
    points = drawn_together(Request(space, [], 23, 0, 0, shared), anywhere(space))
    leaders = [own, *points[: shared.leaders]]
    for number, point in enumerate(points[shared.leaders :], shared.leaders):
        leader = leaders[number % 4]
        assert point["batch_size"] == leader["batch_size"]
        assert width_class(point["units"]) == width_class(leader["units"])
    for number in (4, 8, 12):
        assert shared.leader_of(number, points) == {"units": 12, "batch_size": 32}


def test_points_outside_the_space_lead_none_and_those_given_count_in_the_time():
    space = Space({"batch_size": Choice(16, 32)})
    assert together_in_programs(space, Config(), first=True, given=[{"batch_size": 64}]).given == ()
    assert together_in_programs(space, Config(), first=True, given=[{}]).given == ()
    inside = [{"batch_size": 16}]
    assert together_in_programs(space, Config(), first=True, most=2, given=inside).leaders == 1
    assert together_in_programs(space, Config(), first=True, most=1, given=inside).leaders == 1  # two see more than one
    assert together_in_programs(space, Config(), first=False, most=9).leaders == 2
