"""Sanity checks that train networks of their own: not part of every diagnosis.

few rows       the config without regularisation must learn a handful of rows by heart
shuffled       trained and judged on shuffled targets it must not beat the constant model
blind          with inputs of 0 it must do worse than with those it has
"""

import dataclasses
from collections.abc import Sequence

import numpy as np

from caviar.arrays import Whole
from caviar.data.split import Split
from caviar.diagnosis.examine import PLAIN, Train
from caviar.diagnosis.finding import Finding, Severity
from caviar.diagnosis.intervals import paired_gain
from caviar.diagnosis.sanity import worse_than_baseline
from caviar.diagnosis.subject import Subject
from caviar.diagnosis.untrained import loss_without_signal
from caviar.network.config import Config
from caviar.training.metrics import metric_for
from caviar.training.record import Run
from caviar.training.rows import on_disk
from caviar.training.scores import Score, constant_score, score_runs

ROWS, _STEPS, _EPOCHS = 16, 1_000, 20
"""Of the batch that must be learned by heart; an epoch has its rows many times over, so that little time is spent on
measuring."""

_LEARNED = 0.1
"""Share of the loss without signal that must be reached."""

_BEATS = 0.02
"""Share of the constant model's loss from which a gain counts."""

_FACTORS = (0.1, 1.0, 10.0)
"""Of the config's own rate and of the optimiser's usual one."""

_RECIPE = "Karpathy 2019, a recipe for training"


