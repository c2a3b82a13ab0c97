"""What trials say of a space, on formulas of which it is known; `benchmarks/critic.py` counts how often it is wrong."""

import numpy as np
import pytest

from caviar.tuning.critic.critic import criticise
from caviar.tuning.critic.surrogate import LEAST, features, ranks
from caviar.tuning.proposals.grid import Grid
from caviar.tuning.proposals.propose import Request
from caviar.tuning.proposals.together import apart
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.trials import Outcome, Trial


def trials_of(points, values, **outcome):
    return [
        Trial(n, 0, n, point, None, Outcome("complete", (value,), value, **outcome))
        for n, (point, value) in enumerate(zip(points, map(float, values), strict=True))
    ]


def searched(space, value, trials=80, seed=0):
    """Points drawn evenly on each scale, and their values."""
    stream = np.random.default_rng(seed)
    points = [
        space.point({name: float(u) for name, u in zip(space, row, strict=True)})
        for row in stream.random((trials, len(space)))
    ]
    return trials_of(points, [value(point) for point in points])


def bowl(space, **weights_and_best):
    """A function of points: a bowl over the place of each named setting, (weight, place of the lowest point)."""

    def value(point):
        return sum(w * (space[name].place(point[name]) - best) ** 2 for name, (w, best) in weights_and_best.items())

    return value


RATE, UNITS, DROP = LogUniform(1e-4, 1e-1), Integer(16, 256, log=True), Uniform(0.0, 0.6)
SPACE = Space({"learning_rate": RATE, "units": UNITS, "dropout": DROP})


def named(critique):
    return [(one.name, one.setting) for one in critique.remarks]


def test_shares_are_those_of_the_formula():
    critique = criticise(SPACE, searched(SPACE, bowl(SPACE, learning_rate=(3, 0.5), units=(1, 0.4), dropout=(1, 0.6))))
    assert critique.known
    assert critique.importance[0].name == "learning_rate"
    assert [one.course for one in critique.importance if one.name != "dropout"] == [1, 2]
    assert sum(one.share for one in critique.importance) == pytest.approx(1)
    # Total indices of the ranks, by a dense grid of the formula itself.
    u = (np.arange(30) + 0.5) / 30
    a, b, c = np.meshgrid(u, u, u, indexing="ij")
    told = ranks(list((3 * (a - 0.5) ** 2 + (b - 0.4) ** 2 + (c - 0.6) ** 2).round(9).ravel())).reshape(30, 30, 30)
    total = np.array([told.var(axis=axis).mean() for axis in range(3)])
    true = dict(zip(SPACE, total / total.sum(), strict=True))
    for one in critique.importance:
        assert one.low - 0.01 <= true[one.name] <= one.high + 0.01
        assert 0 <= one.low <= one.share <= one.high <= 1
        assert one.share == pytest.approx(true[one.name], abs=0.1)


def test_a_space_that_is_well_chosen_is_not_criticised():
    value = bowl(SPACE, learning_rate=(3, 0.5), units=(1.5, 0.4), dropout=(1.5, 0.6))
    assert criticise(SPACE, searched(SPACE, value)).remarks == ()


@pytest.mark.parametrize(("best", "side", "to"), [(1.2, "upper", 3.2), (-0.2, "lower", 3.2e-6)])
def test_the_best_at_an_end(best, side, to):
    value = bowl(SPACE, learning_rate=(1.5, best), units=(3, 0.4), dropout=(3, 0.6))
    (remark,) = (one for one in criticise(SPACE, searched(SPACE, value)).remarks if one.name != "order")
    assert (remark.name, remark.setting, remark.evidence["side"]) == ("edge", "learning_rate", side)
    assert remark.evidence["to"] == pytest.approx(to)
    assert remark.advice == f"Widen learning_rate {'upwards' if side == 'upper' else 'downwards'}, to {to:g}."


def test_nothing_is_widened_to_what_is_no_value():
    value = bowl(SPACE, learning_rate=(3, 0.5), units=(2, 0.4), dropout=(0.7, -0.2))
    critique = criticise(SPACE, searched(SPACE, value))
    assert critique.importance[0].name == "dropout"
    assert not [one for one in critique.remarks if one.name == "edge"]  # no share of dropped units lies below 0


def test_what_makes_no_difference():
    critique = criticise(SPACE, searched(SPACE, bowl(SPACE, learning_rate=(3, 0.5), units=(2, 0.4)), trials=128))
    (remark,) = critique.remarks
    assert (remark.name, remark.setting) == ("no_effect", "dropout")
    assert remark.evidence["high"] < 0.15
    assert remark.advice.startswith("Fix dropout at the best trial's value")


def test_a_grid_repeats_what_matters():
    propose, seed = Grid(), 0
    points = propose(Request(SPACE, [], 64, 0, seed, apart(), 64)).points
    value = bowl(SPACE, learning_rate=(3, 0.5), dropout=(2, 0.4))
    remarks = criticise(SPACE, trials_of(points, map(value, points))).remarks
    assert ("grid", "units") in [(one.name, one.setting) for one in remarks]
    (grid,) = (one for one in remarks if one.name == "grid")
    assert grid.evidence["values"] == 4
    assert "64 trials tell as much about the others as 16" in grid.meaning


