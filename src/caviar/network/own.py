"""A network of the user's own: a pair of pure functions that joins a population.

    init(key, config) -> weights        arrays in any nesting of tuples, lists, dictionaries and NamedTuples
    apply(weights, x) -> outputs        x (batch, features), or (batch, height, width, channels) for images;
                                        outputs (batch, outputs): logits of classes, or the standardised number
    apply(weights, x, key) -> outputs   alike, with random numbers: a key in training, None in test mode

`apply` is compiled and runs for many weights at once (`jax.vmap`), so it must be pure: written in JAX, with no effect
but its answer. Every `apply` is a program of its own, so one that is made anew for every config is compiled for each.
Losses, penalties, optimisers, schedules and everything else of the training are caviar's.
"""

import dataclasses
import functools
import hashlib
import inspect
import math
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.network.shapes import Inputs

_ROWS = 8
"""Rows with which the functions are tried before they are compiled."""

_NOTHING_COMPUTED = ("broadcast_in_dim", "reshape", "transpose", "squeeze", "convert_element_type")
"""Steps of a traced function that only say how an array is read."""


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
    activations: int
    """Numbers that are computed on the way for one row."""
    mark: str
    """Of what `apply` computes, whatever it is called."""

    @property
    def shapes(self) -> tuple[tuple[int, ...], ...]:
        """Of all weights."""
        return self.layout[1]

    def __call__(
        self, weights: Any, x: Float[Array, "features batch"], key: Array | None
    ) -> Float[Array, "outputs batch"]:
        """The answers of one network, examples as columns."""
        return self.apply(weights, as_rows(x, self.inputs), **{"key": key} if self.keyed else {}).T


def as_rows(x: Float[Array, "features batch"], inputs: Inputs) -> Float[Array, "batch ..."]:
    """Examples first, and images as people have them: (batch, height, width, channels)."""
    if inputs.image is None:
        return x.T
    image = inputs.image
    return x.reshape(image.channels, image.height, image.width, -1).transpose(3, 1, 2, 0)


def own_network(config: Config, inputs: Inputs, outputs: int | None = None) -> Own:
    """What a config's own functions are.

    Args:
        config: with a `network`.
        inputs: what it reads.
        outputs: what it must answer for every row; None: whatever it does.

    Raises:
        BadConfig: the functions do not do what is said above.
    """
    assert config.network is not None
    own = _tried(config.network[1], inputs, _layout(config.changed(seed=0)))
    if outputs is not None and own.outputs != outputs:
        raise _answers_amiss(outputs, f"shape {(_ROWS, own.outputs)}")
    return own


def initial_weights(config: Config) -> Any:
    """The weights with which a network of the user's own starts, as NumPy arrays of real numbers.

    Raises:
        BadConfig: `init` gives something else.
    """
    assert config.network is not None
    try:
        weights = jax.tree.map(np.asarray, config.network[0](jax.random.key(config.seed), config))
    except Exception as error:
        raise _failed("init", error, "It is called as init(key, config).") from error
    leaves = jax.tree.leaves(weights)
    if not leaves or any(not jnp.issubdtype(leaf.dtype, jnp.floating) for leaf in leaves):
        kinds = ", ".join(sorted({str(leaf.dtype) for leaf in leaves}))
        raise BadConfig(
            f"The init of Config.network must give arrays of real numbers, got {kinds or 'no array'}. What is not "
            "learned belongs into apply."
        )
    return weights


@functools.lru_cache(maxsize=4096)
def _layout(config: Config) -> Any:
    """Structure and shapes of the weights."""
    leaves, structure = jax.tree.flatten(initial_weights(config))
    return structure, tuple(leaf.shape for leaf in leaves)


@functools.lru_cache(maxsize=256)
def _tried(apply: Callable[..., Any], inputs: Inputs, layout: Any) -> Own:
    """The function is traced once, for the shape of its answers and their cost."""
    own = Own(apply, inputs, 0, _takes_key(apply), layout, 0, 0, "")
    structure, shapes = layout
    weights = jax.tree.unflatten(structure, [jax.ShapeDtypeStruct(shape, np.float32) for shape in shapes])
    x = jax.ShapeDtypeStruct((inputs.features, _ROWS), np.float32)
    nothing = {"key": None} if own.keyed else {}
    try:
        answers = jax.eval_shape(lambda w, x: apply(w, as_rows(x, inputs), **nothing), weights, x)
    except Exception as error:
        raise _failed("apply", error, "It is traced by JAX: use jax.numpy, and no `if` on values.") from error
    shape = getattr(answers, "shape", None)
    if shape is None or len(shape) != 2 or shape[0] != _ROWS:
        raise _answers_amiss("outputs", type(answers).__name__ if shape is None else f"shape {shape}")
    if not jnp.issubdtype(answers.dtype, jnp.floating):
        raise _answers_amiss("outputs", f"numbers of type {answers.dtype}")
    key = jax.random.key(0)
    program = jax.make_jaxpr(own)(weights, x, key)
    mark = hashlib.sha256(str(program).encode())
    for values in program.consts:
        mark.update(np.asarray(values).tobytes())
    cost = jax.jit(own).lower(weights, x, key).cost_analysis() or {}
    size = sum(math.prod(shape) for shape in shapes)
    return dataclasses.replace(
        own,
        outputs=shape[1],
        products=max(size, int(cost.get("flops", 0) / 2 / _ROWS)),
        activations=sum(_sizes(program.jaxpr)) // _ROWS,
        mark=mark.hexdigest(),
    )


def _takes_key(apply: Callable[..., Any]) -> bool:
    """Whether a function has a parameter `key`; other ones beyond two must have a default."""
    try:
        parameters = inspect.signature(apply).parameters
    except ValueError as error:
        raise _failed("apply", error, "Give a function written in Python.") from error
    others = [name for name, one in parameters.items() if name != "key" and one.default is one.empty]
    kinds = {parameters[name].kind for name in others}
    variadic = {inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD}
    if len(others) != 2 and not kinds & variadic:
        raise BadConfig(
            f"The apply of Config.network must be apply(weights, x) or apply(weights, x, key), got the parameters "
            f"({', '.join(parameters)}). Give the others a default, or bind them with functools.partial."
        )
    return "key" in parameters


def _sizes(program: Any) -> Iterator[int]:
    """The sizes of all arrays that a program computes, those of its inner programs included."""
    for equation in program.eqns:
        inner = [part for part in jax.tree.leaves(list(equation.params.values())) if hasattr(part, "eqns")]
        if inner:
            for part in inner:
                yield from _sizes(part)
        elif equation.primitive.name not in _NOTHING_COMPUTED:
            yield from (math.prod(out.aval.shape) for out in equation.outvars)


def _failed(name: str, error: Exception, advice: str) -> BadConfig:
    told = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return BadConfig(f"The {name} of Config.network must run, but it raised {told}. {advice}")


def _answers_amiss(wanted: int | str, came: str) -> BadConfig:
    return BadConfig(
        f"The apply of Config.network must give one array (batch, {wanted}), got {came} for a batch of {_ROWS}. Answer "
        "with a logit per class, or one number, for every row."
    )
