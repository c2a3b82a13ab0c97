"""The session in a terminal: a line of figures now and then, and commands that are typed.

    nudge learning_rate=0.003          branch 0 dropout=0.3          rewind 40
    pause 1                            delete 1                      stop

Whoever types sees what the page shows: the same commands, journal and answers.
"""

import queue
import threading
import time
import tomllib
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np

from caviar.data.split import Split
from caviar.errors import BadCommand, CaviarError, nearest
from caviar.reporting import words
from caviar.watching.adviser import Adviser
from caviar.watching.autopilot import Autopilot
from caviar.watching.branches import history
from caviar.watching.commands import VERBS, Command
from caviar.watching.session import Done, Seen, Session

HELP = """\
nudge [BRANCH] NAME=VALUE ...    change settings from the next step on
branch [BRANCH] [NAME=VALUE ...] a copy, with some settings changed, trains beside it
rewind [BRANCH] EPOCH            back to a kept epoch
pause [BRANCH], resume [BRANCH]  let one, or all, stand still and train on
stop [BRANCH]                    end one, or the session
delete BRANCH                    forget it
keep [BRANCH]                    write the network of its best epoch into the run folder
note WORDS                       put words into the journal
try NUMBER                       a copy with that remedy of the adviser trains beside it
An empty line tells how it stands. Without BRANCH it is 0, the first; of pause, resume and stop all."""

_SECONDS = 5.0
"""Between two lines of figures."""

_SECONDS_TO_LOOK = 2.0

_LOOKS_UP = 0.2
"""Seconds after which it is seen that the session has ended, or that there is advice."""


def command_of(line: str) -> Command:
    """The command that a person typed.

    Raises:
        BadCommand: it cannot be understood.
    """
    verb, _, rest = line.strip().partition(" ")
    if verb not in VERBS:
        raise BadCommand(f"A command must be one of {', '.join(VERBS)}, help, got {verb!r}. {nearest(verb, VERBS)}")
    if verb == "note":
        return Command("note", text=rest.strip())
    given = _words(rest)
    settings = {name: _value(text) for name, _, text in (word.partition("=") for word in given if "=" in word)}
    numbers = [_number(word) for word in given if "=" not in word]
    usual = None if verb in ("pause", "resume", "stop") else 0
    epoch = None
    if verb == "rewind":
        epoch = numbers.pop() if numbers else None
    if len(numbers) > 1 or (verb == "delete" and not numbers):
        raise BadCommand(f"{verb} needs {'one branch' if verb == 'delete' else 'at most one branch'}, got {rest!r}.")
    return Command(verb, numbers[0] if numbers else usual, settings, epoch)  # pyright: ignore[reportArgumentType]


def _words(rest: str) -> list[str]:
    """Words, of which a value in brackets may have spaces."""
    found, depth = [""], 0
    for letter in rest:
        depth += (letter in "[(") - (letter in "])")
        if letter.isspace() and not depth:
            found.append("")
        else:
            found[-1] += letter
    return [word for word in found if word]


def _value(text: str) -> Any:
    """As in TOML, where a word needs no quotes here; None is written none."""
    if text.lower() == "none":
        return None
    plain = text.replace("(", "[").replace(")", "]")
    try:
        return tomllib.loads(f"x = {plain}")["x"]
    except tomllib.TOMLDecodeError:
        return text


def _number(word: str) -> int:
    try:
        return int(word)
    except ValueError:
        raise BadCommand(f"A branch, an epoch or a remedy must be a whole number, got {word!r}. Type help.") from None


def of_done(done: Done) -> str:
    """What a command did, in words."""
    told = in_words(done.command.plain() | {"step": done.step, "new": done.new})
    return f"{told}, another program was compiled" if done.compiles else told


def in_words(line: Mapping[str, Any]) -> str:
    """A line of the journal, in words."""
    verb, branch, new = line["verb"], line.get("branch"), line.get("new")
    if verb == "note":
        return f"note: {line['text']}"
    if verb == "end":
        return "the session was closed"
    parts = [verb if branch is None else f"{verb} branch {branch}"]
    if new is not None:
        parts[0] = f"branch {new} from branch {branch}"
    parts += [f"{name} = {_shown(value)}" for name, value in line.get("settings", {}).items()]
    if line.get("epoch") is not None:
        parts.append(f"to epoch {line['epoch']}")
    if line.get("step") is not None:
        parts.append(f"at step {line['step']:,}")
    return ", ".join(parts)


