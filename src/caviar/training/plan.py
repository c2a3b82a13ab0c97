"""Which networks share a compiled program, and what each of them brings along.

A `Program` is everything that must be compiled; it follows from the config and the data alone, never from
the other networks of the list, so that a network has the same bits alone and among hundreds. Everything
else is a `Hyperparameters`: one value per network, traced.
"""

import dataclasses
import math
from typing import Any, Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from caviar.arrays import Mask, Numbers, Whole
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.errors import BadConfig
from caviar.network.activations import family, table
from caviar.network.config import AugmentName, Config, Rows
from caviar.network.losses import LossName, OutputName
from caviar.network.model import Architecture, Behaviour
from caviar.network.own import own_network
from caviar.network.shapes import Image, Inputs
from caviar.training import devices
from caviar.training.limits import Limits
from caviar.training.optimizers import UpdateRule, update_rule
from caviar.training.penalties import Penalties

FOLDS = 5
"""Folds into which the rows are dealt where data are few."""

Pool = Literal["train", "train+dev"]

_BESIDE_PRODUCTS, _BATCH_NORM = 2_000, 1.6
_FULL_UNTIL, _BATCHES, _AUTO_SIZES = 2_000, 500, (64, 512)
_AUTO_BYTES = 1 << 31
_ROWS_SHOWN, _EPOCHS_LEAST, _EPOCHS_MOST = 640_000, 5, 60


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled for lanes of networks."""

    architecture: Architecture
    task: Task
    batch_size: int
    pool: Pool
    """The rows from which mini-batches are drawn."""
    loss: LossName = "cross_entropy"
    weighted: bool = False
    """Whether classes have weights."""
    clipped: bool = False
    """Whether gradients are cut."""
    bounded: bool = False
    """Whether weights have a largest length."""
    noisy: bool = False
    """Whether inputs are disturbed."""
    mixed: bool = False
    """Whether rows of a mini-batch are mixed."""
    averaged: bool = False
    """Whether weights are averaged."""
    augment: tuple[AugmentName, ...] = ()
    """What is done to images."""
    layers_recorded: bool = False
    """Whether the history tells of every layer."""


class Hyperparameters(NamedTuple):
    """What may differ between the networks of one program; scalars of one network unless said."""

    behaviour: Behaviour
    rule: UpdateRule
    penalties: Penalties
    limits: Limits
    label_smoothing: Float[Array, ""]
    class_weight: Float[Array, " outputs"]
    """Of mean 1 over the training rows."""
    huber_delta: Float[Array, ""]
    input_noise: Float[Array, ""]
    norm_beta: Float[Array, ""]
    average_beta: Float[Array, ""]
    """Weight of the past in averaged weights."""
    held_out: Int[Array, ""]
    """Group of rows that stands for dev: never trained on."""
    last_epoch: Int[Array, ""]
    patience: Int[Array, ""]
    """Epochs without a better dev loss until the network stops; 0: never."""


def width_class(units: int) -> int:
    """Units for which a layer is compiled: a power of two up to 64, where padding is cheap, then in growing steps.

    By the table of `costs`, lists of 30 to 1,000 networks of 16 to 512 units take with these classes, compiled and
    trained, 1.0 to 1.1 times what they take with the best of five other rules, and 0.4 to 0.7 times of exact widths.

    Depth has no classes: every depth is a program of its own. Skipping layers of deeper programs would save compiling,
    but only once on a machine and for short lists. By the same table, depths of 1 to 4 in equal parts, 32 to 128 units,
    own depths against classes of 2 and 4, in seconds: 4 networks 13 against 7, 30 networks 17 against 13, 100 networks
    34 against 31, 300 networks 75 against 82; where the programs have been compiled before, own depths always cost
    least.
    """
    if units <= 64:
        return max(8, 1 << (units - 1).bit_length())
    step = 32 if units <= 128 else 64 if units <= 512 else 128
    return -(-units // step) * step


def same_class(units: int) -> tuple[int, int]:
    """The fewest and the most units that are compiled for the same width as `units`."""
    most = width_class(units)
    fewest = most
    while fewest > 1 and width_class(fewest - 1) == most:
        fewest -= 1
    return fewest, most


def output_for(config: Config, outputs: int) -> OutputName:
    """The config's output, or softmax for classes and linear for a number."""
    return config.output or ("softmax" if outputs > 1 else "linear")


