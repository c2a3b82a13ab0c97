import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caviar.tuning.coarse_to_fine import ELSEWHERE_SHARE, GOOD_LEAST, CoarseToFine
from caviar.tuning.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.propose import Request, Tried
from caviar.tuning.propose import anywhere as whole_space
from caviar.tuning.space import Space
from caviar.tuning.together import apart

SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1),
        "momentum": OneMinusLogUniform(0.5, 0.999),
        "dropout": Uniform(0, 0.8),
        "units": Integer(4, 256, log=True),
        "activation": Choice("relu", "tanh", "silu", "elu"),
    }
)


def badness(point) -> float:
    """Squared distance on the scales from the best point: rate 0.01, momentum 0.9, dropout 0.2, 64 units, tanh."""
    best = {"learning_rate": 0.01, "momentum": 0.9, "dropout": 0.2, "units": 64}
    apart = sum((SPACE[name].place(point[name]) - SPACE[name].place(value)) ** 2 for name, value in best.items())
    return apart + 0.1 * (point["activation"] != "tanh")


def coarse_to_fine(space, tried, generation):
    """What draws one point after these, and the zoom."""

    def draw(stream):
        shared = apart()
        asked = Request(space, known, 1, generation, int(stream.integers(1 << 62)), shared)
        return CoarseToFine()(asked).points[0]

    known = [Tried(point, value, 0.0, True) for point, value in tried]
    zooms = CoarseToFine()(Request(space, known, 1, generation, 0, apart())).zooms
    return draw, zooms[0] if zooms else None


def drawn(draw, n: int, seed: int = 0) -> list[dict]:
    stream = np.random.default_rng(seed)
    return [draw(stream) for _ in range(n)]


def scored(points) -> list:
    return [(point, badness(point)) for point in points]


def within(point, region) -> bool:
    return all(
        point[name] in ends if isinstance(SPACE[name], Choice) else ends[0] <= point[name] <= ends[1]
        for name, ends in region.items()
    )


@given(seed=st.integers(0, 10_000))
def test_the_whole_space_is_drawn_from_and_nothing_else(seed):
    (point,) = drawn(whole_space(SPACE), 1, seed)
    assert list(point) == list(SPACE)
    assert all(SPACE[name].holds(value) for name, value in point.items())


def test_every_scale_is_drawn_evenly():
    """A third of the rates lies in each third of the exponents, and so on."""
    points = drawn(whole_space(SPACE), 3_000)
    for name, dimension in SPACE.items():
        parts = 4 if name == "activation" else 3
        shares = np.bincount([min(parts - 1, int(parts * dimension.place(p[name]))) for p in points]) / len(points)
        assert shares == pytest.approx(np.full(parts, 1 / parts), abs=0.06), name


def test_nothing_is_zoomed_into_before_there_is_something_to_see():
    points = scored(drawn(whole_space(SPACE), 2 * GOOD_LEAST))
    assert coarse_to_fine(SPACE, points[:-1], 1)[1] is None
    assert coarse_to_fine(SPACE, points, 1)[1] is not None


def test_most_points_come_from_the_region_of_the_good_ones_the_rest_from_everywhere():
    tried = scored(drawn(whole_space(SPACE), 60))
    draw, zoom = coarse_to_fine(SPACE, tried, 3)
    assert (zoom.generation, zoom.good) == (3, 12)
    best = sorted(tried, key=lambda item: item[1])[:12]
    assert all(within(point, zoom.region) for point, _ in best)
    points = drawn(draw, 2_000)
    assert all(SPACE[name].holds(value) for point in points for name, value in point.items())
    # Those from everywhere fall into the region by chance, too: the product of its widths on the scales.
    chance = np.prod(
        [
            len(ends) / 4 if name == "activation" else SPACE[name].place(ends[1]) - SPACE[name].place(ends[0])
            for name, ends in zoom.region.items()
        ]
    )
    inside = np.mean([within(point, zoom.region) for point in points])
    assert chance < 0.5
    assert inside == pytest.approx(1 - ELSEWHERE_SHARE * (1 - chance), abs=0.025)


def test_the_region_is_the_box_of_the_good_points_a_little_widened():
    space = Space({"dropout": Uniform(0, 1), "l2": Uniform(0, 1)})
    tried = [({"dropout": d, "l2": d / 2}, abs(d - 0.5)) for d in np.linspace(0, 1, 21)]
    _, zoom = coarse_to_fine(space, tried, 1)
    assert zoom.good == GOOD_LEAST  # a fifth of 21, at least 4: dropout 0.4, 0.45, 0.5, 0.55 or 0.6
    low, high = zoom.region["dropout"]
    assert (high - low) == pytest.approx(0.15 + 2 * 0.05)
    assert low <= 0.4 + 1e-9 or high >= 0.6 - 1e-9
    assert (low < 0.45, high > 0.55) == (True, True)
    assert zoom.reason == "the best 4 of 21 points lie here; l2 and dropout narrowed most"


def test_an_option_is_drawn_as_often_as_the_good_points_have_it():
    space = Space({"activation": Choice("relu", "tanh", "silu")})
    good = [("tanh", 0.0), ("tanh", 0.1), ("tanh", 0.2), ("silu", 0.3)]
    tried = [({"activation": name}, value) for name, value in [*good, *[("relu", 9.0)] * 12]]
    draw, zoom = coarse_to_fine(space, tried, 1)
    assert sorted(zoom.region["activation"]) == ["silu", "tanh"]
    assert "narrowed" not in zoom.reason
    names = [point["activation"] for point in drawn(draw, 4_000)]
    elsewhere = ELSEWHERE_SHARE / 3
    assert names.count("tanh") / 4_000 == pytest.approx(0.8 * 0.75 + elsewhere, abs=0.03)
    assert names.count("silu") / 4_000 == pytest.approx(0.8 * 0.25 + elsewhere, abs=0.03)


def test_the_same_random_numbers_draw_the_same_points():
    tried = scored(drawn(whole_space(SPACE), 30))
    one, other = (drawn(coarse_to_fine(SPACE, tried, 1)[0], 20, 7) for _ in range(2))
    assert one == other
    assert one != drawn(coarse_to_fine(SPACE, tried, 1)[0], 20, 8)


def test_a_value_outside_the_space_draws_the_region_to_its_edge():
    space = Space({"l2": Uniform(0, 1)})
    tried = [({"l2": 5.0}, -1.0), *[({"l2": x}, x) for x in np.linspace(0.8, 1, 10)]]
    draw, zoom = coarse_to_fine(space, tried, 1)
    assert zoom.region["l2"][1] == 1
    assert all(0 <= point["l2"] <= 1 for point in drawn(draw, 200))


def test_coarse_to_fine_beats_random_points_at_equal_cost():
    """Four generations of 16 against 64 random points, over 40 seeds."""
    fine, random = [], []
    for seed in range(40):
        stream = np.random.default_rng(seed)
        tried: list = []
        for generation in range(4):
            draw, _ = coarse_to_fine(SPACE, tried, generation)
            tried += scored([draw(stream) for _ in range(16)])
        fine.append(min(value for _, value in tried))
        random.append(min(badness(point) for point in drawn(whole_space(SPACE), 64, 1_000 + seed)))
    assert np.mean(fine) < 0.6 * np.mean(random)
    assert np.mean(np.array(fine) < np.array(random)) > 0.7
