"""Errors of single rows that no score holds: training rows, and the bridge; one row of numbers per seed."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.training.metrics import row_errors
from caviar.training.outputs import outputs
from caviar.training.plan import held_out
from caviar.training.record import Run

ASKED = 5_000
"""Training rows that are asked, at most."""


class TrainErrors(NamedTuple):
    """Errors on training rows."""

    errors: Numbers
    """(seeds, rows): means over the networks of a seed that were trained on the row."""
    same_as_dev: bool
    """Whether the rows are also those on which the networks are judged, in the same order: out of fold."""


def train_errors(runs: Sequence[Run], split: Split) -> TrainErrors:
    """Errors on the rows that networks were trained on, at most 5,000 of them.

    Args:
        runs: of one config, with any seeds and folds; none that diverged. Every seed was trained on the same folds.
        split: what they were trained on.

    Returns:
        0 or 1, or squared errors of the standardised target; shares where several networks answer.
    """
    own = {run.config.rows: ~held_out(run.config, split) for run in runs}
    rows = np.flatnonzero(np.logical_or.reduce(list(own.values())))
    if len(rows) > ASKED:
        random = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 6, 0, 0]))
        rows = np.sort(random.choice(rows, ASKED, replace=False))
    folds = {rows for rows in own if isinstance(rows, tuple)}
    whole = bool(folds) and len(folds) == next(iter(folds))[1] and len(rows) == split.rows
    weight = np.stack([own[run.config.rows][rows] for run in runs]).astype(float)
    return TrainErrors(_by_seed(runs, _errors(runs, split, split.x[rows], split.y[rows]), weight), whole)


def bridge_errors(runs: Sequence[Run], split: Split) -> Numbers:
    """Errors on the bridge, (seeds, rows): means over the networks of a seed; see `train_errors`."""
    errors = _errors(runs, split, split.x_bridge, split.y_bridge)
    return _by_seed(runs, errors, np.ones_like(errors))


def _errors(runs: Sequence[Run], split: Split, x: Numbers, y: np.ndarray) -> Numbers:
    """(runs, rows)."""
    answers = outputs([(run.config, run.weights, run.statistics) for run in runs], x, split.image_shape)
    return np.stack([row_errors(answer, y) for answer in answers])


def _by_seed(runs: Sequence[Run], errors: Numbers, weight: Numbers) -> Numbers:
    """Weighted means over the runs of each seed."""
    seeds = np.array([run.config.seed for run in runs])
    means = []
    for seed in np.unique(seeds):
        at = seeds == seed
        means.append((errors[at] * weight[at]).sum(axis=0) / weight[at].sum(axis=0))
    return np.stack(means)
