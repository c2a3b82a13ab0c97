"""The catalogue of planted faults, each with the names that are right for it, written down before anything was judged.

A fault is *detected* when a finding of severity warning or worse has a name in `accepted` or in `also`. It is *named
right* when the first finding has a name in `accepted`: those of the cause. In `also` stand what the cause brings about
and what a reader would not call wrong: units that died of a rate that is too high, a plateau on which small weights
start. High bias and high variance are neither for a fault of training: they say that a network is bad, not why, and
healthy networks have them too. They are accepted where nothing else is the cause: too small a network, too few rows.

Every name of a finding is accepted for some fault, or stands in `NOT_PLANTED` with the reason.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, Literal

import numpy as np

from caviar.data.scaling import Scale
from caviar.data.split import Split
from caviar.diagnosis.finding import FINDINGS, FindingName
from caviar.network.config import Config
from caviar.training.plan import epochs_planned
from diagnosis_own import frozen, mixed_rows, over_the_batch, right, start, wrong_sign
from diagnosis_sets import Data

Names = tuple[FindingName, ...]
Plant = Callable[[Config, Split], Config]
Spoil = Callable[[Data, np.random.Generator], Data]


def _any_data(_: Data) -> bool:
    return True


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault in one severity.

    Attributes:
        name: what was done.
        accepted: names of findings that say the cause.
        also: names that are true as well.
        config: how a healthy config is changed.
        data: how the data are changed; dev rows keep their order and target.
        ground: how the data are changed for the healthy config too.
        scale: of the inputs, "keep" as they are otherwise.
        base: the healthy config: `plain`, `best`, or one of the user's `own`.
        curable: whether a change of config or scale can cure it.
        suits: the data on which it is planted.
    """

    name: str
    accepted: Names
    also: Names = ()
    config: Plant | None = None
    data: Spoil | None = None
    ground: Spoil | None = None
    scale: Scale | Literal["keep"] = "keep"
    base: Literal["plain", "best", "own"] = "plain"
    curable: bool = True
    suits: Callable[[Data], bool] = _any_data


def _classes(data: Data) -> bool:
    return data.task == "classification"


def _quantity(data: Data) -> bool:
    return data.task == "regression"


def _curved(data: Data) -> bool:
    return data.name in ("two_moons", "circles", "letter")


def _small(data: Data) -> bool:
    return len(data.x) <= 1_200


def _wide(data: Data) -> bool:
    return data.x.shape[1] >= 8


def _changed(**settings: Any) -> Plant:
    return lambda config, _: config.changed(**settings)


def _rate(factor: float) -> Plant:
    return lambda config, _: config.at_rate(float(f"{config.rate * factor:.6g}"))


def _times_m(name: str, share: float) -> Plant:
    return lambda config, split: config.changed(**{name: share * split.n_train})


def _shrinking(share: float) -> Plant:
    """Weight decay that takes this share of the weights at every step."""
    return lambda config, _: config.changed(weight_decay=float(f"{share / config.rate:.6g}"))


def _spread(factor: float) -> Plant:
    """Starting weights of all layers so many times as large as He's for the hidden ones."""

    def plant(config: Config, split: Split) -> Config:
        inputs = max([split.width, *config.hidden_units])
        return config.changed(initializer="normal", initial_scale=float(f"{factor * (2 / inputs) ** 0.5:.6g}"))

    return plant


def _deep(layers: int, activation: str, initializer: str, scale: float = 0.01, **more: Any) -> Plant:
    def plant(config: Config, _: Split) -> Config:
        return config.changed(
            hidden_units=(max(config.hidden_units),) * layers,
            activation=activation,
            initializer=initializer,
            initial_scale=scale,
            **more,
        )

    return plant


def _deep_spread(layers: int, factor: float) -> Plant:
    """Deep ReLU layers with `factor` times He's spread: every layer multiplies by it."""

    def plant(config: Config, split: Split) -> Config:
        return _spread(factor)(_deep(layers, "relu", "he")(config, split), split)

    return plant


