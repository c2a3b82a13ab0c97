import itertools
import zlib

import numpy as np
import pytest

from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.remedies.purse import Purse
from caviar.remedies.race import race
from diagnosis.made_scores import classes
from remedies.fake_bench import FakeBench, remedy

SPLIT = classes(400, 100)
START = Candidate(Config(learning_rate=0.01), SPLIT)
SEEDS = (5, 6, 7)


def with_l2(config, _):
    """L2 is worth its own size in loss."""
    return 2 - config.l2


def raced(*remedies, most=20, loss=with_l2, noise=0.1, seeds=SEEDS, bench=None):
    bench = bench or FakeBench(loss, noise=noise)
    purse = Purse(bench, most)
    return race(START, remedies, purse, seeds), purse, bench


def test_the_best_of_a_few_goes_on_with_other_seeds():
    found, purse, bench = raced(remedy("a", l2=0.2), remedy("b", l2=0.6), remedy("c", l2=0.9))
    told = {outcome.remedy.name: (outcome.verdict, len(outcome.scores)) for outcome in found.outcomes}
    assert told["b"] == ("accepted", 2)
    assert told["a"][1] == 1
    assert "c" not in told
    assert found.outcomes[0].gain.value == pytest.approx(0.6, abs=0.03)
    assert {config.seed for config in itertools.chain(*bench.glanced)} == {5}
    assert {config.seed for config in itertools.chain(*bench.judged)} == {6, 7}
    assert purse.spent == 3 + 2 * 3 + 2 * 2
    assert [score.config.seed for score in found.baseline_scores] == [6, 7]


def test_one_seed_accepts_nothing():
    found, *_ = raced(remedy("a", l2=0.5), remedy("b", l2=0.6), remedy("c", l2=0.6))
    assert {outcome.verdict for outcome in found.outcomes if len(outcome.scores) == 1} <= {"undecided", "rejected"}


@pytest.mark.parametrize("most", [0, 2, 3, 9, 10, 13, 16, 17, 19, 20, 29])
def test_the_budget_is_kept(most):
    found, purse, _ = raced(*(remedy(f"r{i}", l2=0.001 * i) for i in range(12)), most=most, noise=1.0)
    assert purse.spent <= most
    if most < 3 + 3 + 2 * 2:
        assert not [outcome for outcome in found.outcomes if "own rate" not in outcome.remedy.name]


def test_those_that_come_later_are_tried_when_the_first_do_not_help():
    useless = [remedy(f"r{i}", warmup=float(i + 1)) for i in range(5)]
    found, purse, _ = raced(*useless, remedy("good", l2=0.5), most=60, noise=0.01)
    assert found.accepted[0].remedy.name == "good"
    assert len(found.outcomes) == 6
    assert purse.spent <= 60


def test_a_proven_remedy_ends_the_race():
    found, *_ = raced(remedy("good", l2=0.5), *(remedy(f"r{i}", warmup=float(i + 1)) for i in range(9)), most=60)
    assert found.accepted
    assert len(found.outcomes) < 10


def test_more_seeds_follow_while_it_is_ahead_but_not_proven():
    """Gains that differ from seed to seed by as much as they are worth: two seeds prove nothing."""

    def loss(config, _):
        return 2 - config.l2 * (1 + 0.3 * (-1) ** config.seed)

    found, purse, bench = raced(remedy("a", l2=0.5), most=30, loss=loss)
    (outcome,) = found.outcomes
    assert len(outcome.scores) > 2
    assert {config.seed for config in itertools.chain(*bench.judged)} > {6, 7, 8}  # those that follow the last
    assert len(found.baseline_scores) == len(outcome.scores)
    assert purse.spent <= 30


def test_a_lucky_first_seed_is_not_accepted():
    found, *_ = raced(remedy("lucky", l2=0.1), loss=lambda config, _: 2.0 - 5.0 * (config.seed == 5 and config.l2 > 0))
    assert found.outcomes[0].verdict != "accepted"
    assert len(found.outcomes[0].scores) == 2  # behind with another seed: no more are spent on it


def test_larger_budgets_try_more_at_a_time():
    remedies = [remedy(f"r{i}", l2=0.01 * i) for i in range(1, 13)]
    few, _, bench = raced(*remedies, most=20)
    many, _, other = raced(*remedies, most=200)
    assert len(bench.glanced[1]) == 2 * 3
    assert len(other.glanced[1]) == 3 * 12
    assert len(many.outcomes) == 12 > len(few.outcomes)
    assert sum(len(outcome.scores) > 1 for outcome in many.outcomes) == 4


def test_overlapping_rates_are_trained_once():
    """0.3 of the baseline's rate is 3 times its tenth."""
    _, _, bench = raced(remedy("rate / 10", learning_rate=0.001))
    assert len(set(itertools.chain(*bench.glanced))) == 5


@pytest.mark.parametrize("of_seeds", [0.0, 0.02, 0.3])
def test_a_race_of_useless_remedies_hardly_ever_accepts_one(of_seeds):
    """With noise of the rows alone, with a little of the seeds, and where the seeds decide nearly all."""
    races = 60
    wrong = 0
    for number in range(races):

        def useless(config, _, number=number):
            own = np.random.default_rng(zlib.crc32(f"{number} {config.seed} {config.warmup} {config.rate}".encode()))
            return 2 + of_seeds * own.normal()

        remedies = [remedy(f"r{i}", warmup=number + i / 9) for i in range(1, 6)]
        found, *_ = raced(*remedies, most=20, bench=FakeBench(useless, noise=0.5))
        wrong += bool(found.accepted)
    assert wrong / races < 0.05 + 2 * (0.05 * 0.95 / races) ** 0.5  # what so many can tell


def test_another_rate_alone_is_proven_like_a_remedy():
    def loss(config, _):
        return 2 + config.rate * 50

    found, purse, bench = raced(remedy("a", l2=0.5), loss=loss)
    rate = found.outcomes[-1]
    assert (rate.remedy.name, rate.verdict) == ("best of three rates, against its own rate", "accepted")
    assert rate.remedy.settings == {"learning_rate": 0.003}
    assert rate.gain.value == pytest.approx(0.35, abs=0.03)
    assert {config.rate for config in itertools.chain(*bench.judged)} >= {0.01, 0.003}
    assert purse.spent <= 20
