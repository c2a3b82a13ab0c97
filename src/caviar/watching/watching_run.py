"""`caviar watch` and `caviar replay`: a session on a file of data, in a run folder, steered from a terminal."""

import contextlib
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from caviar.data.column_types import Asked, as_json
from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.reporting.division import Division
from caviar.reporting.run_folder import named, next_folder, read_run
from caviar.reporting.terminal import Listener, Silent
from caviar.reporting.tuning_replay import rows_of
from caviar.watching.adviser import Adviser
from caviar.watching.autopilot import Autopilot
from caviar.watching.bounds import Bounds
from caviar.watching.effects import Remembered
from caviar.watching.session import Seen, Session
from caviar.watching.session_report import write_report_in, write_session_report
from caviar.watching.session_story import story_of
from caviar.watching.terminal import converse, of_branch
from caviar.watching.watch import Replayed, replay

Beside = Callable[[Session, Adviser], contextlib.AbstractContextManager[Sequence[str]]]
"""Opens another face of a session, and says where it is."""


def _nobody(_: Session, __: Adviser) -> contextlib.AbstractContextManager[Sequence[str]]:
    """The terminal is its only face."""
    return contextlib.nullcontext(())


@dataclasses.dataclass(frozen=True)
class Watched:
    """A session that was left.

    Attributes:
        folder: its run folder.
        ended: whether all its networks have come to their end.
        branches: how each stood, by number: epochs, status, best epoch, settings, dev loss and error.
    """

    folder: Path
    ended: bool
    branches: dict[str, dict[str, Any]]


def watch_data(
    data: str | Path,
    target: str | None = None,
    *,
    config: Config | None = None,
    dev: str | float | None = None,
    test: str | float | None = None,
    group: str | None = None,
    time: str | None = None,
    by: str | None = None,
    source: Sequence[str] | None = None,
    bridge: bool | None = None,
    scale: str | None = None,
    task: Task | None = None,
    types: Mapping[str, Asked] | None = None,
    seed: int = 0,
    out: str | Path | None = None,
    paused: bool = False,
    bounds: Bounds | None = None,
    beside: Beside = _nobody,
    typed: Iterable[str] = (),
    listener: Listener | None = None,
) -> Watched:
    """Train a network on a file of data and take commands, until it has ended or is stopped; then write its report.

    Args:
        data: a file, or the name of a sample; it and the next up to `types` are as in `improve`.
        target: the column to predict.
        config: the network; None is `Config()`.
        dev: rows to choose by.
        test: rows that stay sealed.
        group: rows with the same value in this column are in one set.
        time: column by which dev and test rows are later.
        by: column that says train, dev or test.
        source: column and value: dev and test take only such rows.
        bridge: hold a part of train as a set of its own.
        scale: how numbers are normalised.
        task: "classification" or "regression"; None is inferred.
        types: what columns are.
        seed: of everything that is random.
        out: run folder; None is caviar-runs/NAME-N. The same request in the same folder goes on, paused.
        paused: begin paused.
        bounds: within which the adviser acts by itself; None: it only advises.
        beside: opens another face of the session, such as a page, and says where it is.
        typed: lines with commands, see `terminal.HELP`.
        listener: told how the work goes.

    Raises:
        BadData: the data cannot be used as they are.
        BadConfig: the config does not fit.
        BadRun: `out` holds something else, or is in use.
    """
    tell = listener or Silent()
    table = read(data, target, types=types)
    column = table.target.name if table.target is not None else target
    division = Division(dev, test, group, time, by, source, bridge, scale)
    split = division.split(table, tell=tell, task=task, seed=seed)
    asked = {
        "data": named(data),
        "target": column,
        **division.asked,
        "task": task,
        "seed": seed,
        "types": as_json(types),
    }
    place = Path(out) if out is not None else next_folder(table.name)
    network = (config or Config()).changed(seed=seed, record="layers")
    session, remembered = Session(split, network, place, paused=paused, about=asked), Remembered()
    adviser = Adviser(session)
    try:
        ended, branches = _talk(session, adviser, remembered, tell, bounds=bounds, beside=beside, typed=typed)
    finally:  # also where Ctrl-C ends it
        write_session_report(story_of(session), remembered.of(session), adviser.to_json(), place / "report.html")
    return Watched(place, ended, branches)


def _talk(
    session: Session,
    adviser: Adviser,
    remembered: Remembered,
    tell: Listener,
    *,
    bounds: Bounds | None,
    beside: Beside,
    typed: Iterable[str],
) -> tuple[bool, dict[str, dict[str, Any]]]:
    """Take commands until the session is over, and close it; whether all has ended, and how every branch stands."""
    with contextlib.ExitStack() as opened:
        opened.enter_context(session)
        opened.enter_context(adviser)
        autopilot = None if bounds is None else opened.enter_context(Autopilot(session, adviser, bounds))
        tell.stage("Training")
        tell.say(f"Run folder: {session.folder}")
        for hint in _hint(session):
            tell.say(hint)
        faces = opened.enter_context(beside(session, adviser))
        for line in faces:
            tell.say(line)
        tell.say("Commands are typed, one a line; help tells them.")

        def say(told: str) -> None:
            for line in told.splitlines():
                tell.say(line)

        ended = converse(
            session,
            session.split,
            typed,
            say,
            adviser=adviser,
            autopilot=autopilot,
            look=lambda: remembered.of(session),
            stays=bool(faces) or autopilot is not None,
        )
        tell.stage("Result")
        branches = session.branches
        for number, seen in branches.items():
            tell.say(of_branch(number, seen, session.split))
        return ended, {str(number): _standing(seen, session.split) for number, seen in branches.items()}


def _hint(session: Session) -> list[str]:
    """What to type where the network waits."""
    first = session.branches.get(0)
    if first is None or not first.paused:
        return []
    if session.lines or first.branch.steps:
        return [f"It goes on where it was left, paused: {len(session.lines)} lines in its journal. Type resume."]
    return ["It waits, paused, before its first step. Type resume."]


def _standing(seen: Seen, split: Split) -> dict[str, Any]:
    branch, curves = seen.branch, seen.losses(split)
    names = ("train_loss", "dev_loss", "dev_error") if branch.epochs else ()
    last = {name: float(curves[name][-1]) for name in names}
    return {
        "epochs": branch.epochs,
        "steps": branch.steps,
        "status": branch.status,
        "best_epoch": branch.best_epoch,
        "config": branch.config.to_json(),
        **{name: value if math.isfinite(value) else None for name, value in last.items()},
    }


def report_again(folder: Path) -> Path:
    """Write the report of a session from its folder, as it was when an epoch was kept last; nothing is trained.

    Raises:
        BadRun: it holds no session, or the data have changed.
    """
    return write_report_in(folder, rows_of(_asked_of(folder, "caviar report"), folder))


def replay_run(folder: Path) -> Replayed:
    """Go through the session of a run folder again, from the first step on.

    Raises:
        BadRun: it holds no session that `caviar watch` began, or the data have changed.
    """
    return replay(rows_of(_asked_of(folder, "caviar replay"), folder), folder)


def _asked_of(folder: Path, command: str) -> dict[str, Any]:
    """What a session in a folder was asked for, with data that can be read again.

    Raises:
        BadRun: it holds none.
    """
    asked = read_run(folder)["asked"]
    if asked.get("command") != "watch" or asked.get("data") in (None, "given in Python"):
        raise BadRun(
            f"{command} needs a run folder of caviar watch, but {folder} holds none with data in a file. From Python, "
            "see caviar.watching.watch.replay(split, folder) and caviar.watching.session_report."
        )
    return dict(asked)
