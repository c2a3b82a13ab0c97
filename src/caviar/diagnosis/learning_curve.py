"""Learning curves over amounts of data: would more rows help, and how much?

Networks of one config are trained on nested subsets of the train rows, in one call of `train`. A power law through
their held-out errors is carried on to more rows than there are, with a band that counts seeds, the luck of the subset
and held-out rows. Beside it the training error: where both curves lie together and are flat, the network is at its
limit and not the data (high bias).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from scipy import stats

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.diagnosis.bias_variance import TOLERANCE
from caviar.diagnosis.intervals import LEVEL, Estimate, mean, resampled_means, share
from caviar.diagnosis.power_law import PowerLaw, fit
from caviar.errors import BadConfig, BadData
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.population import Callback, train
from caviar.training.rows import rows_measured
from caviar.training.scores import Score, score_runs

SHARES = (0.1, 0.2, 0.4, 0.7, 1.0)
WORTH = 0.1
"""What twice the rows must take away, as a part of the loss, for more rows to be worth collecting."""

Verdict = Literal["yes", "no", "cannot tell"]

_FARTHEST = 10
"""Times the rows, beyond which the curve is not carried on."""


@dataclasses.dataclass(frozen=True, eq=False)
class LearningCurve:
    """Errors and losses against the number of train rows.

    Errors are shares misclassified or, for a regression, shares of the target's variance left unexplained (1 - R^2).
    Losses are those by which configs are compared, see `Score.loss`.

    Attributes:
        task: classification or regression.
        shares: of the train rows, rising.
        rows: train rows of each share, the mean over seeds.
        seeds: networks of each share.
        diverged: seeds that are left out, since a network of theirs diverged.
        train_error: on rows that were trained on, one per share.
        error: on held-out rows, alike.
        loss: alike.
        error_law: the power law through the errors.
        loss_law: through the losses.
        optimal: the error that nothing can beat.
        tolerance: above it, within which an error is good enough.
    """

    task: Task
    shares: tuple[float, ...]
    rows: tuple[float, ...]
    seeds: int
    diverged: int
    train_error: tuple[Estimate, ...]
    error: tuple[Estimate, ...]
    loss: tuple[Estimate, ...]
    error_law: PowerLaw
    loss_law: PowerLaw
    optimal: float
    tolerance: float

    @property
    def more_rows_help(self) -> Verdict:
        """Whether twice the rows would take a tenth of the loss away: the loss tells it better than the error."""
        gain, least = self.loss_law.gain(2 * self.rows[-1]), WORTH * self.loss[-1].value
        if gain.low > least:
            return "yes"
        return "no" if gain.high < least else "cannot tell"

    @property
    def rows_needed(self) -> Estimate:
        """Rows with which the error is within the tolerance of the optimal one; infinite where no number suffices."""
        return self.error_law.rows_for(self.optimal + self.tolerance)

    @property
    def met(self) -> bool:
        """Whether training and held-out error lie within the tolerance of each other, both above what is good enough.

        The sign of high bias.
        """
        apart = self.error[-1].value - self.train_error[-1].value
        return apart < self.tolerance and self.train_error[-1].low > self.optimal + self.tolerance

    def predicted(self, times: float) -> Estimate:
        """The held-out error with so many times the rows."""
        return self.error_law.at(times * self.rows[-1])

    def to_json(self) -> dict[str, Any]:
        """Plain values; null where a figure is not finite."""
        points = zip(self.shares, self.rows, self.train_error, self.error, self.loss, strict=True)
        return {
            "seeds": self.seeds,
            "diverged": self.diverged,
            "points": [
                {
                    "share": part,
                    "rows": rows,
                    "train_error": trained.to_json(),
                    "error": error.to_json(),
                    "loss": loss.to_json(),
                }
                for part, rows, trained, error, loss in points
            ],
            "error_law": self.error_law.to_json(),
            "loss_law": self.loss_law.to_json(),
            "predicted": {f"{times}x": self.predicted(times).to_json() for times in (2, 4)},
            "optimal": self.optimal,
            "tolerance": self.tolerance,
            "rows_needed": self.rows_needed.to_json(),
            "more_rows_help": self.more_rows_help,
        }

    def words(self) -> list[str]:
        """Sentences: would more rows help, how much, how many would do, and whether the network is the limit."""
        unit = "of the rows misclassified" if self.task == "classification" else "of the target's variance unexplained"
        now, gain = self.rows[-1], self.loss_law.gain(2 * self.rows[-1])
        share_of = [100 * part / self.loss[-1].value for part in (gain.value, gain.low, gain.high)]
        loss = f"{share_of[0]:.0f} % of the held-out loss (95 % interval {share_of[1]:.0f} to {share_of[2]:.0f} %)"
        told = [
            {
                "yes": f"More rows would help: twice as many would take away {loss}.",
                "no": f"More rows would hardly help: twice as many would take away {loss}.",
                "cannot tell": f"It cannot be told whether more rows would help: twice as many would take away {loss}.",
            }[self.more_rows_help],
            f"With {now:,.0f} train rows {_percent(self.error[-1])} {unit}; by the curve {_percent(self.predicted(2))} "
            f"with twice as many, {_percent(self.predicted(4))} with four times.",
            self._needed_in_words(),
        ]
        if self.met:
            told.append(
                f"Training error, {_percent(self.train_error[-1])}, and held-out error have met, above "
                f"{self.optimal + self.tolerance:.1%}: the network is at its limit, not the data. A larger network, "
                "longer training or another architecture come before more rows."
            )
        if self.diverged:
            left = "is" if self.diverged == 1 else "are"
            told.append(f"{self.diverged} of {self.seeds + self.diverged} seeds diverged and {left} left out.")
        return told

    def _needed_in_words(self) -> str:
        goal, needed = f"an error of {self.optimal + self.tolerance:.1%}", self.rows_needed
        now, farthest = self.rows[-1], _FARTHEST * self.rows[-1]
        if self.error[-1].value <= self.optimal + self.tolerance:
            return f"What is aimed at, {goal}, is reached."
        if needed.low > farthest:
            return f"More than ten times the rows would be needed for {goal}; the curve is not carried on so far."
        least = f"at least {_count(max(needed.low, now))}"
        if needed.high > farthest:
            return f"For {goal} {least} train rows are needed; whether any number suffices cannot be told."
        return f"For {goal} about {_count(max(needed.value, now))} train rows are needed, {least} and at most " + (
            f"{_count(needed.high)}."
        )


def learning_curve(
    split: Split,
    config: Config,
    shares: Sequence[float] = SHARES,
    seeds: Sequence[int] = range(5),
    *,
    optimal: float = 0.0,
    tolerance: float | None = None,
    callbacks: Sequence[Callback] = (),
) -> LearningCurve:
    """Train a config on parts of the train rows, all at once, and see how its errors fall.

    Args:
        split: with dev rows; all shares are judged on them.
        config: with rows=1.0; its seed is not used.
        shares: of the train rows, in (0, 1], at least three that differ.
        seeds: each trains every share, on rows of its own.
        optimal: the error that nothing can beat: a share misclassified, or of the target's variance.
        tolerance: above it, within which an error is good enough; None is that of bias and variance.
        callbacks: see `train`.

    Raises:
        BadConfig: shares, seeds or the config do not fit.
        BadData: there are no dev rows, too few train rows, or every seed diverged.
    """
    chosen = _checked(split, config, shares, seeds)
    configs = [config.changed(rows=part, seed=seed) for part in chosen for seed in seeds]
    runs = train(split, configs, callbacks=callbacks)
    flat = score_runs(split, [[run] for run in runs], metric_for(split.task, None))
    scores = [flat[i : i + len(seeds)] for i in range(0, len(flat), len(seeds))]
    kept = [k for k in range(len(seeds)) if all(of_share[k].status != "diverged" for of_share in scores)]
    if not kept:
        raise BadData("A learning curve needs networks that trained, got only diverged ones. Lower the learning rate.")
    rows = tuple(float(np.mean([len(split.subset(part, seeds[k])) for k in kept])) for part in chosen)
    unit = 1.0 if split.task == "classification" else float(np.var(split.y_train))
    of_kept = [[of_share[k] for k in kept] for of_share in scores]
    errors = [np.stack([score.error for score in own]) / unit for own in of_kept]
    losses = [np.stack([score.loss for score in own]) for own in of_kept]
    return LearningCurve(
        task=split.task,
        shares=chosen,
        rows=rows,
        seeds=len(kept),
        diverged=len(seeds) - len(kept),
        train_error=tuple(_train_error(own, split, unit) for own in of_kept),
        error=tuple(_held_out_error(values, split.task) for values in errors),
        loss=tuple(mean(values) for values in losses),
        error_law=_law(rows, errors),
        loss_law=_law(rows, losses),
        optimal=optimal,
        tolerance=TOLERANCE[split.task] if tolerance is None else tolerance,
    )


def _checked(split: Split, config: Config, shares: Sequence[float], seeds: Sequence[int]) -> tuple[float, ...]:
    """The shares, rising and each once."""
    if config.rows != 1.0:
        raise BadConfig(
            f"A learning curve needs a config with rows=1.0, got {config.rows!r}: it chooses the rows itself. Leave "
            "them out."
        )
    chosen = tuple(sorted({float(part) for part in shares}))
    if len(chosen) < 3 or chosen[0] <= 0 or chosen[-1] > 1:
        raise BadConfig(
            f"A learning curve needs at least three different shares in (0, 1], got {list(shares)!r}. For example "
            f"{SHARES}."
        )
    if not seeds or len(set(seeds)) < len(seeds):
        raise BadConfig(
            f"A learning curve needs at least one seed, each once, got {list(seeds)!r}. For example (0, 1, 2)."
        )
    if not split.n_dev:
        raise BadData("A learning curve needs dev rows to judge by, got none. Split with dev rows.")
    sizes = [len(split.subset(part, seeds[0])) for part in chosen]
    if len(set(sizes)) < len(sizes):
        raise BadData(
            f"A learning curve needs shares of different sizes, got {sizes} of {split.n_train:,} train rows. Give "
            "fewer or larger shares."
        )
    return chosen


def _law(rows: Sequence[float], values: Sequence[Numbers]) -> PowerLaw:
    """The power law through the means of arrays (seeds, held-out rows), one for each number of train rows."""
    seeds, held_out = values[0].shape
    drawn = np.stack([resampled_means(own) for own in values], axis=1)
    return fit(rows, np.array([own.mean() for own in values]), drawn, seeds=seeds, held_out=held_out)


def _held_out_error(values: Numbers, task: Task) -> Estimate:
    """The mean of an array (seeds, rows)."""
    return share(values.mean(axis=1).tolist(), values.shape[1]) if task == "classification" else mean(values)


def _train_error(scores: Sequence[Score], split: Split, unit: float) -> Estimate:
    """The training error on the scale of the held-out one, from one score per seed."""
    measured = min(rows_measured(score.on[0], split, score.config.seed) for score in scores)
    if split.task == "classification":
        return share([score.train_error for score in scores], measured)
    values = [(score.train_error / split.target.std) ** 2 / unit for score in scores]
    value, n = float(np.mean(values)), len(values)
    half = stats.t.ppf(0.5 + LEVEL / 2, n - 1) * np.std(values, ddof=1) / n**0.5 if n > 1 else float("nan")
    return Estimate(value, value - half, value + half, measured)


def _percent(estimate: Estimate) -> str:
    return f"{estimate.value:.1%} ({estimate.low:.1%} to {estimate.high:.1%})"


def _count(rows: float) -> str:
    """A number of rows in two figures."""
    return f"{float(f'{rows:.2g}'):,.0f}"
