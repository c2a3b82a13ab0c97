"""Splits of made-up rows, and scores that no network was trained for."""

import functools
from collections.abc import Sequence
from typing import Any

import numpy as np

from caviar.data.read import read
from caviar.data.split import Split, split
from caviar.diagnosis.bias_variance import bias_variance
from caviar.diagnosis.subject import Companion, CompanionKind, Subject
from caviar.network.config import Config
from caviar.training.scores import Score, constant_score


@functools.cache
def classes(train: int, dev: int, test: int = 0) -> Split:
    """Two inputs and three classes, learnable but not without error; sizes as asked."""
    stream = np.random.default_rng(0)
    x = stream.normal(size=(train + dev + test, 2))
    y = np.digitize(x[:, 0] + 0.3 * stream.normal(size=len(x)), [-0.5, 0.5])
    return split(read((x, np.array(["low", "mid", "high"])[y])), dev=dev, test=test)


@functools.cache
def quantity(train: int, dev: int, test: int = 0) -> Split:
    """Two inputs and a quantity with standard deviation of about 5 and noise of 1."""
    stream = np.random.default_rng(1)
    x = stream.normal(size=(train + dev + test, 2))
    y = 40 + 5 * np.sin(2 * x[:, 0]) + 3 * x[:, 1] + stream.normal(size=len(x))
    return split(read((x, y)), dev=dev, test=test, task="regression")


def score(config: Config | None = None, *, loss: Any = 1.0, error: Any = 0.1, rows: int = 40, **others: Any) -> Score:
    """A score with the given loss and error of every row, or of `rows` rows alike; the rest does not matter."""
    losses, errors = (np.broadcast_to(np.asarray(v, float), np.shape(v) or rows) for v in (loss, error))
    settings = {
        "status": "finished",
        "value": float(errors.sum() / max(1, errors.size)),
        "train_loss": 0.05,
        "train_error": 0.02,
        "best_epoch": 3,
        "history": {},
        "networks": 1,
        "on": (1.0,),
    }
    return Score(config=config or Config(), loss=losses, error=errors, **(settings | others))


def subject(
    scores: Sequence[Score],
    rows: Split,
    optimal_error: float | None = None,
    tolerance: float | None = None,
    **others: Any,
) -> Subject:
    """What a finder reads, made of scores; other parts as given."""
    constant = constant_score(rows, "error" if rows.task == "classification" else "rmse", scores[0].on)
    sound = any(score.status != "diverged" for score in scores)
    gaps = bias_variance(scores, rows, optimal_error, tolerance) if sound else None
    return Subject(rows, scores[0].config, (), tuple(scores), constant, gaps=gaps, **others)


def companion(kind: CompanionKind, before: Sequence[Score], after: Sequence[Score]) -> Companion:
    """A companion with these scores, against those of the subject."""
    return Companion(kind, f"a {kind}", after[0].config, tuple(after), tuple(before))
