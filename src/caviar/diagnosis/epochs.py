"""Trained too short, or too long? Read from the held-out loss over epochs of several networks of one config.

What more epochs would bring is told by how the loss fell before: from a quarter of the epochs to half of them, and from
half to all. The second fall over the first says how fast falls shrink from one doubling to the next, and the fall of
the next doubling is the last one times that ratio, but no more than the slope at the end allows, and no larger a part
of the loss than the last one. Changes are measured on the way from the constant model's loss, with the noise of seeds,
of epochs and of held-out rows: a loss is taken to change on each row in proportion to what the row has of it. Named is
a change whose whole interval is worth it.

Source: Aitken 1926 (a sequence carried on by the ratio of its differences).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from scipy import stats

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.finding import Finding, Severity
from caviar.diagnosis.guard import better, severity
from caviar.diagnosis.intervals import LEVEL, Estimate
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.network.losses import losses, targets
from caviar.training.plan import epochs_planned, loss_for, output_for, prior_bias

WORTH = 0.02
"""Of the way from the constant model's loss: a change that is less is not named."""

_LEAST_WAY = 0.25
"""Of the constant model's loss: what a network has come at least, where it is asked how much a change is."""

_CUT = 3
"""Times as many epochs as there were are usual, from which training was cut short."""

_WINDOW, _SMOOTHED = 4, 8
"""A level is the mean over a quarter of the epochs before it; the lowest point is sought in means of an eighth."""

_LONGER = "course section 2 (high bias: train longer)"

_NORMAL = float(stats.norm.ppf(0.5 + LEVEL / 2))


class Curves(NamedTuple):
    """Losses of several networks of one config over epochs.

    The first column is before training. With a single epoch there is one more in between, the mean of J over its
    mini-batches, which stands for the middle of the epoch.
    """

    epochs: int
    """Of the network that trained longest."""
    train: Numbers
    """(networks, 1 + epochs)."""
    held_out: Numbers
    """Alike."""
    constant: float
    """The same loss of the model that answers every row alike."""
    kept: float
    """The held-out loss of the networks that were kept, at their best temperature where that changes it."""
    spread: float
    """Standard error of the held-out loss over rows, as a part of it."""
    rows: int
    """Held-out rows."""

    def way(self, loss: float) -> float:
        """How far a loss is from the constant model's."""
        return max(self.constant - loss, _LEAST_WAY * self.constant)


def find(subject: Subject) -> list[Finding]:
    """`undertrained` where more epochs would lower the held-out loss, `overtrained` where fewer would have."""
    curves = curves_of(subject)
    if curves is None:
        return []
    return _undertrained(curves, subject) or _overtrained(curves, subject.config) or _cut_short(subject, curves)


def curves_of(subject: Subject) -> Curves | None:
    """The losses of the networks that did not diverge; None without held-out rows.

    After a single epoch also None where the loss before training is not known.
    """
    runs = [run for run in subject.runs if run.status != "diverged"]
    scores = [score for score in subject.scores if score.status != "diverged"]
    longest = max((run.epochs for run in runs), default=0)
    single = longest == 1
    if (
        not longest
        or not scores
        or (single and subject.start is None)
        or any(np.isnan(run.history["dev_loss"]).any() for run in runs)
    ):
        return None
    config, split = subject.config, subject.split
    constant = constant_loss(config, split)
    start = constant if subject.start is None else float(subject.start.loss.mean())
    train, held_out = (
        # Networks that stopped early have come as far as they would: they stay at the loss they kept.
        np.stack(
            [
                np.r_[
                    start,
                    run.history["objective"][: int(single)],
                    run.history[name],
                    [run.at_best(name)] * (longest - run.epochs),
                ]
                for run in runs
            ]
        )
        for name in ("train_loss", "dev_loss")
    )
    of_rows = np.mean([score.loss for score in scores], axis=0)
    tempered = (output_for(config, split.outputs), loss_for(config, split.outputs)) == ("softmax", "cross_entropy")
    return Curves(
        epochs=longest,
        train=train,
        held_out=held_out,
        constant=constant,
        kept=float(of_rows.mean()) if tempered else float(np.mean([run.at_best("dev_loss") for run in runs])),
        spread=float(of_rows.std() / max(1e-12, of_rows.mean()) / len(of_rows) ** 0.5),
        rows=len(of_rows),
    )


