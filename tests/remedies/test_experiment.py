import itertools

import numpy as np
import pytest
from scipy import stats

from caviar.diagnosis.intervals import paired_gain
from caviar.network.config import Config
from caviar.remedies.experiment import RATES, Candidate, at_rates, compare, experiment, gain_by_ratio, judge_all, rounds
from caviar.remedies.rules import prescribe
from caviar.training.plan import program_for
from caviar.training.scores import Score
from diagnosis.made_scores import classes, score
from remedies.fake_bench import FakeBench, remedy

SPLIT = classes(400, 100)
START = Candidate(Config(learning_rate=0.01), SPLIT)
SEEDS = (5, 6, 7, 8)


def with_l2(config, _):
    """L2 is worth its own size in loss."""
    return 2 - config.l2


def tried(*remedies, bench=None, start=START):
    return experiment(start, remedies, bench or FakeBench(with_l2), SEEDS)


def test_a_real_gain_is_accepted():
    (outcome,) = tried(remedy("better", l2=0.5)).outcomes
    assert outcome.verdict == "accepted"
    assert outcome.gain.value == pytest.approx(0.5, abs=0.02)
    assert outcome.gain.low < 0.5 < outcome.gain.high
    assert outcome.error_gain == outcome.gain  # the fake bench makes errors of the losses


def test_a_loss_is_rejected():
    (outcome,) = tried(remedy("worse", l2=0.5), bench=FakeBench(lambda config, _: 2 + config.l2)).outcomes
    assert outcome.verdict == "rejected"
    assert outcome.gain.value == pytest.approx(-0.5, abs=0.02)


def test_noise_is_undecided():
    """Noise as large as the loss itself: neither a gain nor its absence can be shown."""
    (outcome,) = tried(remedy("nothing", l2=0.01), bench=FakeBench(with_l2, noise=3.0)).outcomes
    assert outcome.verdict == "undecided"
    assert outcome.gain.low < 0 < outcome.gain.high


def test_a_gain_too_small_to_be_worthwhile_is_rejected():
    (outcome,) = tried(remedy("hardly", l2=0.001), bench=FakeBench(with_l2, noise=0.02)).outcomes
    assert outcome.verdict == "rejected"
    assert outcome.gain.high < 0.01 * 3


def test_rates_are_picked_on_the_first_seed_and_compared_on_the_others():
    bench = FakeBench(with_l2)
    found = tried(remedy("a", l2=0.1), remedy("b", l2=0.2), bench=bench)
    assert {config.seed for config in itertools.chain(*bench.glanced)} == {SEEDS[0]}
    assert {config.seed for config in itertools.chain(*bench.judged)} == set(SEEDS[1:])
    assert sorted({config.rate for config in itertools.chain(*bench.glanced)}) == pytest.approx([0.003, 0.01, 0.03])
    for scores in (found.baseline_scores, *(outcome.scores for outcome in found.outcomes)):
        assert [score.config.seed for score in scores] == list(SEEDS[1:])


def test_everything_has_its_own_best_rate():
    """The baseline wants the low rate, the remedy the high one."""

    def loss(config, _):
        return abs(config.rate / (0.03 if config.l2 else 0.003) - 1)

    found = tried(remedy("a", l2=0.1), bench=FakeBench(loss))
    assert found.baseline.config.rate == pytest.approx(0.003)
    (outcome,) = found.outcomes
    assert (outcome.candidate.config.rate, outcome.rate_factor) == (pytest.approx(0.03), 3.0)
    assert outcome.verdict == "undecided"  # both reach the same loss at their own rate
    assert {score.config.rate for score in outcome.scores} == {0.03}
    assert {score.config.rate for score in found.baseline_scores} == {0.003}


def test_the_rate_does_not_follow_a_lucky_seed_into_the_comparison():
    """A remedy whose first seed is lucky at one rate gains nothing by it."""

    def loss(config, _):
        return 2.0 - 5.0 * (config.seed == SEEDS[0] and config.l2 > 0)

    (outcome,) = tried(remedy("lucky", l2=0.1), bench=FakeBench(loss)).outcomes
    assert outcome.verdict != "accepted"


def test_at_rates():
    assert [config.learning_rate for config in at_rates(Config(optimizer="sgd"), 3)] == [0.03, 0.1, 0.3]
    assert at_rates(Config(optimizer="sgd"), 3)[0] == at_rates(Config(learning_rate=0.01, optimizer="sgd"), 3)[2]
    assert {config.seed for config in at_rates(Config(), 3)} == {3}


