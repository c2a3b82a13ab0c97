import pytest

from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.remedies.combine import combination, combined
from caviar.remedies.experiment import Candidate, Experiment, Outcome, experiment
from diagnosis.made_scores import classes
from remedies.fake_bench import FakeBench, remedy

SPLIT = classes(400, 100)
START = Candidate(Config(learning_rate=0.01), SPLIT)
SEEDS = (0, 1, 2, 3)
WORTH = {"l2": 0.3, "dropout": 0.2, "batch_norm": 0.1}


def adding_up(config, split):
    """What helps alone helps together."""
    return 2 - sum(gain for name, gain in WORTH.items() if getattr(config, name)) - 0.4 * (split.scale == "robust")


def only_alone(config, _):
    """Each helps alone; together they do harm."""
    used = [gain for name, gain in WORTH.items() if getattr(config, name)]
    return 2 - sum(used) if len(used) < 2 else 3.0


def run(loss, *remedies):
    bench = FakeBench(loss)
    tried = experiment(START, remedies, bench, SEEDS)
    return tried, *combined(START, tried, bench, SEEDS)


def test_what_helps_is_put_together():
    tried, best, outcome = run(adding_up, remedy("a", dropout=0.5), remedy("b", l2=1.0))
    assert len(tried.accepted) == 2
    assert (outcome.remedy.name, outcome.verdict) == ("b + a", "accepted")  # the largest gain first
    assert outcome.remedy.settings == {"l2": 1.0, "dropout": 0.5}
    assert outcome.gain.value == pytest.approx(0.5, abs=0.03)
    assert best is outcome.candidate
    assert (best.config.l2, best.config.dropout) == (1.0, 0.5)


def test_a_normalisation_is_put_together_with_the_rest():
    _, best, outcome = run(adding_up, remedy("robust", scale="robust"), remedy("b", l2=1.0))
    assert outcome.remedy.scale == "robust"
    assert (best.split.scale, best.config.l2) == ("robust", 1.0)


def test_of_two_that_change_one_setting_the_better_is_taken():
    tried = experiment(
        START,
        [remedy("L2", l2=1.0), remedy("strong L2", l2=2.0), remedy("dropout", dropout=0.5)],
        FakeBench(lambda config, _: 2 - 0.2 * config.l2 - config.dropout / 5),
        SEEDS,
    )
    assert [outcome.remedy.name for outcome in combination(tried)] == ["strong L2", "dropout"]


def test_what_does_harm_together_is_not_taken():
    _, best, outcome = run(only_alone, remedy("a", dropout=0.5), remedy("b", l2=1.0))
    assert outcome.verdict == "rejected"
    assert (best.config.l2, best.config.dropout) == (1.0, 0.0)  # the better one alone


def test_one_helpful_remedy_is_no_combination():
    _, best, outcome = run(adding_up, remedy("a", dropout=0.5), remedy("c", warmup=1.0))
    assert outcome is None
    assert best.config.dropout == 0.5


def test_the_baseline_stays_when_nothing_helps():
    """At the rate that suits it best."""
    tried, best, outcome = run(lambda config, _: 2 + config.l2 - config.rate, remedy("b", l2=1.0))
    assert outcome is None
    assert best is tried.baseline
    assert best.config.rate == pytest.approx(0.03)


def test_what_is_only_promising_is_not_taken_unless_it_helps_together():
    """Two remedies, each with its interval just above zero; together they are worth nothing."""
    bench = FakeBench(lambda *_: 2.0, noise=0.5)
    gain = Estimate(0.1, 0.01, 0.19, 100)
    scores = tuple(bench.judge(SPLIT, [Config(seed=seed) for seed in SEEDS[1:]]))
    alone = [
        Outcome(each, "undecided", gain, gain, scores, Candidate(each.apply(START.config), SPLIT), 1.0)
        for each in (remedy("a", dropout=0.5), remedy("b", l2=1.0))
    ]
    tried = Experiment(START, scores, tuple(alone))
    best, outcome = combined(START, tried, bench, SEEDS)
    assert outcome.remedy.settings == {"dropout": 0.5, "l2": 1.0}
    assert outcome.verdict == "undecided"
    assert best is START


def test_promising_remedies_may_show_together_what_none_shows_alone():
    """Six tries, each worth some 2.3 standard errors: none is accepted alone, together they are."""
    names = ["l1", "l2", "weight_decay", "warmup", "dropout", "label_smoothing"]
    bench = FakeBench(lambda config, _: 2 - sum(0.11 for name in names if getattr(config, name)), noise=0.45)
    tried = experiment(START, [remedy(name, **{name: 0.5}) for name in names], bench, SEEDS)
    promising = [o for o in tried.outcomes if o.gain.low > 0 and o.verdict != "accepted"]
    assert len(promising) > 1
    assert set(combination(tried)) == {outcome for outcome in tried.outcomes if outcome.gain.low > 0}
    best, outcome = combined(START, tried, bench, SEEDS)
    assert outcome.verdict == "accepted"
    assert best is outcome.candidate
