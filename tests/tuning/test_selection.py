"""The selection among the best of a study, on figures whose truth is made up."""

import numpy as np
import pytest

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.tuning.luck import luck_of_best, own_noise
from caviar.tuning.search import Study
from caviar.tuning.selection import fresh_seeds, select
from caviar.tuning.trials import Outcome, Trial
from diagnosis.made_scores import classes, score
from tuning import made_searches

SPLIT = classes(400, 100)
ROWS = 400


def figures(truth, noise, seed):
    """Figures about true values, and how far the lowest one lies below its own."""
    seen = truth + noise * np.random.default_rng(seed).normal(size=len(truth))
    best = int(seen.argmin())
    return seen, truth[best] - seen[best]


@pytest.mark.parametrize("n", [8, 60])
@pytest.mark.parametrize("spread", [0.0, 0.3, 1.0, 3.0, "a search"])
def test_the_luck_that_is_expected_is_the_luck_that_comes(n, spread):
    """Over many made-up searches the stated optimism is the true one to within a third of a noise."""
    noise, stated, true = 0.01, [], []
    for seed in range(60):
        random = np.random.default_rng(1000 + seed)
        # A search zooms in: most of its points crowd near the best that can be had.
        off = random.exponential(size=n) ** 3 if spread == "a search" else spread * random.normal(size=n)
        seen, came = figures(0.5 + noise * off, noise, seed)
        stated.append(luck_of_best(seen, noise) / noise)
        true.append(came / noise)
    apart, doubt = np.mean(stated) - np.mean(true), 2 * np.std(np.subtract(stated, true)) / 60**0.5
    assert abs(apart) < 0.33 + doubt


def test_one_that_stands_far_out_keeps_its_figure():
    assert luck_of_best([0.1, *np.linspace(0.5, 0.6, 50)], 0.01) == pytest.approx(0, abs=1e-6)
    assert luck_of_best([0.3], 0.01) == 0
    assert luck_of_best([0.3, 0.31, float("inf")], 0.0) == 0


def test_two_that_are_alike_meet_in_the_middle():
    assert luck_of_best([0.50, 0.51], 0.01) == pytest.approx(
        0.0056, abs=0.001
    )  # 0.56 is the mean lead of the lower of two


def losses(config, truth, *, of_seeds=0.02, of_rows=1.0):
    """One loss per row: what is hard for all, what the rows add to this config, and what its seed adds."""
    hard = np.random.default_rng(0).exponential(size=ROWS)
    own = np.random.default_rng(round(config.rate * 1e9)).normal(size=ROWS)
    seed = np.random.default_rng([config.seed, round(config.rate * 1e9)]).normal()
    return truth + 3 * hard + of_rows * own + of_seeds * seed


def test_the_noise_of_one_network_is_read_off_the_differences():
    rates = np.geomspace(1e-3, 1e-1, 12)
    arrays = [np.stack([losses(Config(learning_rate=r, seed=s), 1.0, of_seeds=0.1) for s in range(8)]) for r in rates]
    noise, of_rows = own_noise(arrays)
    assert noise == pytest.approx((0.1**2 + 1 / ROWS) ** 0.5, rel=0.2)
    assert of_rows == pytest.approx((1 / ROWS) ** 0.5, rel=0.2)
    assert own_noise(arrays[:1]) == (0.0, 0.0)


def judged(truth, **noise):
    return lambda _, configs: [score(c, loss=losses(c, truth(c), **noise)) for c in configs]


def searched(truth, n=30, **noise):
    """A search at random rates of the scale, all with one seed."""
    return made_searches.run(
        lambda configs: judged(truth, **noise)(SPLIT, configs), trials=n, generation_size=n, seed=5
    )