def test_rates_train_with_every_seed_at_once_where_they_fit():
    """The lists are others, the outcome is the same."""
    remedies = [remedy("a", l2=0.1), remedy("b", l2=0.2), remedy("c", scale="robust")]
    slow, fast = FakeBench(with_l2), FakeBench(with_l2, fits=True)
    one, other = tried(*remedies, bench=slow), tried(*remedies, bench=fast)
    first = fast.judged[0]
    assert len(set(first)) == len(RATES) * len(SEEDS)
    assert {(config.rate, config.seed) for config in first} == {
        (0.01 * factor, seed) for factor in RATES for seed in SEEDS
    }
    assert slow.judged[0] == [one.baseline.config.changed(seed=seed) for seed in SEEDS[1:]]
    for a, b in zip(one.outcomes, other.outcomes, strict=True):
        assert (a.verdict, a.gain, a.rate_factor) == (b.verdict, b.gain, b.rate_factor)
        assert a.candidate.config == b.candidate.config


def test_outcomes_are_told_as_they_come_and_kept_in_that_order():
    told = []
    found = experiment(START, [remedy("a", l2=0.1), remedy("b", l2=0.6)], FakeBench(with_l2), SEEDS, tell=told.append)
    assert told == list(found.outcomes)
    assert [outcome.remedy.name for outcome in found.accepted] == ["b", "a"]  # the largest gain first


def test_another_normalisation_is_judged_on_its_own_split():
    bench = FakeBench(lambda _, split: 2 - (split.scale == "robust"))
    (outcome,) = tried(remedy("robust", scale="robust"), bench=bench).outcomes
    assert bench.scales == {"standard", "robust"}
    assert outcome.verdict == "accepted"
    assert outcome.candidate.split.scale == "robust"
    assert outcome.candidate.split.n_train == SPLIT.n_train


def test_scores_come_in_the_order_of_the_candidates():
    other = SPLIT.rescaled("robust")
    asked = [Candidate(Config(seed=i), SPLIT if i % 2 else other) for i in range(6)]
    lists = []

    def judge(split, configs):
        lists.append((split.scale, len(configs)))
        return [score(config) for config in configs]

    assert [found.config.seed for found in judge_all(asked, judge)] == list(range(6))
    assert lists == [("robust", 3), ("standard", 3)]


def test_remedies_of_one_program_are_tried_together_those_of_the_baseline_first():
    remedies = prescribe([], START.config, SPLIT)
    groups = rounds(START, remedies)
    programs = [{program_for(r.apply(START.config), SPLIT) for r in group} for group in groups]
    assert all(len(own) == 1 for own in programs)
    assert len(set.union(*programs)) == len(groups)
    assert programs[0] == {program_for(START.config, SPLIT)}
    assert sorted(r.name for group in groups for r in group) == sorted(r.name for r in remedies)
    assert rounds(START, [remedy("wide", hidden_units=(200,))])[0][0].name == "wide"  # no empty group before it


def test_compare_by_hand():
    """One seed's mean gain is 1.9, the other's 2.1: the mean is 2, paired by row."""
    before = [score(loss=np.full(50, 5.9)), score(loss=np.full(50, 6.1))]
    after = [score(loss=np.full(50, 4.0), error=0.3, rows=50), score(loss=np.full(50, 4.0), error=0.1, rows=50)]
    before = [score(loss=s.loss, error=0.4, rows=50) for s in before]
    gain, error_gain, verdict = compare(before, after)
    assert gain.value == pytest.approx(2)
    assert error_gain.value == pytest.approx(0.2)
    assert gain == paired_gain(np.stack([s.loss for s in before]), np.stack([s.loss for s in after]))
    assert verdict == "accepted"


def test_more_tries_ask_for_more_evidence():
    """Gain of 3 standard errors: enough for one try (1.96), not for 60 (3.3)."""
    stream = np.random.default_rng(0)
    noise = stream.normal(size=400)
    noise = (noise - noise.mean()) / noise.std()
    before, after = [score(loss=np.full(400, 1.0))], [score(loss=1 - 3 / 20 - noise)]
    one, many = compare(before, after), compare(before, after, tries=60)
    assert (one[2], many[2]) == ("accepted", "undecided")
    assert one[0] == many[0]  # the interval that is shown is the usual one


