import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.network.config import Config
from caviar.tuning.proposals.coarse_to_fine import COARSE, ELSEWHERE, GOOD_LEAST, GOOD_MOST, CoarseToFine
from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.propose import RandomPoints, Tried, generation_size
from caviar.tuning.proposals.regions import MOST
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.spaces.dimensions import Choice, Uniform
from caviar.tuning.spaces.space import Space
from tuning.asked import SPACE, badness, programs, request, searched, tried_of

PLANE = Space({name: Uniform(0, 1) for name in ("x", "y", "idle")})


def spread(n: int, space: Space = PLANE, seed: int = 0) -> list:
    return LowDiscrepancy()(request(space=space, n=n, seed=seed)).points


def zooms(tried, **how):
    return CoarseToFine()(request(tried, generation=3, **{"space": PLANE, "n": 16, "of": 100} | how)).zooms


def near(x: float, y: float):
    """Least at a point, whatever `idle` is."""
    return lambda point: (point["x"] - x) ** 2 + (point["y"] - y) ** 2


def two_basins(point) -> float:
    return min(near(0.2, 0.8)(point), near(0.8, 0.2)(point) + 0.001)


def inside(point, zoom) -> bool:
    return all(
        point[name] in ends if isinstance(PLANE[name], Choice) else ends[0] <= point[name] <= ends[1]
        for name, ends in zoom.region.items()
    )


def test_the_first_points_are_spread_over_the_whole_space():
    asked = request(tried_of(spread(COARSE - 1), near(0.3, 0.3)), space=PLANE, generation=1)
    assert CoarseToFine()(asked) == LowDiscrepancy()(asked)
    assert CoarseToFine()(asked).zooms == ()
    assert len(zooms(tried_of(spread(COARSE), near(0.3, 0.3)))) >= 1


def test_a_zoom_narrows_what_matters_and_leaves_what_does_not():
    (zoom,) = zooms(tried_of(spread(64), near(0.3, 0.6)))
    width = {name: high - low for name, (low, high) in zoom.region.items()}
    assert zoom.good == 13
    assert zoom.region["x"][0] < 0.3 < zoom.region["x"][1]
    assert max(width["x"], width["y"]) < 0.65
    assert width["idle"] > 0.8
    assert zoom.reason.startswith("the best 13 of 64 points lie here; narrowed most: ")
    assert "idle" not in zoom.reason.split("; ")[1]


@pytest.mark.parametrize("seed", range(4))
def test_two_basins_are_two_zooms_and_both_get_points(seed):
    tried = tried_of(spread(64, seed=seed), two_basins)
    answer = CoarseToFine()(request(tried, space=PLANE, n=16, generation=3, seed=seed, of=100))
    assert len(answer.zooms) == 2
    centres = sorted(np.mean(zoom.region["x"]) for zoom in answer.zooms)
    assert centres[0] < 0.4
    assert centres[1] > 0.6
    assert all("apart from the others" in zoom.reason for zoom in answer.zooms)
    sides = [sum(near(x, 1 - x)(point) < 0.08 for point in answer.points) for x in (0.2, 0.8)]
    assert min(sides) >= 2


def test_a_wide_basin_is_one_zoom_whatever_does_not_matter():
    """Nine settings that matter nothing leave the good points far apart, and yet in one region."""
    space = Space({name: Uniform(0, 1) for name in ("x", "y", *"abcdefghi")})
    assert len(zooms(tried_of(spread(128, space), near(0.5, 0.5)), space=space)) == 1


def test_zooms_become_finer():
    tried, proposals = searched(CoarseToFine(), 8, n=16, space=PLANE, judge=near(0.37, 0.71))
    first, last = proposals[1].zooms[0].region, proposals[-1].zooms[0].region
    for name in ("x", "y"):
        assert last[name][1] - last[name][0] < 0.5 * (first[name][1] - first[name][0])
    assert min(one.criterion for one in tried) < 1e-4


