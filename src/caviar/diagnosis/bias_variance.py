"""Bias and variance: where the error comes from, by the course's rule, with intervals.

    avoidable bias = train error - optimal error          variance = train-dev error - train error
    mismatch       = dev error - train-dev error          overfitting to dev = test error - dev error

The train-dev error is that on the bridge, rows of the kind that is trained on but held out. Without a bridge the dev
error takes its place, and variance and mismatch are one gap.

A gap is *high* when its whole 95 % interval lies above a tolerance, *low* when it lies wholly below, else *cannot
tell*: significance alone is not size. The tolerance is 2 points of error, or 5 % of the target's variance.

Nobody knows the optimal error. Where no person gives it, it is a range (`optimal_error`), and the interval of the
bias spans it: from the training error less what quick models reach on new rows, which is more than the optimal error,
to the training error less what it is at least, mostly 0. So bias is *high* only where a quick model shows that these
inputs allow better, *low* only where even a perfect score could not be much better, and else it cannot be told: a
network that misses 15 % where nothing else does better may lack capacity, or face labels that are 15 % chance. Taking
the optimal error as 0 there, as the course's table does, would send the owner of every noisy data set after a larger
network; taking the quick models' error as optimal would call the bias of every image classifier low. The case is told
as such, at severity info and with what would settle it, and the recipe begins with what is certain.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.diagnosis.errors_of_rows import bridge_errors, train_errors
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate, difference, positive_mean, rate, share
from caviar.diagnosis.optimal_error import OptimalError, estimated_error, given_error
from caviar.errors import BadData
from caviar.training.record import Run
from caviar.training.rows import rows_measured
from caviar.training.scores import Score

Verdict = Literal["high", "low", "cannot tell"]

TOLERANCE: dict[Task, float] = {"classification": 0.02, "regression": 0.05}

_SOURCE = "course section 2 (bias, variance and the basic recipe)"
_BRIDGE = "course sections 1 and 2 (train-dev set); Ng 2018, Machine Learning Yearning, chapters 40 to 43"


@dataclasses.dataclass(frozen=True)
class BiasVariance:
    """Errors, gaps and verdicts of one config.

    Errors are shares misclassified or, for a regression, shares of the target's variance left unexplained (1 - R^2).

    Attributes:
        optimal: what is known of the error that nothing can beat, against which bias is read.
        tolerance: size above which a gap matters.
        train: error on training rows.
        dev: error on held-out rows.
        bridge: error on the bridge (train-dev rows); None without one.
        correlation: of the errors of `train` and `dev`, in [0, 1): above 0 where both rest on the same rows.
    """

    optimal: OptimalError
    tolerance: float
    train: Estimate
    dev: Estimate
    bridge: Estimate | None = None
    correlation: float = 0.0

    @property
    def bias(self) -> Estimate:
        """The avoidable bias: training error minus optimal error.

        Where the optimal error is a range, the value is the most that the bias can be; the interval spans the range.
        """
        most = difference(self.optimal.exact, self.train)
        least = most if self.optimal.bound is None else difference(self.optimal.bound, self.train)
        return Estimate(most.value, min(least.low, most.low), most.high, self.train.rows)

    @property
    def variance(self) -> Estimate:
        """The variance: error on rows of the same kind that were held out, minus training error."""
        if self.bridge is not None:
            return difference(self.train, self.bridge)
        return difference(self.train, self.dev, self.correlation)

    @property
    def mismatch(self) -> Estimate | None:
        """The mismatch: dev error minus train-dev error; None without a bridge."""
        return None if self.bridge is None else difference(self.bridge, self.dev)

    @property
    def bias_verdict(self) -> Verdict:
        """Whether the avoidable bias is high, low, or cannot be told."""
        return verdict(self.bias, self.tolerance)

    @property
    def variance_verdict(self) -> Verdict:
        """Whether the variance is high, low, or cannot be told."""
        return verdict(self.variance, self.tolerance)

    @property
    def mismatch_verdict(self) -> Verdict | None:
        """Whether the mismatch is high, low, or cannot be told; None without a bridge."""
        return None if self.mismatch is None else verdict(self.mismatch, self.tolerance)

    @property
    def optimum_decides(self) -> bool:
        """Whether bias cannot be told because the optimal error is not known, and not for want of rows."""
        most = difference(self.optimal.exact, self.train)
        return self.bias_verdict == "cannot tell" and verdict(most, self.tolerance) == "high"


def verdict(gap: Estimate, tolerance: float) -> Verdict:
    """`high` above the tolerance, `low` below it, `cannot tell` when the interval holds it."""
    if gap.low > tolerance:
        return "high"
    return "low" if gap.high < tolerance else "cannot tell"


def bias_variance(
    scores: Sequence[Score],
    split: Split,
    optimal_error: float | OptimalError | None = None,
    tolerance: float | None = None,
    *,
    runs: Sequence[Run] = (),
) -> BiasVariance:
    """Bias and variance of one config from its scores with several seeds.

    Args:
        scores: one per seed, all judged on the same rows; those that diverged are left out.
        split: the split they were trained on.
        optimal_error: the error that a perfect model would have, as a share misclassified or as RMSE in the
            target's unit, 0 as in the course's table. None estimates it where the verdict depends on it: that takes
            seconds the first time, and nothing where the bias is low even against 0.
        tolerance: size above which a gap matters; None is 0.02 (classification) or 0.05 (1 - R^2).
        runs: the networks of the scores, of any seeds and folds. With them the bridge is asked, and the errors of
            single training rows, which make the intervals of a regression and of networks judged out of fold exact.

    Raises:
        BadData: no network is left to judge, there are no held-out rows, or an optimal error that cannot be.
    """
    usable = [score for score in scores if score.status != "diverged"]
    if not usable:
        raise BadData("Bias and variance need a network that trained, got only diverged ones. Lower the learning rate.")
    errors = np.stack([score.error for score in usable])
    if not errors.shape[1]:
        raise BadData("Bias and variance need rows that were held out, got none. Split with dev rows.")
    seeds = {score.config.seed for score in usable}
    own = [run for run in runs if run.config.seed in seeds]
    trained = train_errors(own, split) if own and _worth_asking(own, split) else None
    dev = _estimate(errors, split)
    train = _train(usable, dev, split) if trained is None else _estimate(trained.errors, split)
    bridge = _estimate(bridge_errors(own, split), split) if own and split.n_bridge else None
    correlated = trained is not None and trained.same_as_dev and trained.errors.shape == errors.shape
    size = TOLERANCE[split.task] if tolerance is None else tolerance
    return BiasVariance(
        optimal=_optimal(optimal_error, train, split, size),
        tolerance=size,
        train=train,
        dev=dev,
        bridge=bridge,
        correlation=_correlation(trained.errors, errors) if correlated and trained is not None else 0.0,
    )


def _worth_asking(runs: Sequence[Run], split: Split) -> bool:
    """Whether single training rows tell more than the mean that is in the history.

    Seeds of a share of the rows are trained on rows of their own: there is no row that all of them know.
    """
    if any(isinstance(run.config.rows, float) and run.config.rows < 1 for run in runs):
        return False
    return split.task == "regression" or any(isinstance(run.config.rows, tuple) for run in runs)


def _optimal(asked: float | OptimalError | None, train: Estimate, split: Split, tolerance: float) -> OptimalError:
    """The optimal error as it was given, or estimated where the verdict depends on it."""
    if isinstance(asked, OptimalError):
        return asked
    if asked is not None:
        return given_error(asked, split)
    if train.high < tolerance:
        return OptimalError(0.0, how="The training error is low even against an optimal error of 0.")
    return estimated_error(split)


def _estimate(errors: Numbers, split: Split) -> Estimate:
    """An error rate, or a share of the target's variance, of networks (seeds) on rows."""
    return rate(errors) if split.task == "classification" else positive_mean(errors / float(np.var(split.y_train)))


