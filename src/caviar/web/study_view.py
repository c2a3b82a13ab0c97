"""A run folder of `caviar tune` as the page shows it, finished or still written by another process.

Nothing is written and no lock is taken. What was read once is not read again: only what a look finds new is put into
words. What the trials say of the space takes seconds; it is worked out in a thread of its own, once at first and again
when there are half as many trials more.
"""

import dataclasses
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.errors import BadRun
from caviar.reporting import tuning_words
from caviar.reporting.run_folder import read_run, read_summary
from caviar.reporting.tuning_kept import Kept, kept
from caviar.reporting.tuning_report import rungs_of, sentences
from caviar.reporting.tuning_result import of_space, of_study, plain
from caviar.training.metrics import LARGER_IS_BETTER
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.search import Study
from caviar.tuning.spaces.dimensions import Choice, Dimension, Integer, LogUniform, OneMinusLogUniform
from caviar.tuning.study import store
from caviar.tuning.trials import Trial

Message = dict[str, Any]

MOST_CURVES = 2_000
"""Trials whose curves are told, evenly chosen, with that of the one that leads."""

_LEAST, _GROWN = 20, 1.5
"""Trials from which on something is said of the space, and how many times as many they must be to say it anew."""

_OF_ERROR = ("error", "rmse")
"""Metrics whose own curve is recorded; of others the loss is shown."""


