"""The session: one network in training that a person watches and steers, with branches beside it.

A thread trains in calls of a few hundredths of a second; commands are taken between two of them, one after the other.
Each is checked, written to the journal, and then acts. Who looks sees values that are never changed in place, so that
nobody who is slow can hold up the training.
"""

import contextlib
import dataclasses
import functools
import queue
import threading
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple, Self

from safetensors import SafetensorError

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.errors import BadCommand, BadConfig, BadRun, CaviarError
from caviar.network.config import Config
from caviar.reporting.run_folder import RunFolder
from caviar.training import devices
from caviar.training.crew import rows_on_device
from caviar.training.plan import written_out
from caviar.training.record import Run
from caviar.watching.branches import Branch, advance, begin, block, digest, history, run_of, steps_per_epoch
from caviar.watching.changes import changed_config, compiles, waits_for_epoch
from caviar.watching.commands import Command
from caviar.watching.journal import Journal
from caviar.watching.kept import Kept, about_kept, not_left_behind, recalled
from caviar.watching.steering import STEERS, Known, retraced, steered

PYTHON = "Python"
"""Who gives a command, where nobody says otherwise."""

_SECONDS_PER_CALL = 0.05
"""Of training between two looks at what was commanded."""

_LOOKS_UP, _IDLE = 0.02, 0.5
"""Seconds after which a session in which nothing trains looks up: while a program is compiled, and otherwise."""

_SECONDS_PER_KEPT, _TIMES_KEPT = 0.5, 20.0
"""Between two kept epochs of a branch, at least: seconds, and times what keeping one of every branch takes."""


@dataclasses.dataclass(frozen=True)
class Seen:
    """A branch as it was when somebody looked.

    Attributes:
        branch: the network between two steps.
        paused: whether it waits for `resume`.
        ended: whether it was stopped for good.
        kept: epochs to which it can go back.
        waits: for a program that is compiled, or with a command for the end of an epoch.
    """

    branch: Branch
    paused: bool
    ended: bool
    kept: tuple[int, ...]
    waits: bool = False

    @property
    def trains(self) -> bool:
        """Whether it takes steps."""
        return not self.paused and not self.ended and self.branch.status == "training"

    def losses(self, split: Split) -> dict[str, Numbers]:
        """Losses and errors as in `Run.history`, without what layers measure."""
        return history(dataclasses.replace(self.branch, measured=self.branch.measured._replace(layers=None)), split)


@dataclasses.dataclass(frozen=True)
class Done:
    """A command that has acted.

    Attributes:
        command: what was done.
        step: of the branch that it is about, at which it took effect; None for all.
        compiles: whether another program had to be compiled.
        new: the number of the branch that was made; None for other commands.
    """

    command: Command
    step: int | None = None
    compiles: bool = False
    new: int | None = None


class Asked(NamedTuple):
    """A command on its way to the session."""

    command: Command
    who: str
    acted: "Future[Done]"


