"""Bias and variance: where the error comes from, by the course's rule, with intervals.

    avoidable bias = train error - optimal error      variance = dev error - train error

A gap is *high* when its whole 95 % interval lies above a tolerance, *low* when it lies wholly below, else *cannot
tell*: significance alone is not size. The tolerance is 2 points of error, or 5 % of the target's variance.
"""

import dataclasses
from collections.abc import Sequence
from typing import Literal

import numpy as np

from caviar.data.split import Split
from caviar.data.task import Task
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate, difference, mean, share
from caviar.errors import BadData
from caviar.training.rows import rows_measured
from caviar.training.scores import Score

Verdict = Literal["high", "low", "cannot tell"]

TOLERANCE: dict[Task, float] = {"classification": 0.02, "regression": 0.05}

_SOURCE = "course section 2 (bias, variance and the basic recipe)"


@dataclasses.dataclass(frozen=True)
class BiasVariance:
    """Errors, gaps and verdicts of one config.

    Errors are shares misclassified or, for a regression, shares of the target's variance left unexplained (1 - R^2).

    Attributes:
        optimal: the error that nothing can beat, against which bias is read.
        optimal_given: whether a person gave it; otherwise it is 0.
        tolerance: size above which a gap matters.
        train: error on training rows.
        dev: error on held-out rows.
    """

    optimal: float
    optimal_given: bool
    tolerance: float
    train: Estimate
    dev: Estimate

    @property
    def bias(self) -> Estimate:
        """The avoidable bias: training error minus optimal error."""
        return difference(Estimate(self.optimal, self.optimal, self.optimal, self.train.rows), self.train)

    @property
    def variance(self) -> Estimate:
        """The variance: held-out error minus training error."""
        return difference(self.train, self.dev)

    @property
    def bias_verdict(self) -> Verdict:
        """Whether the avoidable bias is high, low, or cannot be told."""
        return verdict(self.bias, self.tolerance)

    @property
    def variance_verdict(self) -> Verdict:
        """Whether the variance is high, low, or cannot be told."""
        return verdict(self.variance, self.tolerance)


def verdict(gap: Estimate, tolerance: float) -> Verdict:
    """`high` above the tolerance, `low` below it, `cannot tell` when the interval holds it."""
    if gap.low > tolerance:
        return "high"
    return "low" if gap.high < tolerance else "cannot tell"


def bias_variance(
    scores: Sequence[Score], split: Split, optimal_error: float | None = None, tolerance: float | None = None
) -> BiasVariance:
    """Bias and variance of one config from its scores with several seeds.

    Args:
        scores: one per seed, all judged on the same rows; those that diverged are left out.
        split: the split they were trained on.
        optimal_error: the error that a perfect model would have, as a share misclassified or as RMSE in the
            target's unit; None is read as 0.
        tolerance: size above which a gap matters; None is 0.02 (classification) or 0.05 (1 - R^2).

    Raises:
        BadData: no network is left to judge, or there are no held-out rows.
    """
    usable = [score for score in scores if score.status != "diverged"]
    if not usable:
        raise BadData("Bias and variance need a network that trained, got only diverged ones. Lower the learning rate.")
    errors = np.stack([score.error for score in usable])
    if not errors.shape[1]:
        raise BadData("Bias and variance need rows that were held out, got none. Split with dev rows.")
    measured = rows_measured(usable[0].on[0], split)
    if split.task == "classification":
        train = share([score.train_error for score in usable], measured)
        dev = share(list(errors.mean(axis=1)), errors.shape[1])
    else:
        variance = float(np.var(split.y_train))
        dev = mean(errors / variance)
        train = _unexplained(usable, dev, measured, split, variance)
    return BiasVariance(
        optimal=0.0 if optimal_error is None else _as_share(optimal_error, split),
        optimal_given=optimal_error is not None,
        tolerance=TOLERANCE[split.task] if tolerance is None else tolerance,
        train=train,
        dev=dev,
    )