@pytest.mark.parametrize("of_seeds", [0, 1, 2])
def test_ten_useless_remedies_are_hardly_ever_accepted(of_seeds):
    """Bonferroni: in at most 5 % of the experiments one of them is, against some 23 % at 2.5 % each.

    With noise of the rows alone, and with as much again and twice as much of the seeds.
    """
    stream = np.random.default_rng(1)
    experiments = 150
    wrong = careless = 0

    def useless() -> list[Score]:
        own = of_seeds / np.sqrt(50) * stream.normal(size=(3, 1))
        return [score(loss=loss) for loss in stream.exponential(size=(3, 50)) + own]

    for _ in range(experiments):
        before, tries = useless(), [useless() for _ in range(10)]
        compared = [compare(before, after, tries=10) for after in tries]
        wrong += any(verdict == "accepted" for *_, verdict in compared)
        careless += any(gain.low > 0 for gain, *_ in compared)
    assert wrong / experiments < 0.05 + 2 * (0.05 * 0.95 / experiments) ** 0.5  # what so many can tell
    assert wrong < careless


def test_the_ratio_of_losses_tells_where_a_failing_baseline_scatters():
    """Losses of 1 to 4 before and a tenth of them after: by the difference three seeds prove nothing."""
    stream = np.random.default_rng(2)
    before = np.array([[1.0], [2.0], [4.0]]) * stream.uniform(0.9, 1.1, (3, 200))
    after = 0.1 * before * stream.uniform(0.9, 1.1, (3, 200))
    assert paired_gain(before, after).low < 0
    ratio = gain_by_ratio(before, after, 0.95)
    assert ratio.value == pytest.approx(float((before - after).mean()))
    assert ratio.low > 0.85 * before.mean()
    assert ratio.low <= ratio.value <= ratio.high
    assert (
        compare([score(loss=row) for row in before], [score(loss=row) for row in after], chosen_from=6)[2] == "accepted"
    )


def test_small_gains_have_the_same_interval_by_ratio_and_by_difference():
    stream = np.random.default_rng(3)
    before = stream.exponential(size=(3, 400))
    after = 0.97 * before + 0.02 * stream.normal(size=(3, 400)) + 0.02
    one, other = paired_gain(before, after), gain_by_ratio(before, after, 0.95)
    assert (other.low, other.value, other.high) == pytest.approx((one.low, one.value, one.high), abs=0.005)


def test_losses_that_are_not_above_zero_have_no_ratio():
    """By hand: means of the seeds 1.5 and 1.0 apart, the same for all rows."""
    before, after = np.full((2, 50), 1.0), np.repeat([[-0.5], [0.0]], 50, axis=1)
    half = 12.7062 * np.std([1.5, 1.0], ddof=1) / 2**0.5
    found = gain_by_ratio(before, after, 0.95)
    assert (found.low, found.value, found.high) == pytest.approx((1.25 - half, 1.25, 1.25 + half), rel=1e-5)


def test_seeds_count_as_two_samples_where_pairs_tell_less():
    """By hand: logarithms of the means 0, 0.2 and -1, -1.2, whose differences are 1 and 1.4; the same for all rows."""
    before, after = (np.repeat(np.exp([[a], [b]]), 50, axis=1) for a, b in ((0, 0.2), (-1, -1.2)))
    spread, freedom = 0.02, 2  # variance of each sample, and by Welch's formula
    half = stats.t.ppf(0.975, freedom) * (2 * spread / 2) ** 0.5
    assert half < stats.t.ppf(0.975, 1) * np.std([1, 1.4], ddof=1) / 2**0.5
    found = gain_by_ratio(before, after, 0.95)
    assert found.low == pytest.approx(before.mean() * -np.expm1(-(1.2 - half)), rel=1e-6)


def test_two_seeds_that_happen_to_agree_are_no_proof():
    """Gains of 0.30 and 0.36 with rows that leave 0.02 of doubt: one seed more might say something else."""
    rows = 1 + 0.2 * np.random.default_rng(4).normal(size=(1, 120))
    before = np.repeat(rows, 2, axis=0)
    after = before * np.exp([[-0.30], [-0.36]])
    scores = [[score(loss=row) for row in each] for each in (before, after)]
    assert compare(*scores, chosen_from=6, tries=5)[2] == "undecided"
