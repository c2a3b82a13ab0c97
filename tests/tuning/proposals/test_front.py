"""Fronts of made-up trials, against the definition; and what noise leaves of them."""

import math

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.errors import BadSpace
from caviar.network.config import Config
from caviar.tuning.noise import HALVES, halves
from caviar.tuning.plan import Plan
from caviar.tuning.prediction_time import microseconds_per_row
from caviar.tuning.proposals.front import by_front, crowding, front, ranks_of
from caviar.tuning.proposals.propose import RandomPoints, Request, Tried
from caviar.tuning.proposals.proposers import proposer_for
from caviar.tuning.proposals.together import apart
from caviar.tuning.search import search
from caviar.tuning.spaces.dimensions import Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.trials import Outcome, Trial
from diagnosis.made_scores import classes


def trial(number, values, *, criterion=None, state="complete", noise=0.0, **facts):
    first = values[0] if values and criterion is None else criterion
    return Trial(
        number,
        0,
        number,
        {},
        None,
        Outcome(state, tuple(values), math.inf if first is None else first, noise, facts=facts),
    )


def numbers(found):
    return [member.trial.number for member in found.members]


POINTS = st.lists(st.tuples(st.integers(0, 6), st.integers(0, 6), st.integers(0, 3)), min_size=1, max_size=25)


@given(points=POINTS, objectives=st.integers(1, 3))
def test_ranks_follow_the_definition(points, objectives):
    """The first front is taken away, and what is left has the next."""
    values = np.array(points)[:, :objectives]
    ranks, left, wanted = ranks_of(values), set(range(len(values))), np.zeros(len(values), int)
    number = 0
    while left:
        on = {
            i for i in left if not any((values[j] <= values[i]).all() and (values[j] < values[i]).any() for j in left)
        }
        wanted[list(on)] = number
        left, number = left - on, number + 1
    np.testing.assert_array_equal(ranks, wanted)


@given(points=POINTS)
def test_the_front_is_that_of_optuna(points):
    """Where the criterion is the value itself; equals are all members."""
    study = optuna.create_study(directions=["minimize", "maximize"])
    trials = [trial(number, values[:2]) for number, values in enumerate(points)]
    for one in trials:
        study.add_trial(optuna.create_trial(values=one.outcome.values))
    found = front(trials, ["minimize", "maximize"])
    assert sorted(numbers(found)) == sorted(t.number for t in study.best_trials)


def test_ten_thousand_points_take_no_time():
    points = np.random.default_rng(0).normal(size=(10_000, 2))
    ranks = ranks_of(points)
    assert (points[ranks == 0].min(axis=0) == points.min(axis=0)).all()
    assert np.unique(ranks).tolist() == list(range(ranks.max() + 1))


def test_a_front_goes_by_the_criterion():
    """As everything in a study does: of two error rates that a few rows cannot tell apart, the lower loss is better."""
    trials = [
        trial(0, (0.10, 50), criterion=0.4),
        trial(1, (0.11, 50), criterion=0.3),
        trial(2, (0.2, 10), criterion=0.5),
    ]
    found = front(trials)
    assert numbers(found) == [2, 1]
    assert found.best.number == 1


def test_who_was_stopped_or_failed_is_no_member():
    trials = [
        trial(0, (0.3, 9)),
        trial(1, (0.1, 1), state="pruned"),
        trial(2, (), state="failed"),
        trial(3, (0.2, 20)),
    ]
    assert numbers(front(trials)) == [0, 3]


def test_no_front_of_nothing():
    with pytest.raises(BadSpace, match="needs a trial that is complete, got none among 1"):
        front([trial(0, (), state="failed")])


def test_what_is_no_number_is_refused():
    with pytest.raises(BadSpace, match="must be numbers"):
        front([trial(0, (0.1, 1)), trial(1, (0.1, math.nan))])
    with pytest.raises(BadSpace, match="2 values each, got one with 1"):
        front([trial(0, (0.1, 1)), trial(1, (0.1,))])


def rows_of(means, rows=2_000, own=0.1, seed=0):
    stream = np.random.default_rng(seed)
    shared = stream.normal(0, 1.0, rows)
    return [mean + shared + own * stream.normal(size=rows) for mean in means]


def networks(means, sizes, *, paired=True, seed=0):
    """Trials of networks whose rows are gone: with the halves of them, or with their standard errors alone."""
    made = []
    for number, (rows, size) in enumerate(zip(rows_of(means, seed=seed), sizes, strict=True)):
        facts = {HALVES: halves(rows).tolist()} if paired else {}
        made.append(trial(number, (float(rows.mean()), size), noise=rows.std() / len(rows) ** 0.5, **facts))
    return made


def test_the_smallest_that_is_as_good_within_noise():
    """Standard error of a difference 0.003: 0.1 is seen, 0.001 is not."""
    trials = networks([0.40, 0.30, 0.2995], [10, 100, 1_000])
    trials[2] = trial(2, (trials[1].outcome.criterion - 1e-4, 1_000), **trials[2].outcome.facts)
    found = front(trials)
    assert numbers(found) == [0, 1, 2]
    assert found.best.number == 2
    assert found.smallest_as_good.number == 1
    assert [member.as_good_as_best for member in found.members] == [False, True, True]
    assert [member.no_better_than for member in found.members] == [(), (), (1,)]


