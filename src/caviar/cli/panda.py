"""Commands about networks and runs that are watched: watch, replay, serve."""

import contextlib
import dataclasses
import html
import json
import os
import sys
import tempfile
import webbrowser
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from caviar.cli.options import (
    NOTHING_SAID,
    AsJson,
    CommandError,
    Data,
    Out,
    Resume,
    Rows,
    asked_of,
    listening,
    refuse_beside_resume,
)

if TYPE_CHECKING:
    from caviar.watching.adviser import Adviser
    from caviar.watching.session import Session
    from caviar.web.app import Data as Look
    from caviar.web.sources import Source


@Parameter(name="*")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Page:
    """Where the page is served: options of every command that has one."""

    port: Annotated[
        int | None, Parameter(help="Of the page; 8765 when left out, or the next one that is free. 0 takes any.")
    ] = None
    host: Annotated[
        str, Parameter(help="Interface; others than this machine's own let other machines in: needs TLS in front.")
    ] = "127.0.0.1"
    name: Annotated[
        list[str] | None,
        Parameter(negative="", consume_multiple=True, help="Names under which it is reached besides, as of a proxy."),
    ] = None
    base: Annotated[str, Parameter(help="Path under which a proxy serves it, such as /caviar.")] = ""
    browser: Annotated[
        bool | None, Parameter(help="Open a browser; when left out where there is a screen and a person.")
    ] = None


USUAL_PAGE = Page()


def watch(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
    config: Annotated[Path | None, Parameter(help="TOML file with the network's settings; else the default.")] = None,
    auto: Annotated[
        list[str] | None,
        Parameter(
            negative="",
            consume_multiple=True,
            help="Let the adviser act on these settings, within bounds: learning_rate=1e-4:1e-2 dropout=0:0.5 l2.",
        ),
    ] = None,
    paused: Annotated[bool, Parameter(negative="", help="Begin paused.")] = False,
    page: Annotated[bool, Parameter(help="Serve the page beside the terminal.")] = True,
    served: Page = USUAL_PAGE,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    resume: Resume = None,
    as_json: AsJson = False,
) -> int:
    """Train one network and steer it while it trains, on a page or by typed commands: help tells them."""
    from caviar.network.config import Config  # noqa: PLC0415  (starts JAX's import)
    from caviar.reporting.config_file import read_config  # noqa: PLC0415
    from caviar.watching.bounds import bounds_from  # noqa: PLC0415
    from caviar.watching.watching_run import watch_data  # noqa: PLC0415

    asked: dict[str, Any] = {"data": data, "config": config, "seed": seed}
    if resume is not None:
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        asked, out = asked_of("watch", resume), resume
        asked["config"] = Config.from_mapping(asked["config"])
    elif data is None:
        raise CommandError("caviar watch needs DATA, or --resume RUN. For a first try: caviar watch digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
    bounds = None if auto is None else bounds_from(auto)

    def beside(session: "Session", adviser: "Adviser") -> "contextlib.AbstractContextManager[Sequence[str]]":
        return _session_page(session, adviser, served) if page else contextlib.nullcontext(())

    with listening() as listener:
        result = watch_data(
            **asked, out=out, typed=sys.stdin, listener=listener, paused=paused, bounds=bounds, beside=beside
        )
    if as_json:
        print(json.dumps({"run": str(result.folder), "ended": result.ended, "branches": result.branches}))
    else:
        print(f"Run folder: {result.folder}")
        print(f"Report:     {result.folder / 'report.html'}")
        print(f"Go on:      caviar watch --resume {quote(str(result.folder))}")
        print(f"Replay:     caviar replay {quote(str(result.folder))}")
    return 0


def replay(
    run: Annotated[Path, Parameter(help="Run folder of caviar watch.")],
    /,
    *,
    as_json: AsJson = False,
) -> int:
    """Train the session of a run again, with its commands at their steps; exit code 1 where the bits are others."""
    from caviar.watching.watching_run import replay_run  # noqa: PLC0415  (starts JAX's import)

    found = replay_run(run)
    branches = {str(n): {"steps": b.steps, "epochs": b.epochs, "status": b.status} for n, b in found.branches.items()}
    if as_json:
        print(json.dumps({"equal": found.equal, "branches": branches}))
    else:
        for number, branch in branches.items():
            print(f"branch {number}: {branch['epochs']} epochs, {branch['steps']:,} steps, {branch['status']}")
        print(
            {
                True: "The same bits as in the session.",
                False: "NOT the bits of the session: they are the same on the same kind of processor with the same "
                "versions only.",
                None: "The session was not closed: there is nothing to compare with.",
            }[found.equal]
        )
    return 1 if found.equal is False else 0


def serve(
    *runs: Annotated[Path, Parameter(help="Run folders, finished or not.")],
    served: Page = USUAL_PAGE,
) -> int:
    """Show runs on a page: searches with all their networks, sessions, and what other commands found."""
    from caviar.web.folders import folder_data, folder_source  # noqa: PLC0415  (starts JAX's import)

    if not runs:
        raise CommandError("caviar serve needs at least one run folder. For example: caviar serve caviar-runs/*")
    sources = [folder_source(run, str(number)) for number, run in enumerate(runs)]
    data = {str(number): look for number, run in enumerate(runs) if (look := folder_data(run)) is not None}
    with _page(sources, served, data) as (said, server), contextlib.suppress(KeyboardInterrupt):
        for line in (*said, "Ctrl-C ends it."):
            print(line, file=sys.stderr)
        server.wait()
    return 0


@contextlib.contextmanager
def _session_page(session: "Session", adviser: "Adviser", served: Page) -> Iterator[Sequence[str]]:
    """The page of a session, and where it is."""
    from caviar.web.data_view import data_view  # noqa: PLC0415
    from caviar.web.sources import SessionSource  # noqa: PLC0415

    assert session.folder is not None
    source = SessionSource(session, adviser, "0", session.folder.resolve().name)
    with _page([source], served, {"0": lambda: data_view(session.split)}) as (said, _):
        yield said


@contextlib.contextmanager
def _page(sources: "Sequence[Source]", served: Page, data: "dict[str, Look]") -> Iterator[tuple[Sequence[str], Any]]:
    """A page, and where it is; a browser is opened where there is a screen and a person."""
    from caviar.web.server import Server  # noqa: PLC0415

    with (
        Server(
            sources, port=served.port, host=served.host, hosts=served.name or (), base=served.base, data=data
        ) as server,
        contextlib.ExitStack() as until_it_ends,
    ):
        said = server.words()
        wanted = sys.stderr.isatty() and _has_screen() if served.browser is None else served.browser
        if wanted and not webbrowser.open(until_it_ends.enter_context(leading_to(server.address)).as_uri()):
            said.append("No browser could be opened: open that address in one.")
        yield said, server


@contextlib.contextmanager
def leading_to(address: str) -> Iterator[Path]:
    """A file that only this user can read, and that leads a browser to an address.

    Every user of the machine sees what programs are started with: the address, with its token, must not be there.
    """
    number, name = tempfile.mkstemp(prefix="caviar-", suffix=".html")  # mode 0600
    path = Path(name)
    try:
        with os.fdopen(number, "w", encoding="utf-8") as file:
            file.write(f'<!doctype html><meta http-equiv="refresh" content="0;url={html.escape(address)}">\n')
        yield path
    finally:
        path.unlink(missing_ok=True)


def _has_screen() -> bool:
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
