"""What a search makes small beside the error: the size of a network, and what a prediction costs.

Both follow from the config and the data alone, so that a study that is resumed, or goes on elsewhere, has the same
values. A time that was measured would not: `prediction_time` measures it where it is only told.
"""

import math
from collections.abc import Sequence
from typing import Literal, assert_never, get_args

from caviar.data.split import Split
from caviar.errors import BadSpace, nearest
from caviar.network.config import Config
from caviar.network.own import own_network
from caviar.training.packing import shapes_of
from caviar.training.plan import inputs_of

Objective = Literal["error", "size", "prediction_cost"]
"""`error`: the metric of the search, whichever it is | `size`: numbers that are trained, those of the true network
without padding | `prediction_cost`: multiplications for one row."""

OBJECTIVES: tuple[Objective, ...] = get_args(Objective)


def objectives_of(words: Sequence[str]) -> tuple[Objective, ...]:
    """Objectives by their words, checked.

    Raises:
        BadSpace: one that is not known or stands twice, or the error is not the first.
    """
    asked = (words,) if isinstance(words, str) else tuple(words)
    for word in asked:
        if word == "prediction_time":
            raise BadSpace(
                "Objectives must have the same value whenever they are computed, got 'prediction_time', which a clock "
                "measures. Use 'prediction_cost', the multiplications for one row; the front tells the time."
            )
        if word not in OBJECTIVES:
            raise BadSpace(f"Objectives must be of {', '.join(OBJECTIVES)}, got {word!r}. {nearest(word, OBJECTIVES)}")
    if not asked or asked[0] != "error" or len(set(asked)) < len(asked):
        raise BadSpace(f"Objectives must begin with 'error' and name each once, got {asked}. Put 'error' first.")
    return asked  # pyright: ignore[reportReturnType]


def size(config: Config, split: Split) -> int:
    """Numbers that are trained: weights, biases, and gamma where a layer is normalised."""
    inputs = inputs_of(split.width, split.image_shape)
    if config.network is not None:
        return sum(math.prod(shape) for shape in own_network(config, inputs, split.outputs).shapes)
    shapes = shapes_of(config, inputs, split.outputs)
    normed = sum(shape.units for shape in shapes[:-1]) if config.batch_norm or config.layer_norm else 0
    return sum((shape.inputs + 1) * shape.units for shape in shapes) + normed


def prediction_cost(config: Config, split: Split) -> int:
    """Multiplications of the products of one forward pass for one row; of a network of one's own by XLA's account."""
    inputs = inputs_of(split.width, split.image_shape)
    if config.network is not None:
        return own_network(config, inputs, split.outputs).products
    return sum(shape.inputs * shape.units * shape.places for shape in shapes_of(config, inputs, split.outputs))


def costs(config: Config, split: Split, objectives: Sequence[Objective]) -> tuple[float, ...]:
    """The values of all objectives but the error, which is the first."""
    found = []
    for objective in objectives[1:]:
        match objective:
            case "size":
                found.append(float(size(config, split)))
            case "prediction_cost":
                found.append(float(prediction_cost(config, split)))
            case "error":
                raise AssertionError("the error is the first objective only")
            case _:
                assert_never(objective)
    return tuple(found)
