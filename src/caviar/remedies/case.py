"""`Case`: what a rule looks at, and how a rule is written: a small function from a case to a remedy, or to none."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from caviar.data.split import Split
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

REGULARISERS: Mapping[str, float | None] = {
    "l1": 0.0,
    "l2": 0.0,
    "weight_decay": 0.0,
    "dropout": 0.0,
    "input_noise": 0.0,
    "mixup": 0.0,
    "label_smoothing": 0.0,
    "max_norm": None,
}
"""Settings that hold a network back, and their values when they are off."""


def fitting_start(config: Config) -> InitializerName:
    """The initialiser that suits the activations: He for ReLU and its kin, Glorot for those with two bounds.

    Sources: He et al. 2015; Glorot & Bengio 2010; Klambauer et al. 2017 (SELU).
    """
    first = config.activations[0] if config.layers else "linear"
    if first in ("tanh", "sigmoid", "linear"):
        return "glorot"
    return "lecun" if first == "selu" else "he"


def scaled(units: tuple[int, ...], factor: float) -> tuple[int, ...]:
    """Layers of so many times the units."""
    return tuple(max(1, round(n * factor)) for n in units)


def rounded(value: float) -> float:
    """To two significant digits, as a person would write it."""
    return float(f"{value:.2g}")
