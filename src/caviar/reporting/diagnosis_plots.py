"""The pictures of a diagnosis: how the networks learned, layer by layer, and beside their companions."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes

from caviar.arrays import Numbers
from caviar.diagnosis.subject import Companion, CompanionKind, Subject
from caviar.reporting import drawing
from caviar.reporting.drawing import GREY, HELD_OUT, TRAIN
from caviar.training.record import Run
from caviar.training.scores import Score

_BAD = "#c53030"
_MARKS: dict[CompanionKind, tuple[str, float]] = {
    "higher rate": ("^", 1.0),
    "lower rate": ("v", 1.0),
    "plain": ("D", 1.15),
    "other start": ("s", 1 / 1.15),
    "fitting output": ("P", 1.3),
    "smaller batch": ("<", 1 / 1.3),
    "larger batch": (">", 1 / 1.3),
}
"""The mark of a companion, and by what factor it stands beside its learning rate: not on top of others."""


def epochs_of_all(runs: Sequence[Run], loss_name: str) -> str:
    """Train and held-out loss per epoch of every network, one thin line each, and the epochs that were kept."""
    figure, (axes,) = drawing.panels(1, width=7.2, height=3.2)
    for number, run in enumerate(runs):
        epochs = np.arange(1, run.epochs + 1)
        for name, colour, line, label in (
            ("train_loss", TRAIN, "-", "training rows"),
            ("dev_loss", HELD_OUT, "--", "held-out rows"),
        ):
            losses = np.where(np.isfinite(run.history[name]), run.history[name], np.nan)
            axes.plot(epochs, losses, line, color=colour, linewidth=1, alpha=0.7, label=None if number else label)
        if run.best_epoch:
            label = None if number else "kept"
            axes.axvline(run.best_epoch, color=GREY, linewidth=0.8, linestyle=":", label=label)
    _log_if_positive(axes, np.concatenate([run.history[name] for run in runs for name in ("train_loss", "dev_loss")]))
    axes.set_xlabel("epoch")
    axes.set_ylabel(loss_name)
    _legend(axes)
    return drawing.svg(figure)


def layers(seen: Subject) -> str:
    """Layer by layer, before and after training: gradients, units that answer alike, units at a bound.

    Empty where no network could be measured.
    """
    parts = [(label, probe) for label, probe in (("at the start", seen.start), ("at the end", seen.end)) if probe]
    if not parts:
        return ""
    hidden = len(parts[0][1].constant)
    figure, panels = drawing.panels(3 if hidden else 1, width=2.9, height=2.6, columns=3)
    norms = [(label, probe.gradient_norm.mean(axis=0)) for label, probe in parts]
    matrices = len(norms[0][1])
    names = [str(i + 1) for i in range(matrices - 1)] + ["last"]
    _bars(panels[0], norms, names)
    panels[0].set_title("length of the gradient")
    _log_if_positive(panels[0], np.concatenate([values[values > 0] for _, values in norms]))
    panels[0].legend(frameon=False, fontsize=8)
    if hidden:
        for axes, title, of in (
            (panels[1], "units that answer alike, %", "constant"),
            (panels[2], "answers at a bound, %", "saturated"),
        ):
            _bars(axes, [(label, 100 * getattr(probe, of)) for label, probe in parts], names[:hidden])
            axes.set_title(title)
            axes.set_ylim(0, 100)
    return drawing.svg(figure)


def companions(own: Sequence[Score], rate: float, beside: Sequence[Companion], constant: float) -> str:
    """Held-out loss of the networks and of their companions against the learning rate; a mark for every seed.

    Args:
        own: the networks' scores, one per seed.
        rate: their learning rate.
        beside: what was trained with one thing changed.
        constant: loss of the constant model.
    """
    figure, (axes,) = drawing.panels(1, width=7.2, height=3.2)
    top = 2 * constant
    axes.axhline(constant, color=GREY, linestyle="--", linewidth=1, label="constant model")
    _marks(axes, rate, own, top, mark="o", label="the network", colour="black")
    for one in beside:
        mark, beside_it = _MARKS[one.kind]
        label = f"{one.name} ({len(one.scores)})"
        _marks(axes, one.config.rate * beside_it, one.scores, top, mark=mark, label=label, colour=HELD_OUT)
    axes.set_xscale("log")
    axes.set_yscale("log")
    drawing.logarithmic(axes.yaxis)
    axes.set_xlabel("learning rate (red crosses on the upper edge: diverged)")
    axes.set_ylabel("held-out loss")
    _legend(axes)
    return drawing.svg(figure)


def _marks(axes: Axes, rate: float, scores: Sequence[Score], top: float, *, mark: str, label: str, colour: str) -> None:
    """One mark per seed; networks that diverged, or are far worse than the constant model, stand on the upper edge."""
    losses = np.array([score.loss.mean() for score in scores])
    gone = np.array([score.status == "diverged" for score in scores])
    sound = np.minimum(losses[~gone], top)
    axes.plot(np.full(len(sound), rate), sound, mark, color=colour, markersize=5, alpha=0.8, label=label)
    axes.plot(np.full(gone.sum(), rate), np.full(gone.sum(), top), "x", color=_BAD, markersize=7, clip_on=False)


def _bars(axes: Axes, parts: Sequence[tuple[str, Numbers]], names: Sequence[str]) -> None:
    """Groups of bars, one group per layer."""
    width = 0.8 / len(parts)
    for number, (label, values) in enumerate(parts):
        places = np.arange(len(values)) - 0.4 + width * (number + 0.5)
        colour, hatch = ((GREY, None), (TRAIN, "///"))[number]
        bars = drawing.finite(values)
        axes.bar(places, bars, width=width, color=colour, hatch=hatch, edgecolor="white", linewidth=0, label=label)
    axes.set_xticks(range(len(names)), names, fontsize=8)
    axes.set_xlabel("layer")


def _log_if_positive(axes: Axes, shown: Numbers) -> None:
    shown = shown[np.isfinite(shown)]
    if len(shown) and shown.min() > 0:
        axes.set_yscale("log")
        drawing.logarithmic(axes.yaxis)


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
