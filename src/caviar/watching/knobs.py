"""Knobs: the settings that a person turns while a network trains, each on the scale on which it matters."""

import dataclasses
from typing import Any, Literal

from caviar.data.split import Split
from caviar.errors import CaviarError
from caviar.network.config import AUGMENT_USUAL, Config
from caviar.tuning.spaces.default_dimensions import default_dimension
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.watching.branches import begin
from caviar.watching.changes import compiles

Kind = Literal["number", "whole", "choice", "widths"]
Scale = Literal["linear", "log", "one_minus_log"]

_RATES = 1_000.0
"""Factor by which the learning rate goes up and down from where it is."""

_TURNED: dict[str, str] = {
    "learning_rate": "length of a step",
    "momentum": "share of the past in the average of gradients, of momentum and nesterov",
    "beta1": "share of the past in the average of gradients, of adam and adamw",
    "beta2": "share of the past in the average of squared gradients, of adam, adamw and rmsprop",
    "schedule": "how the rate changes from epoch to epoch",
    "dropout": "share of units that a mini-batch leaves out",
    "l2": "lambda: how much large weights cost",
    "l1": "how much weights other than 0 cost",
    "weight_decay": "share by which weights shrink, beside the gradient",
    "label_smoothing": "share of certainty that is not asked for",
    "clip_norm": "longest gradient that is followed in full",
    "input_noise": "standard deviation of noise on the inputs",
    "augment": "how images are changed at random",
    "optimizer": "how gradients become steps",
    "batch_size": "rows of a step; from the next epoch on",
    "hidden_units": "units of every hidden layer",
    "epochs": "when it ends",
}
"""In the order in which they are shown: what acts at once first, then what needs another program."""

_OFF: dict[str, Any] = {
    **dict.fromkeys(("dropout", "l2", "l1", "weight_decay", "label_smoothing", "input_noise"), 0.0),
    "clip_norm": None,
}
"""Values that switch a setting off, which a logarithmic scale does not hold."""


@dataclasses.dataclass(frozen=True)
class Knob:
    """One setting.

    Attributes:
        name: a field of `Config`.
        kind: number | whole | choice | widths (a whole number for every hidden layer).
        scale: linear | log | one_minus_log, on which equal ways are equal changes.
        low, high: ends of the scale; None for a choice.
        options: of a choice, plain values.
        has_off: whether `off` switches it off.
        off: the value that does.
        compiles: whether another value needs another program.
        about: a few words.
    """

    name: str
    kind: Kind
    scale: Scale = "linear"
    low: float | None = None
    high: float | None = None
    options: tuple[Any, ...] = ()
    has_off: bool = False
    off: float | None = None
    compiles: bool = False
    about: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return dataclasses.asdict(self) | {"options": [_plain(option) for option in self.options]}


def knobs(config: Config, split: Split) -> tuple[Knob, ...]:
    """The settings that can be turned for a network on this data.

    Args:
        config: of the network, which lies inside the scales.
        split: its data.
    """
    branch = begin(split, config)
    found = []
    for name, about in _TURNED.items():
        knob = _knob(name, config, split)
        if knob is None:
            continue
        other = _another(knob, config)
        try:
            needs = compiles(branch, {name: other}, split)
        except CaviarError:
            continue  # this network has no such setting
        off = {"has_off": True, "off": _OFF[name]} if name in _OFF else {}
        found.append(dataclasses.replace(knob, compiles=needs, about=about, **off))
    return tuple(found)


def _knob(name: str, config: Config, split: Split) -> Knob | None:
    """Its scale; None where the setting has nothing to turn here."""
    if name == "learning_rate":
        rate = config.rate or 1e-3
        return Knob(name, "number", "log", rate / _RATES, rate * _RATES)
    if name == "hidden_units":
        return Knob(name, "widths", "log", 1, 4 * max(config.hidden_units)) if config.hidden_units else None
    if name == "epochs":
        return Knob(name, "whole", "log", 1, 100 * (config.epochs or 1))
    if name == "augment":
        options = ((), *((word,) for word in AUGMENT_USUAL))
        return _choice(name, options, config) if split.image_shape else None
    try:
        return _on_scale(name, default_dimension(name, config, split), config)
    except CaviarError:
        return None


def _on_scale(name: str, dimension: Dimension, config: Config) -> Knob | None:
    """The knob of a dimension of a search."""
    match dimension:
        case Choice(options=options):
            return _choice(name, options, config)
        case Integer(low=low, high=high):
            return Knob(name, "whole", "log" if dimension.log else "linear", low, high)
        case LogUniform(low=low, high=high):
            return Knob(name, "number", "log", low, high)
        case OneMinusLogUniform(low=low, high=high):
            return Knob(name, "number", "one_minus_log", low, high)
        case Uniform(low=low, high=high):
            return Knob(name, "number", "linear", low, high)
        case _:
            return None


def _choice(name: str, options: tuple[Any, ...], config: Config) -> Knob:
    own = getattr(config, name)
    return Knob(name, "choice", options=options if own in options else (own, *options))


def _another(knob: Knob, config: Config) -> Any:
    """A value that the setting has not now."""
    own = getattr(config, knob.name)
    match knob.kind:
        case "choice":
            return next(option for option in knob.options if option != own)
        case "widths":
            return tuple(2 * units for units in config.hidden_units)
        case "whole":
            return 2 * (own or 1)
        case _:
            assert knob.low is not None
            assert knob.high is not None
            return knob.low if own == knob.high else knob.high


def _plain(option: Any) -> Any:
    return [_plain(part) for part in option] if isinstance(option, tuple) else option