def test_where_the_best_lies_on_the_edge_of_the_good_points_the_zoom_is_widened_there():
    """Nothing was tried beyond x = 0.5, and the best is just there."""
    points = [{"x": 0.5 * p["x"], "y": p["y"], "idle": p["idle"]} for p in spread(64)]
    zoom = zooms(tried_of(points, near(0.7, 0.5)))[0]
    assert zoom.region["x"][1] > 0.6
    assert "x is widened upwards, since the best lies on that edge" in zoom.reason
    answer = CoarseToFine()(request(tried_of(points, near(0.7, 0.5)), space=PLANE, n=16, generation=3, of=100))
    assert max(point["x"] for point in answer.points) > 0.55


def test_an_optimum_on_the_edge_of_the_space_is_said():
    points = [*spread(63), {"x": 1.0, "y": 0.5, "idle": 0.5}]
    zoom = zooms(tried_of(points, near(1.2, 0.5)))[0]
    assert "the best x lies at the upper edge of the space: beyond it may be better" in zoom.reason
    assert zoom.region["x"][1] == 1


def test_options_are_drawn_as_the_good_points_have_them():
    space = Space({"kind": Choice("a", "b", "c", "d"), "x": Uniform(0, 1)})
    tried = tried_of(spread(64, space), lambda p: p["x"] + 5 * (p["kind"] != "c"))
    answer = CoarseToFine()(request(tried, space=space, n=40, generation=3, of=100))
    kinds = [point["kind"] for point in answer.points]
    assert kinds.count("c") > 25
    assert len(set(kinds)) > 1
    assert answer.zooms[0].region["kind"] == ("c",)
    assert "kind mostly c" in answer.zooms[0].reason


def test_points_that_noise_cannot_tell_from_the_best_count_as_good():
    tried = [one._replace(noise=0.0) for one in tried_of(spread(64), near(0.5, 0.5))]
    ordered = sorted(one.criterion for one in tried)
    noisy = [one._replace(noise=ordered[20] - ordered[0]) for one in tried]
    assert sum(zoom.good for zoom in zooms(tried)) == 13
    assert sum(zoom.good for zoom in zooms(noisy)) == 21


def test_a_tenth_of_the_points_comes_from_anywhere():
    tried = tried_of(spread(200), near(0.1, 0.1))
    points = CoarseToFine()(request(tried, space=PLANE, n=200, generation=3, of=400)).points
    far = sum(near(0.1, 0.1)(point) > 0.5 for point in points)
    assert 2 <= far <= 200 // ELSEWHERE


def test_a_network_that_diverged_bends_nothing():
    tried = tried_of(spread(64), near(0.3, 0.6))
    last = max(tried, key=lambda one: one.criterion)
    worse = [one._replace(criterion=1e9) if one is last else one for one in tried]
    asked = request(tried, space=PLANE, n=8, generation=3, of=100)
    assert CoarseToFine()(asked) == CoarseToFine()(asked._replace(tried=worse))


@settings(max_examples=15)
@given(scale=st.floats(0.01, 100), shift=st.floats(-10, 10))
def test_only_the_order_of_the_criteria_counts(scale, shift):
    tried = tried_of(spread(32), near(0.3, 0.6))
    changed = [Tried(one.point, scale * one.criterion**3 + shift, 0.0, True) for one in tried]
    plain = [Tried(one.point, one.criterion, 0.0, True) for one in tried]
    order = np.argsort([one.criterion for one in changed], kind="stable")
    if (order == np.argsort([one.criterion for one in plain], kind="stable")).all():
        asked = request(plain, space=PLANE, n=6, generation=2, of=50)
        assert CoarseToFine()(asked) == CoarseToFine()(asked._replace(tried=changed))


