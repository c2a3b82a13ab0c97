"""Lives: what every branch has been through, as the journal tells it, and which of them are alike up to a change.

A life is a branch, or what a rewind or a deletion has taken away of it where its curves are remembered. Two lives with
the same changes behind them are the same network, bit for bit, until one of them is changed: from there on they are a
controlled experiment.
"""

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from caviar.arrays import Numbers

Curves = Mapping[str, Numbers]
"""As in `Run.history`."""

_NO_CHANGE = {"stop_after", "early_stopping", "record"}
"""Settings that say when a network ends, or what is written down: no step is another one for them."""


class Change(NamedTuple):
    """Settings of a branch that became others."""

    line: int
    """Of the journal."""
    epochs: int
    """That had ended."""
    settings: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, eq=False)
class Life:
    """A branch, as far as its curves are known.

    Attributes:
        number: of the branch.
        changes: behind it, oldest first, those of the branch that it was copied from included.
        curves: one value per epoch.
        gone: "" where the branch is there; else how it came to its end: rewind | delete.
    """

    number: int
    changes: tuple[Change, ...]
    curves: Curves
    gone: str = ""

    @property
    def epochs(self) -> int:
        """That are known."""
        return len(self.curves["train_loss"])

    def until(self, place: int) -> int:
        """Epochs that had ended when the change after the first `place` ones came, or all."""
        return min(self.changes[place].epochs, self.epochs) if place < len(self.changes) else self.epochs


def changes_of(lines: Sequence[Mapping[str, Any]]) -> dict[int, tuple[Change, ...]]:
    """The changes behind every branch that is there, by its number."""
    found: dict[int, tuple[Change, ...]] = {0: ()}
    for _, after in _through(lines):
        found = after
    return found


def lives(
    lines: Sequence[Mapping[str, Any]], histories: Mapping[int, Curves], past: Mapping[int, Curves] | None = None
) -> list[Life]:
    """Every life whose curves are known: those that are there first, then those that were left last.

    Args:
        lines: of the journal, oldest first.
        histories: of the branches that are there, by number.
        past: of branches before they went back or were deleted, by the line of the journal that did it.
    """
    gone, past, now = list[Life](), past or {}, {0: ()}
    for line, after in _through(lines):
        if line["verb"] in ("rewind", "delete") and line["line"] in past and line["branch"] in now:
            number, curves = line["branch"], past[line["line"]]
            # What was changed after the last epoch that is remembered is not known to have done anything.
            known = tuple(change for change in now[number] if change.epochs <= len(curves["train_loss"]))
            gone.append(Life(number, known, curves, line["verb"]))
        now = after
    there = [Life(number, behind, histories[number]) for number, behind in now.items() if number in histories]
    return [*there, *reversed(gone)]


def _through(
    lines: Sequence[Mapping[str, Any]],
) -> Iterator[tuple[Mapping[str, Any], dict[int, tuple[Change, ...]]]]:
    """Each line, and the changes behind every branch after it."""
    now: dict[int, tuple[Change, ...]] = {0: ()}
    inherited = {0: 0}
    for line in lines:
        number, settings = line.get("branch"), line.get("settings", {})
        if number in now:
            own = (Change(line["line"], line["epochs"], settings),) if settings.keys() - _NO_CHANGE else ()
            match line["verb"]:
                case "nudge":
                    now = {**now, number: now[number] + own}
                case "branch":
                    now = {**now, line["new"]: now[number] + own}
                    inherited[line["new"]] = len(now[line["new"]])
                case "rewind":
                    # A kept epoch is as it was before what was changed at its end.
                    kept = inherited[number]
                    later = tuple(change for change in now[number][kept:] if change.epochs < line["epoch"])
                    now = {**now, number: now[number][:kept] + later}
                case "delete":
                    now = {other: behind for other, behind in now.items() if other != number}
                case _:
                    pass
        yield line, now