def loss_for(config: Config, outputs: int) -> LossName:
    """The config's loss, or cross-entropy for probabilities of classes and the squared error otherwise."""
    if config.loss is not None:
        return config.loss
    return "cross_entropy" if outputs > 1 and output_for(config, outputs) != "linear" else "squared"


def _check_target(config: Config, split: Split) -> None:
    """Refuse what needs classes where the target is a number, and weights for other classes than there are."""
    needing: dict[str, Any] = {
        "label_smoothing": config.label_smoothing,
        "class_weight": config.class_weight,
        "sampling": config.sampling == "balanced" and config.sampling,
        "loss": config.loss == "cross_entropy" and config.loss,
    }
    for name, value in needing.items():
        if value and split.task == "regression":
            raise BadConfig(
                f"Config.{name} must be left out for regression, got {value!r}: "
                f"the target {split.target.name!r} has no classes."
            )
    weights = config.class_weight
    if isinstance(weights, tuple) and len(weights) != split.outputs:
        raise BadConfig(
            f"Config.class_weight must have one weight for each of the {split.outputs} classes of "
            f"{split.target.name!r}, in sorted order, got {len(weights)}."
        )


def pool_of(rows: Rows) -> Pool:
    """The rows among which `Config.rows` chooses."""
    return "train+dev" if isinstance(rows, (tuple, str)) else "train"


def part_of_train(rows: Rows, split: Split, seed: int) -> Whole | None:
    """The numbers of the train rows that a share chooses, rising; None where there is no share."""
    return split.subset(rows, seed) if isinstance(rows, float) and rows < 1 else None


def program_for(config: Config, split: Split) -> Program:
    """The program that trains `config` on `split`.

    Raises:
        BadConfig: the config asks for something that this split does not have.
    """
    _check_target(config, split)
    pool = pool_of(config.rows)
    if config.early_stopping is not None and pool == "train" and not split.n_dev:
        raise BadConfig(
            f"Config.early_stopping needs dev rows to watch, got {config.early_stopping} on a split without any. "
            "Split with dev rows, or leave it out."
        )
    if config.precision == "tfloat32" and devices.platform() == "cpu":
        raise BadConfig(
            "Config.precision must be 'float32' or 'bfloat16' without a GPU, got 'tfloat32': this processor does not "
            "have it. Leave it out."
        )
    if config.augment and split.image_shape is None:
        raise BadConfig(
            f"Config.augment needs images, got {config.augment} for rows of {split.width} columns. Read images as an "
            "array (rows, height, width, channels), or leave it out."
        )
    folds = config.rows[1] if isinstance(config.rows, tuple) else 0
    rows = split.n_train if pool == "train" else split.rows
    if folds > rows:
        raise BadConfig(f"Config.rows must have at most as many folds as rows ({rows}), got {folds} folds.")
    inputs = inputs_of(split.width, split.image_shape)
    architecture = architecture_for(config, inputs, split.outputs, dropout=any(config.dropouts))
    return Program(
        architecture,
        split.task,
        rows_per_batch(config, rows, architecture),
        pool,
        loss=loss_for(config, split.outputs),
        weighted=config.class_weight is not None,
        clipped=config.clip_norm is not None or config.clip_value is not None,
        bounded=config.max_norm is not None,
        noisy=config.input_noise > 0,
        mixed=config.mixup > 0,
        averaged=config.average_weights is not None,
        augment=tuple(name for name, _ in config.augmentation),
        layers_recorded=config.record == "layers",
    )


def inputs_of(width: int, image: tuple[int, int, int] | None) -> Inputs:
    """What a network reads: so many columns, or images of this height, width and channels."""
    return Inputs(width, None if image is None else Image(*image))


def rows_at_once(architecture: Architecture) -> int:
    """Rows of one forward pass in test mode: patches of images take more memory than they are worth."""
    return 64 if architecture.convolutions else 1024


