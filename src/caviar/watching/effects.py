"""What a command did, beyond noise: from the curves of a session and its journal.

Two ways, and the words say which:

- *Controlled*: two networks that were the same, bit for bit, until one setting of one of them was changed - a branch
  and the one it was copied from; or a network that went back, was changed, and what it had done before. They see the
  same rows in the same order with the same random numbers, so that epoch is compared with epoch, from the change on
  until either is changed again. Judged is the second half of these epochs: where they stand, not how they parted.
- *Before and after* in one network, where there is nothing to compare with. A falling loss would have fallen anyway:
  only what lies below the trend carried on, or above the level at its end, counts (`shifts.beyond_trend`).

Both allow for the noise of epochs, whose neighbours are alike (`shifts`). Neither knows what another seed would give,
or other dev rows, or more epochs: a lower rate looks better at once, and a regulariser only later.

Sources: Law & Kelton 2000, chapter 11 (common random numbers); Wu et al. 2018 (few epochs mislead).
"""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple, Protocol

import numpy as np

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.reporting import words
from caviar.watching.lives import Change, Curves, Life, lives
from caviar.watching.session import Seen
from caviar.watching.shifts import FEWEST, LEVEL, Shift, beyond_trend, mean_of

Verdict = Literal["better", "worse", "no difference beyond noise", "too early"]

MOST = 60
"""Epochs of a window, at most."""

_BEHIND = 3
"""A window is at most this part of the epochs behind it, in which a falling loss is nearly straight."""

FEWEST_PAIRED = 8
"""Epochs that two networks must have in common."""

_JUDGED = ("nudge", "branch")
"""Commands that have an effect."""

_MOST_PAST = 20
"""Rewinds and deletions of which the curves that they took away are remembered."""

_OTHER_LOSS = {"loss", "output", "huber_delta"}
"""Settings with which a loss is another measure."""


class Difference(NamedTuple):
    """By how much a measure is higher after a change than without it; None where that is not finite.

    Before and after, `value` is the middle of what the two guesses at the trend say, and the interval spans both.
    """

    value: float | None
    low: float | None
    high: float | None
    epochs: int
    """Of the window that was judged."""


@dataclasses.dataclass(frozen=True)
class Effect:
    """What one line of the journal did.

    Attributes:
        line: its number.
        verdict: better | worse | no difference beyond noise | too early.
        measure: the curve of `Run.history` that was compared.
        difference: see there.
        words: a sentence or two for people.
        controlled: whether it was compared with a network that differs in this change alone.
    """

    line: int
    verdict: Verdict
    measure: str
    difference: Difference
    words: str
    controlled: bool = False

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "line": self.line,
            "words": self.words,
            "verdict": self.verdict,
            "measure": self.measure,
            "difference": self.difference._asdict(),
        }


def effects(
    lines: Sequence[Mapping[str, Any]],
    histories: Mapping[int, Curves],
    split: Split,
    *,
    past: Mapping[int, Curves] | None = None,
    level: float = LEVEL,
) -> list[Effect]:
    """What the nudges and branches of a session did.

    Args:
        lines: of the journal, oldest first.
        histories: curves of every branch that is there, by number.
        split: the data; without dev rows the loss on train rows is compared, in test mode and without penalties, since
            what is minimised is another measure where a penalty or dropout is changed.
        past: curves of branches before they went back or were deleted, by line; see `Remembered`. Commands whose
            epochs are not known any more are left out.
        level: of the intervals; raised where many commands are tried.

    Returns:
        One Effect for each command that changed a setting, in the order of the journal.
    """
    known = lives(lines, histories, past)
    found = []
    for line in lines:
        if line["verb"] not in _JUDGED:
            continue
        number = line["new"] if line["verb"] == "branch" else line["branch"]
        own = _life_of(line["line"], number, known)
        if own is not None:
            found.append(_effect(own, line["line"], known, split, level))
    return found


class Watched(Protocol):
    """What `Remembered` reads of a `Session`."""

    @property
    def branches(self) -> Mapping[int, Seen]:
        """Those that are there, by number."""
        ...

    @property
    def lines(self) -> Sequence[Mapping[str, Any]]:
        """The journal."""
        ...

    @property
    def split(self) -> Split:
        """The data."""
        ...


