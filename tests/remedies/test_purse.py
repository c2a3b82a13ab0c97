import math

from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.remedies.purse import Purse
from diagnosis.made_scores import classes
from remedies.fake_bench import FakeBench

SPLIT = classes(400, 100)
ONE, TWO = Config(seed=1), Config(seed=2)


def test_a_config_costs_one_training_for_each_seed_once():
    purse = Purse(FakeBench(lambda *_: 1.0), 5)
    assert purse.cost([Candidate(ONE, SPLIT), Candidate(TWO, SPLIT), Candidate(ONE, SPLIT)]) == 2
    purse.glance(SPLIT, [ONE])
    purse.judge(SPLIT, [ONE, TWO])
    assert (purse.spent, purse.left) == (2, 3)
    assert purse.cost([Candidate(ONE, SPLIT)]) == 0


def test_another_normalisation_is_another_training():
    purse = Purse(FakeBench(lambda *_: 1.0), 5)
    purse.judge(SPLIT, [ONE])
    assert purse.cost([Candidate(ONE, SPLIT.rescaled("robust"))]) == 1


def test_what_the_bench_has_judged_before_costs_nothing():
    bench = FakeBench(lambda *_: 1.0)
    bench.judge(SPLIT, [ONE])
    purse = Purse(bench, 5)
    purse.judge(SPLIT, [ONE, TWO])
    assert purse.spent == 1


def test_what_only_a_file_knows_is_paid_so_that_a_resumed_run_counts_alike():
    bench = FakeBench(lambda *_: 1.0)
    bench.judge(SPLIT, [ONE])
    bench.trained.clear()
    purse = Purse(bench, 5)
    purse.judge(SPLIT, [ONE])
    assert purse.spent == 1


def test_lanes_are_filled_up_only_where_nothing_is_counted():
    bench = FakeBench(lambda *_: 1.0, fits=True)
    assert Purse(bench).fits(SPLIT, [ONE])
    assert not Purse(bench, 20).fits(SPLIT, [ONE])
    assert math.isinf(Purse(bench).left)
