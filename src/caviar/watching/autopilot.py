"""The autopilot: the adviser let loose within bounds that a person sets, as a row of controlled experiments.

Of the worst finding about its network it takes the first remedy that can be tried within the bounds and was not tried
before. A copy of the network with this one thing changed trains beside it for some epochs; then they are compared once,
epoch by epoch (`effects`). Where the copy is better beyond noise the other is stopped and the copy goes on; otherwise
the copy is deleted. The interval allows for as many experiments as there may be (Bonferroni), so that the chance that
any useless change is kept stays below 5 %, as far as noise of epochs is concerned. A network that diverges goes back to
its best kept epoch, at a third of the rate.

All of it is commands of the session, with a note that says why: the journal holds everything, a person may do anything
meanwhile, and `replay` gives the same bits. It begins with branch 0 and touches no branch that a person made. Where a
person pauses its network it waits; where a person changes, rewinds, stops or deletes one of two that are compared, the
experiment is over and both stay as they are.

What it finds is local and greedy: a change that pays only after many epochs is dropped, one that pays at once is kept.

Source: Wu et al. 2018 (understanding short-horizon bias).
"""

import json
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple, Self

from caviar.errors import BadCommand, BadConfig, BadRun
from caviar.reporting import words
from caviar.reporting.findings import IN_A_LINE
from caviar.training.plan import last_epoch
from caviar.watching.adviser import Adviser
from caviar.watching.bounds import Bounds, bounds_from
from caviar.watching.commands import Command, Verb
from caviar.watching.effects import Effect, effects
from caviar.watching.offers import sound_epoch
from caviar.watching.session import Done, Seen, Session
from caviar.watching.turns import Turns

__all__ = ["Autopilot", "Bounds", "Experiment", "Standing", "bounds_from", "standing"]

WHO = "adviser"
"""Who gives its commands, in the journal."""

_COUNTED: tuple[Verb, ...] = ("nudge", "rewind", "branch", "delete", "stop")
"""Commands that are counted: pausing what it steers, and notes, change no bit."""

_EPOCHS_LEAST, _EPOCHS_MOST = 12, 50
_ERROR = 0.05
"""Chance that any useless change is kept."""

_SLOWER = 3.0
"""What the rate is divided by where a network diverged."""

_TURNS = 0.1
"""Seconds between two turns."""

_NOTE = 2_000


class Experiment(NamedTuple):
    """A copy with one thing changed, beside the network that it was copied from."""

    base: int
    copy: int
    line: int
    """Of the journal, that made the copy."""
    born: int
    """Epochs that had ended."""


class Standing(NamedTuple):
    """Where the autopilot stands, as the journal tells it."""

    current: int
    """The branch that it is to improve."""
    experiment: Experiment | None
    tried: frozenset[str]
    """Settings of which a copy was made, as JSON."""
    kept: int
    """Experiments whose copy went on."""


def standing(lines: Sequence[Mapping[str, Any]]) -> Standing:
    """Where the autopilot of a session stands, from its journal alone: so it goes on after a kill.

    Args:
        lines: of the journal, oldest first.
    """
    current, experiment, tried, kept = 0, None, set[str](), 0
    for line in lines:
        verb, number, own = line["verb"], line.get("branch"), line.get("who") == WHO
        if own and verb == "branch" and number is not None:
            tried.add(_key(line.get("settings", {})))
            experiment = Experiment(number, line["new"], line["line"], line["epochs"])
        elif experiment is not None and number in (experiment.base, experiment.copy) and verb in _COUNTED:
            if own and verb == "stop" and number == experiment.base:
                current, kept = experiment.copy, kept + 1
            if verb != "branch":
                experiment = None
    return Standing(current, experiment, frozenset(tried), kept)


