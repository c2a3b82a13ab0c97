"""The slope of every metric by the weight of a row, against the metric itself with that row weighing more."""

import numpy as np
import pytest

from caviar.training.influence import influences
from caviar.training.metrics import metrics_of, score

METRICS = [(metric, classes) for metric in metrics_of("classification") for classes in (2, 4)]
METRICS += [(metric, 1) for metric in metrics_of("regression")]


def rows_of(classes, rows=60):
    stream = np.random.default_rng(classes)
    if classes == 1:
        y = stream.normal(size=rows)
        return (y + 0.5 * stream.normal(size=rows))[:, None].astype(np.float32), y
    y = stream.integers(classes, size=rows)
    return (stream.normal(size=(rows, classes)) + 1.5 * np.eye(classes)[y]).round(1).astype(np.float32), y


@pytest.mark.parametrize(("metric", "classes"), METRICS)
def test_influence_is_the_slope_of_the_metric_by_the_weight_of_a_row(metric, classes):
    outputs, y = rows_of(classes)
    n, step = len(y), 1e-6
    even = np.full(n, 1 / n)
    towards = np.eye(n) - even
    slope = score(metric, outputs, y, 1.0, even + step * towards) - score(
        metric, outputs, y, 1.0, even - step * towards
    )
    np.testing.assert_allclose(influences(metric, outputs, y), slope / (2 * step), atol=1e-6)


@pytest.mark.parametrize(("metric", "classes"), METRICS)
def test_influence_gives_the_standard_error(metric, classes):
    """Beside the same metric on rows that were drawn again."""
    outputs, y = rows_of(classes, 400)
    stream = np.random.default_rng(0)
    drawn = stream.multinomial(len(y), np.full(len(y), 1 / len(y)), size=1_000) / len(y)
    spread = score(metric, outputs, y, 1.0, drawn).std()
    assert influences(metric, outputs, y).std() / len(y) ** 0.5 == pytest.approx(spread, rel=0.1)


def test_a_class_that_is_missing_moves_nothing():
    outputs, y = rows_of(4)
    y[y == 2] = 3
    for metric in ("auc", "balanced_accuracy", "f1"):
        assert np.isfinite(influences(metric, outputs, y)).all()
    outputs[:, 2] = -99  # never predicted either
    assert np.isfinite(influences("f1", outputs, y)).all()
