import numpy as np
import pytest

from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, fixed_epochs
from caviar.tuning.choose import best_of_search, choose
from diagnosis.made_scores import classes, score
from remedies.fake_bench import FakeBench
from tuning import made_searches

SPLIT = classes(400, 100)
START = Candidate(Config(), SPLIT)
SEEDS = (101, 102, 103)


def finalist(l2: float) -> tuple[str, Candidate]:
    return f"l2 {l2}", Candidate(Config(l2=l2), SPLIT)


def decided(*others, loss=lambda config, _: 2 - config.l2, metric="error", **settings):
    bench = FakeBench(loss, **settings)
    return choose([("first", START), *others], bench.judge, SEEDS, metric), bench


def test_the_best_of_those_that_beat_the_first_is_chosen():
    (chosen, judged), _ = decided(finalist(0.2), finalist(0.6), finalist(0.4))
    assert chosen is judged[2]
    assert (chosen.name, chosen.verdict) == ("l2 0.6", "accepted")
    assert chosen.gain.value == pytest.approx(0.6, abs=0.03)
    assert [f.name for f in judged] == ["first", "l2 0.2", "l2 0.6", "l2 0.4"]


def test_the_first_is_kept_when_nothing_is_shown_to_beat_it():
    (chosen, judged), _ = decided(finalist(0.01), finalist(0.02), noise=2.0)
    assert chosen is judged[0]
    assert chosen.candidate is START
    assert chosen.gain.value == 0
    assert [f.verdict for f in judged[1:]] != ["accepted"] * 2


def test_the_first_alone_is_chosen():
    (chosen, judged), _ = decided()
    assert chosen is judged[0]
    assert len(judged) == 1


def test_everyone_is_judged_with_every_fresh_seed_and_no_other():
    (_, judged), bench = decided(finalist(0.2), ("robust", Candidate(Config(), SPLIT.rescaled("robust"))))
    assert {config.seed for configs in bench.judged for config in configs} == set(SEEDS)
    assert bench.scales == {"standard", "robust"}
    for found in judged:
        assert [each.config for each in found.scores] == [found.candidate.config.changed(seed=s) for s in SEEDS]
    assert bench.glanced == []


def test_more_finalists_need_a_clearer_gain():
    """Bonferroni: a gain of 2.2 standard errors stands against one rival, not among five."""
    noise = np.random.default_rng(0).normal(size=500)
    noise = (noise - noise.mean()) / noise.std()

    def judge(_, configs):
        return [score(c, loss=2.0 - bool(c.l2) * (2.2 / 500**0.5 + noise)) for c in configs]

    def verdicts(count):
        others = [finalist(0.1 + i / 10) for i in range(count)]
        _, judged = choose([("first", START), *others], judge, SEEDS, "error")
        return {f.verdict for f in judged[1:]}

    assert verdicts(1) == {"accepted"}
    assert verdicts(5) == {"undecided"}


def test_a_metric_other_than_the_loss_decides_among_those_accepted():
    """Losses fall with L2, and the value with its distance from 0.3: 0.2 is the nearest, 0.6 as far as the start."""

    def judge(_, configs):
        return [score(c, loss=np.full(50, 2 - c.l2), value=abs(c.l2 - 0.3)) for c in configs]

    def chosen(metric, *others):
        return choose([("first", START), *map(finalist, others)], judge, SEEDS, metric)[0].name

    assert chosen("error", 0.2, 0.6) == "l2 0.6"
    assert chosen("mae", 0.2, 0.6) == "l2 0.2"
    assert chosen("auc", 0.2, 0.7) == "l2 0.7"  # there the larger value is better
    assert chosen("auc", 0.2, 0.4) == "first"  # a lower loss alone does not do


def test_epochs_that_were_best_are_fixed():
    stopping = Config(early_stopping=5, epochs=40)
    assert fixed_epochs(stopping, 12) == Config(epochs=40, stop_after=12)
    assert fixed_epochs(Config(epochs=40), 12) == Config(epochs=40)


def test_the_best_two_of_a_search_that_no_finalist_equals():
    study = made_searches.run()
    ranked = [trial for trial in study.ranked if trial.number > 0]
    names = [name for name, _ in best_of_search(study, SPLIT, known=[])]
    assert names == [f"trial {trial.number}" for trial in ranked[:2]]
    again = best_of_search(study, SPLIT, known=[ranked[0].config.changed(seed=77)])
    assert [name for name, _ in again] == [f"trial {trial.number}" for trial in ranked[1:3]]
    assert all(candidate.split is SPLIT for _, candidate in again)


def test_a_search_that_went_nowhere_gives_the_second_best_and_not_the_start():
    study = made_searches.run(start=made_searches.START.changed(learning_rate=0.01, dropout=0.2))
    assert study.ranked[0].number == 0
    assert [name for name, _ in best_of_search(study, SPLIT, known=[])] == [
        f"trial {trial.number}" for trial in study.ranked[1:3]
    ]


def test_without_time_only_the_best_trial_comes():
    study = made_searches.run()
    assert len(best_of_search(study, SPLIT, known=[], time_for=lambda _: False)) == 1


def test_trials_that_stopped_early_come_with_their_best_epochs():
    study = made_searches.run(around=made_searches.START.changed(early_stopping=3))
    (_, first), _ = best_of_search(study, SPLIT, known=[])
    assert (first.config.early_stopping, first.config.stop_after) == (None, study.ranked[0].score.best_epoch)
