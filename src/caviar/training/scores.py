"""What configs are worth on rows they were not trained on: the values that everything else compares.

Small data sets are judged *out of fold*: every config is trained on five shares of train and dev, each time without one
fold, and judged on the fold it has not seen. It then has one loss per row of train and dev instead of per dev row.
"""

import dataclasses
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.network.config import Config, Rows
from caviar.training.metrics import MetricName, calibrated, row_errors, row_losses, score
from caviar.training.outputs import outputs
from caviar.training.plan import FOLDS, held_out
from caviar.training.population import Callback, Progress, train
from caviar.training.record import Run, Status

RowPlan = tuple[Rows, ...]
"""`Config.rows` of the networks by which a config is judged."""

OUT_OF_FOLD_BELOW = 5_000
"""Rows in train and dev together below which configs are judged out of fold."""

_WORST: tuple[Status, ...] = ("diverged", "pruned", "stopped", "finished")


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """One config with one seed, judged on held-out rows.

    Attributes:
        config: as it was asked for, without folds.
        status: the worst of its networks: `diverged`, `pruned`, `stopped` or `finished`.
        loss: loss of every held-out row, shape (rows,): the dev rows, or out of fold all rows of train and dev; for
            classes at the network's best temperature on them, see `metrics.calibrated`. Where a network diverged,
            the loss of predicting the class shares or the mean.
        error: error of every held-out row, alike; 0 or 1, or squared error of the standardised target.
        value: the metric on those rows, as people read it.
        train_loss: mean over its networks at the kept epoch.
        train_error: alike; share misclassified, or RMSE in the target's unit.
        best_epoch: median over its networks, at least 1.
        history: of its first network, see `Run`.
        networks: networks that were trained for it.
        on: the `Config.rows` of its networks: what each was trained on, and so what it was judged on.
    """

    config: Config
    status: Status
    loss: Numbers
    error: Numbers
    value: float
    train_loss: float
    train_error: float
    best_epoch: int
    history: dict[str, Numbers]
    networks: int
    on: RowPlan


class Memory(Protocol):
    """Where scores are kept, so that an interrupted improvement need not train a network twice."""

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """The score of a config on a split by this plan, if it is known."""
        ...

    def keep(self, split: Split, scores: Sequence[Score]) -> None:
        """Store scores."""
        ...


def row_plan(split: Split) -> RowPlan:
    """How configs are judged on this split: on its dev rows, or out of fold where rows are few.

    Dev rows that were given are what a person wants to choose by, however few.
    """
    if split.n_dev and (split.dev_given or split.rows >= OUT_OF_FOLD_BELOW):
        return (1.0,)
    return tuple((fold, FOLDS) for fold in range(FOLDS))


def networks_for(config: Config, on: RowPlan) -> list[Config]:
    """The networks that are trained to judge one config by a plan."""
    return [config.changed(rows=rows) for rows in on]


def judge(
    split: Split,
    configs: Iterable[Config],
    metric: MetricName,
    *,
    on: RowPlan,
    memory: Memory | None = None,
    callbacks: Sequence[Callback] = (),
) -> list[Score]:
    """Train configs and judge each on rows it was not trained on.

    Args:
        split: train and dev rows.
        configs: with rows=1.0.
        metric: of `Score.value`.
        on: the rows of each config's networks; `row_plan` says what suits the split.
        memory: scores known from before are taken from it, others are stored as soon as they are there.
        callbacks: see `train`; told of networks, of which a config has one per fold.

    Returns:
        One Score per config, in their order.
    """
    asked = list(configs)
    known = {config: memory.recall(split, config, on) if memory else None for config in asked}
    missing = [config for config, found in known.items() if found is None]
    each = len(on)
    trained: dict[int, Run] = {}

    def collect(progress: Progress) -> None:
        trained.update(progress.finished)
        whole = [i for i in range(len(missing)) if all(i * each + k in trained for k in range(each))]
        if not whole:
            return
        networks = [[trained.pop(i * each + k) for k in range(each)] for i in whole]
        scores = score_runs(split, networks, metric)
        known.update((score.config, score) for score in scores)
        if memory:
            memory.keep(split, scores)

    networks = [network for config in missing for network in networks_for(config, on)]
    train(split, networks, callbacks=(collect, *callbacks))
    return [score for config in asked if (score := known[config]) is not None]


