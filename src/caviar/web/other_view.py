"""A run folder of caviar improve, train, diagnose or retune as the page shows it: what it came to, and its report."""

import json
import threading
from pathlib import Path
from typing import Any

from caviar.errors import BadRun
from caviar.reporting.run_folder import FORMAT, read_run, read_summary
from caviar.reporting.status import status
from caviar.reporting.tuning_result import plain

Message = dict[str, Any]

_LARGEST = 64_000
"""Characters of a part of the summary; larger ones are left out."""


class OtherView:
    """One run."""

    def __init__(self, folder: Path) -> None:
        """Nothing is read yet."""
        self._folder = folder
        self._lock = threading.Lock()
        self._told: Message | None = None

    def state(self) -> str:
        """`finished`, or `under way`: begun, whether or not somebody works on it."""
        return "finished" if (self._folder / "summary.json").exists() else "under way"

    def whole(self) -> Message:
        """All that has been told: what is there at the first call, and what `since` has told after it.

        Raises:
            BadRun: the folder is no run's, is of a later caviar, or cannot be read.
        """
        with self._lock:
            if self._told is None:
                self._told = _about(self._folder)
            return {"run": self._told}

    def since(self) -> Message | None:
        """What is new since the last call; None where nothing is, or before the first `whole`.

        Raises:
            BadRun: as in `whole`.
        """
        with self._lock:
            if self._told is None:
                return None
            before, self._told = self._told, _about(self._folder)
            new = {name: part for name, part in self._told.items() if before.get(name) != part}
            return {"run": new} if new else None


def _about(folder: Path) -> Message:
    run, summary = read_run(folder), read_summary(folder)
    if summary is not None:
        made = summary.get("format", FORMAT) if isinstance(summary, dict) else None
        if not isinstance(made, int) or made > FORMAT:
            raise BadRun(
                f"The summary of a run must be of format {FORMAT}, but {folder / 'summary.json'} is of {made!r}: it "
                "was written by a later caviar. Update."
            )
    parts = {str(name): plain(part) for name, part in (summary or {}).items()}
    small = {name: part for name, part in parts.items() if len(json.dumps(part)) <= _LARGEST}
    return {
        "name": folder.resolve().name,
        "folder": str(folder),
        "command": str(run["asked"].get("command", "improve")),
        "finished": summary is not None,
        "report": (folder / "report.html").is_file(),
        "lines": list(status([folder]).runs[0].reasons),
        "summary": small,
        "left_out": sorted(parts.keys() - small.keys()),
    }
