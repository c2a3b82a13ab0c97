"""Are the settings of runs due to be looked at again? By age, or because the data have shifted.

Made for cron: `Status.code` is 0 when nothing is to be done, 3 when a run is due, and 4 when one is unfinished or
damaged and none is due. (1, 2 and 130 have their meaning for every command.)
"""

import dataclasses
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from shlex import quote
from typing import Any, Literal

from caviar.data.words import count
from caviar.errors import BadRun
from caviar.reporting.data_shift import DataShift, data_shift
from caviar.reporting.run_folder import read_run, read_summary

DAYS = 90
"""Days after which settings are due."""

DUE, CANNOT_TELL = 3, 4

Standing = Literal["fine", "due", "unfinished", "damaged"]


@dataclasses.dataclass(frozen=True)
class RunStatus:
    """How one run stands.

    Attributes:
        folder: of the run.
        standing: fine | due | unfinished | damaged.
        days: its age, since it was begun; None where it cannot be told.
        shift: of the new rows, where they were given.
        reasons: sentences.
    """

    folder: Path
    standing: Standing
    days: float | None
    shift: DataShift | None
    reasons: tuple[str, ...]

    @property
    def lines(self) -> list[str]:
        """One line, and one more for what to do."""
        said = [f"{self.standing:<10} {self.folder}: {' '.join(self.reasons)}"]
        if self.standing == "due":
            said.append(
                f"{'':<10} To see whether its settings still lead: caviar retune {quote(str(self.folder))} NEWDATA"
            )
        return said

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "run": str(self.folder),
            "standing": self.standing,
            "days": None if self.days is None else round(self.days, 2),
            "shift": None if self.shift is None else self.shift.to_json(),
            "reasons": list(self.reasons),
        }


@dataclasses.dataclass(frozen=True)
class Status:
    """How runs stand.

    Attributes:
        runs: in the order they were given.
    """

    runs: tuple[RunStatus, ...]

    @property
    def due(self) -> bool:
        """Whether the settings of a run are due."""
        return any(run.standing == "due" for run in self.runs)

    @property
    def code(self) -> int:
        """Exit code: 0 fine, 3 a run is due, 4 one is unfinished or damaged."""
        if self.due:
            return DUE
        return 0 if all(run.standing == "fine" for run in self.runs) else CANNOT_TELL

    @property
    def lines(self) -> list[str]:
        """What a person reads."""
        return [line for run in self.runs for line in run.lines]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"due": self.due, "runs": [run.to_json() for run in self.runs]}


def status(runs: Sequence[str | Path], *, days: float = DAYS, new: Any = None, now: datetime | None = None) -> Status:
    """Say of runs whether their settings are due.

    Args:
        runs: run folders of `improve`, `train`, `tune` or `retune`.
        days: age at which settings are due; above 0.
        new: rows that have come since, anything `read` takes: settings are due where these have shifted beyond chance
            and by much.
        now: the time, with its zone; None is the clock's.

    Raises:
        BadRun: no run, or an age that is not above 0.
        BadData: the new rows cannot be read, or a column of theirs holds something else.
    """
    if not runs or not days > 0:
        raise BadRun(
            f"caviar status needs at least one run folder and days above 0, got {count(len(runs), 'run')} and "
            f"days={days}. For example: caviar status caviar-runs/*"
        )
    moment = now or datetime.now(UTC)
    return Status(tuple(_of_run(Path(run), days, new, moment) for run in runs))


def _of_run(folder: Path, days: float, new: Any, now: datetime) -> RunStatus:
    try:
        content = read_run(folder)
        summary = read_summary(folder)
    except BadRun as error:
        return RunStatus(folder, "damaged", None, None, (str(error),))
    begun, how = _begun(folder, content)
    age = max(timedelta(0), now - begun)
    told = f"{how} {begun:%Y-%m-%d}, {age.days:,} day{'s' * (age.days != 1)} ago."
    in_days = age / timedelta(days=1)
    if summary is None:
        command = content["asked"].get("command", "improve")
        again = f"It is not finished. To go on: caviar {command} --resume {quote(str(folder))}"
        return RunStatus(folder, "unfinished", in_days, None, (told, again))
    shift = None if new is None else data_shift(folder, content["asked"], new)
    reasons = [told]
    due = in_days >= days
    if due:
        reasons.append(f"Settings are due after {days:g} days.")
    if shift is not None:
        due = due or shift.large
        reasons += shift.sentences
    return RunStatus(folder, "due" if due else "fine", in_days, shift, tuple(reasons))


def _begun(folder: Path, content: dict[str, Any]) -> tuple[datetime, str]:
    """When a run was begun, and how that is known."""
    try:
        begun = datetime.fromisoformat(content["begun"])
        return (begun if begun.tzinfo else begun.replace(tzinfo=UTC)), "Begun"
    except (KeyError, TypeError, ValueError):
        written = datetime.fromtimestamp((folder / "run.json").stat().st_mtime, UTC)
        return written, "Its date was not kept; its file is of"
