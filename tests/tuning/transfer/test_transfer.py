"""Warm starts on made-up functions: earlier studies that know the way, that know nothing, and that lie."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.propose import RandomPoints, Request, Tried, anywhere
from caviar.tuning.proposals.together import apart, together_in_programs
from caviar.tuning.spaces.dimensions import Choice, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.transfer.likeness import figures_of, likeness
from caviar.tuning.transfer.prior import Prior, Warmed, earlier_study, encoded
from diagnosis.made_scores import classes, quantity
from tuning import made_searches

SPACE = made_searches.SPACE


def loss(point, at=0.6, dropout=1 / 3):
    """Least where the rate is at a place of its scale, and the dropout at another."""
    places = SPACE.places(point)
    return (places["learning_rate"] - at) ** 2 + 0.3 * (places["dropout"] - dropout) ** 2


def study(name="earlier", *, at=0.6, n=60, seed=0, alike=0.8, scores=lambda found: found):
    """Random points of another data set with their losses."""
    stream = np.random.default_rng(seed)
    points = [anywhere(SPACE)(stream) for _ in range(n)]
    found = [loss(p, at) for p in points]
    return earlier_study(name, SPACE, list(zip(points, scores(found), strict=True)), alike=alike)


def request(tried=(), generation=0, n=10, seed=3, *, together=None, space=SPACE):
    return Request(space, tuple(tried), n, generation, seed, together or apart())


def searched(proposer, seed, trials=40, n=10, judge=loss):
    tried = []
    for generation in range(-(-trials // n)):
        points = proposer(request(tried, generation, n, seed)).points
        tried += [Tried(p, judge(p), 0.0, True) for p in points]
    return tried


def best(tried):
    return min(one.criterion for one in tried)


def shuffled(found):
    return list(np.random.default_rng(9).permutation(found))


def test_an_earlier_study_that_knows_the_way_helps_from_the_first_generation():
    warmed = Warmed(RandomPoints(), Prior(SPACE, (study(at=0.62),)))
    cold = [best(searched(RandomPoints(), seed, 20)) for seed in range(6)]
    warm = [best(searched(warmed, seed, 20)) for seed in range(6)]
    assert np.mean(warm) < np.mean(cold) / 2
    tried = searched(warmed, 0, 20)
    verdict = warmed.verdict(tried)
    assert verdict.used
    assert "help" in verdict.sentence
    assert "earlier ranks these points best" in verdict.sentence


@pytest.mark.parametrize("scores", [shuffled, lambda found: [-f for f in found]], ids=["shuffled", "reversed"])
def test_an_earlier_study_that_does_not_know_it_is_left_unused_and_costs_little(scores):
    ends, used = [], 0
    for seed in range(8):
        warmed = Warmed(CoarseToFine(), Prior(SPACE, (study(seed=100 + seed, scores=scores),)))
        tried = searched(warmed, seed)
        ends.append((best(tried), best(searched(CoarseToFine(), seed))))
        used += warmed.verdict(tried[:10]).used
    warm, cold = np.mean(ends, axis=0)
    assert used <= 4  # points near each other do alike: chance agrees with them more often than once in ten times
    assert warm < cold + 0.01  # of a range of about 0.5


def test_the_study_that_ranks_best_counts_most():
    prior = Prior(SPACE, (study("wrong", at=0.0, alike=0.9), study("right", at=0.6, alike=0.3, seed=1)))
    tried = searched(RandomPoints(), 0, 30)
    wrong, right = prior.agreement(tried)
    assert right > 0.6 > wrong
    before = prior.agreement(tried[:3])
    assert before.tolist() == [0.9, 0.3]  # too few points: as alike as the data are
    assert "right ranks these points best" in Warmed(RandomPoints(), prior).verdict(tried).sentence


def test_left_unused_is_said_once_and_points_are_the_proposers_own():
    warmed = Warmed(RandomPoints(), Prior(SPACE, (study(scores=lambda found: [-f for f in found]),)))
    tried = [Tried(p, loss(p), 0.0, True) for p in warmed(request(n=20)).points]
    first = warmed(request(tried, 1))
    assert first.points == RandomPoints()(request(tried, 1)).points
    assert "left unused" in first.zooms[-1].reason
    assert warmed(request(tried, 2)).zooms == ()


def test_the_same_request_gets_the_same_points_and_another_prior_another_name():
    one, other = (Warmed(RandomPoints(), Prior(SPACE, (study(seed=seed),))) for seed in (0, 1))
    again = Warmed(RandomPoints(), Prior(SPACE, (study(seed=0),)))
    tried = searched(one, 0, 20)
    for asked in (request(), request(tried, 2)):
        assert one(asked) == again(asked)
    assert repr(one) == repr(again)
    assert repr(one) != repr(other)
    assert "RandomPoints()" in repr(one)


def test_its_share_falls_as_the_search_knows_more():
    warmed = Warmed(RandomPoints(), Prior(SPACE, (study(),)))
    tried = searched(RandomPoints(), 0, 96)
    shares = [
        sum(p not in RandomPoints()(request(tried[:n], g, 16)).points for p in warmed(request(tried[:n], g, 16)).points)
        for g, n in ((0, 0), (1, 16), (4, 96))
    ]
    assert shares[0] == 8
    assert shares[0] > shares[1] > shares[2] > 0


def test_points_of_a_generation_share_programs_and_differ():
    together = together_in_programs(SPACE, made_searches.START, first=True)
    points = Warmed(RandomPoints(), Prior(SPACE, (study(),)))(request(n=20, together=together)).points
    assert len(points) == 20
    programs = {(p["layers"], p["batch_size"], p["batch_norm"]) for p in points}
    assert len(programs) <= 2 * together.leaders
    x = encoded(SPACE, points[:10])
    assert min(np.square(x[i] - x[j]).mean() ** 0.5 for i in range(10) for j in range(i)) > 0.02


@settings(max_examples=20, deadline=None)
@given(
    rate=st.floats(1e-6, 10), dropout=st.floats(0, 0.9), units=st.integers(1, 500), batch=st.sampled_from([16, 32, 64])
)
def test_values_of_an_earlier_study_become_points_of_the_space(rate, dropout, units, batch):
    values = {"learning_rate": rate, "dropout": dropout, "units": units, "batch_size": batch, "momentum": 0.9}
    found = earlier_study("one", SPACE, [(values, float(i)) for i in range(8)], alike=1.0)
    for name, value in found.points[0].items():
        assert SPACE[name].holds(value)
        if SPACE[name].holds(values[name]):
            assert value == values[name]
    assert ("batch_size" in found.points[0]) == (batch != 16)  # an option that is not searched cannot be moved
    assert "momentum" not in found.points[0]


def test_long_studies_are_thinned_and_short_ones_left_out():
    long = study(n=3000)
    assert len(long.points) <= 401
    assert long.criteria[0] == 0
    assert max(long.criteria) > 0.98
    assert np.sum(np.array(long.criteria) < 199.5 / 2999) == 200  # the best are all there
    assert study(n=7) is None
    assert study(n=20, scores=lambda found: [math.nan] * 13 + found[13:]) is None


def test_no_earlier_study_changes_nothing():
    warmed = Warmed(CoarseToFine(), Prior(SPACE, ()))
    tried = searched(CoarseToFine(), 1, 20)
    assert warmed(request()).points == CoarseToFine()(request()).points
    assert warmed(request(tried, 2)).points == CoarseToFine()(request(tried, 2)).points
    assert warmed.verdict(tried) == (False, "no earlier study has enough trials of these settings: left unused")


def test_a_space_with_conditions_gets_points_of_it():
    space = Space(
        {"schedule": Choice("constant", "exponential"), "decay": Uniform(0, 1), "rate": LogUniform(1e-4, 1)},
        {"decay": {"schedule": ("exponential",)}},
    )
    stream = np.random.default_rng(0)
    points = [anywhere(space)(stream) for _ in range(40)]
    trials = [(p, abs(math.log10(p["rate"]) + 2) + (p["schedule"] == "constant")) for p in points]
    prior = Prior(space, (earlier_study("one", space, trials, alike=1.0),))
    found = Warmed(RandomPoints(), prior)(request(space=space, n=8)).points
    assert all(("decay" in p) == (p["schedule"] == "exponential") for p in found)
    assert [p["schedule"] for p in found[:4]].count("exponential") >= 3


def test_data_sets_are_as_alike_as_their_figures():
    one, same, other = (figures_of(split) for split in (classes(400, 100), classes(380, 120), quantity(400, 100)))
    assert likeness(one, one) == 1
    assert likeness(one, same) > 0.9
    assert likeness(one, other) < 0.3
    assert likeness(one, other) == likeness(other, one)
    assert one["log_classes"] == pytest.approx(math.log(3))
    assert 0 < one["linear"] < 0.6  # the classes follow from one column
    assert likeness({"task": "classification"}, one) == 0.5
    larger = one | {"log_rows": one["log_rows"] + 5}
    assert likeness(one, larger) < 0.7
