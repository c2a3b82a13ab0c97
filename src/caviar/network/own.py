"""A network of the user's own: a pair of pure functions that joins a population.

    init(key, config) -> weights        arrays in any nesting of tuples, lists, dictionaries and NamedTuples
    apply(weights, x) -> outputs        x (batch, features), or (batch, height, width, channels) for images;
                                        outputs (batch, outputs): logits of classes, or the standardised number
    apply(weights, x, key) -> outputs   alike, with random numbers: a key in training, None in test mode

`apply` is compiled and runs for many weights at once (`jax.vmap`), so it must be pure: written in JAX, with no effect
but its answer. Losses, penalties, optimisers, schedules and everything else of the training are caviar's.
"""

import dataclasses
import functools
import hashlib
import inspect
import math
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from caviar.errors import BadConfig
from caviar.network.shapes import Inputs

if TYPE_CHECKING:
    from caviar.network.config import Config

_ROWS = 8
"""Rows with which the functions are tried before they are compiled."""


@dataclasses.dataclass(frozen=True)
class Own:
    """What is compiled of a network of the user's own."""

    apply: Callable[..., Any]
    inputs: Inputs
    outputs: int
    keyed: bool
    """Whether `apply` takes random numbers."""
    layout: Any
    """Structure and shapes of the weights; hashable."""
    products: int
    """Multiplications for one row, by XLA's account."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of all weights."""
        return self.layout[1]

    def __call__(
        self, weights: Any, x: Float[Array, "features batch"], key: Array | None
    ) -> Float[Array, "outputs batch"]:
        """The answers of one network, examples as columns."""
        return self.apply(weights, as_rows(x, self.inputs), *[key] * self.keyed).T


def as_rows(x: Float[Array, "features batch"], inputs: Inputs) -> Float[Array, "batch ..."]:
    """Examples first, and images as people have them: (batch, height, width, channels)."""
    if inputs.image is None:
        return x.T
    image = inputs.image
    return x.reshape(image.channels, image.height, image.width, -1).transpose(3, 1, 2, 0)


def own_network(config: "Config", inputs: Inputs, outputs: int | None = None) -> Own:
    """What a config's own functions are.

    Args:
        config: with a `network`.
        inputs: what it reads.
        outputs: what it must answer for every row; None: whatever it does.

    Raises:
        BadConfig: the functions do not do what is said above.
    """
    assert config.network is not None
    leaves, structure = jax.tree.flatten(starting_arrays(config))
    own = _tried(config.network[1], inputs, (structure, tuple(leaf.shape for leaf in leaves)))
    if outputs is not None and own.outputs != outputs:
        raise _answers_amiss(outputs, f"shape {(_ROWS, own.outputs)}")
    return own


@functools.lru_cache(maxsize=256)
def _tried(apply: Callable[..., Any], inputs: Inputs, layout: Any) -> Own:
    """The function is traced once, for the shape of its answers and their cost."""
    own = Own(apply, inputs, 0, len(inspect.signature(apply).parameters) > 2, layout, 0)
    structure, shapes = layout
    weights = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes])
    x = jax.ShapeDtypeStruct((inputs.features, _ROWS), np.float32)
    answers = jax.eval_shape(lambda w, x: apply(w, as_rows(x, inputs), *[None] * own.keyed), weights, x)
    shape = getattr(answers, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != _ROWS:
        raise _answers_amiss("outputs", type(answers).__name__ if shape is None else f"shape {shape}")
    cost = jax.jit(own).lower(weights, x, jax.random.key(0)).cost_analysis() or {}
    size = sum(math.prod(shape) for shape in shapes)
    return dataclasses.replace(own, outputs=shape[1], products=max(size, int(cost.get("flops", 0) / 2 / _ROWS)))


def _answers_amiss(wanted: int | str, came: str) -> BadConfig:
    return BadConfig(
        f"The apply of Config.network must give one array (batch, {wanted}), got {came} for a batch of {_ROWS}. Answer "
        "with a logit per class, or one number, for every row."
    )


@functools.lru_cache(maxsize=128)
def starting_arrays(config: "Config") -> Any:
    """The weights with which a network of the user's own starts: NumPy arrays of real numbers, not to be written into.

    Raises:
        BadConfig: `init` gives something else.
    """
    assert config.network is not None
    init, _ = config.network
    weights = jax.tree.map(np.asarray, init(jax.random.key(config.seed), config))
    leaves = jax.tree.leaves(weights)
    if not leaves or any(not jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        kinds = ", ".join(sorted({str(leaf.dtype) for leaf in leaves}))
        raise BadConfig(
            f"The init of Config.network must give arrays of real numbers, got {kinds or 'no array'}. What is not "
            "learned belongs into apply."
        )
    return weights


def described(network: tuple[Callable[..., Any], Callable[..., Any]]) -> list[str]:
    """Names of the functions, with a mark that changes with their text."""
    return [f"{function.__module__}.{function.__qualname__} {_mark(function)}" for function in network]


def _mark(function: Callable[..., Any]) -> str:
    try:
        text = inspect.getsource(function)
    except (OSError, TypeError):
        text = repr(function)
    return hashlib.sha256(text.encode()).hexdigest()[:12]
