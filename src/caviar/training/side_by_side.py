"""Jobs in threads, one at a time in every place; what they tell comes back to the thread that waits."""

import queue
import threading
from collections.abc import Callable, Generator, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

P = TypeVar("P")
R = TypeVar("R")

_LISTENS = 0.5
"""Seconds after which the waiting thread looks up, so that Ctrl-C reaches it on every system."""


class News(NamedTuple, Generic[R]):
    """What one job tells."""

    job: int
    share: float
    """Of its work, in [0, 1]."""
    part: Any
    """What it has found out since it last told something."""
    done: bool = False
    result: R | None = None
    """Once it is done."""


Tell = Callable[[float, Any], None]
"""Called by a job now and then: with the share of its work that is done, and what it has found out."""

Job = Callable[[P, Tell], R]
"""Takes its place and a `Tell`."""


class _Stopped(Exception):
    """Ends a job that nobody waits for any more."""


def side_by_side(jobs: Sequence[Job[P, R]], places: Sequence[P]) -> Generator[News[R]]:
    """Do all jobs, each in the next place that is free, in their order.

    A job that raises ends them all, and so does closing the iterator: the others stop when they next tell something.

    Args:
        jobs: what is to be done.
        places: where; each has one job at a time.

    Yields:
        News in the order in which they come, of every job at least that it is done.
    """
    waiting = iter(range(len(jobs)))
    turn, stop = threading.Lock(), threading.Event()
    told: queue.Queue[News[R] | BaseException] = queue.Queue()

    def next_job() -> int | None:
        with turn:
            return None if stop.is_set() else next(waiting, None)

    def work(place: P) -> None:
        try:
            while (number := next_job()) is not None:

                def tell(share: float, part: Any, number: int = number) -> None:
                    if stop.is_set():
                        raise _Stopped
                    told.put(News(number, share, part))

                told.put(News(number, 1.0, None, done=True, result=jobs[number](place, tell)))
        except _Stopped:
            pass
        except BaseException as error:  # raised again by who waits
            told.put(error)

    threads = [threading.Thread(target=work, args=(place,), name="caviar lane") for place in places[: len(jobs)]]
    started: list[threading.Thread] = []
    try:
        for thread in threads:
            thread.start()
            started.append(thread)
        done = 0
        while done < len(jobs):
            try:
                news = told.get(timeout=_LISTENS)
            except queue.Empty:
                continue
            if isinstance(news, BaseException):
                raise news
            done += news.done
            yield news
    finally:
        stop.set()
        for thread in started:
            thread.join()
