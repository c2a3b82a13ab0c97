"""Rungs: configs that are plainly not among the best are stopped early, in a whole generation at once.

Successive halving asks at a few epochs who belongs to the better third; Hyperband does so with brackets that stop
early, later or never, one bracket per generation, because nobody knows how soon a curve tells its end.

At which epochs: most / eta^k, with `most` the epochs of the config that is to train longest, the same for all configs,
because networks are trained in lock step. Configs may plan fewer epochs. A schedule that is laid out over its epochs
(cosine, one_cycle) gains most near its end, so at equal epochs a config with a longer plan of this kind is behind one
with a shorter plan that may be no better: such a config is compared only with those of its kind that have planned at
least as many epochs, and with all of other schedules, which do not depend on the plan. One whose own schedule does not
wait for its end is compared with all.

Who is stopped: a config for which, among those it may be compared with, as many as would go on (1 / eta of them, itself
counted) are better beyond noise; see `noise.worse`. So a config that is truly among them is stopped, over all rungs of
its training, with a chance of at most 1 - `noise.LEVEL`, however many configs there are: of the observed best at least
one is then truly no better than it, and would have to look better beyond noise. What looks alike goes on, and more than
1 / eta may. With several objectives only those count that also cost no more, which is halving among the configs that
are no larger: the smallest network always goes on.

Source: Jamieson & Talwalkar 2016; Li et al. 2018, JMLR 18:185 (Hyperband).
"""

import dataclasses
import math
from collections.abc import Sequence
from typing import Literal, NamedTuple, get_args

import numpy as np

from caviar.arrays import Mask, Whole
from caviar.data.split import Split
from caviar.errors import BadSpace, nearest
from caviar.network.config import Config
from caviar.training.plan import epochs_planned
from caviar.tuning.noise import LEVEL, Standing, worse

RungsKind = Literal["halving", "hyperband"]

ETA = 3
"""One of so many configs goes on at a rung where noise allows it; Li et al. 2018 advise 3 or 4."""

RUNGS = 2
"""Rungs of a training where nothing else is asked: at a ninth and a third of the most epochs."""

LEAST_EPOCHS = 3
"""Before the first rung where nothing else is asked: with fewer nothing is known of how curves go up and down."""

FOLLOWING = ("cosine", "one_cycle")
"""Schedules that are laid out over the planned epochs."""


class Bracket(NamedTuple):
    """How one generation is judged."""

    epochs: tuple[int, ...]
    """Of its rungs, rising, as many as s of Li et al.; none where all are trained to their end."""
    share: float
    """Configs, as a part of those of the largest bracket: all brackets would train equally many epochs if each rung
    began anew; as networks go on where they were, those with many rungs train up to 1 / eta fewer."""