def _shown(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def of_branch(number: int, seen: Seen, split: Split) -> str:
    """How a branch stands, in a line."""
    branch = seen.branch
    state = "ended" if seen.ended else "paused" if seen.paused else branch.status
    told = f"branch {number}: epoch {branch.epochs} of {branch.config.epochs}, {state}"
    if not branch.epochs:
        return told
    curves = history(branch, split)
    told += f", train loss {words.number(float(curves['train_loss'][-1]))}"
    if split.n_dev:
        best = int(np.nanargmin(curves["dev_loss"])) if np.isfinite(curves["dev_loss"]).any() else branch.epochs - 1
        loss, least = (words.number(float(curves["dev_loss"][place])) for place in (-1, best))
        error = words.error(float(curves["dev_error"][-1]), split.task)
        told += f", dev loss {loss}, dev error {error} (best loss {least} at epoch {best + 1})"
    return f"{told}, rate {words.number(float(curves['learning_rate'][-1]))}"


def converse(
    session: Session,
    split: Split,
    typed: Iterable[str],
    say: Callable[[str], None],
    *,
    adviser: Adviser | None = None,
    autopilot: Autopilot | None = None,
    look: Callable[[], object] = lambda: None,
    stays: bool = False,
) -> bool:
    """Take typed commands until the session is stopped, or nothing trains and nobody types any more.

    Args:
        session: that trains.
        split: its data.
        typed: lines, as they come; read in a thread of its own.
        say: told what happens.
        adviser: whose findings are told, and whose remedies can be tried.
        autopilot: that acts on them; None: nobody does by himself.
        look: called every few seconds.
        stays: whether others may still steer it when nobody types any more: then it waits for what is paused.

    Returns:
        Whether everything has ended; otherwise the session stands somewhere in the middle.
    """
    lines: queue.SimpleQueue[str] = queue.SimpleQueue()

    def listen() -> None:
        for line in typed:
            lines.put(line)

    typing = threading.Thread(target=listen, name="caviar typed", daemon=True)
    typing.start()
    told, trouble, tell_again, look_again = "", None, time.monotonic() + _SECONDS, 0.0
    while session.alive:
        if time.monotonic() > look_again:
            look()
            look_again = time.monotonic() + _SECONDS_TO_LOOK
        for teller in (adviser, autopilot):
            for told_now in () if teller is None else teller.lines_for_terminal():
                say(told_now)
        if bool(trouble) != bool(session.trouble):
            trouble = session.trouble
            say(f"Training goes on, but epochs are not kept: {trouble}" if trouble else "Epochs are kept again.")
        try:
            line = lines.get(timeout=_LOOKS_UP)
        except queue.Empty:
            if not typing.is_alive() and lines.empty() and _over(session, stays=stays):
                return all(seen.branch.status != "training" for seen in session.branches.values())
            if time.monotonic() < tell_again:
                continue
            tell_again = time.monotonic() + _SECONDS
            if (now := _standing(session, split)) != told:
                say(now)
                told = now
            continue
        if line.strip() in ("", "help"):
            told = _standing(session, split)
            say(HELP if line.strip() else told)
            continue
        try:
            done = session.do(_command(line, adviser), who="terminal")
        except CaviarError as error:
            say(str(error))
            continue
        say(of_done(done))
        if done.command.verb == "stop" and done.command.branch is None:
            return False
    return False


def _over(session: Session, *, stays: bool) -> bool:
    """Whether there is nothing to wait for."""
    if not stays:
        return session.wait(0.0)
    return all(seen.ended or seen.branch.status != "training" for seen in session.branches.values())


def _standing(session: Session, split: Split) -> str:
    return "\n".join(of_branch(number, seen, split) for number, seen in session.branches.items())


def _command(line: str, adviser: Adviser | None) -> Command:
    """The command of a line; `try N` is that of the N-th remedy that the adviser has told.

    Raises:
        BadCommand: it cannot be understood.
    """
    verb, _, rest = line.strip().partition(" ")
    if verb == "try" and adviser is not None:
        number, offer = adviser.offer(_number(rest.strip()))
        return Command("branch", number, offer.settings)
    return command_of(line)
