"""Who may look: a random token, the names under which the server may be asked, and what every answer carries.

Loopback is no protection by itself: every page that the same browser has open can send requests there, and a name that
its owner points at 127.0.0.1 makes them look like the server's own (DNS rebinding). So a request needs the token, or
the cookie that the page got for it; its Host must be a name of this server, and its Origin, where there is one, too.
The cookie is HttpOnly and SameSite=Strict, and named after the port: cookies do not know ports. No GET changes
anything.
"""

import dataclasses
import hmac
import secrets
from collections.abc import Iterable
from typing import Any
from urllib.parse import parse_qs, urlsplit

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")

POLICY = (
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'"
)
SANDBOX = "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"
"""For reports: they show text from data, and need no script."""

ALWAYS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-store",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}

_LONGEST = 200
"""Characters of a token that are looked at."""


@dataclasses.dataclass(frozen=True)
class Refusal:
    """Why a request is not answered.

    Attributes:
        status: of HTTP.
        words: one line, without anything that the request held.
    """

    status: int
    words: str


class Access:
    """What one server asks of a request."""

    def __init__(self, port: int, hosts: Iterable[str] = (), *, token: str | None = None) -> None:
        """Rules of a server.

        Args:
            port: on which it listens.
            hosts: names beside those of loopback under which it is reached, with or without a port.
            token: None makes one, of 256 random bits.
        """
        self.token = token or secrets.token_urlsafe(32)
        self.cookie = f"caviar-{port}"
        given = {name.lower() for name in hosts}
        self._hosts = {f"{name}:{port}" for name in (*LOOPBACK, *given)} | given

    def refusal(self, headers: dict[str, str], query: str = "", *, page: bool = False) -> Refusal | None:
        """Why a request is refused; None where it may go on.

        Args:
            headers: of the request, with names in lower case.
            query: of its address.
            page: whether it asks for the page itself: only there the token may stand in the address.
        """
        if headers.get("host", "").lower() not in self._hosts:
            return Refusal(421, "This server is not asked under that name. Use the address that it printed.")
        origin = headers.get("origin")
        if origin is not None and not self._own(origin):
            return Refusal(403, "A page of another origin may not ask this server.")
        if headers.get("sec-fetch-site", "none") == "cross-site" and not page:
            return Refusal(403, "A page of another site may not ask this server.")
        given = [*self._of_cookies(headers), self._of_bearer(headers)]
        if page:
            given += parse_qs(query[: 4 * _LONGEST]).get("token", [])[:1]
        if any(self._right(one) for one in given):
            return None
        return Refusal(403, "A token is needed. Open the address that caviar printed, with its token.")

    def knows_cookie(self, headers: dict[str, str]) -> bool:
        """Whether the request carries the cookie already."""
        return any(self._right(one) for one in self._of_cookies(headers))

    def set_cookie(self, path: str) -> str:
        """The header that gives the page its cookie."""
        return f"{self.cookie}={self.token}; HttpOnly; SameSite=Strict; Path={path or '/'}"

    def _own(self, origin: str) -> bool:
        parts = urlsplit(origin)
        return parts.scheme in ("http", "https") and parts.netloc.lower() in self._hosts

    def _of_cookies(self, headers: dict[str, str]) -> list[str]:
        """Values of its cookie, of which there is one for each path; others may look like anything."""
        pairs = (pair.partition("=") for pair in headers.get("cookie", "").split(";"))
        return [value.strip() for name, _, value in pairs if name.strip() == self.cookie]

    def _of_bearer(self, headers: dict[str, str]) -> str:
        word, _, token = headers.get("authorization", "").partition(" ")
        return token.strip() if word.lower() == "bearer" else ""

    def _right(self, given: str) -> bool:
        return hmac.compare_digest(given[:_LONGEST].encode("utf-8", "replace"), self.token.encode())


def headers_of(scope: Any) -> dict[str, str]:
    """Headers of a request with names in lower case.

    Of one that comes twice the values are joined, so that no rule sees one of them and the application another.
    """
    found: dict[str, str] = {}
    for name, value in scope["headers"]:
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        joint = "; " if key == "cookie" else ", "
        found[key] = f"{found[key]}{joint}{text}" if key in found else text
    return found
