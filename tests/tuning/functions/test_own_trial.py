import math
from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import optuna
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.tuning.functions.cuts import CHANCE, RECENT, cuts_from
from caviar.tuning.functions.own_trial import KEPT, OwnTrial, Task, answer_of, seed_of

TASK = Task(3, {"x": 1.5}, 7, ("minimize",), {})


def outcome(rungs, state="complete"):
    return SimpleNamespace(outcome=SimpleNamespace(rungs=rungs, state=state))


def trial(cuts=None, directions=("minimize",)):
    return OwnTrial(TASK._replace(cuts=cuts or {}, directions=directions))


@pytest.mark.parametrize("value", [1, 2.5, True, np.float32(0.5), np.array(0.25), Fraction(1, 2)])
def test_what_is_a_number_is_a_value(value):
    assert answer_of(lambda _: value, TASK)[:2] == ("complete", (float(value),))


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "no number: a number is needed, got NoneType"),
        ("0.5", "got str"),
        ((1.0, 2.0), "got tuple"),
        (np.zeros(2), "got ndarray"),
        (1j, "got complex"),
        (math.nan, "not finite: nan"),
        (-math.inf, "not finite: -inf"),
        (10**400, "no number"),
    ],
)
def test_what_is_no_finite_number_is_a_failure(value, words):
    answer = answer_of(lambda _: value, TASK)
    assert (answer.state, answer.values) == ("failed", ())
    assert words in answer.facts["caviar:reason"]


@pytest.mark.parametrize("value", [1.0, (1.0,), (1.0, 2.0, 3.0), (1.0, math.nan), (1.0, "2"), None])
def test_of_several_objectives_all_are_wanted(value):
    task = TASK._replace(directions=("minimize", "maximize"))
    assert answer_of(lambda _: value, task).state == "failed"
    assert answer_of(lambda _: [1, np.float64(2)], task).values == (1.0, 2.0)


def test_an_exception_is_told_with_its_traceback_from_the_function_on():
    def objective(_):
        raise ValueError("first line\n" + 1000 * "much ")

    answer = answer_of(objective, TASK)
    assert answer.state == "failed"
    reason, trace = answer.facts["caviar:reason"], answer.facts["caviar:error"]
    assert reason.startswith("ValueError: first line much")
    assert "\n" not in reason
    assert len(reason) == 300
    assert len(trace) == 4000
    short = answer_of(lambda _: {}["lr"], TASK).facts["caviar:error"]
    assert "KeyError: 'lr'" in short
    assert "test_own_trial.py" in short
    assert 'own_trial.py", line' not in short.replace("test_own_trial.py", "")


def test_an_exception_that_cannot_say_what_it_is():
    class Odd(Exception):
        def __str__(self):
            raise RuntimeError

    def objective(_):
        raise Odd

    assert answer_of(objective, TASK).facts["caviar:reason"] == "Odd"


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_who_wants_to_end_ends(error):
    def objective(_):
        raise error

    with pytest.raises(error):
        answer_of(objective, TASK)


@pytest.mark.parametrize("how", ["returns", "returns nothing", "raises"])
def test_a_trial_is_pruned_by_returning_or_as_in_optuna(how):
    def objective(t):
        for step in range(5):
            t.report(1 - step / 10, step)
            if t.should_prune():
                if how == "raises":
                    raise optuna.TrialPruned
                return 0.0 if how == "returns" else None
        return 0.0

    answer = answer_of(objective, TASK._replace(cuts={0: 2.0, 2: 0.5}))
    assert answer == ("pruned", (0.8,), {0: 1.0, 1: 0.9, 2: 0.8}, {}, answer.seconds)
    assert answer_of(objective, TASK).state == "complete"


def test_who_goes_on_against_advice_is_complete():
    def objective(t):
        t.report(1.0, 0)
        assert t.should_prune()
        t.report(0.1, 1)
        return 0.1

    assert answer_of(objective, TASK._replace(cuts={0: 0.5})).state == "complete"


def test_pruned_before_any_report():
    def objective(_):
        raise optuna.TrialPruned

    assert answer_of(objective, TASK)[:3] == ("pruned", (), {})


def test_the_best_report_so_far_decides_and_only_at_its_step():
    one = trial({1: 0.5, 3: 0.05})
    verdicts = []
    for step, value in enumerate([0.2, 9.0, 9.0, 0.06]):
        one.report(value, step)
        verdicts.append(one.should_prune())
    assert verdicts == [False, False, False, True]
    equal = trial({0: 0.5})
    equal.report(0.5, 0)
    assert not equal.should_prune()


def test_more_is_better_where_it_is_maximised():
    one = trial({0: -0.5}, ("maximize",))
    one.report(0.6, 0)
    assert not one.should_prune()
    other = trial({0: -0.5}, ("maximize",))
    other.report(0.4, 0)
    assert other.should_prune()


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_report_that_is_not_finite_says_that_the_trial_is_lost(value):
    one = trial()
    one.report(0.1, 0)
    assert not one.should_prune()
    one.report(value, 1)
    assert one.should_prune()
    assert one.pruned()[:3] == ("pruned", (), {0: 0.1})


