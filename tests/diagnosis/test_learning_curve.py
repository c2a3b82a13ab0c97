"""Power laws are found again in made curves, bands hold the truth, and a curve says what more rows would bring."""

import dataclasses
import functools
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import least_squares
from scipy.special import expit
from scipy.stats import norm

from caviar.diagnosis import learning_curve as module
from caviar.diagnosis.bias_variance import TOLERANCE
from caviar.diagnosis.intervals import Estimate, resampled_means
from caviar.diagnosis.learning_curve import LearningCurve, _law, learning_curve
from caviar.diagnosis.power_law import EXPONENTS, fit
from caviar.errors import BadConfig, BadData
from caviar.network.config import Config
from caviar.training import population
from diagnosis import made_scores

ROWS = (100, 200, 400, 700, 1000)
SMALL = Config(hidden_units=(4,), epochs=20, batch_size=20, learning_rate=0.01)


def exact(values, rows=ROWS):
    """The law through values without noise."""
    return fit(rows, np.asarray(values), np.tile(values, (5, 1)), seeds=3, held_out=100)


@given(a=st.floats(0.01, 0.5), b=st.floats(0.1, 1.9), c=st.floats(0, 0.5))
def test_a_law_without_noise_is_found_again(a, b, c):
    values = [a * (n / 1000) ** -b + c for n in ROWS]
    law, close = exact(values), 1e-3 * (values[0] - c)
    assert law.b == pytest.approx(b, rel=0.02, abs=0.01)
    for times in (1, 2, 4):
        found = law.at(1000 * times)
        assert found.value == pytest.approx(a * times**-b + c, rel=0.02, abs=close)
        assert found.low == pytest.approx(found.value) == found.high
    assert law.gain(2000).value == pytest.approx(a - a * 2**-b, rel=0.05, abs=close)
    assert law.rows_for(a / 2 + c).value == pytest.approx(1000 * 2 ** (1 / b), rel=0.15)


@given(values=st.lists(st.floats(0, 1), min_size=5, max_size=5))
def test_any_values_have_a_law_within_its_bounds(values):
    """Also such as rise or jump: never negative, never rising."""
    law = exact(values)
    assert law.a >= 0
    assert law.c >= 0
    assert EXPONENTS[0] <= law.b <= EXPONENTS[1]
    curve = [law.at(n).value for n in (100, 1000, 5000)]
    assert all(np.isfinite(curve))
    assert curve[0] >= curve[1] >= curve[2] >= 0


def test_no_other_law_fits_better():
    """Against a general optimiser, from many starts."""
    rng = np.random.default_rng(0)
    n = np.array(ROWS) / 1000
    for _ in range(20):
        values = np.abs(0.05 * n ** -rng.uniform(0.1, 1.5) + rng.uniform(0, 0.1) + rng.normal(0, 0.02, 5))
        drawn = values + rng.normal(size=(400, 5)) * [0.03, 0.02, 0.015, 0.01, 0.01]
        noise = drawn.std(axis=0)
        law = fit(ROWS, values, drawn, seeds=3, held_out=100)
        own = np.square((law.a * n**-law.b + law.c - values) / noise).sum()
        others = [
            2
            * least_squares(
                lambda p, v=values, s=noise: (p[0] * n ** -p[1] + p[2] - v) / s,
                (0.05, b, 0.01),
                bounds=([0, EXPONENTS[0], 0], [np.inf, EXPONENTS[1], np.inf]),
            ).cost
            for b in (0.1, 0.5, 1.5)
        ]
        assert own <= min(others) * 1.01 + 1e-9


def test_errors_that_do_not_fall_promise_nothing():
    law = exact([0.2, 0.2, 0.2, 0.2, 0.2])
    assert law.at(4000).value == pytest.approx(0.2)
    assert law.gain(4000).value == pytest.approx(0, abs=1e-9)
    assert law.rows_for(0.1).value == np.inf
    assert law.rows_for(0.1).low == np.inf


