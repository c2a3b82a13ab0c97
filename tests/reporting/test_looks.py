"""The looks at dev and test rows, counted and told."""

from types import SimpleNamespace

import numpy as np
import pytest

from caviar.data.ledger import Opening
from caviar.reporting.looks import Looks, looks

OPENING = Opening("2026-01-02T03:04:05+00:00", "caviar improve", "houses", 50, "ab12", times=1, seen=0.0)


def split(task="classification", std=1.0, openings=()):
    return SimpleNamespace(task=task, target=SimpleNamespace(std=std), openings=openings)


def trials(error, loss):
    return [
        SimpleNamespace(score=SimpleNamespace(error=np.array(e, float), loss=np.array(own, float)))
        for e, own in zip(error, loss, strict=True)
    ]


def test_the_loss_decides_where_it_decides_the_search():
    """Two configs of opposite order by loss and by error; a third look is a remedy's."""
    made = trials([[0.0] * 40, [1.0] * 40], [[2.0] * 40, [1.0] * 40])
    random = np.random.default_rng(0)
    noisy = trials(random.random((20, 60)) < 0.3, random.random((20, 60)))
    counted = looks(made, 1, "error", split())
    assert (counted.configs, counted.rows, counted.optimism, counted.opening) == (3, 40, 0.0, None)
    assert looks(noisy, 0, "auc", split()).optimism > looks(noisy[:2], 0, "auc", split()).optimism >= 0


def test_regression_is_told_in_the_unit_of_the_target():
    squared = np.random.default_rng(1).chisquare(1, (30, 80))
    one, ten = (looks(trials(squared, squared), 0, "rmse", split("regression", std)) for std in (1.0, 10.0))
    assert 0 < one.optimism < 0.5
    assert ten.optimism == pytest.approx(10 * one.optimism)


def test_what_is_said_of_dev_rows():
    told = Looks(34, 1438, 0.0031, None).dev_in_words(split())
    assert told == (
        "34 configs were compared on the same 1,438 held-out rows: expect the best of the search to look better there "
        "than it is by about 0.31 points."
    )
    assert Looks(1, 10, 12.5, None).dev_in_words(split("regression")).endswith("by about 12.5.")


@pytest.mark.parametrize(
    ("opening", "told"),
    [
        (None, "No test rows were kept."),
        (OPENING, "The 50 test rows were opened once, after everything had been chosen."),
        (
            Opening(**OPENING.to_json() | {"times": 3, "seen": 0.4, "before": ("2026-01-01 by another run",)}),
            "The 50 test rows were opened after everything had been chosen, but 40% of them had been opened before, in "
            "2 other looks; last 2026-01-01 by another run: what was chosen by that, they cannot judge.",
        ),
        (Opening(**OPENING.to_json() | {"times": 2, "seen": 0.001}), "opened once, after"),
        (Opening(**OPENING.to_json() | {"remembered": False}), "whether they had been before is not known"),
    ],
)
def test_what_is_said_of_test_rows(opening, told):
    assert told in Looks(1, 10, 0.0, opening).test_in_words()
    stated = Looks(1, 10, 0.0, opening).to_json()
    assert stated["dev"] == {"configs": 1, "rows": 10, "optimism": 0.0}
    assert stated["test"] is None if opening is None else stated["test"]["rows"] == 50
