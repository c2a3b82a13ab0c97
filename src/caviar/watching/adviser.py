"""The adviser: what limits the networks of a session, told as it becomes true, with what can be done about it at once.

It looks at branches with the finders of `diagnose`, in a thread of its own. After a look it rests thirty times as long
as the look took, and two seconds at least, so that it takes about 3 % of the time; what is done once - a program is
compiled, quick models are fitted - comes on top. A branch whose status has changed is looked at before its time. A
branch that stands still is not looked at again.

A finding is told when it is seen, and goes when it was not seen twice, or once where the network has ended. Which of
them can be true in the middle of a training is said in `timely`. A look reads values that the session never changes in
place: it changes no bit of the training, and where it fails, the failure is told and the session goes on.
"""

import dataclasses
import time
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Self

from caviar.data.checks.balance import check_missing_class
from caviar.data.checks.inputs import check_unnormalized_inputs
from caviar.data.split import Split
from caviar.diagnosis.data import finding_of
from caviar.diagnosis.diagnose import ordered
from caviar.diagnosis.finding import SEVERITIES, Finding, FindingName
from caviar.errors import BadCommand
from caviar.reporting import words
from caviar.reporting.findings import IN_A_LINE
from caviar.training.plan import program_for
from caviar.watching.branches import run_of
from caviar.watching.lives import changes_of
from caviar.watching.offers import Offer, offers
from caviar.watching.session import Seen, Session
from caviar.watching.timely import look
from caviar.watching.turns import Turns

_REST, _LEAST = 30.0, 2.0
"""Times a look, and seconds, between its end and the next one."""

_TURNS = 0.2
"""Seconds between two glances at who has changed."""

_GONE = 2
"""Looks in which a finding was not seen after which it goes."""

_LISTED = 8
"""Parts of a list that are told as evidence."""

_SHARES = ("error", "gap", "tolerance")
"""Ends of the names of evidence that is a share of rows, or of the target's variance."""


@dataclasses.dataclass(frozen=True, eq=False)
class Advised:
    """A finding about a branch, while it holds.

    Attributes:
        branch: its number; of a finding about the data, the first one.
        finding: as it was last seen.
        since: epochs that had ended when it was first seen.
        remedies: against it, in the order of the table.
    """

    branch: int
    finding: Finding
    since: int
    remedies: tuple[Offer, ...]

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        finding = self.finding
        return {
            "branch": self.branch,
            "name": finding.name,
            "severity": finding.severity,
            "since": self.since,
            "meaning": finding.meaning,
            "source": finding.source,
            "evidence": [list(one) for one in evidence_in_words(finding)],
            "remedies": [offer.to_json() for offer in self.remedies],
        }


class _Held(NamedTuple):
    """A finding that was seen, and how often not since."""

    advised: Advised
    missed: int


