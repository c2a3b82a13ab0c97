"""Exponentially weighted averages, the one recursion behind momentum, RMSprop, Adam, batch norm and smoothed curves."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int
from numpy.typing import ArrayLike

from caviar.arrays import Numbers
from caviar.errors import BadConfig


def blend(average: Float[Array, "..."], value: Float[Array, "..."], beta: Float[Array, ""]) -> Float[Array, "..."]:
    """One step: v = beta v + (1 - beta) theta."""
    return beta * average + (1 - beta) * value


def weight_of(beta: Float[Array, ""], count: Int[Array, ""]) -> Float[Array, ""]:
    """1 - beta^t, by which an average over t values is divided to correct its bias.

    To full precision also for beta near 1 and small t.
    """
    return -jnp.expm1(count.astype(beta.dtype) * jnp.log(beta))


def ewa(values: ArrayLike, beta: float, bias_correction: bool = True) -> Numbers:
    """Exponentially weighted average of a series, about the mean of the last 1 / (1 - beta) values.

        v_t = beta v_(t-1) + (1 - beta) theta_t,  v_0 = 0;  corrected: v_t / (1 - beta^t)

    The correction is read off and never fed back into the recursion.

    Args:
        values: theta, shape (steps, ...); averaged along the first axis.
        beta: weight of the past, in [0, 1).
        bias_correction: divide by 1 - beta^t, so that the first values are not drawn towards 0.

    Returns:
        float64 array of the shape of `values`.

    Raises:
        BadConfig: beta outside [0, 1), or a single number instead of a series.

    Source: course section 5; Kingma & Ba 2015, section 3, for the correction.
    """
    from scipy.signal import lfilter  # noqa: PLC0415  (slow to import, and few need it)

    series = np.asarray(values, float)
    if series.ndim == 0:
        raise BadConfig(f"caviar.ewa needs a series of values along the first axis, got the single number {series}.")
    if not 0 <= beta < 1:
        raise BadConfig(
            f"The beta of caviar.ewa must be in [0, 1), got {beta}. It averages about 1 / (1 - beta) values."
        )
    if series.shape[0] == 0:
        return series
    averaged = np.asarray(lfilter([1 - beta], [1, -beta], series, axis=0))
    if bias_correction:
        weight = 1 - beta ** np.arange(1, len(series) + 1)
        averaged = averaged / weight.reshape(-1, *[1] * (series.ndim - 1))
    return averaged