class Session:
    """A session; use it in a `with` block, or `close` it. See `watch`."""

    def __init__(
        self,
        split: Split,
        config: Config,
        folder: Path | None = None,
        *,
        paused: bool = False,
        about: Mapping[str, Any] | None = None,
    ) -> None:
        """Begin, or go on where the folder was left: then paused.

        Args:
            split: train and dev rows.
            config: the network.
            folder: of the session; None: nothing is kept on disk.
            paused: whether it waits for `resume`.
            about: what was asked beside it, for run.json.

        Raises:
            BadConfig: a config that cannot be watched.
            BadRun: the folder is in use, holds something else, or cannot be written.
        """
        if config.rows != 1.0:
            raise BadConfig(f"A network that is watched trains on all train rows, got rows={config.rows!r}.")
        if config.network is not None and folder is not None:
            raise BadConfig("A network of functions of your own cannot be kept as data: watch it without a folder.")
        self._split, self._config = split, written_out(config, split)
        self._device, self._rows = devices.places()[0], rows_on_device(split)
        self._compiling: dict[str, Future[list[Branch]]] = {}
        self._beside = ThreadPoolExecutor(1, "caviar compiles")
        self._folder = None if folder is None else RunFolder(folder, self._asked(about or {}))
        if self._folder is not None:
            self._folder.__enter__()
        try:
            self._begin(paused)
        except BaseException:
            self._leave()
            raise
        self._asked_for: queue.SimpleQueue[Asked] = queue.SimpleQueue()
        self._unanswered: set[Future[Done]] = set()
        self._door, self._over = threading.Lock(), False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="caviar watch", daemon=True)
        self._look()
        self._thread.start()

    def _asked(self, about: Mapping[str, Any]) -> dict[str, Any]:
        return {**about, "command": "watch", "config": self._config.to_json(), "rows": self._split.fingerprint}

    def _begin(self, paused: bool) -> None:
        path = None if self._folder is None else self._folder.path
        self._journal = Journal(None if path is None else path / "journal.jsonl")
        self._kept: dict[int, Kept] = {}
        self._paused: set[int] = set()
        self._ended: set[int] = set()
        self._waiting: dict[int, list[Asked]] = {}
        self._marks: dict[Config, str] = {}
        self._pace: dict[tuple[str, int], int] = {}
        self._last_kept: dict[int, float] = {}
        self._keeping: dict[int, float] = {}
        self._troubles: dict[int, str] = {}
        first, lines = begin(self._split, self._config), self._journal.lines
        self._next = 1 + max((line["new"] for line in lines if line["verb"] == "branch"), default=0)
        known = self._known(first) if lines or (path and (path / "epochs").exists()) else {}
        self._branches = retraced(
            first, lines, self._split, self._rows, self._device, known=known, kept_at=self._on_disk
        )
        if known:
            self._paused = set(self._branches)
        elif paused:
            self._paused = {0}
        self._ended = {line["branch"] for line in lines if line["verb"] == "stop" and "branch" in line}
        self._ended &= set(self._branches)
        for number in self._branches:
            self._kept[number] = Kept(self._place(number))
            about = about_kept(folder) if (folder := self._place(number)) and folder.exists() else {}
            for epoch in not_left_behind(about, number, lines):
                if (back := self._on_disk(number, epoch)) is not None:
                    self._kept[number].adopt(back)
        for branch in self._branches.values():
            self._kept[branch.number].forget_after(branch.epochs)  # a kill may come before what a rewind leaves behind
            self._kept[branch.number].share_curves(branch)
            self._keep(branch, now=True)
        if self._troubles:
            raise BadRun(self.trouble)

    def _place(self, number: int) -> Path | None:
        return None if self._folder is None else self._folder.path / "epochs" / f"branch-{number}"

    def _on_disk(self, number: int, epoch: int) -> Branch | None:
        """A branch as the folder holds it; None where it does not."""
        place = self._place(number)
        about = about_kept(place).get(epoch) if place is not None and place.exists() else None
        if place is None or about is None:
            return None
        config = Config.from_mapping(about["config"])
        like = dataclasses.replace(begin(self._split, config, number), parent=about["parent"])
        return recalled(place, epoch, like)

    def _known(self, first: Branch) -> dict[int, Known]:
        """The last kept epoch of every branch that the folder holds."""
        found = {}
        numbers = [first.number, *(line["new"] for line in self._journal.lines if line["verb"] == "branch")]
        for number in numbers:
            place = self._place(number)
            about = about_kept(place) if place is not None and place.exists() else {}
            last = max(about, key=lambda epoch: (about[epoch]["line"], epoch), default=0)
            if about and (branch := self._on_disk(number, last)) is not None:
                found[number] = Known(about[last]["line"], branch)
        return found

    @property
    def split(self) -> Split:
        """The data that it trains on."""
        return self._split

    @property
    def config(self) -> Config:
        """With which it began."""
        return self._config

    @property
    def folder(self) -> Path | None:
        """Where it is kept."""
        return None if self._folder is None else self._folder.path

    @property
    def alive(self) -> bool:
        """Whether it takes commands."""
        return not self._over

    @property
    def trouble(self) -> str | None:
        """Why epochs are not kept at present, such as a full disk; training goes on. None where they are."""
        return next(iter(self._troubles.copy().values()), None)

    def ask(self, command: Command, who: str = PYTHON) -> "Future[Done]":
        """Hand in a command without waiting.

        Args:
            command: what is to be done.
            who: gives it: Python | terminal | page | notebook | adviser; stands in the journal.

        Returns:
            What becomes of it; its errors are those of `do`.

        Raises:
            BadRun: the session is over.
        """
        acted: Future[Done] = Future()
        acted.set_running_or_notify_cancel()  # nobody can take a command back
        with self._door:
            if self._over:
                raise BadRun("The session is over. Begin another one, or go on with its folder.") from self._failure
            self._unanswered.add(acted)
            acted.add_done_callback(self._unanswered.discard)
            self._asked_for.put(Asked(command, who, acted))
        return acted

    def do(self, command: Command, timeout: float | None = None, *, who: str = PYTHON) -> Done:
        """Carry out a command; waits until it has acted.

        Args:
            command: what is to be done.
            timeout: seconds to wait at most; the command acts even so.
            who: see `ask`.

        Raises:
            BadCommand: it does not fit the session.
            BadConfig: settings that cannot be.
            BadRun: the journal or a kept epoch cannot be written, or the session is over.
            TimeoutError: it has not acted yet.
        """
        return self.ask(command, who).result(timeout)

    def pause(self, branch: int | None = None) -> Done:
        """Let a branch, or all, stand still."""
        return self.do(Command("pause", branch))

    def resume(self, branch: int | None = None) -> Done:
        """Let a branch, or all, train on."""
        return self.do(Command("resume", branch))

    def nudge(self, branch: int = 0, **settings: Any) -> Done:
        """Change settings of a branch from the next step on: fields of `Config`."""
        return self.do(Command("nudge", branch, settings))

    def rewind(self, epoch: int, branch: int = 0) -> Done:
        """Let a branch go back to a kept epoch, with the settings that it had there."""
        return self.do(Command("rewind", branch, epoch=epoch))

    def branch(self, branch: int = 0, **settings: Any) -> int:
        """Let a copy of a branch, with some settings changed, train beside it; its number."""
        new = self.do(Command("branch", branch, settings)).new
        assert new is not None
        return new

    def delete(self, branch: int) -> Done:
        """Forget a branch."""
        return self.do(Command("delete", branch))

    def keep_best(self, branch: int = 0) -> Done:
        """Write the network of a branch's best epoch into the folder, for `caviar.load`."""
        return self.do(Command("keep", branch))

    def note(self, text: str) -> Done:
        """Put words into the journal."""
        return self.do(Command("note", text=text))

    def stop(self, branch: int | None = None) -> Done:
        """End a branch, or, without one, the session."""
        return self.do(Command("stop", branch))

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until nothing trains any more; whether that is so.

        Raises:
            BadRun: the session failed.
        """
        until = None if timeout is None else time.monotonic() + timeout
        while self._thread.is_alive() and any(seen.trains for seen in self._seen.values()):
            if until is not None and time.monotonic() > until:
                return False
            time.sleep(0.01)
        self._raise_failure()
        return True

    @property
    def branches(self) -> dict[int, Seen]:
        """The branches, by number, as they are."""
        return dict(self._seen)

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The journal so far."""
        return list(self._journal.lines)

    def history(self, branch: int = 0) -> dict[str, Any]:
        """The curves of a branch, one value per epoch, as in `Run.history`."""
        return history(self._seen[branch].branch, self._split)

    def run(self, branch: int = 0) -> Run:
        """A branch as a `Run`, with the weights of its best epoch."""
        return run_of(self._seen[branch].branch, self._split)

    def close(self) -> None:
        """End the session; its folder can be gone on with.

        Raises:
            BadRun: it had failed.
        """
        if self._thread.is_alive():
            with contextlib.suppress(BadRun):  # it has just ended by itself; why is told below
                self.stop()
        self._thread.join()
        self._raise_failure()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            if isinstance(self._failure, CaviarError):
                raise self._failure
            raise BadRun(f"The session ended with an error: {self._failure!r}.") from self._failure

    # What follows runs in the session's thread.

    def _work(self) -> None:
        over = False
        try:
            while not over:
                over = self._obey()
                if not over:
                    self._train()
                    self._keep_again()
                    self._look()
            self._journal.write(self._line({"verb": "end", "branches": self._standing()}))
        except BaseException as error:  # told to whoever asks next
            self._failure = error
        with self._door:
            self._over = True
        for acted in tuple(self._unanswered):
            ended = BadRun("The session ended before the command acted. Go on with its folder, and give it again.")
            ended.__cause__ = self._failure
            acted.set_exception(ended)
        try:
            self._leave()
        except Exception as error:  # the first failure is the one to tell
            self._failure = self._failure or error

    def _leave(self) -> None:
        self._beside.shutdown(wait=True, cancel_futures=True)
        if self._folder is not None:
            self._folder.__exit__()

    def _standing(self) -> dict[str, Any]:
        return {str(n): {"step": b.steps, "digest": digest(b)} for n, b in sorted(self._branches.items())}

    def _obey(self) -> bool:
        """Carry out what was commanded; whether the session is over. Waits where nothing trains."""
        still = not any(self._trains(number) for number in self._branches)
        while still or not self._asked_for.empty():
            try:
                asked = self._asked_for.get(timeout=_LOOKS_UP if self._waiting or self._compiles else _IDLE)
            except queue.Empty:
                break
            still = False
            if asked.command.verb == "stop" and asked.command.branch is None:
                try:
                    self._journal.write(self._line(asked.command.plain(), asked.who))
                except CaviarError as error:  # it ends even so, as after a kill
                    asked.acted.set_exception(error)
                    raise
                asked.acted.set_result(Done(asked.command))
                return True
            self._take(asked)
        for number in list(self._waiting):
            for asked in self._waiting.pop(number):
                self._take(asked)
        return False

    @property
    def _compiles(self) -> bool:
        """Whether a program is compiled."""
        return any(not task.done() for task in self._compiling.values())

    def _take(self, asked: Asked) -> None:
        """Carry out one command, or let it wait for its time, and those after it for that branch too."""
        number, written = asked.command.branch, len(self._journal.lines)
        try:
            if number is not None and (number in self._waiting or not self._is_time(asked.command)):
                self._waiting.setdefault(number, []).append(asked)
                return
            done = self._act(asked.command, asked.who)
        except CaviarError as error:
            asked.acted.set_exception(error)
        except Exception as error:
            if len(self._journal.lines) > written:  # what it has done is not known
                raise
            failed = {mark for mark, task in self._compiling.items() if task.done() and task.exception()}
            self._compiling = {mark: task for mark, task in self._compiling.items() if mark not in failed}
            asked.acted.set_exception(_refusal(asked.command, error))
        else:
            self._look()
            asked.acted.set_result(done)

    def _is_time(self, command: Command) -> bool:
        """Whether a command may act: its program is compiled, and an epoch has ended where it has to wait for that."""
        if not command.settings or command.branch not in self._branches:
            return True
        own = self._branches[command.branch]
        return self._compiled(own, command.settings) and not waits_for_epoch(own, command.settings, self._split)

    def _compiled(self, own: Branch, settings: Mapping[str, Any]) -> bool:
        """Whether the program of a change is there; if not it is compiled beside the training.

        Raises:
            BadConfig: the settings cannot be.
        """
        if not compiles(own, settings, self._split):
            return True
        return self._prepared(changed_config(own.config, settings, self._split))

    def _prepared(self, config: Config) -> bool:
        """Whether the program of a config is there; if not it is compiled beside the training, by a step of a copy."""
        mark = self._mark(config)
        if mark not in self._compiling:
            copy = begin(self._split, config)
            task = functools.partial(advance, self._split, [copy], 1, self._rows, self._device)
            self._compiling[mark] = self._beside.submit(task)
        if not self._compiling[mark].done():
            return False
        self._compiling[mark].result()
        return True

    def _mark(self, config: Config) -> str:
        """Of the program of a config."""
        if config not in self._marks:
            self._marks[config] = block(config, self._split)[0]
        return self._marks[config]

    def _act(self, command: Command, who: str) -> Done:
        number = command.branch
        if number is not None and number not in self._branches:
            raise BadCommand(f"A command needs a branch that is there ({self._numbers()}), got {number}.")
        if command.verb in STEERS:
            return self._steer(command, who)
        own = None if number is None else self._branches[number]
        if own is not None and command.verb == "keep":
            self._check_keep(own)
        where = {} if own is None else {"step": own.steps, "epochs": own.epochs}
        self._journal.write(self._line(command.plain() | where, who))
        about = set(self._branches) if number is None else {number}
        match command.verb:
            case "pause":
                self._paused |= about
            case "resume":
                self._paused -= about
            case "stop":
                self._ended |= about
            case "keep":
                assert own is not None
                self._save(own)
            case _:
                pass
        return Done(command, None if own is None else own.steps)

    def _steer(self, command: Command, who: str) -> Done:
        number = command.branch
        assert number is not None
        own, new = self._branches[number], self._next
        after = steered(self._branches, command, self._split, kept_at=lambda n, epoch: self._kept[n].at(epoch), new=new)
        needs = command.verb in ("nudge", "branch") and compiles(own, command.settings, self._split)
        line = command.plain() | {"step": own.steps, "epochs": own.epochs}
        line |= {"new": new} if command.verb == "branch" else {}
        if command.verb != "delete":
            mark, size = block(after[new if command.verb == "branch" else number].config, self._split)
            line |= {"program": mark, "block": size}
        if command.verb == "nudge":
            self._keep(own, now=True)  # to where it can go back from the change
        self._journal.write(self._line(line, who))
        self._branches = after
        match command.verb:
            case "branch":
                self._next += 1
                self._kept[new] = Kept(self._place(new))
                self._keep(after[new], now=True)
            case "rewind":
                self._kept[number].forget_after(after[number].epochs)
            case "delete":
                self._kept.pop(number).forget_all()
                self._keeping.pop(number, None)
                self._troubles.pop(number, None)
                self._paused.discard(number)
                self._ended.discard(number)
            case _:
                pass
        return Done(command, own.steps, needs, new if command.verb == "branch" else None)

    def _line(self, line: Mapping[str, Any], who: str | None = None) -> dict[str, Any]:
        about = {"line": len(self._journal.lines), "time": datetime.now(UTC).isoformat(timespec="milliseconds")}
        return about | ({} if who is None else {"who": who}) | dict(line)

    def _check_keep(self, own: Branch) -> None:
        if self._folder is None:
            raise BadCommand(
                "keep needs a session with a folder. Take session.run(branch) and caviar.save in its place."
            )
        if not own.best_epoch:
            raise BadCommand("keep needs a network that has ended an epoch with a finite loss. Wait for one.")

    def _save(self, own: Branch) -> None:
        from caviar.training.saved import Model, save  # noqa: PLC0415  (polars, which nobody else here needs)

        assert self._folder is not None
        try:
            save(Model.of(run_of(own, self._split), self._split), self._folder.path)
        except (OSError, SafetensorError) as error:
            raise BadRun(
                f"keep needs room in a folder that can be written, but {self._folder.path} cannot be ({error}). Make "
                "room, and give the command again."
            ) from None

    def _trains(self, number: int) -> bool:
        """Whether a branch takes steps."""
        own = self._branches[number]
        if own.status != "training" or not self._prepared(own.config):
            return False
        if number not in self._paused and number not in self._ended:
            return True
        settings = self._waiting[number][0].command.settings if number in self._waiting else None
        try:  # paused or not, an epoch is finished where a command waits for its end alone
            return bool(settings) and self._compiled(own, settings) and waits_for_epoch(own, settings, self._split)
        except Exception:  # told to whoever gave the command, when it is taken next
            return False

    def _train(self) -> None:
        """One call for all branches that train: those that stand at the same step together."""
        groups: dict[tuple[int, int], list[Branch]] = {}
        for number, branch in self._branches.items():
            if self._trains(number):
                groups.setdefault((branch.steps, steps_per_epoch(branch, self._split)), []).append(branch)
        for (at, per_epoch), together in groups.items():
            marks = "+".join(sorted({self._mark(branch.config) for branch in together}))
            pace = self._pace.get((marks, per_epoch), max(1, per_epoch // 16))
            began = time.perf_counter()
            for branch in advance(self._split, together, _whole_epochs(at, pace, per_epoch), self._rows, self._device):
                self._branches[branch.number] = branch
                self._keep(branch)
            took = (time.perf_counter() - began) / max(1, self._branches[together[0].number].steps - at)
            self._pace[marks, per_epoch] = max(1, round(min(4.0 * pace, _SECONDS_PER_CALL / max(took, 1e-9))))

    def _keep(self, branch: Branch, *, now: bool = False) -> None:
        """Keep an epoch that has just ended, if the last one is old enough."""
        if branch.steps != branch.epochs * steps_per_epoch(branch, self._split):
            return
        if branch.epochs in self._kept[branch.number].epochs:
            return
        number, began = branch.number, time.monotonic()
        rest = max(_SECONDS_PER_KEPT, _TIMES_KEPT * sum(self._keeping.values()))
        due = began - self._last_kept.get(number, float("-inf")) >= rest
        last = branch.status != "training" and number not in self._troubles
        if now or due or last:
            about = {"line": len(self._journal.lines), "config": branch.config.to_json(), "parent": branch.parent}
            try:
                self._kept[number].keep(branch, about)
                self._troubles.pop(number, None)
            except BadRun as error:  # training needs no disk: it goes on, and this is tried again
                self._troubles[number] = str(error)
            self._last_kept[number] = time.monotonic()
            self._keeping[number] = self._last_kept[number] - began

    def _keep_again(self) -> None:
        """Keep what could not be kept, where it stands at the end of an epoch."""
        for number in tuple(self._troubles):
            self._keep(self._branches[number])

    def _look(self) -> None:
        """What everybody sees from here on."""
        self._seen = {
            number: Seen(
                branch,
                paused=number in self._paused,
                ended=number in self._ended,
                kept=tuple(self._kept[number].epochs),
                waits=number in self._waiting or self._comes(branch),
            )
            for number, branch in sorted(self._branches.items())
        }

    def _comes(self, branch: Branch) -> bool:
        """Whether a branch would train if its program were there; that of one that is paused is compiled, too."""
        if branch.status != "training" or self._prepared(branch.config):
            return False
        return branch.number not in self._paused and branch.number not in self._ended

    def _numbers(self) -> str:
        return ", ".join(map(str, sorted(self._branches)))


def _refusal(command: Command, error: Exception) -> BadCommand:
    """Of a command that failed before it changed anything."""
    why = f"{type(error).__name__}: {error!s:.300}".replace("\n", " ")
    if command.settings:
        return BadCommand(f"These settings cannot be trained here ({why}). Give others.")
    return BadCommand(f"{command.verb} cannot be carried out here ({why}). Nothing was changed; give another command.")


def _whole_epochs(at: int, pace: int, per_epoch: int) -> int:
    """Steps of a call that takes about `pace`: to the end of an epoch, or within one."""
    end = (at + pace) // per_epoch * per_epoch
    return end - at if end > at else min(pace, per_epoch - at % per_epoch)
