"""A person's tree of parameters and one float64 vector: there, back, and by name; gradients likewise."""

import dataclasses
import functools
import math
from collections.abc import Iterable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from caviar.arrays import Numbers
from caviar.diagnosis.gradient_verdict import shown
from caviar.errors import BadLoss


@dataclasses.dataclass(frozen=True, eq=False)
class Parameters:
    """How a vector becomes the tree that the person handed in, leaf by leaf."""

    structure: Any
    names: tuple[str, ...]
    leaves: tuple[Any, ...]
    """As they came: functions are called with arrays of the same kind."""
    shapes: tuple[tuple[int, ...], ...]

    @functools.cached_property
    def bounds(self) -> list[tuple[int, int]]:
        """Where each leaf begins and ends in the vector."""
        ends = np.cumsum([math.prod(shape) for shape in self.shapes]).tolist()
        return list(zip([0, *ends[:-1]], ends, strict=True))

    @functools.cached_property
    def of_jax(self) -> bool:
        """Whether a leaf is an array of JAX."""
        return any(isinstance(leaf, jax.Array) for leaf in self.leaves)

    def vector(self) -> Numbers:
        """All parameters, float64."""
        return np.concatenate([np.asarray(leaf, np.float64).ravel() for leaf in self.leaves])

    def tree(self, vector: Any, *, of_jax: bool) -> Any:
        """The tree of a vector: with JAX's arrays or the kinds that came; NumPy's are copies, to be changed at will."""
        parts = [vector[slice(*own)].reshape(shape) for own, shape in zip(self.bounds, self.shapes, strict=True)]
        if not of_jax:
            parts = [_alike(part, leaf) for part, leaf in zip(parts, self.leaves, strict=True)]
        return jax.tree.unflatten(self.structure, parts)

    def place(self, number: int) -> tuple[str, tuple[int, ...]]:
        """The name and index of a number of the vector."""
        leaf = next(leaf for leaf, (_, end) in enumerate(self.bounds) if number < end)
        start, _ = self.bounds[leaf]
        return self.names[leaf], tuple(int(i) for i in np.unravel_index(number - start, self.shapes[leaf]))


def parameters_of(params: Any) -> Parameters:
    """What a tree holds.

    Raises:
        BadLoss: it holds something else than finite real numbers, or nothing.
    """
    named, structure = jax.tree_util.tree_flatten_with_path(params)
    if not named:
        raise BadLoss("params must hold at least one array of real numbers, got none.")
    names = _names(path for path, _ in named)
    for name, (_, leaf) in zip(names, named, strict=True):
        _refuse_unreal(name, leaf)
    leaves = tuple(leaf for _, leaf in named)
    return Parameters(structure, names, leaves, tuple(np.shape(leaf) for leaf in leaves))


def _names(paths: Iterable[Any]) -> tuple[str, ...]:
    """As in a PyTorch state: layers.0.w."""
    return tuple(jax.tree_util.keystr(path, simple=True, separator=".") or "params" for path in paths)


def _refuse_unreal(name: str, leaf: Any) -> None:
    array = np.asarray(leaf)
    if array.dtype.kind == "O":
        raise BadLoss(
            f"Parameters must be arrays of real numbers in a tree that JAX knows, but {name} is {type(leaf).__name__}. "
            "Use dictionaries, tuples, lists or NamedTuples, or register the class with "
            "jax.tree_util.register_dataclass."
        )
    if not jnp.issubdtype(array.dtype, jnp.floating):
        raise BadLoss(
            f"Parameters must be real numbers, but {name} is of type {array.dtype}. Convert it with astype(float), or "
            "leave what is not learned out of params."
        )
    if not array.size:
        raise BadLoss(f"Parameters must not be empty, but {name} has shape {array.shape}. Leave it out of params.")
    if not np.isfinite(array).all():
        index = tuple(int(i) for i in np.argwhere(~np.isfinite(array))[0])
        raise BadLoss(f"Parameters must be finite, got {array[index]} in {shown(name, index)}.")


def _alike(part: Numbers, leaf: Any) -> Any:
    """An array of the kind that a leaf was."""
    if isinstance(leaf, jax.Array):
        return jnp.asarray(part)
    if isinstance(leaf, float):
        return type(leaf)(part)
    return part.copy()


def gradient_vector(tree: Any, parameters: Parameters) -> Numbers:
    """Given gradients in the order of the parameters.

    Raises:
        BadLoss: they have another structure or shape, or are not finite real numbers.
    """
    named = jax.tree_util.tree_flatten_with_path(tree)[0]
    found = dict(zip(_names(path for path, _ in named), (leaf for _, leaf in named), strict=True))
    if set(found) != set(parameters.names):
        lacking = [name for name in parameters.names if name not in found]
        beyond = [name for name in found if name not in parameters.names]
        told = [f"{word} {_some(names)}" for word, names in (("lacks", lacking), ("has", beyond)) if names]
        raise BadLoss(
            f"gradients must be a tree like params ({_some(parameters.names)}), but it {' and '.join(told)}. Give "
            "every gradient the place of its parameter."
        )
    parts = []
    for name, shape in zip(parameters.names, parameters.shapes, strict=True):
        part = np.asarray(found[name])
        if part.shape != shape:
            raise BadLoss(
                f"The gradient of {name} must have the shape of the parameter, {shape}, got {part.shape}. "
                + ("Transpose it." if part.shape == shape[::-1] else "Sum it over the examples, or reshape it.")
            )
        if not (jnp.issubdtype(part.dtype, jnp.floating) or jnp.issubdtype(part.dtype, jnp.integer)):
            raise BadLoss(f"The gradient of {name} must be real numbers, got numbers of type {part.dtype}.")
        parts.append(part.astype(np.float64).ravel())
    return finite(np.concatenate(parts), parameters)


def finite(gradient: Numbers, parameters: Parameters) -> Numbers:
    """The same gradient.

    Raises:
        BadLoss: it is infinite or NaN somewhere.
    """
    bad = np.flatnonzero(~np.isfinite(gradient))
    if len(bad):
        place = shown(*parameters.place(int(bad[0])))
        more = f" and in {len(bad) - 1:,} more places" if len(bad) > 1 else ""
        raise BadLoss(
            f"The gradient must be finite where the loss is, got {gradient[bad[0]]} in {place}{more}. Look for the "
            "slope of sqrt or log at 0, and for a branch of where() that is not taken."
        )
    return gradient


def _some(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")
