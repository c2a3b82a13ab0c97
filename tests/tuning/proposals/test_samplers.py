import builtins

import numpy as np
import optuna
import pytest

from caviar.errors import BadSpace
from caviar.training.plan import width_class
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.mirror import Mirror
from caviar.tuning.proposals.propose import RandomPoints, Tried, anywhere, drawn_together
from caviar.tuning.proposals.proposers import proposer_for
from caviar.tuning.proposals.samplers import Sampled, by_sampler, sampled, told
from caviar.tuning.spaces.dimensions import Choice, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from tuning.asked import SPACE, programs, request, searched, tried_of

LINE = Space({"x": Uniform(-1, 1), "y": Uniform(-1, 1)})


def bowl(point) -> float:
    return (point["x"] - 0.3) ** 2 + (point["y"] + 0.2) ** 2


class Spy(optuna.samplers.RandomSampler):
    """Keeps what it sees when a point is asked for."""

    def __init__(self) -> None:
        super().__init__(seed=0)
        self.seen: list[list[optuna.trial.FrozenTrial]] = []

    def infer_relative_search_space(self, study, trial):
        self.seen.append([one for one in study.get_trials() if one.number != trial.number])
        return super().infer_relative_search_space(study, trial)


def test_a_sampler_sees_what_was_tried_on_the_scales_of_the_whole_space():
    spy = Spy()
    tried = [
        Tried({"beta": 0.99, "kind": "a"}, 0.5, 0.0, True),
        Tried({"beta": 0.9, "kind": "b"}, 0.7, 0.0, False),
        Tried({"beta": 0.95, "kind": "b"}, float("inf"), 0.0, False),
    ]
    space = Space({"beta": OneMinusLogUniform(0.9, 0.999), "kind": Choice("a", "b")})
    Sampled(lambda _: spy, "spy")(request(tried, space=space, n=2))
    seen = spy.seen[0]
    assert [one.state.name for one in seen] == ["COMPLETE", "PRUNED", "FAIL"]
    assert seen[0].params["kind"] == "a"
    assert seen[0].params["beta"] == pytest.approx(-2)
    assert seen[0].distributions["beta"] == space["beta"].distribution()
    assert seen[0].value == 0.5
    assert seen[1].intermediate_values == {1: 0.7}


def test_the_points_of_a_generation_are_under_way_as_they_are_really_tried():
    spy = Spy()
    points = Sampled(lambda _: spy, "spy")(request(n=6, together=programs(3), generation=3)).points
    running = [one for one in spy.seen[-1] if one.state.name == "RUNNING"]
    assert len(running) == 5
    for point, one in zip(points, running, strict=False):
        assert one.params == {name: SPACE[name].stored(value) for name, value in point.items()}


def test_what_decides_the_program_is_fixed_for_those_that_follow():
    space = Space({name: SPACE[name] for name in ("units", "layers", "dropout")})
    mirror = Mirror(space, tried_of([{"units": 8, "layers": 1, "dropout": 0.1}], lambda p: p["dropout"]), Spy())
    leader = {"units": 100, "layers": 3, "dropout": 0.5}
    asked = [mirror.ask(leader, ("units", "layers")) for _ in range(8)]
    assert {point["layers"] for point in asked} == {3}
    assert len({point["units"] for point in asked}) > 2  # what is left to it is drawn in the leader's class afterwards
    points = Sampled(lambda _: Spy(), "spy")(request(space=space, n=6, together=programs(3, space))).points
    assert [width_class(p["units"]) for p in points[2:]] == [width_class(p["units"]) for p in points[:2]] * 2


def test_a_long_study_is_told_by_its_best_and_its_latest():
    rng = np.random.default_rng(0)
    tried = [Tried({"x": 0.0}, float(c), 0.0, True) for c in rng.permutation(1_000)]
    kept = told(tried, 100)
    assert len(kept) == 100
    assert {one.criterion for one in kept} >= set(range(25))
    assert kept[-70:] == tried[-70:]
    places = [tried.index(one) for one in kept]
    assert places == sorted(places)
    assert told(tried[:50], 100) == tried[:50]


