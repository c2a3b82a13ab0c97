"""The dimension that a setting has when nobody gives one: around a config, on the scale on which it matters."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from caviar.data.split import Split
from caviar.errors import BadSpace, nearest
from caviar.network.config import AUGMENT_USUAL, Config
from caviar.training.plan import epochs_planned, usual_averages
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.settings import NO_CHANGES, SETTINGS

_RATE = 1e-3
"""Around which the rate is searched where a config has 0."""

WIDEST, WIDEST_FOR_FEW, FEW_ROWS = 512, 256, 5_000
"""Most units of a layer that are searched, and those for fewer rows."""

_NO_DEFAULT = {
    "stop_after": "search epochs, so that the schedule fits",
    "record": "it changes what is written down, not the network",
    "precision": "it changes speed; give it as a fixed value",
}


class _Around(NamedTuple):
    """Around what dimensions are made."""

    config: Config
    split: Split
    regularise: bool = True

    @property
    def m(self) -> int:
        return self.split.n_train

    @property
    def classes(self) -> bool:
        return self.split.task == "classification"


def default_dimension(name: str, config: Config, split: Split, *, regularise: bool = True) -> Dimension:
    """The dimension of one setting, on the scale on which it matters, around what a config has.

    Args:
        name: a field of `Config`, or `layers` or `units`.
        config: in the middle, where its value has a neighbourhood.
        split: its data.
        regularise: whether strong regularisation may help.

    Raises:
        BadSpace: a name that is no setting (the nearest is suggested), or one that has nothing to search here.
    """
    if name not in SETTINGS:
        raise BadSpace(f"A default dimension needs a setting, got {name!r}. {nearest(name, SETTINGS)}")
    if name in _NO_DEFAULT:
        raise BadSpace(f"{name} must not be searched by default, got {name!r}: {_NO_DEFAULT[name]}.")
    around = _Around(config, split, regularise)
    dimension = (_OF_THE_CONFIG[name](around) if name in _OF_THE_CONFIG else _EVERYWHERE.get(name)) or None
    if dimension is None:
        raise BadSpace(
            f"{name} must have several sensible values to be searched, but it has one for this config and data. Leave "
            "it out, or give a dimension of your own."
        )
    return dimension


def _learning_rate(around: _Around) -> Dimension:
    rate = max(around.config.rate, 1e-18) if around.config.rate else _RATE
    return LogUniform(rate / 10, rate * 10)


def _units(around: _Around) -> Dimension:
    widest = max(around.config.hidden_units, default=32)
    most = max(widest, WIDEST if around.split.rows >= FEW_ROWS else WIDEST_FOR_FEW)
    return Integer(max(4, widest // 4), min(most, max(64, widest * 4)), log=True)


def _layers(around: _Around) -> Dimension:
    own = len(around.config.hidden_units)
    return Integer(max(1, own - 1), max(2, own + 1))


def batch_sizes(config: Config, split: Split) -> list[int | str]:
    """Sizes of a mini-batch around the config's, at most the training rows; "full" only beside itself."""
    most, own = max(8, split.n_train), config.batch_size
    if isinstance(own, int):
        return [n for n in sorted({round(own * factor) for factor in (0.5, 1, 2, 4)}) if 8 <= n <= most]
    return [*(n for n in (32, 64, 128, 256) if n <= most), "full"]


def _batch_size(around: _Around) -> Dimension | None:
    sizes = batch_sizes(around.config, around.split)
    return Choice(*sizes) if len(sizes) > 1 else None