def _epochs(factor: float, **more: Any) -> Plant:
    def plant(config: Config, split: Split) -> Config:
        return config.changed(epochs=max(1, round(factor * epochs_planned(config, split))), **more)

    return plant


def _small_batches(size: int, factor: float) -> Plant:
    """Mini-batches of few rows at another rate, for a quarter of the epochs: still several times the updates."""
    return lambda config, split: _rate(factor)(_epochs(0.25)(config, split), split).changed(batch_size=size)


def _own(apply: Callable[..., Any]) -> Plant:
    return lambda config, _: config.changed(network=(start, apply))


def own_config(split: Split, data: Data) -> Config:
    """A healthy network of the user's own."""
    return Config(
        network=(start, right),
        hidden_units=(split.width, 32, split.outputs),
        learning_rate=3e-3,
        batch_size=data.batch_sizes[-1],
        epochs=data.epochs[1],
    )


def _rows(count: int) -> Spoil:
    """So many train rows, of every class at least two."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        order = stream.permutation(len(data.x))
        first = [order[data.y[order] == k][:2] for k in range(data.classes)]
        kept = np.array(list(dict.fromkeys([*np.concatenate([*first, order[:0]]).astype(int), *order])))
        return data.changed(x=data.x[kept[:count]], y=data.y[kept[:count]])

    return spoil


def _copied(count: int) -> Spoil:
    """The same few rows again and again."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        few = _rows(count)(data, stream)
        again = np.arange(len(data.x)) % len(few.x)
        return data.changed(x=few.x[again], y=few.y[again])

    return spoil


def _wrong(data: Data, at: np.ndarray, stream: np.random.Generator) -> np.ndarray:
    """The train targets, those at these rows another class, or a quantity of another row."""
    y = data.y.copy()
    if data.classes:
        y[at] = (y[at] + stream.integers(1, data.classes, len(at))) % data.classes
    else:
        y[at] = data.y.mean() + 3 * data.y.std() * stream.standard_normal(len(at))
    return y


def _flipped(share: float) -> Spoil:
    def spoil(data: Data, stream: np.random.Generator) -> Data:
        at = stream.choice(len(data.x), round(share * len(data.x)), replace=False)
        return data.changed(y=_wrong(data, at, stream))

    return spoil


