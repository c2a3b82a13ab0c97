"""How an error falls with rows: a power law fitted to what was measured, with a band.

    error(n) = a (n / N)^-b + c,      a >= 0,  0 < b <= 2,  c >= 0,      N the most rows that were measured

For a given b the best a and c follow in closed form, so that the fit is the best of all b: it needs no start and does
not fail. Where errors do not fall, a is 0. The band comes from fitting what seeds and rows drawn again would have
shown; what seeds lack by being few is made good by Student's t.

Source: Viering & Loog 2023, IEEE TPAMI 45:7799 (the shape of learning curves; POW3 among the best that are fitted).
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
from scipy import stats

from caviar.arrays import Numbers
from caviar.diagnosis.intervals import LEVEL, Estimate

EXPONENTS = (0.02, 2.0)
"""The least and the largest b; by less than the least nothing is told from a line in log n."""

_COARSE, _FINE, _REFINED = 40, 11, 3
_ENDS = ((1 - LEVEL) / 2, (1 + LEVEL) / 2)


@dataclasses.dataclass(frozen=True, eq=False)
class PowerLaw:
    """A fitted curve.

    Attributes:
        a: what more rows can take away of the error at `most` rows.
        b: how fast: 2^-b of it is left with twice the rows.
        c: what no number of rows takes away.
        most: rows N.
        held_out: rows on which the errors were measured.
        drawn: (resamples, 3) a, b, c with seeds and rows drawn again.
        stretch: by how much the band of the resamples is too narrow, since seeds are few: Student's quantile with the
            degrees of freedom of the seeds of all points, over the normal one.
    """

    a: float
    b: float
    c: float
    most: float
    held_out: int
    drawn: Numbers
    stretch: float

    def at(self, rows: float) -> Estimate:
        """The error with so many rows."""
        return self._estimate(self._of(self._own, rows)[0], self._of(self.drawn, rows))

    def gain(self, rows: float) -> Estimate:
        """By how much the error falls from `most` rows to so many."""
        value, drawn = (self._of(laws, self.most) - self._of(laws, rows) for laws in (self._own, self.drawn))
        return self._estimate(value[0], drawn)

    def rows_for(self, error: float) -> Estimate:
        """Rows with which the error is so large; infinite where no number of them suffices."""
        needed = float(_rows_for(self._own, error, self.most)[0])
        low, high = np.quantile(_rows_for(self.drawn, error, self.most), _ENDS, method="nearest")
        return Estimate(needed, min(float(low), needed), max(float(high), needed), self.held_out)

    def to_json(self) -> dict[str, Any]:
        """The parameters, as plain values."""
        return {"a": self.a, "b": self.b, "c": self.c, "rows": self.most}

    @property
    def _own(self) -> Numbers:
        return np.array([[self.a, self.b, self.c]])

    def _of(self, laws: Numbers, rows: float) -> Numbers:
        a, b, c = laws.T
        return a * (rows / self.most) ** -b + c

    def _estimate(self, value: float, drawn: Numbers) -> Estimate:
        low, high = np.quantile(drawn, _ENDS)
        low, high = min(0.0, low - value), max(0.0, high - value)
        return Estimate(
            float(value),
            float(max(0.0, value + self.stretch * low)),
            float(value + self.stretch * high),
            self.held_out,
        )


def fit(rows: Sequence[float], values: Numbers, drawn: Numbers, *, seeds: int, held_out: int) -> PowerLaw:
    """Fit errors that were measured at several numbers of rows.

    Args:
        rows: (points,) training rows, rising.
        values: (points,) errors, at least 0.
        drawn: (resamples, points) the same with seeds and held-out rows drawn again, the same ones for all points.
        seeds: networks behind each value.
        held_out: rows on which they were measured.

    Returns:
        The law with the least squares, each point weighted by its noise.
    """
    n = np.asarray(rows, float) / rows[-1]
    noise = drawn.var(axis=0)
    weight = 1 / np.maximum(noise, max(1e-3 * noise.max(), 1e-12))
    a, b, c = _best(n, values[None], weight)[0].tolist()
    freedom = len(n) * (seeds - 1) or np.inf  # the noise of a single seed is not known at all
    stretch = stats.t.ppf(_ENDS[1], freedom) / stats.norm.ppf(_ENDS[1])
    return PowerLaw(a, b, c, float(rows[-1]), held_out, _best(n, drawn, weight), float(stretch))


def _best(n: Numbers, values: Numbers, weight: Numbers) -> Numbers:
    """(curves, 3) the a, b, c with the least weighted squares for each row of `values`, shape (curves, points)."""
    coarse = np.geomspace(*EXPONENTS, _COARSE)
    found = _of_exponents(n, values, weight, np.tile(coarse, (len(values), 1)))
    step = np.log(coarse[1] / coarse[0])
    for _ in range(_REFINED):
        around = np.clip(found[:, 1:2] * np.exp(step * np.linspace(-1, 1, _FINE)), *EXPONENTS)
        found = _of_exponents(n, values, weight, around)
        step *= 2 / (_FINE - 1)
    return found


def _of_exponents(n: Numbers, values: Numbers, weight: Numbers, exponents: Numbers) -> Numbers:
    """The best law among some exponents, shape (curves, exponents), of each curve."""
    w = weight / weight.sum()
    x, y = n ** -exponents[..., None], values[:, None, :]
    mean_x, mean_y = (x * w).sum(-1), (y * w).sum(-1)
    xx, xy = (x * x * w).sum(-1), (x * y * w).sum(-1)
    a = np.maximum(0, (xy - mean_x * mean_y) / np.maximum(xx - mean_x**2, 1e-300))
    c = mean_y - a * mean_x
    through_0 = c < 0
    a, c = np.where(through_0, np.maximum(0, xy / xx), a), np.where(through_0, 0, c)
    misfit = (np.square(a[..., None] * x + c[..., None] - y) * w).sum(-1)
    best = np.argmin(misfit, axis=1)[:, None]
    return np.concatenate([np.take_along_axis(part, best, 1) for part in (a, exponents, c)], axis=1)


def _rows_for(laws: Numbers, error: float, most: float) -> Numbers:
    a, b, c = laws.T
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):  # what cannot be reached is infinite
        return np.where(error > c, most * (a / (error - c)) ** (1 / b), np.inf)
