"""The story of a session: its branches as they stood at the end, its journal as settings that changed, and who led.

From a session that is there, or from its folder, which holds the last kept epoch of every branch: nothing is trained.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.diagnosis.intervals import LEVEL, Estimate, mean, paired_gain
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.reporting.run_folder import read_run
from caviar.reporting.story import error_of_rows, versions
from caviar.training.metrics import row_errors, row_losses
from caviar.training.outputs import outputs
from caviar.watching.branches import Branch, begin, run_of
from caviar.watching.journal import lines_of
from caviar.watching.kept import about_kept, not_left_behind, recalled
from caviar.watching.session import Seen, Session


@dataclasses.dataclass(frozen=True, eq=False)
class Story:
    """A session, to be told.

    Attributes:
        split: its data.
        config: with which branch 0 began.
        branches: those that are there, by number.
        lines: of the journal, oldest first.
        folder: where it is kept; None: nowhere.
        begun: when, as ISO 8601; "" where that is not known.
        versions: of what it ran on.
        of_kept: whether branches stand at their last kept epoch, which may lie shortly before their end.
    """

    split: Split
    config: Config
    branches: Mapping[int, Seen]
    lines: Sequence[Mapping[str, Any]]
    folder: Path | None
    begun: str
    versions: Mapping[str, str]
    of_kept: bool = False


def story_of(session: Session) -> Story:
    """The story of a session that is there, also when it is closed."""
    run = {} if session.folder is None else read_run(session.folder)
    begun, made = str(run.get("begun", "")), run.get("versions") or versions()
    return Story(session.split, session.config, session.branches, session.lines, session.folder, begun, made)


def story_in(folder: Path, split: Split) -> Story:
    """The story of a session as its folder holds it; nothing is trained, and nothing in it is changed.

    Args:
        folder: of the session, whether it is over or not.
        split: its data.

    Raises:
        BadRun: there is no session in it, it is of other data, or a kept epoch cannot be read.
    """
    run = read_run(folder)
    asked = run["asked"]
    if asked.get("command") != "watch":
        raise BadRun(f"A session must be the run of caviar watch, but {folder} is of caviar {asked.get('command')}.")
    if asked["rows"] != split.fingerprint:
        raise BadRun(
            f"A session must be told with the rows that it trained on, but the data are not those of {folder}. Put the "
            "old file back."
        )
    lines = lines_of(folder / "journal.jsonl")
    ended = {line["branch"] for line in lines if line["verb"] == "stop" and "branch" in line}
    gone = {line["branch"] for line in lines if line["verb"] == "delete"}
    branches = {}
    for number in sorted({0, *(line["new"] for line in lines if line["verb"] == "branch")} - gone):
        if (found := _last_kept(folder / "epochs" / f"branch-{number}", number, lines, split)) is not None:
            branches[number] = Seen(found[0], paused=False, ended=number in ended, kept=found[1])
    if not branches:
        raise BadRun(f"The session in {folder} has kept no epoch yet. Go on with: caviar watch --resume {folder}")
    first = Config.from_mapping(asked["config"])
    return Story(split, first, branches, lines, folder, str(run.get("begun", "")), run["versions"], of_kept=True)


def _last_kept(
    place: Path, number: int, lines: Sequence[Mapping[str, Any]], split: Split
) -> tuple[Branch, tuple[int, ...]] | None:
    """A branch at its last kept epoch, and all of them; what a rewind has left behind does not count."""
    about = not_left_behind(about_kept(place) if place.exists() else {}, number, lines)
    while about:
        last = about[max(about)]
        like = begin(split, Config.from_mapping(last["config"]), number)
        try:
            found = recalled(place, max(about), dataclasses.replace(like, parent=last["parent"]))
        except BadRun:
            if max(about) in about_kept(place):
                raise
            del about[max(about)]  # whoever trains it has gone back behind it
            continue
        return found, tuple(sorted(about))
    return None


@dataclasses.dataclass(frozen=True)
class Act:
    """What a line of the journal did.

    Attributes:
        line: as the journal has it.
        number: of the line.
        changes: by setting, its value before and after.
        undone: the number of the rewind that undid it; None where it still holds.
    """

    line: Mapping[str, Any]
    number: int
    changes: Mapping[str, tuple[Any, Any]] = dataclasses.field(default_factory=dict)
    undone: int | None = None


@dataclasses.dataclass(frozen=True)
class Retold:
    """A journal, gone through.

    Attributes:
        acts: one for every line.
        parents: of every branch that there ever was, but for the first.
        born: the epochs behind a branch when it was made, by number.
        begun: with which settings each began.
        ended: those that each had after the last line.
        made: the place in `acts` where each was made; the first was made by nobody.
    """

    acts: tuple[Act, ...]
    parents: Mapping[int, int]
    born: Mapping[int, int]
    begun: Mapping[int, Config]
    ended: Mapping[int, Config]
    made: Mapping[int, int]


def retold(lines: Sequence[Mapping[str, Any]], first: Config) -> Retold:
    """Go through a journal, with the settings of every branch at every moment; a rewind takes back what came later.

    Args:
        lines: oldest first.
        first: the config of branch 0.
    """
    held: dict[int, list[tuple[int | None, int, Config]]] = {0: [(None, 0, first)]}  # (act, epochs, config from there)
    acts, parents, born, made = list[Act](), dict[int, int](), {0: 0}, dict[int, int]()
    begun = {0: first}
    for at, line in enumerate(lines):
        verb, number, changes = line["verb"], line.get("branch"), dict[str, tuple[Any, Any]]()
        if verb in ("nudge", "branch") and number in held:
            before, epochs = held[number][-1][2], int(line.get("epochs", 0))
            after = _with(before, line.get("settings", {}))
            changes = after.differences(before)
            if verb == "nudge":
                held[number].append((at, epochs, after))
            else:
                new = line["new"]
                held[new], begun[new] = [(None, epochs, after)], after
                parents[new], born[new], made[new] = number, epochs, at
        elif verb == "rewind" and number in held:
            # A kept epoch is as it was before what was changed at its end.
            back = [one for one in held[number] if one[0] is not None and one[1] >= line["epoch"]]
            held[number] = [one for one in held[number] if one not in back]
            for act, _, _ in back:
                assert act is not None
                acts[act] = dataclasses.replace(acts[act], undone=at)
        acts.append(Act(line, int(line.get("line", at)), changes))
    ended = {number: configs[-1][2] for number, configs in held.items()}
    return Retold(tuple(acts), parents, born, begun, ended, made)


def _with(config: Config, settings: Mapping[str, Any]) -> Config:
    """The config after a nudge; the rates of a schedule by hand follow the learning rate."""
    others = dict(settings)
    if others.get("learning_rate") is not None and "schedule" not in others:
        config = config.at_rate(others.pop("learning_rate"))
    return config.changed(**others)


@dataclasses.dataclass(frozen=True)
class Reached:
    """What a branch reached on dev rows, at its best epoch.

    Attributes:
        loss: cross-entropy, or squared error of the standardised target, with its interval by rows.
        error: share misclassified, or RMSE in the target's unit.
        loss_lower: by how much the loss is lower than that of branch 0 at its best, paired by row, the interval widened
            for the number of branches; None of branch 0 itself, or where it is gone.
        error_lower: alike; for a regression of the squared error of the standardised target.
    """

    loss: Estimate
    error: Estimate
    loss_lower: Estimate | None = None
    error_lower: Estimate | None = None


def reached(story: Story) -> dict[int, Reached]:
    """What every branch reached, by number; those that have not ended an epoch or diverged in the first are left out.

    Without dev rows nothing is known.
    """
    split = story.split
    if not split.n_dev:
        return {}
    runs = {number: run_of(seen.branch, split) for number, seen in story.branches.items() if seen.branch.best_epoch}
    answers = outputs([(r.config, r.weights, r.statistics) for r in runs.values()], split.x_dev, split.image_shape)
    losses, errors = dict[int, Numbers](), dict[int, Numbers]()
    for number, answer in zip(runs, answers, strict=True):
        own = row_losses(answer, split.y_dev)
        if np.isfinite(own).all():
            losses[number], errors[number] = own[None], row_errors(answer, split.y_dev)[None]
    level = 1 - (1 - LEVEL) / max(1, len(losses) - 1)

    def lower(rows: Mapping[int, Numbers], number: int) -> Estimate | None:
        return paired_gain(rows[0], rows[number], level) if number and 0 in rows else None

    return {
        number: Reached(
            mean(losses[number]),
            error_of_rows(errors[number], split),
            lower(losses, number),
            lower(errors, number),
        )
        for number in losses
    }


def leading(found: Mapping[int, Reached]) -> int | None:
    """The branch with the lowest loss, of equals the first; None where nothing is known."""
    return min(found, key=lambda number: (found[number].loss.value, number), default=None)