def architecture_for(config: Config, inputs: Inputs, outputs: int, *, dropout: bool = False) -> Architecture:
    """What is compiled for the forward pass of a config.

    Raises:
        BadConfig: a network of the user's own does not answer as it must.
    """
    if config.network is not None:
        own = own_network(config, inputs, outputs)
        nothing = {"units": (), "family": family(()), "batch_norm": False, "dropout": False}
        return Architecture(inputs, outputs=outputs, output=output_for(config, outputs), own=own, **nothing)
    return Architecture(
        inputs=inputs,
        units=tuple(width_class(units) for units in config.hidden_units),
        outputs=outputs,
        family=family(config.activations),
        batch_norm=config.batch_norm,
        dropout=dropout,
        layer_norm=config.layer_norm,
        output=output_for(config, outputs),
        convolutions=tuple(
            dataclasses.replace(each, filters=width_class(each.filters)) for each in config.convolutions
        ),
        global_pooling=config.global_pooling,
        residual=config.residual,
        precision=config.precision,
    )


def one_after_the_other(architecture: Architecture) -> bool:
    """Whether networks gain nothing from being computed side by side on one core: convolutions on a processor.

    Measured, see benchmarks/convolutions.py: products of patches only lose by their memory.
    """
    return bool(architecture.convolutions) and devices.platform() == "cpu"


def lane_size(architecture: Architecture, folds: int = 0) -> int:
    """Networks of a lane; see `devices.lane_size`."""
    return 1 if one_after_the_other(architecture) else devices.lane_size(architecture.products_per_row, folds)


def behaviour_of(config: Config, *, keep: Numbers | None = None) -> Behaviour:
    """What the forward pass of a config is told, as NumPy numbers; without dropout unless `keep` is given."""
    if config.network is not None:
        return Behaviour._make((np.zeros(0, int), table(()), np.ones(0), config.norm_epsilon))
    units = np.asarray((*config.filters, *config.hidden_units), int)
    kept = np.ones(config.layers) if keep is None else keep
    return Behaviour._make((units, table(config.activations), kept, config.norm_epsilon))


def rows_per_batch(config: Config, rows: int, architecture: Architecture) -> int:
    """Rows of a mini-batch out of so many; "auto" by the rule of `Config.batch_size`.

    Source: course section 5: up to 2,000 rows the whole batch, else a power of two from 64 to 512; it must fit into
    memory.
    """
    if config.batch_size == "full":
        return rows
    if config.batch_size != "auto":
        return min(config.batch_size, rows)
    size = rows if rows <= _FULL_UNTIL else int(np.clip(2 ** round(math.log2(rows / _BATCHES)), *_AUTO_SIZES))
    fitting = _AUTO_BYTES // activation_bytes(architecture, 1)
    return size if size <= fitting else 1 << (max(1, fitting).bit_length() - 1)


def activation_bytes(architecture: Architecture, rows: int) -> int:
    """Bytes of a network's activations in a training step on so many rows.

    XLA keeps some and shares others; 2.5 times what a forward pass computes is 1.1 to 2.1 times what it takes.
    """
    return int(4 * 2.5 * rows * architecture.activations)


def epochs_planned(config: Config, split: Split) -> int:
    """The epochs for which the schedule is laid out: those of the config, or the rule of `Config.epochs`."""
    if config.epochs is not None:
        return config.epochs
    return max(_EPOCHS_LEAST, min(_EPOCHS_MOST, round(_ROWS_SHOWN / max(1, split.n_train))))


def last_epoch(config: Config, split: Split) -> int:
    """The last epoch that the network trains, unless it stops early."""
    epochs = epochs_planned(config, split)
    return min(epochs, config.stop_after or epochs)