def test_nothing_is_pruned_before_a_report_nor_with_several_objectives():
    assert not trial({0: -1.0}).should_prune()
    several = trial({0: -1.0}, ("minimize", "minimize"))
    several.report(math.nan, 0)
    assert not several.should_prune()


@given(n=st.integers(0, 900))
def test_of_many_reports_a_hundred_are_kept_at_steps_that_all_trials_share(n):
    one = trial()
    for step in range(n):
        one.report(float(step), step)
    kept = one.complete((0.0,)).rungs
    assert len(kept) <= KEPT + 1
    assert all(kept[step] == step for step in kept)
    if n:
        assert {0, n - 1} <= set(kept)
    if n <= KEPT:
        assert list(kept) == list(range(n))
    else:
        steps = sorted(kept)[:-1]
        stride = steps[1] - steps[0]
        assert stride & (stride - 1) == 0  # a power of two: coarse steps are among the fine ones
        assert steps == list(range(0, n, stride))[: len(steps)]


def test_reports_are_checked():
    one = trial()
    with pytest.raises(TypeError, match="number"):
        one.report(None, 0)
    with pytest.raises(TypeError, match="number"):
        one.report("0.5", 0)
    with pytest.raises(TypeError):
        one.report(0.5, 1.5)
    with pytest.raises(ValueError, match="at least 0"):
        one.report(0.5, -1)


def test_attributes_are_plain_values():
    one = trial()
    one.set_user_attr("size", [1, {"a": None}])
    assert one.complete((0.0,)).facts == {"size": [1, {"a": None}]}
    with pytest.raises(TypeError):
        one.set_user_attr("model", object())
    with pytest.raises(ValueError, match="caviar:"):
        one.set_user_attr("caviar:id", 1)


def test_who_comes_from_optuna_is_told_the_way():
    with pytest.raises(AttributeError, match=r"trial\.params\['NAME'\]"):
        trial().suggest_float("x", 0, 1)
    with pytest.raises(AttributeError, match="no 'paramz'"):
        _ = trial().paramz


def test_params_are_a_copy():
    one = OwnTrial(TASK)
    one.params["x"] = 0
    assert TASK.params == {"x": 1.5}


def test_seeds_differ_and_stay():
    seeds = {seed_of(s, g, i) for s in range(5) for g in range(10) for i in range(10)}
    assert len(seeds) == 500
    assert all(0 <= seed < 2**31 for seed in seeds)
    assert seed_of(0, 0, 0) == 710583172  # a study that is continued relies on it


def chance_of_at_least(k, n):
    return sum(math.comb(n, i) for i in range(k, n + 1)) / 2**n


@pytest.mark.parametrize("n", [1, 2, 4, 5, 6, 8, 13, 50, 100])
def test_the_cut_is_where_chance_does_not_explain_that_more_are_better(n):
    values = np.random.default_rng(n).permutation(n) / 10
    cuts = cuts_from([outcome({4: float(v)}) for v in values], maximise=False)
    if n < 5:
        assert cuts == {}
        return
    better = round(cuts[4] * 10) + 1  # so many are at least as good as the cut
    assert chance_of_at_least(better, n) <= CHANCE < chance_of_at_least(better - 1, n)


def test_others_are_taken_at_their_best_so_far_and_where_they_came_to():
    steady = [outcome({0: 5.0, 1: 1.0, 2: 7.0}) for _ in range(5)]
    short = [outcome({0: 0.5}, "pruned"), outcome({0: 0.0, 1: 0.0}, "failed"), outcome({})]
    assert cuts_from([*steady, *short], maximise=False) == {0: 5.0, 1: 1.0, 2: 1.0}
    mirrored = [outcome({step: -value for step, value in one.outcome.rungs.items()}) for one in steady]
    assert cuts_from(mirrored, maximise=True) == {0: 5.0, 1: 1.0, 2: 1.0}


def test_a_trend_is_no_jitter_and_jitter_widens_the_cut():
    lines = [outcome({step: 1.0 - step / 100 for step in range(50)}) for _ in range(5)]
    assert cuts_from(lines, maximise=False)[49] == pytest.approx(0.51)
    noise = np.random.default_rng(0).normal(scale=0.1, size=(20, 400))
    jumping = [outcome({step: 1.0 + float(row[step]) for step in range(400)}) for row in noise]
    least = sorted(1 + row[0] for row in noise)[14]  # of 20, 15 are more than chance explains
    assert cuts_from(jumping, maximise=False)[0] == pytest.approx(least + math.sqrt(2) * 0.1, abs=0.02)


def test_only_the_trials_that_came_last_are_compared_with():
    old, recent = [outcome({0: 0.0})] * 500, [outcome({0: 1.0})] * RECENT
    assert cuts_from([*old, *recent], maximise=False) == {0: 1.0}
