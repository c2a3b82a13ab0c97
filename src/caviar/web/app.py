"""The application: the page, its files, the runs as JSON, reports, and the WebSocket. It decides nothing."""

import asyncio
import html
from collections.abc import Callable, Mapping
from importlib.resources import files
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Mount, Route, WebSocketRoute
from starlette.types import ASGIApp, Receive, Scope, Send
from starlette.websockets import WebSocket

from caviar.errors import CaviarError
from caviar.web.access import ALWAYS, POLICY, SANDBOX, Access, headers_of
from caviar.web.hub import Hub
from caviar.web.live import NO_RUN, POLICY_VIOLATED, TRY_LATER, converse
from caviar.web.sources import Message, Source, listed

VIEWERS = 120
"""WebSockets at a time, at most."""

_TYPES = {"js": "text/javascript", "css": "text/css", "svg": "image/svg+xml"}

Data = Callable[[], Message]


def application(
    sources: Mapping[str, Source], access: Access, *, data: Mapping[str, Data] | None = None, base: str = ""
) -> Starlette:
    """The application of a server.

    Args:
        sources: the runs, by id.
        access: who may look.
        data: of runs whose rows are at hand: what to show of them; may take a while.
        base: path under which a proxy serves it, such as /caviar.
    """
    served = _Served(sources, access, dict(data or {}), base)
    routes = [
        Route("/", served.page),
        Route("/static/{name}", served.file),
        Route("/api/runs", served.runs),
        Route("/api/runs/{run}/data", served.data),
        Route("/runs/{run}/report", served.report),
        WebSocketRoute("/live", served.live),
    ]
    app = Starlette(routes=[Mount(base, routes=routes)] if base else routes)
    app.add_middleware(_Guard, access=access, page=f"{base}/")
    return app


class _Guard:
    """Refuses what `Access` refuses, before anything else sees it, and adds to every answer what all carry."""

    def __init__(self, app: ASGIApp, access: Access, page: str) -> None:
        self._app, self._access, self._page = app, access, page

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        headers = headers_of(scope)
        page = scope["type"] == "http" and scope["path"] == self._page
        refusal = self._access.refusal(headers, scope["query_string"].decode("latin-1"), page=page)
        if scope["type"] == "websocket":
            if refusal is None:
                await self._app(scope, receive, send)
            else:
                await send({"type": "websocket.close", "code": POLICY_VIOLATED, "reason": ""})  # 403 before it is open
            return

        async def carrying(message: Any) -> None:
            if message["type"] == "http.response.start":
                own = {name.lower() for name, _ in message["headers"]}
                always = {"content-security-policy": POLICY, **ALWAYS}
                more = [(k.encode(), v.encode()) for k, v in always.items() if k.encode() not in own]
                message = {**message, "headers": [*message["headers"], *more]}
            await send(message)

        if refusal is None and scope["method"] not in ("GET", "HEAD"):
            await PlainTextResponse("Only GET is answered.", 405, {"allow": "GET, HEAD"})(scope, receive, carrying)
        elif refusal is None:
            await self._app(scope, receive, carrying)
        else:
            await PlainTextResponse(refusal.words, refusal.status)(scope, receive, carrying)


class _Served:
    """What is answered to whom may ask."""

    def __init__(self, sources: Mapping[str, Source], access: Access, data: dict[str, Data], base: str) -> None:
        self._sources, self._access, self._data, self._base = sources, access, data, base
        self._hubs: dict[str, Hub] = {}
        self._seen_data: dict[str, asyncio.Task[Message]] = {}
        self._viewers = 0
        page = files("caviar.web") / "page"
        self._files = {file.name: file.read_bytes() for file in page.iterdir() if file.is_file()}

    async def page(self, request: Request) -> Response:
        """The page, with the cookie for whoever came with the token."""
        response = HTMLResponse(self._files["index.html"])
        if not self._access.knows_cookie(headers_of(request.scope)):
            response.headers["set-cookie"] = self._access.set_cookie(f"{self._base}/")
        return response

    async def file(self, request: Request) -> Response:
        """A file of the page: one of those that were there when the server started, by its name alone."""
        name = request.path_params["name"]
        kind = _TYPES.get(name.rpartition(".")[2])
        if kind is None or name not in self._files:
            return PlainTextResponse("There is no such file.", 404)
        return Response(self._files[name], media_type=kind)

    async def runs(self, _: Request) -> Response:
        """The list of runs."""
        return JSONResponse({"runs": await asyncio.to_thread(listed, self._sources)})

    async def data(self, request: Request) -> Response:
        """What the rows of a run look like; worked out once."""
        run = request.path_params["run"]
        if run not in self._sources:
            return _no_run()
        if run not in self._data:
            return JSONResponse({"error": "The rows of this run are not at hand."}, 404)
        task = self._seen_data.get(run)
        if task is None:
            task = self._seen_data[run] = asyncio.create_task(asyncio.to_thread(self._data[run]))
        try:
            return JSONResponse(await asyncio.shield(task))
        except CaviarError as error:
            words = str(error)
        except Exception:  # a fault of caviar: the other runs of the server go on
            words = "The rows of this run cannot be shown."
        if self._seen_data.get(run) is task:  # several may have waited for it
            del self._seen_data[run]
        return JSONResponse({"error": words}, 409)

    async def report(self, request: Request) -> Response:
        """The report of a run, in a sandbox."""
        source = self._sources.get(request.path_params["run"])
        if source is None:
            return _no_run()
        path = None if source.folder is None else source.folder / "report.html"
        try:
            text = None if path is None else await asyncio.to_thread(path.read_text, encoding="utf-8")
        except (OSError, UnicodeDecodeError):
            text = None
        if text is None:
            text = f"<p>There is no report of {html.escape(source.name)} yet: it is written when the run ends."
        return HTMLResponse(text, headers={"content-security-policy": SANDBOX})

    async def live(self, socket: WebSocket) -> None:
        """News and commands of one run."""
        run = socket.query_params.get("run", "")
        await socket.accept()
        if run not in self._sources:
            await socket.close(NO_RUN, "There is no such run.")
        elif self._viewers >= VIEWERS:
            await socket.close(TRY_LATER, f"At most {VIEWERS} pages may be open.")
        else:
            hub = self._hubs.setdefault(run, Hub(self._sources[run]))
            self._viewers += 1
            try:
                await converse(socket, hub)
            finally:
                self._viewers -= 1


def _no_run() -> Response:
    return JSONResponse({"error": "There is no such run."}, 404)
