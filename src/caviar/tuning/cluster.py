"""A cluster as a crew of `train`: every lane a task of Ray Core, on any of its machines.

    with cluster("10.0.0.1:6379") as crew:
        runs = caviar.train(split, configs, crew=crew, checkpoints=folder)

The data travel once. The process that calls is the only one that writes: workers send what they find out, and now and
then all that it takes to go on, which is kept in the folder of checkpoints as if the lane were trained here. A lane
whose worker or machine is gone goes on elsewhere from there, with nothing to share but the network: no common disk.

This is the only file that imports Ray.
"""

import contextlib
import hashlib
import logging
import os
import socket
import subprocess
import sys
import sysconfig
import time
import traceback
import warnings
from collections import deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jax

from caviar.data.split import Split
from caviar.errors import BadConfig, BadRun, CaviarError
from caviar.network.config import Config
from caviar.training import devices
from caviar.training.calls import Epochs
from caviar.training.checkpoints import SECONDS, LaneFile, lane_name, steps_done
from caviar.training.crew import Work
from caviar.training.drive import Arrival
from caviar.training.errand import Report, at_home, errand_for, run_errand, versions
from caviar.training.lanes import Lane
from caviar.training.memory import lane_bytes, too_large, with_less_memory
from caviar.training.rows import on_disk
from caviar.training.side_by_side import News

_ANSWERS_WITHIN, _JOINS_WITHIN = 5.0, 60.0
"""Seconds that the head of a cluster has to answer, and a cluster to have a first processor."""

_LOOKS, _LOST_AFTER = 2.0, 20.0
"""Seconds between two looks at the head, and until it is given up. Ray itself would end this process after 60."""

_LISTENS = 0.5

_DEATHS = 5
"""Workers that a lane may lose without getting any further."""

_AHEAD = 64
"""Tasks beyond twice the processors that wait in Ray, for machines that join."""

_WORKER_BYTES = 300 << 20
"""Memory of a worker beside its lane and its rows, measured."""

_IN_PLACE = "Nothing is lost: the same call, or --resume, goes on from its last checkpoints."


