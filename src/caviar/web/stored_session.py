"""A session as its folder holds it, whether or not another process still trains it: nothing is trained here."""

import dataclasses
import os
import threading
from pathlib import Path
from typing import Any

from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.reporting.run_folder import read_run
from caviar.reporting.tuning_replay import rows_of
from caviar.watching.branches import history
from caviar.watching.effects import effects
from caviar.watching.session_story import story_in
from caviar.watching.telling import Glance, about, news, whole

Message = dict[str, Any]


class StoredSession:
    """A folder of `caviar watch`. Its methods may take seconds: call them in a thread."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._lock = threading.Lock()
        self._split: Split | None = None
        self._glance: Glance | None = None
        self._looked_at: object = None
        self._failed = False

    def state(self) -> str:
        """`open` while a process trains it, `closed` otherwise."""
        return "open" if self._in_use else "closed"

    @property
    def _in_use(self) -> bool:
        """Whether a process works in the folder; one that was killed has left its number there."""
        try:
            number = int((self._folder / ".pid").read_text(encoding="utf-8"))
            if os.name == "posix":  # elsewhere this would end it
                os.kill(number, 0)
        except (OSError, ValueError) as error:
            return isinstance(error, PermissionError)
        return True

    def whole(self) -> Message:
        """All that has been told.

        Raises:
            BadRun: there is no session, its data have changed, or an epoch cannot be read.
        """
        with self._lock:
            split = self._rows()
            if self._glance is None:
                self._looked_at, self._glance = self._stamp(), self._look(split)
            first = min(self._glance.branches)
            config = self._glance.branches[first].branch.config
            name = self._folder.resolve().name
            run = {"folder": str(self._folder)} | about(split, config, name, steered=False)
            return {"run": run} | whole(self._glance, split)

    def since(self) -> Message | None:
        """What has been written since the last call; None where nothing has.

        Raises:
            BadRun: it cannot be read, twice in a row.
        """
        with self._lock:
            stamp = self._stamp()
            if self._glance is None or stamp == self._looked_at:
                return None
            split, before = self._rows(), self._glance
            try:
                self._looked_at, self._glance = stamp, self._look(split)
            except BadRun:
                if self._failed:
                    raise
                self._failed = True  # an epoch may go while it is read: at the next look it is not there
                return None
            self._failed = False
            return news(before, self._glance, split) or None

    def _rows(self) -> Split:
        if self._split is None:
            self._split = rows_of(dict(read_run(self._folder)["asked"]), self._folder)
        return self._split

    def _look(self, split: Split) -> Glance:
        story = story_in(self._folder, split)
        histories = {number: history(seen.branch, split) for number, seen in story.branches.items()}
        told = tuple(effects([line for line in story.lines if line["verb"] != "end"], histories, split))
        stands = not self._in_use
        branches = {n: dataclasses.replace(seen, paused=stands) for n, seen in story.branches.items()}
        return Glance(branches, tuple(story.lines), False, (), told)

    def _stamp(self) -> object:
        """What changes when something is written, or the process that trained has gone."""
        journal = self._folder / "journal.jsonl"
        epochs = [str(file) for file in sorted((self._folder / "epochs").glob("*/epoch-*"))]
        return (journal.stat().st_size if journal.exists() else 0, epochs, self._in_use)