class Adviser:
    """Looks at the branches of a session; use it in a `with` block inside that of the session, or `close` it.

    Attributes:
        advised: what holds, the most severe first; a new tuple where it is another one. Read it from any thread.
        version: rises when `advised` or `failure` changes.
        failure: what went wrong in the last look that failed, in a line; None where none has.
    """

    def __init__(self, session: Session, *, clock: Callable[[], float] = time.monotonic, begin: bool = True) -> None:
        """Begin to look.

        Args:
            session: whose branches.
            clock: seconds, rising.
            begin: start a thread; otherwise `turn` is called by somebody else.
        """
        self._session, self._clock = session, clock
        self.advised: tuple[Advised, ...] = ()
        self.version = 0
        self.failure: str | None = None
        self._held: dict[tuple[int, FindingName], _Held] = {}
        self._of_data: tuple[Finding, ...] | None = None
        self._status: dict[int, tuple[str, bool]] = {}
        self._urgent: set[int] = set()
        self._looked: dict[int, tuple[Any, int]] = {}
        self._programs: set[Any] = set()
        self._looks = 0
        self._due = float("-inf")
        self._told: dict[tuple[int, FindingName], None] = {}
        self._told_failure: str | None = None
        self._numbers: dict[tuple[int, str], int] = {}
        self._offers: dict[int, tuple[int, Offer]] = {}
        self._turns = Turns(self.turn, seconds=_TURNS, goes_on=lambda: session.alive, name="caviar adviser")
        if begin:
            self._turns.begin()

    def close(self) -> None:
        """Look no more."""
        self._turns.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def to_json(self) -> list[dict[str, Any]]:
        """What holds, as plain values."""
        return [advised.to_json() for advised in self.advised]

    def lines_for_terminal(self) -> list[str]:
        """What has come up since this was last asked: a line for each finding, and one for a failure.

        Remedies that can be tried at once have numbers, see `offer`.
        """
        now = self.advised
        names = {(each.branch, each.finding.name) for each in now}
        self._told = {key: None for key in self._told if key in names}
        lines = []
        for advised in now:
            key = (advised.branch, advised.finding.name)
            if key not in self._told:
                self._told[key] = None
                lines.append(self._line(advised))
        failure = self.failure
        if failure is not None and failure != self._told_failure:
            self._told_failure = failure
            lines.append(failure)
        return lines

    def offer(self, number: int) -> tuple[int, Offer]:
        """The branch and the remedy that stood behind a number in `lines_for_terminal`.

        Raises:
            BadCommand: no remedy has this number.
        """
        if number not in self._offers:
            known = f"1 to {len(self._offers)}" if self._offers else "none yet"
            raise BadCommand(f"try needs the number of a remedy that was told ({known}), got {number}.")
        return self._offers[number]

    def _line(self, advised: Advised) -> str:
        finding = advised.finding
        told = f"branch {advised.branch}, {finding.severity}: {finding.name}, {IN_A_LINE[finding.name]}."
        tries = []
        for offer in advised.remedies:
            if offer.possible:
                key = (advised.branch, repr(sorted(offer.settings.items())))
                number = self._numbers.setdefault(key, len(self._numbers) + 1)
                self._offers[number] = (advised.branch, offer)
                tries.append(f"try {number} ({offer.remedy.name})")
        if tries:
            return f"{told} What may help: {', '.join(tries)}."
        return f"{told} {advised.remedies[0].why_not}" if advised.remedies else told

    def turn(self) -> bool:
        """Look at the branch whose turn it is, if it is time; whether one was looked at."""
        branches = self._session.branches
        try:
            self._settle(branches)
        except Exception as error:
            self._fail("The adviser could not look at the data", error)
        ready = {
            number: seen
            for number, seen in branches.items()
            if seen.branch.epochs and self._looked.get(number, (None, 0))[0] != _mark(seen)
        }
        self._urgent &= ready.keys()
        urgent = sorted(self._urgent)
        if not ready or (self._clock() < self._due and not urgent):
            return False
        number = urgent[0] if urgent else min(ready, key=lambda n: (self._looked.get(n, (None, 0))[1], n))
        self._urgent.discard(number)
        began, once = self._clock(), self._is_new(ready[number])
        self._looks += 1
        self._looked[number] = (_mark(ready[number]), self._looks)
        try:
            self._look(ready[number])
            self._publish(branches)
        except Exception as error:  # told, never hidden; the session goes on
            self._fail(f"The adviser could not look at branch {number}", error)
        took = self._clock() - began
        self._due = self._clock() + (_LEAST if once else max(_LEAST, _REST * took))
        return True

    def _fail(self, what: str, error: Exception) -> None:
        failure = f"{what}: {error!r:.300}".replace("\n", " ")
        if failure != self.failure:
            self.failure = failure
            self.version += 1

    def _settle(self, branches: Mapping[int, Seen]) -> None:
        """Take note of who has changed, forget what belongs to branches or epochs that are gone; at first, the data."""
        now = {number: (seen.branch.status, seen.ended) for number, seen in branches.items()}
        self._urgent |= {n for n, status in now.items() if n in self._status and self._status[n] != status}
        self._status = now
        kept = {
            key: held
            for key, held in self._held.items()
            if key[0] in branches and held.advised.since <= branches[key[0]].branch.epochs
        }
        self._looked = {number: looked for number, looked in self._looked.items() if number in branches}
        if self._of_data is None:
            self._of_data = ()
            self._of_data = _of_split(self._session.split)
            self._publish(branches)
        if len(kept) < len(self._held):
            self._held = kept
            self._publish(branches)

    def _is_new(self, seen: Seen) -> bool:
        """Whether a look at this branch compiles something, or fits the quick models of the data."""
        program = program_for(seen.branch.config, self._session.split)
        known = program in self._programs
        self._programs.add(program)
        return not known

    def _look(self, seen: Seen) -> None:
        """What holds of a branch."""
        branch, split = seen.branch, self._session.split
        behind = changes_of(self._session.lines).get(branch.number, ())
        since = min(branch.epochs, behind[-1].epochs) if behind else 0
        found = look(run_of(branch, split), split, since)
        names = {finding.name for finding in self._of_data or ()}
        now: dict[FindingName, Finding] = {f.name: f for f in found.findings if f.name not in names}
        held = dict(self._held)
        for name, finding in now.items():
            known = held.get((branch.number, name))
            first = branch.epochs if known is None else known.advised.since
            held[branch.number, name] = _Held(Advised(branch.number, finding, first, offers(finding, seen, split)), 0)
        for (number, name), known in self._held.items():
            if number != branch.number or name in now:
                continue
            missed = known.missed + found.tells(name)
            if missed >= (_GONE if branch.status == "training" else 1):
                del held[number, name]
            else:
                again = dataclasses.replace(known.advised, remedies=offers(known.advised.finding, seen, split))
                held[number, name] = _Held(again, missed)
        self._held = held

    def _publish(self, branches: Mapping[int, Seen]) -> None:
        """What everybody sees from here on."""
        split = self._session.split
        first = branches[min(branches)]
        of_data = [Advised(first.branch.number, f, 0, offers(f, first, split)) for f in self._of_data or ()]
        found = [*of_data]
        for number in branches:  # of one severity, causes before what they cause
            own = {name: held.advised for (branch, name), held in self._held.items() if branch == number}
            found += [own[finding.name] for finding in ordered(advised.finding for advised in own.values())]
        now = tuple(sorted(found, key=lambda each: -SEVERITIES.index(each.finding.severity)))
        if [each.to_json() for each in now] != self.to_json():
            self.advised = now
            self.version += 1