def made(rng, law, seeds=4, held_out=200):
    """Errors (points, seeds, rows) of networks whose chance of missing a row follows a law.

    Rows differ in how hard they are, seeds share most of what they miss, and the fewer rows, the more seeds differ.
    """
    a, b, c = law
    hard, own = rng.normal(size=held_out), rng.normal(size=(seeds, held_out))
    nodes, weights = np.polynomial.hermite_e.hermegauss(40)
    made = []
    for n in ROWS:
        error, low, high = a * (n / 1000) ** -b + c, -30.0, 30.0
        for _ in range(50):  # the level at which rows of this spread are missed with this chance
            middle = (low + high) / 2
            low, high = (
                (middle, high) if expit(middle + 2.5 * nodes) @ weights < error * weights.sum() else (low, middle)
            )
        luck = 0.2 * np.sqrt(0.3 + 100 / n) * rng.normal(size=(seeds, 1))
        chance = expit(low + luck + 2.5 * hard)
        drawn = np.sqrt(0.7) * own + np.sqrt(0.3) * rng.normal(size=(seeds, held_out))
        made.append((norm.cdf(drawn) < chance).astype(float))
    return made


@pytest.mark.parametrize("law", [(0.05, 0.5, 0.02), (0.05, 1.0, 0.0), (0.0, 1.0, 0.15)])
def test_the_band_holds_the_truth(law):
    """95 % nominal; of 30 made curves at least 25 (a band that holds 95 % fails this less than once in a thousand)."""
    a, b, c = law
    rng = np.random.default_rng(3)
    held = {1: 0, 2: 0, 4: 0}
    for _ in range(30):
        found = _law(ROWS, made(rng, law))
        for times in held:
            band = found.at(1000 * times)
            held[times] += band.low <= a * times**-b + c <= band.high
    assert min(held.values()) >= 25, held


def test_what_is_drawn_again_is_the_same_for_all_shares():
    """The band of a difference is narrow where the same rows are missed at every share."""
    errors = np.random.default_rng(0).binomial(1, 0.2, size=(3, 300)).astype(float)
    np.testing.assert_array_equal(resampled_means(errors), resampled_means(errors.copy()))
    law = _law((10, 20, 40), [errors] * 3)
    assert law.at(40).high - law.at(40).low > 0.05
    assert law.gain(80).high < 0.005


@functools.cache
def trained() -> LearningCurve:
    return learning_curve(made_scores.classes(300, 300), SMALL, seeds=(0, 1, 2))


def test_a_real_curve_foretells_its_largest_share():
    """The law through the smaller shares holds what came with all rows; so for the loss."""
    split = made_scores.classes(300, 300)
    part = learning_curve(split, SMALL, shares=(0.1, 0.2, 0.4, 0.7), seeds=(0, 1, 2))
    whole = trained()
    assert part.rows == whole.rows[:4] == (30, 60, 120, 210)
    for name in ("error", "loss"):
        assert getattr(part, name) == getattr(whole, name)[:4]
        band, came = getattr(part, f"{name}_law").at(300), getattr(whole, name)[4].value
        assert band.low <= came <= band.high
        assert band.high - band.low < 0.35 * getattr(part, name)[0].value + 0.1
    assert whole.train_error[0].value < whole.error[0].value
    assert whole.error[-1].value < whole.error[0].value


def test_all_is_trained_in_one_call(monkeypatch):
    calls = []

    def counted(split, configs, **others):
        calls.append(configs)
        return population.train(split, configs, **others)

    monkeypatch.setattr(module, "train", counted)
    learning_curve(made_scores.classes(300, 300), SMALL, shares=(0.1, 0.4, 1.0), seeds=(0, 2))
    assert [[(c.rows, c.seed) for c in configs] for configs in calls] == [
        [(share, seed) for share in (0.1, 0.4, 1.0) for seed in (0, 2)]
    ]


def test_a_regression_is_told_in_shares_of_variance():
    split = made_scores.quantity(200, 100)
    curve = learning_curve(split, SMALL, shares=(0.2, 0.5, 1.0), seeds=(0, 1))
    assert curve.tolerance == TOLERANCE["regression"]
    assert 0 < curve.error[-1].value < curve.error[0].value
    assert "of the target's variance unexplained" in curve.words()[1]
    assert np.isfinite(curve.train_error[0].low)


def test_json_and_words():
    curve = trained()
    content = json.loads(json.dumps(curve.to_json(), allow_nan=False))
    assert [point["rows"] for point in content["points"]] == [30, 60, 120, 210, 300]
    assert content["predicted"]["2x"] == curve.predicted(2).to_json()
    assert content["more_rows_help"] == curve.more_rows_help
    told = " ".join(curve.words())
    assert "With 300 train rows" in told
    assert f"{curve.predicted(2).value:.1%}" in told