@pytest.mark.parametrize("word", ["cma", "nsga2"])
def test_samplers_that_keep_their_state_in_trials_go_on_where_they_were(word):
    """CMA-ES contracts, and a genetic algorithm breeds from the best: late points are better than random ones."""
    if word == "cma":
        pytest.importorskip("cmaes")
    proposer = sampled("cma") if word == "cma" else by_sampler(optuna.samplers.NSGAIISampler(population_size=10))
    tried, _ = searched(proposer, 12, n=10, space=LINE, judge=bowl)
    chance, _ = searched(RandomPoints(), 12, n=10, space=LINE, judge=bowl)
    late, usual = (np.median([one.criterion for one in some[-30:]]) for some in (tried, chance))
    assert late < (0.1 if word == "cma" else 0.6) * usual


def test_a_gaussian_process_proposes_near_the_best():
    pytest.importorskip("torch")
    tried = tried_of(drawn_together(request(space=LINE, n=14), anywhere(LINE)), bowl)
    (point,) = proposer_for("gp")(request(tried, space=LINE, n=1, generation=2)).points
    assert bowl(point) < np.median([one.criterion for one in tried]) / 3


@pytest.mark.parametrize("package", ["torch", "cmaes"])
def test_a_missing_package_is_named_with_its_pip_line(package, monkeypatch):
    real = builtins.__import__

    def without(name, *rest):
        if name == package:
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(ImportError, match=f"pip install {package}"):
        sampled("gp" if package == "torch" else "cma")


def test_a_sampler_that_somebody_made_is_seeded_anew_and_left_as_it_was():
    own = optuna.samplers.TPESampler(n_startup_trials=5, seed=1)
    before = own._rng.rng.get_state()[1].copy()
    tried = tried_of(drawn_together(request(space=LINE, n=14), anywhere(LINE)), bowl)
    asked = request(tried, space=LINE, n=4, generation=2)
    one, other = by_sampler(own)(asked), by_sampler(optuna.samplers.TPESampler(n_startup_trials=5, seed=99))(asked)
    assert one == other
    assert one != by_sampler(own)(asked._replace(seed=5))
    np.testing.assert_array_equal(own._rng.rng.get_state()[1], before)
    assert repr(by_sampler(own)) == repr(by_sampler(optuna.samplers.TPESampler(n_startup_trials=5)))
    assert repr(by_sampler(own)) != repr(by_sampler(optuna.samplers.TPESampler(n_startup_trials=6)))


@pytest.mark.filterwarnings("ignore:QMCSampler")
def test_samplers_that_read_their_own_study_are_replaced_or_refused():
    halton = optuna.samplers.QMCSampler(qmc_type="halton", warn_asynchronous_seeding=False)
    assert by_sampler(halton) == LowDiscrepancy("halton")
    with pytest.raises(BadSpace, match="'grid'"):
        by_sampler(optuna.samplers.GridSampler({"x": [1, 2]}))


def test_optuna_speaks_of_studies_in_memory_only_when_it_did_before():
    optuna.logging.set_verbosity(optuna.logging.INFO)
    sampled("tpe")(request(space=LINE, n=2))
    assert optuna.logging.get_verbosity() == optuna.logging.INFO
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def test_words_and_samplers_choose_proposers_and_others_are_refused():
    assert proposer_for("low_discrepancy") == proposer_for("qmc") == LowDiscrepancy()
    assert repr(proposer_for("tpe")) == "Sampled(name='tpe', most=400)"
    assert proposer_for("tpe").ahead
    assert not proposer_for("coarse_to_fine").ahead
    given = RandomPoints()
    assert proposer_for(given) is given
    with pytest.raises(BadSpace, match="Did you mean 'coarse_to_fine'"):
        proposer_for("coarse-to-fine")
    with pytest.raises(BadSpace, match=r"a word, an Optuna sampler or a Proposer"):
        proposer_for(7)  # pyright: ignore[reportArgumentType]
    with pytest.raises(BadSpace, match="a word"):
        proposer_for(RandomPoints)  # pyright: ignore[reportArgumentType]