@settings(max_examples=15)
@given(seed=st.integers(0, 1_000), n=st.integers(1, 40), tried=st.integers(0, 40))
def test_whatever_was_tried_zooms_lie_in_the_space_and_hold_their_best_point(seed, n, tried):
    known = tried_of(RandomPoints()(request(n=tried, seed=seed)).points) if tried else []
    answer = CoarseToFine()(request(known, n=n, generation=1, seed=seed, together=programs(1), of=100))
    assert len(answer.points) == n
    assert len(answer.zooms) <= MOST
    assert bool(answer.zooms) == (tried >= COARSE)
    for zoom in answer.zooms:
        for name, ends in zoom.region.items():
            assert all(SPACE[name].holds(end) for end in ends)
    if answer.zooms:
        assert GOOD_LEAST <= sum(zoom.good for zoom in answer.zooms) <= 2 * GOOD_MOST
        best = min(known, key=lambda one: one.criterion).point
        for name, value in best.items():
            ends = answer.zooms[0].region[name]
            assert value in ends if isinstance(SPACE[name], Choice) else ends[0] <= value <= ends[1]


def test_noise_does_not_keep_it_from_the_region():
    """Criteria with noise as large as a fifth of their spread: late points are good ones all the same."""
    late = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        tried: list[Tried] = []
        for generation in range(6):
            asked = request(tried, space=PLANE, n=12, generation=generation, seed=seed, of=72 - len(tried))
            for point in CoarseToFine()(asked).points:
                tried.append(Tried(point, near(0.3, 0.6)(point) + 0.05 * rng.normal(), 0.05, True))
        late += [near(0.3, 0.6)(one.point) for one in tried[-24:]]
    assert np.median(late) < 0.03


def test_ten_thousand_trials_are_told_by_a_few_hundred_of_them(monkeypatch):
    from caviar.tuning.proposals import coarse_to_fine

    sizes = []

    def spy(space, x, *rest, **how):
        sizes.append(len(x))
        return real(space, x, *rest, **how)

    real = coarse_to_fine.Trend
    monkeypatch.setattr(coarse_to_fine, "Trend", spy)
    tried = tried_of(RandomPoints()(request(space=PLANE, n=10_000)).points, near(0.3, 0.6))
    CoarseToFine()(request(tried, space=PLANE, n=4, generation=9, of=50))
    assert sizes == [250]


def test_generations_grow_with_the_search():
    sizes = [generation_size(n) for n in (1, 20, 100, 500, 10_000)]
    assert sizes == [4, 4, 10, 22, 64]


def test_it_beats_random_points_where_programs_are_shared():
    fine = [min(one.criterion for one in searched(CoarseToFine(), 6, share=True, seed=s)[0]) for s in range(6)]
    chance = [min(one.criterion for one in searched(RandomPoints(), 6, share=True, seed=s)[0]) for s in range(6)]
    assert np.median(fine) < 0.3 * np.median(chance)  # one in twelve is left with tanh, which costs 0.05
    assert badness({"learning_rate": 0.01, "dropout": 0.2, "activation": "relu"}) == pytest.approx(0)


@pytest.mark.parametrize(("most", "compiled"), [(0, 2), (1, 1), (2, 0)])
def test_where_there_is_no_time_to_compile_points_follow_the_best_programs_so_far(most, compiled):
    """Of the two leaders so many as the time forbids have a program of an earlier generation."""
    together = together_in_programs(SPACE, Config(epochs=9), first=False, most=most)
    tried = tried_of(spread(40, SPACE))
    before = {together.program(one.point) for one in tried}
    new = []
    for seed in range(5):
        points = CoarseToFine()(request(tried, generation=3, seed=seed, n=20, together=together)).points
        leaders = [together.program(point) for point in points[:2]]
        assert all(program in before for program in leaders[2 - compiled :])
        assert {together.program(point) for point in points} == set(leaders)
        new += [program not in before for program in leaders[: 2 - compiled]]
    assert any(new) == (most > 0)
