"""Is the mini-batch too large or too small? By the gradient noise scale, and only where training shows it.

The noise scale tr(Sigma) / |G|^2 is the number of rows at which a mini-batch's gradient is as much noise as signal. Far
above it a larger batch buys no better step and costs updates; far below it steps are mostly noise, which a long enough
training at a low enough rate averages out. Neither is a fault in itself: a batch is called too large only where so few
updates were made that the loss is still falling, and too small only where the loss has stopped on the noise.

Source: McCandlish et al. 2018, An Empirical Model of Large-Batch Training.
"""

import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.finding import Finding, FindingName, Severity
from caviar.diagnosis.guard import Better, better, severity
from caviar.diagnosis.oscillation import LEVEL, standing
from caviar.diagnosis.subject import Subject
from caviar.diagnosis.untrained import loss_without_signal

_FEW_UPDATES, _LEAST_EPOCHS = 500, 5
"""Updates below which a smaller batch would make a difference, and epochs that must have passed: with fewer it is not
the batch that is short of updates."""

_STILL_FALLING = 0.05
"""Share of all that the loss has gained which the last fifth of the epochs must have brought."""

_LARGE, _SMALL = 32, 16
"""Rows: a batch up to the first is never too large, one above the second never too small."""

_FAR_BELOW = 4.0
"""Times the batch that the noise scale must be."""

_SCATTER = 0.1
"""Jumps of the loss from epoch to epoch, of the level at which it stands."""

_SOURCE = "McCandlish et al. 2018 (gradient noise scale); course section 5 (mini-batches)"


_USUAL = (8, 64)
"""Rows of usual mini-batches: a tenth of all, between these."""


def usual_size(rows: int) -> int:
    """The usual mini-batch of so many rows: a power of two, with about ten updates an epoch or more.

    Source: course section 5 (64 to 512, a power of two).
    """
    return min(rows, int(np.clip(2 ** round(np.log2(max(1, rows) / 10)), *_USUAL)))


def noise_scale(gradients: Numbers, rows: int) -> float:
    """The noise scale from the gradients of several mini-batches of one size, without bias.

    Args:
        gradients: (batches, parameters), each the mean over the rows of one mini-batch; no row in two of them.
        rows: of each mini-batch.

    Returns:
        Rows, at least 0; infinite where no signal can be told from the noise, NaN for a single mini-batch.
    """
    of_mean, of_each = np.square(gradients.mean(axis=0)).sum(), np.square(gradients).sum(axis=1).mean()
    return noise_scale_of(float(of_mean), float(of_each), len(gradients), rows)


def noise_scale_of(of_mean: float, of_each: float, batches: int, rows: int) -> float:
    """The same from squared lengths: of the mean gradient over all mini-batches, and of each one's, on average.

    With B rows in a batch E|g_B|^2 = |G|^2 + tr(Sigma) / B. A batch and all batches together are two sizes, which give
    both unknowns.

    Source: McCandlish et al. 2018, appendix A.1.
    """
    if batches < 2:
        return float("nan")
    large = rows * batches
    signal = (large * of_mean - rows * of_each) / (large - rows)
    noise = (of_each - of_mean) / (1 / rows - 1 / large)
    return max(0.0, noise) / signal if signal > 0 else float("inf")


def find(subject: Subject) -> list[Finding]:
    """A mini-batch that is too large or too small."""
    tried = better(subject, "smaller batch", "larger batch")
    if tried:
        return [_tried(subject, tried[0])]
    curves = [run.history["train_loss"] for run in subject.runs if run.status != "diverged"]
    if subject.end is None or not curves or np.isnan(subject.end.noise_scale):
        return []
    epochs = min(len(curve) for curve in curves)
    loss = np.mean([curve[:epochs] for curve in curves], axis=0)
    updates = subject.updates_per_epoch * epochs
    evidence = {
        "batch_size": subject.batch_size,
        "noise_scale": subject.end.noise_scale if np.isfinite(subject.end.noise_scale) else None,
        "updates": updates,
        "epochs": epochs,
        "train_loss": float(loss[-1]),
    }
    return _too_large(subject, loss, evidence) or _too_small(subject, loss, evidence)


