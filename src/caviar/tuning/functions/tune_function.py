"""A search of the arguments of any function: from what is asked to the plan, the study and its judge."""

import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from caviar.errors import BadObjective, BadSpace, nearest
from caviar.tuning.functions.judge import Functions
from caviar.tuning.functions.own_trial import Objective
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.proposals.proposers import proposer_for
from caviar.tuning.proposals.together import apart
from caviar.tuning.search import Entry, Plan, Study, asked_of, mark_of, search
from caviar.tuning.spaces.dimensions import Choice
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.study.notes import StudyNotes
from caviar.tuning.study.records import Curves
from caviar.tuning.study.storage import Where
from caviar.tuning.study.store import Direction
from caviar.tuning.trials import Trial

TRIALS = 64
"""Points of a search without a budget of one's own."""

_UNLIMITED = 1_000_000
"""Points of a search that only the seconds end."""

_GENERATION = 8
"""Points of a generation with up to four processes, so that their number changes nothing; two for each of more."""

_PATIENCE = 0.8
"""A generation is begun when at least this share of the last one's time is left."""


def tune_function(
    objective: Objective,
    space: Space | None,
    *,
    start: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    direction: Direction | Sequence[Direction] = "minimize",
    trials: int | None = None,
    seconds: float | None = None,
    proposals: Any = None,
    storage: Where = None,
    study_name: str = store.STUDY_NAME,
    folder: Path | None = None,
    processes: int = 1,
    time_limit: float | None = None,
    generation_size: int | None = None,
    seed: int = 0,
    tell: Callable[[Sequence[Trial], tuple[Zoom, ...]], None] = lambda *_: None,
) -> Study:
    """Search the arguments of a function.

    Args:
        objective: called with an `OwnTrial`; returns a number, or one per objective.
        space: what is searched, and what is fixed.
        start: your own settings, tried first: trial 0; of several, all. What is left out is put in the middle of its
            scale.
        direction: "minimize" or "maximize"; of several objectives a list.
        trials: points in all; None is 64, or as many as the seconds allow.
        seconds: no generation is begun that would end much later.
        proposals: who proposes points, see `proposers.proposer_for`; None is coarse to fine.
        storage: None in memory, a path for Optuna's journal file, or a URL such as sqlite:///study.db.
        study_name: of several studies in one storage.
        folder: where generations are kept beside the study.
        processes: 1: the function is called in this process; more: in so many others.
        time_limit: seconds that one trial may take, then its process is ended; with it, a single process is one of
            its own too.
        generation_size: points that are proposed at a time; None is 8, and with more than four processes two for each.
        seed: of the proposals and of the trials.
        tell: told after each generation of its trials and its zooms.

    Returns:
        The Study: `best_value`, `best_params`, `trials`, `optuna`.

    Raises:
        BadObjective: what is no function; all trials of the first generation failed in the same way.
        BadSpace: a budget that is not above 0, a start that is not in the space, or a direction that is none.
        BadRun: the storage does not answer, or holds another search.
    """
    began = time.monotonic()
    directions = (direction,) if isinstance(direction, str) else tuple(direction)
    space = _checked(objective, space, directions)
    _check_budget(trials=trials, seconds=seconds, processes=processes, time_limit=time_limit, size=generation_size)
    size = generation_size or (_GENERATION if processes <= _GENERATION // 2 else 2 * processes)
    plan = Plan(
        space=space,
        propose=CoarseToFine() if proposals is None else proposer_for(proposals),
        trials=trials or (TRIALS if seconds is None else _UNLIMITED),
        generation_size=lambda _: size,
        seed=seed,
        given=_given(space, start),
        config=None,
        together=lambda _: apart(),
    )
    study = store.open_study(storage, directions, study_name=study_name)
    asked = asked_of(plan, directions=directions)
    store.claim(study, asked)
    records = None if folder is None else Curves(folder / "curves", mark_of(asked))
    ended = [began]

    def told(fresh: Sequence[Trial], zooms: tuple[Zoom, ...]) -> None:
        ended.append(time.monotonic())
        tell(fresh, zooms)

    def enough() -> bool:
        return seconds is not None and time.monotonic() + _PATIENCE * (ended[-1] - ended[-2]) >= began + seconds

    with Functions(
        objective,
        space,
        directions=directions,
        processes=processes,
        time_limit=time_limit,
        seed=seed,
        notes=records or (None if storage is None else StudyNotes(study)),
    ) as judge:
        return search(plan, judge, study, records=records, enough=enough, tell=told)


def _given(space: Space, start: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None) -> tuple[Entry, ...]:
    starts = [] if start is None else [start] if isinstance(start, Mapping) else list(start)
    return tuple(Entry(_whole(space, one), None) for one in starts)


def _whole(space: Space, start: Mapping[str, Any]) -> dict[str, Any]:
    """A start with a value for all that is searched under its conditions; the values may lie outside the space."""
    for name, value in start.items():
        if name in space.fixed and space.fixed[name] == value:
            continue
        if name not in space:
            raise BadSpace(f"A start must have names of what is searched, got {name!r}. {nearest(name, space)}")
        dimension = space[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if not (dimension.holds(value) if isinstance(dimension, Choice) else number):
            raise BadSpace(f"A start must have values like those searched, got {name}={value!r} for {dimension}.")
    return space.active({name: start.get(name, dimension.at(0.5)) for name, dimension in space.items()})


def _checked(objective: Any, space: Any, directions: tuple[str, ...]) -> Space:
    """Make sure of what is searched."""
    if not callable(objective):
        raise BadObjective(
            f"caviar.tune needs a Split, or a function that takes a trial and returns a number, got {objective!r}."
        )
    if not isinstance(space, Space):
        raise BadSpace(
            f"To tune a function caviar.tune needs a Space, got {space!r}. For example "
            "caviar.Space({'lr': caviar.LogUniform(1e-4, 1e-1)})."
        )
    for word in directions:
        if word not in ("minimize", "maximize"):
            raise BadSpace(
                f"A direction must be 'minimize' or 'maximize', got {word!r}. {nearest(word, ('minimize', 'maximize'))}"
            )
    if not directions:
        raise BadSpace("caviar.tune needs at least one direction, got none. Give 'minimize' or 'maximize'.")
    return space


def _check_budget(
    *, trials: Any, seconds: float | None, processes: Any, time_limit: float | None, size: int | None
) -> None:
    """Make sure of how much may be searched."""
    for name, number in (("trials", trials), ("processes", processes), ("generation_size", size)):
        if number is None and name != "processes":
            continue
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise BadSpace(f"caviar.tune needs {name} of at least 1, a whole number, got {number!r}.")
    for name, number in (("seconds", seconds), ("time_limit", time_limit)):
        if number is not None and not 0 < number < math.inf:
            raise BadSpace(f"caviar.tune needs {name} above 0 and finite, got {number!r}. None is without limit.")