def _mark(seen: Seen) -> Any:
    """What changes when there is something new to see."""
    branch = seen.branch
    return branch.epochs, branch.steps, branch.status, seen.ended, branch.config


def _of_split(split: Split) -> tuple[Finding, ...]:
    """What the data tell before anything is trained, as `diagnosis.data.of_split` does."""
    checked = check_unnormalized_inputs(split) + check_missing_class(split)
    return tuple(finding_of(check) for check in checked.checks)


def evidence_in_words(finding: Finding) -> list[tuple[str, str]]:
    """Names and figures of a finding's evidence, as people write them."""
    return [(name.replace("_", " "), _figure(name, value)) for name, value in finding.evidence.items()]


def _figure(name: str, value: Any) -> str:
    match value:
        case {"value": _, "low": _, "high": _}:
            middle, low, high = (_figure(name, value[part]) for part in ("value", "low", "high"))
            return f"{middle} ({low} to {high})"
        case dict():
            return ", ".join(f"{str(key).replace('_', ' ')}: {_figure(str(key), part)}" for key, part in value.items())
        case list() | tuple():
            more = f", and {len(value) - _LISTED:,} more" if len(value) > _LISTED else ""
            return ", ".join(_figure(name, part) for part in value[:_LISTED]) + more
        case None | bool():
            return {None: "unknown", True: "yes", False: "no"}[value]
        case float():
            return f"{value:.1%}" if name.endswith(_SHARES) else words.number(value)
        case _:
            return f"{value:,}" if isinstance(value, int) else str(value)
