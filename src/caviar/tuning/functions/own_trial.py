"""`OwnTrial`: what a function of one's own is given, and `answer_of`: what came of calling it.

It runs in this process and in others alike, and is the same there: whether a trial should be pruned follows from a
table made of earlier generations, never from who was faster. It needs the standard library only, so that a process
is ready soon.
"""

import hashlib
import json
import math
import operator
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, NoReturn

KEPT = 100
"""Reports that are kept of a trial. Of more, every second is dropped, again and again, but for the last."""

_REASON, _TRACEBACK = 300, 4000
"""Characters that are kept of a message and of a traceback."""


class Task(NamedTuple):
    """A trial that is to be run."""

    number: int
    """Place in the search, from 0."""
    params: dict[str, Any]
    seed: int
    directions: tuple[str, ...]
    """minimize | maximize, one per objective."""
    cuts: Mapping[int, float]
    """By step, what is worse than this should be pruned; less is better. See `cuts`."""


class Answer(NamedTuple):
    """What came of a trial, as plain values."""

    state: str
    """complete | pruned | failed | interrupted."""
    values: tuple[float, ...] = ()
    rungs: Mapping[int, float] = {}
    """By step, what was reported."""
    facts: Mapping[str, Any] = {}
    """What was set by `set_user_attr`; of a failure `caviar:reason` and, of an exception, `caviar:error`."""
    seconds: float = 0.0
    """It took."""


class OwnTrial:
    """One call of a function that is tuned: the values to try, and a way to report how it goes.

    Attributes:
        number: place in the search, from 0; where several machines share a study, among the trials known to this one.
        params: the value of every setting by name, those that are fixed included; settings whose condition does not
            hold are left out.
        seed: a whole number in [0, 2**31) for random numbers, the same whenever this trial of this study is run.
        worker: which of the processes runs it, from 0: to share out GPUs. 0 where the function runs in this process.
        user_attrs: what was set by `set_user_attr`.
    """

    def __init__(self, task: Task, worker: int = 0) -> None:
        self.number, self.params, self.seed, self.worker = task.number, dict(task.params), task.seed, worker
        self.user_attrs: dict[str, Any] = {}
        self._cuts, self._several = task.cuts, len(task.directions) > 1
        self._sign = -1.0 if task.directions[0] == "maximize" else 1.0
        self._kept: list[tuple[int, int, float]] = []
        self._stride, self._count = 1, 0
        self._last: tuple[int, float] | None = None
        self._best = math.inf
        self._advised = False

    def report(self, value: Any, step: int) -> None:
        """Say how the trial does at a step: an epoch, a fold, a number of rows.

        Trials are compared at the same step, so report at the same steps in all of them. At most 100 reports are kept:
        of more, every second is dropped, again and again.

        Args:
            value: a number in the direction of the study; of several objectives the first. NaN or infinity says that
                the trial is lost: it should be pruned.
            step: a whole number of at least 0.

        Raises:
            TypeError: the value is no number, or the step is no whole number.
            ValueError: the step is below 0.
        """
        number = number_of(value)
        at = operator.index(step)
        if at < 0:
            raise ValueError(f"trial.report needs a step of at least 0, got {step}.")
        if math.isfinite(number):
            self._best = min(self._best, self._sign * number)
            if self._count % self._stride == 0:
                self._kept.append((self._count, at, number))
            if len(self._kept) > KEPT:
                self._stride *= 2
                self._kept = [one for one in self._kept if one[0] % self._stride == 0]
        self._last = (at, number)
        self._count += 1
        self._advised = False

    def should_prune(self) -> bool:
        """Whether the trial is not worth going on with, by its last report.

        It is not when its best report so far is worse than what most trials of earlier generations had reached at this
        step - more of them than chance explains, and by more than reports jitter - or when the last report was not
        finite. Trials of the first generation run to their end. With several objectives it is always worth it.
        """
        if self._last is None or self._several:
            return False
        step, value = self._last
        self._advised = not math.isfinite(value) or self._best > self._cuts.get(step, math.inf)
        return self._advised

    def set_user_attr(self, key: str, value: Any) -> None:
        """Keep a plain value with the trial: a word, a number, True, False, None, or lists and dictionaries of them.

        Raises:
            TypeError: the value cannot be written as JSON.
            ValueError: a name that begins with caviar:.
        """
        if not isinstance(key, str) or key.startswith("caviar:"):
            raise ValueError(f"trial.set_user_attr needs a word that does not begin with 'caviar:', got {key!r}.")
        self.user_attrs[key] = json.loads(json.dumps(value))

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("suggest_"):
            raise AttributeError(
                f"trial.{name} is Optuna's: here the Space given to caviar.tune says what is searched, and "
                "trial.params['NAME'] is the value to try."
            )
        raise AttributeError(f"a trial has no {name!r}: it has number, params, seed, worker, report, should_prune.")

    @property
    def advised(self) -> bool:
        """Whether `should_prune` said so, and nothing was reported since: who returns then has pruned the trial."""
        return self._advised

    def pruned(self) -> Answer:
        """The answer of a trial that was pruned: the value of its last report, where that is finite."""
        last = self._last is not None and not self._several and math.isfinite(self._last[1])
        return Answer("pruned", (self._last[1],) if last and self._last else (), self._rungs(), self.user_attrs)

    def complete(self, values: tuple[float, ...]) -> Answer:
        """The answer of a trial that has its values."""
        return Answer("complete", values, self._rungs(), self.user_attrs)

    def failed(self, reason: str, error: BaseException | None = None) -> Answer:
        """The answer of a trial that failed; what it had reported is dropped."""
        return failure(reason, self.user_attrs, error)

    def _rungs(self) -> dict[int, float]:
        rungs = {step: value for _, step, value in self._kept}
        if self._last is not None and math.isfinite(self._last[1]):
            rungs[self._last[0]] = self._last[1]
        return rungs


