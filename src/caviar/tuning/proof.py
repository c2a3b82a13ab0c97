"""The proof: the chosen network and the baselines trained for good and judged on the test set, opened once."""

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split, open_together
from caviar.diagnosis.intervals import Estimate, difference, mean, of_metric, paired_gain, share
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.training.metrics import metric_for, metrics_of, row_errors, score
from caviar.training.outputs import outputs
from caviar.training.record import Run
from caviar.training.scores import constant_answer, networks_for, row_plan, score_runs
from caviar.training.workbench import Workbench
from caviar.tuning.baselines import Baseline


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """One config on the test rows - or on the dev rows where there is no test set.

    Attributes:
        outputs: raw outputs of its first network, shape (rows, outputs).
        error: of its first network: share misclassified, or RMSE in the target's unit.
        scores: every metric of the task, alike.
        gain: error of this config minus that of the chosen one, paired by seed and row; above 0: the chosen one is
            better. In shares misclassified, or squared errors of the standardised target.
    """

    outputs: Numbers
    error: Estimate
    scores: Mapping[str, Estimate]
    gain: Estimate


@dataclasses.dataclass(frozen=True, eq=False)
class Proof:
    """What the test set says.

    Attributes:
        tested: by name: chosen, and every baseline.
        y: targets of the rows they were judged on.
        seeds: networks of each config that the gains rest on.
        run: the chosen network, the first of its seeds.
        refitted: whether it was trained on train and dev.
        overfit: test error minus held-out error of the chosen config as it was judged before it was refitted, on the
            scale of `Tested.gain`; None without a test set.
    """

    tested: Mapping[str, Tested]
    y: np.ndarray
    seeds: int
    run: Run
    refitted: bool
    overfit: Estimate | None


def prove(
    chosen: Candidate,
    baselines: Sequence[Baseline],
    bench: Workbench,
    *,
    best_epoch: int,
    split: Split,
    refit: bool,
    seeds: Sequence[int],
    by: str = "caviar improve",
    run: str | None = None,
) -> Proof:
    """Train for good, open the test set once, judge.

    The baselines are refitted as the chosen network is, so that it has no advantage of more rows.

    Args:
        chosen: config and split of the chosen network.
        baselines: with the configs that are judged beside it.
        bench: trains.
        best_epoch: the epochs for which the chosen network is refitted.
        split: of the baselines; the same rows as those of `chosen`.
        refit: whether to train on train and dev together.
        seeds: of the networks of every config; the first of the chosen ones is kept.
        by: what opens the test set, for the ledger.
        run: see `open_together`: a run that goes on opens it once.
    """
    tested = split.n_test > 0
    config = chosen.config.changed(seed=seeds[0])
    before = networks_for(config, row_plan(chosen.split))
    held_out = bench.train(chosen.split, before)
    # Without a test set all are judged on the dev rows, which none of them may have been trained on.
    refitted: list[Run] = []
    if refit and split.n_dev:
        refitted = bench.train(chosen.split, _replicas(_for_good(config, best_epoch), seeds))
    usable = bool(refitted) and refitted[0].status != "diverged"
    on_train = [] if usable and tested else bench.train(chosen.split, _replicas(config, seeds))
    judged = refitted if usable and tested else on_train
    known = [(b.name, b.config, b.scores[0].best_epoch) for b in baselines if b.config is not None]
    others = bench.train(
        split,
        [
            replica
            for _, other, best in known
            for replica in _replicas(_for_good(other, best) if usable and tested else other, seeds)
        ],
    )
    if tested:
        (x_own, x_base), y = open_together([chosen.split, split], by=by, run=run)
    else:
        x_own, x_base, y = chosen.split.x_dev, split.x_dev, split.y_dev
    answers = {"chosen": _answers(judged, x_own, split)}
    for number, (name, _, _) in enumerate(known):
        answers[name] = _answers(others[number * len(seeds) : (number + 1) * len(seeds)], x_base, split)
    answers["constant"] = [np.tile(constant_answer(split), (len(y), 1))] * len(seeds)
    best = np.stack([row_errors(answer, y) for answer in answers["chosen"]])
    return Proof(
        tested={name: _tested(answer, y, best, split) for name, answer in answers.items()},
        y=y,
        seeds=len(seeds),
        run=refitted[0] if usable else on_train[0],
        refitted=usable,
        overfit=_overfit(held_out, chosen.split, x_own, y) if tested else None,
    )


def _replicas(config: Config, seeds: Sequence[int]) -> list[Config]:
    return [config.changed(seed=seed) for seed in seeds]


def _for_good(config: Config, best_epoch: int) -> Config:
    """The config for train and dev together, with the epochs that were best."""
    epochs = {"stop_after": best_epoch} if config.early_stopping is not None else {}
    return config.changed(rows="train+dev", early_stopping=None, **epochs)


def _answers(runs: Sequence[Run], x: Numbers, split: Split) -> list[Numbers]:
    """Raw outputs of each; a network that diverged answers as the constant model, as on held-out rows."""
    constant = np.tile(constant_answer(split), (len(x), 1))
    answers = outputs([(run.config, run.weights, run.statistics) for run in runs], x, split.image_shape)
    return [constant if run.status == "diverged" else a for run, a in zip(runs, answers, strict=True)]


def _tested(answers: Sequence[Numbers], y: np.ndarray, best: Numbers, split: Split) -> Tested:
    """A config's figures on the rows `y`; `best` are the errors of the chosen one, shape (seeds, rows)."""
    unit, answer = split.target.std, answers[0]
    errors = np.stack([row_errors(each, y) for each in answers])
    scores = {
        name: of_metric(lambda weights, name=name: score(name, answer, y, unit, weights), len(y))
        for name in metrics_of(split.task)
    }
    if split.task == "classification":
        scores["error"] = share([float(errors[0].mean())], len(y))
    error = scores["error" if split.task == "classification" else "rmse"]
    return Tested(answer, error, scores, paired_gain(errors, best))


def _overfit(runs: Sequence[Run], split: Split, x: Numbers, y: np.ndarray) -> Estimate:
    """Test error minus held-out error of the same networks: how much the choice by held-out rows flattered."""
    test = np.stack([row_errors(answer, y) for answer in _answers(runs, x, split)]).mean(axis=0)
    (held_out,) = score_runs(split, [runs], metric_for(split.task, None))
    dev = held_out.error
    if split.task == "classification":
        return difference(share([float(dev.mean())], len(dev)), share([float(test.mean())], len(test)))
    return difference(mean(dev[None]), mean(test[None]))