def with_errors(errors, train_errors, spread=0.001, **others):
    """A curve of given errors, almost without noise; its losses are its errors."""
    values = np.array(errors)
    drawn = values + spread * np.random.default_rng(0).normal(size=(500, 5))
    law = fit(ROWS, values, drawn, seeds=5, held_out=10_000)
    at, train = (tuple(Estimate(e, e - spread, e + spread, 10_000) for e in own) for own in (errors, train_errors))
    return dataclasses.replace(
        trained(), rows=ROWS, train_error=train, error=at, loss=at, error_law=law, loss_law=law, **others
    )


def test_falling_errors_say_how_many_rows_are_needed():
    curve = with_errors([0.1 * (n / 1000) ** -0.5 for n in ROWS], [0.0] * 5)
    assert curve.more_rows_help == "yes"
    assert not curve.met
    assert curve.rows_needed.value == pytest.approx(25_000, rel=0.2)
    told = curve.words()
    assert told[0].startswith("More rows would help: twice as many would take away 29 % of the held-out loss")
    assert "7.1% (" in told[1]
    assert "More than ten times the rows would be needed" in told[2]
    near = dataclasses.replace(curve, tolerance=0.08)
    assert near.rows_needed.value == pytest.approx(1000 * (0.1 / 0.08) ** 2, rel=0.1)
    assert near.words()[2].startswith("For an error of 8.0% about 1,600 train rows are needed, at least 1,")
    assert dataclasses.replace(curve, tolerance=0.11).words()[2] == "What is aimed at, an error of 11.0%, is reached."


def test_flat_curves_that_have_met_blame_the_network():
    curve = with_errors([0.22, 0.21, 0.205, 0.204, 0.204], [0.17, 0.19, 0.197, 0.199, 0.2])
    assert curve.more_rows_help == "no"
    assert curve.met
    assert "the network is at its limit, not the data" in curve.words()[-1]
    apart = with_errors([0.22, 0.21, 0.205, 0.204, 0.204], [0.0] * 5)
    assert not apart.met


def test_noise_leaves_it_open():
    curve = with_errors([0.3, 0.21, 0.2, 0.15, 0.15], [0.0] * 5, spread=0.05)
    assert curve.more_rows_help == "cannot tell"
    aimed_at = dataclasses.replace(curve, tolerance=0.12)
    assert "whether any number suffices cannot be told" in aimed_at.words()[2]


def test_seeds_that_diverged_are_left_out(monkeypatch):
    real = module.score_runs

    def one_diverged(split, networks, metric):
        scores = real(split, networks, metric)
        return [dataclasses.replace(s, status="diverged") if n == 1 else s for n, s in enumerate(scores)]

    monkeypatch.setattr(module, "score_runs", one_diverged)
    split, shares = made_scores.classes(300, 300), (0.1, 0.4, 1.0)
    curve = learning_curve(split, SMALL, shares=shares, seeds=(0, 1, 2))
    assert (curve.seeds, curve.diverged) == (2, 1)
    assert curve.words()[-1] == "1 of 3 seeds diverged and is left out."
    monkeypatch.setattr(module, "score_runs", lambda *a: [dataclasses.replace(s, status="diverged") for s in real(*a)])
    with pytest.raises(BadData, match="got only diverged ones"):
        learning_curve(split, SMALL, shares=shares, seeds=(0,))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"shares": (0.5, 1.0)}, r"at least three different shares in \(0, 1\], got \[0.5, 1.0\]"),
        ({"shares": (0.1, 0.5, 1.5)}, r"shares in \(0, 1\], got \[0.1, 0.5, 1.5\]"),
        ({"seeds": ()}, r"at least one seed, each once, got \[\]"),
        ({"seeds": (1, 1)}, r"at least one seed, each once, got \[1, 1\]"),
        ({"config": SMALL.changed(rows=0.5)}, r"a config with rows=1.0, got 0.5"),
    ],
)
def test_what_cannot_be_is_said(asked, words):
    with pytest.raises(BadConfig, match=words):
        learning_curve(made_scores.classes(300, 300), **({"config": SMALL} | asked))


def test_rows_that_are_too_few_are_said():
    with pytest.raises(BadData, match="needs dev rows to judge by, got none"):
        learning_curve(made_scores.classes(300, 0, 50), SMALL)
    with pytest.raises(BadData, match=r"shares of different sizes, got \[1, 1, 300\] of 300 train rows"):
        learning_curve(made_scores.classes(300, 300), SMALL, shares=(0.001, 0.002, 1.0))
