"""Dimensions: what one setting may be, on the scale on which it matters.

| dimension | scale | for |
|---|---|---|
| Uniform | the value itself | dropout, label smoothing |
| LogUniform | log10 | learning rate, lambda |
| OneMinusLogUniform | log10(1 - value) | momentum, beta1, beta2: 1 / (1 - beta) is what matters |
| Integer | whole numbers, or their log | layers; units, epochs |
| Choice | unordered | activation, batch size |

Source: course section 6; Bergstra & Bengio 2012.
"""

import dataclasses
import math
from typing import Any

import numpy as np
from optuna import distributions

from caviar.errors import BadSpace


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high], all equally likely."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _ordered(self, self.low, self.high)

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        return float(np.clip(self.low + u * (self.high - self.low), self.low, self.high))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        return _clip((value - self.low) / (self.high - self.low))

    def holds(self, value: Any) -> bool:
        """Whether the value lies in the dimension."""
        return _is_number(value) and self.low <= value <= self.high

    def stored(self, value: float) -> float:
        """The value as a study keeps it."""
        return value

    def restored(self, stored: float) -> float:
        """The value of which a study keeps this."""
        return stored

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.FloatDistribution(self.low, self.high)


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """Real numbers in [low, high], equally likely in each power of ten; low above 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _ordered(self, self.low, self.high)
        if self.low <= 0:
            raise BadSpace(
                f"LogUniform needs low above 0, got {self.low}: zero has no logarithm. Use Uniform, or a small low."
            )

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        return float(np.clip(self.low * (self.high / self.low) ** u, self.low, self.high))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        return _clip(math.log(max(value, 1e-300) / self.low) / math.log(self.high / self.low))

    def holds(self, value: Any) -> bool:
        """Whether the value lies in the dimension."""
        return _is_number(value) and self.low <= value <= self.high

    def stored(self, value: float) -> float:
        """The value as a study keeps it."""
        return value

    def restored(self, stored: float) -> float:
        """The value of which a study keeps this."""
        return stored

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.FloatDistribution(self.low, self.high, log=True)


@dataclasses.dataclass(frozen=True)
class OneMinusLogUniform:
    """Averaging weights beta in [low, high], equally likely in each power of ten of 1 - beta; both in (0, 1)."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _ordered(self, self.low, self.high)
        if not 0 < self.low < self.high < 1:
            raise BadSpace(
                f"OneMinusLogUniform needs 0 < low < high < 1, got low={self.low}, high={self.high}. It is made "
                "for beta, such as 0.9 to 0.999."
            )

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        return float(np.clip(1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u, self.low, self.high))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        share = math.log(max(1 - value, 1e-300) / (1 - self.low)) / math.log((1 - self.high) / (1 - self.low))
        return _clip(share)

    def holds(self, value: Any) -> bool:
        """Whether the value lies in the dimension."""
        return _is_number(value) and self.low <= value <= self.high

    def stored(self, value: float) -> float:
        """The value as a study keeps it: log10(1 - beta), since Optuna has no such scale."""
        return float(np.clip(math.log10(1 - value), math.log10(1 - self.high), math.log10(1 - self.low)))

    def restored(self, stored: float) -> float:
        """The value of which a study keeps log10(1 - beta)."""
        return float(np.clip(1 - 10**stored, self.low, self.high))

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension: log10(1 - beta)."""
        return distributions.FloatDistribution(math.log10(1 - self.high), math.log10(1 - self.low))


@dataclasses.dataclass(frozen=True)
class Integer:
    """Whole numbers from low to high, both included; with log=True equally likely in each power of ten, low above 0."""

    low: int
    high: int
    log: bool = False

    def __post_init__(self) -> None:
        if not all(isinstance(n, int) for n in (self.low, self.high)) or not self.low <= self.high:
            raise BadSpace(f"Integer needs whole numbers low <= high, got low={self.low!r}, high={self.high!r}.")
        if self.log and self.low < 1:
            raise BadSpace(
                f"Integer with log=True needs low of at least 1, got {self.low}. Use log=False, or a larger low."
            )

    def at(self, u: float) -> int:
        """The value at place u in [0, 1] of the scale."""
        low, high = self._ends()
        value = low + u * (high - low)
        return int(np.clip(round(math.exp(value) if self.log else value), self.low, self.high))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        low, high = self._ends()
        return _clip(((math.log(max(value, 1e-300)) if self.log else value) - low) / (high - low))

    def _ends(self) -> tuple[float, float]:
        """Ends of the scale: each whole number owns the half on either side of it."""
        low, high = self.low - 0.499, self.high + 0.499
        return (math.log(max(low, 0.501)), math.log(high)) if self.log else (low, high)

    def holds(self, value: Any) -> bool:
        """Whether the value lies in the dimension."""
        return _is_number(value) and self.low <= value <= self.high

    def stored(self, value: float) -> int:
        """The value as a study keeps it."""
        return int(value)

    def restored(self, stored: float) -> int:
        """The value of which a study keeps this."""
        return int(stored)

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.IntDistribution(self.low, self.high, log=self.log)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values without order, all equally likely."""

    options: tuple[Any, ...]

    def __init__(self, *options: Any) -> None:
        object.__setattr__(self, "options", options)
        if not all(option is None or isinstance(option, (int, float, str)) for option in options):
            raise BadSpace(
                f"Choice needs options that a study can keep - words, numbers, True, False, None - got {options!r}. "
                "Search what is given per layer as one value for all."
            )
        if len(options) == 0 or len(set(options)) < len(options):
            raise BadSpace(f"Choice needs at least one option and none twice, got {options!r}.")

    def at(self, u: float) -> Any:
        """The value at place u in [0, 1]: every option owns an equal part."""
        return self.options[min(len(self.options) - 1, int(u * len(self.options)))]

    def place(self, value: Any) -> float:
        """The middle of the part that a value owns; a value that is none of the options is taken for the first."""
        known = self.options.index(value) if value in self.options else 0
        return (known + 0.5) / len(self.options)

    def holds(self, value: Any) -> bool:
        """Whether the value is one of the options."""
        return value in self.options

    def stored(self, value: Any) -> Any:
        """The value as a study keeps it."""
        return value

    def restored(self, stored: Any) -> Any:
        """The value of which a study keeps this."""
        return stored

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.CategoricalDistribution(self.options)


Dimension = Uniform | LogUniform | OneMinusLogUniform | Integer | Choice


def _ordered(dimension: object, low: float, high: float) -> None:
    numbers = all(isinstance(n, (int, float)) and not isinstance(n, bool) and math.isfinite(n) for n in (low, high))
    if not numbers or not low < high:
        raise BadSpace(
            f"{type(dimension).__name__} needs finite numbers low < high, got low={low!r}, high={high!r}. "
            "Exchange or correct them."
        )


def _is_number(value: Any) -> bool:
    """Whether a setting is one number; it may be None, "full" or one value per layer instead."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _clip(u: float) -> float:
    return min(1.0, max(0.0, u))
