"""What training costs by a table, in seconds of one core of a processor; never by the clock.

    compiling a program = its beginning + a per layer + b per thing that is done in it
    training a lane     = its beginning + epochs (steps * step + rows passed * row), compiled before
    step                = c + networks d per weight
    row                 = networks (e per multiplication + f per activation), forward; to train on it counts as three

Measured on one of 2 cores (float32, process time, the least of three) with full lanes of 41 programs: none to four
dense layers of 16 to 512 units, one to five convolutions on 8 x 8 to 32 x 32 pixels, mini-batches of 16 to 1,000, with
batch norm, layer norm and dropout. The formula gives 0.8 to 1.2 times what was measured, 0.6 times for a mini-batch of
1,000. Compiling was measured on these and on 40 programs of none to eight layers, without a cache. A GPU is faster.
"""

from collections.abc import Sequence

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training.lanes import Lane
from caviar.training.plan import Program, last_epoch, steps_per_epoch
from caviar.training.rows import rows_measured

_COMPILING, _DENSE, _CONVOLUTION, _OF_A_LAYER, _OTHER = 1.7, 0.35, 1.1, 0.2, 0.2
"""Seconds: a program without hidden layers, each hidden layer, what is done in each of them, whatever else is done."""

_LANE = 5e-3
"""Seconds until the first step of a lane."""

_STEP, _WEIGHT, _PRODUCT = 55e-6, 0.6e-9, 0.024e-9
"""Seconds of a step, of one weight in it, and of a multiplication in the forward pass of one row."""

_ACTIVATION, _PATCH, _BATCH_NORM, _LAYER_NORM, _DROPOUT = 0.4e-9, 1.0e-9, 0.4e-9, 1.4e-9, 0.4e-9
"""Seconds of an activation in the forward pass of one row, with convolutions instead, and what comes on top."""

_PASSES = 3
"""Forward passes that training on a row costs."""


def compile_seconds(program: Program) -> float:
    """Seconds in which a program is compiled that never was."""
    architecture = program.architecture
    convolutions, layers = len(architecture.convolutions), len(architecture.widths)
    normed = architecture.batch_norm or architecture.layer_norm
    in_layers = normed + architecture.dropout + program.layers_recorded
    other = (program.weighted, program.clipped, program.bounded, program.noisy, program.mixed, program.averaged)
    return (
        _COMPILING
        + _CONVOLUTION * convolutions
        + _DENSE * (layers - convolutions)
        + _OF_A_LAYER * layers * in_layers
        + _OTHER * (sum(other) + len(program.augment))
    )


def lane_seconds(lane: Lane, configs: Sequence[Config], split: Split) -> float:
    """Seconds in which one core trains a lane, compiled before."""
    program = lane.program
    architecture = program.architecture
    each = _PATCH if architecture.convolutions else _ACTIVATION
    each += _BATCH_NORM * architecture.batch_norm + _LAYER_NORM * architecture.layer_norm
    each += _DROPOUT * architecture.dropout
    activations = architecture.activations - architecture.inputs.features
    row = _PRODUCT * architecture.products_per_row + each * activations
    rows = configs[lane.members[0]].rows
    # A share is measured in the program of all rows, and takes as long.
    measured = rows_measured(rows, split) if program.pool == "train+dev" else rows_measured(1.0, split) + split.n_dev
    steps = steps_per_epoch(program, split)
    a_step = _STEP + lane.size * _WEIGHT * architecture.weights
    passed = _PASSES * steps * program.batch_size + measured
    return _LANE + epochs_of(lane, configs, split) * (steps * a_step + lane.size * passed * row)


def epochs_of(lane: Lane, configs: Sequence[Config], split: Split) -> int:
    """A lane trains as long as the last of its networks."""
    return max(last_epoch(configs[number], split) for number in lane.members)
