import dataclasses

import numpy as np
import polars as pl
import pytest
from scipy import stats

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis import bias_variance as bv
from caviar.diagnosis.finding import FINDINGS, SEVERITIES
from caviar.diagnosis.intervals import Estimate, difference, positive_mean, rate, share
from caviar.diagnosis.optimal_error import OptimalError
from caviar.errors import BadData
from caviar.network.config import Config
from caviar.training.metrics import row_errors
from caviar.training.outputs import outputs
from caviar.training.population import train
from caviar.training.record import Run
from caviar.training.scores import score_runs
from diagnosis.made_scores import classes, quantity, score

TABLE = {(0.01, 0.11): "high variance", (0.15, 0.16): "high bias", (0.15, 0.30): "both", (0.005, 0.01): "neither"}


def read_off(train: float, dev: float, rows: int, **settings) -> bv.BiasVariance:
    """The verdicts for a network with these errors on 10,000 (2,000 with few dev rows) training rows.

    Dev rows are missed or not, as rows of classes are; the optimal error is the course's 0 where no other is given.
    """
    split = classes(12_000, 20_000) if rows == 20_000 else classes(2_000, rows)
    missed = (np.arange(rows) < round(dev * rows)).astype(float)
    return bv.bias_variance([score(error=missed, train_error=train)], split, **{"optimal_error": 0.0, **settings})


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
    assert result.mismatch is result.mismatch_verdict is None


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
    assert (result.optimal.low, result.optimal.given) == (0.15, True)
    assert result.bias.value == pytest.approx(0, abs=1e-12)


def test_a_range_of_the_optimal_error_is_spanned_by_the_bias():
    """High where quick models do better by more than the tolerance, low where even the lower end is near."""
    bound = Estimate(0.10, 0.09, 0.11, 2_000)
    high = read_off(0.15, 0.16, rows=20_000, optimal_error=OptimalError(0.0, bound))
    assert (high.bias_verdict, high.optimum_decides) == ("high", False)
    assert high.bias.value == pytest.approx(0.15)
    assert high.bias.low == pytest.approx(0.05 - np.hypot(0.15 - high.train.low, 0.01))
    assert high.bias.high == pytest.approx(high.train.high)
    open_ = read_off(0.11, 0.12, rows=20_000, optimal_error=OptimalError(0.0, bound))
    assert (open_.bias_verdict, open_.optimum_decides) == ("cannot tell", True)
    low = read_off(0.11, 0.12, rows=20_000, optimal_error=OptimalError(0.10, bound))
    assert (low.bias_verdict, low.optimum_decides) == ("low", False)


def test_the_optimal_error_is_estimated_only_where_the_verdict_needs_it(monkeypatch):
    asked = []
    known = OptimalError(0.01, Estimate(0.05, 0.04, 0.06, 600), how="By and by.")
    monkeypatch.setattr(bv, "estimated_error", lambda rows: asked.append(rows) or known)
    assert read_off(0.005, 0.16, rows=60, optimal_error=None).bias_verdict == "low"
    assert not asked
    assert read_off(0.15, 0.16, rows=60, optimal_error=None).optimal is known
    assert asked == [classes(2_000, 60)]


def test_what_the_optimal_error_leaves_open_is_told_and_nothing_is_claimed():
    rows = classes(12_000, 20_000)
    optimal = OptimalError(0.0, Estimate(0.15, 0.14, 0.16, 2_000), how="Quick models say so.")
    (info,) = bv.findings(read_off(0.15, 0.16, rows=20_000, optimal_error=optimal), rows)
    assert (info.name, info.severity, info.evidence["bias"]) == ("high_bias", "info", "cannot tell")
    for part in (
        "cannot be told while the optimal error is not known",
        "15.0% of the rows",
        optimal.how,
        "less than 13.0%",
    ):
        assert part in info.meaning
    # Where variance is certain, it is what is said first.
    (variance,) = bv.findings(read_off(0.15, 0.30, rows=20_000, optimal_error=optimal), rows)
    assert (variance.name, variance.severity) == ("high_variance", "warning")
    assert "cannot be told while the optimal error is not known" in variance.meaning


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
    assert result.dev == rate(np.stack([score.error for score in scores]))
    assert result.variance == difference(result.train, result.dev)


