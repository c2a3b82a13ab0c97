"""Extreme eigenvalues and the trace of a symmetric matrix of which only products with vectors are known.

Lanczos' method with full reorthogonalisation: the space of v, Hv, H(Hv), ... holds the ends of the spectrum first. What
is read off is Rayleigh's quotient in that space, with products and bases kept in float64, so that two bounds come with
it whatever the products' own rounding:

    residual   |H y - theta y|: an eigenvalue lies within it of theta
    rounding   how far the products are from those of a symmetric matrix: what theta itself may be wrong by

Products may be of float32. Sources: Paige 1980 (why bases are orthogonalised anew); Parlett 1998, chapters 4 and 13;
Hutchinson 1990 (trace).
"""

import dataclasses
from collections.abc import Callable

import numpy as np

from caviar.arrays import Numbers

Product = Callable[[Numbers], Numbers]
"""v (size,) -> H v (size,), float64 in and out, whatever it computes in."""

MOST = 80
"""Most vectors of a space."""

_FEWEST, _BYTES = 8, 1 << 30
_LOOKED_AT_EVERY = 5
_ENDED = 100 * float(np.finfo(float).eps)
_CLOSE, _CLOSE_TO_ALL = 0.05, 1e-3
"""An end has been found when its residual is this share of it, or of the largest eigenvalue in absolute value."""


@dataclasses.dataclass(frozen=True, eq=False)
class Krylov:
    """A space of vectors in which a matrix was looked at.

    Attributes:
        values: (k,) Ritz values, ascending.
        vectors: (k, size) their vectors, orthonormal.
        residuals: (k,) an eigenvalue lies within each of its value.
        rounding: what the values may be wrong by since products are rounded.
        start: (k,) the vector from which the space was built, in terms of `vectors`.
    """

    values: Numbers
    vectors: Numbers
    residuals: Numbers
    rounding: float
    start: Numbers


def krylov(product: Product, start: Numbers, most: int = MOST) -> Krylov:
    """The space of `start` and its products, large enough for both ends of the spectrum, or of `most` vectors.

    Args:
        product: of the matrix.
        start: (size,) not all 0; a random one misses no eigenvalue.
        most: vectors, at least 1; fewer where they would take more than a GiB.
    """
    most = min(most, len(start), max(_FEWEST, _BYTES // (16 * len(start))))
    basis, products = np.empty((2, most, len(start)))
    inside = np.empty((most, most))
    vector, k, longest = start / np.linalg.norm(start), 0, 0.0
    while True:
        basis[k], products[k] = vector, product(vector)
        inside[: k + 1, k], inside[k, :k] = basis[: k + 1] @ products[k], products[:k] @ basis[k]
        k += 1
        rest = products[k - 1].copy()
        for _ in range(2):  # once leaves what cancellation left of the others
            rest -= (basis[:k] @ rest) @ basis[:k]
        length, longest = float(np.linalg.norm(rest)), max(longest, float(np.linalg.norm(products[k - 1])))
        if k == most or length <= _ENDED * longest or _both_ends_found(inside[:k, :k], length):
            break
        vector = rest / length
    inside, basis, products = inside[:k, :k], basis[:k], products[:k]
    values, mixed = np.linalg.eigh(_symmetric(inside))
    vectors = mixed.T @ basis
    residuals = np.linalg.norm(mixed.T @ products - values[:, None] * vectors, axis=1)
    rounding = float(np.linalg.norm(inside - inside.T, 2)) / 2
    return Krylov(values, vectors, residuals, rounding, vectors @ start)


def _symmetric(inside: Numbers) -> Numbers:
    return (inside + inside.T) / 2


def _both_ends_found(inside: Numbers, length: float) -> bool:
    """Whether the first and the last Ritz value have small residuals, in a space whose next vector has this length."""
    if len(inside) % _LOOKED_AT_EVERY:
        return False
    values, mixed = np.linalg.eigh(_symmetric(inside))
    ends = [0, -1]
    sizes, residuals = np.abs(values[ends]), length * np.abs(mixed[-1, ends])
    return bool((residuals <= np.maximum(_CLOSE * sizes, _CLOSE_TO_ALL * sizes.max())).all())


def trace(product: Product, size: int, random: np.random.Generator, probes: int = 16) -> tuple[float, float]:
    """The trace, and its standard error: the mean of z'Hz over random vectors z of -1 and 1.

    Args:
        product: of the matrix.
        size: of its side.
        random: where the vectors come from.
        probes: how many, at least 2.

    Source: Hutchinson 1990.
    """
    signs = random.integers(0, 2, (probes, size)) * 2.0 - 1
    seen = np.array([z @ product(z) for z in signs])
    return float(seen.mean()), float(seen.std(ddof=1) / np.sqrt(probes))
