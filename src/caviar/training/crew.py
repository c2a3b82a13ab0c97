"""Who trains lanes: the threads of this process, or a cluster that is handed to `train`.

A crew takes lanes and tells of each until it is done. It decides nothing that a bit depends on: lanes are cut before it
gets them, and every one is driven by `train_lane`, here as in another process.
"""

import functools
from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

import jax

from caviar.data.split import Split
from caviar.network.config import Config, Rows
from caviar.network.layers import Weights
from caviar.training import devices
from caviar.training.checkpoints import Checkpoints, LaneCheckpoint
from caviar.training.drive import Arrival, Standing, drive
from caviar.training.lanes import Lane
from caviar.training.memory import places_with_room, with_less_memory
from caviar.training.plan import part_of_train
from caviar.training.rows import device_data, measured_rows
from caviar.training.side_by_side import News, Tell, side_by_side
from caviar.training.step import Data

RowsOnDevice = Callable[[Rows, devices.Device], Data]


class Work(NamedTuple):
    """What a crew needs to know beside the lanes."""

    split: Split
    configs: Sequence[Config] | Mapping[int, Config]
    """By their place in the list."""
    starts: Mapping[int, Weights | Standing]
    """What networks start from, by their place in the list; the others start from their initialiser."""
    until: int | None
    """The epoch of a rung, at which all stop; None: to the end."""
    checkpoints: Checkpoints | None
    """Where lanes are kept."""


class Crew(Protocol):
    """Trains lanes."""

    @property
    def platform(self) -> str:
        """Of the devices on which it does, in JAX's word: lanes are cut for it."""
        ...

    def places(self, lanes: Sequence[Lane], *, first: bool) -> Any:
        """Where it would train these lanes.

        Args:
            lanes: all that are to be trained.
            first: whether nothing has been trained before.

        Raises:
            BadConfig: there is no room for them.
        """
        ...

    def with_less_memory(self, lanes: Sequence[Lane], places: Any) -> tuple[list[Lane], Any]:
        """Another try for lanes that found no room, see `memory.with_less_memory`."""
        ...

    def train(self, lanes: Sequence[Lane], places: Any, work: Work) -> Generator[News[tuple[Arrival, ...]]]:
        """Train them; closing the generator ends it.

        Yields:
            News whose `job` is the place in `lanes` and whose `part` are `Epochs`; the last ones of a lane bring its
            arrivals, or None where it found no room.
        """
        ...


class Threads:
    """The crew of this process: a thread for each place."""

    def __init__(self, split: Split) -> None:
        """A crew for the rows of one split."""
        self._rows = rows_on_device(split)

    @property
    def platform(self) -> str:
        """Of this process's devices."""
        return devices.places()[0].platform

    def places(self, lanes: Sequence[Lane], *, first: bool) -> Sequence[devices.Device]:
        """As many as there is memory for."""
        return places_with_room(lanes, devices.places(), first=first)

    def with_less_memory(
        self, lanes: Sequence[Lane], places: Sequence[devices.Device]
    ) -> tuple[list[Lane], Sequence[devices.Device]]:
        """Smaller lanes, or fewer at a time."""
        return with_less_memory(lanes, places)

    def train(
        self, lanes: Sequence[Lane], places: Sequence[devices.Device], work: Work
    ) -> Generator[News[tuple[Arrival, ...]]]:
        """Each in the next place that is free."""
        jobs = [functools.partial(self._train, lane, work) for lane in lanes]
        yield from side_by_side(jobs, places)  # pyright: ignore[reportReturnType]  (no result is None as well)

    def _train(self, lane: Lane, work: Work, device: devices.Device, tell: Tell) -> tuple[Arrival, ...] | None:
        kept = None
        if work.checkpoints is not None:
            networks = [work.configs[number] for number in lane.slots]
            own = [work.starts.get(number) for number in lane.slots]
            kept = work.checkpoints.of_lane(work.split, networks, own, work.until)
        return train_lane(lane, work, self._rows, device, tell, kept=kept)


def rows_on_device(split: Split) -> RowsOnDevice:
    """The rows of lanes by their `Config.rows`, put on each device once."""
    return devices.once(lambda kind, _device: jax.device_put(device_data(kind, split)))


def train_lane(
    lane: Lane,
    work: Work,
    rows_on_device: RowsOnDevice,
    device: devices.Device,
    tell: Tell,
    *,
    kept: LaneCheckpoint | None = None,
) -> tuple[Arrival, ...] | None:
    """Train one lane on a device; None where there is no room for it."""
    split, rows = work.split, work.configs[lane.members[0]].rows
    # Nothing is put on the device by name: NumPy arrays and what a program gives back then share its compilation,
    # and `device_put` would take ten times as long for so many small arrays.
    try:
        with jax.default_device(device):
            if part_of_train(rows, split, lane.seed) is None:
                data = rows_on_device((0, rows[1]) if isinstance(rows, tuple) else rows, device)
            else:  # drawn from the same rows as 1.0, of which the order takes its own
                measured = jax.device_put(measured_rows(rows, split, lane.seed))
                data = rows_on_device(1.0, device)._replace(measured=measured)
            return drive(lane, split, work.configs, data, tell, starts=work.starts, until=work.until, kept=kept)
    except jax.errors.JaxRuntimeError as error:
        if "RESOURCE_EXHAUSTED" in str(error):
            return None
        raise
