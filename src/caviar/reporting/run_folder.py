"""The folder of one run: what was asked, who works in it, and what has been finished.

    run.json   what was asked, fingerprint of the data, versions, when it was begun, seconds spent
    study.log  the study (Optuna's journal)        checkpoints/  scores of trained networks, until the run is finished
    model.json, model.safetensors, summary.json, report.html: there when the run is finished

The same request in the same folder continues where it was interrupted, and a finished run is handed back as it
is; another request is refused. The folder is locked while a process works in it; the lock ends with the process.
"""

import json
import os
import re
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, TypeVar

from filelock import FileLock, Timeout

from caviar.data.samples import SAMPLES
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.reporting.story import versions

FORMAT = 1
T = TypeVar("T")
_BASE = "caviar-runs"


class RunFolder:
    """A locked run folder; use as a context."""

    def __init__(self, path: Path, asked: dict[str, Any]) -> None:
        """The folder of a request; entering the context takes it."""
        self.path = path
        self._asked = asked
        self._lock = FileLock(path / ".lock", thread_local=False)  # a session leaves it from its own thread
        self.seconds_before = 0.0

    def __enter__(self) -> Self:
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            self._refuse_foreign()
            self._lock.acquire(timeout=0)
        except Timeout:
            raise BadRun(
                f"A run folder must be used by one process at a time, but {self.path} is in use by "
                f"{self._owner()}. Wait for it, or give another --out."
            ) from None
        except OSError as error:
            raise BadRun(
                f"--out must be a folder that can be written, but {self.path} cannot: {error.strerror or error}. "
                "Give another one."
            ) from None
        try:
            self._claim()
        except BaseException:
            self._lock.release()
            raise
        (self.path / ".pid").write_text(str(os.getpid()), encoding="utf-8")
        return self

    def __exit__(self, *_: object) -> None:
        (self.path / ".pid").unlink(missing_ok=True)
        self._lock.release()

    def _refuse_foreign(self) -> None:
        """Leave a folder alone that is neither empty nor a run's.

        Raises:
            BadRun: it is such a folder.
        """
        others = sorted({p.name for p in self.path.iterdir()} - {".lock", ".pid"})
        if others and not (self.path / "run.json").exists():
            raise BadRun(
                f"--out must be a new or empty folder or a run's, but {self.path} holds {others[0]!r}. Give another."
            )

    def _claim(self) -> None:
        """Write run.json, or compare with the one that is there.

        Raises:
            BadRun: the folder holds a run that was asked for something else.
        """
        if not (self.path / "run.json").exists():
            begun = datetime.now(UTC).isoformat(timespec="seconds")
            self.write_json(
                "run.json",
                {"format": FORMAT, "asked": self._asked, "versions": versions(), "begun": begun, "seconds": 0.0},
            )
            return
        before = read_run(self.path)
        names = self._asked.keys() | before["asked"].keys()
        for name in sorted(names, key=lambda name: (name == "rows", name)):  # the rows follow from the rest
            was, now = before["asked"].get(name), self._asked.get(name)
            if was != now and name == "rows":
                raise BadRun(
                    f"The run in {self.path} must go on with the rows it was begun with, but the data hold others. "
                    "Give another --out."
                )
            if was != now:
                raise BadRun(
                    f"The run in {self.path} was asked for {name} = {_short(was)}, now {name} = {_short(now)} came. "
                    "Ask for the same to continue it, or give another --out."
                )
        self.seconds_before = before["seconds"]

    def _owner(self) -> str:
        try:
            return f"process {(self.path / '.pid').read_text(encoding='utf-8')}"
        except OSError:
            return "another process"

    def write_json(self, name: str, content: dict[str, Any]) -> None:
        """Write a JSON file into the folder, whole or not at all."""
        with write_atomically(self.path / name) as path:
            path.write_text(json.dumps(content, indent=1, allow_nan=False), encoding="utf-8")

    def plan(self, name: str, decide: Callable[[], T]) -> T:
        """A decision that depends on the clock, made once: an interrupted run finds it again and goes on alike.

        Args:
            name: of the decision.
            decide: makes it; a plain JSON value.
        """
        content = read_run(self.path)
        plan = content.setdefault("plan", {})
        if name not in plan:
            plan[name] = decide()
            self.write_json("run.json", content)
        return plan[name]

    def spent(self, seconds: float) -> None:
        """Note the seconds that the run has taken so far, those before an interruption included."""
        self.write_json("run.json", read_run(self.path) | {"seconds": seconds})

    def tidy(self) -> None:
        """Remove what only an unfinished run needs."""
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)


def read_run(folder: Path) -> dict[str, Any]:
    """The content of a run folder's run.json.

    Raises:
        BadRun: there is none, or it cannot be read.
    """
    try:
        content = json.loads((folder / "run.json").read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise BadRun(
                f"A run must have format {FORMAT}, got {content['format']!r}. It was written by a later caviar: update."
            )
        return content | {"asked": dict(content["asked"]), "seconds": float(content["seconds"])}
    except BadRun:
        raise
    except (FileNotFoundError, NotADirectoryError):
        raise BadRun(f"A run folder must hold run.json, but {folder} has none. Give the folder of a run.") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BadRun(
            f"{folder / 'run.json'} cannot be read ({type(error).__name__}: {error}). Give another --out and "
            "start again."
        ) from error


def read_summary(folder: Path) -> dict[str, Any] | None:
    """The summary of a finished run; None where the run is not finished.

    Raises:
        BadRun: it cannot be read.
    """
    path = folder / "summary.json"
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise BadRun(
            f"The summary of a finished run must be JSON, but {path} cannot be read: {error}. Give another --out."
        ) from None


def next_folder(name: str, where: str = _BASE) -> Path:
    """The first free folder caviar-runs/NAME-N, or such a one elsewhere."""
    safe = re.sub(r"[^\w.-]+", "-", name).strip("-.") or "run"
    base = Path(where)
    number = 1
    while (base / f"{safe}-{number}").exists():
        number += 1
    return base / f"{safe}-{number}"


def named(part: Any) -> Any:
    """Data, or a dev or test set, as run.json names them."""
    if isinstance(part, str) and part in SAMPLES:
        return part
    if isinstance(part, (str, Path)):
        return str(Path(part).absolute())
    return part if part is None or isinstance(part, (int, float)) else "given in Python"


def _short(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "..."
