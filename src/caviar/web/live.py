"""The WebSocket of a viewer: news to it, commands from it, each of both within bounds."""

import asyncio
import contextlib
import json
import time
from typing import Any

from starlette.websockets import WebSocket, WebSocketDisconnect

from caviar.errors import BadCommand, CaviarError
from caviar.watching.commands import command_from
from caviar.watching.telling import done_in_words
from caviar.web.hub import Hub

MOST_BYTES = 8_192
"""Of a message from a viewer: a note of 2,000 characters fits, whatever its letters."""

_PER_SECOND, _AT_ONCE = 10.0, 30
"""Messages of one viewer: how many a second in the long run, and how many at a time."""

_UNDER_WAY = 8
"""Commands of one viewer that have not acted yet."""

_REFUSALS = 20
"""Malformed messages after which a viewer is sent away."""

_FLOODS_PER_SECOND, _FLOODS = 1.0, 100
"""Commands beyond the rate after which a viewer is sent away: how many a second in the long run, and at a time."""

_SECONDS_TO_SEND = 120.0
"""Within which a message has to get through: a browser that is suspended does not hold its place for ever."""

_GONE = (WebSocketDisconnect, RuntimeError, OSError)
"""What is raised when a viewer has gone; TimeoutError, of a message that does not get through, is an OSError."""

POLICY_VIOLATED, TRY_LATER, NO_RUN = 1008, 1013, 4404


class Bucket:
    """How much may come: a store that fills up with time."""

    def __init__(self, per_second: float = _PER_SECOND, most: int = _AT_ONCE, clock: Any = time.monotonic) -> None:
        """Full."""
        self._rate, self._most, self._clock = per_second, most, clock
        self._left, self._at = float(most), clock()

    def take(self) -> bool:
        """Whether one more may come now."""
        now = self._clock()
        self._left, self._at = min(self._most, self._left + (now - self._at) * self._rate), now
        if self._left < 1:
            return False
        self._left -= 1
        return True


async def converse(socket: WebSocket, hub: Hub) -> None:
    """Serve one viewer until it goes."""
    talk = _Talk(socket, hub)
    listening = asyncio.create_task(talk.listen())
    telling = asyncio.create_task(talk.tell(listening))
    try:
        done, _ = await asyncio.wait({telling, listening}, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
    except _GONE:
        pass
    finally:
        for task in (telling, listening, *talk.under_way):
            task.cancel()
        await asyncio.gather(telling, listening, *talk.under_way, return_exceptions=True)


class _Talk:
    """With one viewer."""

    def __init__(self, socket: WebSocket, hub: Hub) -> None:
        self._socket, self._hub = socket, hub
        self._bucket, self._floods, self._refused = Bucket(), Bucket(_FLOODS_PER_SECOND, _FLOODS), 0
        self._sending = asyncio.Lock()
        self.under_way: set[asyncio.Task[None]] = set()

    async def tell(self, listening: "asyncio.Task[None]") -> None:
        """What happens; a run that fails is told, and the viewer may go on listening."""
        try:
            async with contextlib.aclosing(self._hub.follow()) as news:
                async for text in news:
                    await self._send(text)
        except CaviarError as error:
            await self._send(json.dumps({"type": "failure", "error": str(error)}))
            await asyncio.wait({listening})  # it stays to be read; asking again would not help

    async def listen(self) -> None:
        """What it asks for; a message that cannot be understood is answered, and after many it is sent away."""
        while True:
            message = await self._socket.receive()
            if message["type"] == "websocket.disconnect":
                return
            number: int | None = None
            in_time = self._bucket.take()
            try:
                number, plain = _understood(message.get("text"))
                if not in_time:
                    raise BadCommand(f"At most {_PER_SECOND:g} commands a second are taken. Wait a moment.")
                if len(self.under_way) >= _UNDER_WAY:
                    raise BadCommand(f"At most {_UNDER_WAY} commands may be under way. Wait for their answers.")
                acted = self._hub.source.ask(command_from(plain), "page")
            except CaviarError as error:
                self._refused += number is None
                await self._answer(number, error=str(error))
                if self._refused > _REFUSALS:
                    await self._socket.close(POLICY_VIOLATED, "Too many messages that are no commands.")
                    return
                if not in_time and not self._floods.take():
                    words = f"More than {_PER_SECOND:g} commands a second came for too long. Reload the page."
                    await self._socket.close(POLICY_VIOLATED, words)
                    return
                continue
            task = asyncio.create_task(self._wait(number, asyncio.wrap_future(acted)))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)

    async def _wait(self, number: int, acted: "asyncio.Future[Any]") -> None:
        with contextlib.suppress(*_GONE):
            try:
                done = await asyncio.shield(acted)  # who leaves does not take a command back
            except CaviarError as error:
                await self._answer(number, error=str(error))
            else:
                self._hub.look_soon()
                await self._answer(number, done=done_in_words(done))

    async def _answer(self, number: int | None, **what: Any) -> None:
        await self._send(json.dumps({"type": "answer", "id": number} | what))

    async def _send(self, text: str) -> None:
        async with asyncio.timeout(_SECONDS_TO_SEND), self._sending:
            await self._socket.send_text(text)


def _understood(text: Any) -> tuple[int, Any]:
    """The number of a message, and its command as plain values.

    Raises:
        BadCommand: it is no message.
    """
    if not isinstance(text, str):
        raise BadCommand("A message must be text, got bytes.")
    if len(text.encode("utf-8", "replace")) > MOST_BYTES:
        raise BadCommand(f"A message must have at most {MOST_BYTES:,} bytes. Shorten it.")
    try:
        message = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        raise BadCommand("A message must be JSON.") from None
    number = message.get("id") if isinstance(message, dict) else None
    right = isinstance(number, int) and not isinstance(number, bool) and 0 <= number < 1 << 53
    if not right or set(message) != {"id", "command"} or not isinstance(message["command"], dict):
        raise BadCommand('A message must be {"id": a whole number, "command": {"verb": ...}}.')
    assert isinstance(number, int)
    return number, message["command"]


def _no_constant(word: str) -> Any:
    raise ValueError(f"{word} is no JSON")