def constant_loss(config: Config, split: Split) -> float:
    """The config's loss of a network of weights 0 whose last bias gives the class shares, or the mean."""
    bias = prior_bias(config.changed(rows=1.0), split).astype(np.float32)
    z = jnp.asarray(np.repeat(bias[:, None], split.rows, axis=1))
    output, loss = output_for(config, split.outputs), loss_for(config, split.outputs)
    delta = jnp.asarray(config.huber_delta, np.float32)
    each = losses(z, targets(jnp.asarray(split.y), z), output=output, loss=loss, delta=delta)
    return float(np.asarray(each, float).mean())


def gain_of_more_epochs(curves: Curves) -> Estimate:
    """By how much the held-out loss would fall with twice the epochs."""
    loss, last = curves.held_out, curves.held_out.shape[1] - 1
    now, before, earlier = (_level(loss, end) for end in (last, round(last / 2), round(last / 4)))
    fall = before - now
    # The ratio is that of the means over networks: each network's own would be mostly noise. Falls do not grow, and a
    # loss has no less than 0 to fall to.
    shrinks = fall.mean() / max(fall.mean(), (earlier - before).mean(), 1e-12)
    ratio = float(np.clip(min(shrinks, now.mean() / before.mean()), 0, 1))
    each = fall * ratio
    if last >= 4 * _WINDOW:  # before, the slope at the end is the last fall itself
        window = loss[:, -(last // _WINDOW) :]
        slope = -np.polynomial.polynomial.polyfit(np.arange(window.shape[1]), window.T, 1)[1] * last
        each = slope if slope.mean() < each.mean() else each
    return _over_networks(each, ratio * _noise(loss) * (2 / max(1, last // _WINDOW)) ** 0.5, curves)


def rise_since_lowest(curves: Curves) -> tuple[int, float, Estimate]:
    """The epoch at which the held-out loss was lowest, the loss there, and by how much it has risen since.

    For each of several networks the epoch is the one that is best for the others: the lowest point of its own curve is
    low by luck.
    """
    loss, width = curves.held_out[:, 1:], max(1, curves.epochs // _SMOOTHED)
    whole = np.cumsum(np.pad(loss, ((0, 0), (1, 0))), axis=1)
    ends = np.minimum(np.arange(loss.shape[1]) + (width + 1) // 2, loss.shape[1])
    begins = np.maximum(np.arange(loss.shape[1]) - width // 2, 0)
    smooth = (whole[:, ends] - whole[:, begins]) / (ends - begins)
    n = len(smooth)
    others = smooth if n == 1 else (smooth.sum(axis=0) - smooth) / (n - 1)
    lowest = smooth[np.arange(n), others.argmin(axis=1)]
    rise = _over_networks(smooth[:, -1] - lowest, _noise(curves.held_out) * (2 / width) ** 0.5, curves)
    return int(smooth.mean(axis=0).argmin()) + 1, float(lowest.mean()), rise


def _undertrained(curves: Curves, subject: Subject) -> list[Finding]:
    gain, last = gain_of_more_epochs(curves), curves.held_out.shape[1] - 1
    now = float(_level(curves.held_out, last).mean())
    way = curves.way(now)
    learning = (_level(curves.train, round(last / 2)) > _level(curves.train, last)).mean() > 0.5
    if not learning or gain.low < WORTH * way:
        return []
    meaning = (
        f"The held-out loss, {now:.3g} after {count(curves.epochs, 'epoch')}, is still falling. As it fell so far, "
        f"twice the epochs would take another {gain.value:.2g} from it (95 % interval {gain.low:.2g} to "
        f"{gain.high:.2g})"
        + (
            f", {gain.value / way:.0%} of the way that it has come from the constant model's {curves.constant:.3g}"
            if now < curves.constant
            else f"; it has not yet come down to the constant model's {curves.constant:.3g}"
        )
        + ". Train longer, or faster: a better optimiser, another learning rate."
    )
    evidence = {"epochs": curves.epochs, "loss": now, "constant_loss": curves.constant, "gain": gain.to_json()}
    return [Finding("undertrained", "warning" if _falls_short(subject, curves) else "info", evidence, meaning, _LONGER)]


def _falls_short(subject: Subject, curves: Curves) -> bool:
    """Whether a network that would get better is not good yet: many of the best would get a little better too.

    Where hardly a training row is missed, more epochs make it surer of what it decides already. Otherwise a witness is
    needed: a quick model that does better, a companion with longer steps that does, or epochs far fewer than usual.
    """
    gaps = subject.gaps
    if gaps is None or gaps.train.value < gaps.tolerance:
        return gaps is None
    bound = gaps.optimal.bound
    beaten = gaps.bias_verdict == "high" or (bound is not None and gaps.dev.low > bound.high)
    return beaten or bool(better(subject, "higher rate")) or _cut(subject, curves)


def _cut(subject: Subject, curves: Curves) -> bool:
    """Whether there were far fewer epochs than usual, and not because the held-out loss rose."""
    return subject.config.early_stopping is None and _usual_epochs(subject) >= _CUT * curves.epochs


def _usual_epochs(subject: Subject) -> int:
    return epochs_planned(subject.config.changed(epochs=None), subject.split)


def _cut_short(subject: Subject, curves: Curves) -> list[Finding]:
    """So few epochs that no fall can be carried on: longer steps, which do what more epochs would, help."""
    faster = better(subject, "higher rate")
    if not _cut(subject, curves) or not faster or not (curves.train[:, -1] < curves.train[:, -2]).all():
        return []
    usual = _usual_epochs(subject)
    meaning = (
        f"Training ended after {count(curves.epochs, 'epoch')}, where {usual} are usual for so many rows, and the "
        f"training loss was still falling. {faster[0].sentence()} More epochs do what longer steps do. Train longer."
    )
    evidence = {"epochs": curves.epochs, "usual_epochs": usual} | faster[0].evidence()
    return [Finding("undertrained", severity(subject, faster[0]), evidence, meaning, _LONGER)]


def _overtrained(curves: Curves, config: Config) -> list[Finding]:
    if config.early_stopping is not None or curves.epochs < 2:
        return []
    epoch, lowest, rise = rise_since_lowest(curves)
    way = curves.way(lowest)
    learned = (curves.train[:, -1] < curves.train[:, epoch]).mean() > 0.5
    if not learned or rise.low < WORTH * way:
        return []
    lost = min(rise.value, curves.kept - lowest)
    weight: Severity = "warning" if lost - (rise.value - rise.low) >= WORTH * way else "info"
    meaning = (
        f"The held-out loss was lowest after epoch {epoch} of {curves.epochs}, at {lowest:.3g}, and has risen since by "
        f"{rise.value:.2g} (95 % interval {rise.low:.2g} to {rise.high:.2g}) while the training loss went on falling: "
        f"{rise.value / way:.0%} of the way from the constant model's {curves.constant:.3g} is lost again. "
    )
    meaning += (
        "Stop early, which keeps the weights of the best epoch, or regularise."
        if weight == "warning"
        else "Its decisions are hardly worse for it, but its probabilities are too sure. Early stopping keeps the best."
    )
    evidence = {
        "epochs": curves.epochs,
        "best_epoch": epoch,
        "lowest_loss": lowest,
        "kept_loss": curves.kept,
        "constant_loss": curves.constant,
        "rise": rise.to_json(),
    }
    return [Finding("overtrained", weight, evidence, meaning, "course section 3 (early stopping)")]


def _level(loss: Numbers, end: int) -> Numbers:
    """The mean over the last quarter of the first epochs, shape (networks,); epoch 0 is before training."""
    return loss[:, end - max(1, end // _WINDOW) + 1 : end + 1].mean(axis=1)


def _noise(loss: Numbers) -> float:
    """How far losses go up and down from epoch to epoch, a standard deviation: from second differences at the end.

    Source: Gasser, Sroka & Jennen-Steinmetz 1986.
    """
    bends = np.diff(loss[:, 1:], 2, axis=1)[:, -max(1, loss.shape[1] // 2) :]
    return float(np.sqrt(np.square(bends).mean() / 6)) if bends.size else 0.0


def _over_networks(each: Numbers, of_epochs: float, curves: Curves) -> Estimate:
    """The mean of a change, with the noise of networks (of one alone: of its epochs) and of held-out rows.

    Args:
        each: (networks,) the change of each.
        of_epochs: standard deviation that the ups and downs of epochs give it.
        curves: of the networks.
    """
    value, n = float(each.mean()), len(each)
    seeds = _NORMAL * of_epochs
    if n > 1:  # the change of each is known but for its epochs: the mean is no lower than the least of them
        spread = float(stats.t.ppf(0.5 + LEVEL / 2, n - 1) * each.std(ddof=1) / n**0.5)
        seeds = min(spread, value - float(each.min()) + seeds)
    half = float(np.hypot(seeds, _NORMAL * curves.spread * value))
    return Estimate(value, value - half, value + half, curves.rows)