@dataclasses.dataclass(frozen=True)
class Rungs:
    """When configs are compared, and how many there are.

    Attributes:
        kind: halving | hyperband.
        eta: one of so many goes on at a rung, above 1; Optuna and Ray call it the reduction factor.
        least: fewest epochs before a rung; None: two rungs, but none before epoch 3.
        most: epochs of the config that may train longest; None: of those of the generation.
        strict: stop by rank alone, as Hyperband is written down, whatever noise says: fewer epochs for each config, and
            some that belong among the best are lost. Otherwise only what is plainly worse is stopped.
    """

    kind: RungsKind = "halving"
    eta: float = ETA
    least: int | None = None
    most: int | None = None
    strict: bool = dataclasses.field(default=False, repr=False)  # studies that were begun without it go on

    def __post_init__(self) -> None:
        if self.kind not in get_args(RungsKind):
            kinds = get_args(RungsKind)
            raise BadSpace(f"Rungs.kind must be halving or hyperband, got {self.kind!r}. {nearest(self.kind, kinds)}")
        if not 1 < self.eta < math.inf:
            raise BadSpace(f"Rungs.eta must be above 1 and finite, got {self.eta}. 3 lets a third go on at a rung.")
        for name in ("least", "most"):
            value = getattr(self, name)
            if value is not None and (not isinstance(value, int) or value < 1):
                raise BadSpace(
                    f"Rungs.{name} must be a whole number of epochs from 1 on, got {value!r}. Or leave it out."
                )
        if self.least is not None and self.most is not None and self.least > self.most:
            raise BadSpace(
                f"Rungs.least must be at most Rungs.most = {self.most}, got {self.least}. Lower least or raise most."
            )

    def of_most(self, most: int) -> "Rungs":
        """The same rungs where the config that may train longest has so many epochs, unless they say it themselves."""
        return self if self.most else dataclasses.replace(self, most=max(most, self.least or 1))

    def bracket(self, generation: int, most: int | None = None) -> Bracket:
        """How a generation is judged.

        Args:
            generation: counted from 0; with Hyperband the brackets take turns, the one that stops earliest first.
            most: epochs of the config that trains longest, where `Rungs.most` does not say it.
        """
        epochs = self._epochs(self.most or most or 1)
        largest = len(epochs)
        number = largest - generation % (largest + 1) if self.kind == "hyperband" else largest
        share = (largest + 1) / (number + 1) * self.eta ** (number - largest)
        return Bracket(tuple(epochs[:number][::-1]), share)

    def size(self, generation: int, size: int, most: int | None = None) -> int:
        """Configs of a generation.

        Args:
            generation: counted from 0.
            size: of the largest generation.
            most: see `bracket`.
        """
        return max(1, math.ceil(round(size * self.bracket(generation, most).share, 9)))

    def _epochs(self, most: int) -> list[int]:
        """Of all rungs that there may be, the last first."""
        least, epochs, k = LEAST_EPOCHS if self.least is None else self.least, [], 1
        while (epoch := math.ceil(round(most / self.eta**k, 9))) >= max(2, least):
            if epoch < (epochs or [most])[-1]:
                epochs.append(epoch)
            k += 1
        if least == 1 and most > 1:
            epochs += [1] if 1 not in epochs else []
        return epochs if self.least is not None else epochs[:RUNGS]


def rungs_of(what: "str | Rungs | None") -> Rungs | None:
    """Rungs by a word or as they are; None: there are none.

    Raises:
        BadSpace: another word.
    """
    if what is None or isinstance(what, Rungs):
        return what
    return Rungs(what)  # pyright: ignore[reportArgumentType]


def may_stop(configs: Sequence[Config], split: Split, costs: Sequence[tuple[float, ...]]) -> Mask:
    """By whom a config may be stopped, where that one is better: shape (configs, configs), [i, j]: i by j.

    Args:
        configs: as they are compared.
        split: their data.
        costs: the objectives beside the error of each, less is better.
    """
    follows = np.array([config.schedule in FOLLOWING for config in configs])
    planned = np.array([epochs_planned(config, split) for config in configs])
    fair = ~(follows[:, None] & follows[None, :]) | (planned[None, :] >= planned[:, None])
    price = np.array([list(own) for own in costs], float).reshape(len(configs), -1)
    cheap = (price[None, :, :] <= price[:, None, :]).all(axis=2)
    return fair & cheap & ~np.eye(len(configs), dtype=bool)


def go_on(standings: Sequence[Standing], may: Mask, *, eta: float, rungs: int = 1, strict: bool = False) -> Mask:
    """Who goes on at a rung; see above.

    Args:
        standings: of all configs, on equal rows.
        may: see `may_stop`.
        eta: one of so many goes on where noise allows it.
        rungs: of the training, among which the chance of an error is divided.
        strict: whether any difference counts, whatever noise says.

    Returns:
        Shape (configs,).
    """
    criteria = np.array([one.criterion for one in standings])
    behind = criteria[:, None] > criteria[None, :] if strict else worse(standings, (1 - LEVEL) / rungs)
    better: Whole = (behind & may).sum(axis=1)
    needed = np.maximum(1, np.ceil(np.round((may.sum(axis=1) + 1) / eta, 9)))
    return better < needed
