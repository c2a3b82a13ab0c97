"""The report's pictures: numbers in, one SVG (as text) out.

What they share is in `drawing`.
"""

import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from caviar.arrays import Numbers
from caviar.data.task import Task
from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.intervals import Estimate
from caviar.diagnosis.learning_curve import LearningCurve
from caviar.diagnosis.learning_rate import LearningRateSweep
from caviar.reporting import drawing, words
from caviar.reporting.drawing import BRIDGE, GOOD, GREY, HELD_OUT, TRAIN
from caviar.tuning.search import Study
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform

_WRAPPED = 44
"""Letters of a line of a remedy's name, which may be that of several."""


def learning_curves(curves: Sequence[tuple[str, dict[str, Numbers], int]], loss_name: str) -> str:
    """Train and held-out loss per epoch, one panel per network.

    Args:
        curves: (title, history, epoch whose weights were kept).
        loss_name: of the vertical axis.
    """
    figure, panels = drawing.panels(len(curves), width=4.6, height=2.9)
    for axes, (title, history, best) in zip(panels, curves, strict=True):
        epochs = np.arange(1, len(history["train_loss"]) + 1)
        axes.plot(epochs, history["train_loss"], color=TRAIN, label="training rows")
        axes.plot(epochs, history["dev_loss"], color=HELD_OUT, linestyle="--", label="held-out rows")
        axes.axvline(best, color=GREY, linewidth=0.8, linestyle=":", label=f"kept: epoch {best}")
        shown = np.concatenate([history["train_loss"], history["dev_loss"]])
        shown = shown[np.isfinite(shown)]
        if len(shown) and shown.min() > 0:
            axes.set_yscale("log")
        axes.set_xlabel("epoch")
        axes.set_ylabel(loss_name)
        axes.set_title(title)
        axes.legend(frameon=False, fontsize=8)
    return drawing.svg(figure)


def errors_over_rows(curve: LearningCurve) -> str:
    """Training and held-out error against train rows, and the power law carried on to four times as many."""
    figure, (axes,) = drawing.panels(1, width=7.2, height=3.4)
    rows = np.array(curve.rows)
    for label, color, mark, estimates in (
        ("training rows", TRAIN, "s", curve.train_error),
        ("held-out rows", HELD_OUT, "o", curve.error),
    ):
        for at, estimate in zip(rows, estimates, strict=True):
            axes.plot([at, at], 100 * drawing.finite([estimate.low, estimate.high]), color=color, linewidth=1)
        axes.plot(rows, [100 * estimate.value for estimate in estimates], mark, color=color, label=label)
    for first, last, line in ((rows[0], rows[-1], "-"), (rows[-1], 4 * rows[-1], "--")):
        places = np.geomspace(first, last, 30)
        law = [curve.error_law.at(at) for at in places]
        label = "fitted, and its 95 % band" if line == "-" else None
        axes.plot(places, [100 * e.value for e in law], line, color=HELD_OUT, linewidth=1, label=label)
        axes.fill_between(
            places, [100 * e.low for e in law], [100 * e.high for e in law], color=HELD_OUT, alpha=0.15, linewidth=0
        )
    goal = 100 * (curve.optimal + curve.tolerance)
    axes.axhline(goal, color=GREY, linewidth=1, linestyle=":", label=f"optimal error and tolerance, {goal:.3g} %")
    log_axis(axes, np.array([rows[0], rows[-1], 4 * rows[-1]]))
    axes.set_ylim(bottom=0)
    axes.set_xlabel("train rows")
    axes.set_ylabel("rows misclassified, %" if curve.task == "classification" else "variance unexplained, %")
    axes.legend(frameon=False, fontsize=8)
    return drawing.svg(figure)


def bias_and_variance(parts: Sequence[tuple[str, BiasVariance]]) -> str:
    """Errors against the optimal one, before and after, with 95 % intervals."""
    figure, (axes,) = drawing.panels(1, width=7.2, height=0.9 + 0.8 * len(parts))
    for row, (name, result) in enumerate(reversed(parts)):
        bars = [("training rows", result.train, TRAIN), ("held-out rows", result.dev, HELD_OUT)]
        if result.bridge is not None:
            bars.insert(1, ("bridge rows", result.bridge, BRIDGE))
        height = 0.64 / len(bars)
        for place, (label, estimate, color) in enumerate(bars):
            offset = 0.36 - (place + 0.5) * 0.72 / len(bars)
            axes.barh(
                row + offset,
                100 * estimate.value,
                height=height,
                color=color,
                label=label if row == 0 else None,
            )
            drawing.whisker(axes, row + offset, estimate, 100)
        axes.text(-0.01, row, name, ha="right", va="center", transform=axes.get_yaxis_transform())
    optimal, tolerance = parts[0][1].optimal, parts[0][1].tolerance
    axes.axvline(100 * optimal.low, color=GREY, linewidth=1, linestyle="--")
    end = optimal.low if optimal.bound is None else optimal.bound.value
    label = "tolerance above the optimal error" if optimal.bound is None else "optimal error (range) and tolerance"
    axes.axvspan(100 * optimal.low, 100 * (end + tolerance), color=GREY, alpha=0.15, linewidth=0, label=label)
    axes.set_yticks([])
    axes.set_xlabel("error, %")
    axes.set_xlim(left=0)
    axes.legend(
        frameon=False,
        fontsize=8,
        loc="upper center",
        bbox_to_anchor=(0.5, -0.28 / (0.4 + 0.35 * len(parts))),
        ncols=3,
    )
    return drawing.svg(figure)


