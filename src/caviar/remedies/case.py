"""`Case`: what a rule looks at, and how a rule is written: a small function from a case to a remedy, or to none."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from caviar.data.split import Split
from caviar.diagnosis.examine import fitting_start
from caviar.network.config import Config
from caviar.network.initializers import InitializerName
from caviar.remedies.remedy import Remedy


@dataclasses.dataclass(frozen=True, eq=False)
class Case:
    """A network that is to be improved.

    Attributes:
        config: how it was trained.
        split: its data.
        evidence: of the finding that is to be cured; empty where the basic recipe is followed.
    """

    config: Config
    split: Split
    evidence: Mapping[str, Any] = dataclasses.field(default_factory=dict)


Rule = Callable[[Case], Remedy | None]
"""What it would change in a case; None where it has nothing to say."""


def fitting_weights_of(config: Config) -> InitializerName:
    """The initialiser that suits a config's activations."""
    return fitting_start(config.activations[0]) if config.layers else "lecun"


def scaled(units: tuple[int, ...], factor: float) -> tuple[int, ...]:
    """Layers of so many times the units."""
    return tuple(max(1, round(n * factor)) for n in units)


def rounded(value: float) -> float:
    """To two significant digits, as a person would write it."""
    return float(f"{value:.2g}")