def test_another_setting_than_the_rate_leads():
    value = bowl(SPACE, learning_rate=(0.5, 0.5), units=(3, 0.4), dropout=(0.8, 0.6))
    remarks = criticise(SPACE, searched(SPACE, value)).remarks
    (order,) = (one for one in remarks if one.name == "order")
    assert order.setting == "units"
    assert "which the course ranks second" in order.meaning


@pytest.mark.parametrize(
    ("name", "dimension", "advice"),
    [
        ("learning_rate", Uniform(1e-4, 0.1), "LogUniform(0.0001, 0.1)"),
        ("l2", Uniform(0.0, 1.0), "LogUniform(0.0001, 1)"),
        ("units", Integer(8, 1024), "Integer(8, 1024, log=True)"),
        ("beta2", Uniform(0.9, 0.9995), "OneMinusLogUniform(0.9, 0.9995)"),
        ("beta1", Uniform(0.0, 1.0), "OneMinusLogUniform(0.5, 0.9999)"),
    ],
)
def test_a_range_that_should_be_on_another_scale_needs_no_trials(name, dimension, advice):
    (remark,) = criticise(Space({name: dimension, "label_smoothing": Uniform(0.0, 0.2)}), []).remarks
    assert (remark.name, remark.setting) == ("scale", name)
    assert remark.advice == f"Search {name} with {advice}."


@pytest.mark.parametrize("dimension", [LogUniform(1e-4, 0.1), Uniform(0.05, 0.1), Choice(1e-4, 1e-1)])
def test_a_scale_that_is_right(dimension):
    assert criticise(Space({"learning_rate": dimension}), []).remarks == ()
    assert criticise(Space({"beta2": OneMinusLogUniform(0.9, 0.9995)}), []).remarks == ()


def test_good_points_that_crowd_at_an_end_show_the_scale_of_what_no_one_knows():
    space = Space({"x": Uniform(0.0, 1.0), "units": UNITS})

    def value(point):
        at = 1 + np.log10(max(point["x"], 1e-9)) / 4
        return 2 * (at - 0.6) ** 2 + (UNITS.place(point["units"]) - 0.5) ** 2

    remarks = criticise(space, searched(space, value, trials=128)).remarks
    assert ("scale", "x") in [(one.name, one.setting) for one in remarks]
    (scale,) = (one for one in remarks if one.setting == "x")
    assert scale.advice == "Search x with LogUniform(0.001, 1)."
    assert scale.evidence["near"] <= scale.evidence["of"]


def test_too_few_trials_and_noise_tell_nothing():
    few = criticise(SPACE, searched(SPACE, bowl(SPACE, learning_rate=(3, 1.2)), trials=LEAST - 1))
    stream = np.random.default_rng(0)
    noise = criticise(SPACE, searched(SPACE, lambda _: stream.normal()))
    for critique in (few, noise):
        assert not critique.known
        assert critique.remarks == ()
        assert {(one.share, one.low, one.high) for one in critique.importance} == {(1 / 3, 0.0, 1.0)}


def test_all_alike_tell_nothing():
    critique = criticise(SPACE, searched(SPACE, lambda _: 1.0))
    assert not critique.known
    assert critique.remarks == ()


def test_trials_that_failed_say_nothing_and_those_that_diverged_little():
    value = bowl(SPACE, learning_rate=(3, 0.5), units=(1.5, 0.4), dropout=(1.5, 0.6))
    trials = searched(SPACE, value)
    lost = [Trial(99, 0, 99, trials[0].values, None, Outcome("failed", (), np.inf))]
    assert criticise(SPACE, trials + lost).importance == criticise(SPACE, trials).importance
    far = [
        Trial(n, 0, n, t.values, None, Outcome("complete", (1e9,), 1e9)) if t.outcome.criterion > 1 else t
        for n, t in enumerate(trials)
    ]
    assert criticise(SPACE, far).known


def test_the_same_trials_say_the_same():
    trials = searched(SPACE, bowl(SPACE, learning_rate=(3, 1.2), units=(1, 0.4), dropout=(1, 0.6)))
    assert criticise(SPACE, trials) == criticise(SPACE, trials)


def test_a_setting_under_a_condition_counts_where_it_holds():
    space = Space(
        {"schedule": Choice("constant", "exponential"), "decay_rate": LogUniform(0.01, 1.0), "units": UNITS},
        conditions={"decay_rate": {"schedule": "exponential"}},
    )

    def value(point):
        decay = 4 * (space["decay_rate"].place(point["decay_rate"]) - 0.5) ** 2 if "decay_rate" in point else 0.5
        return decay + (UNITS.place(point["units"]) - 0.5) ** 2

    critique = criticise(space, searched(space, value, trials=128))
    assert critique.known
    assert {one.name for one in critique.importance} == set(space)
    assert min(one.share for one in critique.importance if one.name != "units") > 0.1


def test_options_stand_apart_and_what_is_not_searched_in_the_middle():
    space = Space({"activation": Choice("relu", "tanh", "gelu"), "dropout": DROP})
    assert features(
        space, [{"activation": "tanh", "dropout": 0.6}, {"dropout": 0.3}, {"activation": "relu"}]
    ).tolist() == [
        [0, 1, 0, 1],
        [0, 0, 0, 0.5],
        [1, 0, 0, 0.5],
    ]