def constant_score(split: Split, metric: MetricName, on: RowPlan | None = None) -> Score:
    """The constant model judged on the same rows: the class shares, or the mean, of the training rows.

    Args:
        split: the data.
        metric: of `Score.value`.
        on: the `Config.rows` of the networks beside which it stands; None is the split's `row_plan`.
    """
    on = on or row_plan(split)
    y = split.y[np.logical_or.reduce([held_out(network, split) for network in networks_for(Config(), on)])]
    answers = np.tile(constant_answer(split), (len(y), 1))
    # For classes a row's loss and error follow from its class: no need for an answer per training row.
    own, each = (split.y_train, slice(None)) if split.classes is None else (np.arange(split.outputs), split.y_train)
    trained = np.tile(constant_answer(split), (len(own), 1))
    return Score(
        config=Config(hidden_units=(), initializer="zeros"),
        status="finished",
        loss=row_losses(answers, y),
        error=row_errors(answers, y),
        value=float(score(metric, answers, y, split.target.std)[0]),
        train_loss=float(row_losses(trained, own)[each].mean()),
        train_error=error_in_unit(row_errors(trained, own)[each], split),
        best_epoch=1,
        history={},
        networks=0,
        on=on,
    )


def error_in_unit(errors: Numbers, split: Split) -> float:
    """The error as people read it: share misclassified, or RMSE in the target's unit."""
    return float(errors.mean()) if split.task == "classification" else float(np.sqrt(errors.mean()) * split.target.std)


class Answered(NamedTuple):
    """What the networks of one config answered for the rows held out from them."""

    runs: tuple[Run, ...]
    answer: Numbers
    """Shape (rows, outputs); see `score_runs`."""
    loss: Numbers
    """See `Score.loss`."""
    y: Numbers
    """Targets of these rows."""


def score_runs(split: Split, networks: Sequence[Sequence[Run]], metric: MetricName) -> list[Score]:
    """Judge configs by the networks that were trained for them, each on the rows held out from it.

    Args:
        split: the data.
        networks: for each config and seed its network, or its networks of different folds.
        metric: of `Score.value`.
    """
    return [score_of(split, answered, metric) for answered in answers_of(split, networks, metric)]


def answers_of(split: Split, networks: Sequence[Sequence[Run]], metric: MetricName) -> Iterator[Answered]:
    """What configs answered for the rows held out from their networks, one config after the other; see `score_runs`."""
    whole = {run.config.rows: held_out(run.config, split) for runs in networks for run in runs}
    needed = np.logical_or.reduce(list(whole.values()))
    masks, y = {rows: mask[needed] for rows, mask in whole.items()}, split.y[needed]
    flat = [(run.config, run.weights, run.statistics) for runs in networks for run in runs]
    answers = iter(outputs(flat, split.x[needed], split.image_shape))
    constant = np.tile(constant_answer(split), (len(y), 1))
    for runs in networks:
        raw, sharp = constant.copy(), constant.copy()
        for run in runs:
            answer, mask = next(answers), masks[run.config.rows]
            if run.status != "diverged":
                raw[mask] = answer[mask]
                sharp[mask] = calibrated(raw[mask], y[mask])
        rows = np.logical_or.reduce([masks[run.config.rows] for run in runs])
        loss = row_losses(sharp[rows], y[rows])
        # Networks of several folds are ranked together by AUC: by their tempered logits, which are of one scale.
        answer = sharp[rows] if metric == "auc" else raw[rows]
        yield Answered(tuple(runs), answer, loss, y[rows])


def score_of(split: Split, answered: Answered, metric: MetricName) -> Score:
    """The score of one config, from what its networks answered."""
    runs, answer, loss, y = answered
    return Score(
        config=runs[0].config.changed(rows=1.0),
        status=next(status for status in _WORST if any(run.status == status for run in runs)),
        loss=loss,
        error=row_errors(answer, y),
        value=float(score(metric, answer, y, split.target.std)[0]),
        train_loss=float(np.mean([run.at_best("train_loss") for run in runs])),
        train_error=float(np.mean([run.at_best("train_error") for run in runs])),
        best_epoch=max(1, round(float(np.median([run.best_epoch for run in runs])))),
        history=runs[0].history,
        networks=len(runs),
        on=tuple(run.config.rows for run in runs),
    )


def constant_answer(split: Split) -> Numbers:
    """Outputs of the constant model for any row, shape (outputs,), float32.

    Logs of the training rows' class shares, or their mean.
    """
    if split.task == "regression":
        return np.zeros(1, np.float32)
    shares = np.bincount(split.y_train, minlength=split.outputs) / split.n_train
    return np.log(np.maximum(shares, 1e-9)).astype(np.float32)
