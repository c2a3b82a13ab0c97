"""What can be wrong with a network of the user's own and with none of caviar's.

Examples that meet, arrays that are not used, and a backward pass that was written by hand and is wrong. All are seen by
running `apply` a few times in test mode; nothing is trained. Networks of caviar's layers are left out.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array

from caviar.arrays import Numbers, Whole
from caviar.data.split import Split
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.gradient_check import check_gradients
from caviar.diagnosis.gradient_verdict import findings as gradient_findings
from caviar.diagnosis.subject import Subject
from caviar.errors import BadLoss
from caviar.network.layers import Weights
from caviar.network.losses import losses, targets
from caviar.network.own import Own, own_network
from caviar.training import devices
from caviar.training.drive import starting_weights
from caviar.training.plan import inputs_of, loss_for, output_for

_ROWS, _TRIED = 32, 4
"""Rows of a batch, and how many of them are looked at."""

_OTHERS = 3.0
"""Factor by which the other rows are stretched: a mean or a spread over the batch moves with it."""

_SAME = 1e-3
"""Of the spread of answers: what rounding may move one."""

_MEASURED = 100
"""Coordinates along which the loss is measured, beside the directions over all."""

_SOURCE = "Karpathy 2019, a recipe for training (use backprop to chart dependencies)"


def find(subject: Subject) -> list[Finding]:
    """Examples that interact, and arrays that receive no gradient, in a network of the user's own."""
    config, split = subject.config, subject.split
    if config.network is None:
        return []
    devices.places()  # starts JAX as it must be
    own = own_network(config, inputs_of(split.width, split.image_shape), split.outputs)
    first = subject.runs[0].config
    trained = next((run.weights for run in subject.runs if run.status != "diverged"), None)
    weights = [starting_weights(first, split)] + ([] if trained is None else [trained])
    x = _rows(split)
    return [
        *_interacting(own, weights[-1], x),
        *_wrong_gradients(subject, own, weights[0], x),
        *_without_gradient(own, weights, x),
    ]


def _rows(split: Split) -> Numbers:
    """Train rows as columns, (features, rows)."""
    return np.asarray(split.x[_chosen(split)]).T


def _chosen(split: Split) -> Whole:
    return np.sort(np.random.Generator(np.random.Philox(key=split.seed)).permutation(split.n_train)[:_ROWS])


def _wrong_gradients(subject: Subject, own: Own, weights: Weights, x: Numbers) -> list[Finding]:
    """A backward pass that does not belong to the loss: a `jax.custom_vjp` or `jax.custom_jvp` of the user's."""
    config, split = subject.config, subject.split
    y = np.asarray(split.y[_chosen(split)])
    output, loss = output_for(config, split.outputs), loss_for(config, split.outputs)

    paths, tree = jax.tree_util.tree_flatten_with_path(weights)
    leaves = dict(zip(_names(paths), (np.asarray(leaf, np.float64) for _, leaf in paths), strict=True))
    used = [name for name, still in _still(own, weights, x).items() if not still]  # of the others that is told
    if not used:
        return []

    def mean_loss(theta: dict[str, Array]) -> Array:
        z = own(jax.tree.unflatten(tree, (leaves | theta).values()), jnp.asarray(x, jnp.float64), None)
        delta = jnp.asarray(config.huber_delta)
        return losses(z, targets(jnp.asarray(y), z), output=output, loss=loss, delta=delta).mean()

    try:
        checked = check_gradients(mean_loss, {name: leaves[name] for name in used}, at_most=_MEASURED)
    # What computes in a precision of its own, or draws without a key, cannot be measured: that is no fault.
    except (BadLoss, TypeError):
        return []
    return gradient_findings(checked)


def _answers(own: Own, weights: Weights, x: Numbers) -> Numbers:
    """In test mode, (outputs, rows)."""
    return np.asarray(own(weights, jnp.asarray(x), None), float)


def _interacting(own: Own, weights: Weights, x: Numbers) -> list[Finding]:
    """The answer for a row must be the same whatever rows stand beside it, and alone."""
    together = _answers(own, weights, x)
    spread = float(together.std()) or 1.0
    moved = []
    for row in range(min(_TRIED, x.shape[1])):
        others = _OTHERS * np.roll(x, 1, axis=1)
        others[:, row] = x[:, row]
        seen = [_answers(own, weights, batch)[:, at] for batch, at in ((others, row), (x[:, [row]], 0))]
        moved.append(max(float(np.abs(answer - together[:, row]).max()) for answer in seen))
    changed = [not value <= _SAME * spread for value in moved]  # NaN counts as changed
    if not any(changed):
        return []
    meaning = (
        f"The answers for {sum(changed)} of {len(moved)} rows changed when only the other rows of the batch did (or "
        f"were left out), by up to {np.max(moved):.3g} where answers of different rows spread by {spread:.3g}. In test "
        "mode a row's answer must depend on that row alone; otherwise every figure here depends on which rows were "
        "asked together. The usual causes are a mean, a norm or a softmax over the wrong axis, a reshape that mixes "
        "rows, and normalising by the batch in test mode (where the `key` of apply is None)."
    )
    evidence = {"rows": len(moved), "changed": sum(changed), "largest_change": _plain(max(moved)), "spread": spread}
    return [Finding("examples_interact", "critical", evidence, meaning, _SOURCE)]


def _without_gradient(own: Own, all_weights: list[Weights], x: Numbers) -> list[Finding]:
    """Arrays that no answer depends on, with the starting weights and with the trained ones."""
    seen = [_still(own, weights, x) for weights in all_weights]
    return without_gradient([name for name in seen[0] if all(one[name] for one in seen)], len(seen[0]))


def _still(own: Own, weights: Weights, x: Numbers) -> dict[str, bool]:
    """Whether the gradient of an array is exactly 0, by its name."""
    stream = np.random.Generator(np.random.Philox(key=0))
    direction = stream.normal(size=(own.outputs, x.shape[1]))
    answers, back = jax.vjp(lambda w: own(w, jnp.asarray(x), None), jax.tree.map(jnp.asarray, weights))
    (gradient,) = back(jnp.asarray(direction, answers.dtype))
    leaves = jax.tree_util.tree_leaves_with_path(gradient)
    return {name: bool((np.asarray(leaf) == 0).all()) for name, (_, leaf) in zip(_names(leaves), leaves, strict=True)}


def _names(leaves: Sequence[tuple[Any, Any]]) -> list[str]:
    """The way to each array in the tree, such as inner.w; spelled out where keys with dots would make two alike."""
    short = [jax.tree_util.keystr(path, simple=True, separator=".") or "weights" for path, _ in leaves]
    return short if len(set(short)) == len(short) else [jax.tree_util.keystr(path) for path, _ in leaves]


def without_gradient(names: list[str], arrays: int) -> list[Finding]:
    """A finding when arrays of weights receive no gradient, neither at the start nor after training.

    Args:
        names: of these arrays.
        arrays: how many there are in all.
    """
    if not names:
        return []
    shown = ", ".join(names[:6]) + (" …" if len(names) > 6 else "")
    meaning = (
        f"{len(names)} of {arrays} arrays of weights receive a gradient of exactly 0, with the starting weights as "
        f"with the trained ones: {shown}. They never learn. Either no answer depends on them, or what lies behind them "
        "lets no gradient through: weights of 0, units that are dead, a step such as rounding or argmax."
    )
    severity = "critical" if len(names) == arrays else "warning"
    return [Finding("no_gradient", severity, {"arrays": names, "of": arrays}, meaning, _SOURCE)]


def _plain(value: float) -> float | None:
    return value if np.isfinite(value) else None