def _epochs(around: _Around) -> Dimension:
    epochs = epochs_planned(around.config, around.split)
    return Integer(max(1, epochs // 2), max(2, round(1.5 * epochs)), log=True)


def _schedule(around: _Around) -> Dimension:
    own = [around.config.schedule] if isinstance(around.config.schedule, str) else []
    return Choice(*dict.fromkeys([*own, "constant", "cosine", "one_cycle"]))


def _decay_rate(around: _Around) -> Dimension:
    match around.config.schedule:
        case "inverse_time":
            return LogUniform(0.01, 10.0)
        case "exponential":
            return OneMinusLogUniform(0.8, 0.995)
        case "staircase":
            return Uniform(0.1, 0.9)
        case _:
            return OneMinusLogUniform(0.5, 0.99)  # what all three can use, where the schedule is searched as well


def _few_epochs(around: _Around) -> Dimension:
    return Integer(1, max(2, epochs_planned(around.config, around.split) // 2), log=True)


def _warmup(around: _Around) -> Dimension:
    return Uniform(0.0, max(1.0, epochs_planned(around.config, around.split) / 5))


def _activation(around: _Around) -> Dimension:
    return Choice(*dict.fromkeys([*around.config.activations, "relu", "silu"]))


def _filters(around: _Around) -> Dimension | None:
    own = around.config.filters
    return Integer(max(1, own[0] // 2), max(2, own[0] * 2), log=True) if own else None


def _residual(around: _Around) -> Dimension | None:
    filters = around.config.filters
    pairs = len(filters) % 2 == 1 and len(filters) > 1 and not isinstance(around.config.pooling, tuple)
    grows = all(filters[n] >= filters[n - 2] for n in range(2, len(filters), 2))
    return Choice(False, True) if pairs and grows else None


def _augment(around: _Around) -> Dimension | None:
    return Choice(NO_CHANGES, *AUGMENT_USUAL) if around.split.image_shape else None


def _average_weights(around: _Around) -> Dimension:
    """How long an average; whether there is one at all where the config has none: that takes a program of its own."""
    return Choice(*dict.fromkeys([around.config.average_weights, *usual_averages(around.config, around.split)]))


def _of_convolutions(dimension: Dimension) -> Callable[[_Around], Dimension | None]:
    return lambda around: dimension if around.config.filters else None


def _of_classes(dimension: Dimension) -> Callable[[_Around], Dimension | None]:
    return lambda around: dimension if around.classes else None


_OF_THE_CONFIG: Mapping[str, Callable[[_Around], Dimension | None]] = {
    "learning_rate": _learning_rate,
    "units": _units,
    "layers": _layers,
    "batch_size": _batch_size,
    "epochs": _epochs,
    "early_stopping": _few_epochs,
    "decay_every": _few_epochs,
    "warmup": _warmup,
    "schedule": _schedule,
    "decay_rate": _decay_rate,
    "activation": _activation,
    "dropout": lambda around: Uniform(0.0, 0.6 if around.regularise else 0.1),
    "l2": lambda around: LogUniform(1e-6 * around.m, (1e-2 if around.regularise else 1e-3) * around.m),
    "l1": lambda around: LogUniform(1e-7 * around.m, (1e-3 if around.regularise else 1e-4) * around.m),
    "label_smoothing": _of_classes(Uniform(0.0, 0.15)),
    "class_weight": _of_classes(Choice(None, "balanced")),
    "sampling": _of_classes(Choice("shuffled", "balanced")),
    "output": _of_classes(Choice("softmax", "sigmoid")),
    "loss": lambda a: Choice("cross_entropy", "squared") if a.classes else Choice("squared", "absolute", "huber"),
    "prior_bias": _of_classes(Choice(False, True)),
    "filters": _filters,
    "kernel_size": _of_convolutions(Choice(3, 5)),
    "stride": _of_convolutions(Choice(1, 2)),
    "pooling": _of_convolutions(Choice(1, 2)),
    "global_pooling": _of_convolutions(Choice(False, True)),
    "residual": _residual,
    "augment": _augment,
    "average_weights": _average_weights,
}
"""Dimensions that depend on the config or its data; strengths of penalties grow with m, by which they are divided."""

_EVERYWHERE: Mapping[str, Dimension] = {
    "huber_delta": LogUniform(0.1, 10.0),
    "initializer": Choice("he", "lecun", "glorot", "orthogonal"),
    "initial_scale": LogUniform(1e-3, 1.0),
    "batch_norm": Choice(False, True),
    "layer_norm": Choice(False, True),
    "norm_epsilon": LogUniform(1e-8, 1e-2),
    "norm_beta": OneMinusLogUniform(0.9, 0.999),
    "norm_statistics": Choice("moving", "exact"),
    "weight_decay": LogUniform(1e-5, 1.0),
    "max_norm": LogUniform(0.5, 8.0),
    "input_noise": Uniform(0.0, 0.5),
    "mixup": Uniform(0.0, 0.5),
    "optimizer": Choice("momentum", "nesterov", "rmsprop", "adam"),
    "momentum": OneMinusLogUniform(0.8, 0.995),
    "momentum_form": Choice("average", "sum"),
    "beta1": OneMinusLogUniform(0.8, 0.99),
    "beta2": OneMinusLogUniform(0.9, 0.9995),
    "epsilon": LogUniform(1e-9, 1e-3),
    "clip_norm": LogUniform(0.1, 10.0),
    "clip_value": LogUniform(0.01, 1.0),
}
"""Dimensions that are the same for every config."""
