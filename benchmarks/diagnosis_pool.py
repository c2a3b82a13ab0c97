"""Healthy configs of a data set: the best of 50 random ones, and those that lie within noise of it.

Random configs have 1 to 6 layers of 16 to 64 units, every activation and optimiser, rates around the optimiser's usual
one, with and without normalisation, dropout, L2 and decay of the rate. A few shapes of networks are drawn first, so
that configs share compiled programs. All are judged with three seeds, and those near the best with four more. The best
of the first 50 is chosen by all seven; healthy is whose loss on dev rows, with the last four, is not higher than the
best's beyond the 95 % interval, and of which no network diverged.
"""

import dataclasses
from collections import Counter
from typing import Any, get_args

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.intervals import paired_gain
from caviar.network.activations import ActivationName
from caviar.network.config import OPTIMIZERS, Config, OptimizerName
from caviar.training.workbench import Workbench
from diagnosis_sets import Data

RANDOM, MORE, FURTHER = 50, 46, 96
"""Random configs among which the best is chosen, and further ones that may be healthy, of the same and other shapes."""

CHOOSING, COMPARING = (1, 2, 3), (21, 22, 23, 24)
"""Seeds of all configs, and of those near the best: by the latter they are compared with it."""

MOST = 40
"""Healthy cases of one data set."""

FAMILIES: tuple[tuple[ActivationName, ...], ...] = (
    ("relu", "leaky_relu"),
    ("tanh", "sigmoid", "silu", "gelu"),
    ("elu", "selu"),
)
STARTS = {"tanh": ("glorot", "lecun", "orthogonal"), "sigmoid": ("glorot", "lecun"), "selu": ("lecun", "glorot")}
_RATES: dict[OptimizerName, tuple[float, float]] = {
    "sgd": (0.03, 0.6),
    "momentum": (0.03, 0.6),
    "nesterov": (0.03, 0.6),
    "rmsprop": (3e-4, 6e-3),
    "adam": (5e-4, 1e-2),
    "adamw": (5e-4, 1e-2),
}


@dataclasses.dataclass(frozen=True, eq=False)
class Pool:
    """What was found on one data set.

    Attributes:
        best: of the random configs.
        plain: the best healthy one without normalisation and dropout, on which faults show.
        healthy: within noise of the best, the best among them.
        loss: mean loss on dev rows by config, over the comparing seeds.
        judged: configs that were drawn.
    """

    best: Config
    plain: Config
    healthy: tuple[Config, ...]
    loss: dict[Config, float]
    judged: int


def random_configs(data: Data, seed: int = 0) -> list[Config]:
    """Configs as people would set them, in random order."""
    stream = np.random.default_rng([seed, *data.name.encode()])

    def among(options: Any) -> Any:
        return options[int(stream.integers(len(options)))]

    def between(low: float, high: float) -> float:
        return float(f"{low * (high / low) ** stream.random():.3g}")

    shapes = []
    families = stream.permutation([0, 0, 1, 1, 2, 2])
    norms = stream.permutation(np.array([{}, {}, {}, {}, {"batch_norm": True}, {"layer_norm": True}]))
    for depth, family, norm in zip(range(1, 7), families, norms, strict=True):
        drops, wide, batch = stream.random() < 0.25, stream.random() < 0.6, among(data.batch_sizes)
        shapes.append((depth, FAMILIES[family], norm, drops, (33, 64) if wide else (17, 32), batch))
    found: dict[Config, None] = {}
    while len(found) < RANDOM + MORE:
        depth, family, norm, drops, width, batch = shapes[len(found) % len(shapes)]
        activation, optimizer = among(family), among(OPTIMIZERS)
        decays = {"l2": between(1e-5, 1e-2) * len(data.x)} if stream.random() < 0.3 else {}
        if optimizer == "adamw":
            decays = {"weight_decay": between(1e-3, 1e-1)}
        config = Config(
            hidden_units=(int(stream.integers(*width, endpoint=True)),) * depth,
            activation=activation,
            initializer=among(STARTS.get(activation, ("he", "he", "lecun", "orthogonal"))),
            optimizer=optimizer,
            learning_rate=between(*_RATES[optimizer]),
            batch_size=batch,
            epochs=round(between(*data.epochs)),
            schedule=among(("constant", "constant", "cosine")),
            dropout=round(float(stream.uniform(0.05, 0.3)), 2) if drops else 0.0,
            **norm,
            **decays,
        )
        found[config] = None
    return [list(found)[i] for i in stream.permutation(len(found))]


def losses_of(split: Split, configs: list[Config], seeds: tuple[int, ...], bench: Workbench) -> dict[Config, Numbers]:
    """Losses on dev rows, (seeds, rows), by config; trained in one list; none where a network diverged."""
    came = iter(bench.judge(split, [config.changed(seed=seed) for config in configs for seed in seeds]))
    scores = {config: [next(came) for _ in seeds] for config in configs}
    return {
        config: np.stack([score.loss for score in own])
        for config, own in scores.items()
        if all(score.status != "diverged" for score in own)
    }


def find_pool(data: Data, split: Split, bench: Workbench) -> Pool:
    """Draw, train and compare the configs of one data set."""
    base = random_configs(data)
    drawn = [*base, *random_configs(data, seed=1)[:FURTHER]]
    first = losses_of(split, drawn, CHOOSING, bench)
    best = min((c for c in drawn[:RANDOM] if c in first), key=lambda config: float(first[config].mean()))
    near = [c for c in first if c == best or paired_gain(first[c], first[best]).low <= 0]
    again = losses_of(split, near, COMPARING, bench)
    both = {config: np.concatenate([first[config], again[config]]) for config in again}
    best = min((c for c in drawn[:RANDOM] if c in both), key=lambda config: float(both[config].mean()))
    healthy = [c for c in again if c == best or paired_gain(again[c], again[best]).low <= 0]
    loss = {config: float(again[config].mean()) for config in again}
    plain = [c for c in healthy if c in base and not (c.batch_norm or c.layer_norm or c.dropout)]
    return Pool(
        best=best,
        plain=min(plain or [best], key=loss.__getitem__),
        healthy=(best, *_varied([config for config in healthy if config != best])[: MOST - 1]),
        loss=loss,
        judged=len(drawn),
    )


def _varied(configs: list[Config]) -> list[Config]:
    """The same, ordered so that any first part has depths, activations and optimisers as evenly as they are there."""
    counts: Counter[Any] = Counter()
    left, ordered = list(configs), []
    while left:
        config = min(left, key=lambda c: sum(counts[part] for part in _parts(c)))
        left.remove(config)
        counts.update(_parts(config))
        ordered.append(config)
    return ordered


def _parts(config: Config) -> tuple[Any, ...]:
    return ("depth", config.layers), config.activations[0], config.optimizer


def qualities(configs: list[Config]) -> dict[str, Counter[Any]]:
    """How many configs have each depth, activation and optimiser; 0 is told too."""
    return {
        "depth": Counter({depth: sum(c.layers == depth for c in configs) for depth in range(1, 7)}),
        "activation": Counter({a: sum(a in c.activations for c in configs) for a in get_args(ActivationName)}),
        "optimizer": Counter({o: sum(c.optimizer == o for c in configs) for o in OPTIMIZERS}),
    }