class Autopilot:
    """Acts on what an adviser finds; use it in a `with` block inside that of the adviser, or `close` it.

    Attributes:
        said: what it did, a line each.
        over: whether it does nothing any more; the last line of `said` tells why.
    """

    def __init__(self, session: Session, adviser: Adviser, bounds: Bounds, *, begin: bool = True) -> None:
        """Begin to act.

        Args:
            session: whose branch 0 is handed over to it.
            adviser: of the session.
            bounds: what it may do.
            begin: start a thread; otherwise `turn` is called by somebody else.
        """
        self._session, self._adviser, self._bounds = session, adviser, bounds
        self.said: list[str] = []
        self.over = False
        self._refused: set[str] = set()
        self._steps: deque[Callable[[], object]] = deque()
        self._waits = False
        self._told = 0
        self._turns = Turns(self.turn, seconds=_TURNS, goes_on=lambda: not self.over, name="caviar autopilot")
        if begin:
            self._turns.begin()

    def close(self) -> None:
        """Act no more; a copy that is not judged yet stays as it is."""
        self._turns.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def lines_for_terminal(self) -> list[str]:
        """What it did since this was last asked."""
        found = self.said[self._told :]
        self._told += len(found)
        return found

    def turn(self) -> bool:
        """Do what is next, if anything is; whether a command was given."""
        if self.over:
            return False
        try:
            acted = self._turn()
            self._waits = self._waits and not acted
            return acted
        except BadRun as error:
            if not self._session.alive:
                self._end(f"The session takes no more commands: {error}", note=False)
            elif not self._waits:  # such as a full disk: what is left to do is tried again
                self._waits = True
                self._say(f"It waits until the session can write its journal: {error}")
        except (BadCommand, BadConfig) as error:  # a person was faster, such as with a deletion
            self._steps.clear()
            self._say(f"It could not act: {error}")
        except Exception as error:  # told, never hidden; the session goes on
            self._end(f"It failed: {error!r:.300}".replace("\n", " "), note=False)
        return False

    def _turn(self) -> bool:
        if not self._session.alive:
            self._end("The session is over.", note=False)
            return False
        if self._steps:
            return self._carry_on()
        lines = self._session.lines
        at, branches = standing(lines), self._session.branches
        if at.experiment is not None and {at.experiment.base, at.experiment.copy} <= branches.keys():
            return self._judge(at.experiment, lines, branches)
        seen = branches.get(at.current)
        if seen is None or seen.ended:
            self._end(f"Branch {at.current} was {'deleted' if seen is None else 'stopped'} by somebody else.")
            return False
        return False if seen.paused else self._go_on(seen, at)

    def _carry_on(self, *steps: Callable[[], object]) -> bool:
        """Take some steps one after the other; those that cannot be written are left for a later turn."""
        self._steps.extend(steps)
        while self._steps:
            self._steps[0]()
            self._steps.popleft()
        return True

    def _go_on(self, seen: Seen, at: Standing) -> bool:
        """What is next for its network, of which no copy is compared."""
        number = seen.branch.number
        match seen.branch.status:
            case "training":
                return self._try(seen, at)
            case "diverged":
                return self._repair(seen)
            case _:
                self._end(f"Branch {number} has come to its end; {len(at.tried)} changes were tried, {at.kept} kept.")
                return False

    def _try(self, seen: Seen, at: Standing) -> bool:
        """Begin the next experiment, if there is room and time for one."""
        branch, config = seen.branch, seen.branch.config
        if self._left < 2:
            self._end(f"The {self._bounds.most_commands} commands that it may give are used up.")
            return False
        epochs = self._epochs(seen)
        there = sum(not each.ended for each in self._session.branches.values())
        if there >= self._bounds.most_branches or last_epoch(config, self._session.split) - branch.epochs < epochs:
            return False
        for advised in self._adviser.advised:
            for offer in advised.remedies if advised.branch == branch.number else ():
                key = _key(offer.settings)
                if not offer.possible or key in at.tried | self._refused:
                    continue
                if self._bounds.outside(offer.settings, config):
                    continue
                name = advised.finding.name
                self._refused.add(key)  # what cannot be is not asked for again and again
                why = (
                    f"{name} of branch {branch.number}: {IN_A_LINE[name]}. A copy with {_settings(offer.settings)} is "
                    f"tried beside it for {epochs} epochs. {offer.remedy.reason}"
                )
                begin = partial(self._do, "branch", branch.number, settings=offer.settings)
                return self._carry_on(partial(self._note, why), begin)
        return False

    def _judge(self, experiment: Experiment, lines: Sequence[Mapping[str, Any]], branches: Mapping[int, Seen]) -> bool:
        """Compare the two once they have trained for long enough, and keep the better one."""
        base, copy = branches[experiment.base], branches[experiment.copy]
        common = min(base.branch.epochs, copy.branch.epochs) - experiment.born
        lasting = base.branch.status == copy.branch.status == "training"
        if (lasting and common < self._epochs(base)) or base.paused or copy.paused:
            return False
        found = self._effect(experiment, lines, branches)
        told = "too few epochs to compare them." if found is None else found.words
        if found is not None and found.verdict == "better":
            why = f"Branch {experiment.copy} is better and goes on, branch {experiment.base} is stopped. {told}"
            act = partial(self._do, "stop", experiment.base)
        else:
            why = f"Branch {experiment.copy} is not shown to be better and is deleted. {told}"
            act = partial(self._do, "delete", experiment.copy)
        return self._carry_on(partial(self._note, why), act)

    def _effect(
        self, experiment: Experiment, lines: Sequence[Mapping[str, Any]], branches: Mapping[int, Seen]
    ) -> Effect | None:
        split = self._session.split
        level = 1 - _ERROR / (self._bounds.most_commands // 2)
        curves = {number: branches[number].losses(split) for number in (experiment.base, experiment.copy)}
        found = effects(lines, curves, split, level=level)
        return next((one for one in found if one.line == experiment.line and one.controlled), None)

    def _repair(self, seen: Seen) -> bool:
        """Take a network that has diverged back to its best kept epoch, at a third of the rate."""
        number = seen.branch.number
        back = sound_epoch(seen, self._session.split)
        why = "no earlier epoch was kept" if back is None else self._no_repair()
        if why or back is None:
            self._end(f"Branch {number} has diverged, and {why}.")
            return False
        before = len(self._session.lines)
        return self._carry_on(
            partial(
                self._note,
                f"Branch {number} has diverged: back to epoch {back}, its best kept one, at a third of the rate.",
            ),
            partial(self._do, "pause", number),  # it would train on at the old rate until the nudge comes
            partial(self._do, "rewind", number, epoch=back),
            partial(self._slow_down, seen, back),
            partial(self._resume, number, before),
        )

    def _slow_down(self, diverged: Seen, back: int) -> None:
        """Lower the rate of a network that has gone back, if it may be lowered."""
        number = diverged.branch.number
        now = self._session.branches.get(number)
        if now is None:
            raise BadCommand(f"Branch {number} must be there to get a lower rate, but it was deleted. It is let go.")
        rate = min(now.branch.config.rate, diverged.branch.config.rate)
        low = (self._bounds.settings["learning_rate"] or (0.0, 0.0))[0]
        settings = {"learning_rate": max(float(f"{rate / _SLOWER:.3g}"), low)}
        if settings["learning_rate"] >= rate or self._bounds.outside(settings, now.branch.config):
            self._end(f"Branch {number} waits at epoch {back}, paused: no lower rate is within the bounds.")
        else:
            self._do("nudge", number, settings=settings)

    def _resume(self, number: int, before: int) -> None:
        """Let a network that was paused at line `before` train on, unless it is to wait or a person paused it."""
        pauses = (line for line in self._session.lines[before:] if line["verb"] == "pause" and line.get("who") != WHO)
        if not self.over and not any(line.get("branch") in (None, number) for line in pauses):
            self._do("resume", number)

    def _no_repair(self) -> str:
        """Why it cannot mend a network that has diverged; "" where it can."""
        if "learning_rate" not in self._bounds.settings:
            return "the learning rate is not among the settings that it may change"
        return "" if self._left >= 2 else "the commands that it may give are used up"

    def _epochs(self, seen: Seen) -> int:
        """Of an experiment."""
        planned = last_epoch(seen.branch.config, self._session.split)
        return self._bounds.epochs or max(_EPOCHS_LEAST, min(_EPOCHS_MOST, planned // 10))

    @property
    def _left(self) -> int:
        """Commands that it may still give: what it gave before a session was gone on with counts."""
        own = [line for line in self._session.lines if line.get("who") == WHO]
        return self._bounds.most_commands - sum(line["verb"] in _COUNTED for line in own)

    def _do(
        self, verb: Verb, branch: int, *, settings: Mapping[str, Any] | None = None, epoch: int | None = None
    ) -> Done:
        return self._session.do(Command(verb, branch, settings or {}, epoch), who=WHO)

    def _note(self, text: str) -> None:
        """Into the journal, and said."""
        self._session.do(Command("note", text=f"Autopilot: {text}"[:_NOTE]), who=WHO)
        self._say(text)

    def _say(self, text: str) -> None:
        self.said.append(f"Autopilot: {text}")

    def _end(self, why: str, *, note: bool = True) -> None:
        if note:
            self._note(f"{why} It does nothing more.")
        else:
            self._say(f"{why} It does nothing more.")
        self.over = True


def _key(settings: Mapping[str, Any]) -> str:
    """Equal for equal settings, from the journal or not."""
    return json.dumps(settings, sort_keys=True)


def _settings(settings: Mapping[str, Any]) -> str:
    shown = ((name, tuple(value) if isinstance(value, list) else value) for name, value in settings.items())
    return ", ".join(words.setting(name, value) for name, value in shown)
