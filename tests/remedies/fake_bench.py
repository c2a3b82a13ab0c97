"""A bench that trains nothing: the loss of a config is what a test says, and every call is written down."""

import zlib
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from hypothesis import strategies as st

from caviar.data.split import Split
from caviar.network.activations import ACTIVATIONS
from caviar.network.config import DECAYING, OPTIMIZERS, SCHEDULES, Config
from caviar.remedies.remedy import Remedy
from caviar.training.scores import Score
from diagnosis.made_scores import score

ROWS = 120


class FakeBench:
    """Judges by a formula.

    Attributes:
        judged: lists that were judged, in order.
        glanced: lists at which it was glanced.
        rescaled: scales of the splits that came.
    """

    def __init__(
        self, loss: Callable[[Config, Split], float], *, noise: float = 0.1, fits: bool = False, **others: Any
    ) -> None:
        """Mean loss of a config, standard deviation of each row's own noise, and other parts of every score."""
        self.judged: list[list[Config]] = []
        self.glanced: list[list[Config]] = []
        self.scales: set[str] = set()
        self._loss, self._noise, self._fits, self._others = loss, noise, fits, others

    def judge(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.judged.append(list(configs))
        return self._scores(split, configs)

    def glance(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.glanced.append(list(configs))
        return self._scores(split, configs)

    def fits(self, split: Split, configs: Sequence[Config]) -> bool:  # noqa: ARG002  the protocol's
        return self._fits

    def _scores(self, split: Split, configs: Sequence[Config]) -> list[Score]:
        self.scales.add(split.scale)
        return [score(c, loss=self._losses(split, c), error=self._losses(split, c), **self._others) for c in configs]

    def _losses(self, split: Split, config: Config) -> np.ndarray:
        """One loss per row: hard rows are hard for everyone, the rest is this network's own."""
        hard = np.random.default_rng(0).exponential(size=ROWS)
        own = np.random.default_rng(zlib.crc32(f"{config} {split.scale}".encode()))
        return self._loss(config, split) + hard + self._noise * own.normal(size=ROWS)


def remedy(name: str, **settings: Any) -> Remedy:
    """A remedy of which only the settings matter."""
    scale = settings.pop("scale", "keep")
    return Remedy(name, "bias", settings, "to see what happens", "none", "a test", scale)


@st.composite
def configs(draw: st.DrawFn, *, smoothing: bool = True) -> Config:
    """Any kind of config: linear or deep, per layer or for all layers, every optimiser and schedule."""
    units = tuple(draw(st.lists(st.sampled_from([1, 5, 64, 300, 600]), max_size=3)))
    schedule = draw(st.sampled_from(SCHEDULES))

    def per_layer(values: st.SearchStrategy) -> st.SearchStrategy:
        return values | st.tuples(*[values] * len(units))

    return Config(
        hidden_units=units,
        activation=draw(per_layer(st.sampled_from(ACTIVATIONS))),
        dropout=draw(per_layer(st.sampled_from([0.0, 0.2, 0.5]))),
        batch_norm=bool(units) and draw(st.booleans()),
        optimizer=draw(st.sampled_from(OPTIMIZERS)),
        learning_rate=draw(st.sampled_from([None, 0.01])),
        schedule=schedule,
        decay_rate=draw(st.sampled_from([None, 0.9])) if schedule in DECAYING else None,
        l2=draw(st.sampled_from([0.0, 0.3])),
        weight_decay=draw(st.sampled_from([0.0, 0.01])),
        label_smoothing=draw(st.sampled_from([0.0, 0.1])) if smoothing else 0.0,
        epochs=draw(st.sampled_from([None, 1, 40])),
        stop_after=draw(st.sampled_from([None, 1])),
        early_stopping=draw(st.sampled_from([None, 5])),
        batch_size=draw(st.sampled_from([64, "full"])),
        seed=draw(st.integers(0, 3)),
    )
