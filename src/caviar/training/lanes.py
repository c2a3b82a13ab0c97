"""A list of configs becomes lanes: networks of one program that share their random numbers.

What a lane holds follows from its own networks: a network has the same bits whatever else is in the list.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from caviar.data.split import Split
from caviar.network.config import Augment, Config, Rows, Sampling
from caviar.training.plan import FOLDS, Program, lane_size, last_epoch, program_for


class Lane(NamedTuple):
    """Networks of one program that share their random numbers, one dealing of the rows, and what is done to images."""

    program: Program
    sampling: Sampling
    augment: Augment
    seed: int
    size: int
    members: tuple[int, ...]
    """Places in the list of configs, at most `size`."""

    @property
    def slots(self) -> tuple[int, ...]:
        """The network in each of its `size` places: its members, and copies of them."""
        return tuple(self.members[slot % len(self.members)] for slot in range(self.size))


def lanes(configs: Sequence[Config], split: Split, members: Sequence[int] | None = None) -> list[Lane]:
    """Networks that share program, folds and seed, cut into lanes of such as train equally long.

    The dearest lane of every program comes first, so that no core waits for another that compiles; then the others,
    dearest first.

    Args:
        configs: the networks.
        split: their data.
        members: places in the list of those that are to be trained; None: all.
    """
    alike: dict[tuple[Program, float, Sampling, Augment, int], list[int]] = {}
    for number in range(len(configs)) if members is None else members:
        config = configs[number]
        key = program_for(config, split), _dealing(config.rows), config.sampling, config.augmentation, config.seed
        alike.setdefault(key, []).append(number)
    cut = []
    for (program, dealing, sampling, augment, seed), own in alike.items():
        # A network trained on train and dev together shares the compiled program of the folds, lane size included.
        folds = int(dealing) if dealing > 1 else FOLDS
        size = lane_size(program.architecture, folds if program.pool == "train+dev" else 0)
        own.sort(key=lambda number: last_epoch(configs[number], split), reverse=True)
        parts = [tuple(own[i : i + size]) for i in range(0, len(own), size)]
        cut += [Lane(program, sampling, augment, seed, size, part) for part in parts]
    cut.sort(key=lambda lane: -cost(lane, configs, split))
    dearest = {lane.program: lane for lane in reversed(cut)}
    return sorted(cut, key=lambda lane: dearest[lane.program] is not lane)


def _dealing(rows: Rows) -> float:
    """What networks must agree in to share the order of their rows: the number of folds, or the share of train."""
    if isinstance(rows, tuple):
        return rows[1]
    return 0 if isinstance(rows, str) else rows


def cost(lane: Lane, configs: Sequence[Config], split: Split, *, begin: int = 0, until: int | None = None) -> float:
    """Relative cost of training a lane, from some epoch until another one."""
    last = max(last_epoch(configs[number], split) for number in lane.members)
    epochs = (last if until is None else min(last, until)) - begin
    return lane.program.architecture.products_per_row * epochs


def halves(lane: Lane) -> tuple[Lane, ...]:
    """The same networks in lanes of half the size."""
    size = lane.size // 2
    parts = [lane.members[i : i + size] for i in range(0, len(lane.members), size)]
    return tuple(lane._replace(size=size, members=part) for part in parts)


@dataclasses.dataclass(frozen=True)
class Workload:
    """What training a list of networks takes, before it is begun.

    Attributes:
        programs: compiled programs.
        products: multiplications, places that are only filled up included.
    """

    programs: int
    products: float


def workload(split: Split, configs: Sequence[Config]) -> Workload:
    """What `train` would have to do for these configs, as if none stopped early."""
    cut = lanes(configs, split)
    rows: Mapping[str, int] = {"train": split.n_train, "train+dev": split.rows}
    products = sum(3 * lane.size * cost(lane, configs, split) * rows[lane.program.pool] for lane in cut)
    return Workload(len({lane.program for lane in cut}), products)