@contextlib.contextmanager
def cluster(address: str, *, seconds: float = SECONDS) -> Iterator["RayCrew"]:
    """The workers of a cluster, for `train(..., crew=)`.

    Args:
        address: `local` starts Ray on this machine's usable cores and ends it afterwards; `auto` joins the cluster that
            this machine belongs to; HOST:PORT the one of that head, which is left running.
        seconds: between two checkpoints of a lane: what a lost worker costs at most.

    Raises:
        BadRun: the cluster does not answer, or has no processors.
        ImportError: Ray is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")  # only silences what Ray has to say about it
    ray = _ray()
    if ray.is_initialized():  # the user's own program has joined a cluster
        yield RayCrew(ray, seconds)
        return
    with _quiet(ray):
        _join(ray, address)
        crew = RayCrew(ray, seconds)
        try:
            yield crew
        finally:
            crew.leave()


def _ray() -> Any:
    try:
        import ray  # noqa: PLC0415  (an optional package)
    except ImportError as error:
        raise ImportError('Running on a cluster needs Ray: pip install "caviar[ray]"') from error
    return ray


def _join(ray: Any, address: str) -> None:
    """Start Ray here, or join a cluster whose head answers: `ray.init` alone would try for two minutes."""
    how: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        with warnings.catch_warnings():  # what is forked is replaced at once by Ray's own programs
            warnings.filterwarnings("ignore", r"os\.fork\(\) was called", RuntimeWarning)
            ray.init("local", num_cpus=devices.usable_cores(), include_dashboard=False, **how)
        return
    if "://" in address:
        raise BadRun(
            f"The address of a cluster must be `local`, `auto` or HOST:PORT of its head, got {address!r}. Run caviar "
            "on a machine of the cluster instead of through Ray's client."
        )
    if address != "auto" and not _listens(address):
        raise BadRun(
            f"A cluster must answer at its address, but nothing listens at {address!r}. Start its head with `ray start "
            f"--head`, or correct --cluster. {_IN_PLACE}"
        )
    asked = [sys.executable, "-m", "ray.scripts.scripts", "health-check"]
    asked += [] if address == "auto" else ["--address", address]
    try:
        came = subprocess.run(asked, capture_output=True, text=True, timeout=4 * _ANSWERS_WITHIN, check=False)
        healthy, said = came.returncode == 0, _last_line(came.stderr or came.stdout)
    except subprocess.TimeoutExpired:
        healthy, said = False, f"no answer within {4 * _ANSWERS_WITHIN:.0f} seconds"
    if not healthy:
        raise BadRun(
            f"The head of a Ray cluster must answer at {address!r}, but it does not ({said}). See `ray status` on that "
            f"machine. {_IN_PLACE}"
        )
    try:
        ray.init(address, **how)
    except (ConnectionError, RuntimeError, ValueError) as error:
        raise BadRun(
            f"This machine must belong to the cluster at {address!r} and have its versions of Python and Ray, but it "
            f"could not join ({_last_line(str(error))}). Run `ray start --address={address}` here."
        ) from None


def _listens(address: str) -> bool:
    """Whether anything accepts connections there."""
    host, _, port = address.rpartition(":")
    if not host or not port.isdigit():
        raise BadRun(
            f"The address of a cluster must be `local`, `auto` or HOST:PORT of its head, got {address!r}. `ray start "
            "--head` prints it."
        )
    try:
        socket.create_connection((host.strip("[]"), int(port)), timeout=_ANSWERS_WITHIN).close()
    except OSError:
        return False
    return True


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:200] if lines else "it gives no reason"


@contextlib.contextmanager
def _quiet(ray: Any) -> Iterator[None]:
    """Ray prints every death of a worker to standard output, where a command prints its answer, and has no switch."""
    module = getattr(ray, "_private").worker  # noqa: B009  (said plainly: it is not public)
    printed = getattr(module, "print_to_stdstream", None)
    if printed is not None:
        module.print_to_stdstream = lambda *_, **__: None
    try:
        yield
    finally:
        if printed is not None:
            module.print_to_stdstream = printed


class _Flight:
    """A lane on its way."""

    def __init__(self, job: int, lane: Lane, file: LaneFile | None) -> None:
        self.job, self.lane, self._file = job, lane, file
        self.share, self.deaths = 0.0, 0
        self._kept: bytes | None = None
        self._at = 0

    def checkpoint(self) -> bytes | None:
        """Where it goes on."""
        return self._kept if self._file is None else self._file.read()

    def keep(self, checkpoint: bytes) -> None:
        """Keep where it is; a lane that gets on has not worn out its workers."""
        if self._file is None:
            self._kept = checkpoint
        else:
            self._file.write(checkpoint)
        if (at := steps_done(checkpoint)) > self._at:
            self._at, self.deaths = at, 0


class RayCrew:
    """Trains lanes as tasks of Ray; `cluster` makes it."""

    def __init__(self, ray: Any, seconds: float) -> None:
        self._ray, self._seconds = ray, seconds
        self._head = ray.get_runtime_context().gcs_address
        self._seen = self._looked = time.monotonic()
        self._lost = False
        self._capacity, self._counted = 0, -float("inf")
        self._references: dict[str, Any] = {}
        self._own: dict[tuple[Any, Any], str] = {}
        resources = self._first_resources()
        self._gpus = resources.get("GPU", 0) >= 1
        self._kind = "cpu"
        if self._gpus:
            kinds = sorted(name for name in resources if name.startswith("accelerator_type:"))
            self._kind = " ".join(kinds) or "gpu"
            if not jax.config.values["jax_platforms"]:  # the GPUs are the workers'
                jax.config.update("jax_platforms", "cpu")
        options: dict[str, Any] = {"num_cpus": 1, "num_returns": "streaming", "max_retries": 0}
        if self._gpus:
            options["num_gpus"] = 1  # Ray ends a process that had a GPU after its task, so that it may have another
        self._task = ray.remote(**options)(_lane)

    @property
    def platform(self) -> str:
        """`gpu` where Ray lists any, and then only they are used; `cpu` otherwise."""
        return "gpu" if self._gpus else "cpu"

    def places(self, lanes: Sequence[Lane], *, first: bool) -> None:
        """Wherever Ray finds room: a lane is no task for a machine with less memory than it takes.

        Raises:
            BadConfig: no machine has room for the largest lane.
        """
        if self._gpus or not first or not lanes:
            return
        self._look_after_head()
        most, room = max(lane_bytes(lane.program, lane.size) for lane in lanes), self._largest_memory()
        if room is not None and most > room:
            raise BadConfig(too_large(most, int(room)))

    def with_less_memory(self, lanes: Sequence[Lane], places: None) -> tuple[list[Lane], None]:
        """On GPUs lanes of half the size.

        Raises:
            BadConfig: they cannot be made smaller.
        """
        smaller, _ = with_less_memory(lanes, (_Place(self.platform),))
        return smaller, places

    def train(self, lanes: Sequence[Lane], places: None, work: Work) -> Generator[News[tuple[Arrival, ...]]]:  # noqa: ARG002
        """Train lanes wherever there is room, in their order.

        Yields:
            News, as `side_by_side` does. Epochs are told once, also those that are trained again.

        Raises:
            BadRun: the head is lost, a worker has other versions, or a lane ends every worker that takes it.
            BadData: the rows are kept on disk.
        """
        self._bring(work)
        told: dict[int, int] = {}
        waiting = deque(_Flight(job, lane, self._file(lane, work)) for job, lane in enumerate(lanes))
        flying: dict[Any, _Flight] = {}
        try:
            while waiting or flying:
                self._look_after_head()
                while waiting and len(flying) < self._most():
                    flight = waiting.popleft()
                    flying[self._send(flight, work)] = flight
                for task in self._ready(list(flying)):
                    flight = flying[task]
                    report = self._next(task)
                    if isinstance(report, str):
                        del flying[task]
                        self._ray.cancel(task)  # where only what it told was lost
                        self._died(flight, report)
                        waiting.appendleft(flight)
                        continue
                    if report is not None:
                        if report.done:
                            del flying[task]
                        yield from _news(flight, report, work, told)
        finally:
            if not self._lost:
                for task in flying:
                    self._ray.cancel(task)

    def leave(self) -> None:
        """Leave the cluster; one that `cluster` started ends with it."""
        self._ray.shutdown()

    def _first_resources(self) -> Mapping[str, float]:
        """What the cluster has, as soon as it has a processor."""
        began = time.monotonic()
        while True:
            self._look_after_head()
            resources = self._ray.cluster_resources()
            if resources.get("CPU", 0) >= 1:
                return resources
            if time.monotonic() - began > _JOINS_WITHIN:
                raise BadRun(
                    f"A cluster must have a machine with a free processor, but {self._head} lists none after "
                    f"{_JOINS_WITHIN:.0f} seconds. Start some with `ray start --address={self._head}`."
                )
            time.sleep(_LISTENS)

    def _look_after_head(self) -> None:
        """Whether the head is there: Ray would wait a minute, and then end this process without a word.

        Raises:
            BadRun: it has not been for a while.
        """
        now = time.monotonic()
        if now - self._looked < _LOOKS:
            return
        self._looked = now
        if _listens(self._head):
            self._seen = now
        elif now - self._seen > _LOST_AFTER:
            self._lost = True
            raise BadRun(
                f"The head of a cluster must stay until the end, but {self._head} has not answered for "
                f"{_LOST_AFTER:.0f} seconds. Start it again. {_IN_PLACE}"
            )

    def _most(self) -> int:
        """Tasks in Ray at a time: as many as work now, and as could at once on machines that join."""
        now = time.monotonic()
        if now - self._counted > _LOOKS and self._seen == self._looked:
            resources = self._ray.cluster_resources()
            self._capacity, self._counted = int(resources.get("GPU" if self._gpus else "CPU", 0)), now
        return _AHEAD + 2 * self._capacity

    def _largest_memory(self) -> float | None:
        rooms = [node["Resources"].get("memory", 0.0) for node in self._ray.nodes() if node["Alive"]]
        return max(rooms, default=None)

    def _bring(self, work: Work) -> None:
        """Put the rows, and functions of a person's own, where workers find them."""
        if on_disk(work.split):
            raise BadRun(
                f"Rows must fit into memory to travel to a cluster, but those of {work.split.name!r} are kept on disk. "
                "Train them without --cluster."
            )
        if work.split.fingerprint not in self._references:
            self._references[work.split.fingerprint] = self._ray.put(_to_travel(work.split))
        configs = work.configs.values() if isinstance(work.configs, Mapping) else work.configs
        for config in configs:
            if config.network is not None and config.network not in self._own:
                functions = _pickled(config)
                key = hashlib.sha256(functions).hexdigest()
                self._own[config.network] = key
                self._references[key] = self._ray.put(functions)

    def _file(self, lane: Lane, work: Work) -> LaneFile | None:
        """Where a lane is kept on this machine."""
        if work.checkpoints is None:
            return None
        networks = [work.configs[number] for number in lane.slots]
        starts = [work.starts.get(number) for number in lane.slots]
        machine = (self.platform, self._kind)
        return work.checkpoints.file(lane_name(work.split, networks, starts, work.until, machine))

    def _send(self, flight: _Flight, work: Work) -> Any:
        """Make a task of a lane."""
        own = {
            number: self._own[network]
            for number in flight.lane.members
            if (network := work.configs[number].network) is not None
        }
        errand = errand_for(flight.lane, work, own, checkpoint=flight.checkpoint(), seconds=self._seconds)
        needed = [errand.split, *dict.fromkeys(errand.own.values())]
        references = {key: [self._references[key]] for key in needed}  # in lists, so that Ray does not unpack them
        if self._gpus:
            return self._task.remote(errand, references)
        memory = lane_bytes(flight.lane.program, flight.lane.size) + 2 * work.split.x.nbytes + _WORKER_BYTES
        room = self._largest_memory() if self._seen == self._looked else None
        return self._task.options(memory=int(memory if room is None else min(memory, room))).remote(errand, references)

    def _ready(self, tasks: list[Any]) -> list[Any]:
        """Those that have something to tell, after a while at most."""
        ready, _ = self._ray.wait(tasks, num_returns=1, timeout=_LISTENS)
        if ready:
            ready, _ = self._ray.wait(tasks, num_returns=len(tasks), timeout=0)
        return ready

    def _next(self, task: Any) -> Report | str | None:
        """What a task tells; why it does not any more; or None where it is still on its way.

        Raises:
            BadRun: caviar does not run there.
        """
        errors = self._ray.exceptions
        try:
            return self._loaded(next(task))
        except StopIteration:
            return "its task ended early"
        except errors.RayTaskError as error:
            raise BadRun(
                f"Every machine of a cluster must run caviar, but a worker could not ({_last_line(str(error))}). "
                f"Install there what is here: {versions()}."
            ) from None
        except errors.RayError as error:
            return f"{type(error).__name__}: {_last_line(str(error).splitlines()[0] if str(error) else '')}"

    def _loaded(self, reference: Any) -> Report:
        """A report, wherever it is."""
        while True:
            try:
                return self._ray.cloudpickle.loads(self._ray.get(reference, timeout=10 * _LISTENS))
            except self._ray.exceptions.GetTimeoutError:
                self._look_after_head()

    def _died(self, flight: _Flight, reason: str) -> None:
        """A worker was lost.

        Raises:
            BadRun: this lane has ended too many.
        """
        flight.deaths += 1
        if flight.deaths < _DEATHS:
            return
        some = ", ".join(str(number) for number in flight.lane.members[:8])
        raise BadRun(
            f"A worker must survive what it trains, but networks {some} of the list ended {_DEATHS} workers at the "
            f"same place ({reason}). Where memory is short, make batch_size smaller or the networks narrower, or start "
            "Ray with fewer --num-cpus."
        )


