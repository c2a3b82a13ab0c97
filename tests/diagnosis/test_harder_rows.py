import json

import numpy as np
import pytest

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis.harder_rows import find
from diagnosis.made_scores import score, subject

MISSED = np.repeat([1.0, 0.0], [80, 920])


def rows(moved: float) -> Split:
    """Two classes; dev rows lie elsewhere by so much."""
    stream = np.random.default_rng(0)
    x, dev = stream.normal(size=(2_000, 2)), stream.normal(size=(1_000, 2)) + moved
    train, held_out = (read((a, (a[:, 0] > 0).astype(int))) for a in (x, dev))
    return split(train, dev=held_out, test=0)


@pytest.mark.parametrize(("moved", "name"), [(0.0, "label_noise"), (1.0, "data_mismatch")])
def test_train_rows_that_are_harder_than_new_ones_bear_wrong_targets_or_are_others(moved, name):
    (found,) = find(subject([score(error=MISSED, train_error=0.2)], rows(moved), optimal_error=0.2))
    assert (found.name, found.severity) == (name, "warning")
    assert "misses 20.0% of the rows that it was trained on, but only 8.0% on rows" in found.meaning
    assert found.evidence["inputs_differ"] == (moved > 0)
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize("train_error", [0.05, 0.08, 0.11])
def test_errors_that_are_about_the_same_are_silent(train_error):
    assert find(subject([score(error=MISSED, train_error=train_error)], rows(0.0), optimal_error=0.08)) == []


def test_a_network_that_learned_nothing_tells_nothing_of_its_rows():
    assert find(subject([score(error=MISSED, train_error=0.45)], rows(0.0), optimal_error=0.0)) == []
