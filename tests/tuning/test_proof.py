import dataclasses
from types import SimpleNamespace

import numpy as np
import pytest

from caviar.data.split import Split
from caviar.diagnosis.intervals import difference, paired_gain, share
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.training.metrics import metrics_of, row_errors
from caviar.training.outputs import outputs
from caviar.training.population import train
from caviar.tuning.baselines import Baseline
from caviar.tuning.proof import prove
from diagnosis.made_scores import classes, quantity, score

CHOSEN = Config(hidden_units=(8,), learning_rate=0.03, epochs=6, batch_size=32)
YOURS = CHOSEN.changed(learning_rate=0.003)
SEEDS = (101, 102, 103)


class Bench:
    """Trains like a Workbench and writes down what; those named in `diverging` are said to have diverged."""

    def __init__(self, diverging=()) -> None:
        self.trained: list[Config] = []
        self._diverging = diverging

    def train(self, split, configs):
        self.trained += configs
        return [
            dataclasses.replace(run, status="diverged") if run.config.rows in self._diverging else run
            for run in train(split, configs)
        ]


def proved(split: Split, chosen: Config = CHOSEN, *, refit: bool = True, scale=None, diverging=(), best_epoch: int = 4):
    """The proof, with one baseline beside the constant one, and all that was done for it."""
    bench = Bench(diverging)
    baselines = [Baseline("constant", None, (score(),)), Baseline("yours", YOURS, (score(best_epoch=2),))]
    candidate = Candidate(chosen, split.rescaled(scale) if scale else split)
    proof = prove(candidate, baselines, bench, best_epoch=best_epoch, split=split, refit=refit, seeds=SEEDS)
    return SimpleNamespace(proof=proof, split=split, candidate=candidate, trained=bench.trained)


def fresh(kind, *sizes: int) -> Split:
    """Made-up rows whose test set nobody has opened."""
    return kind.__wrapped__(*sizes)


def errors(split: Split, config: Config, x, y) -> np.ndarray:
    """Errors of its replicas on these rows, shape (seeds, rows): trained again, the same bits."""
    runs = train(split, [config.changed(seed=seed) for seed in SEEDS])
    return np.stack(
        [row_errors(answer, y) for answer in outputs([(r.config, r.weights, r.statistics) for r in runs], x)]
    )


@pytest.fixture(scope="module")
def tested():
    return proved(fresh(classes, 300, 100, 150))


@pytest.fixture(scope="module")
def untested():
    return proved(fresh(classes, 300, 100))


def test_the_test_set_is_opened_once(tested):
    assert tested.split.times_opened == 1
    assert len(tested.proof.y) == tested.split.n_test == 150
    assert proved(fresh(classes, 300, 100, 150), scale="robust").split.times_opened == 1  # for both normalisations


def test_all_are_trained_on_train_and_dev_before_they_are_tested(tested):
    assert tested.proof.refitted
    assert tested.proof.run.config == CHOSEN.changed(rows="train+dev", seed=SEEDS[0])
    refitted = [config for config in tested.trained if config.rows == "train+dev"]
    assert refitted == [config.changed(rows="train+dev", seed=seed) for config in (CHOSEN, YOURS) for seed in SEEDS]
    assert {config.rows for config in tested.trained} == {"train+dev", *((fold, 5) for fold in range(5))}


def test_figures_are_those_of_the_first_network(tested):
    x, y = tested.split.preparation.features(tested.split._sealed.part.frame), tested.split._sealed.y
    for name, config in (("chosen", CHOSEN), ("yours", YOURS)):
        found = tested.proof.tested[name]
        first = errors(tested.split, config.changed(rows="train+dev"), x, y)[0]
        np.testing.assert_array_equal(row_errors(found.outputs, y), first)
        assert found.error == share([first.mean()], 150)
        assert found.scores["error"] == found.error
        assert list(found.scores) == list(metrics_of("classification"))
        for figure in found.scores.values():
            assert figure.low <= figure.value <= figure.high