class _Place:
    """A place of a cluster, as far as `memory` asks."""

    def __init__(self, platform: str) -> None:
        self.platform = platform


def _news(flight: _Flight, report: Report, work: Work, told: dict[int, int]) -> Iterator[News[tuple[Arrival, ...]]]:
    """What a report has for who waits.

    Raises:
        BadRun: the worker has other versions.
        BaseException: what was raised there.
    """
    if report.other_versions is not None:
        raise BadRun(
            f"The machines of a cluster must have the versions of this one, which has {versions()}, but a worker has "
            f"{report.other_versions}. Install the same on all."
        )
    if report.raised is not None:
        raise report.raised
    if report.warned is not None:
        warnings.warn(report.warned, stacklevel=2)
    if report.checkpoint is not None:
        flight.keep(report.checkpoint)
    flight.share = max(flight.share, report.share)
    if report.done:
        result = None if report.arrivals is None else at_home(report.arrivals, work)
        yield News(flight.job, flight.share, None, done=True, result=result)
    elif report.epochs:
        yield News(flight.job, flight.share, tuple(_untold(report.epochs, told)))


def _untold(epochs: Sequence[Epochs], told: dict[int, int]) -> Iterator[Epochs]:
    """Without those that were told before a worker was lost."""
    for part in epochs:
        end = part.first + len(next(iter(part.history.values())))
        skip = max(0, told.get(part.number, 0) - part.first)
        if part.first + skip < end:
            told[part.number] = end
            yield Epochs(part.number, part.first + skip, {name: v[skip:] for name, v in part.history.items()})


