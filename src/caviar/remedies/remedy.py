"""`Remedy`: one change to a config, or something asked of a person, with its reason."""

import dataclasses
from typing import Any, Literal

from caviar.data.scaling import Scale
from caviar.network.config import Config

Keep = Literal["keep"]
Against = Literal["bias", "variance", "training", "data"]


@dataclasses.dataclass(frozen=True)
class Remedy:
    """One thing changed, everything else as it was; or what only a person can do.

    Attributes:
        name: short, as people say it.
        against: what it is meant to cure: bias, variance, slow and unstable training, or what is wrong with the data.
        settings: fields of `Config` and their new values; several where they are prescribed together.
        reason: why it might help, in one sentence.
        cost: what it costs.
        source: where the rule comes from.
        scale: how inputs are normalised instead, or "keep".
        asks: what a person is asked to do, such as to bring more rows: it cannot be tried, only told. Empty otherwise.
    """

    name: str
    against: Against
    settings: dict[str, Any]
    reason: str
    cost: str
    source: str
    scale: Scale | Keep = "keep"
    asks: str = ""

    def apply(self, config: Config) -> Config:
        """The config with this one thing changed; the same where a person is asked."""
        return config.changed(**self.settings)

    def touches(self, other: "Remedy") -> bool:
        """Whether both change the same setting, so that they cannot be combined."""
        return bool(self.settings.keys() & other.settings.keys()) or "keep" not in (self.scale, other.scale)


def with_layers(config: Config, hidden_units: tuple[int, ...]) -> dict[str, Any]:
    """The settings that give a config other dense hidden layers.

    What it has per layer, activation or dropout, is cut to the layers, or goes on as in the last.
    """
    layers = len(config.filters) + len(hidden_units)
    settings: dict[str, Any] = {"hidden_units": hidden_units}
    for name in ("activation", "dropout"):
        own = getattr(config, name)
        if isinstance(own, tuple) and len(own) != layers:
            more = own[-1:] or (getattr(Config, name),)
            settings[name] = (own + more * layers)[:layers]
    return settings
