import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from caviar.tuning.proposals.low_discrepancy import LowDiscrepancy
from caviar.tuning.proposals.promise import Promise, log_improvement
from caviar.tuning.proposals.trend import Trend, features, normal_scores
from caviar.tuning.spaces.dimensions import Choice, Uniform
from caviar.tuning.spaces.space import Space
from tuning.asked import SPACE, request

BOX = Space({"x": Uniform(0, 2), "idle": Uniform(0, 1), "kind": Choice("a", "b")})


def points(n: int, seed: int = 0) -> list:
    return LowDiscrepancy()(request(space=BOX, n=n, seed=seed)).points


def curve(point) -> float:
    return (point["x"] - 0.6) ** 2 + 0.3 * (point["kind"] == "b")


def fitted(n: int = 40) -> Trend:
    some = points(n)
    return Trend(BOX, features(BOX, some), [curve(point) for point in some], fitted_on=n)


def test_the_trend_orders_points_that_it_was_not_told_of():
    other = points(60, seed=1)
    mean, deviation = fitted().at(features(BOX, other))
    assert stats.spearmanr(mean, [curve(point) for point in other]).statistic > 0.97
    assert (deviation > 0).all()


def test_what_matters_has_the_shorter_length():
    relevance = fitted().relevance
    assert relevance["x"] > 3 * relevance["idle"]
    assert relevance["kind"] > relevance["idle"]


def test_it_is_the_gaussian_process_of_its_lengths():
    """Means and covariances by the textbook's formulas (Rasmussen & Williams 2006, 2.25 and 2.26)."""
    trend, some, other = fitted(12), points(12), points(5, seed=2)
    a, b = features(BOX, some), features(BOX, other)
    weights = np.array(list(trend.relevance.values())) ** 2

    def kernel(p, q):
        apart = ((p[:, None] - q) ** 2 * weights)[..., :2].sum(-1) + weights[2] * (p[:, None, 2] != q[:, 2])
        root = np.sqrt(5 * apart)
        return trend.scale * (1 + root + root**2 / 3) * np.exp(-root)

    solved = np.linalg.inv(kernel(a, a) + trend.noise * np.eye(12))
    mean, spread = trend.joint(b, b[:0])
    np.testing.assert_allclose(mean, kernel(b, a) @ solved @ trend.scores, rtol=1e-6, atol=1e-8)
    np.testing.assert_allclose(spread, kernel(b, b) - kernel(b, a) @ solved @ kernel(a, b), rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(trend.at(b)[1] ** 2, np.diag(spread), rtol=1e-5, atol=1e-7)


def test_points_beside_count_as_tried():
    """Conditioning on a point by `joint` and by believing in it is the same, and takes its doubt away."""
    trend, x = fitted(12), features(BOX, points(6, seed=2))
    _, alone = trend.joint(x[1:], x[:0])
    mean, beside = trend.joint(x[1:], x[:1])
    promise = Promise(trend, x, x[:0], best=0.0)
    promise.believe(0)
    np.testing.assert_allclose(promise._spread[1:, 1:], beside, atol=1e-9)
    np.testing.assert_allclose(promise._mean[1:], mean)
    assert (np.diag(beside) < np.diag(alone)).all()


def test_each_point_is_chosen_once_and_none_of_others():
    trend, x = fitted(12), features(BOX, points(6, seed=2))
    promise = Promise(trend, x, x[:0], best=0.0)
    among = np.array([True, False, True, True, False, False])
    assert sorted(promise.choose(among) for _ in range(3)) == [0, 2, 3]
    assert promise.choose(among) is None
    assert promise.choose(np.ones(6, bool)) in (1, 4, 5)


@given(mean=st.floats(-5, 5), variance=st.floats(0.01, 4), best=st.floats(-5, 5))
def test_the_expected_improvement_is_that_of_the_normal_distribution(mean, variance, best):
    deviation = np.sqrt(variance)
    z = (best - mean) / deviation
    by_hand = (best - mean) * stats.norm.cdf(z) + deviation * stats.norm.pdf(z)
    ours = log_improvement(np.array([mean]), np.array([variance]), best)[0]
    if by_hand > 1e-12:
        assert ours == pytest.approx(np.log(by_hand), abs=1e-4)
    assert np.isfinite(ours)


def test_a_hopeless_point_still_has_an_order():
    far = log_improvement(np.array([50.0, 60.0, 500.0]), np.full(3, 1.0), 0.0)
    assert np.isfinite(far).all()
    assert (np.diff(far) < 0).all()


def test_scores_keep_the_order_and_not_the_distance():
    assert normal_scores([3.0, 1.0, 2.0]).tolist() == normal_scores([1e9, 0.0, 1.0]).tolist()
    assert normal_scores([1.0, 2.0, 3.0]) == pytest.approx(stats.norm.ppf([1 / 6, 0.5, 5 / 6]))
    assert normal_scores([1.0, 1.0]).tolist() == [0, 0]


def test_features_are_places_with_the_middle_for_what_is_not_searched():
    row = features(SPACE, [{"learning_rate": 0.01, "schedule": "cosine", "dropout": 0.4}])[0]
    names = list(SPACE)
    assert row[names.index("learning_rate")] == pytest.approx(0.5)
    assert row[names.index("decay_rate")] == 0.5
    assert row[names.index("schedule")] == SPACE["schedule"].place("cosine")
