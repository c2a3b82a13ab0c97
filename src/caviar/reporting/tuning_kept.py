"""A search as its run folder keeps it, finished or not: what reports, replays and re-tunings read."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np

from caviar.arrays import Numbers
from caviar.errors import BadRun
from caviar.reporting.run_folder import read_run, read_summary
from caviar.reporting.tuning_result import of_study
from caviar.training.metrics import MetricName
from caviar.tuning.search import Study
from caviar.tuning.spaces.kept import space_of
from caviar.tuning.study import store
from caviar.tuning.study.records import Curves
from caviar.tuning.trials import Trial

_DRAWN = 2_000
"""Learning curves that are read at most, evenly chosen: more do not change a picture."""


@dataclasses.dataclass(frozen=True, eq=False)
class Kept:
    """A search in its folder.

    Attributes:
        folder: the run folder.
        asked: what it was asked for.
        study: with all trials that are finished.
        content: as summary.json has it; of a search that is not finished what is known by then.
        finished: whether it is.
    """

    folder: Path
    asked: dict[str, Any]
    study: Study
    content: dict[str, Any]
    finished: bool

    def curves(self, name: str) -> list[tuple[int, Numbers]]:
        """(number of the trial, one value per epoch) of all trials, or of so many of them that a picture is full."""
        best = (self.content.get("best") or self.content.get("leading") or {}).get("trial")
        step = -(-len(self.study.trials) // _DRAWN) or 1
        wanted: dict[int, list[Trial]] = {}
        for place, trial in enumerate(self.study.trials):
            if place % step == 0 or trial.number == best:
                wanted.setdefault(trial.generation, []).append(trial)
        records, found = Curves(self.folder / "curves"), list[tuple[int, Numbers]]()
        for generation, trials in wanted.items():
            every = records.curve_of_all(generation, name)
            some = [
                (trial.number, np.asarray(every[trial.index], float)) for trial in trials if trial.index < len(every)
            ]
            found += [(number, curve) for number, curve in some if len(curve)]
        return found


def kept(folder: Path, *, storage: str | None = None, configs: bool = False) -> Kept:
    """Read a search from its run folder.

    Args:
        folder: of a run of caviar tune.
        storage: where the study is, if its URL needs a password.
        configs: whether the configs of the trials are wanted.

    Raises:
        BadRun: it is no such run, or its study cannot be read or has no trial yet.
    """
    run, asked = read_run(folder), read_run(folder)["asked"]
    if asked.get("command") != "tune":
        raise BadRun(f"A search must be the run of caviar tune, but {folder} is of caviar {asked.get('command')}.")
    data = run.get("plan", {}).get("data")
    where = storage or asked["storage"] or folder / "study.log"
    if data is None or (isinstance(where, Path) and not where.exists()):
        raise BadRun(f"The search in {folder} has no trial yet. Go on with: caviar tune --resume {folder}")
    opened = store.load_study(where)
    space = space_of(opened)
    held = store.held_by(opened, space, configs=configs)
    if not held.trials:
        raise BadRun(f"The search in {folder} has no trial yet. Go on with: caviar tune --resume {folder}")
    zooms = tuple(zoom for _, begun in sorted(held.begun.items()) for zoom in begun.zooms)
    metric: MetricName = data["metric"]
    study = Study(space, metric, tuple(held.trials), zooms, opened)
    summary = read_summary(folder)
    content = summary or {**data, **of_study(study, metric), "best": None, "seconds": run["seconds"]}
    return Kept(folder, asked, study, content, summary is not None)