class Remembered:
    """The effects of a session as it goes on; remembers the curves that a rewind or a deletion takes away.

    Ask often: what was trained since it was last asked, and then left, is not known.
    """

    def __init__(self, level: float = LEVEL) -> None:
        """Nothing yet.

        Args:
            level: of the intervals.
        """
        self._level = level
        self._past: dict[int, Curves] = {}
        self._last: dict[int, Seen] = {}
        self._lines = 0
        self._found: tuple[Effect, ...] = ()

    def of(self, session: Watched) -> tuple[Effect, ...]:
        """The effects as they are; the same tuple where nothing has changed."""
        branches, split = dict(session.branches), session.split
        lines = list(session.lines)
        left = set[int]()
        for line in lines[self._lines :]:
            if line["verb"] in ("rewind", "delete") and line["branch"] not in left:
                left.add(line["branch"])
                if line["branch"] in self._last:
                    self._past[line["line"]] = _judged(self._last[line["branch"]], split)
        self._past = dict(list(self._past.items())[-_MOST_PAST:])
        same = len(lines) == self._lines and _lengths(branches) == _lengths(self._last)
        self._lines, self._last = len(lines), branches
        if not same and any(line["verb"] in _JUDGED for line in lines):
            histories = {number: _judged(seen, split) for number, seen in branches.items()}
            found = tuple(effects(lines, histories, split, past=self._past, level=self._level))
            self._found = self._found if found == self._found else found
        return self._found


def _judged(seen: Seen, split: Split) -> Curves:
    """The curves of a branch that may be compared."""
    known, rows = seen.losses(split), "dev" if split.n_dev else "train"
    return {name: known[name] for name in {"train_loss", f"{rows}_loss", f"{rows}_error"}}


def _lengths(branches: Mapping[int, Seen]) -> dict[int, int]:
    return {number: seen.branch.epochs for number, seen in branches.items()}


def _life_of(line: int, number: int, known: Sequence[Life]) -> Life | None:
    """The life that a change is a part of: that of its own branch, or of one that was copied from it later."""
    having = [life for life in known if any(change.line == line for change in life.changes)]
    return min(having, key=lambda life: life.number != number, default=None)


def _effect(own: Life, line: int, known: Sequence[Life], split: Split, level: float) -> Effect:
    """What a change did that `own` has behind it."""
    place = [change.line for change in own.changes].index(line)
    compared = _Compared(own.changes[place], own, own.until(place + 1), split, level)
    other = _twin(own, place, known)
    if other is None:
        return compared.before_and_after(own.until(place - 1) if place else 0)
    common = min(compared.until, other.until(place))
    over = other.until(place) <= common and bool(other.gone or place < len(other.changes))
    if over and common - compared.change.epochs < FEWEST_PAIRED and compared.sound(other, common):
        return compared.before_and_after(own.until(place - 1) if place else 0)
    return compared.controlled(other, common)


def _twin(own: Life, place: int, known: Sequence[Life]) -> Life | None:
    """The life that is the same up to a change and does without it for longest; of equals one that is there."""
    before, change = own.changes[:place], own.changes[place]
    alike = [
        other
        for other in known
        if other is not own
        and other.changes[:place] == before
        and all(one.line != change.line for one in other.changes)
        and other.until(place) > change.epochs
    ]
    return max(alike, key=lambda other: (min(own.until(place + 1), other.until(place)), not other.gone), default=None)


