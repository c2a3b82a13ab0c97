"""A lane in another process: an `Errand` goes there, and `Report`s come back.

Both are plain values that can be pickled. What a process needs again and again - rows, compiled programs, the functions
of a person's own networks - it keeps, so that an errand brings little more than configs. A network has the bits that it
has at home.
"""

import contextlib
import dataclasses
import functools
import hashlib
import warnings
from collections.abc import Callable, Generator, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import jax

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.network.layers import Weights
from caviar.training import devices
from caviar.training.calls import Epochs
from caviar.training.checkpoints import WRITTEN_BY, LaneCheckpoint
from caviar.training.crew import RowsOnDevice, Work, rows_on_device, train_lane
from caviar.training.drive import Arrival, Standing
from caviar.training.lanes import Lane
from caviar.training.plan import program_for
from caviar.training.side_by_side import Tell, side_by_side

_SPLITS_KEPT, _NETWORKS_KEPT = 2, 64

_SETTINGS = ("jax_enable_x64", "jax_threefry_partitionable", "jax_default_prng_impl")
"""Settings of JAX that bits follow from."""


class Errand(NamedTuple):
    """One lane, and what it takes to train it elsewhere."""

    lane: Lane
    """Without its program, which is made anew."""
    configs: dict[int, Config]
    """Of its members, by their place in the list; without functions of a person's own."""
    own: dict[int, str]
    """The key of those functions, by place in the list."""
    split: str
    """The key of the rows: the fingerprint."""
    starts: dict[int, Weights | Standing]
    until: int | None
    checkpoint: bytes | None
    """Where it goes on."""
    seconds: float
    """Between two checkpoints."""
    end_kept: bool
    """Whether there is one when the lane is done."""
    made_by: str
    """The versions at home, see `versions`."""
    settings: dict[str, Any]
    """Of JAX, at home."""


class Report(NamedTuple):
    """What there is to tell of a lane."""

    share: float = 0.0
    """Of its work, in [0, 1]."""
    epochs: tuple[Epochs, ...] = ()
    checkpoint: bytes | None = None
    done: bool = False
    arrivals: tuple[Arrival, ...] | None = None
    """Once it is done; None where there was no room. Their runs have no config: home has it."""
    raised: BaseException | None = None
    """What ended it."""
    warned: str | None = None
    other_versions: str | None = None
    """Those of a process that must not train this lane."""


@functools.cache
def versions() -> str:
    """The versions that bits follow from, with a mark of caviar's own text: two checkouts may have one version."""
    text = hashlib.sha256()
    folder = Path(__file__).parent.parent
    for part in ("data", "network", "training"):
        for path in sorted((folder / part).glob("*.py")):
            text.update(path.read_bytes().replace(b"\r\n", b"\n"))
    return WRITTEN_BY.replace(" jax ", f" ({text.hexdigest()[:8]}) jax ", 1)


def errand_for(lane: Lane, work: Work, own: Mapping[int, str], *, checkpoint: bytes | None, seconds: float) -> Errand:
    """What another process is told.

    Args:
        lane: to be trained.
        work: what it is part of.
        own: the key of each network of a person's own, by place in the list; under it the process finds the functions.
        checkpoint: where the lane goes on; None: at the start.
        seconds: between two checkpoints.
    """
    return Errand(
        lane=lane._replace(program=None),  # pyright: ignore[reportArgumentType]
        configs={number: _without_functions(work.configs[number]) for number in lane.members},
        own={number: own[number] for number in lane.members if number in own},
        split=work.split.fingerprint,
        starts={number: work.starts[number] for number in lane.members if number in work.starts},
        until=work.until,
        checkpoint=checkpoint,
        seconds=seconds,
        end_kept=work.checkpoints is not None,
        made_by=versions(),
        settings={name: jax.config.values[name] for name in _SETTINGS},
    )


def _without_functions(config: Config) -> Config:
    return config if config.network is None else config.changed(network=None)


