"""Dimensions: what one setting may be, on the scale on which it matters.

| dimension | scale | for |
|---|---|---|
| Uniform | the value itself, or whole steps from low | dropout, label smoothing |
| LogUniform | log10 | learning rate, lambda |
| OneMinusLogUniform | log10(1 - value) | momentum, beta1, beta2: 1 / (1 - beta) is what matters |
| Integer | whole numbers (in whole steps), or their log | layers; units, epochs |
| Choice | unordered | activation, batch size |

Steps are those of Optuna: values low, low + step, ..., high, all equally likely, so that a distribution with a step
means the same in a study.

Source: course section 6; Bergstra & Bengio 2012.
"""

import dataclasses
import math
from collections.abc import Hashable
from decimal import Decimal
from typing import Any

import numpy as np
from optuna import distributions

from caviar.errors import BadSpace


@dataclasses.dataclass(frozen=True)
class Uniform:
    """Real numbers in [low, high], all equally likely; with a step only low, low + step, ..., high."""

    low: float
    high: float
    step: float | None = None

    def __post_init__(self) -> None:
        _check_ends(self)
        if self.step is None:
            return
        step = plain(self.step)
        if not _is_number(step) or not math.isfinite(step) or step <= 0:
            raise BadSpace(f"Uniform needs a step above 0, got step={step!r}. Leave it out for all real numbers.")
        object.__setattr__(self, "step", float(step))
        if self.levels == 1 or self._off(self.high):
            raise BadSpace(
                f"Uniform needs a step that leads from low to high, got {self}. Move high to a whole number of steps "
                "from low, or leave the step out."
            )
        object.__setattr__(self, "high", self._of_step((self.levels or 1) - 1))

    @property
    def levels(self) -> int | None:
        """Number of different values; None where they are not counted."""
        return None if self.step is None else round((self.high - self.low) / self.step) + 1

    def _off(self, value: float) -> bool:
        """Whether a value lies between two steps."""
        steps = (value - self.low) / (self.step or 1.0)
        return self.step is not None and abs(steps - round(steps)) > _BETWEEN_STEPS

    def _of_step(self, number: int) -> float:
        """The value of a step, as people write it: 0.3, not 0.30000000000000004."""
        return float(Decimal(repr(self.low)) + number * Decimal(repr(self.step)))

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        if self.step is None:
            return float(_clip(self.low + u * (self.high - self.low), self.low, self.high))
        return self._of_step(round(_spread(u, self.levels or 1)))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        if self.step is None:
            return _clip((value - self.low) / (self.high - self.low))
        return _gathered((value - self.low) / self.step, self.levels or 1)

    def holds(self, value: Any) -> bool:
        """Whether the value lies in the dimension."""
        return _is_number(value) and self.low <= value <= self.high and not self._off(value)

    def stored(self, value: float) -> float:
        """The value as a study keeps it."""
        return value

    def restored(self, stored: float) -> float:
        """The value of which a study keeps this."""
        return stored

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.FloatDistribution(self.low, self.high, step=self.step)


@dataclasses.dataclass(frozen=True)
class LogUniform:
    """Real numbers in [low, high], equally likely in each power of ten; low above 0."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _check_ends(self)
        if self.low <= 0:
            raise BadSpace(
                f"LogUniform needs low above 0, got {self.low}: zero has no logarithm. Use Uniform, or a small low."
            )

    @property
    def levels(self) -> int | None:
        """Number of different values: they are not counted."""
        return None

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        return float(_clip(self.low * (self.high / self.low) ** u, self.low, self.high))

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
        _check_ends(self)
        if not 0 < self.low < self.high < 1:
            raise BadSpace(
                f"OneMinusLogUniform needs 0 < low < high < 1, got low={self.low}, high={self.high}. It is made "
                "for beta, such as 0.9 to 0.999."
            )

    @property
    def levels(self) -> int | None:
        """Number of different values: they are not counted."""
        return None

    def at(self, u: float) -> float:
        """The value at place u in [0, 1] of the scale."""
        return float(_clip(1 - (1 - self.low) * ((1 - self.high) / (1 - self.low)) ** u, self.low, self.high))

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
        return float(_clip(math.log10(1 - value), math.log10(1 - self.high), math.log10(1 - self.low)))

    def restored(self, stored: float) -> float:
        """The value of which a study keeps log10(1 - beta)."""
        return float(_clip(1 - 10**stored, self.low, self.high))

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension: log10(1 - beta)."""
        return distributions.FloatDistribution(math.log10(1 - self.high), math.log10(1 - self.low))


