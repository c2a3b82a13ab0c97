"""The session in a terminal: a line of figures now and then, and commands that are typed.

    nudge learning_rate=0.003          branch 0 dropout=0.3          rewind 40
    pause 1                            delete 1                      stop

Whoever types sees what the page shows: the same commands, journal and answers.
"""

import queue
import threading
import tomllib
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np

from caviar.data.split import Split
from caviar.errors import BadCommand, CaviarError, nearest
from caviar.reporting import words
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
An empty line tells how it stands. Without BRANCH it is 0, the first; of pause, resume and stop all."""

_SECONDS = 5.0
"""Between two lines of figures."""


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
        raise BadCommand(f"A branch or an epoch must be a whole number, got {word!r}. Type help.") from None


def of_done(done: Done) -> str:
    """What a command did, in words."""
    command = done.command
    where = "" if command.branch is None else f" branch {command.branch}"
    changed = ", ".join(f"{name} = {value}" for name, value in command.settings.items())
    parts = [f"{command.verb}{where}"]
    if done.new is not None:
        parts[0] = f"branch {done.new} from branch {command.branch}"
    if changed:
        parts.append(changed)
    if command.epoch is not None:
        parts.append(f"to epoch {command.epoch}")
    if done.step is not None:
        parts.append(f"at step {done.step:,}")
    if done.compiles:
        parts.append("another program was compiled")
    return ", ".join(parts)


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
        best = int(np.nanargmin(curves["dev_loss"])) if np.isfinite(curves["dev_loss"]).any() else len(curves) - 1
        loss, least = (words.number(float(curves["dev_loss"][place])) for place in (-1, best))
        error = words.error(float(curves["dev_error"][-1]), split.task)
        told += f", dev loss {loss}, dev error {error} (best loss {least} at epoch {best + 1})"
    return f"{told}, rate {words.number(float(curves['learning_rate'][-1]))}"


def converse(session: Session, split: Split, typed: Iterable[str], say: Callable[[str], None]) -> bool:
    """Take typed commands until the session is stopped, or nothing trains and nobody types any more.

    Args:
        session: that trains.
        split: its data.
        typed: lines, as they come; read in a thread of its own.
        say: told what happens.

    Returns:
        Whether everything has ended; otherwise the session stands somewhere in the middle.
    """
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def listen() -> None:
        for line in typed:
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, name="caviar typed", daemon=True).start()
    open_ended, told = True, ""
    while True:
        try:
            line = lines.get(timeout=_SECONDS if open_ended else 0.2)
        except queue.Empty:
            line = ""
            if not open_ended and session.wait(0.0):
                return all(seen.branch.status != "training" for seen in session.branches.values())
        if line is None:
            open_ended = False
            continue
        if line.strip() in ("", "help"):
            now = HELP if line.strip() else "\n".join(of_branch(n, seen, split) for n, seen in session.branches.items())
            if open_ended and (line or now != told):
                say(now)
            told = now
            continue
        try:
            done = session.do(command_of(line))
        except CaviarError as error:
            say(str(error))
            continue
        say(of_done(done))
        if done.command.verb == "stop" and done.command.branch is None:
            return False
