"""`Finding`: something that limits a network, and how we know."""

import dataclasses
from typing import Any, Literal, get_args

from caviar.data.checks.check import CHECKS, CheckName

OfNetwork = Literal[
    "high_bias",
    "high_variance",
    "data_mismatch",
    "overfit_dev",
    "vanishing_gradients",
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "symmetric_units",
    "poor_initialization",
    "learning_rate_too_high",
    "learning_rate_too_low",
    "oscillating_loss",
    "diverged",
    "plateau",
    "saddle",
    "undertrained",
    "overtrained",
    "over_regularized",
    "batch_too_small",
    "batch_too_large",
    "wrong_output_activation",
    "wrong_loss",
    "worse_than_baseline",
    "cannot_overfit_batch",
    "initial_loss_off",
    "examples_interact",
    "learns_shuffled_labels",
    "no_gradient",
    "gradient_mismatch",
]
FindingName = OfNetwork | CheckName
FINDINGS: tuple[FindingName, ...] = (*get_args(OfNetwork), *CHECKS)

Severity = Literal["info", "warning", "critical"]
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclasses.dataclass(frozen=True)
class Finding:
    """One thing that limits a network.

    Attributes:
        name: stable, one of `FINDINGS`.
        severity: `critical` training cannot succeed so | `warning` accuracy is lost | `info` worth knowing.
        evidence: figures by name; an interval is a mapping with value, low, high and rows.
        meaning: a paragraph in plain words.
        source: where the rule comes from.
    """

    name: FindingName
    severity: Severity
    evidence: dict[str, Any]
    meaning: str
    source: str

    def to_json(self) -> dict[str, Any]:
        """Plain values, as in `summary.json`."""
        return dataclasses.asdict(self)