def _train(scores: Sequence[Score], dev: Estimate, split: Split) -> Estimate:
    """The training error from the means in the history, where single rows cannot be asked.

    Squared errors of training rows are then taken to spread about their mean as those of held-out rows do: the interval
    is that of the held-out error, scaled by the mean and by the number of rows.
    """
    measured = rows_measured(scores[0].on[0], split, scores[0].config.seed)
    if split.task == "classification":
        return share([score.train_error for score in scores], measured)
    variance = float(np.var(split.y_train))
    value = float(np.mean([(score.train_error / split.target.std) ** 2 / variance for score in scores]))
    ratio = dev.high / dev.value if dev.value > 0 else 1.0
    factor = ratio ** ((dev.rows / measured) ** 0.5)
    return Estimate(value, value / factor, value * factor, measured)


def _correlation(one: Numbers, other: Numbers) -> float:
    """Correlation of the means of two arrays (seeds, rows) over the same rows, from the rows; at least 0."""
    first, second = one.mean(axis=0), other.mean(axis=0)
    if first.std() == 0 or second.std() == 0:
        return 0.0
    return float(np.clip(np.corrcoef(first, second)[0, 1], 0.0, 0.99))


def findings(result: BiasVariance, split: Split) -> list[Finding]:
    """The verdicts as findings: high bias, high variance, mismatch, or too few rows to tell."""
    told = _Words(result, split)
    found = []
    if result.bias_verdict == "high":
        found.append(told.finding("high_bias", "warning", told.high_bias, result.bias))
    elif result.optimum_decides and result.variance_verdict != "high" and result.mismatch_verdict != "high":
        found.append(told.finding("high_bias", "info", told.open_bias, result.bias))
    if result.variance_verdict == "high":
        meaning = told.high_variance + (f" {told.open_bias}" if result.optimum_decides else "")
        found.append(told.finding("high_variance", "warning", meaning, result.variance))
    if result.mismatch is not None and result.mismatch_verdict == "high":
        meaning = told.mismatch + (
            f" {told.open_bias}" if result.optimum_decides and result.variance_verdict != "high" else ""
        )
        found.append(
            dataclasses.replace(told.finding("data_mismatch", "warning", meaning, result.mismatch), source=_BRIDGE)
        )
    if unknown := told.unknown:
        evidence = told.evidence | {"rows": result.dev.rows}
        found.append(Finding("too_few_rows", "info", evidence, unknown, _SOURCE))
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