def thorough(subject: Subject, train: Train) -> list[Finding]:
    """Train and judge all of these checks, one call of `train` each.

    Args:
        subject: a config and what its networks scored, with which they are compared.
        train: trains networks, see `examine`.
    """
    split, config, seeds = subject.split, subject.config, [score.config.seed for score in subject.scores]
    networks = [[config.changed(seed=seed, rows=rows) for rows in subject.scores[0].on] for seed in seeds]
    found = []
    if (rows := rows_to_overfit(split)) is not None:
        few = split.with_train(np.tile(rows, _STEPS // _EPOCHS))
        found += cannot_overfit_batch(few, train(few, overfitting(config)))
    for altered, judged in ((shuffled(split), learns_shuffled_labels), (blind(split), no_better_than_blind)):
        runs = iter(train(altered, [network for own in networks for network in own]))
        scores = score_runs(altered, [[next(runs) for _ in own] for own in networks], metric_for(split.task, None))
        found += judged(subject, altered, scores)
    return found


def overfitting(config: Config) -> list[Config]:
    """A config without regularisation at several rates, to be trained on a few rows many times over."""
    plain = config.changed(
        **PLAIN,
        augment=(),
        class_weight=None,
        sampling="shuffled",
        average_weights=None,
        early_stopping=None,
        stop_after=None,
        schedule="constant",
        decay_rate=None,
        warmup=0.0,
        batch_size=ROWS,
        epochs=_EPOCHS,
        rows=1.0,
    )
    usual = config.changed(learning_rate=None).rate
    rates = {float(f"{base * factor:.3g}") for base in (config.rate, usual) for factor in _FACTORS} - {0.0}
    return [plain.changed(learning_rate=rate) for rate in sorted(rates)]


def rows_to_overfit(split: Split) -> Whole | None:
    """Numbers of a few train rows, all different, of all classes alike; None where there are no two of different y."""
    stream = np.random.Generator(np.random.Philox(key=split.seed))
    order = stream.permutation(split.n_train)[: 100 * ROWS]
    _, first = np.unique(split.x[order], axis=0, return_index=True)
    order = order[np.sort(first)]
    y = split.y[order]
    if split.classes is not None:  # the first row of every class, then the second, ...
        turn = np.array([np.count_nonzero(y[:i] == label) for i, label in enumerate(y)])
        order = order[np.argsort(turn, kind="stable")]
    chosen = order[:ROWS]
    return chosen if len(np.unique(split.y[chosen])) > 1 else None


def cannot_overfit_batch(few: Split, runs: Sequence[Run]) -> list[Finding]:
    """A finding when no rate brings the loss on a few rows near 0."""
    expected = loss_without_signal(runs[0].config, few)
    reached = [np.fmin(run.history["objective"], run.history["train_loss"]) for run in runs]
    best = [float(np.nan_to_num(curve, nan=np.inf).min()) for curve in reached]
    loss = min(best)
    if loss <= _LEARNED * expected:
        return []
    severity: Severity = "critical" if loss > (1 - _LEARNED) * expected else "warning"
    rates, rows = [run.config.rate for run in runs], len(np.unique(few.x_train, axis=0))
    rate = rates[int(np.argmin(best))]
    meaning = (
        f"Of {rows} training rows the network should know every one after {_STEPS:,} steps without regularisation. "
        f"At the best of {len(runs)} learning rates ({rate:.3g}) its loss is still {loss:.3g}, where knowing nothing "
        f"gives {expected:.3g}. Either it is too small for even these, or something on the way does not learn: loss, "
        "output, starting weights, activations."
    )
    evidence = {"rows": rows, "steps": _STEPS, "loss": loss, "expected": expected, "rates": rates}
    return [Finding("cannot_overfit_batch", severity, evidence, meaning, _RECIPE + " (overfit one batch)")]


def shuffled(split: Split) -> Split:
    """The same rows with their targets dealt anew. Equal rows keep equal targets, so that copies still give away."""
    stream = np.random.Generator(np.random.Philox(key=split.seed, counter=[0, 6, 0, 0]))
    if on_disk(split):
        first, which = np.arange(split.rows), np.arange(split.rows)
    else:
        _, first, which = np.unique(split.x, axis=0, return_index=True, return_inverse=True)
    return dataclasses.replace(split, y=split.y[stream.permutation(first)][which.ravel()])


def learns_shuffled_labels(subject: Subject, altered: Split, scores: Sequence[Score]) -> list[Finding]:
    """A finding when networks beat the constant model though there is nothing to learn."""
    del subject
    mine = [score.loss for score in scores if score.status != "diverged"]
    if not mine:
        return []
    constant = constant_score(altered, metric_for(altered.task, None), scores[0].on).loss
    gain = paired_gain(np.broadcast_to(constant, (len(mine), len(constant))), np.stack(mine))
    if gain.low <= 0 or gain.value < _BEATS * constant.mean():
        return []
    meaning = (
        "Targets were dealt anew at random, equal rows alike, and the network was trained on them. On rows that it was "
        f"not trained on its loss is lower than the constant model's by {gain.value:.3g} (95 % interval {gain.low:.3g} "
        f"to {gain.high:.3g}), though nothing can be learned. Rows are on both sides, or the way in which it is judged "
        "lets their targets through: no figure on held-out rows can be trusted."
    )
    evidence = {"gain": gain.to_json(), "constant_loss": float(constant.mean()), "seeds": len(mine)}
    return [
        Finding("learns_shuffled_labels", "critical", evidence, meaning, "Ojala & Garriga 2010 (permutation tests)")
    ]


def blind(split: Split) -> Split:
    """The same rows with inputs of 0."""
    return dataclasses.replace(split, x=np.zeros((split.rows, split.width), np.float32))


def no_better_than_blind(subject: Subject, altered: Split, scores: Sequence[Score]) -> list[Finding]:
    """A finding when the networks do no better than the same ones without inputs."""
    del altered
    pairs = [
        (without.loss, own.loss)
        for own, without in zip(subject.scores, scores, strict=True)
        if "diverged" not in (own.status, without.status)
    ]
    if not pairs:
        return []
    before, after = (np.stack(losses) for losses in zip(*pairs, strict=True))
    return worse_than_baseline("input-blind", paired_gain(before, after), least=_BEATS * float(before.mean()))
