"""Sources: runs that the page shows - a session in training, or a folder - all asked in the same way."""

import dataclasses
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import Any, Protocol

from caviar.errors import BadCommand
from caviar.watching.adviser import Adviser
from caviar.watching.commands import Command
from caviar.watching.effects import Effect, Remembered
from caviar.watching.session import Done, Session
from caviar.watching.telling import Glance, about, glance, news, whole

_SECONDS_TO_JUDGE = 2.0
"""Between two looks at what the commands did, where no new one has come."""

Message = dict[str, Any]


class Source(Protocol):
    """A run that can be looked at. Its methods may take a while and are called in one thread at a time."""

    id: str
    name: str
    kind: str
    folder: Path | None
    live: bool

    def state(self) -> str:
        """How it stands, in a word."""
        ...

    def begin(self) -> Message:
        """All that has been told so far, by this and by `more`."""
        ...

    def more(self) -> Message | None:
        """What is new since the last call; None where nothing is, or nothing was told yet."""
        ...

    def ask(self, command: Command, who: str) -> "Future[Done]":
        """Hand in a command.

        Raises:
            CaviarError: it takes none.
        """
        ...


class SessionSource:
    """A session that trains in this process."""

    kind, live = "session", True

    def __init__(self, session: Session, adviser: Adviser | None, number: str, name: str) -> None:
        """Show a session.

        Args:
            session: that trains.
            adviser: whose findings are shown; None: none are.
            number: the id.
            name: for people.
        """
        self.id, self.name, self.folder = number, name, session.folder
        self._session, self._adviser = session, adviser
        self._about: Message | None = None
        self._glance: Glance | None = None
        self._told = threading.Lock()
        self._remembered, self._judge_again = Remembered(), 0.0
        self._effects: tuple[Effect, ...] = ()

    def state(self) -> str:
        """Training, paused, or over."""
        branches = self._session.branches.values()
        if not self._session.alive:
            return "closed"
        return "training" if any(seen.trains for seen in branches) else "standing still"

    def begin(self) -> Message:
        """All of it."""
        with self._told:
            if self._about is None:
                session = self._session
                about_it = about(session.split, session.config, self.name)
                self._about = {"id": self.id, "folder": self.name} | about_it
            self._glance = self._glance or self._look()
            return {"run": self._about} | whole(self._glance, self._session.split)

    def more(self) -> Message | None:
        """What is new."""
        with self._told:
            before, self._glance = self._glance, self._look()
            return None if before is None else news(before, self._glance, self._session.split) or None

    def ask(self, command: Command, who: str) -> "Future[Done]":
        """Hand in a command."""
        return self._session.ask(command, who)

    def _look(self) -> Glance:
        session, now = self._session, time.monotonic()
        findings = () if self._adviser is None else tuple(self._adviser.to_json())
        before = self._glance
        if before is not None and findings == before.findings:
            findings = before.findings
        if before is None or len(before.lines) != len(session.lines) or now > self._judge_again:
            self._effects = self._remembered.of(session)
            self._judge_again = now + _SECONDS_TO_JUDGE
        return glance(session, findings, self._effects)


@dataclasses.dataclass
class FolderSource:
    """A run folder, read only."""

    id: str
    name: str
    kind: str
    folder: Path | None
    view: Any
    live: bool = False

    def state(self) -> str:
        """Finished, or under way elsewhere."""
        return self.view.state()

    def begin(self) -> Message:
        """All of it."""
        return self.view.whole()

    def more(self) -> Message | None:
        """What has been written since."""
        return self.view.since()

    def ask(self, command: Command, who: str) -> "Future[Done]":  # noqa: ARG002
        """Refuse: nothing trains here."""
        again = f"caviar watch --resume {self.folder}" if self.kind == "session" else "caviar watch DATA"
        raise BadCommand(f"Commands need a session that is open, but this is a folder that is shown. Open one: {again}")


def listed(sources: Mapping[str, Source]) -> list[Message]:
    """The runs of a server, for the page's list."""
    return [
        {"id": one.id, "name": one.name, "kind": one.kind, "state": one.state(), "title": one.name}
        for one in sources.values()
    ]
