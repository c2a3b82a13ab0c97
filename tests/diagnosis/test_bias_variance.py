import dataclasses

import numpy as np
import pytest

from caviar.diagnosis import bias_variance as bv
from caviar.diagnosis.finding import FINDINGS, SEVERITIES
from caviar.diagnosis.intervals import Estimate, difference, mean, share
from caviar.errors import BadData
from diagnosis.made_scores import classes, quantity, score

TABLE = {(0.01, 0.11): "high variance", (0.15, 0.16): "high bias", (0.15, 0.30): "both", (0.005, 0.01): "neither"}


def read_off(train: float, dev: float, rows: int, **settings) -> bv.BiasVariance:
    """The verdicts for a network with these errors on 10,000 (2,000 with few dev rows) training rows."""
    split = classes(12_000, 20_000) if rows == 20_000 else classes(2_000, rows)
    return bv.bias_variance([score(error=dev, rows=rows, train_error=train)], split, **settings)


@pytest.mark.parametrize(
    ("errors", "bias", "variance"),
    [
        ((0.01, 0.11), "low", "high"),
        ((0.15, 0.16), "high", "low"),
        ((0.15, 0.30), "high", "high"),
        ((0.005, 0.01), "low", "low"),
    ],
)
def test_the_table_of_the_course_with_many_rows(errors, bias, variance):
    result = read_off(*errors, rows=20_000)
    assert (result.bias_verdict, result.variance_verdict) == (bias, variance)
    assert result.bias.value == pytest.approx(errors[0])
    assert result.variance.value == pytest.approx(errors[1] - errors[0])


@pytest.mark.parametrize(
    ("errors", "bias", "variance"),
    [
        ((0.01, 0.11), "low", "high"),
        ((0.15, 0.16), "high", "cannot tell"),
        ((0.15, 0.30), "high", "high"),
        ((0.005, 0.01), "low", "cannot tell"),
    ],
)
def test_the_table_of_the_course_with_60_rows(errors, bias, variance):
    result = read_off(*errors, rows=60)
    assert (result.bias_verdict, result.variance_verdict) == (bias, variance)


def test_bias_is_read_against_the_optimal_error():
    """The course: with 15 % for a person too, 15 % and 16 % is no high bias."""
    result = read_off(0.15, 0.16, rows=20_000, optimal_error=0.15)
    assert (result.bias_verdict, result.variance_verdict) == ("low", "low")
    assert (result.optimal, result.optimal_given) == (0.15, True)
    assert result.bias.value == pytest.approx(0, abs=1e-12)
    assert not read_off(0.15, 0.16, rows=20_000).optimal_given


@pytest.mark.parametrize(("tolerance", "verdict"), [(0.02, "low"), (0.01, "cannot tell"), (0.001, "high")])
def test_the_tolerance_is_the_size_that_matters(tolerance, verdict):
    """A gap of one point, known to about half a point."""
    assert read_off(0.15, 0.16, rows=20_000, tolerance=tolerance).variance_verdict == verdict


def test_the_verdict_asks_the_whole_interval():
    assert bv.verdict(Estimate(0.05, 0.021, 0.08, 9), 0.02) == "high"
    assert bv.verdict(Estimate(0.01, -0.01, 0.019, 9), 0.02) == "low"
    assert bv.verdict(Estimate(0.05, 0.019, 0.08, 9), 0.02) == "cannot tell"
    assert bv.verdict(Estimate(0.01, -0.01, 0.021, 9), 0.02) == "cannot tell"


def test_errors_of_classes_are_shares_with_wilson_intervals():
    split = classes(2_000, 60)
    scores = [score(error=e, rows=60, train_error=t) for e, t in ((0.1, 0.04), (0.2, 0.06), (0.3, 0.05))]
    result = bv.bias_variance(scores, split)
    assert result.train == share([0.04, 0.06, 0.05], 2_000)
    assert result.dev == share([score.error.mean() for score in scores], 60)
    assert result.variance == difference(result.train, result.dev)


def test_a_quantity_is_read_on_the_scale_of_its_variance():
    """Error of a regression by hand: MSE / variance, which is 1 - R^2; the training error comes as RMSE in its unit."""
    split = quantity(2_000, 60)
    assert np.var(split.y_train) == pytest.approx(1, abs=1e-3)
    squared = np.random.default_rng(0).exponential(0.3, size=(2, 60))
    rmse = 0.5 * split.target.std  # leaves a quarter of the variance
    result = bv.bias_variance([score(error=row, train_error=rmse) for row in squared], split, optimal_error=rmse / 5)
    assert result.tolerance == 0.05
    assert result.optimal == pytest.approx(0.01)
    assert result.train.value == pytest.approx(0.25, rel=1e-3)
    assert result.dev.value == pytest.approx(mean(squared).value / np.var(split.y_train))
    assert (result.bias_verdict, result.dev.rows, result.train.rows) == ("high", 60, 2_000)
    # The training interval is the dev one, scaled by the mean and the number of rows.
    assert result.train.high / result.train.value - 1 == pytest.approx(
        (result.dev.high / result.dev.value - 1) * (60 / 2_000) ** 0.5
    )