def errors(rows: Sequence[tuple[str, Estimate, bool]], task: Task, unit: str) -> str:
    """Final errors side by side with 95 % intervals.

    Args:
        rows: (name, error, whether it is the chosen network).
        task: decides between percent and the target's unit.
        unit: name of the target.
    """
    scale = 100 if task == "classification" else 1
    figure, (axes,) = drawing.panels(1, width=7.2, height=0.7 + 0.36 * len(rows))
    for place, (name, estimate, chosen) in enumerate(reversed(rows)):
        axes.barh(place, scale * drawing.finite(estimate.value), height=0.6, color=GOOD if chosen else GREY)
        drawing.whisker(axes, place, estimate, scale)
        axes.text(
            -0.01,
            place,
            name,
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
            weight="bold" if chosen else "normal",
        )
    axes.set_yticks([])
    axes.set_xlim(left=0)
    axes.set_xlabel("error, %" if task == "classification" else f"RMSE of {drawing.text(unit)}")
    return drawing.svg(figure)


def gains(rows: Sequence[tuple[str, Estimate, str]]) -> str:
    """Gains of remedies with 95 % intervals around the line of no gain.

    Args:
        rows: (name, gain in loss, verdict).
    """
    figure, (axes,) = drawing.panels(1, width=7.2, height=0.7 + 0.28 * len(rows))
    colors = {"accepted": GOOD, "undecided": GREY, "rejected": HELD_OUT}
    marks = {"accepted": "o", "undecided": "D", "rejected": "x"}
    for place, (name, gain, verdict) in enumerate(reversed(rows)):
        axes.plot(drawing.finite([gain.low, gain.high]), [place, place], color=colors[verdict], linewidth=1.6)
        axes.plot(drawing.finite(gain.value), place, marks[verdict], color=colors[verdict], markersize=5)
        axes.text(
            -0.01,
            place,
            textwrap.fill(f"{name} ({verdict})", _WRAPPED),
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_yticks([])
    ends = np.abs(drawing.finite([v for _, gain, _ in rows for v in (gain.low, gain.high)]))
    if ends.max() > 20 * max(1e-12, float(np.median(ends))):
        axes.set_xscale("symlog", linthresh=max(1e-6, float(np.median(ends))))
    axes.set_xlabel("held-out loss lower by")
    return drawing.svg(figure)


def search(study: Study, label: str) -> str:
    """Every searched setting against what was reached, each on its own scale."""
    names = list(study.space)
    figure, panels = drawing.panels(len(names), width=2.9, height=2.2, columns=3)
    reached = np.array([trial.outcome.criterion for trial in study.trials])
    finite = reached[np.isfinite(reached)]
    shown = np.minimum(reached, np.quantile(finite, 0.9) if len(finite) else 0.0)
    generations = np.array([trial.generation for trial in study.trials])
    best = int(np.argmin(np.nan_to_num(reached, nan=np.inf)))
    for axes, name in zip(panels, names, strict=True):
        dimension = study.space[name]
        values = [_drawn(trial.values[name], dimension) for trial in study.trials]
        if isinstance(dimension, Choice):
            places = {option: place for place, option in enumerate(dict.fromkeys([*dimension.options, *values]))}
            x = np.array([places[value] for value in values], float)
            x += np.random.Generator(np.random.Philox(key=0)).uniform(-0.18, 0.18, len(x))
            axes.set_xticks(list(places.values()), [str(option) for option in places], fontsize=8)
            axes.set_xlim(-0.5, len(places) - 0.5)
        else:
            x = np.array(values, float)
            if isinstance(dimension, OneMinusLogUniform):
                x = 1 - x
            if logarithmic(dimension):
                log_axis(axes, x)
            elif isinstance(dimension, Integer):
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
            if np.ptp(x) == 0:
                axes.set_xlim(*((x[0] / 2, x[0] * 2) if logarithmic(dimension) else (x[0] - 1, x[0] + 1)))
            if isinstance(dimension, OneMinusLogUniform):
                axes.invert_xaxis()
        axes.scatter(x, shown, c=generations, cmap="viridis", s=14, alpha=0.85, linewidths=0)
        axes.plot(x[0], shown[0], "s", color="black", markersize=6, fillstyle="none")
        axes.plot(x[best], shown[best], "*", color="#c53030", markersize=10)
        axes.set_title(f"1 - {name}" if isinstance(dimension, OneMinusLogUniform) else words.name_of(name))
        axes.set_ylabel(label, fontsize=8)
    return drawing.svg(figure)


def learning_rates(sweep: LearningRateSweep) -> str:
    """Held-out loss against the learning rate, one point per seed; networks that diverged stand on the upper edge."""
    figure, (axes,) = drawing.panels(1, width=7.2, height=3.2)
    rates, losses, constant = np.array(sweep.rates), sweep.losses, float(sweep.constant.mean())
    top = 2 * constant
    for seed in range(losses.shape[1]):
        gone, low = sweep.diverged[:, seed], np.minimum(losses[:, seed], top)
        label = "one seed" if seed == 0 else None
        axes.plot(rates[~gone], low[~gone], "o", color=HELD_OUT, markersize=3, alpha=0.6, label=label)
        if gone.any():
            axes.plot(rates[gone], np.full(gone.sum(), top), "x", color="#c53030", markersize=6, clip_on=False)
    ended = np.where(sweep.diverged.any(axis=1), np.nan, np.minimum(losses.mean(axis=1), top))
    axes.plot(rates, ended, color=HELD_OUT, label="mean")
    axes.axhline(constant, color=GREY, linestyle="--", linewidth=1, label="constant model")
    if sweep.working is not None and sweep.as_good is not None:
        axes.axvspan(*sweep.working, color=GREY, alpha=0.15, linewidth=0, label="works")
        axes.axvspan(*sweep.as_good, color=GOOD, alpha=0.2, linewidth=0, label="as good as the best")
    axes.axvline(sweep.config.rate, color="black", linewidth=0.8, linestyle=":", label="the config's own")
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.set_xlabel(f"learning rate, {sweep.steps:,} steps (crosses: diverged)")
    axes.set_ylabel("held-out loss")
    axes.legend(frameon=False, fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
    return drawing.svg(figure)


def confusion(counts: np.ndarray, classes: Sequence[str]) -> str:
    """Confusion matrix, rows the true class, shares of each row."""
    classes = [drawing.text(name) for name in classes]
    n = len(classes)
    side = min(9.0, max(3.2, 1.2 + 0.34 * n))
    figure = Figure(figsize=(side, side * 0.92), layout="constrained")
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    if n <= 30:
        for i in range(n):
            for j in range(n):
                if counts[i, j]:
                    axes.text(
                        j,
                        i,
                        str(counts[i, j]),
                        ha="center",
                        va="center",
                        fontsize=8 if n <= 15 else 5,
                        color="white" if shares[i, j] > 0.5 else "black",
                    )
        axes.set_xticks(range(n), classes, rotation=90 if max(map(len, classes)) > 3 else 0, fontsize=8)
        axes.set_yticks(range(n), classes, fontsize=8)
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    return drawing.svg(figure)


def residuals(y: Numbers, predicted: Numbers, name: str) -> str:
    """Predicted against true values, and the residuals' distribution; a sample of at most 3,000 rows."""
    y, predicted = np.asarray(y)[np.isfinite(predicted)], np.asarray(predicted)[np.isfinite(predicted)]
    figure, (left, right) = drawing.panels(2, width=4.4, height=3.2)
    some = np.random.Generator(np.random.Philox(key=0)).permutation(len(y))[:3000]
    left.scatter(y[some], predicted[some], s=6, alpha=0.35, linewidths=0, color=TRAIN, rasterized=True)
    both = np.concatenate([y, predicted])
    ends = [both.min(), both.max()] if len(both) else [0.0, 1.0]
    left.plot(ends, ends, color="black", linewidth=0.8)
    left.set_xlabel(f"true {drawing.text(name)}")
    left.set_ylabel(f"predicted {drawing.text(name)}")
    right.hist(predicted - y, bins=60, color=TRAIN)
    right.axvline(0, color="black", linewidth=0.8)
    right.set_xlabel(f"predicted - true {drawing.text(name)}")
    right.set_ylabel("rows")
    return drawing.svg(figure)


def _drawn(value: Any, dimension: Dimension) -> Any:
    """A value that the dimension's scale can show: what it does not hold stands at the nearest inside."""
    return value if isinstance(dimension, Choice) or dimension.holds(value) else dimension.at(dimension.place(value))


def logarithmic(dimension: Dimension) -> bool:
    """Whether values stand on a logarithmic axis."""
    return isinstance(dimension, (LogUniform, OneMinusLogUniform)) or getattr(dimension, "log", False)


def log_axis(axes: Axes, x: Numbers) -> None:
    """A logarithmic axis with three plain figures: Matplotlib's powers of ten overlap in a small panel."""
    axes.set_xscale("log")
    ticks = np.unique([float(f"{tick:.2g}") for tick in np.geomspace(x.min(), x.max(), 3)])
    axes.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.xaxis.set_minor_formatter(NullFormatter())