def steps_per_epoch(program: Program, split: Split) -> int:
    """Mini-batches of an epoch."""
    return -(-(split.n_train if program.pool == "train" else split.rows) // program.batch_size)


def usual_averages(config: Config, split: Split) -> tuple[float, ...]:
    """Betas of averaged weights, the smallest first.

    About a tenth of the updates of a training, at most 100, and a third of them, at most 500.
    """
    updates = last_epoch(config, split) * steps_per_epoch(program_for(config, split), split)
    lengths = (max(2, min(most, updates // part)) for part, most in ((10, 100), (3, 500)))
    return tuple(sorted({round(1 - 1 / length, 4) for length in lengths}))


def written_out(config: Config, split: Split) -> Config:
    """The same network with the learning rate and epochs that it has by rule written as numbers."""
    stop_after = config.stop_after and last_epoch(config, split)
    return config.changed(learning_rate=config.rate, epochs=epochs_planned(config, split), stop_after=stop_after)


def relative_cost(config: Config, split: Split) -> float:
    """What training a config costs, in multiplications per training row: compare it with another config's.

    What is not a product counts as some of them, and batch norm as it was measured.
    """
    architecture = program_for(config, split).architecture
    each = (architecture.products_per_row + _BESIDE_PRODUCTS) * (_BATCH_NORM if architecture.batch_norm else 1)
    return each * float(last_epoch(config, split))


def held_out(config: Config, split: Split) -> Mask:
    """The train and dev rows by which a config's network is judged, shape (rows,): none of those it is trained on."""
    if isinstance(config.rows, tuple):
        return split.folds(config.rows[1]) == config.rows[0]
    return (np.arange(split.rows) >= split.n_train) & (pool_of(config.rows) == "train")


def trained_on(config: Config, split: Split) -> Mask:
    """The train and dev rows on which a config's network is trained, shape (rows,)."""
    own = part_of_train(config.rows, split, config.seed)
    return ~held_out(config, split) if own is None else np.isin(np.arange(split.rows), own)


def class_shares(config: Config, split: Split) -> Numbers:
    """The share of every class among the rows on which a config's network is trained."""
    trained = split.y[trained_on(config, split)]
    return np.bincount(trained, minlength=split.outputs) / len(trained)


def class_weights(config: Config, split: Split) -> Numbers:
    """One weight per class, of mean 1 over the training rows; "balanced" gives every class the same sum."""
    if config.class_weight is None:
        return np.ones(split.outputs)
    shares = class_shares(config, split)
    if config.class_weight == "balanced":
        weights = np.divide(1, shares, out=np.zeros_like(shares), where=shares > 0)
    else:
        weights = np.asarray(config.class_weight, float)
    mean = float(weights @ shares)
    return weights / mean if mean > 0 else weights


def prior_bias(config: Config, split: Split) -> Numbers:
    """The last layer's bias with which a network of weights 0 predicts the class shares of its training rows."""
    if split.task == "regression":
        return np.zeros(1)
    shares = np.clip(class_shares(config, split), 0.5 / split.rows, 1 - 0.5 / split.rows)
    match output_for(config, split.outputs):
        case "softmax":
            return np.log(shares)
        case "sigmoid":
            return np.log(shares / (1 - shares))
        case "linear":
            return shares


def hyperparameters(config: Config, split: Split) -> Hyperparameters:
    """The traced values of one config, as NumPy numbers."""
    used = split.n_train if config.rows == 1.0 else int(trained_on(config, split).sum())
    without_folds = DEV if pool_of(config.rows) == "train" else NOBODY
    group = config.rows[0] if isinstance(config.rows, tuple) else without_folds
    limits = [math.inf if limit is None else limit for limit in (config.clip_norm, config.clip_value, config.max_norm)]
    behaviour = behaviour_of(config, keep=1 - np.asarray(config.dropouts, float))
    return Hyperparameters._make(
        (
            behaviour,
            update_rule(config),
            Penalties._make((config.l1 / used, config.l2 / used, config.weight_decay)),
            Limits._make(limits),
            config.label_smoothing,
            class_weights(config, split),
            config.huber_delta,
            config.input_noise,
            config.norm_beta,
            config.average_weights or 0.0,
            group,
            last_epoch(config, split),
            config.early_stopping or 0,
        )
    )


TRAIN, DEV, NOBODY, FILLER = 0, 1, -1, -2
"""Groups of rows: without folds the training rows are group 0 and the dev rows group 1; with folds a row's group
is its fold. No row is in group -1; rows of group -2 only fill up an array, or are left out of a share of train."""