def test_without_the_rows_differences_are_judged_by_both_standard_errors():
    """0.03 is one of them: paired it is 9."""
    means = [0.33, 0.30]
    assert front(networks(means, [10, 100])).smallest_as_good.number == 1
    assert front(networks(means, [10, 100], paired=False)).smallest_as_good.number == 0


def test_equal_networks_are_told_apart_as_rarely_as_the_level_says():
    wrong = 0
    for seed in range(200):
        one, other = networks([0.3, 0.3], [10, 100], seed=seed)
        found = front([one, other])
        wrong += len(found.members) == 2 and not found.members[0].as_good_as_best
    assert wrong <= 200 * 0.05 + 3 * (200 * 0.05 * 0.95) ** 0.5


def test_one_objective_has_a_front_too():
    assert numbers(front([trial(0, (0.3,)), trial(1, (0.1,)), trial(2, (0.1,))])) == [1, 2]


def tried(criterion, *rest, complete=True):
    return Tried({}, criterion, 0.0, complete, (criterion, *rest))


def test_points_are_ranked_by_their_front():
    """Fronts in their order, within one the emptier parts first, then who was stopped, then who has no value."""
    points = [
        tried(0.1, 1_000),  # an end of the front
        tried(0.4, 10),  # the other
        tried(0.20, 100),  # alone in the middle
        tried(0.35, 12),  # close to an end
        tried(0.4, 1_000),  # beaten
        tried(0.01, 1, complete=False),
        Tried({}, math.inf, 0.0, False),
        tried(0.2, math.nan),
    ]
    criteria = [one.criterion for one in by_front(points)]
    assert criteria[0] == criteria[1] == 0
    assert 0 < criteria[2] < criteria[3] < 1
    assert 1 <= criteria[4] < 2 <= criteria[5] < math.inf
    assert criteria[6:] == [math.inf] * 2
    assert [one.values for one in by_front(points)] == [one.values for one in points]


def test_ranks_of_one_objective_keep_its_order():
    criteria = [0.3, 0.1, 0.2, 0.1]
    order = [one.criterion for one in by_front([tried(c) for c in criteria])]
    assert np.argsort(order, kind="stable").tolist() == [1, 3, 2, 0]


def test_crowding_by_hand():
    """Deb et al. 2002: the sides of the box between the neighbours, each as a part of the whole range."""
    room = crowding(np.array([[0.0, 4.0], [1.0, 1.0], [3.0, 0.5], [4.0, 0.0]]))
    np.testing.assert_allclose(room, [np.inf, 3 / 4 + 3.5 / 4, 3 / 4 + 1 / 4, np.inf])


@pytest.mark.parametrize("settings", [{}, {"batch_norm": True}])
def test_the_time_of_a_prediction_is_measured(settings):
    split = classes(300, 100)
    small = microseconds_per_row(Config(hidden_units=(8,), **settings), split)
    assert 0 < small < 1_000


SPACE = Space({"x": Uniform(0.0, 1.0)})


class Watching:
    """Random points; remembers what it was told of those before."""

    ahead = False

    def __init__(self):
        self.told = []

    def __call__(self, request):
        self.told.append(request.tried)
        return RandomPoints()(request)


def judge(entries, _generation, _before):
    """One is small where the other is large, but for points beyond 0.8, which are beaten in both."""
    found = []
    for entry in entries:
        x = entry.values["x"]
        values = (x, 1 - x) if x < 0.8 else (2 * x, 2.0)
        found.append(Outcome("complete", values, values[0]))
    return found


def test_proposers_of_a_search_are_told_ranks():
    watching = Watching()
    plan = Plan(
        space=SPACE,
        propose=watching,
        trials=24,
        generation_size=lambda _: 12,
        seed=0,
        given=(),
        config=None,
        together=lambda _: apart(),
    )
    study = search(plan, judge, store.open_study(None, ["minimize", "minimize"]))
    told = watching.told[1]
    assert [one.values for one in told] == [trial.outcome.values for trial in study.trials[:12]]
    assert {one.criterion < 1 for one in told} == {True, False}
    assert all((one.criterion < 1) == (one.point["x"] < 0.8) for one in told)


@pytest.mark.parametrize("word", ["tpe", "nsga2", "random", "coarse_to_fine"])
def test_any_proposer_goes_on_from_several_objectives_with_some_stopped(word):
    stream = np.random.default_rng(0)
    points = [(float(x), stream.random() < 0.5) for x in stream.random(30)]
    known = [Tried({"x": x}, x, 0.0, complete, (x, 1 - x)) for x, complete in points]
    proposal = proposer_for(word)(Request(SPACE, by_front(known), 5, 1, 0, apart()))
    assert len(proposal.points) == 5
