"""Checks that train: a batch by heart, shuffled targets, inputs of 0."""

import dataclasses

import numpy as np
import pytest

import caviar
from caviar.diagnosis.examine import subject
from caviar.diagnosis.thorough import (
    blind,
    cannot_overfit_batch,
    learns_shuffled_labels,
    no_better_than_blind,
    overfitting,
    rows_to_overfit,
    shuffled,
    thorough,
)
from caviar.network.config import Config
from caviar.training.scores import score_runs
from diagnosis import made_scores


def dev_given(split):
    """The same rows with dev rows of their own, so that one network judges a config."""
    return dataclasses.replace(split, dev_given=True)


SPLIT, NUMBERS = dev_given(made_scores.classes(400, 100)), dev_given(made_scores.quantity(300, 100))
SMALL = Config(hidden_units=8, batch_size=32, epochs=4, learning_rate=0.01)


def trained(config, split):
    return subject(caviar.train(split, [config]), split)


@pytest.mark.parametrize("split", [SPLIT, NUMBERS])
def test_a_sound_network_passes_all_in_three_lists(split):
    lists = []

    def train(rows, configs):
        lists.append((rows, list(configs)))
        return caviar.train(rows, configs)

    assert thorough(trained(SMALL.changed(hidden_units=32, epochs=10), split), train) == []
    assert [len(configs) for _, configs in lists] == [4, 1, 1]
    assert len(np.unique(lists[0][0].x_train, axis=0)) == 16


def test_the_batch_has_different_rows_of_all_classes():
    rows = rows_to_overfit(SPLIT)
    assert len(np.unique(SPLIT.x[rows], axis=0)) == 16
    assert np.bincount(SPLIT.y[rows]).tolist() in ([6, 5, 5], [5, 6, 5], [5, 5, 6])
    alike = dataclasses.replace(SPLIT, x=np.zeros_like(SPLIT.x))
    assert rows_to_overfit(alike) is None


def test_the_networks_of_the_batch_have_no_regularisation_and_several_rates():
    config = Config(
        learning_rate=1e-9, l2=1e6, dropout=0.5, mixup=1.0, early_stopping=3, schedule="cosine", label_smoothing=0.5
    )
    networks = overfitting(config)
    assert {network.learning_rate for network in networks} == {1e-10, 1e-9, 1e-8, 1e-4, 1e-3, 1e-2}
    assert {(n.l2, n.dropout, n.mixup, n.early_stopping, n.schedule, n.label_smoothing) for n in networks} == {
        (0.0, 0.0, 0.0, None, "constant", 0.0)
    }


@pytest.mark.parametrize(
    ("settings", "severity"),
    [({"hidden_units": 1}, "warning"), ({"initializer": "zeros"}, "critical"), ({"output": "sigmoid"}, None)],
)
def test_a_network_that_cannot_learn_a_batch_by_heart(settings, severity):
    x = np.random.default_rng(3).normal(size=(300, 8))
    y = np.array([f"class {number}" for number in np.random.default_rng(4).integers(0, 6, 300)])
    split = caviar.split(caviar.read((x, y)), dev=50, test=0)
    few = split.with_train(np.tile(rows_to_overfit(split), 50))
    config = SMALL.changed(**({"hidden_units": 32, "learning_rate": 100.0} | settings))
    found = cannot_overfit_batch(few, caviar.train(few, overfitting(config)))
    assert [(one.name, one.severity) for one in found] == (
        [] if severity is None else [("cannot_overfit_batch", severity)]
    )


def test_shuffled_targets_leave_copies_alike_and_everything_else_as_it_was():
    twice = dataclasses.replace(SPLIT, x=np.repeat(SPLIT.x[:250], 2, axis=0))
    dealt = shuffled(twice)
    np.testing.assert_array_equal(dealt.y[::2], dealt.y[1::2])
    np.testing.assert_array_equal(dealt.x, twice.x)
    assert 0.2 < (dealt.y[::2] == twice.y[::2]).mean() < 0.6
    plain = shuffled(SPLIT)
    np.testing.assert_array_equal(np.bincount(plain.y), np.bincount(SPLIT.y))


def test_copies_on_both_sides_are_seen_by_shuffled_targets():
    # Every row stands five times, and nothing keeps copies together: most dev rows have been trained on.
    x = np.repeat(np.random.default_rng(0).normal(size=(60, 8)), 5, axis=0).astype(np.float32)
    leaking = caviar.split(caviar.read((x, np.arange(300) // 5 % 2 == 0)), dev=60, test=0, duplicates="anywhere")
    learner = SMALL.changed(hidden_units=32, epochs=60)
    altered = shuffled(dev_given(leaking))
    scores = score_runs(altered, [caviar.train(altered, [learner])], "error")
    (found,) = learns_shuffled_labels(made_scores.subject(scores, leaking), altered, scores)
    assert (found.name, found.severity) == ("learns_shuffled_labels", "critical")
    assert found.evidence["gain"]["low"] > 0


def test_a_network_that_does_not_look_at_its_inputs_is_no_better_than_a_blind_one():
    asleep = trained(SMALL.changed(learning_rate=0.0, initializer="zeros"), SPLIT)
    altered = blind(SPLIT)
    assert not altered.x.any()
    (found,) = no_better_than_blind(asleep, altered, asleep.scores)
    assert (found.name, found.evidence["baseline"]) == ("worse_than_baseline", "input-blind")
