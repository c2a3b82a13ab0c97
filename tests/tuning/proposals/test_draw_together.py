import contextlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.plan import program_for, same_class, width_class
from caviar.tuning.proposals.propose import Request, anywhere, drawn_together
from caviar.tuning.proposals.together import DECIDES_PROGRAM, SWITCHES, together_in_programs
from caviar.tuning.spaces.default_dimensions import default_dimension
from caviar.tuning.spaces.dimensions import Choice, Integer, Uniform
from caviar.tuning.spaces.settings import READ_WITH, SETTINGS
from caviar.tuning.spaces.space import Space
from diagnosis.made_scores import classes
from training.toy_splits import images
from tuning.made_searches import SPACE

TABLE, IMAGES = classes(400, 100), images()
CONVOLUTIONAL = Config(hidden_units=(16,), filters=(4, 8, 8))


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


def everything(config: Config, split) -> Space:
    """All that can be searched by default, and values of the switches that their dimensions lack."""
    found = {}
    for name in SETTINGS:
        with contextlib.suppress(BadSpace):
            found[name] = default_dimension(name, config, split)
    found |= {name: Choice(None, 0.9) for name, off in SWITCHES.items() if off is None}
    read = {
        name: {parent: tuple(filter(found[parent].holds, wanted)) for parent, wanted in where.items()}
        for name, where in READ_WITH.items()
        if name in found
    }
    never = {name for name, where in read.items() if not all(where.values())}
    return Space(
        {name: dimension for name, dimension in found.items() if name not in never},
        {name: where for name, where in read.items() if name not in never},
    )


@pytest.mark.parametrize(("config", "split"), [(Config(), TABLE), (CONVOLUTIONAL, IMAGES)], ids=["table", "images"])
@settings(max_examples=60)
@given(data=st.data())
def test_whatever_is_searched_those_that_follow_share_the_compiled_program(config, split, data):
    """Not one setting too few is copied; the ends of the scales are tried, where dropout and the like are off."""
    space = everything(config, split)
    shared = together_in_programs(space, config, first=True)
    places = st.one_of(st.sampled_from([0.0, 1.0]), st.floats(0, 1))
    drawn = [space.point({name: data.draw(places, name) for name in space}) for _ in range(6)]
    points = drawn_together(Request(space, [], 6, 0, 0, shared), anywhere(space), drawn)
    made = [program_for(space.config(point, config), split) for point in points]
    assert made[3:] == made[:3]
    for one, other in itertools.combinations(range(6), 2):
        if shared.program(points[one]) == shared.program(points[other]):
            assert made[one] == made[other]


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
        assert shared.leader_of(number, points) == own


def test_points_outside_the_space_lead_none_and_those_given_count_in_the_time():
    space = Space({"batch_size": Choice(16, 32)})
    assert together_in_programs(space, Config(), first=True, given=[{"batch_size": 64}]).given == ()
    assert together_in_programs(space, Config(), first=True, given=[{}]).given == ()
    inside = [{"batch_size": 16}]
    assert together_in_programs(space, Config(), first=True, most=2, given=inside).leaders == 1
    assert together_in_programs(space, Config(), first=True, most=1, given=inside).leaders == 1  # two see more than one
    assert together_in_programs(space, Config(), first=False, most=9).leaders == 2


def test_where_there_is_no_time_to_compile_others_lead_that_were_compiled():
    space = Space({"batch_size": Choice(16, 32)})
    how = [together_in_programs(space, Config(), first=False, most=most) for most in (None, 2, 1, 0)]
    assert [(one.leaders, one.new, one.known) for one in how] == [(2, 2, 0), (2, 2, 0), (1, 1, 1), (1, 0, 2)]