class StudyView:
    """One search. Its methods may take seconds: call them in a thread."""

    def __init__(self, folder: Path, *, storage: str | None = None) -> None:
        """Nothing is read yet.

        Args:
            folder: the run folder.
            storage: where the study is, if its URL needs a password.
        """
        self._folder, self._storage = folder, storage
        self._lock = threading.Lock()
        self._kept: Kept | None = None
        self._run: Message | None = None
        self._trials: list[Message] = []
        self._curves: dict[str, list[float | None]] = {}
        self._curve: str | None = None
        self._step = 1
        self._most_epochs = 0
        self._generations: dict[int, list[Trial]] = {}
        self._looked_at: list[tuple[int, int]] | None = None
        self._asked: Future[dict[str, Any]] | None = None
        self._asked_of = 0
        self._space: dict[str, Any] = {}

    def state(self) -> str:
        """`finished`, or `under way`: begun, whether or not somebody works on it."""
        return "finished" if (self._folder / "summary.json").exists() else "under way"

    def whole(self) -> Message:
        """All that has been told: what is there at the first call, and what `since` has told after it.

        Raises:
            BadRun: it is no search's folder, or cannot be read.
        """
        with self._lock:
            if self._run is None:
                self._look()
            return self._all()

    def since(self) -> Message | None:
        """What is new since the last call; None where nothing is, or before the first `whole`.

        Where so many trials have come that fewer of their curves are told, it is everything anew, with `reset`.

        Raises:
            BadRun: it cannot be read any more.
        """
        with self._lock:
            return None if self._run is None else self._look()

    def _all(self) -> Message:
        zooms = () if self._kept is None else self._kept.study.zooms
        return {
            "run": dict(self._run or {}),
            "trials": list(self._trials),
            "curves": dict(self._curves),
            "zooms": [_zoom(one) for one in zooms],
            "rungs": [one for number in self._generations if (one := self._rung(number))],
        }

    def _look(self) -> Message | None:
        """Read what is new, and tell it."""
        files = [_stamp(self._folder / name) for name in ("study.log", "summary.json", "run.json")]
        told_of_space = self._asked is not None and self._asked.done()
        if files == self._looked_at and self._is_file and not told_of_space:
            return None
        try:
            found = self._read()
        except OSError as error:
            raise BadRun(
                f"A run folder must stay where it is while it is shown, but {self._folder} cannot be read any more "
                f"({error.strerror or error}). Put it back."
            ) from None
        self._looked_at = files
        return found

    @property
    def _is_file(self) -> bool:
        """Whether the study is a file, so that its size tells whether there is anything new."""
        return self._kept is not None and self._storage is None and self._kept.asked.get("storage") is None

    def _read(self) -> Message | None:
        trials, zooms = self._new() if self._kept is not None else self._first()
        if self._kept is None:
            return None
        for trial in trials:
            self._generations.setdefault(trial.generation, []).append(trial)
            self._most_epochs = max(self._most_epochs, int(trial.outcome.facts.get("epochs") or 0))
        new = [_trial(trial) for trial in trials]
        self._trials += new
        step = _step(len(self._trials))
        again, self._step = step != self._step, step
        if again:
            self._curves = {}
        curves = self._new_curves(self._kept.study.trials if again else trials)
        self._curves |= curves
        self._ask_of_space()
        before, self._run = self._run or {}, self._about()
        if again and before:
            return {"reset": True} | self._all()
        numbers = dict.fromkeys(trial.generation for trial in trials)
        found = {
            "run": {name: value for name, value in self._run.items() if name not in before or before[name] != value},
            "trials": new,
            "curves": curves,
            "zooms": [_zoom(one) for one in zooms],
            "rungs": [one for number in numbers if (one := self._rung(number))],
        }
        return {name: part for name, part in found.items() if part} or None

    def _first(self) -> tuple[Sequence[Trial], Sequence[Zoom]]:
        """Everything; a search that has no trial yet is told as such, and looked at again."""
        run = read_run(self._folder)
        try:
            self._kept = kept(self._folder, storage=self._storage)
        except BadRun as error:
            if run["asked"].get("command") != "tune" or read_summary(self._folder) is not None:
                raise
            self._run = _nothing_yet(self._folder, str(error))
            return (), ()
        study = self._kept.study
        return study.trials, study.zooms

    def _new(self) -> tuple[Sequence[Trial], Sequence[Zoom]]:
        """Trials and zooms that have come, and whether the search is finished."""
        assert self._kept is not None
        study, known = self._kept.study, self._kept.study.trials
        held = store.held_by(study.optuna, study.space, after=known[-1].number + 1)
        zooms = [zoom for _, begun in sorted(held.begun.items()) for zoom in begun.zooms]
        content, finished = self._kept.content, self._kept.finished
        if held.trials:
            metric = content["metric"]
            study = Study(study.space, metric, (*known, *held.trials), (*study.zooms, *zooms), study.optuna)
            content = content if finished else content | of_study(study, metric)
        if not finished and (summary := read_summary(self._folder)) is not None:
            content, finished = summary, True
        self._kept = dataclasses.replace(self._kept, study=study, content=content, finished=finished)
        return held.trials, zooms

    def _new_curves(self, trials: Sequence[Trial]) -> dict[str, list[float | None]]:
        """The curves of every so manieth of these trials, and of the one that leads, where they are not told yet."""
        assert self._kept is not None
        best = _best(self._kept)
        wanted = [trial for trial in trials if trial.number % self._step == 0 or trial.number == best]
        if best is not None and str(best) not in self._curves and all(trial.number != best for trial in wanted):
            wanted += [trial for trial in self._kept.study.trials if trial.number == best]
        if not wanted:
            return {}
        if self._curve is None:
            names = ("dev_error", "dev_loss") if self._kept.content["metric"] in _OF_ERROR else ("dev_loss",)
            self._curve = next((name for name in names if self._curves_of(wanted[:1], name)), None)
        found = self._curves_of(wanted, self._curve) if self._curve else []
        self._most_epochs = max([self._most_epochs, *(len(curve) for _, curve in found)])
        return {str(number): _plain_curve(curve) for number, curve in found}

    def _curves_of(self, trials: Sequence[Trial], name: str) -> list[tuple[int, Numbers]]:
        assert self._kept is not None
        few = dataclasses.replace(self._kept.study, trials=tuple(trials))
        return dataclasses.replace(self._kept, study=few).curves(name)

    def _ask_of_space(self) -> None:
        """See that what the trials say of the space is known, or worked out."""
        assert self._kept is not None
        if self._asked is not None and self._asked.done():
            asked, self._asked = self._asked, None
            if asked.exception() is None:  # otherwise what was known stands, until there are more trials
                self._space = asked.result()
        if "remarks" in self._kept.content:
            self._space = self._kept.content
            return
        judged = sum(math.isfinite(trial.outcome.criterion) for trial in self._kept.study.trials)
        if self._asked is None and judged >= max(_LEAST, _GROWN * self._asked_of):
            self._asked, self._asked_of = _beside(of_space, self._kept.study), judged

    def _about(self) -> Message:
        """What the page says of the search itself."""
        assert self._kept is not None
        content, study = self._kept.content, self._kept.study
        return plain(
            {
                "name": self._folder.resolve().name,
                "folder": str(self._folder),
                "finished": self._kept.finished,
                "metric": content["metric"],
                "smaller_is_better": content["metric"] not in LARGER_IS_BETTER,
                "task": content["task"],
                "target": content["target"],
                "curve": self._curve,
                "most_epochs": self._most_epochs,
                "space": {name: _dimension(one) for name, one in study.space.items()},
                "headline": sentences(self._kept),
                "importance": [
                    {
                        "name": one["name"],
                        **{end: one["share"][end] for end in ("value", "low", "high")},
                        "course": one["course"],
                    }
                    for one in self._space.get("importance") or ()
                ],
                "critic": tuning_words.remarks(self._space),
                "best": _best(self._kept),
            }
        )

    def _rung(self, generation: int) -> Message | None:
        """How many of a generation went on at each of its rungs; None without rungs."""
        trials = [(trial, rungs_of(trial)) for trial in self._generations[generation]]
        epochs = sorted({epoch for _, own in trials for epoch in own})
        if not epochs:
            return None
        went_on = [
            sum(epoch in own and not (trial.outcome.state == "pruned" and epoch == max(own)) for trial, own in trials)
            for epoch in epochs
        ]
        return {"generation": generation, "epochs": epochs, "begun": len(trials), "went_on": went_on}


