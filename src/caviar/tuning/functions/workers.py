"""Workers: processes that run the trials of a function, each guarded by itself.

The processes are loky's (it comes with scikit-learn as part of joblib): a function may be a closure, a lambda or a
notebook's, and a script needs no `if __name__ == "__main__"`. Pools, loky's included, are not used, since all that they
run is lost when one process dies: here a process that crashes or takes too long costs its own trial only.
"""

import contextlib
import faulthandler
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from multiprocessing.connection import Connection, wait
from typing import Any, Self

import joblib
from joblib.externals.loky.backend import get_context
from joblib.externals.loky.backend.utils import kill_process_tree

from caviar.errors import BadObjective
from caviar.tuning.functions.own_trial import Answer, Task, answer_of, failure

_THREADS = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "BLIS_NUM_THREADS",
    "VECLIB_MAXIMUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMBA_NUM_THREADS",
)
"""What libraries take their number of threads from."""

_GPU_MEMORY = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false", "TF_FORCE_GPU_ALLOW_GROWTH": "true"}
"""Without these JAX and TensorFlow take most of a GPU's memory at once, and the second process gets none."""

_LOOK = 0.5
"""Seconds after which processes are looked at, whatever is heard of them: children of a dead one may hold its pipe."""

_STARTS = 3
"""Times that a process is started before it is given up."""