class _Words:
    """Figures and verdicts in sentences for someone who took the course."""

    def __init__(self, result: BiasVariance, split: Split) -> None:
        self._result, self._split = result, split
        self._unit = "of the rows" if split.task == "classification" else "of the target's variance"

    @property
    def evidence(self) -> dict[str, Any]:
        """The figures of all verdicts."""
        result = self._result
        parts = {"train_error": result.train, "bridge_error": result.bridge, "dev_error": result.dev}
        figures: dict[str, Any] = {name: part.to_json() for name, part in parts.items() if part is not None}
        if self._split.task == "regression":
            figures |= {
                name.replace("error", "rmse"): self._rmse(part).to_json()
                for name, part in parts.items()
                if part is not None
            } | {"unit": self._split.target.name}
        return figures | {
            "optimal_error": result.optimal.low,
            "optimal": result.optimal.to_json(),
            "tolerance": result.tolerance,
            "bias": result.bias_verdict,
            "variance": result.variance_verdict,
        }

    def finding(self, name: Any, severity: Any, meaning: str, gap: Estimate) -> Finding:
        """A finding about one gap."""
        return Finding(name, severity, self.evidence | {"gap": gap.to_json()}, meaning, _SOURCE)

    @property
    def high_bias(self) -> str:
        """The bias is high."""
        result = self._result
        if result.optimal.bound is None:
            gap = f"The avoidable bias is {_gap(result.bias)}"
        else:
            gap = f"The avoidable bias is at least {max(result.bias.low, 0):.1%}"
        return (
            f"The network misses {self._of(result.train)} that it was trained on. {result.optimal.how} {gap}: it is "
            "not yet able to fit what it is shown. A larger network, longer training, a better optimiser or another "
            "architecture come first; more data would not help."
        )

    @property
    def open_bias(self) -> str:
        """Whether the bias is high depends on an error that nobody told."""
        result = self._result
        return (
            f"Whether the bias is high cannot be told while the optimal error is not known: the network misses "
            f"{self._of(result.train)} that it was trained on. {result.optimal.how} If a person, or a better model, "
            f"errs on clearly less than {max(0.0, result.train.value - result.tolerance):.1%} {self._unit}, the bias "
            "is high and a larger network and longer training come first; if not, the inputs do not hold more. Give "
            "the optimal error where it is known; otherwise the remedies against bias are tried and must prove "
            "themselves."
        )

    @property
    def high_variance(self) -> str:
        """The variance is high."""
        result = self._result
        held_out = result.dev if result.bridge is None else result.bridge
        where = "rows it has not seen" if result.bridge is None else "bridge rows, of the same kind but not seen"
        return (
            f"The network misses {self._of(result.train)} in training and {self._of(held_out)} on {where}. The "
            f"variance is {_gap(result.variance)}: it learns what does not carry over. More data, regularisation (L2, "
            "dropout, early stopping) or another architecture come first."
        )

    @property
    def mismatch(self) -> str:
        """Dev rows are of another kind."""
        result = self._result
        assert result.bridge is not None  # told with a bridge only
        assert result.mismatch is not None
        return (
            f"The network misses {self._of(result.bridge)} on bridge rows, which are like the training rows but were "
            f"held out, and {self._of(result.dev)} on dev rows. The mismatch is {_gap(result.mismatch)}: dev rows are "
            "of another kind than those that are trained on, and neither a larger network nor regularisation closes "
            "such a gap. Look at the dev rows that it gets wrong and at how they differ; then get training rows of "
            "that kind, weigh those there are more, or make training rows like them (augmentation, synthetic rows)."
        )

    @property
    def unknown(self) -> str:
        """What the rows at hand cannot tell; "" where they tell everything."""
        result = self._result
        gaps: list[tuple[str, Estimate, Verdict | None, Estimate]] = []
        if not result.optimum_decides:
            gaps.append(("bias", result.bias, result.bias_verdict, result.train))
        held_out = result.dev if result.bridge is None else result.bridge
        gaps.append(("variance", result.variance, result.variance_verdict, held_out))
        if result.mismatch is not None:
            gaps.append(("mismatch", result.mismatch, result.mismatch_verdict, result.dev))
        open_ = [f"{name}, {_gap(gap)}," for name, gap, told, _ in gaps if told == "cannot tell"]
        if not open_:
            return ""
        verdicts = " and ".join(f"{name} is {told}" for name, _, told, _ in gaps if told != "cannot tell")
        return (
            f"With {result.dev.rows:,} held-out rows it cannot be told whether {' and '.join(open_)} lies above "
            f"or below {result.tolerance:.0%}"
            + (f"; {verdicts}" if verdicts else "")
            + ". More rows would tell, and more "
            "seeds narrow it where networks differ; until then the remedies of both are tried."
        )

    def _of(self, error: Estimate) -> str:
        """An error as people say it: a share, and the RMSE of a regression."""
        if self._split.task == "classification":
            return f"{error.value:.1%} {self._unit}"
        rmse = self._rmse(error)
        return f"{error.value:.1%} {self._unit} (RMSE {rmse.value:.4g} in the unit of '{self._split.target.name}')"

    def _rmse(self, error: Estimate) -> Estimate:
        """The error as RMSE in the target's unit."""
        scale = float(np.var(self._split.y_train)) ** 0.5 * self._split.target.std
        value, low, high = (scale * max(0.0, figure) ** 0.5 for figure in (error.value, error.low, error.high))
        return Estimate(value, low, high, error.rows)


def _gap(gap: Estimate) -> str:
    return f"{gap.value:.1%} (95 % interval {gap.low:.1%} to {gap.high:.1%})"
