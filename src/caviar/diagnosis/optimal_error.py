"""The optimal error: what no model of these inputs can go below, given by a person or estimated as a range.

The optimal (Bayes) error cannot be read off data, but it lies between two figures that can be had. *At most* it is
what a quick model reaches on rows it has not seen (`references`). *At least* it is what rows that are alike in every
input and differ in their target leave open; or, as a guess, the share of labels that look wrong, by the rule of
`data.checks.label_noise` from the answers of the same models. Where neither says anything it is the course's 0.

Errors are shares misclassified, or shares of the target's variance left unexplained (1 - R^2).
"""

import dataclasses
import math
from typing import Any

import numpy as np
import polars as pl

from caviar.arrays import Numbers, Whole
from caviar.data.checks.conflicting_labels import conflicting_classes, conflicting_quantities
from caviar.data.checks.equal_rows import first_equal
from caviar.data.checks.label_noise import FEWEST_OF_CLASS, FEWEST_ROWS, WORTH_KNOWING, contradicted
from caviar.data.split import Split
from caviar.diagnosis.intervals import Estimate, positive_mean, rate
from caviar.diagnosis.optimism import optimism
from caviar.diagnosis.references import References, references
from caviar.errors import BadData

_CONFLICTS_AMONG = 20_000
_MOST_CELLS = 20_000_000
"""Rows, and cells, among which equal rows are sought."""


@dataclasses.dataclass(frozen=True)
class OptimalError:
    """What is known about the error that nothing can beat.

    Attributes:
        low: it is at least this; 0 where nothing is known.
        bound: it is at most this, with the interval of what was measured; None where it is `low` itself: given by a
            person, or assumed.
        given: whether a person gave it.
        how: a sentence for people: how we know.
    """

    low: float
    bound: Estimate | None = None
    given: bool = False
    how: str = "The optimal error is taken as 0, as the course does where nothing else is known."

    @property
    def exact(self) -> Estimate:
        """The lower end as a figure without noise."""
        return Estimate(self.low, self.low, self.low, 0)

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        bound = None if self.bound is None else self.bound.to_json()
        return {"low": self.low, "bound": bound, "given": self.given, "how": self.how}


def given_error(value: float, split: Split) -> OptimalError:
    """The optimal error that a person gave, such as that of experts on the same rows.

    Args:
        value: share misclassified, in [0, 1), or RMSE in the target's unit, at least 0.
        split: whose target it is about.

    Raises:
        BadData: a value out of its range.
    """
    if split.task == "regression":
        if not (value >= 0 and math.isfinite(value)):
            raise BadData(
                f"The optimal error must be at least 0, got {value}. It is an RMSE in the unit of "
                f"{split.target.name!r}."
            )
        share = (value / split.target.std) ** 2
        how = f"The optimal error was given: an RMSE of {value:.4g} in the unit of '{split.target.name}'."
        return OptimalError(share, given=True, how=how)
    if not 0 <= value < 1:
        raise BadData(
            f"The optimal error must be in [0, 1), got {value}. It is the share of rows that even a perfect model "
            "misses: 0.02 is 2 %."
        )
    return OptimalError(value, given=True, how=f"The optimal error was given: {value:.1%}.")


def estimated_error(split: Split) -> OptimalError:
    """The range in which the optimal error lies, from models that take seconds; the same split is not asked again.

    Args:
        split: whose train rows, and dev rows where they are of the same kind.
    """
    low, why = _conflicts(split)
    models = references(split)
    if not models.names:
        return OptimalError(low, how=f"{why} No quick model was fitted: there are too few train rows.")
    bound = _bound(models, split)
    noise = min(_label_noise(models), bound.value)
    if noise > low:
        low = noise
        why = (
            f"At least {noise:.1%} of the labels look wrong, a guess: quick models contradict them where they are sure."
        )
    name = models.names[models.best]
    among = ", ".join(models.names)
    how = (
        f"{why} It is at most about {bound.value:.1%} (95 % interval {bound.low:.1%} to {bound.high:.1%}): that is the "
        f"error of the best quick model ({name}, of {among}) on {bound.rows:,} rows it has not seen."
    )
    return OptimalError(low, bound, how=how)


def _bound(models: References, split: Split) -> Estimate:
    """The best reference's error, corrected for having been chosen by it, with its interval."""
    own = models.errors[models.best][None]
    if split.task == "regression":
        own = own / float(np.var(split.y_train))
    error = (rate if split.task == "classification" else positive_mean)(own)
    shown, expected = optimism(models.errors, models.errors)
    factor = expected / shown if shown > 0 else 1.0
    high = error.high * factor
    return Estimate(
        error.value * factor, error.low, min(1.0, high) if split.task == "classification" else high, error.rows
    )


def _label_noise(models: References) -> float:
    """Lower end of the share of labels that look wrong; 0 where the rule sees a hard problem, or too few rows."""
    classes = models.probabilities.shape[1]
    if not classes:
        return 0.0
    common = np.flatnonzero(np.bincount(models.y, minlength=classes) >= FEWEST_OF_CLASS)
    at = np.isin(models.y, common)
    if at.sum() < FEWEST_ROWS or len(common) < 2:
        return 0.0
    found = contradicted(models.probabilities[at][:, common], np.searchsorted(common, models.y[at]))
    return found.low if found.wrong_labels and found.low >= WORTH_KNOWING else 0.0


def _conflicts(split: Split) -> tuple[float, str]:
    """What equal rows with different targets leave open, among at most 20,000 train rows, and a sentence."""
    rows = min(split.n_train, _CONFLICTS_AMONG, max(1, _MOST_CELLS // split.width))
    first, y = _equal(split.x_train[:rows]), split.y_train[:rows]
    if split.task == "classification":
        floor = conflicting_classes(first, y)[1] / rows
    else:
        floor = conflicting_quantities(first, y.astype(float))[1] if y.std() > 0 else 0.0
    if floor <= 0:
        return 0.0, "Nothing sets a lower limit to the optimal error but 0."
    unit = "of the train rows" if split.task == "classification" else "of the target's variance"
    return (
        floor,
        f"The optimal error is at least {floor:.1%}: {unit} equal others in every input but not in the target.",
    )


def _equal(x: Numbers) -> Whole:
    return first_equal(pl.DataFrame(np.ascontiguousarray(x)))