def _beside(work: Callable[[Study], dict[str, Any]], study: Study) -> "Future[dict[str, Any]]":
    """What a function says of a study, from a thread for which the end of the program does not wait."""
    found: Future[dict[str, Any]] = Future()

    def run() -> None:
        try:
            found.set_result(work(study))
        except BaseException as error:  # told where the result is taken
            found.set_exception(error)

    threading.Thread(target=run, name="caviar importance", daemon=True).start()
    return found


def _stamp(path: Path) -> tuple[int, int]:
    """What changes when a file does."""
    try:
        about = path.stat()
    except OSError:
        return (0, 0)
    return (about.st_size, about.st_mtime_ns)


def _step(trials: int) -> int:
    """Every so manieth curve is told: a power of two, with a place left for the trial that leads."""
    return 1 << max(0, math.ceil(math.log2(max(1, trials) / (MOST_CURVES - 1))))


def _best(found: Kept) -> int | None:
    """The number of the chosen trial, or of the one that leads."""
    chosen = found.content.get("best") or found.content.get("leading")
    return None if chosen is None else chosen["trial"]


def _trial(trial: Trial) -> Message:
    """A trial as plain values."""
    outcome = trial.outcome
    about = {
        "number": trial.number,
        "generation": trial.generation,
        "state": outcome.state,
        "value": outcome.values[0] if outcome.values else None,
        "params": trial.values,
        "epochs": outcome.facts.get("epochs"),
        "seconds": outcome.facts.get("seconds"),
    }
    if outcome.facts.get("caviar:status") == "diverged":
        about["diverged"] = True
    if len(outcome.values) > 1:
        about["values"] = outcome.values
    return plain(about)


def _zoom(zoom: Zoom) -> Message:
    return plain({"generation": zoom.generation, "reason": zoom.reason, "region": zoom.region, "good": zoom.good})


def _dimension(one: Dimension) -> Message:
    """A dimension with its kind, its scale and its ends or options."""
    if isinstance(one, Choice):
        return {"kind": "choice", "options": one.options}
    scale = "linear"
    if isinstance(one, LogUniform) or (isinstance(one, Integer) and one.log):
        scale = "log"
    elif isinstance(one, OneMinusLogUniform):
        scale = "one_minus_log"
    kind = "whole" if isinstance(one, Integer) else "number"
    return {"kind": kind, "scale": scale, "low": one.low, "high": one.high}


def _plain_curve(curve: Numbers) -> list[float | None]:
    """Values with the digits that a picture needs."""
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in np.asarray(curve, float).tolist()]


def _nothing_yet(folder: Path, why: str) -> Message:
    """What is known of a search without a trial."""
    return {
        "name": folder.resolve().name,
        "folder": str(folder),
        "finished": False,
        "space": {},
        "headline": [why],
        "importance": [],
        "critic": [],
        "best": None,
    }
