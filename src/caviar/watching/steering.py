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
    for place, line in steering:
        if line["verb"] == "end":
            continue
        parent = known.get(line["branch"])
        if line["verb"] == "branch" and line["new"] not in known and parent is not None and parent.line > place:
            known = {}
    needed = {(line["branch"], line["epoch"]) for _, line in steering if line["verb"] == "rewind"}
    kept: dict[tuple[int, int], Branch] = {}

    def trained(branch: Branch, steps: int) -> Branch:
        """The branch some steps further; epochs that are needed are kept on the way."""
        while True:
            per_epoch = steps_per_epoch(branch, split)
            if branch.steps == branch.epochs * per_epoch and (branch.number, branch.epochs) in needed:
                kept[branch.number, branch.epochs] = branch
            if branch.steps >= steps or branch.status != "training":
                return branch
            stops = [e * per_epoch for n, e in needed if n == branch.number and e * per_epoch > branch.steps]
            (branch,) = advance(split, [branch], min([steps, *stops]) - branch.steps, rows, device)

    def at(number: int, epoch: int) -> Branch | None:
        return kept.get((number, epoch)) or kept_at(number, epoch)

    branches = {0: known[0].branch if 0 in known else trained(first, 0)}
    for place, line in steering:
        if line["verb"] == "end":
            for each, standing in line["branches"].items():
                if place >= (known[int(each)].line if int(each) in known else 0):
                    branches[int(each)] = trained(branches[int(each)], standing["step"])
            continue
        number = line["branch"]
        if number in known and place < known[number].line:
            if line["verb"] == "branch" and line["new"] in known:
                branches[line["new"]] = known[line["new"]].branch
            continue
        branches[number] = trained(branches[number], line["step"])
        command = Command(line["verb"], number, line.get("settings", {}), line.get("epoch"))
        branches = steered(branches, command, split, kept_at=at, new=line.get("new", -1))
        if line["verb"] == "branch":
            new = line["new"]
            branches[new] = known[new].branch if new in known else trained(branches[new], 0)
    return branches


def _numbers(branches: Mapping[int, Branch]) -> str:
    return ", ".join(map(str, sorted(branches)))