Objective = Callable[[OwnTrial], Any]
"""Returns a number, or one per objective."""


def failure(reason: str, facts: Mapping[str, Any] | None = None, error: BaseException | None = None) -> Answer:
    """The answer of a trial that failed.

    Args:
        reason: one line; up to the first colon it says of what kind the failure is.
        facts: what else is known.
        error: what was raised; its traceback is kept, without the frames outside the function.
    """
    words = {"caviar:reason": _short(reason)}
    if error is not None:
        behind = error.__traceback__ and error.__traceback__.tb_next
        words["caviar:error"] = "".join(traceback.format_exception(type(error), error, behind))[-_TRACEBACK:]
    return Answer("failed", facts={**(facts or {}), **words})


def answer_of(objective: Callable[[Any], Any], task: Task, worker: int = 0) -> Answer:
    """Call a function, and say what came of it.

    Raises:
        KeyboardInterrupt, SystemExit: somebody wants the search to end.
    """
    trial, began = OwnTrial(task, worker), time.monotonic()
    return _called(objective, trial, len(task.directions))._replace(seconds=time.monotonic() - began)


def _called(objective: Callable[[Any], Any], trial: OwnTrial, objectives: int) -> Answer:
    try:
        returned = objective(trial)
    except Exception as error:
        if any(one.__name__ == "TrialPruned" for one in type(error).__mro__):  # Optuna's, without importing it
            return trial.pruned()
        return trial.failed(_words(error), error)
    if trial.advised:
        return trial.pruned()
    values = _values(returned, objectives)
    return trial.failed(values) if isinstance(values, str) else trial.complete(values)


def _values(returned: Any, objectives: int) -> tuple[float, ...] | str:
    """The numbers that were returned, or in words what they are instead."""
    wanted = "a number" if objectives == 1 else f"{objectives} numbers"
    try:
        values = tuple(number_of(part) for part in ([returned] if objectives == 1 else list(returned)))
    except Exception:  # whatever an array or tensor raises
        return f"returned no number: {wanted} is needed, got {type(returned).__name__}"
    if len(values) != objectives:
        return f"returned too many or too few: {wanted} are needed, got {len(values)}"
    if not all(math.isfinite(value) for value in values):
        return f"returned what is not finite: {', '.join(map(str, values))}"
    return values


def number_of(value: Any) -> float:
    """The number that a value is; arrays and tensors of one number are numbers too.

    Raises:
        TypeError: it is none.
    """
    if value is None or isinstance(value, (str, bytes, bytearray)):
        raise TypeError(f"A number is needed, got {value!r}.")
    return float(value)


def seed_of(seed: int, generation: int, index: int) -> int:
    """The seed of a trial, from that of the study and its place in it: in [0, 2**31)."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{generation}/{index}".encode()).digest()[:4], "big") >> 1


def _words(error: BaseException) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception that cannot say what it is
        return type(error).__name__


def _short(words: str) -> str:
    line = " ".join(words.split())
    return line if len(line) <= _REASON else line[: _REASON - 1] + "…"