def test_a_quantity_that_varies_more_on_dev():
    split = quantity(2_000, 60)
    result = bv.bias_variance([score(error=0.5, rows=60, train_error=0.1 * split.target.std)], split)
    assert (result.bias_verdict, result.variance_verdict) == ("low", "high")
    assert result.variance.value == pytest.approx(0.49, rel=1e-2)


def test_seeds_that_diverged_are_left_out():
    split = classes(2_000, 60)
    good = [score(error=0.1, rows=60), score(error=0.2, rows=60)]
    gone = score(error=0.6, rows=60, status="diverged", train_error=float("inf"))
    assert bv.bias_variance([*good, gone], split) == bv.bias_variance(good, split)
    with pytest.raises(BadData, match=r"only diverged ones\. Lower the learning rate"):
        bv.bias_variance([gone], split)


def test_no_rows_were_held_out():
    with pytest.raises(BadData, match="Split with dev rows"):
        bv.bias_variance([score(error=np.empty(0))], classes(2_000, 60))


@pytest.mark.parametrize(("task", "wrong"), [(classes, -0.1), (classes, 1.0), (quantity, -0.1)])
def test_an_optimal_error_that_cannot_be(task, wrong):
    with pytest.raises(BadData, match="optimal error must be"):
        bv.bias_variance([score(rows=60)], task(2_000, 60), optimal_error=wrong)


@pytest.mark.parametrize(("errors", "verdict"), TABLE.items())
def test_findings_say_what_was_measured(errors, verdict):
    result = read_off(*errors, rows=20_000)
    found = {finding.name: finding for finding in bv.findings(result, classes(12_000, 20_000))}
    wanted = {"high variance": ["high_variance"], "high bias": ["high_bias"], "neither": []}
    assert list(found) == wanted.get(verdict, ["high_bias", "high_variance"])  # bias first
    for finding in found.values():
        gap = result.bias if finding.name == "high_bias" else result.variance
        assert finding.evidence["gap"] == gap.to_json()
        assert finding.evidence["train_error"] == result.train.to_json()
        assert finding.evidence["dev_error"] == result.dev.to_json()
        assert (finding.evidence["optimal_error"], finding.evidence["tolerance"]) == (0, 0.02)
        for figure in (f"{errors[0]:.1%}", f"{gap.value:.1%} (95 % interval {gap.low:.1%} to {gap.high:.1%})"):
            assert figure in finding.meaning
        assert finding.severity == "warning"
        assert finding.to_json() == dataclasses.asdict(finding)


def test_the_meaning_names_the_optimal_error():
    split = classes(12_000, 20_000)
    (assumed,) = bv.findings(read_off(0.15, 0.16, rows=20_000), split)
    assert "the optimal error is 0.0%, since no other was given" in assumed.meaning
    (given,) = bv.findings(read_off(0.15, 0.16, rows=20_000, optimal_error=0.03), split)
    assert "the optimal error is 3.0%. " in given.meaning


def test_too_few_rows_names_what_cannot_be_told():
    split = classes(2_000, 60)
    (found,) = bv.findings(read_off(0.005, 0.01, rows=60), split)
    assert (found.name, found.severity, found.evidence["rows"]) == ("too_few_rows", "info", 60)
    assert "With 60 held-out rows it cannot be told whether variance, 0.5%" in found.meaning
    assert "bias" not in found.meaning.split("whether")[1].split("lies")[0]
    both = bv.findings(read_off(0.02, 0.04, rows=60), split)
    assert [finding.name for finding in both] == ["too_few_rows"]
    assert "bias, 2.0%" in both[0].meaning
    assert " and variance, 2.0%" in both[0].meaning


def test_a_quantity_is_spoken_of_as_variance():
    split = quantity(2_000, 60)
    found = bv.findings(bv.bias_variance([score(error=0.6, rows=60, train_error=4.0)], split), split)
    assert "of the target's variance that it was trained on" in found[0].meaning


def test_a_test_error_above_the_dev_error():
    split = classes(2_000, 60)
    gap = Estimate(0.05, 0.03, 0.07, 900)
    (found,) = bv.overfit(gap, split)
    assert (found.name, found.evidence) == ("overfit_dev", {"gap": gap.to_json(), "tolerance": 0.02})
    assert "5.0% (95 % interval 3.0% to 7.0%)" in found.meaning
    assert bv.overfit(Estimate(0.05, 0.01, 0.09, 900), split) == []
    assert bv.overfit(gap, quantity(2_000, 60)) == []  # there the tolerance is 0.05
    assert found.name in FINDINGS
    assert found.severity in SEVERITIES