def _tried(subject: Subject, one: Better) -> Finding:
    """What mini-batches of the usual size show."""
    large = one.companion.kind == "smaller batch"
    why = (
        "the epochs end after few updates, each by a gradient that fewer rows would tell as well"
        if large
        else "a gradient of so few rows is mostly noise"
        + (", and so are the means and spreads by which batch norm normalises" if subject.config.batch_norm else "")
    )
    size = f"Mini-batches of {subject.batch_size} rows are too {'large' if large else 'small'}"
    evidence = one.evidence() | {"batch_size": subject.batch_size, "noise_scale": None}
    if subject.end is not None and np.isfinite(subject.end.noise_scale):
        evidence["noise_scale"] = subject.end.noise_scale
    name: FindingName = "batch_too_large" if large else "batch_too_small"
    source = _SOURCE + "; the companion is a controlled experiment"
    return Finding(name, severity(subject, one), evidence, f"{size}: {why}. {one.sentence()}", source)


def _too_large(subject: Subject, loss: Numbers, evidence: dict[str, float | None]) -> list[Finding]:
    assert subject.end is not None
    batch, scale, updates, epochs = evidence["batch_size"], subject.end.noise_scale, evidence["updates"], len(loss)
    assert batch is not None
    assert updates is not None
    if batch <= max(_LARGE, scale) or updates >= _FEW_UPDATES or epochs < _LEAST_EPOCHS:
        return []
    start = max(float(loss[0]), loss_without_signal(subject.config, subject.split))
    share = _late_fall(loss) / max(start - float(loss[-1]), 1e-30)
    held_out_losses = [run.history["dev_loss"] for run in subject.runs if run.status != "diverged"]
    if not share >= _STILL_FALLING or not np.mean([_late_fall(curve) for curve in held_out_losses]) > 0:
        return []
    meaning = (
        f"In {epochs} epochs mini-batches of {batch} rows made only {updates} updates, and the loss is still falling: "
        f"the last fifth of the epochs brought {share:.0%} of all that was gained. A gradient of {scale:.0f} rows is "
        "as much signal as noise here, so that one of more rows is hardly better. Smaller mini-batches make more "
        "updates from the same rows."
    )
    return [Finding("batch_too_large", "warning", {**evidence, "still_falling": share}, meaning, _SOURCE)]


def _too_small(subject: Subject, loss: Numbers, evidence: dict[str, float | None]) -> list[Finding]:
    assert subject.end is not None
    batch, scale = evidence["batch_size"], subject.end.noise_scale
    assert batch is not None
    if batch > _SMALL or scale < _FAR_BELOW * batch or len(loss) < 2 * _LEAST_EPOCHS:
        return []
    level, scatter = standing(loss)
    if not level > LEVEL * loss_without_signal(subject.config, subject.split) or not scatter > _SCATTER:
        return []
    lower = better(subject, "lower rate")
    weight: Severity = "warning" if lower else "info"
    told = f"{scale:.0f} rows" if np.isfinite(scale) else "more rows than there are"
    meaning = (
        f"The training loss has stopped at about {level:.3g} and jumps by {scatter:.0%} of that from epoch to epoch. A "
        f"mini-batch has {batch} rows, but only with {told} is a gradient here as much signal as noise: at this rate "
        "the steps are mostly noise. Larger mini-batches average it out, as a lower rate does. "
        + (lower[0].sentence() if lower else "")
    )
    found = {**evidence, "level": level, "scatter": scatter}
    return [Finding("batch_too_small", weight, found, meaning.rstrip(), _SOURCE)]


def _late_fall(curve: Numbers) -> float:
    """What the last fifth of the epochs has brought."""
    return float(curve[-1 - max(1, len(curve) // 5)] - curve[-1])
