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
from caviar.training.scores import constant_outputs, networks_for, row_plan, score_runs
from caviar.training.workbench import Workbench
from caviar.tuning.baselines import Baseline


@dataclasses.dataclass(frozen=True, eq=False)
class Tested:
    """One network on the test rows - or on the dev rows where there is no test set.

    Attributes:
        outputs: raw outputs, shape (rows, outputs).
        error: share misclassified, or RMSE in the target's unit.
        scores: every metric of the task.
        gain: error of this network minus that of the chosen one, paired by row; above 0: the chosen one is better.
            In shares misclassified, or squared errors of the standardised target.
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
        run: the chosen network.
        refitted: whether it was trained on train and dev.
        overfit: test error minus held-out error of the chosen config as it was judged before it was refitted, on the
            scale of `Tested.gain`; None without a test set.
    """

    tested: Mapping[str, Tested]
    y: np.ndarray
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
) -> Proof:
    """Train for good, open the test set once, judge.

    The baselines are refitted as the chosen network is, so that it has no advantage of more rows.

    Args:
        chosen: config and split of the chosen network.
        best_epoch: the epochs for which it is refitted.
        baselines: with the configs that are judged beside it.
        split: of the baselines; the same rows as those of `chosen`.
        refit: whether to train on train and dev together.
        bench: trains.
    """
    tested = split.n_test > 0
    # Without a test set all are judged on the dev rows, which none of them may have been trained on.
    own = _for_good(chosen.config, best_epoch) if refit and split.n_dev else chosen.config
    before = networks_for(chosen.config, row_plan(chosen.split))
    mine = dict(zip([own, *before], bench.train(chosen.split, [own, *before]), strict=True))
    refitted = own is not chosen.config and mine[own].status != "diverged"
    run = mine[own] if refitted else _on_train(mine, chosen, bench)
    known = [(b.name, b.config, b.scores[0].best_epoch) for b in baselines if b.config is not None]
    others = bench.train(
        split, [_for_good(config, best) if refitted and tested else config for _, config, best in known]
    )
    if tested:
        (x_own, x_base), y = open_together([chosen.split, split])
        judged = run
    else:
        x_own, x_base, y = chosen.split.x_dev, split.x_dev, split.y_dev
        judged = _on_train(mine, chosen, bench)
    answers = {"chosen": _answers([judged], x_own)[0]}
    answers |= {name: _answers([other], x_base)[0] for (name, _, _), other in zip(known, others, strict=True)}
    answers["constant"] = np.repeat(constant_outputs(split)[:1], len(y), axis=0)
    best = row_errors(answers["chosen"], y)
    return Proof(
        tested={name: _tested(answer, y, best, split) for name, answer in answers.items()},
        y=y,
        run=run,
        refitted=refitted,
        overfit=_overfit([mine[network] for network in before], chosen.split, x_own, y) if tested else None,
    )


def _for_good(config: Config, best_epoch: int) -> Config:
    """The config for train and dev together, with the epochs that were best."""
    epochs = {"stop_after": best_epoch} if config.early_stopping is not None else {}
    return config.changed(rows="train+dev", early_stopping=None, **epochs)


def _on_train(known: Mapping[Config, Run], chosen: Candidate, bench: Workbench) -> Run:
    """The chosen config trained on the training rows."""
    return known.get(chosen.config) or bench.train(chosen.split, [chosen.config])[0]


def _answers(runs: Sequence[Run], x: Numbers) -> list[Numbers]:
    return outputs([(run.config, run.weights, run.statistics) for run in runs], x)


def _tested(answer: Numbers, y: np.ndarray, best: Numbers, split: Split) -> Tested:
    """A network's figures on the rows `y`."""
    unit, errors = split.target.std, row_errors(answer, y)
    scores = {
        name: of_metric(lambda weights, name=name: score(name, answer, y, unit, weights), len(y))
        for name in metrics_of(split.task)
    }
    if split.task == "classification":
        scores["error"] = share([float(errors.mean())], len(y))
    error = scores["error" if split.task == "classification" else "rmse"]
    return Tested(answer, error, scores, paired_gain(errors[None], best[None]))


def _overfit(runs: Sequence[Run], split: Split, x: Numbers, y: np.ndarray) -> Estimate:
    """Test error minus held-out error of the same networks: how much the choice by held-out rows flattered."""
    test = np.stack([row_errors(answer, y) for answer in _answers(runs, x)]).mean(axis=0)
    (held_out,) = score_runs(split, [runs], metric_for(split.task, None))
    dev = held_out.error
    if split.task == "classification":
        return difference(share([float(dev.mean())], len(dev)), share([float(test.mean())], len(test)))
    return difference(mean(dev[None]), mean(test[None]))
