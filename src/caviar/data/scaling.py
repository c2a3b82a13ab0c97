"""Numbers become numbers of a size that a network learns well from: five scales, with statistics of the train rows."""

from typing import Literal, NamedTuple, assert_never, get_args

import numpy as np

from caviar.arrays import Numbers
from caviar.errors import BadData, nearest

ScaleWord = Literal["standard", "robust", "quantile", "log"]
Scale = ScaleWord | None
SCALES: tuple[ScaleWord, ...] = get_args(ScaleWord)

FORMULAS: dict[Scale, str] = {
    "standard": "(x - mean) / standard deviation, both of the train rows",
    "robust": "(x - median) / (q75 - q25) of the train rows, then bent smoothly to stay within ±3",
    "quantile": "their rank among the train rows, as the normal distribution has it (median 0, within ±5.2)",
    "log": "log(x), or sign(x) log(1 + |x|) where train rows have 0 or less, then (x - mean) / standard deviation",
    None: "as they are, not scaled",
}
"""What is done to a column of numbers, in words."""

LIMIT = 1e6
"""Scaled values stay within ± this. No train row reaches it: |x - mean| <= std * sqrt(rows)."""
UNSCALED_LIMIT = 1e30
"""The same with scale None, far inside float32."""

_SMALLEST = 5e-324  # what a spread of still smaller numbers counts as
_LANDMARKS = 200
_EDGE = 1e-7  # how near to 0 and 1 a rank may come: ±5.2 of the normal distribution


class Statistics(NamedTuple):
    """What filling and scaling take from numbers, in their unit."""

    fill: float
    """Median of the known ones."""
    center: float
    spread: float
    """Above 0. Of "log", center and spread are those of the logarithms."""
    floor: float = 0.0
    """Of "log": the smallest of numbers that are all above 0, which take log(x); 0 for the signed form."""
    landmarks: tuple[float, ...] = ()
    """Of "quantile": numbers at ranks evenly spaced from 0 to 1."""


def check_scale(scale: object) -> None:
    """Refuse what is no scale.

    Raises:
        BadData: it is none.
    """
    if scale is not None and scale not in SCALES:
        raise BadData(
            f"scale must be 'standard', 'robust', 'quantile', 'log' or None, got {scale!r}. "
            f"{nearest(str(scale), SCALES)}"
        )


def statistics(x: Numbers, scale: Scale) -> Statistics:
    """What a scale needs to know of the train rows.

    "standard": mean and standard deviation (divided by n), after missing cells took the median. "robust": median and
    interquartile range q75 - q25; half the range where that is zero. "quantile": up to 200 quantiles of the known
    numbers. "log": as "standard", of the logarithms.

    Args:
        x: (numbers,) float64 or float32, NaN where missing; none is infinite, and two at least differ.
        scale: None gives center 0 and spread 1.

    Returns:
        The statistics; spread > 0.

    Source for "robust": Holzmüller, Grinsztajn, Steinwart 2024, "Better by default", arXiv:2407.04491.
    """
    missing = np.isnan(x)
    unit = _unit(float(max(np.fmax.reduce(x), -np.fmin.reduce(x))))
    x = x / unit
    fill = float(np.median(x[~missing], overwrite_input=True))
    match scale:
        case None:
            return Statistics(fill * unit, 0.0, 1.0)
        case "quantile":
            known = x[~missing].astype(np.float64)
            marks = np.quantile(known, np.linspace(0, 1, min(_LANDMARKS, len(known))), overwrite_input=True) * unit
            marks = np.maximum.accumulate(marks)  # interpolation may err in the last digit
            return Statistics(fill * unit, 0.0, 1.0, landmarks=tuple(marks.tolist()))
        case "log":
            low = float(np.fmin.reduce(x)) * unit
            floor = max(low, 0.0)
            x[missing] = fill
            center, spread = _moments(_logarithms(x.astype(np.float64) * unit, floor))
            return Statistics(fill * unit, center, max(spread, _SMALLEST), floor)
        case "standard":
            x[missing] = fill
            center, spread = _moments(x)
        case "robust":
            x[missing] = fill
            q25, center, q75 = (float(q) for q in np.quantile(x, [0.25, 0.5, 0.75], overwrite_input=True))
            spread = q75 - q25 if q75 > q25 else float(x.max() - x.min()) / 2
        case _:
            assert_never(scale)
    return Statistics(fill * unit, center * unit, max(spread * unit, _SMALLEST))


