"""`caviar train --trial N RUN`: one trial of a search trained again, alone, and whether its curve is the same."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from caviar.data.read import read
from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.reporting import tuning_words, words
from caviar.reporting.division import Division
from caviar.reporting.run_folder import read_run
from caviar.reporting.terminal import Listener, Silent
from caviar.tuning.study import store
from caviar.tuning.study.replay import Replay, replay_trial

_SHOWN = 12
"""Epochs of the curve that are printed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Replayed:
    """A trial that was trained again.

    Attributes:
        folder: the run folder.
        file: its curves: arrays by measure, one value per epoch.
        replay: networks and curves.
        params: settings of the trial.
        task: how errors are written.
    """

    folder: Path
    file: Path
    replay: Replay
    params: dict[str, Any]
    task: Any

    @property
    def same(self) -> bool | None:
        """Whether the curves are those of the study, bit for bit; None where the study kept none."""
        return None if not self.replay.recorded else self.replay.differs is None

    @property
    def verdict(self) -> str:
        """The same in words."""
        if self.same is None:
            return "The study has kept no curves of this trial to compare with."
        if self.same:
            return "The curves are those of the study, bit for bit."
        before, now = (curves[self.replay.differs or ""] for curves in (self.replay.recorded, self.replay.curves))
        if len(before) != len(now):
            return f"NOT the curves of the study: {len(now)} epochs instead of {len(before)}."
        apart = float(np.nanmax(np.abs(np.asarray(before, float) - np.asarray(now, float))))
        return (
            f"NOT the curves of the study: {self.replay.differs} differs by up to {words.number(apart)}. Bits are the "
            "same on the same kind of processor with the same versions only."
        )

    def lines(self) -> list[str]:
        """The curve, and whether it is the same."""
        curves = self.replay.curves
        names = [name for name in ("train_loss", "dev_loss", "train_error", "dev_error") if name in curves]
        epochs = len(curves[names[0]])
        shown = np.unique(np.linspace(0, epochs - 1, min(_SHOWN, epochs)).round().astype(int))
        rows = [["epoch", *(name.replace("_", " ") for name in names)]]
        rows += [
            [str(epoch + 1), *(self._figure(name, float(curves[name][epoch])) for name in names)] for epoch in shown
        ]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]
        folds = len(self.replay.runs)
        more = f" This is the first of {folds} networks, one per fold." if folds > 1 else ""
        return [
            f"Trial {self.replay.number}: {tuning_words.point(self.params)}",
            *table,
            f"{self.verdict}{more}",
            f"Curves: {self.file}",
        ]

    def to_json(self) -> dict[str, Any]:
        """What --json prints."""
        return {
            "trial": self.replay.number,
            "params": self.params,
            "config": self.replay.config.to_json(),
            "same": self.same,
            "epochs": len(self.replay.curves["objective"]),
            "best_epoch": self.replay.runs[0].best_epoch,
            "curves": str(self.file),
            "run": str(self.folder),
        }

    def _figure(self, name: str, value: float) -> str:
        if not math.isfinite(value):
            return "-"
        return words.error(value, self.task) if name.endswith("error") else words.number(value)


def replay(folder: Path, number: int, *, storage: str | None = None, listener: Listener | None = None) -> Replayed:
    """Train one trial of a run of caviar tune again.

    Args:
        folder: the run folder.
        number: of the trial, as study and report have it.
        storage: where the study is, if its URL needs a password.
        listener: told how the work goes.

    Raises:
        BadRun: no run of caviar tune, no such trial, or the data are others than those of the run.
        BadData: the data of the run cannot be read any more.
    """
    tell = listener or Silent()
    asked = read_run(folder)["asked"]
    if asked.get("command") != "tune":
        raise BadRun(
            f"--trial must be of a run of caviar tune, but {folder} is of caviar {asked.get('command', 'improve')}. "
            "Give the folder of a search."
        )
    rows = rows_of(asked, folder)
    study = store.load_study(storage or asked["storage"] or folder / "study.log")

    tell.stage(f"Trial {number}")
    found = replay_trial(
        study,
        rows,
        number,
        folder=folder / "curves",
        callbacks=[lambda p: tell.progress(f"{p.networks_done} of {p.networks} networks", p.share)],
    )
    place = folder / "replays"
    place.mkdir(exist_ok=True)
    file = place / f"trial-{number}.safetensors"
    with write_atomically(file) as beside:
        save_file({name: np.asarray(curve, np.float32) for name, curve in found.curves.items()}, beside)
    params = study.get_trials(deepcopy=False)[number].user_attrs["caviar:values"]
    return Replayed(folder, file, found, params, rows.task)


def rows_of(asked: dict[str, Any], folder: Path) -> Split:
    """The rows of a run, read and divided again.

    Raises:
        BadRun: they are others than those that it was made with.
    """
    table = read(asked["data"], asked["target"], types=asked["types"])
    division = Division(**{name: asked[name] for name in Division._fields})
    rows = division.split(table, task=asked["task"], seed=asked["seed"])
    if rows.fingerprint != asked["rows"]:
        raise BadRun(
            f"The run in {folder} must be read with the rows it was made with, but {asked['data']} holds others. Put "
            "the old file back."
        )
    return rows