def run_errand(errand: Errand, fetch: Callable[[str], Any]) -> Iterator[Report]:
    """Train a lane on this process's first device.

    Args:
        errand: what is to be done.
        fetch: gives the split, or the functions of a network, by their keys; asked once for each.

    Yields:
        Reports in their order; the last one says that the lane is done, or what ended it.
    """
    if errand.made_by != versions():
        yield Report(other_versions=versions())
        return
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always", UserWarning)
        try:
            for report in _reports(errand, fetch):
                yield from _said(warned)
                yield report
        except Exception as error:
            yield from _said(warned)
            yield Report(raised=error)


def _reports(errand: Errand, fetch: Callable[[str], Any]) -> Generator[Report]:
    for name, value in errand.settings.items():
        if jax.config.values[name] != value:
            jax.config.update(name, value)
    device = devices.places()[0]
    devices.make_room_for_programs()
    split, rows = _KEPT.rows(errand.split, fetch)
    configs = {
        number: config.changed(network=_KEPT.network(errand.own[number], fetch)) if number in errand.own else config
        for number, config in errand.configs.items()
    }
    lane = errand.lane._replace(program=program_for(configs[errand.lane.members[0]], split))
    work = Work(split, configs, errand.starts, errand.until, None)

    def job(device: devices.Device, tell: Tell) -> tuple[Arrival, ...] | None:
        kept = LaneCheckpoint(
            lambda: errand.checkpoint,
            lambda lane: tell(0.0, lane),
            seconds=errand.seconds,
            where="what was sent to a worker",
            end=errand.end_kept,
        )
        return train_lane(lane, work, rows, device, tell, kept=kept)

    with contextlib.closing(side_by_side([job], [device])) as told:
        for news in told:
            if isinstance(news.part, bytes):
                yield Report(checkpoint=news.part)
            elif news.done:
                yield Report(1.0, done=True, arrivals=_without_configs(news.result))
            else:
                yield Report(news.share, epochs=news.part)


def _without_configs(arrivals: tuple[Arrival, ...] | None) -> tuple[Arrival, ...] | None:
    if arrivals is None:
        return None
    return tuple(
        arrival._replace(run=dataclasses.replace(arrival.run, config=None))  # pyright: ignore[reportArgumentType]
        for arrival in arrivals
    )


def at_home(arrivals: tuple[Arrival, ...], work: Work) -> tuple[Arrival, ...]:
    """The arrivals of a report, with their configs."""
    return tuple(
        arrival._replace(run=dataclasses.replace(arrival.run, config=work.configs[arrival.number]))
        for arrival in arrivals
    )


def _said(warned: list[warnings.WarningMessage]) -> Iterator[Report]:
    """What was warned of since the last report."""
    while warned:
        message = warned.pop(0)
        if issubclass(message.category, UserWarning):
            yield Report(warned=str(message.message))


class _Kept:
    """What this process keeps from one errand to the next."""

    def __init__(self) -> None:
        self._rows: dict[str, tuple[Split, RowsOnDevice]] = {}
        self._networks: dict[str, Any] = {}

    def rows(self, key: str, fetch: Callable[[str], Any]) -> tuple[Split, RowsOnDevice]:
        """A split, and its rows on the device; the last few are kept."""
        found = self._rows.pop(key, None)
        if found is None:
            split = fetch(key)
            found = split, rows_on_device(split)
        self._rows[key] = found
        while len(self._rows) > _SPLITS_KEPT:
            del self._rows[next(iter(self._rows))]
        return found

    def network(self, key: str, fetch: Callable[[str], Any]) -> Any:
        """The same functions each time, so that they are compiled once."""
        if key not in self._networks:
            self._networks[key] = fetch(key)
            while len(self._networks) > _NETWORKS_KEPT:
                del self._networks[next(iter(self._networks))]
        return self._networks[key]


_KEPT = _Kept()
