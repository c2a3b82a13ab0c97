import dataclasses

import numpy as np
import pytest

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis import bias_variance as bv
from caviar.diagnosis import sanity
from caviar.diagnosis.diagnose import diagnose, findings_of
from caviar.errors import BadData
from caviar.network.config import Config
from caviar.training.metrics import row_errors
from caviar.training.outputs import outputs
from caviar.training.population import train
from caviar.training.record import Run
from diagnosis.made_scores import classes, score, subject

LEARNER = Config(hidden_units=(64,), learning_rate=0.01, epochs=80)
LINEAR = Config(hidden_units=(), learning_rate=0.01, epochs=80)


@pytest.fixture(scope="module")
def noise() -> Split:
    """Labels that have nothing to do with the inputs: there is only learning by heart."""
    stream = np.random.default_rng(0)
    return split(read((stream.normal(size=(700, 16)), stream.integers(2, size=700))), dev=400, test=0)


@pytest.fixture(scope="module")
def xor() -> Split:
    """The label is the sign of a product: nothing for a linear model."""
    x = np.random.default_rng(1).normal(size=(3_000, 2))
    return split(read((x, (x[:, 0] * x[:, 1] > 0).astype(int))), dev=1_000, test=0)


@pytest.fixture(scope="module")
def learned(noise) -> list[Run]:
    return train(noise, [LEARNER.changed(seed=seed) for seed in range(3)])


def test_a_network_that_learns_noise_by_heart_has_high_variance(noise, learned):
    told = diagnose(learned, noise)
    assert [finding.name for finding in told] == ["high_variance", "worse_than_baseline", "overtrained"]
    found = told[0]
    assert found.evidence["train_error"]["value"] < 0.01
    errors = [row_errors(answer, noise.y_dev).mean() for answer in _answers(learned, noise.x_dev)]
    assert found.evidence["dev_error"]["value"] == pytest.approx(np.mean(errors))
    assert 0.4 < found.evidence["dev_error"]["value"] < 0.6


def test_one_run_need_not_be_in_a_list(noise, learned):
    (found,) = (one for one in diagnose(learned[0], noise) if one.name == "high_variance")
    assert found.evidence["train_error"]["rows"] == 300


def test_a_linear_model_of_xor_has_high_bias(xor):
    runs = train(xor, [LINEAR.changed(seed=seed) for seed in range(3)])
    first = diagnose(runs, xor)[0]
    assert first.name == "high_bias"
    assert first.evidence["train_error"]["value"] > 0.4
    (left,) = diagnose(runs[:1], xor, optimal_error=0.48, tolerance=0.1)
    assert (left.name, left.evidence["baseline"]) == ("worse_than_baseline", "constant")


def test_networks_of_all_folds_are_judged_on_every_row(noise):
    runs = train(noise, [LEARNER.changed(rows=(fold, 5), seed=seed) for seed in range(2) for fold in range(5)])
    (found,) = (one for one in diagnose(runs, noise) if one.name == "high_variance")
    assert found.evidence["dev_error"]["rows"] == 700
    with pytest.raises(BadData, match="every seed trained on the same folds"):
        diagnose(runs[:-1], noise)


def test_networks_on_a_share_of_the_rows_are_not_read(noise):
    run = train(noise, [Config(hidden_units=(), epochs=1, rows=0.5)])[0]
    with pytest.raises(BadData, match=r"got one on a share of them.*caviar\.diagnosis\.learning_curve"):
        diagnose(run, noise)


def test_no_runs(noise):
    with pytest.raises(BadData, match=r"needs at least one run, got none\. Train one"):
        diagnose([], noise)


def test_a_run_that_was_never_trained(noise, learned):
    empty = dataclasses.replace(
        learned[0], best_epoch=0, history={name: values[:0] for name, values in learned[0].history.items()}
    )
    with pytest.raises(BadData, match="networks that were trained, got one without an epoch"):
        diagnose(empty, noise)


def test_an_optimal_error_that_cannot_be_is_refused_before_anything_is_trained(noise, monkeypatch):
    monkeypatch.setattr("caviar.diagnosis.diagnose.train", None)
    with pytest.raises(BadData, match=r"must be in \[0, 1\), got 2"):
        diagnose(LEARNER, noise, optimal_error=2)


def test_dev_rows_of_one_class_are_said():
    x = np.random.default_rng(0).normal(size=(100, 2))
    y = np.repeat([0, 1], [60, 40])
    rows = split(read((x[:80], y[:80])), dev=read((x[80:], y[80:])), test=0)
    (missing,) = (f for f in diagnose(LEARNER.changed(epochs=2), rows) if f.name == "missing_class")
    assert "dev" in missing.meaning


def test_runs_of_several_configs(noise, learned):
    other = train(noise, [LEARNER.changed(learning_rate=0.02)])
    with pytest.raises(BadData, match=r"got 2 configs\. Call it once for each"):
        diagnose([*learned, *other], noise)


def test_a_rate_that_blows_up_is_the_only_finding(noise):
    runs = train(noise, [LEARNER.changed(optimizer="sgd", learning_rate=1e30)])
    assert runs[0].status == "diverged"
    (found,) = diagnose(runs, noise)
    assert (found.name, found.severity) == ("diverged", "critical")


def test_what_hurts_most_comes_first():
    rows = classes(2_000, 60)
    scores = [score(error=0.3, rows=60, train_error=0.15), score(error=0.3, rows=60, train_error=0.15)]
    found = findings_of(subject([*scores, score(status="diverged", rows=60)], rows, optimal_error=0.0))
    assert [finding.name for finding in found] == ["diverged", "high_bias", "high_variance"]
    assert found[0] == sanity.diverged([*scores, score(status="diverged", rows=60)])[0]
    assert found[1:] == bv.findings(bv.bias_variance(scores, rows, 0.0), rows)


def test_optimal_error_and_tolerance_are_handed_on():
    rows = classes(2_000, 60)
    scores = [score(error=0.3, rows=60, train_error=0.15)]
    given = findings_of(subject(scores, rows, optimal_error=0.15, tolerance=0.03))
    assert [finding.name for finding in given] == ["high_variance"]
    assert (given[0].evidence["optimal_error"], given[0].evidence["tolerance"]) == (0.15, 0.03)


def _answers(runs: list[Run], x: np.ndarray) -> list[np.ndarray]:
    return outputs([(run.config, run.weights, run.statistics) for run in runs], x)


def test_rows_must_have_been_held_out():
    rows = classes(60, 20)
    run = train(rows, [Config(hidden_units=(), epochs=1, rows="train+dev")])[0]
    with pytest.raises(BadData, match=r"needs rows that were held out, got none\. Split with dev rows"):
        diagnose(run, rows)
