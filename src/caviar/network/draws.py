"""Uniform random numbers for dropout: Threefry written out, so that XLA computes it in one vectorised loop.

JAX's own generator runs its rounds in a loop on CPU, which costs seven times as much; with mini-batches of 64 that was
a quarter of a step. The block function is the same, bit for bit.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, UInt32

_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def threefry(
    key: UInt32[Array, " 2"], high: UInt32[Array, "..."], low: UInt32[Array, "..."]
) -> tuple[UInt32[Array, "..."], UInt32[Array, "..."]]:
    """Threefry-2x32 with 20 rounds: two random words for every pair of counter words.

    Args:
        key: two words.
        high: first counter word.
        low: second counter word, of the same shape.

    Source: Salmon et al. 2011, Parallel random numbers: as easy as 1, 2, 3.
    """
    keys = (key[0], key[1], key[0] ^ key[1] ^ jnp.uint32(_PARITY))
    x, y = high + keys[0], low + keys[1]
    for group in range(5):
        for turn in _ROTATIONS[group % 2]:
            x = x + y
            y = ((y << turn) | (y >> (32 - turn))) ^ x
        x = x + keys[(group + 1) % 3]
        y = y + keys[(group + 2) % 3] + jnp.uint32(group + 1)
    return x, y


def uniforms(key: jax.Array, units: int, batch: int, dtype: jnp.dtype) -> Float[Array, "units batch"]:
    """Uniform numbers in [0, 1) in steps of 2^-16, four from each block of two words.

    The first n rows do not depend on `units`, so that padding changes nothing.

    Args:
        key: a typed JAX key.
        units: rows.
        batch: columns.
        dtype: of the result.
    """
    blocks = -(-batch // 4)
    high = jax.lax.broadcasted_iota(jnp.uint32, (units, blocks), 0)
    low = jax.lax.broadcasted_iota(jnp.uint32, (units, blocks), 1)
    # XLA keeps a concatenation in memory, so that words are computed once for all parts and uses.
    words = jnp.concatenate(threefry(jax.random.key_data(key), high, low), axis=1)
    halves = jnp.concatenate([words >> 16, words & 0xFFFF], axis=1)
    return halves[:, :batch].astype(dtype) * 2.0**-16


def normals(key: jax.Array, units: int, batch: int, dtype: jnp.dtype) -> Float[Array, "units batch"]:
    """Standard normal numbers, from `uniforms` by the quantile function; none is beyond 4.4 in size."""
    return jax.scipy.special.ndtri(uniforms(key, units, batch, dtype) + 2.0**-17).astype(dtype)