def test_gains_are_paired_by_seed_and_row(tested):
    x, y = tested.split.preparation.features(tested.split._sealed.part.frame), tested.split._sealed.y
    own, other = (errors(tested.split, config.changed(rows="train+dev"), x, y) for config in (CHOSEN, YOURS))
    assert tested.proof.seeds == 3
    assert tested.proof.tested["yours"].gain == paired_gain(other, own)
    assert tested.proof.tested["yours"].gain.value > 0  # a rate ten times too low
    assert tested.proof.tested["chosen"].gain.value == 0
    constant = np.broadcast_to(y != np.bincount(tested.split.y_train).argmax(), own.shape).astype(float)
    assert tested.proof.tested["constant"].gain == paired_gain(constant, own)


def test_overfitting_to_dev_is_read_off_the_networks_that_were_judged(tested):
    """Test error of the networks of the five folds, before they were trained on everything, minus held-out error."""
    split = tested.split
    x, y = split.preparation.features(split._sealed.part.frame), split._sealed.y
    runs = train(split, [CHOSEN.changed(rows=(fold, 5), seed=SEEDS[0]) for fold in range(5)])
    answers = [outputs([(r.config, r.weights, r.statistics)], np.concatenate([x, split.x]))[0] for r in runs]
    test = np.mean([row_errors(answer[:150], y).mean() for answer in answers])
    fold = split.folds(5)
    held_out = [row_errors(answer[150:], split.y)[fold == number] for number, answer in enumerate(answers)]
    dev = float(np.concatenate(held_out).mean())
    found = tested.proof.overfit
    assert found.value == pytest.approx(test - dev)
    wanted = difference(share([dev], 400), share([float(test)], 150))
    assert (found.low, found.high, found.rows) == (pytest.approx(wanted.low), pytest.approx(wanted.high), 150)


def test_without_a_test_set_no_judged_network_has_seen_the_dev_rows(untested):
    split, proof = untested.split, untested.proof
    np.testing.assert_array_equal(proof.y, split.y_dev)
    assert split.times_opened == 0
    assert proof.overfit is None
    for name, config in (("chosen", CHOSEN), ("yours", YOURS)):
        first = errors(split, config, split.x_dev, split.y_dev)[0]
        np.testing.assert_array_equal(row_errors(proof.tested[name].outputs, proof.y), first)


def test_without_a_test_set_the_network_that_is_kept_is_trained_on_everything(untested):
    assert untested.proof.refitted
    assert untested.proof.run.config == CHOSEN.changed(rows="train+dev", seed=SEEDS[0])
    assert {c.rows for c in untested.trained if c.rate == YOURS.rate} == {1.0}


def test_without_refit_everything_is_trained_on_train():
    found = proved(fresh(classes, 300, 100, 150), refit=False)
    assert not found.proof.refitted
    assert found.proof.run.config == CHOSEN.changed(seed=SEEDS[0])
    assert "train+dev" not in {config.rows for config in found.trained}
    assert len(found.proof.y) == 150


def test_what_diverges_on_all_rows_is_tested_as_it_was():
    found = proved(fresh(classes, 300, 100, 150), diverging=("train+dev",))
    assert not found.proof.refitted
    assert found.proof.run.config == CHOSEN.changed(seed=SEEDS[0])
    assert {config.rows for config in found.trained if config.rate == YOURS.rate} == {1.0}
    assert found.split.times_opened == 1


def test_early_stopping_becomes_a_number_of_epochs():
    found = proved(fresh(classes, 300, 100, 150), CHOSEN.changed(early_stopping=2), best_epoch=4)
    assert found.proof.run.config == CHOSEN.changed(rows="train+dev", stop_after=4, seed=SEEDS[0])
    assert found.proof.run.epochs == 4


def test_a_quantity_is_proved_in_its_unit():
    found = proved(fresh(quantity, 300, 100, 150))
    tested, unit = found.proof.tested, found.split.target.std
    assert list(tested["chosen"].scores) == ["rmse", "mae", "r2"]
    squared = row_errors(tested["chosen"].outputs, found.proof.y)
    assert tested["chosen"].error.value == pytest.approx(np.sqrt(squared.mean()) * unit)
    assert tested["constant"].error.value == pytest.approx(np.sqrt(np.mean(found.proof.y.astype(float) ** 2)) * unit)
    assert tested["constant"].gain.low > 0
    assert found.proof.overfit.rows == 150
