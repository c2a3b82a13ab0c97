"""Steering: what a command makes of the branches of a session, and all commands once more from the journal.

Branches know nothing of each other, so each may be taken from one of its lines of the journal to the next alone; the
bits are those of the session, in which they were trained side by side.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from caviar.data.split import Split
from caviar.errors import BadCommand
from caviar.training import devices
from caviar.training.crew import RowsOnDevice
from caviar.watching.branches import Branch, advance, steps_per_epoch
from caviar.watching.changes import changed
from caviar.watching.commands import Command

KeptAt = Callable[[int, int], Branch | None]
"""(number of a branch, epoch) -> the branch as it was kept at the end of that epoch."""

STEERS = ("nudge", "rewind", "branch", "delete")
"""Commands on which the bits of a branch depend, or whether it is there; `end` says how far each came."""


class Known(NamedTuple):
    """A branch from which a retracing may begin."""

    line: int
    """Lines of the journal that it has behind it."""
    branch: Branch


def steered(
    branches: Mapping[int, Branch], command: Command, split: Split, *, kept_at: KeptAt, new: int
) -> dict[int, Branch]:
    """The branches after a command of `STEERS`; nothing is changed in place.

    Args:
        branches: by number, each between two steps.
        command: what is to be done.
        split: the data.
        kept_at: where a branch can go back to.
        new: the number of a branch that is made.

    Raises:
        BadCommand: there is no such branch or kept epoch, or it is the only one that would be deleted.
        BadConfig: settings that cannot be.
    """
    number = command.branch
    if number is None or number not in branches:
        raise BadCommand(f"A command needs a branch that is there ({_numbers(branches)}), got {number}.")
    own, found = branches[number], dict(branches)
    match command.verb:
        case "nudge":
            found[number] = changed(own, command.settings, split)
        case "rewind":
            back = kept_at(number, command.epoch or 0)
            if back is None:
                raise BadCommand(
                    f"rewind needs an epoch that was kept, and epoch {command.epoch} of branch {number} was not."
                )
            found[number] = dataclasses.replace(back, number=number, parent=own.parent)
        case "branch":
            copy = dataclasses.replace(own, number=new, parent=number)
            found[new] = changed(copy, command.settings, split) if command.settings else copy
        case "delete":
            if len(branches) == 1:
                raise BadCommand(f"The last branch of a session cannot be deleted, got branch {number}. Stop instead.")
            del found[number]
        case verb:
            raise BadCommand(f"{verb} steers no branch.")
    return found


def retraced(
    first: Branch,
    lines: Sequence[Mapping[str, Any]],
    split: Split,
    rows: RowsOnDevice,
    device: devices.Device,
    *,
    known: Mapping[int, Known] | None = None,
    kept_at: KeptAt = lambda number, epoch: None,  # noqa: ARG005
) -> dict[int, Branch]:
    """The branches after all lines of a journal, each at its last line or, where it is known beyond that, there.

    Args:
        first: branch 0 before its first step.
        lines: of the journal, oldest first.
        split: the data.
        rows: on the device.
        device: that trains.
        known: branches that need not be trained from the start, by number; those whose parent would then be too far
            on are, and so are all others with them.
        kept_at: epochs that need not be trained again.
    """
    steering = [(place, line) for place, line in enumerate(lines) if line["verb"] in (*STEERS, "end")]
    known = dict(known or {})
    wanted = _wanted(steering, known)
    for place, line in steering:
        parent = known.get(line["branch"]) if line["verb"] == "branch" and line["new"] in wanted else None
        if parent is not None and line["new"] not in known and parent.line > place:
            known = {}
            wanted = _wanted(steering, known)
            break
    needed = {(line["branch"], line["epoch"]) for _, line in steering if line["verb"] == "rewind"}
    kept: dict[tuple[int, int], Branch] = {}

    def arrived(branch: Branch) -> Branch:
        """The branch, kept if it has come to an epoch that is needed: as it was there, before any change."""
        if branch.steps == branch.epochs * steps_per_epoch(branch, split) and (branch.number, branch.epochs) in needed:
            kept[branch.number, branch.epochs] = branch
        return branch

    def trained(branch: Branch, steps: int) -> Branch:
        """The branch some steps further."""
        while branch.steps < steps and branch.status == "training":
            per_epoch = steps_per_epoch(branch, split)
            stops = [e * per_epoch for n, e in needed if n == branch.number and e * per_epoch > branch.steps]
            (branch,) = advance(split, [branch], min([steps, *stops]) - branch.steps, rows, device)
            arrived(branch)
        return branch

    def at(number: int, epoch: int) -> Branch | None:
        return kept.get((number, epoch)) or kept_at(number, epoch)

    branches = {0: known[0].branch if 0 in known else arrived(first)} if 0 in wanted else {}
    for place, line in steering:
        if line["verb"] == "end":
            for each in wanted & {int(number) for number in line["branches"]}:
                if each not in known or place >= known[each].line:
                    branches[each] = trained(branches[each], line["branches"][str(each)]["step"])
            continue
        number = line["branch"]
        about = line["new"] if line["verb"] == "branch" else number
        if line["verb"] == "delete":
            branches.pop(number, None)
        elif about in wanted:
            behind = number in known and place < known[number].line
            if number in wanted and not behind:
                branches[number] = trained(branches[number], line["step"])
            if line["verb"] == "branch" and about in known:
                branches[about] = known[about].branch
            elif not behind:
                command = Command(line["verb"], number, line.get("settings", {}), line.get("epoch"))
                branches = steered(branches, command, split, kept_at=at, new=about)
                if line["verb"] == "branch":
                    arrived(branches[about])
    return branches


def _wanted(steering: Sequence[tuple[int, Mapping[str, Any]]], known: Mapping[int, Known]) -> set[int]:
    """The branches that have to be gone through: those that are there in the end, and whose copies they are.

    One that was deleted is not trained again, unless another is to be copied from it anew.
    """
    parents = {line["new"]: line["branch"] for _, line in steering if line["verb"] == "branch"}
    found, left = set(), {0, *parents} - {line["branch"] for _, line in steering if line["verb"] == "delete"}
    while left:
        number = left.pop()
        found.add(number)
        if number in parents and number not in known and parents[number] not in found:
            left.add(parents[number])
    return found


def _numbers(branches: Mapping[int, Branch]) -> str:
    return ", ".join(map(str, sorted(branches)))
