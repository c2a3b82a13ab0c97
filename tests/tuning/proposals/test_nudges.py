import numpy as np
import pytest

from caviar.tuning.proposals.nudges import FIRST_STEP, Nudges
from caviar.tuning.proposals.propose import Request, Tried
from caviar.tuning.proposals.together import apart
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from tuning.made_searches import START, Judge, loss, run

SPACE = Space(
    {
        "dropout": Uniform(0, 0.8),
        "learning_rate": LogUniform(1e-4, 1),
        "units": Integer(4, 256, log=True),
        "schedule": Choice("constant", "exponential"),
        "decay_rate": Uniform(0.5, 1.0),
    },
    conditions={"decay_rate": {"schedule": ("exponential",)}},
)
POINT = {"dropout": 0.4, "learning_rate": 1e-2, "units": 32, "schedule": "constant"}


def asked(tried, n, seed=0):
    return Request(SPACE, tried, n, 1, seed, apart())


def nudged(n, *others):
    tried = [Tried(POINT, 0.5, 0.0, True), *(Tried(point, 1.0, 0.0, True) for point in others)]
    return Nudges(("learning_rate", "units"))(asked(tried, n)).points


def changed(point) -> set[str]:
    return {name for name in point if point[name] != POINT.get(name)}


def test_the_most_important_setting_is_nudged_first_both_ways():
    up, down = nudged(2)
    assert changed(up) == changed(down) == {"learning_rate"}
    assert (up["learning_rate"], down["learning_rate"]) == (0.1, 1e-3)  # a quarter of four powers of ten


def test_one_setting_at_a_time_and_its_conditions():
    points = nudged(7)
    assert [changed(point) for point in points[:6]] == [
        {n} for n in ["learning_rate"] * 2 + ["units"] * 2 + ["dropout"] * 2
    ]
    assert points[6]["schedule"] == "exponential"
    assert points[6]["decay_rate"] == 0.75  # searched only now
    assert all(SPACE[name].holds(value) for point in points for name, value in point.items())


def test_what_was_tried_is_not_tried_again_and_steps_become_finer():
    first = nudged(7)
    again = nudged(7, *first)
    assert not any(point in first for point in again)
    assert again[0]["learning_rate"] == pytest.approx(10 ** (-2 + 4 * FIRST_STEP / 2))


def test_it_begins_anywhere_and_goes_on_where_nothing_is_left():
    points = Nudges()(asked([], 3)).points
    assert len(points) == 3
    assert points == Nudges()(asked([], 3)).points
    space = Space({"schedule": Choice("constant", "cosine")})
    tried = [Tried({"schedule": name}, 0.1, 0.0, True) for name in ("constant", "cosine")]
    assert len(Nudges()(Request(space, tried, 4, 1, 0, apart())).points) == 4


def test_a_panda_gets_better_step_by_step():
    study = run(Judge(), propose=Nudges(("learning_rate", "dropout")), trials=24, generation_size=4)
    best = np.minimum.accumulate([loss(trial.network) for trial in study.trials])
    assert best[-1] - 0.1 < 0.05 * (loss(START) - 0.1)
    assert len(set(best)) > 3