def _contradicted(data: Data, stream: np.random.Generator) -> Data:
    """Half of the rows stand there again, with another target."""
    at = stream.choice(len(data.x), len(data.x) // 2, replace=False)
    other = _wrong(data, at, stream)[at]
    return data.changed(x=np.concatenate([data.x, data.x[at]]), y=np.concatenate([data.y, other]))


def _in_units(widest: float) -> Spoil:
    """Every column in a unit of its own, from 10^-widest to 10^widest."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        unit = 10.0 ** stream.permutation(np.linspace(-widest, widest, data.x.shape[1]))
        return data.changed(x=data.x * unit, x_dev=data.x_dev * unit)

    return spoil


def _offset(sds: float) -> Spoil:
    """All columns far from 0, as years and temperatures in kelvin are."""

    def spoil(data: Data, _: np.random.Generator) -> Data:
        away = sds * np.maximum(data.x.std(axis=0), 1e-9)
        return data.changed(x=data.x + away, x_dev=data.x_dev + away)

    return spoil


def _stray(share: float, times: float) -> Spoil:
    """A share of the cells of train is so many times its column's spread away."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        hit = stream.random(data.x.shape) < share
        hit[0] = True
        return data.changed(x=data.x + hit * times * (data.x.std(axis=0) + 1e-9))

    return spoil


def _moved(sds: float) -> Spoil:
    """Half of the columns of train are measured with an offset that dev rows do not have."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        columns = stream.random(data.x.shape[1]) < 0.5
        columns[0] = True
        return data.changed(x=data.x + columns * sds * data.x.std(axis=0))

    return spoil


def _imbalanced(share: float) -> Spoil:
    """Of all classes but the first, this share of their train rows is left, at least three."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        order = stream.permutation(len(data.x))
        kept = [order[data.y[order] == 0]]
        for k in range(1, data.classes):
            own = order[data.y[order] == k]
            kept.append(own[: max(3, round(share * len(own)))])
        rows = np.concatenate(kept)
        return data.changed(x=data.x[rows], y=data.y[rows])

    return spoil


def _leaking(data: Data, stream: np.random.Generator) -> Data:
    """Three columns of train tell the target; in dev, as at prediction, they hold nothing."""
    told = (data.y[:, None] + 0.05 * data.y.std() * stream.standard_normal((len(data.y), 3))).astype(float)
    blank = stream.permutation(data.y)[stream.integers(len(data.y), size=(len(data.y_dev), 3))]
    x, x_dev = np.concatenate([data.x, told], axis=1), np.concatenate([data.x_dev, blank.astype(float)], axis=1)
    return data.changed(x=x, x_dev=x_dev)


def _emptied(share: float) -> Spoil:
    """Of half the columns, this share of the cells is missing, of dev too."""

    def spoil(data: Data, stream: np.random.Generator) -> Data:
        columns = stream.random(data.x.shape[1]) < 0.5
        columns[0] = True
        kept = [np.where((stream.random(x.shape) < share) & columns, np.nan, x) for x in (data.x, data.x_dev)]
        return data.changed(x=kept[0], x_dev=kept[1])

    return spoil


_WILD: Names = (
    "exploding_gradients",
    "dead_units",
    "saturated_units",
    "worse_than_baseline",
    "cannot_overfit_batch",
    "plateau",
    "no_gradient",
    "batch_too_small",
)
_SLOW: Names = ("plateau", "worse_than_baseline", "cannot_overfit_batch")
_STUCK: Names = (
    "plateau",
    "saddle",
    "symmetric_units",
    "dead_units",
    "no_gradient",
    "undertrained",
    "learning_rate_too_low",
    "worse_than_baseline",
    "cannot_overfit_batch",
)
_TOO_FAST: Names = ("learning_rate_too_high", "diverged", "oscillating_loss")
_TOO_LARGE: Names = ("poor_initialization", "exploding_gradients", "initial_loss_off")
_FLAT: Names = (*_SLOW, "vanishing_gradients", "dead_units", "symmetric_units", "no_gradient", "saddle", "undertrained")


def _rates() -> list[Fault]:
    high = [Fault(f"rate x {f:g}", _TOO_FAST, _WILD, _rate(f)) for f in (10, 30, 100, 1_000)]
    slow: Names = ("undertrained", "vanishing_gradients", *_SLOW)
    low = [Fault(f"rate / {f:g}", ("learning_rate_too_low",), slow, _rate(1 / f)) for f in (10, 30, 100, 1_000, 1e5)]
    both: Names = ("learning_rate_too_low", "undertrained")
    sgd = {"schedule": "constant", "weight_decay": 0.0}
    return [
        *high,
        *low,
        Fault(
            "SGD, ReLU, rate 3",
            (*_TOO_FAST, "dead_units"),
            _WILD,
            _deep(3, "relu", "he", optimizer="sgd", learning_rate=3.0),
        ),
        Fault("Adam at rate 0.3", _TOO_FAST, _WILD, _changed(optimizer="adam", learning_rate=0.3, **sgd)),
        Fault(
            "SGD at rate 0.001", ("learning_rate_too_low",), slow, _changed(optimizer="sgd", learning_rate=1e-3, **sgd)
        ),
        Fault(
            "momentum 0.99 as a sum",
            _TOO_FAST,
            _WILD,
            _changed(optimizer="momentum", momentum=0.99, momentum_form="sum", learning_rate=0.3, **sgd),
        ),
        Fault("rate falls to 0.3 every epoch", both, slow, _changed(schedule="exponential", decay_rate=0.3)),
        Fault(
            "warm-up of 30 times the training", both, slow, lambda c, s: c.changed(warmup=30.0 * epochs_planned(c, s))
        ),
        Fault(
            "gradients clipped to 0.001",
            both,
            slow,
            _changed(optimizer="sgd", learning_rate=0.1, clip_norm=1e-3, **sgd),
        ),
        Fault("Adam with epsilon 10", both, slow, _changed(optimizer="adam", learning_rate=1e-3, epsilon=10.0, **sgd)),
    ]


def _starts() -> list[Fault]:
    small: Names = ("poor_initialization", "vanishing_gradients")
    deep = [
        Fault("8 sigmoid layers, small weights", small, _STUCK, _deep(8, "sigmoid", "normal", 0.01)),
        Fault("8 sigmoid layers, Glorot", small, _STUCK, _deep(8, "sigmoid", "glorot")),
        Fault("12 sigmoid layers, Glorot", small, _STUCK, _deep(12, "sigmoid", "glorot")),
        Fault("8 tanh layers, small weights", small, _STUCK, _deep(8, "tanh", "normal", 0.01)),
        Fault("8 ReLU layers, small weights", small, _STUCK, _deep(8, "relu", "normal", 0.01)),
        Fault(
            "3 tanh layers, tiny weights",
            (*small, "plateau"),
            _STUCK,
            _deep(3, "tanh", "normal", 1e-4, optimizer="sgd", learning_rate=0.1),
        ),
        Fault("8 ReLU layers, weights x 2", (*_TOO_LARGE, "diverged"), _WILD, _deep_spread(8, 2.0)),
        Fault("8 ReLU layers, weights x 4", (*_TOO_LARGE, "diverged"), _WILD, _deep_spread(8, 4.0)),
    ]
    large = [
        Fault(
            f"weights x {f:g}",
            (*_TOO_LARGE, "saturated_units"),
            (*_WILD, "diverged", "learning_rate_too_low"),
            _spread(f),
        )
        for f in (5, 10, 30)
    ]
    bounded: Names = ("saturated_units", "poor_initialization", "initial_loss_off")
    still: Names = ("symmetric_units", "poor_initialization", "saddle")
    return [
        *deep,
        *large,
        Fault(
            "3 tanh layers, weights of spread 3",
            bounded,
            (*_WILD, "vanishing_gradients"),
            _deep(3, "tanh", "normal", 3.0),
        ),
        Fault(
            "3 sigmoid layers, weights of spread 5",
            bounded,
            (*_WILD, "vanishing_gradients"),
            _deep(3, "sigmoid", "normal", 5.0),
        ),
        Fault("zeros", still, (*_STUCK, "vanishing_gradients"), _changed(initializer="zeros")),
        Fault("2 tanh layers of zeros", still, (*_STUCK, "vanishing_gradients"), _deep(2, "tanh", "zeros")),
        Fault("2 sigmoid layers of zeros", still, (*_STUCK, "vanishing_gradients"), _deep(2, "sigmoid", "zeros")),
    ]


def _regularised() -> list[Fault]:
    name: Names = ("over_regularized",)
    plants: dict[str, Plant] = {
        **{f"dropout {p}": _changed(dropout=p) for p in (0.8, 0.9, 0.97)},
        **{f"L2 of {s:g} m": _times_m("l2", s) for s in (0.1, 0.3, 1.0)},
        **{f"L1 of {s:g} m": _times_m("l1", s) for s in (0.05, 0.5)},
        **{f"decay of {s:.0%} a step": _shrinking(s) for s in (0.03, 0.3)},
        **{f"input noise {s:g}": _changed(input_noise=s) for s in (2.0, 5.0)},
        **{f"weights of a unit at most {s:g}": _changed(max_norm=s) for s in (0.2, 0.05)},
    }
    # Classifiers only: a network of one number knows neither.
    of_classes: dict[str, Plant] = {
        "label smoothing 0.9": _changed(label_smoothing=0.9),
        "label smoothing 0.99": _changed(label_smoothing=0.99),
    }
    return [
        *(Fault(said, name, _FLAT, plant) for said, plant in plants.items()),
        *(Fault(said, name, _FLAT, plant, suits=_classes) for said, plant in of_classes.items()),
        Fault("mixup of halves", name, _FLAT, _changed(mixup=50.0)),
    ]


def _sizes() -> list[Fault]:
    also: Names = ("cannot_overfit_batch", "worse_than_baseline", "dead_units", "plateau")
    over: Names = ("overtrained", "high_variance")
    free = {"dropout": 0.0, "l2": 0.0, "weight_decay": 0.0, "schedule": "constant"}
    batch: Names = ("batch_too_small", *_TOO_FAST)
    return [
        Fault("1 unit", ("high_bias",), also, _changed(hidden_units=(1,), dropout=0.0)),
        Fault("3 layers of 1 unit", ("high_bias",), also, _changed(hidden_units=(1, 1, 1), dropout=0.0)),
        Fault("linear units", ("high_bias",), also, _changed(activation="linear"), suits=_curved),
        Fault("no hidden layer", ("high_bias",), also, _changed(hidden_units=(), dropout=0.0), suits=_curved),
        *(
            Fault(f"{e} epoch{'s' * (e > 1)}", ("undertrained",), ("learning_rate_too_low", *_SLOW), _changed(epochs=e))
            for e in (1, 2, 4)
        ),
        Fault("20 times the epochs, nothing against variance", over, (), _epochs(20, **free), suits=_small),
        Fault(
            "30 times the epochs on 60 rows",
            (*over, "too_few_rows"),
            (),
            _epochs(30, **free),
            ground=_rows(60),
        ),
        Fault(
            "full batch",
            ("batch_too_large", "undertrained"),
            ("learning_rate_too_low", *_SLOW),
            _changed(batch_size="full"),
        ),
        Fault(
            "full batch, a quarter of the epochs",
            ("batch_too_large", "undertrained"),
            ("learning_rate_too_low", *_SLOW),
            lambda c, s: _epochs(0.25)(c, s).changed(batch_size="full"),
        ),
        Fault("mini-batches of 2, rate x 10", batch, _WILD, _small_batches(2, 10)),
        Fault("mini-batches of 1", batch, _WILD, _small_batches(1, 1)),
        Fault(
            "mini-batches of 2 with batch norm",
            batch,
            _WILD,
            lambda c, s: _small_batches(2, 1)(c, s).changed(batch_norm=True),
        ),
    ]


def _losses() -> list[Fault]:
    wrong: Names = ("wrong_loss", "wrong_output_activation")
    also: Names = (
        "plateau",
        "worse_than_baseline",
        "cannot_overfit_batch",
        "undertrained",
        "learning_rate_too_low",
        "initial_loss_off",
        "vanishing_gradients",
        "dead_units",
        "saturated_units",
        "no_gradient",
    )
    of_classes = {
        "linear output, squared loss": _changed(output="linear", loss="squared"),
        "softmax, squared loss": _changed(output="softmax", loss="squared"),
        "softmax, absolute loss": _changed(output="softmax", loss="absolute"),
        "sigmoid, absolute loss": _changed(output="sigmoid", loss="absolute"),
        "sigmoid, squared loss": _changed(output="sigmoid", loss="squared"),
        "linear output, absolute loss": _changed(output="linear", loss="absolute"),
    }
    of_quantity = {
        "sigmoid output of a quantity": _changed(output="sigmoid"),
        "softmax output of a quantity": _changed(output="softmax"),
        "absolute loss of a quantity": _changed(loss="absolute"),
        "Huber's loss with delta 0.001": _changed(loss="huber", huber_delta=1e-3),
    }
    return [
        *(Fault(said, wrong, also, plant, suits=_classes) for said, plant in of_classes.items()),
        *(Fault(said, wrong, also, plant, suits=_quantity) for said, plant in of_quantity.items()),
    ]


def _of_data() -> list[Fault]:
    raw: Names = ("unnormalized_inputs",)
    hurt: Names = (
        *_WILD,
        *_TOO_FAST,
        "poor_initialization",
        "initial_loss_off",
        "undertrained",
        "learning_rate_too_low",
        "vanishing_gradients",
    )
    shift: Names = ("distribution_shift", "data_mismatch")
    few: Names = ("too_few_rows", "high_variance", "overtrained")
    noisy: Names = ("high_variance", "overtrained", "data_mismatch", "label_shift", "oscillating_loss")
    lasting: Any = {"curable": False, "base": "best"}
    return [
        Fault("inputs as they are", raw, (*hurt, "outliers"), scale=None),
        Fault("units from 0.001 to 1,000, unscaled", raw, (*hurt, "outliers"), data=_in_units(3), scale=None),
        Fault("inputs 100 spreads from 0, unscaled", (*raw, "dead_units"), hurt, data=_offset(100), scale=None),
        Fault("1 % of cells 1,000 spreads away", ("outliers",), (*raw, *hurt, *shift), data=_stray(0.01, 1_000)),
        *(
            Fault(
                f"{s:.0%} wrong targets",
                ("label_noise",),
                (*noisy, "conflicting_labels", "outliers"),
                data=_flipped(s),
                **lasting,
            )
            for s in (0.2, 0.4)
        ),
        Fault(
            "half of the rows contradicted",
            ("conflicting_labels", "label_noise"),
            (*noisy, "duplicate_rows"),
            data=_contradicted,
            **lasting,
        ),
        *(
            Fault(
                f"half the train columns moved by {s:g} spreads",
                shift,
                ("label_shift", "high_variance"),
                data=_moved(s),
                **lasting,
            )
            for s in (1.0, 3.0)
        ),
        *(
            Fault(
                f"{s:.0%} left of all classes but one",
                ("class_imbalance", "label_shift"),
                ("too_few_rows", "high_variance", *shift),
                data=_imbalanced(s),
                suits=_classes,
                **lasting,
            )
            for s in (0.1, 0.02)
        ),
        Fault(
            "columns that tell the train target",
            ("target_leakage",),
            (*shift, "high_variance"),
            data=_leaking,
            **lasting,
        ),
        Fault(
            "95 % of half the columns missing",
            ("nearly_empty_column",),
            (*shift, "high_variance", "high_bias"),
            data=_emptied(0.95),
            suits=_wide,
            **lasting,
        ),
        Fault("30 rows", few, (), data=_rows(30), **lasting),
        Fault("30 rows, copied", ("duplicate_rows", *few), (), data=_copied(30), **lasting),
    ]


def _of_own() -> list[Fault]:
    how: Any = {"base": "own", "curable": False}
    also: Names = ("worse_than_baseline", "cannot_overfit_batch", "plateau", "oscillating_loss", "vanishing_gradients")
    return [
        Fault("frozen hidden layer", ("no_gradient",), also, _own(frozen), **how),
        Fault(
            "backward pass of the wrong sign",
            ("gradient_mismatch",),
            (*also, "exploding_gradients", "dead_units"),
            _own(wrong_sign),
            **how,
        ),
        Fault("rows of a batch mixed", ("examples_interact",), also, _own(mixed_rows), **how),
        Fault("softmax over the batch", ("examples_interact",), also, _own(over_the_batch), **how),
    ]


FAULTS: tuple[Fault, ...] = (*_rates(), *_starts(), *_regularised(), *_sizes(), *_losses(), *_of_data(), *_of_own())

NOT_PLANTED: dict[FindingName, str] = {
    "leakage": "rows shared between sets make the dev loss better",
    "group_overlap": "alike",
    "near_duplicates": "alike",
    "learns_shuffled_labels": "alike: it is a leak",
    "overfit_dev": "is told by test rows, and these splits have none",
    "row_order": "rows are shuffled, so that it costs nothing",
    "missing_class": "a class that train lacks is refused where dev has it",
    "constant_feature": "a column without information costs next to nothing",
    "identifier_column": "alike; it is left out",
    "worse_than_baseline": "is what any severe fault brings about, and never the cause",
    "cannot_overfit_batch": "alike",
}
"""Names for which no fault is planted that worsens dev loss, and why; benchmarks/checks.py plants those of data."""

_ACCEPTED = {name for fault in FAULTS for name in fault.accepted}
_FORGOTTEN = set(FINDINGS) - _ACCEPTED - set(NOT_PLANTED)
assert not _FORGOTTEN, f"no fault is planted for {sorted(_FORGOTTEN)}"
assert len({fault.name for fault in FAULTS}) == len(FAULTS)
