"""`Remedy`: one change to a config, with its reason."""

import dataclasses
from typing import Any, Literal

from caviar.data.prepare import Scale
from caviar.network.config import Config

Keep = Literal["keep"]
Against = Literal["bias", "variance", "training"]


@dataclasses.dataclass(frozen=True)
class Remedy:
    """One thing changed, everything else as it was.

    Attributes:
        name: short, as people say it.
        against: what it is meant to cure: bias, variance, or slow and unstable training.
        settings: fields of `Config` and their new values.
        reason: why it might help, in one sentence.
        cost: what it costs.
        source: where the rule comes from.
        scale: how inputs are normalised instead, or "keep".
    """

    name: str
    against: Against
    settings: dict[str, Any]
    reason: str
    cost: str
    source: str
    scale: Scale | Keep = "keep"

    def apply(self, config: Config) -> Config:
        """The config with this one thing changed."""
        return config.changed(**self.settings)

    def touches(self, other: "Remedy") -> bool:
        """Whether both change the same setting, so that they cannot be combined."""
        return bool(self.settings.keys() & other.settings.keys()) or "keep" not in (self.scale, other.scale)
