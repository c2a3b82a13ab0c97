"""The hub: one run told to everybody who looks at it.

Ten times a second, while somebody looks, the run is asked what is new; that is put into words once and kept in a short
list. Every viewer has a place in that list and a task of its own, so that a slow one, or one that sleeps, delays
nobody; when it has fallen off the list it is told everything anew. So memory does not grow with viewers that do not
read, and the training never waits for one.
"""

import asyncio
import contextlib
import json
from collections import deque
from collections.abc import AsyncGenerator, Callable
from typing import TypeVar

from caviar.errors import BadRun, CaviarError
from caviar.web.sources import Message, Source

T = TypeVar("T")

SECONDS_PER_LOOK = 0.1
"""Between two looks at what trains in this process."""

SECONDS_PER_FOLDER = 1.0
"""Between two looks at a folder: files are read for it."""

_SECONDS_PER_VIEWER = 0.004
"""Between two looks, so that many viewers cost the training no more than 25; what a command did is told at once."""

_FRAMES, _BYTES = 100, 4 << 20
"""Most messages that are kept for viewers that lag, and their size together."""


class Hub:
    """Of one run."""

    def __init__(self, source: Source) -> None:
        """Nobody looks yet."""
        self.source = source
        self.viewers = 0
        self._frames: deque[str] = deque()
        self._first = self._next = 1  # numbers of the oldest frame that is kept, and of the next
        self._size = 0
        self._new, self._soon = asyncio.Condition(), asyncio.Event()
        self._looking: asyncio.Task[None] | None = None
        self._told_viewers = 0
        self._asking = asyncio.Lock()
        self._asks: set[asyncio.Task[tuple[str, int] | None]] = set()
        self._failure: BaseException | None = None

    async def follow(self) -> AsyncGenerator[str, None]:
        """Messages for one viewer: everything, then what is new, as they come, without end.

        Raises:
            CaviarError: the source cannot be asked any more.
        """
        self.viewers += 1
        if self._looking is None or self._looking.done():
            self._failure = None
            self._looking = asyncio.create_task(self._look())
        try:
            place = 0
            while True:
                if place < self._first:
                    told = await self._news(everything=True)
                    assert told is not None
                    text, place = told
                    yield text
                    continue
                async with self._new:
                    await self._new.wait_for(lambda: self._next > place or self._failure is not None)  # noqa: B023
                if self._failure is not None:
                    raise self._failure
                while self._first <= place < self._next:
                    text = self._frames[place - self._first]
                    place += 1
                    yield text
        finally:
            self.viewers -= 1
            if not self.viewers and self._looking is not None:
                self._looking.cancel()
                self._looking = None

    def look_soon(self) -> None:
        """Something has been done: nobody waits for the next look."""
        self._soon.set()

    async def _news(self, *, everything: bool = False) -> tuple[str, int] | None:
        """Tell what is new; of `everything`, also that and the place from which to go on.

        It goes on where the caller leaves: a source tells what is new once, and the others wait for it.
        """
        task = asyncio.create_task(self._ask(everything))
        self._asks.add(task)
        task.add_done_callback(self._asks.discard)
        return await asyncio.shield(task)

    async def _ask(self, everything: bool) -> tuple[str, int] | None:
        async with self._asking:
            self._add(await _asked(self.source.more))
            message = await _asked(self.source.begin) if everything else None
            found = None if message is None else (self._text(message, reset=True), self._next)
        async with self._new:
            self._new.notify_all()
        return found

    async def _look(self) -> None:
        """Ask for news, and wake those who wait."""
        usual = SECONDS_PER_LOOK if self.source.live else SECONDS_PER_FOLDER
        try:
            while True:
                pause = max(usual, self.viewers * _SECONDS_PER_VIEWER)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(pause):
                        await self._soon.wait()
                self._soon.clear()
                await self._news()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # told to every viewer
            self._failure = error
            async with self._new:
                self._new.notify_all()

    def _add(self, message: Message | None) -> None:
        if message is None and self.viewers == self._told_viewers:
            return
        self._told_viewers = self.viewers
        text = self._text(message or {}, reset=False)
        self._frames.append(text)
        self._size += len(text)
        self._next += 1
        while len(self._frames) > _FRAMES or (self._size > _BYTES and len(self._frames) > 1):
            self._size -= len(self._frames.popleft())
            self._first += 1

    def _text(self, message: Message, *, reset: bool) -> str:
        about = {"type": "news", "kind": self.source.kind, "reset": reset, "version": self._next}
        return json.dumps(about | message | {"viewers": self.viewers}, separators=(",", ":"), allow_nan=False)


async def _asked(what: Callable[[], T]) -> T:
    """What a source answers, from a thread.

    Raises:
        BadRun: it cannot; whatever went wrong, the other runs of the server go on.
    """
    try:
        return await asyncio.to_thread(what)
    except CaviarError:
        raise
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise BadRun(f"This run cannot be shown: a fault of caviar, or a folder of an older one ({words}).") from error
