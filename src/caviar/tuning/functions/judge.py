"""Judges the points of a generation by a function of one's own, in this process or in several.

What a trial comes to depends on its point, its number and the trials of earlier generations; not on how many processes
there are, nor on which of them was faster. So a study is the same with any number of them, if the function is.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol, Self, cast

from caviar.errors import BadObjective
from caviar.tuning.functions.cuts import cuts_from
from caviar.tuning.functions.own_trial import Answer, Objective, Task, answer_of, seed_of
from caviar.tuning.functions.workers import Workers
from caviar.tuning.search import Entry
from caviar.tuning.spaces.space import Point, Space
from caviar.tuning.trials import Outcome, State, Trial

WORTH_NOTING = 0.1
"""Seconds of a trial from which it is noted before its generation ends: a shorter one is as well run again."""


class Notes(Protocol):
    """Where finished trials are noted whose generation is not finished, so that no interruption loses them."""

    def note(self, generation: int, index: int, point: Point, outcome: Outcome) -> None:
        """Note a finished trial."""
        ...

    def noted(self, generation: int) -> dict[int, tuple[Point, Outcome]]:
        """What was noted of a generation, by index."""
        ...


class NoNotes:
    """Notes nothing."""

    def note(self, generation: int, index: int, point: Point, outcome: Outcome) -> None:
        """Nothing is noted."""

    def noted(self, generation: int) -> dict[int, tuple[Point, Outcome]]:  # noqa: ARG002
        """Nothing was noted."""
        return {}


class Functions:
    """Calls a function at every point of a generation. Use it in a `with` block: it may have processes to end."""

    def __init__(
        self,
        objective: Objective,
        space: Space,
        *,
        directions: tuple[str, ...] = ("minimize",),
        processes: int = 1,
        time_limit: float | None = None,
        seed: int = 0,
        notes: Notes | None = None,
    ) -> None:
        """Nothing is called yet.

        Args:
            objective: the function.
            space: what is searched; its fixed values are given to the function too.
            directions: minimize | maximize, one per objective.
            processes: 1 without a time limit: the function runs in this process.
            time_limit: seconds that a trial may take; with one, also a single process is one of its own.
            seed: of the study, from which every trial has its own.
            notes: where finished trials of unfinished generations are noted.
        """
        self._objective, self._space, self._directions, self._seed = objective, space, directions, seed
        alone = processes == 1 and time_limit is None
        self._workers = None if alone else Workers(objective, processes, time_limit)
        self._notes: Notes = notes or NoNotes()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._workers is not None:
            self._workers.close()

    def __call__(self, entries: Sequence[Entry], generation: int, before: Sequence[Trial]) -> list[Outcome]:
        """One outcome per point.

        Raises:
            BadObjective: all trials of the first generation failed in the same way, or the function cannot be sent to
                a process.
            KeyboardInterrupt: the search was interrupted; it can be resumed.
        """
        cuts = cuts_from(before, maximise=self._directions[0] == "maximize")
        noted = self._notes.noted(generation)
        outcomes = {
            index: noted[index][1]
            for index, entry in enumerate(entries)
            if index in noted and noted[index][0] == entry.values
        }
        tasks = {
            index: Task(
                number=len(before) + index,
                params=self._space.fixed | entry.values,
                seed=seed_of(self._seed, generation, index),
                directions=self._directions,
                cuts=cuts,
            )
            for index, entry in enumerate(entries)
            if index not in outcomes
        }

        def heard(index: int, answer: Answer) -> None:
            outcome = outcomes[index] = _outcome(answer, self._directions)
            worked = generation > 0 or any(one.state != "failed" for one in outcomes.values())
            if answer.seconds >= WORTH_NOTING and worked:  # a function that is mended is to be called again
                self._notes.note(generation, index, entries[index].values, outcome)

        self._run(tasks, heard)
        ordered = [outcomes[index] for index in range(len(entries))]
        if generation == 0:
            _check_first(ordered)
        return ordered

    def _run(self, tasks: Mapping[int, Task], heard: Callable[[int, Answer], None]) -> None:
        if self._workers is not None:
            self._workers.run(tasks, heard)
            return
        for index, task in tasks.items():
            heard(index, answer_of(self._objective, task))


def _outcome(answer: Answer, directions: tuple[str, ...]) -> Outcome:
    """The outcome of a trial; it is ranked by its first value."""
    sign = -1.0 if directions[0] == "maximize" else 1.0
    return Outcome(
        state=cast(State, answer.state),
        values=answer.values,
        criterion=sign * answer.values[0] if answer.values else float("inf"),
        rungs=answer.rungs,
        facts=answer.facts,
    )


def _check_first(outcomes: Sequence[Outcome]) -> None:
    """Make sure that not all of the first points failed in the same way.

    Raises:
        BadObjective: they did; nothing of them is in the study.
    """
    reasons = [str(outcome.facts.get("caviar:reason")) for outcome in outcomes if outcome.state == "failed"]
    if len(reasons) < len(outcomes) or len({reason.partition(":")[0] for reason in reasons}) > 1:
        return
    error = BadObjective(
        f"The function that is tuned must work at some point at least, but at all of the first {len(outcomes)} it "
        f"failed with {reasons[0]}. Correct it, or the space, and search again."
    )
    trace = outcomes[0].facts.get("caviar:error")
    if trace:
        error.add_note(f"The first of them:\n{trace}")
    raise error