def test_the_best_by_the_mean_of_fresh_seeds_is_chosen_and_luck_is_told():
    """All are alike but for their seeds: the best of 30 was lucky by about two standard deviations."""
    noise = {"of_seeds": 0.2, "of_rows": 0.0}
    study = searched(lambda _: 1.0, **noise)
    found = select(study, SPLIT, judge=judged(lambda _: 1.0, **noise), seeds=8)
    assert found.candidates[0] is found.chosen
    assert [one.reached.value for one in found.candidates] == sorted(one.reached.value for one in found.candidates)
    true = 4.0 - study.best.outcome.criterion + 3 * (np.random.default_rng(0).exponential(size=ROWS).mean() - 1)
    assert found.optimism == pytest.approx(true, abs=0.12)
    assert found.remaining == pytest.approx(0, abs=0.02)
    assert [one.standing for one in found.candidates].count("worse") <= 1
    assert f"Of 30 trials, {len(found.candidates)} were trained again with 8 fresh seeds" in found.sentence


def test_luck_of_the_rows_is_what_remains():
    noise = {"of_seeds": 0.001, "of_rows": 2.0}
    found = select(searched(lambda _: 1.0, **noise), SPLIT, judge=judged(lambda _: 1.0, **noise))
    assert found.optimism > 0.1
    assert found.remaining == pytest.approx(found.optimism, rel=0.05)
    assert "luck of the rows" in found.sentence


def test_a_config_that_is_better_is_chosen_and_others_are_shown_to_be_worse():
    def truth(config):
        return 1.0 + 2 * made_searches.loss(config)

    noise = {"of_seeds": 0.01, "of_rows": 0.02}
    study = searched(truth, n=40, **noise)
    found = select(study, SPLIT, judge=judged(truth, **noise), top=3)
    assert found.chosen.trial == study.best.number
    zero = next(one for one in found.candidates if one.trial == 0)
    assert zero.standing == "worse"
    assert zero.behind.low > 0
    assert "shown to be worse" in found.sentence
    assert found.optimism < 0.02


def test_a_cheaper_one_that_cannot_be_told_from_it_is_mentioned():
    noise = {"of_seeds": 0.05, "of_rows": 0.5}
    study = searched(lambda _: 1.0, **noise)
    found = select(study, SPLIT, judge=judged(lambda _: 1.0, **noise))
    cheaper = [one for one in found.candidates if one.standing == "alike" and one.cost < 0.9]
    assert ("costs" in found.sentence) == bool(cheaper)
    if cheaper:
        assert f"Trial {min(cheaper, key=lambda one: one.cost).trial} costs" in found.sentence


def test_seeds_are_fresh_and_everyone_has_the_same():
    seen = []

    def judge(_, configs):
        seen.extend(configs)
        return judged(lambda _: 1.0)(_, configs)

    study = searched(lambda _: 1.0)
    select(study, SPLIT, judge=judge, seeds=3)
    used = {trial.network.seed for trial in study.trials}
    seeds = {config.seed for config in seen}
    assert len(seeds) == 3
    assert not seeds & used
    assert len(seen) % 3 == 0
    assert fresh_seeds([0, 101, 103], 3) == [102, 104, 105]
    assert fresh_seeds([(1 << 31) - 1], 2) == [100, 101]


def test_a_metric_without_rows_is_chosen_by_its_mean_over_seeds():
    def judge(_, configs):
        return [score(c, loss=losses(c, 1.0), value=0.9 - made_searches.loss(c) + 1e-3 * (c.seed % 7)) for c in configs]

    study = made_searches.run(lambda configs: judge(SPLIT, configs), metric="auc", trials=16)
    found = select(study, SPLIT, judge=judge)
    assert found.chosen.trial == study.best.number
    assert found.chosen.reached.value < 0
    assert found.chosen.reached.low < found.chosen.reached.value < found.chosen.reached.high


def test_what_cannot_be_selected_from_is_refused():
    study = searched(lambda _: 1.0, n=8)
    with pytest.raises(BadSpace, match="at least 1 trial and 2 seeds, got top=5, seeds=1"):
        select(study, SPLIT, seeds=1)
    with pytest.raises(BadSpace, match="a study of a function"):
        select(Study(study.space, None, study.trials, (), study.optuna), SPLIT)
    failed = Trial(0, 0, 0, {}, Config(), Outcome("failed", (), float("inf")))
    with pytest.raises(BadSpace, match="none that is complete"):
        select(Study(study.space, "error", (failed,), (), study.optuna), SPLIT)