def test_a_quantity_is_read_on_the_scale_of_its_variance():
    """Error of a regression by hand: MSE / variance, which is 1 - R^2; the training error comes as RMSE in its unit."""
    split = quantity(2_000, 60)
    assert np.var(split.y_train) == pytest.approx(1, abs=1e-3)
    squared = np.random.default_rng(0).exponential(0.3, size=(2, 60))
    rmse = 0.5 * split.target.std  # leaves a quarter of the variance
    result = bv.bias_variance([score(error=row, train_error=rmse) for row in squared], split, optimal_error=rmse / 5)
    assert result.tolerance == 0.05
    assert result.optimal.low == pytest.approx(0.01)
    assert result.train.value == pytest.approx(0.25, rel=1e-3)
    assert result.dev.value == pytest.approx(positive_mean(squared).value / np.var(split.y_train))
    assert (result.bias_verdict, result.dev.rows, result.train.rows) == ("high", 60, 2_000)
    # The training interval is the dev one, scaled by the mean and the number of rows.
    assert np.log(result.train.high / result.train.value) == pytest.approx(
        np.log(result.dev.high / result.dev.value) * (60 / 2_000) ** 0.5
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
    (given,) = bv.findings(read_off(0.15, 0.16, rows=20_000, optimal_error=0.03), split)
    assert "The optimal error was given: 3.0%. " in given.meaning
    bound = Estimate(0.05, 0.04, 0.06, 2_000)
    result = read_off(0.15, 0.16, rows=20_000, optimal_error=OptimalError(0.0, bound, how="Trees reach 5 %."))
    (estimated,) = bv.findings(result, split)
    assert f"Trees reach 5 %. The avoidable bias is at least {result.bias.low:.1%}" in estimated.meaning
    assert estimated.evidence["optimal"]["bound"] == bound.to_json()


def test_too_few_rows_names_what_cannot_be_told():
    split = classes(2_000, 60)
    (found,) = bv.findings(read_off(0.005, 0.01, rows=60), split)
    assert (found.name, found.severity, found.evidence["rows"]) == ("too_few_rows", "info", 60)
    assert "With 60 held-out rows it cannot be told whether variance, 1.2%" in found.meaning
    assert "bias" not in found.meaning.split("whether")[1].split("lies")[0]
    assert "; bias is low. More rows would tell" in found.meaning
    both = bv.findings(read_off(0.02, 0.04, rows=60), split)
    assert [finding.name for finding in both] == ["too_few_rows"]
    assert "bias, 2.0%" in both[0].meaning
    assert " and variance, 1.3%" in both[0].meaning


def test_40_dev_rows_cannot_tell():
    (found,) = bv.findings(read_off(0.0, 0.05, rows=40), classes(2_000, 40))
    assert "With 40 held-out rows it cannot be told whether variance, 5.0% (95 % interval" in found.meaning
    assert "lies above or below 2%" in found.meaning


def test_a_quantity_is_spoken_of_as_variance_and_as_rmse():
    split = quantity(2_000, 60)
    result = bv.bias_variance([score(error=0.6, rows=60, train_error=4.0)], split, 0.5)
    found = bv.findings(result, split)[0]
    assert "of the target's variance (RMSE 4 in the unit of 'y') that it was trained on" in found.meaning
    assert "an RMSE of 0.5 in the unit of 'y'" in found.meaning
    assert (found.evidence["train_rmse"]["value"], found.evidence["unit"]) == (pytest.approx(4.0, rel=1e-3), "y")
    assert found.evidence["dev_rmse"]["value"] == pytest.approx(0.6**0.5 * split.target.std, rel=1e-3)


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


def shifted(task: str) -> Split:
    """Rows of a web and a phone; on the phone the second input has its sign turned. With a bridge."""
    stream = np.random.default_rng(2)
    x = stream.normal(size=(2_400, 2))
    phone = np.arange(2_400) % 3 == 0
    total = x[:, 0] + np.where(phone, -1, 1) * x[:, 1]
    y = (total > 0).astype(int) if task == "classification" else total
    table = pl.DataFrame({"a": x[:, 0], "b": x[:, 1], "from": np.where(phone, "phone", "web"), "y": y})
    own = split(read(table, "y"), source=("from", "phone"), dev=300, test=0, task=task, bridge=200)
    assert own.n_bridge == 200
    return own


def trained(on: Split, seeds: int, **settings: object) -> list[Run]:
    config = Config(hidden_units=(), learning_rate=0.05, epochs=15, **settings)
    return train(on, [config.changed(seed=seed) for seed in range(seeds)])


def errors_on(runs: list[Run], x: np.ndarray, y: np.ndarray) -> np.ndarray:
    answers = outputs([(run.config, run.weights, run.statistics) for run in runs], x)
    return np.stack([row_errors(answer, y) for answer in answers])


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_a_bridge_tells_mismatch_from_variance(task):
    """A linear model fits the web, also where it was held out, and fails on the phone."""
    rows = shifted(task)
    runs = trained(rows, 2)
    scores = score_runs(rows, [[run] for run in runs], "error" if task == "classification" else "rmse")
    result = bv.bias_variance(scores, rows, 0.0, runs=runs)
    unit = 1.0 if task == "classification" else np.var(rows.y_train)
    assert result.bridge.value == pytest.approx(errors_on(runs, rows.x_bridge, rows.y_bridge).mean() / unit)
    assert result.bridge.rows == 200
    assert result.variance == difference(result.train, result.bridge)
    assert result.mismatch == difference(result.bridge, result.dev)
    assert (result.variance_verdict == "high", result.mismatch_verdict) == (False, "high")
    found = {finding.name: finding for finding in bv.findings(result, rows)}
    assert "high_variance" not in found
    mismatch = found["data_mismatch"]
    assert mismatch.severity == "warning"
    assert mismatch.evidence["gap"] == result.mismatch.to_json()
    assert mismatch.evidence["bridge_error"] == result.bridge.to_json()
    assert "get training rows of that kind" in mismatch.meaning
    # Without the networks nobody can ask the bridge: one gap is left, and it is called variance.
    alone = bv.bias_variance(scores, rows, 0.0)
    assert (alone.bridge, alone.mismatch, alone.variance_verdict) == (None, None, "high")


def test_seeds_that_diverged_are_not_asked_about_the_bridge():
    rows = shifted("classification")
    good = trained(rows, 1)
    gone = trained(rows, 1, optimizer="sgd")[0]
    gone = dataclasses.replace(gone, config=gone.config.changed(seed=7), status="diverged")
    scores = score_runs(rows, [good, [gone]], "error")
    assert bv.bias_variance(scores, rows, 0.0, runs=[*good, gone]) == bv.bias_variance(scores[:1], rows, 0.0, runs=good)


def test_training_rows_of_a_regression_are_asked_where_networks_are_at_hand():
    rows = quantity(300, 60)
    runs = trained(rows, 2)
    result = bv.bias_variance(score_runs(rows, [[run] for run in runs], "rmse"), rows, 0.0, runs=runs)
    own = positive_mean(errors_on(runs, rows.x_train, rows.y_train) / np.var(rows.y_train))
    assert (result.train.value, result.train.low) == (pytest.approx(own.value), pytest.approx(own.low))
    history = np.mean([(run.history["train_error"][-1] / rows.target.std) ** 2 for run in runs])
    assert result.train.value == pytest.approx(history, rel=1e-3)


def test_networks_of_a_share_of_the_rows_are_read_from_their_history():
    rows = quantity(300, 60)
    runs = trained(rows, 2, rows=0.5)
    result = bv.bias_variance(score_runs(rows, [[run] for run in runs], "rmse"), rows, 0.0, runs=runs)
    history = np.mean([(run.history["train_error"][-1] / rows.target.std) ** 2 for run in runs])
    assert result.train.value == pytest.approx(history / np.var(rows.y_train))
    assert result.train.rows == 150


def test_out_of_fold_training_and_held_out_errors_are_read_row_by_row():
    """Both errors are on the same rows: what makes a row hard makes no gap."""
    rows = classes(160, 40)
    runs = train(
        rows, [Config(hidden_units=(), epochs=5, rows=(fold, 5), seed=seed) for seed in (3, 4) for fold in range(5)]
    )
    scores = score_runs(rows, [runs[:5], runs[5:]], "error")
    result = bv.bias_variance(scores, rows, 0.0, runs=runs)
    folds = rows.folds(5)
    by_hand = np.zeros((2, 200))
    for number, run in enumerate(runs):
        own = folds != run.config.rows[0]
        by_hand[number // 5, own] += errors_on([run], rows.x[own], rows.y[own])[0] / 4
    assert result.train == rate(by_hand)
    assert result.correlation > 0.5
    apart = bv.bias_variance(scores, rows, 0.0)
    assert apart.correlation == 0
    assert result.variance.high - result.variance.low < 0.75 * (apart.variance.high - apart.variance.low)
    assert result.train.value == pytest.approx(apart.train.value, abs=1e-6)


def drawn(stream: np.random.Generator, *, chance: float, seeds: int, rows: int, of_seeds: float) -> np.ndarray:
    """Errors 0 or 1: some rows are hard for all networks, and every seed has a true error of its own."""
    hard = np.sqrt(0.6) * stream.normal(size=rows) + np.sqrt(0.4) * stream.normal(size=(seeds, rows))
    own = np.clip(chance + of_seeds * stream.normal(size=(seeds, 1)), 1e-3, 1)
    return (stats.norm.cdf(hard) < own).astype(float)


@pytest.mark.parametrize(
    ("seeds", "train_rows", "dev_rows", "of_seeds"),
    [(3, 2_000, 200, 0.0), (3, 2_000, 200, 0.01), (3, 2_000, 2_000, 0.01), (5, 600, 300, 0.03), (1, 1_000, 100, 0.0)],
)
@pytest.mark.parametrize("errors", [(0.01, 0.11), (0.15, 0.16), (0.15, 0.30)])
def test_gaps_cover(errors, seeds, train_rows, dev_rows, of_seeds):
    """95 % intervals of bias and variance hold the truth in about 95 of 100 simulated trainings."""
    stream = np.random.default_rng(0)
    of_train = min(of_seeds, errors[0] / 3)
    repetitions, biases, variances = 1_500, 0, 0
    for _ in range(repetitions):
        train_error = rate(drawn(stream, chance=errors[0], seeds=seeds, rows=train_rows, of_seeds=of_train))
        dev = rate(drawn(stream, chance=errors[1], seeds=seeds, rows=dev_rows, of_seeds=of_seeds))
        result = bv.BiasVariance(OptimalError(0.0), 0.02, train_error, dev)
        biases += result.bias.low <= errors[0] <= result.bias.high
        variances += result.variance.low <= errors[1] - errors[0] <= result.variance.high
    assert 0.93 <= variances / repetitions <= 0.975
    # One error alone is known less well: few seeds look alike by chance (92 %), few errors come in whole rows (99 %).
    assert 0.91 <= biases / repetitions <= 0.99


@pytest.mark.parametrize(("seeds", "rows"), [(3, 200), (1, 300)])
@pytest.mark.parametrize("errors", [(0.01, 0.11), (0.15, 0.16), (0.15, 0.30)])
def test_gaps_on_the_same_rows_cover(errors, seeds, rows):
    """Out of fold a hard row is hard in training too; taken as independent such gaps would cover up to 100 %."""
    stream = np.random.default_rng(1)
    covered = 0
    for _ in range(1_500):
        hard = np.sqrt(0.8) * stream.normal(size=rows)
        of_train, of_dev = (
            (stats.norm.cdf(hard + np.sqrt(0.2) * stream.normal(size=(seeds, rows))) < error).astype(float)
            for error in errors
        )
        correlation = bv._correlation(of_train, of_dev)
        gap = bv.BiasVariance(OptimalError(0.0), 0.02, rate(of_train), rate(of_dev), correlation=correlation).variance
        covered += gap.low <= errors[1] - errors[0] <= gap.high
    assert 0.93 <= covered / 1_500 <= 0.975


@pytest.mark.parametrize(("seeds", "of_seeds"), [(3, 0.0), (3, 0.1), (1, 0.0)])
def test_gaps_of_a_regression_cover(seeds, of_seeds):
    """Squared errors are skewed: with 200 rows the interval of their logarithm holds the truth often enough."""
    stream = np.random.default_rng(1)

    def squared(size: float, rows: int) -> np.ndarray:
        errors = np.sqrt(0.8) * stream.normal(size=rows) + np.sqrt(0.2) * stream.normal(size=(seeds, rows))
        return size * errors**2 * np.maximum(0.05, 1 + of_seeds * stream.normal(size=(seeds, 1)))

    gaps = [
        bv.BiasVariance(OptimalError(0.0), 0.05, positive_mean(squared(0.3, 2_000)), positive_mean(squared(0.4, 200)))
        for _ in range(1_500)
    ]
    covered = np.mean([gap.variance.low <= 0.1 <= gap.variance.high for gap in gaps])
    assert 0.93 <= covered <= 0.975