def scaled(x: Numbers, numbers: Statistics, scale: Scale) -> Numbers:
    """Numbers of any shape with missing ones filled, scaled and bounded.

    Args:
        x: float64, NaN where missing.
        numbers: of the train rows; spread > 0.
        scale: the one that `numbers` were made for.

    Returns:
        float64 of the shape of `x`, finite.
    """
    x = np.where(np.isnan(x), numbers.fill, x)
    match scale:
        case "quantile":
            return _normal_ranks(x, np.asarray(numbers.landmarks))
        case "log":
            z = standardized(_logarithms(x, numbers.floor), numbers.center, numbers.spread)
        case "robust":
            z = smoothly_clipped(standardized(x, numbers.center, numbers.spread))
        case "standard" | None:
            z = standardized(x, numbers.center, numbers.spread)
        case _:
            assert_never(scale)
    limit = UNSCALED_LIMIT if scale is None else LIMIT
    return np.clip(z, -limit, limit)


def standardized(x: Numbers, center: float, spread: float) -> Numbers:
    """(x - center) / spread in float64, right up to the largest numbers; spread > 0.

    Dividing by a power of two first changes no digit and keeps the difference from overflowing.
    """
    unit = _unit(max(abs(center), spread))
    with np.errstate(over="ignore"):
        return (x / unit - center / unit) / (spread / unit)


def smoothly_clipped(z: Numbers) -> Numbers:
    """The curve z / sqrt(1 + (z/3)^2): z itself near 0, within ±3 everywhere (Holzmüller et al. 2024)."""
    z = np.clip(z, -1e100, 1e100)
    return z / np.sqrt(1 + (z / 3) ** 2)


def _normal_ranks(x: Numbers, landmarks: Numbers) -> Numbers:
    """Ranks among the landmarks, as numbers of the normal distribution; tied ones take the middle of theirs."""
    from scipy.special import ndtri  # noqa: PLC0415  (only this scale needs it)

    rank = (_rank(x, landmarks) + 1 - _rank(-x, -landmarks[::-1])) / 2
    return ndtri(np.clip(rank, _EDGE, 1 - _EDGE))


def _rank(x: Numbers, landmarks: Numbers) -> Numbers:
    """Ranks in [0, 1] among sorted landmarks, the last one of tied ones.

    The part of a gap that lies below x, and no slope as in `np.interp`: over a gap of the smallest numbers it would be
    infinite. Of the largest, where a gap would be, halves are compared.
    """
    x = np.clip(x, landmarks[0], landmarks[-1])
    if landmarks[-1] / 2 - landmarks[0] / 2 > np.finfo(float).max / 2:
        x, landmarks = x / 2, landmarks / 2
    last = len(landmarks) - 1
    below = np.minimum(np.searchsorted(landmarks, x, side="right") - 1, last - 1)
    low, high = landmarks[below], landmarks[below + 1]
    part = np.divide(x - low, high - low, out=np.ones_like(x), where=high > low)
    return (below + part) / last


def _logarithms(x: Numbers, floor: float) -> Numbers:
    """log(x), what is not above 0 counting as `floor`; sign(x) log(1 + |x|) when `floor` is 0."""
    if floor > 0:
        return np.log(np.where(x > 0, x, floor))
    return np.copysign(np.log1p(np.abs(x)), x)


def _moments(x: Numbers) -> tuple[float, float]:
    """Mean and standard deviation (divided by n), summed in float64; `x` is used up."""
    center = float(x.mean(dtype=np.float64))
    x -= center
    x *= x
    return center, float(np.sqrt(x.mean(dtype=np.float64)))


def _unit(largest: float) -> float:
    """The power of two at or below a number; 1 for 0."""
    return float(2.0 ** (np.frexp(largest)[1] - 1)) if largest > 0 else 1.0
