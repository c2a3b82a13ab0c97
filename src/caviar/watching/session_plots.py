"""The picture of a session: the curves of its branches, with the commands where they acted.

A branch is drawn from where it was made. What was undone by a rewind is not drawn.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from caviar.arrays import Numbers, Whole
from caviar.reporting import drawing
from caviar.reporting.drawing import GREY

_COLORS = ("#2b6cb0", "#dd6b20", "#2f855a", "#805ad5", "#b83280", "#b7791f", "#319795", "#4a5568")
_DASHES = ("-", (0, (6, 1.5)), (0, (3, 1.5)), (0, (6, 1.5, 1, 1.5)))
_NAMED = 12
"""Branches that have a colour and a name; more are grey."""

_POINTS = 1_500
"""Of a curve, at most."""

_NUMBERED = 40
"""Marks that have a number; of more only the shapes are drawn."""

_ROWS = 16
"""Heights of a panel at which numbers can stand above each other."""

_SHAPES = {"nudge": "v", "branch": "o", "rewind": "<", "stop": "s"}
MARKED = tuple(_SHAPES)
"""Commands that stand in the picture."""

_WHOLE = 100.0
"""Largest value in the smallest, up to which an axis shows all."""

_SHOWN = 0.98
"""Share of the values that decides how far up it goes otherwise; what is higher stands at its edge."""


class Line(NamedTuple):
    """One branch."""

    number: int
    born: int
    """Epochs that it has of its parent."""
    best: int
    """Epoch of its lowest dev loss, from 1; 0: none."""
    curves: Mapping[str, Numbers]
    """One value per epoch, by name."""


class Mark(NamedTuple):
    """One command."""

    number: int
    """Of its line in the journal."""
    verb: str
    branch: int
    epoch: int
    """Epochs that the branch had behind it; of a rewind those to which it went back."""


class Panel(NamedTuple):
    """What is drawn against the epoch."""

    names: tuple[str, ...]
    """Curves; the first is that of the marks, the others are drawn thin."""
    label: str
    scale: float = 1.0
    """By which values are multiplied."""


def learning(lines: Sequence[Line], marks: Sequence[Mark], panels: Sequence[Panel], chosen: int | None) -> str:
    """Curves against the epoch, one panel below the other.

    Args:
        lines: the branches, in their order.
        marks: commands, at their places in the first two panels.
        panels: what is drawn.
        chosen: the number of the branch that is drawn stronger.
    """
    figure, every = drawing.panels(len(panels), width=7.8, height=2.7, columns=1)
    longest = max((len(line.curves[panels[0].names[0]]) for line in lines), default=1)
    for place, (axes, panel) in enumerate(zip(every, panels, strict=True)):
        low, high = _ends(lines, panel)
        for order, line in enumerate(lines):
            _draw(axes, line, order, panel, (low, high), strong=line.number == chosen)
        _scale(axes, low, high)
        if place < 2:
            _mark(axes, lines, marks, panel, (low, high))
        axes.set_xlim(0, max(longest, 1) * 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.set_ylabel(panel.label)
    every[-1].set_xlabel("epoch")
    if len(lines) > 1:
        every[0].legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))
    return drawing.svg(figure)


def _draw(axes: Axes, line: Line, order: int, panel: Panel, ends: tuple[float, float], *, strong: bool) -> None:
    """The curves of one branch, the first of the panel strong."""
    named = order < _NAMED or strong
    color = _COLORS[order % len(_COLORS)] if named else GREY
    for thin, name in enumerate(panel.names):
        x, y = _points(line, name, panel.scale)
        axes.plot(
            x,
            np.clip(y, *ends),
            color=color,
            linestyle=":" if thin else _DASHES[order % len(_DASHES)],
            linewidth=0.9 if thin else 2.0 if strong else 1.3 if named else 0.7,
            alpha=0.75 if thin else 1.0 if named else 0.5,
            drawstyle="steps-pre" if name == "learning_rate" else "default",
            label=f"branch {line.number}" if named and not thin else None,
            zorder=3 if strong else 2,
        )


def _points(line: Line, name: str, scale: float) -> tuple[Whole, Numbers]:
    """Epochs and values of a branch from where it was made; of a long curve some, with its best and its last."""
    values = scale * np.asarray(line.curves[name], float)
    epochs = np.arange(max(1, line.born), len(values) + 1)
    if len(epochs) > _POINTS:
        some = np.linspace(0, len(epochs) - 1, _POINTS).round().astype(int)
        best = line.best - epochs[0]
        epochs = epochs[np.unique([*some, *([best] if best >= 0 else [])])]
    return epochs, values[epochs - 1]


def _ends(lines: Sequence[Line], panel: Panel) -> tuple[float, float]:
    """Lower and upper end of an axis, which shows nearly all values."""
    drawn = [_points(line, name, panel.scale)[1] for line in lines for name in panel.names]
    values = np.concatenate([*drawn, np.zeros(0)])
    values = values[np.isfinite(values)]
    if not len(values):
        return 0.0, 1.0
    low, high = float(values.min()), float(values.max())
    if high > _WHOLE * max(low, 0.0):
        high = float(np.quantile(values, _SHOWN))
    if _is_log(low, high):
        return low / 1.15, max(high, low * 1.2) * 1.1
    margin = 0.06 * (high - low) or 0.1 * max(abs(high), 1e-9)
    return low - margin, high + margin


def _is_log(low: float, high: float) -> bool:
    return low > 0 and high > 4 * low


def _scale(axes: Axes, low: float, high: float) -> None:
    if _is_log(low, high):
        axes.set_yscale("log")
        drawing.logarithmic(axes.yaxis)
    axes.set_ylim(low, high)


def _mark(axes: Axes, lines: Sequence[Line], marks: Sequence[Mark], panel: Panel, ends: tuple[float, float]) -> None:
    """The commands at their places on the curves; those at one place are numbered together."""
    orders, name = {line.number: order for order, line in enumerate(lines)}, panel.names[0]
    told: dict[tuple[int, int], list[tuple[int, float]]] = {}
    for mark in marks:
        order = orders.get(mark.branch)
        if order is None:
            continue
        values = lines[order].curves[name]
        epoch = min(max(1, mark.epoch), len(values))
        value = panel.scale * float(values[epoch - 1])
        y = min(max(value, ends[0]), ends[1]) if math.isfinite(value) else ends[1]
        color = _COLORS[order % len(_COLORS)] if order < _NAMED else GREY
        axes.plot(
            epoch, y, _SHAPES[mark.verb], color=color, markeredgecolor="black", markersize=6, clip_on=False, zorder=5
        )
        height = axes.transAxes.inverted().transform(axes.transData.transform((epoch, y)))[1]
        told.setdefault((epoch, round(_ROWS * height)), []).append((mark.number, y))
    if len(marks) > _NUMBERED:
        return
    for (epoch, _), here in told.items():
        numbers, top = ", ".join(str(number) for number, _ in here), max(y for _, y in here)
        axes.annotate(
            numbers, (epoch, top), xytext=(0, 6), textcoords="offset points", ha="center", fontsize=8, zorder=6
        )
