import numpy as np
import pytest

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.training.devices import places
from caviar.training.scores import row_plan
from caviar.tuning.strategy import FEWEST, Seconds, Strategy, choose_strategy, configs_at_once, seconds_of
from diagnosis.made_scores import classes

SPLIT = classes(300, 100)
SMALL = Config(hidden_units=(8,), epochs=4, batch_size=32)


def decided(**settings):
    given = {"at_once": 4, "trials": None, "seconds": None, "took": None, "asked": None}
    return choose_strategy(**(given | settings))


@pytest.mark.parametrize(
    ("budget", "name", "configs"),
    [
        ({"trials": FEWEST - 1}, "panda", FEWEST - 1),
        ({"trials": FEWEST}, "caviar", FEWEST),
        ({"seconds": 100.0, "took": Seconds(10.0, 2.0)}, "panda", 10),
        ({"seconds": 100.0, "took": Seconds(0.5, 2.0)}, "caviar", 200),
        ({"seconds": 100.0, "took": Seconds(0.5, 2.0), "trials": 12}, "panda", 12),
        ({"seconds": 1.0, "took": Seconds(50.0, 2.0)}, "panda", 1),
    ],
)
def test_the_budget_decides(budget, name, configs):
    way = decided(**budget)
    assert (way.name, way.configs) == (name, configs)
    assert f"{configs:,} configs" in way.reason


def test_a_person_overrides_and_is_told_what_the_budget_says():
    assert decided(trials=500, asked="panda").name == "panda"
    assert "would go the other way" in decided(trials=500, asked="panda").reason
    assert "would go the other way" not in decided(trials=500, asked="caviar").reason
    with pytest.raises(BadSpace, match=r"must be panda or caviar, got 'pand'\. Did you mean 'panda'\?"):
        decided(trials=5, asked="pand")


def test_what_was_measured_is_said():
    assert (
        "0.25 s each, measured on this machine with 4 at once" in decided(seconds=60.0, took=Seconds(0.25, 2.0)).reason
    )
    assert "measured" not in decided(trials=60).reason


def test_configs_that_fill_the_machine():
    """Out of fold a config has five networks, which fill a lane of five: as many configs as cores."""
    assert len(row_plan(SPLIT)) == 5
    assert configs_at_once(SPLIT, SMALL, row_plan(SPLIT)) == len(places())
    assert configs_at_once(SPLIT, SMALL, (1.0,)) == 8 * len(places())
    assert configs_at_once(SPLIT, SMALL.changed(hidden_units=(512, 512)), (1.0,)) == len(places())


def test_a_config_of_more_epochs_takes_longer():
    short, long = (seconds_of(SPLIT, SMALL.changed(epochs=epochs), (1.0,)).each for epochs in (2, 2_000))
    assert 0 < short < long
    assert np.isfinite(long)


def test_programs_take_a_small_part_of_the_time_that_is_left():
    way = decided(seconds=100.0, took=Seconds(0.5, 2.0))
    # 2 s for the one that was measured, 3 programs and 64 configs in 6 + 32 s, then 2 programs and 64 in 4 + 32 s.
    assert [way.most_programs(100.0, [64] * n) for n in range(4)] == [7, 4, 1, 0]
    assert way.most_programs(100.0, [64, 1_000]) == 0
    assert decided(trials=60).most_programs(None, []) is None


def test_what_was_measured_is_kept_with_the_study():
    way = decided(seconds=100.0, took=Seconds(0.5, 2.0))
    assert Strategy(**way.to_json()) == way
