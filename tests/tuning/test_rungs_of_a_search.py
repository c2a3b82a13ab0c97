"""Rungs without training: brackets by the published table, and who is stopped by made-up losses of rows."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.tuning.noise import LEVEL, Standing, halves, jitters, worse
from caviar.tuning.rungs import Rungs, go_on, may_stop, rungs_of
from diagnosis.made_scores import classes

SPLIT = classes(300, 100)


def test_brackets_are_those_of_the_paper():
    """Li et al. 2018, table 1: R = 81, eta = 3."""
    rungs = Rungs("hyperband", eta=3, least=1, most=81)
    assert [rungs.size(g, 81) for g in range(5)] == [81, 34, 15, 8, 5]
    assert [rungs.bracket(g).epochs for g in range(5)] == [(1, 3, 9, 27), (3, 9, 27), (9, 27), (27,), ()]
    assert rungs.bracket(5) == rungs.bracket(0)


@given(eta=st.sampled_from([2, 3, 4]), most=st.integers(1, 500), least=st.integers(1, 20))
@settings(deadline=None)
def test_brackets_train_about_equally_many_epochs(eta, most, least):
    rungs = Rungs("hyperband", eta=eta, least=least)
    brackets = [rungs.bracket(g, most) for g in range(30)]
    whole = next(i for i, bracket in enumerate(brackets) if not bracket.epochs) + 1
    spent = []
    for epochs, share in brackets[:whole]:
        assert all(least <= epoch < most for epoch in epochs)
        assert list(epochs) == sorted(set(epochs))
        ends = [0, *epochs, most]
        spent.append(share * sum((b - a) / eta**k for k, (a, b) in enumerate(pairwise(ends))))
    if most >= 10 * eta ** (whole - 1):  # whole epochs are no coarse division
        # Equal where each rung begins anew, as in the paper; who goes on where it was saves up to 1 / eta of it.
        assert (1 - 1 / eta) * max(spent) <= 1.05 * min(spent)


def test_halving_has_the_same_rungs_in_every_generation():
    assert [Rungs().bracket(g, 60).epochs for g in range(3)] == [(7, 20)] * 3
    assert [Rungs().size(g, 64, 60) for g in range(3)] == [64] * 3
    assert Rungs(least=2).bracket(0, 60).epochs == (3, 7, 20)
    assert Rungs(eta=2).bracket(0, 60).epochs == (15, 30)
    assert Rungs().bracket(0, 5).epochs == ()
    assert Rungs(most=27).bracket(0, 60).epochs == (3, 9)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"kind": "halfing"}, "Did you mean 'halving'"),
        ({"eta": 1}, "above 1"),
        ({"eta": float("nan")}, "above 1"),
        ({"least": 0}, "whole number"),
        ({"most": 2.5}, "whole number"),
        ({"least": 9, "most": 3}, "at most Rungs.most = 3"),
    ],
)
def test_rungs_that_cannot_be(settings, said):
    with pytest.raises(BadSpace, match=said):
        Rungs(**settings)


def test_rungs_by_their_word():
    assert rungs_of("hyperband") == Rungs("hyperband")
    assert rungs_of(Rungs(eta=2)) == Rungs(eta=2)
    assert rungs_of(None) is None
    with pytest.raises(BadSpace, match="halving or hyperband"):
        rungs_of("median")


def made(means, *, rows=400, spread=0.3, own=0.15, seed=0, heavy=False):
    """Configs that err on much the same rows, each with noise of its own; `means` are the true criteria."""
    stream = np.random.default_rng(seed)
    shared = stream.exponential(spread, rows) if heavy else stream.normal(0, spread, rows)
    noise = stream.exponential(own, (len(means), rows)) - own if heavy else stream.normal(0, own, (len(means), rows))
    values = np.asarray(means)[:, None] + shared + noise
    return [Standing(float(own_rows.mean()), own_rows) for own_rows in values]


def anyone(n):
    return ~np.eye(n, dtype=bool)


def stopped(means, repeats, *, rungs=1, eta=3, **how):
    """How often each config is stopped."""
    n = len(means)
    each = [go_on(made(means, seed=seed, **how), anyone(n), eta=eta, rungs=rungs) for seed in range(repeats)]
    return 1 - np.mean(each, axis=0)


@pytest.mark.parametrize("heavy", [False, True])
@pytest.mark.parametrize("rows", [60, 400])
def test_none_of_equal_configs_is_stopped_more_often_than_the_level_says(rows, heavy):
    shares = stopped(np.zeros(30), 300, rows=rows, heavy=heavy)
    assert shares.mean() <= 1 - LEVEL
    assert shares.max() <= 1 - LEVEL + 3 * (0.05 * 0.95 / 300) ** 0.5


@pytest.mark.parametrize("better", [0, 5, 9])
def test_who_is_as_good_as_the_cut_is_not_stopped_more_often_than_the_level_says(better):
    """Also where most places are taken by better ones, and the one at the cut is the luckiest of many equals."""
    means = np.r_[np.full(better, -0.2), np.zeros(30 - better)]
    shares = stopped(means, 300)
    assert shares[:better].sum() == 0
    assert shares[better:].max() <= 1 - LEVEL + 3 * (0.05 * 0.95 / 300) ** 0.5


def test_clearly_bad_ones_are_stopped():
    shares = stopped(np.r_[np.zeros(10), np.full(20, 0.1)], 100)  # 9 standard errors of the difference
    assert shares[:10].sum() == 0
    assert shares[10:].min() >= 0.99


def test_without_noise_a_third_goes_on():
    standings = [Standing(i / 10, np.zeros(50)) for i in range(31)]
    np.testing.assert_array_equal(np.flatnonzero(go_on(standings, anyone(31), eta=3)), np.arange(11))
    np.testing.assert_array_equal(np.flatnonzero(go_on(standings, anyone(31), eta=2)), np.arange(16))


def test_strictly_a_third_goes_on_whatever_noise_says():
    """As Hyperband is written down; a tie stops nobody."""
    standings = made(np.zeros(30))
    best = np.argsort([one.criterion for one in standings])[:10]
    np.testing.assert_array_equal(np.flatnonzero(go_on(standings, anyone(30), eta=3, strict=True)), np.sort(best))
    assert go_on([Standing(1.0, np.ones(50))] * 9, anyone(9), eta=3, strict=True).all()
    assert repr(Rungs("hyperband", strict=True)) == repr(Rungs("hyperband"))  # studies of before are continued
    assert Rungs("hyperband", strict=True) != Rungs("hyperband")


def test_equal_configs_without_noise_go_on():
    assert go_on([Standing(1.0, np.ones(50))] * 9, anyone(9), eta=3).all()


def test_curves_that_go_up_and_down_are_given_the_benefit():
    rows = made(np.r_[np.zeros(10), np.full(20, 0.1)])
    jumpy = [standing._replace(jitter=0.1) for standing in rows]
    assert not go_on(rows, anyone(30), eta=3)[10:].any()
    assert go_on(jumpy, anyone(30), eta=3).all()


def test_who_has_no_criterion_is_stopped():
    """The metric of one is infinite: it is worse than all, and nobody is stopped for it."""
    standings = [*made(np.zeros(6)), Standing(np.inf, np.zeros(400)), Standing(np.inf, np.zeros(400))]
    np.testing.assert_array_equal(go_on(standings, anyone(8), eta=3), [True] * 6 + [False] * 2)


def test_one_row_tells_nothing():
    assert go_on([Standing(float(i), np.array([float(i)])) for i in range(6)], anyone(6), eta=3).all()


def test_worse_is_a_paired_test():
    """A difference far below the noise of either config is seen, because both err on the same rows."""
    one, other = made([0.0, 0.05], own=0.01, spread=3.0)
    assert worse([one, other], 0.05).tolist() == [[False, False], [True, False]]
    assert not worse([one, other._replace(rows=other.rows[::-1])], 0.05).any()


def test_jitter_is_the_deviation_of_a_curve_from_a_steady_fall():
    stream, epochs = np.random.default_rng(0), np.arange(200)
    fall = 2 * 0.97**epochs
    curves = [fall, 5 * fall * np.exp(stream.normal(0, 0.04, 200)), fall * np.exp(stream.normal(0, 0.04, 200))]
    still, one, other = jitters(curves)
    assert one == pytest.approx(0.04, rel=0.25)
    assert other == pytest.approx(0.04, rel=0.25)
    assert still < one / 4
    np.testing.assert_array_equal(jitters([fall[:2], fall[:2]]), 0)


def test_halves_keep_the_noise_of_every_difference():
    a, b, c = (standing.rows for standing in made([0.0, 0.0, 0.0], rows=5_000, own=0.15))
    for one, other in ((a, b), (b, c), (a, c)):
        spread = (one - other).std(ddof=1) / 5_000**0.5
        assert np.sqrt(np.square(halves(one) - halves(other)).mean()) == pytest.approx(spread, rel=0.4)
    assert halves(a).tolist() == halves(a).tolist()
    assert len(halves(a)) == 32
    # On average exactly: over many pairs the ratio of the variances is 1.
    stream = np.random.default_rng(1)
    ratios = []
    for _ in range(200):
        rows = stream.exponential(size=300)
        ratios.append(np.square(halves(rows)).mean() / (rows.var() / 300))
    assert np.mean(ratios) == pytest.approx(1, abs=0.06)


def planned(epochs, schedule="cosine", **settings):
    return Config(epochs=epochs, schedule=schedule, **settings)


def test_a_plan_that_is_not_as_far_is_not_measured_by_one_that_is():
    configs = [planned(30), planned(90), planned(90), planned(90, "constant"), planned(30, "constant")]
    may = may_stop(configs, SPLIT, [()] * 5)
    assert not may[1, 0]  # a longer plan by a shorter one
    assert may[0, 1]  # but that by the longer one, which has less behind it and is better all the same
    assert may[1, 2]
    assert may[2, 1]
    assert may[[1, 2, 0], 3].all()
    assert may[3:, [0, 1, 2]].all()
    assert may[3, 4]
    assert not may.diagonal().any()


def test_the_longest_plan_is_not_stopped_by_those_that_are_nearer_their_end():
    """Twenty short plans that are better now; without the rule, it would go."""
    configs = [planned(30, learning_rate=0.001 * (i + 1)) for i in range(20)] + [planned(90)]
    standings = [Standing(0.1, np.zeros(50))] * 20 + [Standing(0.5, np.zeros(50))]
    assert go_on(standings, may_stop(configs, SPLIT, [()] * 21), eta=3)[-1]
    assert not go_on(standings, anyone(21), eta=3)[-1]


def test_with_several_objectives_only_who_costs_no_more_may_stop():
    """A front of sizes goes on although the small ones err more; what a smaller one beats is stopped."""
    configs = [Config()] * 4
    costs = [(100.0,), (50.0,), (10.0,), (60.0,)]
    standings = [Standing(error, np.zeros(50)) for error in (0.1, 0.2, 0.3, 0.4)]
    may = may_stop(configs, SPLIT, costs)
    np.testing.assert_array_equal(go_on(standings, may, eta=3), [True, True, True, False])
    np.testing.assert_array_equal(
        go_on(standings, may_stop(configs, SPLIT, [()] * 4), eta=3), [True, True, False, False]
    )
