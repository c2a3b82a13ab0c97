import dataclasses
import math
import time

import pytest

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.training.plan import relative_cost
from caviar.tuning.budget import TRIALS, Budget
from diagnosis.made_scores import classes
from remedies.fake_bench import remedy

SPLIT = classes(400, 100)
START = Candidate(Config(hidden_units=(64,)), SPLIT)
SEEDS = (0, 1, 2, 3)


@dataclasses.dataclass
class Timed:
    """A bench on which every network takes the same time."""

    seconds_each: float

    def seconds_for(self, split, configs):
        assert split is SPLIT
        return self.seconds_each * len(set(configs))


def with_seconds_left(seconds, *, of=100.0, until):
    """A budget of `of` seconds, of which `seconds` are left before the share `until` is used up."""
    return Budget(of, before=of * until - seconds)


@pytest.mark.parametrize("seconds", [0, -1, math.inf, math.nan])
def test_seconds_must_be_above_zero(seconds):
    with pytest.raises(BadSpace, match=r"--seconds must be above 0 and finite, got .*budget of 30 trials"):
        Budget(seconds)


@pytest.mark.parametrize("trials", [0, -3])
def test_trials_must_be_at_least_one(trials):
    with pytest.raises(BadSpace, match=f"--trials must be at least 1, got {trials}. Leave it out for 30."):
        Budget(trials=trials)


def test_trials_are_counted_unless_seconds_are_given():
    assert Budget().trials(START, START) == TRIALS == 30
    assert Budget(trials=7).trials(START, START) == Budget(60, 7).trials(START, START) == 7
    assert Budget(60).trials(START, START) > 1e5


def test_a_search_around_a_costly_config_tries_fewer():
    """Epochs are in proportion to cost; never fewer than 24."""
    start = Candidate(START.config.changed(epochs=10), SPLIT)
    costlier = {epochs: Candidate(START.config.changed(epochs=epochs), SPLIT) for epochs in (5, 20, 24, 30, 90)}
    trials = {epochs: Budget().trials(start, centre) for epochs, centre in costlier.items()}
    assert trials == {5: 30, 20: 30, 24: 25, 30: 24, 90: 24}
    assert Budget(trials=50).trials(start, costlier[90]) == 50


def test_what_was_spent_before_an_interruption_counts():
    assert 40 <= Budget(100, before=40).spent < 41
    assert 50 <= Budget(100, began=time.monotonic() - 10, before=40).spent < 51


def test_without_seconds_there_is_time_for_everything():
    slow, budget = Timed(1e9), Budget()
    assert budget.too_long(START, [remedy("wide", hidden_units=(512,))], slow, SEEDS) == {}
    assert not budget.search_ends(1e9)
    assert budget.allows_finalist(SPLIT, [START.config], slow)


def test_the_last_remedies_are_left_out_when_time_is_short():
    """A remedy is six networks: three rates with the first seed and its own rate with three more."""
    dropouts = [remedy(f"dropout {rate}", dropout=rate) for rate in (0.1, 0.2, 0.3, 0.4)]
    budget = with_seconds_left(13, until=0.45)
    assert budget.too_long(START, dropouts, Timed(1.0), SEEDS) == {
        "dropout 0.4": "it would take about 6 s",
        "dropout 0.3": "it would take about 6 s",
    }
    assert budget.too_long(START, dropouts, Timed(0.5), SEEDS) == {}
    deeper = remedy("deeper", hidden_units=(64, 64))
    assert list(budget.too_long(START, [dropouts[0], deeper], Timed(1.0), SEEDS)) == []
    assert list(budget.too_long(START, [*dropouts[:2], deeper], Timed(1.0), SEEDS)) == ["deeper"]


def test_the_dearest_remedy_is_left_out_first():
    """One that trains three times as long makes room for three others."""

    class ByEpochs(Timed):
        def seconds_for(self, split, configs):
            assert split is SPLIT
            return sum(self.seconds_each * (config.epochs or 10) / 10 for config in set(configs))

    longer = remedy("longer", epochs=30)
    others = [remedy(f"L2 {strength}", l2=strength) for strength in (1.0, 2.0, 3.0)]
    budget = with_seconds_left(20, until=0.45)
    assert budget.too_long(START, [longer, *others], ByEpochs(1.0), SEEDS) == {"longer": "it would take about 18 s"}


def test_a_generation_is_a_third_of_the_trials_or_a_quarter_of_the_time():
    assert Budget().generation_size(START, START, Timed(1.0)) == 10
    assert Budget(trials=9).generation_size(START, START, Timed(1.0)) == 8
    # configs of a search take three times as long: 10 s are 20 of 0.5 s
    assert with_seconds_left(40, until=0.8).generation_size(START, START, Timed(0.5 / 3)) in (19, 20)
    assert with_seconds_left(1, until=0.8).generation_size(START, START, Timed(1.0)) == 8
    assert with_seconds_left(40, until=0.8).generation_size(START, START, Timed(1e-6)) == 64
    assert Budget(1000, 40).generation_size(START, START, Timed(1e-6)) == 10


def test_the_search_ends_when_most_of_a_generation_would_not_fit():
    budget = with_seconds_left(10, until=0.8)
    assert budget.search_ends(13)
    assert not budget.search_ends(12)


def test_a_finalist_needs_time_before_the_proof():
    budget = with_seconds_left(10, until=0.92)
    assert budget.allows_finalist(SPLIT, [START.config], Timed(9))
    assert not budget.allows_finalist(SPLIT, [START.config], Timed(10))


def test_configs_may_cost_more_with_a_budget_of_ones_own():
    cost = relative_cost(START.config, SPLIT)
    assert Budget().costliest(START, START) == pytest.approx(2 * cost)
    assert Budget(trials=5).costliest(START, START) == Budget(60).costliest(START, START) == pytest.approx(5 * cost)
    wide = Candidate(Config(hidden_units=(512, 512, 512)), SPLIT)
    assert Budget().costliest(START, wide) == relative_cost(wide.config, SPLIT)
