"""Run folders of searches in which no network was trained: what comes of a config is a formula."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np

from caviar.network.config import Config
from caviar.reporting.run_folder import FORMAT
from caviar.reporting.story import versions
from caviar.tuning.plan import Entry, Plan, asked_of, mark_of
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.search import search
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.study.records import Curves
from caviar.tuning.trials import Outcome

HOSTILE = "<script>alert(1)</script>"
START = Config(epochs=40)
SPACE = Space(
    {
        "learning_rate": LogUniform(1e-4, 1e-1),
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "layers": Integer(1, 3),
        "units": Integer(8, 128, log=True),
        "batch_size": Choice(32, 64, 128),
        "dropout": Uniform(0.0, 0.6),
        "schedule": Choice("constant", "exponential"),
        "decay_rate": Uniform(0.8, 0.99),
        "batch_norm": Choice(False, True),
        "activation": Choice("relu", "tanh"),
        "l2": LogUniform(1e-6, 1e-1),
    },
    {"decay_rate": {"schedule": ("exponential",)}},
)
DATA = {
    "name": HOSTILE,
    "task": "classification",
    "target": "y",
    "unit": 1.0,
    "rows": 500,
    "split": {"train": 300, "dev": 100, "test": 100},
    "judged": "dev",
    "judged_rows": 100,
    "explanation": ["500 rows."],
    "again": "f.csv --target y",
    "metric": "error",
}


class Formula:
    """Judges points: least at rate 0.01 and dropout 0.2; at epochs 4 and 12 the worse half of those left is stopped."""

    def __init__(self, *, rungs: bool, objectives: int) -> None:
        self._rungs, self._objectives = rungs, objectives

    def __call__(self, entries: Any, generation: int, before: Any = ()) -> list[Outcome]:
        del before
        stream = np.random.default_rng(generation)
        apart = np.array(
            [
                0.1
                + (math.log10(entry.values["learning_rate"]) + 2) ** 2 / 4
                + (entry.values["dropout"] - 0.2) ** 2
                + 0.02 * stream.random()
                for entry in entries
            ]
        )
        return [
            self._outcome(entry, loss, loss > np.median(apart), stream)
            for entry, loss in zip(entries, apart, strict=True)
        ]

    def _outcome(self, entry: Entry, loss: float, worse: bool, stream: np.random.Generator) -> Outcome:
        epochs = 12 if self._rungs and worse else 40
        curve = (loss + 2 * np.exp(-np.arange(1, epochs + 1) / 6) + 0.01 * stream.random(epochs)).astype(np.float32)
        gone = loss > 0.9
        value = 0.9 if gone else min(0.9, loss / 4)
        values = (value, float(entry.values["units"] * entry.values["layers"]))[: self._objectives]
        return Outcome(
            state="pruned" if epochs == 12 else "complete",
            values=values,
            criterion=float(loss),
            noise=0.02,
            rungs={4: float(curve[3]) / 4, 12: float(curve[11]) / 4} if self._rungs else {},
            facts={
                "caviar:status": "diverged" if gone else "finished",
                "train_error": value / 2,
                "best_epoch": epochs,
                "networks": 1,
                "epochs": epochs,
            },
            curves={"dev_loss": curve, "train_loss": curve / 2},
        )


def made_search(
    folder: Path, trials: int, *, size: int = 16, rungs: bool = False, objectives: int = 1, **asked: Any
) -> Path:
    """The folder of a search that is not finished, as `caviar tune` leaves it when it is interrupted."""
    folder.mkdir(parents=True)
    plan = Plan(
        space=SPACE,
        propose=CoarseToFine(),
        trials=trials,
        generation_size=lambda _: size,
        seed=0,
        given=(Entry(SPACE.values_of(START) | {"decay_rate": 0.9, "l2": 1e-4}, START),),
        config=lambda point: SPACE.config(point, START),
        together=lambda generation: together_in_programs(SPACE, START, first=generation == 0),
        metric="error",
    )
    study = store.open_study(folder / "study.log", ["minimize"] * objectives)
    what = asked_of(plan)
    store.claim(study, what)
    search(plan, Formula(rungs=rungs, objectives=objectives), study, records=Curves(folder / "curves", mark_of(what)))
    run = {
        "format": FORMAT,
        "asked": {"command": "tune", "data": "f.csv", "storage": None, "seed": 0, "rows": "none"} | asked,
        "versions": versions(),
        "seconds": 83.0,
        "plan": {"data": DATA},
    }
    (folder / "run.json").write_text(json.dumps(run))
    return folder