class _Compared(NamedTuple):
    """One change, and the life that has it, up to the next change."""

    change: Change
    life: Life
    until: int
    split: Split
    level: float

    @property
    def measure(self) -> str:
        """The curve that is compared: a loss, unless the loss itself is another one."""
        what = "error" if self.change.settings.keys() & _OTHER_LOSS else "loss"
        return f"{'dev' if self.split.n_dev else 'train'}_{what}"

    @property
    def said(self) -> str:
        """The change, in words."""
        told = ", ".join(words.setting(name, _tuple(value)) for name, value in self.change.settings.items())
        return f"{told} (branch {self.life.number})"

    def sound(self, other: Life, common: int) -> bool:
        """Whether all values of both are finite."""
        began = self.change.epochs
        return all(np.isfinite(life.curves[self.measure][began:common]).all() for life in (self.life, other))

    def controlled(self, other: Life, common: int) -> Effect:
        """Compared with a life that is the same but for the change, up to so many epochs."""
        began = self.change.epochs
        own, theirs = (life.curves[self.measure][began:common] for life in (self.life, other))
        beside = {
            "": f"branch {other.number}, the same network without it",
            "rewind": f"what branch {other.number} had done without it before it went back",
            "delete": f"branch {other.number}, the same network without it, deleted since",
        }[other.gone]
        if not self.sound(other, common):
            return self._gone(own, theirs, beside)
        n = common - began
        if n < FEWEST_PAIRED:
            return self._too_early(
                n,
                f"{self.said} beside {beside}: {_epochs(n)} in common, at least {FEWEST_PAIRED} tell.",
                controlled=True,
            )
        window = min(MOST, max(FEWEST_PAIRED, n // 2))
        shift = mean_of(own[-window:] - theirs[-window:], self.level)
        means = [words.number(float(curve[-window:].mean())) for curve in (own, theirs)]
        told = (
            f"{self.said} beside {beside}, with the same random numbers, {_epochs(n)} on: {self._name} {means[0]} "
            f"against {means[1]} in the last {window}"
        )
        verdict = _verdict(shift, shift)
        match verdict:
            case "better" | "worse":
                told += (
                    f", {self._by(shift)}. One thing differs, so that it is the cause in this network; "
                    "another seed or more epochs may tell otherwise."
                )
            case _:
                told += f": no difference beyond the noise of epochs ({self._level} {_ends(shift)})."
        return Effect(self.change.line, verdict, self.measure, _difference([shift], window), told, controlled=True)

    def before_and_after(self, before: int) -> Effect:
        """Compared with the same network before, from `before` epochs on."""
        curve, began = self.life.curves[self.measure], self.change.epochs
        if not np.isfinite(curve[before:began]).all():
            return self._too_early(0, f"{self.said}: the network had no finite {self._name} before it to compare with.")
        if not np.isfinite(curve[began : self.until]).all():
            after = int(np.isfinite(curve[began : self.until]).argmin())
            told = f"{self.said}: the network diverged {_epochs(after + 1)} later."
            return Effect(self.change.line, "worse", self.measure, Difference(None, None, None, after + 1), told)
        window = min(MOST, max(FEWEST, began // _BEHIND), began - before, self.until - began)
        if window < FEWEST:
            told = f"{self.said}: {_epochs(began - before)} before it and {_epochs(self.until - began)} after it, "
            return self._too_early(window, f"{told}at least {FEWEST} of each tell.")
        first, then = curve[began - window : began], curve[began : began + window]
        guesses = beyond_trend(first, then, self.level)
        verdict = _verdict(*guesses)
        found = _difference(guesses, window)
        least, most = sorted(float(then.mean()) - guess.value for guess in guesses)
        means = [words.number(float(curve.mean())) for curve in (first, then)]
        told = (
            f"{self.said}: {self._name} {means[0]} before and {means[1]} after, means of {_epochs(window)} each; as it "
            f"went before, {words.number(least)} to {words.number(most)} was to be expected"
        )
        match verdict:
            case "better" | "worse":
                told += (
                    f": {self._by(Shift(*(float(v or 0) for v in found[:3])))}. Weak evidence, since nobody "
                    "knows how it would have gone on; a branch beside it tells."
                )
            case _:
                told += f": no difference beyond that and the noise of epochs ({self._level} {_ends(found)})."
        return Effect(self.change.line, verdict, self.measure, found, told)

    @property
    def _name(self) -> str:
        return self.measure.replace("_", " ")

    @property
    def _level(self) -> str:
        return f"{100 * self.level:.4g} % interval"

    def _by(self, shift: Shift) -> str:
        """A shift that is known to go one way."""
        way = "lower" if shift.value < 0 else "higher"
        value, (least, most) = abs(shift.value), sorted((abs(shift.low), abs(shift.high)))
        return f"{way} by {words.number(value)} ({self._level} {words.number(least)} to {words.number(most)})"

    def _too_early(self, epochs: int, told: str, *, controlled: bool = False) -> Effect:
        nothing = Difference(None, None, None, max(0, epochs))
        return Effect(self.change.line, "too early", self.measure, nothing, told, controlled)

    def _gone(self, own: Numbers, theirs: Numbers, beside: str) -> Effect:
        """One of the two diverged: the sooner is the worse."""
        ends = [int(np.append(np.isfinite(curve), False).argmin()) for curve in (own, theirs)]
        verdict: Verdict = "worse" if ends[0] <= ends[1] else "better"
        who = f"branch {self.life.number}" if verdict == "worse" else "the one without it"
        told = f"{self.said} beside {beside}: {who} diverged {_epochs(min(ends) + 1)} later."
        nothing = Difference(None, None, None, min(ends) + 1)
        return Effect(self.change.line, verdict, self.measure, nothing, told, controlled=True)


def _verdict(*shifts: Shift) -> Verdict:
    """By intervals of a loss or an error, all of which must agree."""
    if all(shift.high < 0 for shift in shifts):
        return "better"
    return "worse" if all(shift.low > 0 for shift in shifts) else "no difference beyond noise"


def _difference(shifts: Sequence[Shift], epochs: int) -> Difference:
    middle = float(np.mean([shift.value for shift in shifts]))
    return Difference(middle, min(s.low for s in shifts), max(s.high for s in shifts), epochs)


def _ends(shift: Shift | Difference) -> str:
    return f"{words.number(float(shift.low or 0))} to {words.number(float(shift.high or 0))}"


def _epochs(n: int) -> str:
    return "1 epoch" if n == 1 else f"{n:,} epochs"


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value
