"""Lanes on disk, so that training goes on where it was interrupted, to the same bits.

A checkpoint holds all that travels through the program: weights, moments, batch norm's averages, early stopping and the
history; order and random numbers follow from seed and step. It is kept under what its bits follow from - data, configs,
starting weights, versions - so that another list, or another version, never finds it. One file per lane, replaced as a
whole; of NumPy arrays, never a pickle.
"""

import hashlib
import json
import os
import time
import warnings
from collections.abc import Callable, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.network.own import initial_weights, own_network
from caviar.training.plan import inputs_of
from caviar.training.step import Measures, State

WRITTEN_BY = " ".join(f"{name} {version(name)}" for name in ("caviar", "jax", "jaxlib", "numpy"))
"""Other versions may train other bits: what they wrote is not taken."""

SECONDS = 20.0
"""Between two checkpoints of a lane."""


class Journey(NamedTuple):
    """A lane between two calls of its program."""

    at: int
    """Steps that are done."""
    state: State
    """With the axis `networks`."""
    recorded: list[Measures]
    """Parts of the history, each of shape (networks, epochs)."""


class Checkpoints:
    """Lanes in a folder."""

    def __init__(self, folder: str | os.PathLike[str], seconds: float = SECONDS) -> None:
        """A store.

        Args:
            folder: made where it is missing.
            seconds: between two checkpoints of a lane, beside the one at its end and the one of an interruption.

        Raises:
            BadRun: it cannot be made.
        """
        self._folder, self._seconds = Path(folder), seconds
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise BadRun(
                f"Checkpoints need a folder that can be written, got {self._folder} ({error}). Name another one."
            ) from None

    def of_lane(
        self, split: Split, networks: Sequence[Config], starts: Sequence[Any], until: int | None
    ) -> "LaneCheckpoint":
        """The checkpoint of a lane that this process trains; the arguments are those of `lane_name`."""
        file = self.file(lane_name(split, networks, starts, until, this_machine()))
        return LaneCheckpoint(file.read, file.write, seconds=self._seconds, where=str(file.path))

    def file(self, name: str) -> "LaneFile":
        """The file of a lane of this name."""
        return LaneFile(self._folder / f"{name}.safetensors")


class LaneFile:
    """One lane in one file, which is whole or not there."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def read(self) -> bytes | None:
        """What it holds; None where there is none."""
        try:
            return self.path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise BadRun(
                f"A checkpoint must be a file that can be read, but {self.path} cannot be ({error}). Remove it, and "
                "its networks are trained from the start."
            ) from None

    def write(self, lane: bytes) -> None:
        """Replace it.

        Raises:
            BadRun: it cannot be written.
        """
        try:
            with write_atomically(self.path) as path:
                path.write_bytes(lane)
        except OSError as error:
            raise BadRun(
                f"Checkpoints need space in a folder that can be written, but {self.path} cannot be ({error}). Make "
                "room, and repeat the call: it goes on at the last checkpoint."
            ) from None


def this_machine() -> tuple[str, str]:
    """The kind of machine on which this process trains: platform and device."""
    device = jax.local_devices()[0]
    return device.platform, device.device_kind


def lane_name(
    split: Split, networks: Sequence[Config], starts: Sequence[Any], until: int | None, machine: tuple[str, str]
) -> str:
    """The name of a lane's checkpoint, from all that its bits follow from.

    Args:
        split: its data.
        networks: the config in every place of the lane.
        starts: what each starts from: None, or arrays in any nesting.
        until: the epoch at which it stops.
        machine: platform and kind of the device that trains it.
    """
    about = (split.fingerprint, split.image_shape, split.x.dtype, WRITTEN_BY, until, len(networks))
    made = hashlib.sha256(f"{about} {(*machine, jax.config.values['jax_threefry_partitionable'])}".encode())
    for config, start in zip(networks, starts, strict=True):
        made.update(json.dumps(config.to_json(), sort_keys=True).encode())
        for values in jax.tree.leaves(start):
            _add(made, values)
        if config.network is not None:
            inputs = inputs_of(split.width, split.image_shape)
            made.update(own_network(config, inputs).mark.encode())
            for values in jax.tree.leaves(initial_weights(config)):
                _add(made, values)
    return made.hexdigest()[:32]


def _add(made: Any, values: Any) -> None:
    array = np.ascontiguousarray(values)
    made.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())


class LaneCheckpoint:
    """One lane between its calls, wherever its bytes are kept."""

    def __init__(
        self,
        read: Callable[[], bytes | None],
        write: Callable[[bytes], None],
        *,
        seconds: float,
        where: str,
        end: bool = True,
    ) -> None:
        """A checkpoint.

        Args:
            read: gives what was kept last, None where nothing was.
            write: keeps it.
            seconds: between two of them; where keeping one takes long, so many that it takes a twentieth of the time.
            where: it is kept, in words.
            end: whether the lane is kept when it is done.
        """
        self.end = end
        self._read, self._write, self._seconds, self._where = read, write, seconds, where
        self._last, self._took = time.monotonic(), 0.0

    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._last >= max(self._seconds, 20 * self._took)

    def keep(self, journey: Journey) -> None:
        """Replace the checkpoint.

        Raises:
            BadRun: it cannot be written.
        """
        began = time.monotonic()
        history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *journey.recorded)
        leaves = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves((journey.state, history))]
        self._write(save({f"{n:04d}": leaf for n, leaf in enumerate(leaves)}, metadata={"at": str(journey.at)}))
        self._last = time.monotonic()
        self._took = self._last - began

    def recall(self, fresh: Journey, history: Measures) -> Journey | None:
        """The lane where it was; None where there is no checkpoint, or, with a warning, one that cannot be read.

        Args:
            fresh: the lane before its first step.
            history: of its structure.
        """
        kept = self._read()
        if kept is None:
            return None
        structure = jax.tree.structure((fresh.state, history))
        try:
            arrays = load(kept)
            state, recorded = jax.tree.unflatten(structure, [arrays[f"{n:04d}"] for n in range(structure.num_leaves)])
            return Journey(steps_done(kept), state, [recorded])
        except (SafetensorError, KeyError, ValueError, TypeError) as error:
            warnings.warn(
                f"A checkpoint must be a file that caviar wrote, but {self._where} cannot be read ({error}). Its "
                "networks are trained from the start.",
                stacklevel=2,
            )
            return None


def steps_done(lane: bytes) -> int:
    """The steps that a checkpoint has behind it.

    Raises:
        ValueError: it is none.
    """
    length = int.from_bytes(lane[:8], "little")
    header = json.loads(lane[8 : 8 + length])
    try:
        return int(header["__metadata__"]["at"])
    except (KeyError, TypeError):
        raise ValueError("it does not say how far it is") from None
