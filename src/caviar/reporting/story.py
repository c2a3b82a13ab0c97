"""Everything an improvement found, in one value: what the summary and the report are made of."""

import dataclasses
import platform
from importlib.metadata import version
from typing import Any, Literal

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate, positive_mean, rate
from caviar.network.config import Config
from caviar.remedies.fix import Fixed
from caviar.reporting.looks import Looks
from caviar.training.metrics import MetricName
from caviar.training.scores import Score
from caviar.tuning.baselines import Baseline
from caviar.tuning.choose import Finalist
from caviar.tuning.proof import Proof
from caviar.tuning.search import Study

FORMAT = 1

Confirmation = Literal["confirmed", "not confirmed", "contradicted"]


@dataclasses.dataclass(frozen=True, eq=False)
class Story:
    """What happened, from the table to the test set.

    Attributes:
        table: as it was read.
        split: train, dev and the opened test set.
        metric: what was optimised.
        start: the config that was to be improved.
        own: whether a person gave it.
        baselines: constant, linear, default, and yours.
        before: bias and variance of the start.
        after: bias and variance of the chosen config.
        findings: what limited the start, and what came to light later.
        fixed: the remedies, what was kept of them, and what only a person can do.
        study: the search.
        finalists: the last comparison.
        chosen: its result.
        proof: what the test set says.
        looks: how often dev and test rows were looked at.
        networks: networks that were trained.
        seconds: how long it took.
        seconds_given: the limit, or None.
        seed: of everything random.
    """

    table: Table
    split: Split
    metric: MetricName
    start: Config
    own: bool
    baselines: tuple[Baseline, ...]
    before: BiasVariance | None
    after: BiasVariance | None
    findings: tuple[Finding, ...]
    fixed: Fixed
    study: Study
    finalists: tuple[Finalist, ...]
    chosen: Finalist
    proof: Proof
    looks: Looks
    networks: int
    seconds: float
    seconds_given: float | None
    seed: int

    @property
    def improved(self) -> bool:
        """Whether a config was shown to be better than the one that was to be improved."""
        return self.chosen is not self.finalists[0]

    @property
    def confirmed(self) -> Confirmation:
        """What the test rows say of the improvement: the gain over the config that was to be improved."""
        gain = self.proof.tested[self.baselines[-1].name].gain
        if gain.low > 0:
            return "confirmed"
        return "contradicted" if gain.high < 0 else "not confirmed"

    @property
    def final_config(self) -> Config:
        """The chosen config, as a person would write it into a file."""
        return self.chosen.candidate.config


def held_out_error(scores: tuple[Score, ...], split: Split) -> Estimate:
    """The error of one config on held-out rows over its seeds: share misclassified, or RMSE in the target's unit."""
    return error_of_rows(np.stack([score.error for score in scores]), split)


def error_of_rows(errors: Numbers, split: Split) -> Estimate:
    """The error as people read it, from those of single rows, shape (seeds, rows)."""
    if split.task == "classification":
        return rate(errors)
    squared = positive_mean(errors)
    low, value, high = (np.sqrt(max(0.0, e)) * split.target.std for e in (squared.low, squared.value, squared.high))
    return Estimate(float(value), float(low), float(high), squared.rows)


def versions() -> dict[str, str]:
    """Versions that decide the result."""
    names = ("caviar", "jax", "jaxlib", "numpy", "optax", "optuna", "polars", "scikit-learn")
    return {"python": platform.python_version()} | {name: version(name) for name in names}


def summary(story: Story) -> dict[str, Any]:
    """The content of `summary.json`; see docs for every key."""
    split, test = story.split, bool(story.split.n_test)
    chosen = story.proof.tested["chosen"]
    baselines = []
    for baseline in story.baselines:
        tested = story.proof.tested[baseline.name]
        baselines.append(
            {
                "name": baseline.name,
                "dev_error": held_out_error(baseline.scores, split).to_json(),
                "test_error": tested.error.to_json() if test else None,
                "gain": tested.gain.to_json(),
            }
        )
    return {
        "format": FORMAT,
        "task": split.task,
        "metric": story.metric,
        "rows": story.table.rows,
        "split": split.sizes,
        "judged": "out of fold" if story.chosen.scores[0].networks > 1 else "dev",
        "baselines": baselines,
        "improved": story.improved,
        "on_test_rows": story.confirmed if test and story.improved else None,
        "best": {
            "config": story.final_config.to_json(),
            "scale": story.chosen.candidate.split.scale,
            "refitted": story.proof.refitted,
            "train_error": _train_error(story).to_json(),
            "dev_error": held_out_error(story.chosen.scores, split).to_json(),
            "test_error": chosen.error.to_json() if test else None,
            "scores": {name: estimate.to_json() for name, estimate in chosen.scores.items()},
        },
        "findings": [finding.to_json() for finding in story.findings],
        "remedies": [
            {
                "name": o.remedy.name,
                "gain": o.gain.to_json(),
                "error_gain": o.error_gain.to_json(),
                "verdict": o.verdict,
            }
            for o in story.fixed.outcomes
        ],
        "asked": [{"name": r.name, "asks": r.asks, "reason": r.reason, "source": r.source} for r in story.fixed.asked],
        "trials": len(story.study.trials),
        "looks": story.looks.to_json(),
        "networks_trained": story.networks,
        "seconds": round(story.seconds, 1),
        "seed": story.seed,
        "versions": versions(),
    }


def _train_error(story: Story) -> Estimate:
    """The chosen config's error on training rows: share misclassified, or RMSE in the target's unit."""
    if story.after is None:
        return Estimate(float("nan"), float("nan"), float("nan"), story.split.n_train)
    return as_error(story.after.train, story.split)


def as_error(unexplained: Estimate, split: Split) -> Estimate:
    """An error of `BiasVariance` as people read it: share misclassified, or RMSE in the target's unit."""
    if split.task == "classification":
        return unexplained
    unit = float(np.var(split.y_train)) ** 0.5 * split.target.std
    value, low, high = (unit * figure**0.5 for figure in (unexplained.value, unexplained.low, unexplained.high))
    return Estimate(value, low, high, unexplained.rows)
