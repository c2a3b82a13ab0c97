"""The settings of a `Config` that are searched, and a config from their values and back.

Which of them are read only beside certain values of others is listed here too.
"""

import dataclasses
from collections.abc import Mapping
from typing import Any

from caviar.network.config import AUGMENT_USUAL, DECAYING, Augment, Config
from caviar.remedies.remedy import with_layers

_NOT_SEARCHED = ("hidden_units", "network", "rows", "seed")
SETTINGS = ("layers", "units", *(f.name for f in dataclasses.fields(Config) if f.name not in _NOT_SEARCHED))
"""What may be searched of a `Config`: its fields, and `layers` and `units` in place of `hidden_units`."""

READ_WITH: dict[str, dict[str, tuple[Any, ...]]] = {
    "decay_rate": {"schedule": DECAYING},
    "decay_every": {"schedule": ("staircase",)},
    "momentum": {"optimizer": ("momentum", "nesterov")},
    "momentum_form": {"optimizer": ("momentum", "nesterov")},
    "beta1": {"optimizer": ("adam", "adamw")},
    "beta2": {"optimizer": ("rmsprop", "adam", "adamw")},
    "epsilon": {"optimizer": ("rmsprop", "adam", "adamw")},
    "huber_delta": {"loss": ("huber",)},
    "initial_scale": {"initializer": ("normal",)},
    "layer_norm": {"batch_norm": (False,)},
    "norm_beta": {"batch_norm": (True,)},
    "norm_statistics": {"batch_norm": (True,)},
}
"""Settings that a network reads only beside certain values of another one."""

OF_HIDDEN_LAYERS = ("units", "activation", "batch_norm", "layer_norm", "dropout", "max_norm")
"""Settings that a network without hidden layers does not have."""

OF_CONVOLUTIONS = ("filters", "kernel_size", "stride", "pooling", "global_pooling", "residual")

NO_CHANGES = "none"
"""The option of `augment` that changes no images."""

_DECAY_RATES = {"inverse_time": 1.0, "exponential": 0.95, "staircase": 0.5}
"""What None means, see `training.schedules`."""


def config_of(values: Mapping[str, Any], base: Config) -> Config:
    """`base` with some settings changed to `values`, `layers` and `units` among them.

    What a network cannot have beside the others is left out: a decay rate without decay, layer norm beside batch norm,
    normalisation without hidden layers, an end behind the last epoch.
    """
    settings = {name: value for name, value in values.items() if name not in ("layers", "units")}
    if "epochs" in settings:
        settings.setdefault("stop_after", None)
    epochs, end = settings.get("epochs", base.epochs), settings.get("stop_after")
    if epochs is not None and end is not None:
        settings["stop_after"] = min(end, epochs)
    if settings.get("schedule", base.schedule) not in DECAYING:
        settings["decay_rate"] = None
    if settings.get("batch_norm"):  # it takes the place of layer norm, unless that is asked for on its own
        settings["layer_norm"] = False
    elif settings.get("layer_norm"):
        settings["batch_norm"] = False
    if settings.get("augment") == NO_CHANGES:
        settings["augment"] = ()
    if "learning_rate" in settings and "schedule" not in settings and not isinstance(base.schedule, str):
        base = base.at_rate(settings["learning_rate"])  # and the rates of the schedule by hand with it
    if base.filters and isinstance(settings.get("filters"), int):
        settings["filters"] = _in_proportion(base.filters, settings["filters"])
    if "layers" in values or "units" in values:
        layers = values.get("layers", len(base.hidden_units))
        units = values.get("units", max(base.hidden_units, default=1))
        settings = with_layers(base, (units,) * layers) | settings
    if not base.filters and settings.get("hidden_units", base.hidden_units) == ():
        settings |= {"batch_norm": False, "layer_norm": False}
    if not settings.get("batch_norm", base.batch_norm):  # without it there are no statistics
        settings["norm_statistics"] = "moving"
    return base.changed(**settings)


def value_of(config: Config, name: str) -> Any:
    """One setting of a config as it is searched; what it has by rule is given as the number it is."""
    own: dict[str, Any] = {
        "layers": len(config.hidden_units),
        "units": max(config.hidden_units, default=1),
        "learning_rate": config.rate,
        "filters": config.filters[0] if config.filters else 0,
        "augment": _word(config.augmentation),
    }
    by_rule: dict[str, Any] = {
        "beta2": 0.9 if config.optimizer == "rmsprop" else 0.999,
        "decay_rate": _DECAY_RATES.get(str(config.schedule)),
    }
    value = own[name] if name in own else getattr(config, name)
    return by_rule.get(name) if value is None else value


def _word(changes: Augment) -> Any:
    """The option that a config's changes of images are, where they are one."""
    usual = len(changes) == 1 and changes[0][1] == AUGMENT_USUAL[changes[0][0]]
    return changes[0][0] if usual else changes or NO_CHANGES


def _in_proportion(filters: tuple[int, ...], first: int) -> tuple[int, ...]:
    """As many filters in the first convolution, the others in proportion."""
    return tuple(max(1, round(n * first / filters[0])) for n in filters)