def environment(processes: int) -> dict[str, str]:
    """Variables that let several processes share a machine; those that are set stay as they are."""
    threads = str(max(1, joblib.cpu_count() // processes))
    wanted = dict.fromkeys(_THREADS, threads) | (_GPU_MEMORY if processes > 1 else {})
    return {name: value for name, value in wanted.items() if name not in os.environ}


class Workers:
    """Processes that stay until they are closed, and are replaced when they die."""

    def __init__(self, objective: Callable[[Any], Any], processes: int, time_limit: float | None) -> None:
        """Nothing is started before the first trial.

        Args:
            objective: what is called.
            processes: how many, at least 1.
            time_limit: seconds that a trial may take; starting a process does not count.
        """
        self._objective, self._limit = objective, time_limit
        self._environment = environment(processes)
        self._workers: list[_Worker | None] = [None] * processes
        self._failed_starts = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all processes, and what they have started."""
        for place in range(len(self._workers)):
            self._end(place)

    def run(self, tasks: Mapping[int, Task], heard: Callable[[int, Answer], None]) -> None:
        """Run trials.

        A trial whose process the system killed, as it does for want of memory, is run once more when all others are
        done, alone: its neighbours may have been the cause.

        Args:
            tasks: by their index.
            heard: told of each answer as it comes, with its index.

        Raises:
            BadObjective: the function cannot be sent to a process, or its process does not start.
            KeyboardInterrupt: the function raised it.
        """
        killed = self._run(tasks, range(len(self._workers)), heard, again=True)
        if killed:
            self.close()
        for index in sorted(killed):
            self._run({index: tasks[index]}, [0], heard, again=False)

    def _run(
        self, tasks: Mapping[int, Task], places: Sequence[int], heard: Callable[[int, Answer], None], *, again: bool
    ) -> list[int]:
        """Run trials in some of the processes.

        Returns:
            The indices of those that were killed and may be run again.
        """
        waiting = sorted(tasks, reverse=True)
        running: dict[int, int] = {}
        killed: list[int] = []
        while waiting or running:
            for place in places:
                if waiting and place not in running:
                    running[place] = waiting.pop()
                    self._send(place, tasks[running[place]])
            self._wait(running)
            for place, index in list(running.items()):
                answer = self._answer(place, tasks[index])
                if answer is None:
                    continue
                del running[place]
                if answer.state == "interrupted":
                    raise KeyboardInterrupt
                if answer.state == "killed" and again:
                    killed.append(index)
                else:
                    heard(index, answer._replace(state="failed") if answer.state == "killed" else answer)
        return killed

    def _send(self, place: int, task: Task) -> None:
        """Let a process run a trial; one is started where there is none."""
        worker = self._workers[place]
        if worker is not None and worker.exit_code is not None:  # it died while it had nothing to do
            self._end(place)
            worker = None
        if worker is None:
            worker = self._workers[place] = _Worker(self._objective, place, self._environment)
        worker.send(task)

    def _wait(self, places: Iterable[int]) -> None:
        """Wait until something comes or ends, at most until the next deadline."""
        workers = [worker for place in places if (worker := self._workers[place]) is not None]
        ends = [worker.began + self._limit for worker in workers if self._limit and worker.began]
        seconds = min([_LOOK, *(end - time.monotonic() for end in ends)])
        wait([source for worker in workers for source in (worker.pipe, worker.sentinel)], max(0.0, seconds))

    def _answer(self, place: int, task: Task) -> Answer | None:
        """What came of the trial that a process runs; None while it runs."""
        worker = self._workers[place]
        assert worker is not None
        answer = worker.answer()
        if answer is not None:
            return answer
        if worker.exit_code is not None:
            answer = _death(worker.exit_code)
            self._end(place)
            if worker.began:
                return answer._replace(seconds=time.monotonic() - worker.began)
            self._failed_starts += 1
            if self._failed_starts >= _STARTS:
                raise BadObjective(
                    "A function that is tuned in processes of its own must be there when they start, but "
                    f"{answer.facts['caviar:reason']} before its first trial, {_STARTS} times; what it printed says "
                    "why. Import what the function needs inside it, or take processes=1."
                )
            self._send(place, task)
        elif self._limit and worker.began and time.monotonic() >= worker.began + self._limit:
            self._end(place)
            return failure(f"took longer than the time limit of {self._limit:g} s")._replace(seconds=self._limit)
        return None

    def _end(self, place: int) -> None:
        worker, self._workers[place] = self._workers[place], None
        if worker is not None:
            worker.end()


class _Worker:
    """One process.

    Attributes:
        pipe: what it answers by.
        began: when its trial began; None before it is ready.
    """

    def __init__(self, objective: Callable[[Any], Any], place: int, environment: Mapping[str, str]) -> None:
        context: Any = get_context("loky")
        self.pipe, other = context.Pipe()
        self.began: float | None = None
        self._ready = False
        self._process = context.Process(
            target=_serve, args=(other, objective, place), name=f"caviar-trials-{place}", env=dict(environment)
        )
        try:
            self._process.start()
        except Exception as error:
            raise BadObjective(
                "A function that is tuned in processes of its own must be one that can be sent to them, got "
                f"{type(error).__name__}: {error}. Open files, locks and connections inside the function, or take "
                "processes=1."
            ) from error
        finally:
            other.close()

    @property
    def sentinel(self) -> Any:
        """Becomes ready when the process ends."""
        return self._process.sentinel

    @property
    def exit_code(self) -> int | None:
        """None while it lives."""
        return self._process.exitcode

    def send(self, task: Task) -> None:
        """Give it a trial; that it has died meanwhile is found out by its exit code."""
        self.began = time.monotonic() if self._ready else None
        with contextlib.suppress(OSError):
            self.pipe.send(tuple(task))

    def answer(self) -> Answer | None:
        """Its answer; None while there is none."""
        try:
            received = self.pipe.recv() if self.pipe.poll() else None
        except (EOFError, OSError):  # it died; its exit code follows
            self._process.join(_LOOK)
            return None
        if received == _READY:
            self._ready, self.began = True, time.monotonic()
            return None
        return None if received is None else Answer(*received)

    def end(self) -> None:
        """End the process and all that it has started."""
        if os.name == "posix":
            with contextlib.suppress(ProcessLookupError, PermissionError):  # its group, which it leads when it is ready
                os.killpg(self._process.pid, signal.SIGKILL)
            if self.exit_code is None:
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.join()
        else:
            kill_process_tree(self._process)
        self.pipe.close()


_READY = "ready"


def _death(code: int) -> Answer:
    """The answer of a process that died."""
    if code >= 0:
        return failure(f"its process ended: exit code {code}")
    name = signal.Signals(-code).name if -code in list(signal.Signals) else f"signal {-code}"
    if name == "SIGKILL":
        killed = failure("its process was killed: SIGKILL, as the system does for want of memory")
        return killed._replace(state="killed")
    return failure(f"its process crashed: {name}")


def _serve(pipe: Connection, objective: Callable[[Any], Any], place: int) -> None:
    """The life of a process: trials come through the pipe and their answers go back, until it is closed."""
    if os.name == "posix":
        os.setsid()  # Ctrl-C goes to the search alone, which ends this process with all that it has started
    with contextlib.suppress(Exception):  # where there is no stderr
        faulthandler.enable()
    came: queue.SimpleQueue[Task] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(pipe, came), daemon=True, name="caviar pipe").start()
    pipe.send(_READY)
    while True:
        task = came.get()
        try:
            answer = answer_of(objective, task, place)
        except KeyboardInterrupt:
            answer = Answer("interrupted")
        except SystemExit as error:
            answer = failure(f"SystemExit: {error.code}")
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):
                stream.flush()
        pipe.send(tuple(answer))


def _receive(pipe: Connection, came: queue.SimpleQueue[Task]) -> None:
    """Take trials from the pipe; when it is closed nobody is left to run them for, and the process ends."""
    while True:
        try:
            came.put(Task(*pipe.recv()))
        except (EOFError, OSError):
            if os.name == "posix":
                os.killpg(0, signal.SIGKILL)  # with all that it has started
            os._exit(1)
