"""Pictures of a search: numbers in, one SVG (as text) out. Where there are thousands of marks they become one raster.

What they share with other pictures is in `drawing`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from caviar.arrays import Numbers, Whole
from caviar.diagnosis.intervals import Estimate
from caviar.reporting import drawing, tuning_words, words
from caviar.reporting.drawing import GOOD, GREY, HELD_OUT, TRAIN
from caviar.reporting.plots import log_axis, logarithmic
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.search import Study
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, OneMinusLogUniform
from caviar.tuning.trials import Trial

BEST = "#c53030"
_LINES = 60
"""Learning curves that are drawn one by one; of more a density is drawn."""

_MARKS = 400
"""Marks of one panel that stay vectors."""

_DPI = 110
"""Of the rasters of a picture with many panels."""

_ZOOMS = 8
"""Zooms that are shaded, evenly chosen among all."""

_SHOWN = 0.9
"""Share of the trials that decides how far the vertical axis reaches; worse ones stand on its upper edge."""


class Reached(NamedTuple):
    """What trials reached, for a vertical axis."""

    values: Numbers
    """One per trial of the study, less is better or not; NaN where a trial has none."""
    criteria: Numbers
    """What they are ranked by; less is better."""
    label: str


def best_so_far(reached: Reached, generations: Numbers, ranked_by: str) -> str:
    """Every trial, and the best until then: the value of whichever trial led."""
    figure, (axes,) = drawing.panels(1, width=7.6, height=3.2)
    numbers, values = np.arange(len(reached.values)), reached.values
    known = np.isfinite(values)
    leading = _leaders(reached.criteria)
    low, high = _limits(values[known], values[leading[leading >= 0]])
    many = len(values) > _MARKS
    axes.scatter(
        numbers[known],
        _within(values[known], low, high),
        s=7 if many else 14,
        color=TRAIN,
        alpha=0.5 if many else 0.6,
        linewidths=0,
        rasterized=many,
        label="one trial",
    )
    so_far = np.where(leading >= 0, values[np.maximum(leading, 0)], np.nan)
    axes.step(numbers, so_far, where="post", color=BEST, linewidth=1.6, label=f"the best by then, by {ranked_by}")
    if 1 < len(np.unique(generations)) <= 40:
        for first in np.flatnonzero(np.diff(generations)) + 1:
            axes.axvline(first - 0.5, color=GREY, linewidth=0.5, alpha=0.5)
    axes.set_ylim(low, high)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_xlabel("trial (lines: generations)" if len(np.unique(generations)) <= 40 else "trial")
    axes.set_ylabel(reached.label)
    _legend_below(axes)
    return drawing.svg(figure)


def curves(found: Sequence[tuple[int, Numbers]], best: int, loss_name: str) -> str:
    """Held-out loss against the epoch: of few trials as lines, of many as a density, and that of the best.

    Args:
        found: (number of the trial, loss per epoch).
        best: number of the trial that was chosen.
        loss_name: of the vertical axis.
    """
    figure, (axes,) = drawing.panels(1, width=7.6, height=3.4)
    longest = max(len(curve) for _, curve in found)
    finite = np.concatenate([curve[np.isfinite(curve) & (curve > 0)] for _, curve in found])
    low, high = (float(np.min(finite)), float(np.quantile(finite, 0.98))) if len(finite) else (0.1, 1.0)
    high = max(high, low * 1.5)
    if len(found) <= _LINES:
        for _, curve in found:
            axes.plot(np.arange(1, len(curve) + 1), curve, color=TRAIN, linewidth=0.7, alpha=0.45)
    else:
        _density(axes, [curve for _, curve in found], longest, low, high)
    own = next((curve for number, curve in found if number == best), None)
    if own is not None:
        axes.plot(np.arange(1, len(own) + 1), own, color=BEST, linewidth=1.8, label=f"trial {best}, the best")
        axes.legend(frameon=False, fontsize=8, loc="upper right")
    axes.set_yscale("log")
    axes.set_ylim(0.9 * low, high)
    drawing.logarithmic(axes.yaxis)
    axes.set_xlim(1 if longest > 1 else 0.5, max(longest, 1.5))
    axes.set_xlabel("epoch")
    axes.set_ylabel(loss_name)
    return drawing.svg(figure)


def _density(axes: Axes, many: Sequence[Numbers], longest: int, low: float, high: float) -> None:
    """How many curves pass through each place, each epoch on its own scale, as one picture."""
    columns, rows = min(longest, 240), 120
    edges = np.geomspace(0.9 * low, high, rows + 1)
    counts = np.zeros((rows, columns))
    for column in range(columns):
        epoch = column * longest // columns
        passing = np.array([curve[epoch] for curve in many if epoch < len(curve) and np.isfinite(curve[epoch])])
        counts[:, column] = np.histogram(np.clip(passing, edges[0], edges[-1]), edges)[0]
    shown = np.log1p(counts)
    drawn = np.ma.masked_where(shown == 0, shown)
    places = np.linspace(0.5, longest + 0.5, columns + 1)
    axes.pcolormesh(places, edges, drawn, cmap="Blues", vmin=-0.4 * shown.max(), rasterized=True, linewidth=0)


def settings(study: Study, reached: Numbers, label: str, best: int) -> str:
    """Every searched setting against what was reached, each on its own scale; regions of zooms are shaded.

    Args:
        study: of trials.
        reached: one number per trial, less is better.
        label: of the vertical axis.
        best: number of the trial that was chosen.
    """
    names = list(study.space)
    figure, panels = drawing.panels(len(names), width=2.9, height=2.3, columns=3)
    finite = reached[np.isfinite(reached)]
    top = float(np.quantile(finite, _SHOWN)) if len(finite) else 1.0
    shown = np.minimum(reached, top)
    generations = np.array([trial.generation for trial in study.trials])
    zooms = _some(study.zooms)
    chosen = next((i for i, trial in enumerate(study.trials) if trial.number == best), None)
    for axes, name in zip(panels, names, strict=True):
        dimension = study.space[name]
        having = [i for i, trial in enumerate(study.trials) if name in trial.values and np.isfinite(shown[i])]
        x = _places(axes, dimension, [study.trials[i].values[name] for i in having], name)
        if not isinstance(dimension, Choice):
            for number, zoom in enumerate(zooms):
                _shade(axes, zoom.region.get(name), dimension, (number + 1) / len(zooms))
        many = len(having) * len(names) > 3 * _MARKS
        axes.scatter(
            x,
            shown[having],
            c=generations[having],
            cmap="viridis",
            s=4 if many else 13,
            alpha=0.5 if many else 0.85,
            linewidths=0,
            rasterized=many,
        )
        place = dict(zip(having, x, strict=True))
        if 0 in place:
            axes.plot(place[0], shown[0], "s", color="black", markersize=6, fillstyle="none")
        if chosen in place:
            axes.plot(place[chosen], shown[chosen], "*", color=BEST, markersize=10)
        axes.set_title(f"1 - {name}" if isinstance(dimension, OneMinusLogUniform) else words.name_of(name))
        axes.set_ylabel(label, fontsize=8)
    return drawing.svg(figure, dpi=_DPI)


def _some(zooms: Sequence[Zoom]) -> list[Zoom]:
    """A few zooms, evenly chosen, the first and the last among them."""
    at = np.unique(np.linspace(0, len(zooms) - 1, min(_ZOOMS, len(zooms))).round().astype(int)) if zooms else []
    return [zooms[i] for i in at]


def _places(axes: Axes, dimension: Dimension, values: Sequence[Any], name: str) -> Numbers:
    """Where values stand, and the axis on which they do."""
    if isinstance(dimension, Choice):
        places = {option: place for place, option in enumerate(dict.fromkeys([*dimension.options, *values]))}
        axes.set_xticks(list(places.values()), [tuning_words.value(name, o) for o in places], fontsize=8)
        axes.set_xlim(-0.5, len(places) - 0.5)
        x = np.array([places[value] for value in values], float)
        return x + np.random.Generator(np.random.Philox(key=0)).uniform(-0.18, 0.18, len(x))
    ends = np.array([dimension.low, dimension.high], float)
    x = np.array([one if dimension.holds(one) else dimension.at(dimension.place(one)) for one in values], float)
    if isinstance(dimension, OneMinusLogUniform):
        ends, x = 1 - ends, 1 - x
    if logarithmic(dimension):
        log_axis(axes, np.array([*ends, *x]))
        axes.set_xlim(ends.min() / 1.1, ends.max() * 1.1)
    else:
        margin = 0.04 * (ends[1] - ends[0]) or 0.5
        axes.set_xlim(ends[0] - margin, ends[1] + margin)
        if isinstance(dimension, Integer):
            axes.xaxis.set_major_locator(MaxNLocator(integer=True, nbins=5))
    if isinstance(dimension, OneMinusLogUniform):
        axes.invert_xaxis()
    return x


def _shade(axes: Axes, ends: tuple[Any, ...] | None, dimension: Dimension, late: float) -> None:
    """The region of a zoom; the last is the darkest; later ones reach less high, so that all can be seen."""
    if not ends or not all(isinstance(end, (int, float)) for end in ends):
        return
    low, high = float(min(ends)), float(max(ends))
    if isinstance(dimension, OneMinusLogUniform):
        low, high = 1 - high, 1 - low
    axes.axvspan(low, high, ymax=1.0 - 0.25 * late, color=GOOD, alpha=0.16 if late == 1 else 0.045, linewidth=0)


def rungs(trials: Sequence[Trial]) -> str:
    """The criterion of every config at every rung: who was stopped there, and who went on."""
    figure, (axes,) = drawing.panels(1, width=7.6, height=3.0)
    epochs = sorted({epoch for trial in trials for epoch in trial.outcome.rungs})
    stream = np.random.Generator(np.random.Philox(key=0))
    went: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for trial in trials:
        for epoch, value in trial.outcome.rungs.items():
            stopped = trial.outcome.state == "pruned" and epoch == max(trial.outcome.rungs)
            went[stopped].append((epochs.index(epoch), value))
    every = np.array([value for pairs in went.values() for _, value in pairs])
    low, high = _limits(every[np.isfinite(every)], every[:0])
    many = len(every) > _MARKS
    for stopped, color, mark, label, side in ((False, GOOD, "o", "went on", -0.17), (True, GREY, "x", "stopped", 0.17)):
        if went[stopped]:
            x, y = np.array(went[stopped], float).T
            x = x + side + stream.uniform(-0.12, 0.12, len(x))
            axes.plot(
                x,
                _within(y, low, high),
                mark,
                color=color,
                markersize=3 if many else 4.5,
                alpha=0.6,
                label=label,
                rasterized=many,
            )
    axes.set_xticks(range(len(epochs)), [f"epoch {epoch}" for epoch in epochs])
    axes.set_xlim(-0.5, len(epochs) - 0.5)
    axes.set_ylim(low, high)
    axes.set_ylabel("value at the rung")
    _legend_below(axes)
    return drawing.svg(figure)


def importance(rows: Sequence[tuple[str, Estimate, str]]) -> str:
    """Shares of what the settings explain, with intervals.

    Args:
        rows: (setting, share in [0, 1], where the course has it).
    """
    figure, (axes,) = drawing.panels(1, width=7.2, height=0.7 + 0.3 * len(rows))
    for place, (name, estimate, course) in enumerate(reversed(rows)):
        axes.barh(place, 100 * drawing.finite(estimate.value), height=0.6, color=TRAIN)
        drawing.whisker(axes, place, estimate, 100)
        axes.text(
            -0.01,
            place,
            f"{words.name_of(name)} ({course})" if course else words.name_of(name),
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.set_xlabel("share of what moves the result, % (in brackets: place in the course's order)")
    return drawing.svg(figure)


def front(points: Mapping[int, tuple[float, float]], on: Sequence[int], labels: tuple[str, str], best: int) -> str:
    """Two objectives against each other; the front is what nothing beats in both.

    Args:
        points: both objectives by the number of the trial.
        on: numbers of the trials on the front.
        labels: of both objectives.
        best: number of the trial that was chosen.
    """
    figure, (axes,) = drawing.panels(1, width=7.2, height=3.4)
    x, y = np.array(list(points.values()), float).T
    many = len(x) > _MARKS
    axes.scatter(y, x, s=6 if many else 14, color=GREY, alpha=0.5, linewidths=0, rasterized=many, label="one trial")
    edge = sorted((points[number][1], points[number][0]) for number in on)
    if edge:
        axes.step(*zip(*edge, strict=True), where="post", color=HELD_OUT, linewidth=1.2)
        axes.plot(
            *zip(*edge, strict=True), "o", color=HELD_OUT, markersize=5, label="the front: nothing beats it in both"
        )
    if best in points:
        axes.plot(
            points[best][1], points[best][0], "*", color=BEST, markersize=12, label=f"trial {best}, the chosen one"
        )
    if y.min() > 0 and y.max() / y.min() > 10:
        axes.set_xscale("log")
    axes.set_ylim(*_limits(x, np.array([pair[1] for pair in edge])))
    axes.set_xlabel(labels[1])
    axes.set_ylabel(labels[0])
    _legend_below(axes)
    return drawing.svg(figure)


def _leaders(criteria: Numbers) -> Whole:
    """The place of the best until each trial; -1 before there is any."""
    leading = np.full(len(criteria), -1)
    least, at = np.inf, -1
    for number, value in enumerate(criteria):
        if np.isfinite(value) and value < least:
            least, at = value, number
        leading[number] = at
    return leading


def _limits(values: Numbers, wanted: Numbers) -> tuple[float, float]:
    """Ends of an axis that shows most values and all of those that are wanted."""
    if not len(values):
        return 0.0, 1.0
    every = [*np.quantile(values, [1 - _SHOWN, _SHOWN]), *wanted]
    low, high = float(min(every)), float(max(every))
    margin = 0.06 * (high - low) or max(abs(high), 1e-9) * 0.1
    return low - margin, high + margin


def _within(values: Numbers, low: float, high: float) -> Numbers:
    """Values with those outside at the edge, where a whole mark has room."""
    room = 0.02 * (high - low)
    return np.clip(values, low + room, high - room)


def _legend_below(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=8, loc="upper center", bbox_to_anchor=(0.5, -0.2), ncols=3)