def _unexplained(scores: Sequence[Score], dev: Estimate, measured: int, split: Split, variance: float) -> Estimate:
    """Share of the target's variance that is left unexplained on training rows.

    Squared errors of training rows are taken to spread about their mean as those of held-out rows do, so that
    the interval is that of the held-out error, scaled by the mean and by the number of rows.
    """
    values = [(score.train_error / split.target.std) ** 2 / variance for score in scores]
    value = float(np.mean(values))
    scale = value / max(dev.value, 1e-12) * (dev.rows / measured) ** 0.5
    low = max(0.0, value - (dev.value - dev.low) * scale)
    return Estimate(value, low, value + (dev.high - dev.value) * scale, measured)


def findings(result: BiasVariance, split: Split) -> list[Finding]:
    """The verdicts as findings: high bias, high variance, or too few rows to tell."""
    evidence = {
        "train_error": result.train.to_json(),
        "dev_error": result.dev.to_json(),
        "optimal_error": result.optimal,
        "tolerance": result.tolerance,
    }
    unit = "of the rows" if split.task == "classification" else "of the target's variance"
    against = f"{result.optimal:.1%}" + ("" if result.optimal_given else ", since no other was given")
    found = []
    if result.bias_verdict == "high":
        meaning = (
            f"The network misses {result.train.value:.1%} {unit} that it was trained on; the optimal error is "
            f"{against}. The avoidable bias is {_gap(result.bias)}: it is not yet able to fit what it is shown. "
            "A larger network, longer training, a better optimiser or another architecture come first; more "
            "data would not help."
        )
        evidence_here = evidence | {"gap": result.bias.to_json()}
        found.append(Finding("high_bias", "warning", evidence_here, meaning, _SOURCE))
    if result.variance_verdict == "high":
        meaning = (
            f"The network misses {result.train.value:.1%} {unit} in training and {result.dev.value:.1%} on rows "
            f"it has not seen. The variance is {_gap(result.variance)}: it learns what does not carry over. More "
            "data, regularisation (L2, dropout, early stopping) or another architecture come first."
        )
        evidence_here = evidence | {"gap": result.variance.to_json()}
        found.append(Finding("high_variance", "warning", evidence_here, meaning, _SOURCE))
    unknown = [
        f"{name}, {_gap(gap)},"
        for name, gap, told in (
            ("bias", result.bias, result.bias_verdict),
            ("variance", result.variance, result.variance_verdict),
        )
        if told == "cannot tell"
    ]
    if unknown:
        meaning = (
            f"With {result.dev.rows:,} held-out rows it cannot be told whether {' and '.join(unknown)} lies above "
            f"or below {result.tolerance:.0%}. More rows would tell; until then the remedies of both are tried."
        )
        found.append(Finding("too_few_rows", "info", evidence | {"rows": result.dev.rows}, meaning, _SOURCE))
    return found


def overfit(gap: Estimate, split: Split) -> list[Finding]:
    """A finding when the test error lies above the dev error by more than the tolerance.

    Args:
        gap: test error minus dev error of one network.
        split: whose task decides the tolerance.
    """
    tolerance = TOLERANCE[split.task]
    if verdict(gap, tolerance) != "high":
        return []
    meaning = (
        f"The error on the test rows is above that on the dev rows by {_gap(gap)}. Either so many configs were "
        "compared on dev that the best fits its rows by luck, or dev and test rows differ. A larger dev set "
        "helps against the first."
    )
    return [Finding("overfit_dev", "warning", {"gap": gap.to_json(), "tolerance": tolerance}, meaning, _SOURCE)]


def _gap(gap: Estimate) -> str:
    return f"{gap.value:.1%} (95 % interval {gap.low:.1%} to {gap.high:.1%})"


def _as_share(optimal_error: float, split: Split) -> float:
    """The optimal error on the scale of the gaps.

    Raises:
        BadData: it is negative, or a share of 1 or more.
    """
    if split.task == "regression":
        if optimal_error < 0:
            raise BadData(
                f"The optimal error must be at least 0, got {optimal_error}. It is an RMSE in the unit of "
                f"{split.target.name!r}."
            )
        return (optimal_error / split.target.std) ** 2
    if not 0 <= optimal_error < 1:
        raise BadData(
            f"The optimal error must be in [0, 1), got {optimal_error}. It is the share of rows that even a "
            "perfect model misses: 0.02 is 2 %."
        )
    return optimal_error
