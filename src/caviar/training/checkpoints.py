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
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.network.own import initial_weights, own_network
from caviar.training.plan import inputs_of
from caviar.training.step import Measures, State

WRITTEN_BY = " ".join(f"{name} {version(name)}" for name in ("caviar", "jax", "jaxlib", "numpy"))
"""Other versions may train other bits: what they wrote is not taken."""

_SECONDS = 20.0


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

    def __init__(self, folder: str | os.PathLike[str], seconds: float = _SECONDS) -> None:
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
        """The checkpoint of a lane.

        Args:
            split: its data.
            networks: the config in every place of the lane.
            starts: what each starts from: None, or arrays in any nesting.
            until: the epoch at which it stops.
        """
        device = jax.local_devices()[0]
        about = (split.fingerprint, split.image_shape, split.x.dtype, WRITTEN_BY, until, len(networks))
        machine = (device.platform, device.device_kind, jax.config.values["jax_threefry_partitionable"])
        made = hashlib.sha256(f"{about} {machine}".encode())
        for config, start in zip(networks, starts, strict=True):
            made.update(json.dumps(config.to_json(), sort_keys=True).encode())
            for values in jax.tree.leaves(start):
                _add(made, values)
            if config.network is not None:
                inputs = inputs_of(split.width, split.image_shape)
                made.update(own_network(config, inputs).mark.encode())
                for values in jax.tree.leaves(initial_weights(config)):
                    _add(made, values)
        return LaneCheckpoint(self._folder / f"{made.hexdigest()[:32]}.safetensors", self._seconds)


def _add(made: Any, values: Any) -> None:
    array = np.ascontiguousarray(values)
    made.update(f"{array.shape} {array.dtype}".encode() + array.tobytes())


class LaneCheckpoint:
    """One lane in one file."""

    def __init__(self, path: Path, seconds: float) -> None:
        self._path, self._seconds, self._last = path, seconds, time.monotonic()

    def due(self) -> bool:
        """Whether the last checkpoint is old enough for another."""
        return time.monotonic() - self._last >= self._seconds

    def keep(self, journey: Journey) -> None:
        """Replace the checkpoint.

        Raises:
            BadRun: it cannot be written.
        """
        history = jax.tree.map(lambda *parts: np.concatenate(parts, axis=1), *journey.recorded)
        leaves = [np.ascontiguousarray(leaf) for leaf in jax.tree.leaves((journey.state, history))]
        try:
            with write_atomically(self._path) as path:
                save_file({f"{n:04d}": leaf for n, leaf in enumerate(leaves)}, path, metadata={"at": str(journey.at)})
        except (OSError, SafetensorError) as error:
            raise BadRun(
                f"Checkpoints need space in a folder that can be written, but {self._path} cannot be ({error}). Make "
                "room, and repeat the call: it goes on at the last checkpoint."
            ) from None
        self._last = time.monotonic()

    def recall(self, fresh: Journey, history: Measures) -> Journey | None:
        """The lane where it was; None where there is no checkpoint, or, with a warning, one that cannot be read.

        Args:
            fresh: the lane before its first step.
            history: of its structure.
        """
        if not self._path.exists():
            return None
        structure = jax.tree.structure((fresh.state, history))
        try:
            with safe_open(self._path, framework="numpy") as file:
                leaves = [file.get_tensor(f"{n:04d}") for n in range(structure.num_leaves)]
                state, recorded = jax.tree.unflatten(structure, leaves)
                return Journey(int(file.metadata()["at"]), state, [recorded])
        except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
            warnings.warn(
                f"A checkpoint must be a file that caviar wrote, but {self._path} cannot be read ({error}). Its "
                "networks are trained from the start.",
                stacklevel=2,
            )
            return None
