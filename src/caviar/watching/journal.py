"""The journal of a session: one line of JSON per command, on the disk before the command acts.

A kill in the middle of a line leaves half of it, which is cut when the journal is opened again: its command has not
acted.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from caviar.errors import BadRun


class Journal:
    """The lines of one session, in memory and, where there is a folder, in a file.

    Attributes:
        lines: all of them, oldest first.
    """

    def __init__(self, path: Path | None) -> None:
        """Open it, or start it.

        Raises:
            BadRun: the file cannot be read, or is no journal.
        """
        self._path = path
        self.lines: list[dict[str, Any]] = [] if path is None else lines_of(path, mend=True)
        self._torn_at: int | None = None

    def write(self, line: Mapping[str, Any]) -> None:
        """Append a line.

        Raises:
            BadRun: there is no room, or the file cannot be written; nothing of the line is left.
        """
        if self._path is not None:
            self._append(self._path, json.dumps(line).encode() + b"\n")
        self.lines.append(dict(line))

    def _append(self, path: Path, line: bytes) -> None:
        size = None
        try:
            if self._torn_at is not None:
                os.truncate(path, self._torn_at)
                self._torn_at = None
            size = path.stat().st_size if path.exists() else 0
            with path.open("ab") as file:
                file.write(line)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            if size is not None and path.exists():
                try:
                    os.truncate(path, size)
                except OSError:
                    self._torn_at = size  # cut before the next line is written
            raise BadRun(
                f"The journal of a session needs room in a file that can be written, but {path} cannot be "
                f"({error.strerror or error}). Make room, and give the command again."
            ) from None


def lines_of(path: Path, *, mend: bool = False) -> list[dict[str, Any]]:
    """The whole lines of a journal, oldest first; half a last line is no line yet.

    Args:
        path: of the journal; where it is missing there are none.
        mend: cut half a last line. Only for the session that writes it.

    Raises:
        BadRun: it cannot be read, or is no journal.
    """
    try:
        content = path.read_bytes() if path.exists() else b""
        whole = content[: content.rfind(b"\n") + 1]
        lines = [json.loads(line) for line in whole.splitlines()]
        if not all(isinstance(line, dict) for line in lines):
            raise ValueError("a line is no object")
        if mend and len(whole) < len(content):
            with path.open("rb+") as file:
                file.truncate(len(whole))
                os.fsync(file.fileno())
    except (OSError, ValueError) as error:
        raise BadRun(
            f"The journal of a session must be lines of JSON that can be read, but {path} is not ({error}). Restore "
            "it, or begin another session."
        ) from None
    return lines
