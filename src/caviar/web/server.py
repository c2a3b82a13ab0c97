"""The server: the application on a port of this machine, in a thread of its own, beside the training."""

import asyncio
import contextlib
import errno
import ipaddress
import logging
import os
import socket
import threading
from collections.abc import Mapping, Sequence
from typing import Any, Self

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from caviar.errors import BadRun
from caviar.web.access import Access
from caviar.web.app import VIEWERS, Data, application
from caviar.web.live import MOST_BYTES
from caviar.web.sources import Source

PORT = 8765
"""Where it is looked for first."""

_PORTS = 50
"""Ports that are tried, from the first on."""

_CONNECTIONS = 3 * VIEWERS
"""At a time, at most; beyond them 503 is answered."""

_SECONDS_TO_ASK = 10.0
"""Within which a connection has to ask for something."""

_SECONDS_TO_START = 10.0

_TAKEN = (errno.EADDRINUSE,) if os.name == "posix" else (errno.EADDRINUSE, errno.EACCES)
"""What says that another process has the port; Windows says it in two ways."""


class _Prompt(H11Protocol):
    """HTTP/1.1 that closes connections which are opened and then say nothing."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.loop.call_later(_SECONDS_TO_ASK, self._give_up)

    def _give_up(self) -> None:
        switched = self.transport.get_protocol() is not self
        if self.cycle is None and not switched and not self.transport.is_closing():
            self.transport.close()


class Server:
    """Shows runs to browsers; use it in a `with` block."""

    def __init__(
        self,
        sources: Sequence[Source],
        *,
        port: int | None = None,
        host: str = "127.0.0.1",
        hosts: Sequence[str] = (),
        base: str = "",
        data: Mapping[str, Data] | None = None,
        token: str | None = None,
    ) -> None:
        """Take a port.

        Args:
            sources: runs.
            port: None tries 8765 and then the next ones; 0 any that is free.
            host: interface; others than loopback let other machines in, whoever has the token. All of them, 0.0.0.0
                or ::, are no name under which it is reached: give `hosts`.
            hosts: names under which it is reached beside those, such as that of a proxy.
            base: path under which a proxy serves it, such as /caviar.
            data: of runs whose rows are at hand, by id.
            token: for tests; None makes one.

        Raises:
            BadRun: there is no such interface, or no port is free.
        """
        if base and (not base.startswith("/") or base.endswith("/") or any(c in base for c in ' ;,?#"\\\r\n\t')):
            raise BadRun(f"--base must be a path such as /caviar, without a slash at its end, got {base!r}.")
        self._first = PORT if port is None else port
        self._socket = _listen(host, port)
        bound, self.port = self._socket.getsockname()[:2]
        self._everywhere = ipaddress.ip_address(bound).is_unspecified
        self.host, self._base, self._named = host, base, bool(hosts)
        names = [*hosts] if self._everywhere else [*hosts, host]
        self.access = Access(self.port, [_in_address(name) for name in names], token=token)
        app = application({source.id: source for source in sources}, self.access, data=data, base=base)
        self._server = uvicorn.Server(
            uvicorn.Config(
                app,
                http=_Prompt,
                ws="websockets-sansio",
                loop="asyncio",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                ws_max_size=2 * MOST_BYTES,
                ws_max_queue=8,
                ws_per_message_deflate=False,
                limit_concurrency=_CONNECTIONS,
                timeout_keep_alive=5,
                timeout_graceful_shutdown=1,
                h11_max_incomplete_event_size=16_384,
            )
        )
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="caviar page", daemon=True)

    @property
    def address(self) -> str:
        """The page's address, with its token."""
        name = "127.0.0.1" if self._everywhere else _in_address(self.host)
        return f"http://{name}:{self.port}{self._base}/?token={self.access.token}"

    def words(self) -> list[str]:
        """Where the page is, and what is to be known about that."""
        said = [f"Page: {self.address}"]
        if self._first not in (0, self.port):
            said.append(f"Port {self._first} is taken: it is {self.port}.")
        if self.host not in ("127.0.0.1", "localhost", "::1"):
            said.append(
                f"Other machines can reach it on {self.host}: the token and all that is shown go over the network "
                "in the clear. Put a proxy with TLS before it, name it with --name, and let only that reach this port."
            )
        if self._everywhere and not self._named:
            said.append(
                "It answers only under this machine's loopback names and those given with --name, and none was given: "
                "name what other machines ask for, such as --name 10.0.0.5."
            )
        return said

    def __enter__(self) -> Self:
        self._thread.start()
        waited = threading.Event()
        for _ in range(round(_SECONDS_TO_START / 0.02)):
            if self._server.started or not self._thread.is_alive():
                break
            waited.wait(0.02)
        if not self._server.started:
            self.close()
            raise BadRun(f"The page could not be served on port {self.port}: {self._failure!r}. Try another --port.")
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Send all away, and free the port."""
        self._server.should_exit = True
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self._socket.close()

    def wait(self) -> None:
        """Until it ends, by Ctrl-C.

        Raises:
            BadRun: it ended by a failure.
        """
        while self._thread.is_alive():
            self._thread.join(timeout=0.5)
        if self._failure is not None:
            raise BadRun(
                f"The page must be served until Ctrl-C, but its server ended: {self._failure!r}. Start it again."
            ) from self._failure

    def _run(self) -> None:
        logging.getLogger("uvicorn").setLevel(logging.CRITICAL)
        logging.getLogger("websockets").setLevel(logging.CRITICAL)
        try:
            with contextlib.closing(asyncio.new_event_loop()) as loop:
                loop.run_until_complete(self._serve())
        except BaseException as error:  # told where it was started
            self._failure = error

    async def _serve(self) -> None:
        try:
            await self._server.serve(sockets=[self._socket])
        finally:  # what threads work out for nobody is not waited for
            rest = asyncio.all_tasks() - {asyncio.current_task()}
            for task in rest:
                task.cancel()
            await asyncio.gather(*rest, return_exceptions=True)


def _in_address(name: str) -> str:
    """A name, or an IP address, as browsers write it in an address."""
    try:
        number = ipaddress.ip_address(name)
    except ValueError:
        return name
    return f"[{number}]" if number.version == 6 else name


def _listen(host: str, port: int | None) -> socket.socket:
    """A socket on the port that was asked for, or on the next free one.

    Raises:
        BadRun: there is none.
    """
    if not host.strip():
        raise BadRun(
            f"--host must be an address of this machine, got {host!r}, which would let every machine in. "
            "Leave it out for this machine alone, or give 0.0.0.0 for all."
        )
    if port is not None and not 0 <= port < 1 << 16:
        raise BadRun(f"--port must be from 0 to 65535, got {port}. 0 takes any that is free.")
    first = PORT if port is None else port
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    for number in [first] if first == 0 else range(first, min(first + _PORTS, 1 << 16)):
        found = socket.socket(family, socket.SOCK_STREAM)
        try:
            if os.name == "posix":  # elsewhere it would let another process take a port that is in use
                found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            found.bind((host, number))
            found.listen(128)
            found.setblocking(False)
        except OSError as error:
            found.close()
            if error.errno == errno.EACCES and os.name == "posix":
                raise BadRun(f"--port {number} needs rights that this user lacks. Take one from 1024 on.") from None
            if error.errno not in _TAKEN:
                raise BadRun(
                    f"--host must be an address of this machine, but {host} cannot be listened on "
                    f"({error.strerror or error}). Leave it out for this machine alone."
                ) from None
            continue
        return found
    raise BadRun(f"None of the ports {first} to {first + _PORTS - 1} is free. Give another --port, or 0 for any.")
