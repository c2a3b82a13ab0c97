"""Bounds: what a person lets the autopilot do."""

import dataclasses
import math
from collections.abc import Iterable, Mapping
from typing import Any

from caviar.errors import BadCommand, BadConfig, nearest
from caviar.network.config import Config
from caviar.watching.commands import NOT_NUDGED

Range = tuple[float, float]


@dataclasses.dataclass(frozen=True)
class Bounds:
    """What the autopilot may do.

    Attributes:
        settings: those it may change, and the lowest and highest value of each; None: any value.
        most_branches: networks that are there at a time, and not stopped, at most; at least 2.
        most_commands: nudges, rewinds, branches, deletions and stops, at most; at least 2, which one experiment takes.
        epochs: that two networks train side by side before they are compared, at least 8; None: a tenth of those that
            are planned, between 12 and 50.
    """

    settings: Mapping[str, Range | None]
    most_branches: int = 3
    most_commands: int = 20
    epochs: int | None = None

    def __post_init__(self) -> None:
        """Check them.

        Raises:
            BadCommand: a setting that is unknown, that cannot change while a network trains or that has no such range,
                or a number out of its range.
        """
        if not isinstance(self.settings, Mapping) or not self.settings:
            raise BadCommand(
                f"The autopilot needs settings that it may change, got {self.settings!r}. For example "
                "learning_rate=1e-4:1e-2 dropout=0:0.5 l2."
            )
        for name, between in self.settings.items():
            _check_setting(name)
            if between is not None:
                _check_range(name, between)
        least = {"most_branches": 2, "most_commands": 2, "epochs": 8}
        for name, low in least.items():
            value = getattr(self, name)
            if value is None and name == "epochs":
                continue
            if isinstance(value, bool) or not isinstance(value, int) or value < low:
                raise BadCommand(f"The autopilot's {name} must be a whole number from {low} on, got {value!r}.")

    def outside(self, settings: Mapping[str, Any], config: Config) -> str:
        """What of settings for a network lies outside, in a line; "" where nothing does.

        Args:
            settings: fields of `Config` and their new values.
            config: of the network.
        """
        try:
            new = config.changed(**settings)
        except BadConfig as error:
            return str(error)
        for name in settings:
            if name not in self.settings:
                return f"{name} is not among the settings that it may change."
            between = self.settings[name]
            if between is None:
                continue
            value = new.rate if name == "learning_rate" else getattr(new, name)
            values = value if isinstance(value, tuple) else (value,)
            if not all(_is_number(one) and between[0] <= one <= between[1] for one in values):
                return f"{name} = {value} is not within {between[0]:g} and {between[1]:g}."
        return ""


def bounds_from(
    words: Iterable[str], *, most_branches: int = 3, most_commands: int = 20, epochs: int | None = None
) -> Bounds:
    """Bounds from words such as `learning_rate=1e-4:1e-2`, `dropout=0:0.5`, `l2`.

    Args:
        words: a setting each, alone or with its lowest and highest value.
        most_branches: see `Bounds`.
        most_commands: alike.
        epochs: alike.

    Raises:
        BadCommand: a word that cannot be understood, a setting that stands twice, or what `Bounds` refuses.
    """
    settings: dict[str, Range | None] = {}
    for word in words:
        name, equals, rest = word.partition("=")
        if name in settings:
            raise BadCommand(f"The autopilot needs every setting once, got {name} twice. Leave one of them out.")
        settings[name] = _range(word, rest) if equals else None
    return Bounds(settings, most_branches, most_commands, epochs)


def _range(word: str, rest: str) -> Range:
    low, colon, high = rest.partition(":")
    try:
        if not colon:
            raise ValueError
        return float(low), float(high)
    except ValueError:
        raise BadCommand(
            f"A bound must be a setting with its lowest and highest value, got {word!r}. For example "
            "learning_rate=1e-4:1e-2."
        ) from None


def _check_setting(name: str) -> None:
    names = [field.name for field in dataclasses.fields(Config)]
    if name not in names:
        raise BadCommand(f"A setting of Config must be one it knows, got {name!r}. {nearest(name, names)}")
    if name in NOT_NUDGED:
        raise BadCommand(
            f"The autopilot cannot change {name} while a network trains: {NOT_NUDGED[name]}. Leave it out."
        )


def _check_range(name: str, between: Any) -> None:
    pair = isinstance(between, tuple) and len(between) == 2 and all(map(_is_number, between))
    if not pair or not between[0] <= between[1]:
        raise BadCommand(f"The bounds of {name} must be two numbers, the lower one first, got {between!r}.")
    if isinstance(getattr(Config, name), str):
        raise BadCommand(f"{name} is a word and has no lowest and highest value, got {between!r}. Name it alone.")


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and not math.isnan(value)
