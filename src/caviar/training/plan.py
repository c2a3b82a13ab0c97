"""Which networks share a compiled program, and what each of them brings along.

A `Program` is everything that must be compiled; it follows from the config and the data alone, never from
the other networks of the list, so that a network has the same bits alone and among hundreds. Everything
else is a `Hyperparameters`: one value per network, traced.
"""

import dataclasses
from typing import Literal, NamedTuple

import numpy as np
from jaxtyping import Array, Float, Int

from caviar.data.split import Split
from caviar.data.task import Task
from caviar.errors import BadConfig
from caviar.network.activations import family, table
from caviar.network.config import Config
from caviar.network.model import Architecture, Behaviour
from caviar.training.optimizers import UpdateRule, update_rule
from caviar.training.penalties import Penalties

FOLDS = 5
"""Folds into which the rows are dealt where data are few."""

Pool = Literal["train", "train+dev"]

_BESIDE_PRODUCTS, _BATCH_NORM = 2_000, 1.6
_ROWS_SHOWN, _EPOCHS_LEAST, _EPOCHS_MOST = 640_000, 5, 60


@dataclasses.dataclass(frozen=True)
class Program:
    """What is compiled for a block of networks."""

    architecture: Architecture
    task: Task
    batch_size: int
    pool: Pool
    """The rows from which mini-batches are drawn."""


class Hyperparameters(NamedTuple):
    """What may differ between the networks of one program; scalars of one network unless said."""

    behaviour: Behaviour
    rule: UpdateRule
    penalties: Penalties
    label_smoothing: Float[Array, ""]
    norm_beta: Float[Array, ""]
    held_out: Int[Array, ""]
    """Group of rows that stands for dev: never trained on."""
    last_epoch: Int[Array, ""]
    patience: Int[Array, ""]
    """Epochs without a better dev loss until the network stops; 0: never."""


def width_class(units: int) -> int:
    """Units for which a layer is compiled: a power of two up to 64, where padding is cheap, then in growing steps."""
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


def program_for(config: Config, split: Split) -> Program:
    """The program that trains `config` on `split`.

    Raises:
        BadConfig: the config asks for something that this split does not have.
    """
    if config.label_smoothing and split.task == "regression":
        raise BadConfig(
            f"Config.label_smoothing must be 0 for regression, got {config.label_smoothing}: "
            f"the target {split.target.name!r} has no classes. Leave it out."
        )
    if config.early_stopping is not None and config.rows == 1.0 and not split.n_dev:
        raise BadConfig(
            f"Config.early_stopping needs dev rows to watch, got {config.early_stopping} on a split without any. "
            "Split with dev rows, or leave it out."
        )
    folds = config.rows[1] if isinstance(config.rows, tuple) else 0
    pool: Pool = "train" if config.rows == 1.0 else "train+dev"
    rows = split.n_train if pool == "train" else split.rows
    if folds > rows:
        raise BadConfig(f"Config.rows must have at most as many folds as rows ({rows}), got {folds} folds.")
    size = rows if config.batch_size == "full" else min(config.batch_size, rows)
    architecture = Architecture(
        features=split.width,
        units=tuple(width_class(units) for units in config.hidden_units),
        outputs=split.outputs,
        family=family(config.activations),
        batch_norm=config.batch_norm,
        dropout=any(config.dropouts),
    )
    return Program(architecture, split.task, size, pool)


def epochs_planned(config: Config, split: Split) -> int:
    """The epochs for which the schedule is laid out: those of the config, or the rule of `Config.epochs`."""
    if config.epochs is not None:
        return config.epochs
    return max(_EPOCHS_LEAST, min(_EPOCHS_MOST, round(_ROWS_SHOWN / max(1, split.n_train))))


def last_epoch(config: Config, split: Split) -> int:
    """The last epoch that the network trains, unless it stops early."""
    epochs = epochs_planned(config, split)
    return min(epochs, config.stop_after or epochs)


def relative_cost(config: Config, split: Split) -> float:
    """What training a config costs, in multiplications per training row: compare it with another config's.

    What is not a product counts as some of them, and batch norm as it was measured.
    """
    architecture = program_for(config, split).architecture
    each = (architecture.products_per_row + _BESIDE_PRODUCTS) * (_BATCH_NORM if architecture.batch_norm else 1)
    return each * float(last_epoch(config, split))


def hyperparameters(config: Config, split: Split) -> Hyperparameters:
    """The traced values of one config, as NumPy numbers."""
    if isinstance(config.rows, tuple):
        held_out = config.rows[0]
        used = int((split.folds(config.rows[1]) != held_out).sum())
    else:
        held_out = DEV if config.rows == 1.0 else NOBODY
        used = split.n_train if config.rows == 1.0 else split.rows
    keep = 1 - np.asarray(config.dropouts, float)
    behaviour = Behaviour._make(
        (np.asarray(config.hidden_units, int), table(config.activations), keep, config.norm_epsilon)
    )
    return Hyperparameters._make(
        (
            behaviour,
            update_rule(config),
            Penalties._make((config.l1 / used, config.l2 / used, config.weight_decay)),
            config.label_smoothing,
            config.norm_beta,
            held_out,
            last_epoch(config, split),
            config.early_stopping or 0,
        )
    )


TRAIN, DEV, NOBODY, FILLER = 0, 1, -1, -2
"""Groups of rows: without folds the training rows are group 0 and the dev rows group 1; with folds a row's group
is its fold. No row is in group -1; rows of group -2 only fill up an array."""
