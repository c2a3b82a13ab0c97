"""Every picture is an SVG that a parser reads, whatever the numbers and names; nothing in it is read as markup."""

import math
from types import SimpleNamespace
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.intervals import Estimate
from caviar.diagnosis.learning_curve import LearningCurve
from caviar.diagnosis.optimal_error import OptimalError
from caviar.diagnosis.power_law import fit
from caviar.reporting import drawing, plots
from caviar.reporting.words import name_of
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space

NAN, INF = math.nan, math.inf
NAMES = [
    "<script>alert(1)</script>",
    "$x_1$ & '<'",
    "$\\frac$",
    "$",
    "中文",
    "two\nlines",
    "\x01\x00",
    "long " * 40,
    "",
    "]]>",
    "<!--",
]


def texts(svg):
    """The words of a picture, which is valid XML and loads nothing."""
    root = ElementTree.fromstring(svg)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    for element in root.iter():
        assert element.tag.rpartition("}")[2] not in ("script", "foreignObject", "a")
        for name, value in element.attrib.items():
            assert not name.startswith("on")
            assert not name.endswith("href") or value.startswith(("#", "data:image/png;base64,"))
    return [element.text for element in root.iter() if element.tag.endswith("}text")]


def picture(make, *arguments):
    with drawing.style():
        return texts(make(*arguments))


def estimate(value, half=0.01):
    return Estimate(value, value - half, value + half, 100)


def curve(*losses):
    return np.array(losses, np.float32)


@pytest.mark.parametrize(
    ("train", "dev", "best"),
    [
        (curve(1, 0.5, 0.25), curve(1, 0.75, 0.7), 2),
        (curve(1), curve(1), 1),
        (curve(1, 1, 1), curve(1, 1, 1), 3),
        (curve(0, 0), curve(0, 0), 1),
        (curve(NAN, NAN), curve(NAN, NAN), 1),
        (curve(1, NAN), curve(2, INF), 1),
        (curve(INF, INF), curve(NAN, INF), 1),
        (curve(1e30, 1e-30), curve(1e-30, 1e30), 2),
    ],
)
def test_learning_curves(train, dev, best):
    history = {"train_loss": train, "dev_loss": dev}
    words = picture(plots.learning_curves, [("before", history, best), ("after", history, best)], "cross-entropy")
    assert {"training rows", "held-out rows", f"kept: epoch {best}", "before", "after", "cross-entropy"} <= set(words)


@pytest.mark.parametrize("value", [0.0, 0.02, 1.0])
@pytest.mark.parametrize("half", [0.0, 0.01, NAN])
@pytest.mark.parametrize("bound", [False, True])
def test_bias_and_variance(value, half, bound):
    optimal = OptimalError(0.0, estimate(value, half) if bound else None)
    bridge = estimate(value, half) if bound else None
    result = BiasVariance(optimal, 0.02, estimate(value, half), estimate(value, half), bridge)
    words = picture(plots.bias_and_variance, [("before", result), ("after", result)])
    assert {"before", "after", "training rows", "held-out rows", "error, %"} <= set(words)
    assert ("bridge rows" in words) == bound


@pytest.mark.parametrize("task", ["classification", "regression"])
@pytest.mark.parametrize("values", [[0.02, 0.3], [0.0], [0.0, 0.0], [NAN, 0.5], [NAN], [INF, 0.1], [1e12, 1e-12]])
def test_errors(task, values):
    rows = [(f"model {i}", estimate(value), i == 0) for i, value in enumerate(values)]
    words = picture(plots.errors, rows, task, "$x$ of <b>")
    assert {name for name, *_ in rows} <= set(words)
    assert ("error, %" if task == "classification" else "RMSE of $x$ of <b>") in words


@pytest.mark.parametrize("values", [[0.1, -0.2], [0.0], [0.0, 1e-9, 5.0], [NAN, 0.1], [NAN], [-INF, 0.1], [1e300, 1]])
def test_gains(values):
    verdicts = ("accepted", "undecided", "rejected")
    rows = [(f"remedy {i}", estimate(value), verdicts[i % 3]) for i, value in enumerate(values)]
    assert {f"{name} ({verdict})" for name, _, verdict in rows} <= set(picture(plots.gains, rows))


SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "l2": LogUniform(1e-3, 10.0),
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "units": Integer(16, 256, log=True),
        "layers": Integer(1, 3),
        "dropout": Uniform(0.0, 0.6),
        "batch_size": Choice(32, 64),
        "batch_norm": Choice(False, True),
    }
)
START = {
    "learning_rate": 1e-3,
    "l2": 0.0,  # has no logarithm
    "beta1": 0.9,
    "units": 64,
    "layers": 2,
    "dropout": 0.0,
    "batch_size": "full",  # is none of the options
    "batch_norm": False,
}


def study(losses, values=None):
    trials = tuple(
        SimpleNamespace(
            values=START | ({} if values is None else values[i]),
            generation=i // 2,
            outcome=SimpleNamespace(criterion=loss),
        )
        for i, loss in enumerate(losses)
    )
    return SimpleNamespace(space=SPACE, trials=trials)


@pytest.mark.parametrize("losses", [[0.5], [0.5, 0.5, 0.5], [0.5, NAN], [0.5, INF, 0.4], [1e9, 0.1, 0.2, 0.3]])
def test_search(losses):
    values = [{"l2": 10.0**-i, "units": 16 * (i + 1), "batch_size": (32, 64)[i % 2]} for i in range(len(losses))]
    for given_values in (None, [{}, *values[1:]]):
        words = picture(plots.search, study(losses, given_values), "held-out loss")
        titles = {name_of(name) for name in SPACE if name != "beta1"} | {"1 - beta1"}
        assert titles | {"32", "64", "full", "False", "True"} <= set(words)


@given(st.lists(st.sampled_from(NAMES) | st.text(max_size=12), min_size=1, max_size=4))
@settings(max_examples=30)
def test_confusion_shows_any_class_names_as_text(classes):
    counts = np.arange(len(classes) ** 2).reshape(len(classes), -1)
    counts[0] = 0  # a class that is absent
    words = picture(plots.confusion, counts, classes)
    assert {"predicted", "true"} <= set(words)
    for name in classes:
        if name.isprintable() and name.isascii() and name.strip() and len(name) <= 30:
            assert name.strip() in [word.strip() for word in words if word]


def test_confusion_of_many_classes():
    assert "predicted" in picture(plots.confusion, np.eye(60, dtype=int), ["class " * 9] * 60)
    words = picture(plots.confusion, np.diag([7, 0, 5]), ["a", "b", "c"])
    assert {"7", "5", "a", "b", "c"} <= set(words)
    assert "0" not in words


@pytest.mark.parametrize(
    ("y", "predicted"),
    [
        (np.arange(9.0), np.arange(9.0) + 0.5),
        (np.zeros(5), np.zeros(5)),
        (np.ones(1), np.zeros(1)),
        (np.arange(3.0), np.array([0.0, NAN, INF])),
        (np.arange(2.0), np.array([NAN, INF])),
        (np.arange(5.0) * 1e200, -np.arange(5.0) * 1e200),
        (1e15 + np.arange(4.0), 1e15 + np.arange(4.0)),
    ],
)
def test_residuals(y, predicted):
    words = picture(plots.residuals, y, predicted, "price in $k$")
    assert {"true price in $k$", "predicted price in $k$", "rows"} <= set(words)


def test_the_same_numbers_give_the_same_bytes():
    def drawn():
        with drawing.style():
            return plots.residuals(np.arange(50.0), np.arange(50.0) ** 1.1, "y")

    assert drawn() == drawn()


def test_errors_over_rows():
    """Points, the law and its band to four times the rows, and what is aimed at."""
    rows, values = (30.0, 100.0, 300.0), np.array([0.3, 0.2, 0.15])
    law = fit(rows, values, values + np.random.default_rng(0).normal(0, 0.01, (50, 3)), seeds=3, held_out=100)
    points = tuple(estimate(value) for value in values)
    made = LearningCurve(
        task="classification",
        shares=(0.1, 0.3, 1.0),
        rows=rows,
        seeds=3,
        diverged=0,
        train_error=(estimate(NAN, NAN), estimate(0.05), estimate(0.1)),
        error=points,
        loss=points,
        error_law=law,
        loss_law=law,
        optimal=0.01,
        tolerance=0.02,
    )
    words = picture(plots.errors_over_rows, made)
    for said in (
        "train rows",
        "rows misclassified, %",
        "fitted, and its 95 % band",
        "optimal error and tolerance, 3 %",
    ):
        assert said in words
    assert {"30", "190", "1200"} <= set(words)
