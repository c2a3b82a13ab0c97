"""What every picture of a report shares: colours, panels, whiskers, words from data, and the way to SVG.

Colours: blue for training, orange for rows that were held out, grey for what it is compared with. No picture says
anything by colour alone.
"""

import io
import warnings
from contextlib import AbstractContextManager
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from caviar.arrays import Numbers
from caviar.diagnosis.intervals import Estimate

TRAIN, BRIDGE, HELD_OUT, GREY, GOOD = "#2b6cb0", "#b7791f", "#dd6b20", "#8a94a6", "#2f855a"

_LONGEST = 30
"""Letters of a name in a picture."""

_STYLE: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.size": 9,
    "svg.fonttype": "none",
    "svg.hashsalt": "caviar",
}


def style() -> AbstractContextManager[None]:
    """The context in which pictures are made."""
    return mpl.rc_context(_STYLE)


def panels(n: int, *, width: float, height: float, columns: int = 2) -> tuple[Figure, list[Axes]]:
    """A figure of n panels, each so many inches wide and high."""
    columns = min(n, columns)
    rows = -(-n // columns)
    figure = Figure(figsize=(width * columns, height * rows), layout="constrained")
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in grid[:n]:
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[n:]:
        axes.set_axis_off()
    return figure, list(grid[:n])


def logarithmic(axis: Axis) -> None:
    """Powers of ten with their halves and fifths, written as plain figures."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5), numticks=12))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.3g}"))
    axis.set_minor_formatter(NullFormatter())


def finite(figures: Any) -> Numbers:
    """Figures with 0 where one is NaN or infinite: a network that diverged is named, but has no bar."""
    return np.nan_to_num(figures, nan=0.0, posinf=0.0, neginf=0.0)


def whisker(axes: Axes, place: float, estimate: Estimate, scale: float) -> None:
    """The interval of a bar at this place."""
    if np.isfinite(estimate.low):
        axes.plot([scale * estimate.low, scale * estimate.high], [place, place], color="black", linewidth=1)


def text(given: object) -> str:
    """Words from data: on one line, not too long for a picture, with no mathematics meant."""
    line = "".join(letter if letter.isprintable() else " " for letter in str(given))
    return (line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…").replace("$", r"\$")


def svg(figure: Figure, *, dpi: int = 150) -> str:
    """The figure as an <svg> element, the same bytes for the same figure.

    Args:
        figure: what is drawn.
        dpi: of those parts that are rasters.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings():
        # Text stays text: the browser's fonts draw it, not Matplotlib's.
        warnings.filterwarnings("ignore", message="Glyph .* missing from", category=UserWarning)
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=dpi, transparent=True)
    drawn = buffer.getvalue()
    return drawn[drawn.index("<svg") :]
