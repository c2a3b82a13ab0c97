"""`diagnose`: the findings for one config's networks, what hurts most first."""

from collections.abc import Sequence

from caviar.data.split import Split
from caviar.diagnosis import bias_variance, sanity
from caviar.diagnosis.finding import SEVERITIES, Finding
from caviar.errors import BadData
from caviar.training.metrics import metric_for
from caviar.training.plan import held_out
from caviar.training.record import Run
from caviar.training.scores import Score, score_runs


def diagnose(
    runs: Run | Sequence[Run],
    split: Split,
    *,
    optimal_error: float | None = None,
    tolerance: float | None = None,
) -> list[Finding]:
    """Say what limits a network, with evidence.

    Args:
        runs: one network, or several of one config that differ in seed (and fold): more seeds, tighter intervals.
        split: the split they were trained on.
        optimal_error: the error of a perfect model, such as that of a person: share misclassified, or RMSE in the
            target's unit. None is read as 0.
        tolerance: size above which a gap matters, see `bias_variance`.

    Returns:
        Findings, the most severe first; among equals bias before variance, the order of the recipe.

    Raises:
        BadData: no runs, runs of different configs, or seeds that were not trained on the same folds.
    """
    given = [runs] if isinstance(runs, Run) else list(runs)
    if not given:
        raise BadData("caviar.diagnose needs at least one run, got none. Train one with caviar.train(split, [config]).")
    kinds = {run.config.changed(rows=1.0, seed=0) for run in given}
    if len(kinds) > 1:
        raise BadData(
            "caviar.diagnose reads the runs of one config that differ in seed or fold only, got "
            f"{len(kinds)} configs. Call it once for each."
        )
    by_seed: dict[int, list[Run]] = {}
    for run in given:
        by_seed.setdefault(run.config.seed, []).append(run)
    if len({frozenset(run.config.rows for run in own) for own in by_seed.values()}) > 1:
        raise BadData(
            "caviar.diagnose needs every seed trained on the same folds, but they differ. Train all folds "
            "with every seed."
        )
    if not any(held_out(run.config, split).any() for run in given):
        raise BadData(
            "caviar.diagnose needs rows that were held out, got none. Split with dev rows, or train on folds."
        )
    scores = score_runs(split, list(by_seed.values()), metric_for(split.task, None))
    return diagnose_scores(scores, split, optimal_error=optimal_error, tolerance=tolerance)


def diagnose_scores(
    scores: Sequence[Score],
    split: Split,
    *,
    optimal_error: float | None = None,
    tolerance: float | None = None,
) -> list[Finding]:
    """As `diagnose`, from the scores of one config with several seeds."""
    found = sanity.diverged(scores)
    if any(score.status != "diverged" for score in scores):
        result = bias_variance.bias_variance(scores, split, optimal_error, tolerance)
        found += bias_variance.findings(result, split)
    return sorted(found, key=lambda finding: -SEVERITIES.index(finding.severity))