@dataclasses.dataclass(frozen=True)
class Integer:
    """Whole numbers from low to high, both included, all equally likely.

    With a step only low, low + step, ..., high; with log=True equally likely in each power of ten, low above 0.
    """

    low: int
    high: int
    log: bool = False
    step: int = 1

    def __post_init__(self) -> None:
        for name in ("low", "high", "step"):
            object.__setattr__(self, name, plain(getattr(self, name)))
        ends = f"got low={self.low!r}, high={self.high!r}"
        for number in (self.low, self.high, self.step):
            if isinstance(number, float) and number.is_integer():
                raise BadSpace(f"Integer needs whole numbers, got {number!r}. Write {int(number)}.")
            if isinstance(number, bool) or not isinstance(number, int):
                raise BadSpace(f"Integer needs whole numbers low < high, got {number!r}. Use Uniform for real numbers.")
        if self.low == self.high:
            raise BadSpace(f"Integer needs whole numbers low < high, {ends}. Give the number itself: it is then fixed.")
        if self.low > self.high:
            raise BadSpace(f"Integer needs whole numbers low < high, {ends}. Exchange or correct them.")
        if not isinstance(self.log, bool):
            raise BadSpace(f"Integer.log must be True or False, got {self.log!r}.")
        if self.log and self.low < 1:
            raise BadSpace(
                f"Integer with log=True needs low of at least 1, got {self.low}. Use log=False, or a larger low."
            )
        if self.step < 1 or (self.high - self.low) % self.step or (self.log and self.step != 1):
            raise BadSpace(
                "Integer needs a step of at least 1 that leads from low to high, and none with log=True, got "
                f"{self}. Move high to a whole number of steps from low, or leave the step out."
            )

    @property
    def levels(self) -> int | None:
        """Number of different values."""
        return (self.high - self.low) // self.step + 1

    def at(self, u: float) -> int:
        """The value at place u in [0, 1] of the scale."""
        if not self.log:
            return int(_clip(self.low + self.step * round(_spread(u, self.levels or 1)), self.low, self.high))
        low, high = self._ends()
        return int(_clip(round(math.exp(low + u * (high - low))), self.low, self.high))

    def place(self, value: Any) -> float:
        """The place of a value on the scale, in [0, 1]; values outside are moved to the edge, others to the middle."""
        if not _is_number(value):
            return 0.5
        if not self.log:
            return _gathered((value - self.low) / self.step, self.levels or 1)
        low, high = self._ends()
        return _clip((math.log(max(value, 1e-300)) - low) / (high - low))

    def _ends(self) -> tuple[float, float]:
        """Ends of the log scale: each whole number owns the half on either side of it."""
        return math.log(self.low - _HALF), math.log(self.high + _HALF)

    def holds(self, value: Any) -> bool:
        """Whether the value is one of the numbers."""
        return _is_number(value) and self.low <= value <= self.high and (value - self.low) % self.step == 0

    def stored(self, value: float) -> int:
        """The value as a study keeps it."""
        return int(value)

    def restored(self, stored: float) -> int:
        """The value of which a study keeps this."""
        return int(stored)

    def distribution(self) -> distributions.BaseDistribution:
        """What Optuna calls this dimension."""
        return distributions.IntDistribution(self.low, self.high, log=self.log, step=self.step)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values without order, all equally likely."""

    options: tuple[Any, ...]

    def __init__(self, *options: Any) -> None:
        given = tuple(plain(option) for option in options)
        object.__setattr__(self, "options", given)
        if len(given) == 1 and isinstance(given[0], (list, tuple, set, range)):
            raise BadSpace(f"Choice needs its options one by one, got {options[0]!r}. Write Choice(*options).")
        if not all(option is None or isinstance(option, (int, float, str)) for option in given):
            raise BadSpace(
                f"Choice needs options that a study can keep - words, numbers, True, False, None - got {options!r}. "
                "Search what is given per layer as one value for all."
            )
        if any(isinstance(option, float) and math.isnan(option) for option in given):
            raise BadSpace(f"Choice needs options that equal themselves, got {options!r}. Leave nan out.")
        if len(given) < 2:
            raise BadSpace(
                f"Choice needs at least two options, got {options!r}. A value that does not change is given as it is, "
                "without Choice."
            )
        if len(set(given)) < len(given):
            raise BadSpace(
                f"Choice needs options and none twice, got {options!r}. Leave one out; 1, 1.0 and True are equal."
            )

    @property
    def levels(self) -> int | None:
        """Number of different values."""
        return len(self.options)

    def at(self, u: float) -> Any:
        """The value at place u in [0, 1]: every option owns an equal part."""
        return self.options[min(len(self.options) - 1, int(u * len(self.options)))]

    def place(self, value: Any) -> float:
        """The middle of the part that a value owns; a value that is none of the options is taken for the first."""
        known = self.options.index(value) if self.holds(value) else 0
        return (known + 0.5) / len(self.options)

    def holds(self, value: Any) -> bool:
        """Whether the value is one of the options."""
        return isinstance(value, Hashable) and value in self.options

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


_HALF = 0.499
"""What a whole number owns of the scale on either side; just below a half, so that rounding never leaves the ends."""

_BETWEEN_STEPS = 1e-8
"""Part of a step by which a value may miss it; Optuna's own bound."""


def _check_ends(dimension: Any) -> None:
    """Make numbers of numpy plain, and make sure that low and high are real numbers in order."""
    ends = plain(dimension.low), plain(dimension.high)
    if not all(_is_number(n) and math.isfinite(n) for n in ends) or not ends[0] < ends[1]:
        equal = all(map(_is_number, ends)) and ends[0] == ends[1]
        raise BadSpace(
            f"{type(dimension).__name__} needs finite numbers low < high, got low={ends[0]!r}, high={ends[1]!r}. "
            + ("Give the number itself: it is then fixed." if equal else "Exchange or correct them.")
        )
    for name, end in zip(("low", "high"), ends, strict=True):
        object.__setattr__(dimension, name, float(end))


def plain(value: Any) -> Any:
    """A number or word of numpy as Python's own."""
    return value.item() if isinstance(value, np.generic) else value


def _is_number(value: Any) -> bool:
    """Whether a setting is one number; it may be None, "full" or one value per layer instead."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _spread(u: float, levels: int) -> float:
    """Where place u in [0, 1] falls among so many levels, counted from 0: each owns the half on either side of it."""
    return u * (levels - 1 + 2 * _HALF) - _HALF


def _gathered(level: float, levels: int) -> float:
    """The place in [0, 1] of a level: the inverse of `_spread`."""
    return _clip((level + _HALF) / (levels - 1 + 2 * _HALF))


def _clip(u: float, low: float = 0.0, high: float = 1.0) -> float:
    """Moved to the nearer end where it lies outside; np.clip takes twenty times as long for a single number."""
    return min(high, max(low, u))