def _to_travel(split: Split) -> Split:
    return split.to_train_on()


def _pickled(config: Config) -> bytes:
    """The functions of a person's own; with their text where they are in a file that only this machine has.

    Raises:
        BadConfig: they cannot be pickled.
    """
    assert config.network is not None
    cloudpickle = _ray().cloudpickle
    homes = {sys.modules.get(getattr(f, "__module__", None) or type(f).__module__) for f in config.network}
    own = [module for module in homes if module is not None and _is_a_persons(module)]
    try:
        for module in own:
            cloudpickle.register_pickle_by_value(module)
        return cloudpickle.dumps(config.network)
    except Exception as error:
        raise BadConfig(
            f"The functions of Config.network must be ones that can be pickled to travel to a cluster, but they "
            f"are not ({type(error).__name__}: {_last_line(str(error))}). Define them at the top of a file."
        ) from error
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


def _is_a_persons(module: Any) -> bool:
    """Whether a module is neither installed nor part of Python, nor the script itself, which travels anyway."""
    file = getattr(module, "__file__", None)
    if file is None or module.__name__ == "__main__" or module.__name__.partition(".")[0] == "caviar":
        return False
    installed = [Path(folder) for folder in dict.fromkeys(sysconfig.get_paths().values())]
    return not any(Path(file).is_relative_to(folder) for folder in installed)


def _lane(errand: Any, references: Mapping[str, list[Any]]) -> Iterator[bytes]:
    """The task: runs in a worker, which is left with one thread for XLA and keeps what it compiles."""
    ray = _ray()
    if not ray.get_gpu_ids():
        os.environ["NPROC"] = "1"

    def fetch(key: str) -> Any:
        found = ray.get(references[key][0])
        return ray.cloudpickle.loads(found) if isinstance(found, bytes) else found

    for report in run_errand(errand, fetch):
        yield ray.cloudpickle.dumps(report._replace(raised=_portable(report.raised, ray.cloudpickle)))


def _portable(error: BaseException | None, pickle: Any) -> BaseException | None:
    """An error that arrives as it is, or in words."""
    if error is None or isinstance(error, CaviarError):
        return error
    error.add_note("On a worker:\n" + "".join(traceback.format_exception(error)))
    try:
        pickle.loads(pickle.dumps(error))
    except Exception:
        return RuntimeError("".join(traceback.format_exception(error)))
    return error
