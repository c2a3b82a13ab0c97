"""Writes the small study beside this file: run it only for a new format, and keep what the last one wrote."""

import json
from pathlib import Path

import numpy as np

from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.together import apart
from caviar.tuning.search import Entry, Plan, asked_of, mark_of, search
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.study.records import Curves
from caviar.tuning.trials import Outcome

HERE = Path(__file__).parent
SPACE = Space(
    {
        "rate": LogUniform(1e-4, 1e-1),
        "beta1": OneMinusLogUniform(0.8, 0.99),
        "units": Integer(8, 128, log=True),
        "dropout": Uniform(0.0, 0.6),
        "schedule": Choice("constant", "cosine", None),
        "decay": Uniform(0.0, 1.0),
        "fixed": 3,
    },
    conditions={"decay": {"schedule": ("cosine",)}},
)
PLAN = Plan(SPACE, CoarseToFine(), 18, lambda _: 6, 5, (Entry({"rate": 0.5}, None),), None, lambda _: apart())
ASKED = asked_of(PLAN, rows="a fingerprint")


def judge(entries, generation, before):  # noqa: ARG001
    """Complete, pruned and failed trials, with curves of different lengths."""
    found = []
    for index, entry in enumerate(entries):
        value = abs(np.log10(entry.values["rate"]) + 2) + entry.values.get("dropout", 0) / 3
        epochs = 2 + index % 3
        curve = (value / np.arange(1, epochs + 1)).astype(np.float32)
        state = "failed" if (generation, index) == (1, 1) else "pruned" if index == 3 else "complete"
        values, criterion = ((), float("inf")) if state == "failed" else ((float(value),), float(value))
        rungs = {1: float(value)} if state == "pruned" else {}
        found.append(Outcome(state, values, criterion, 0.01, rungs, {"status": "finished"}, {"dev_loss": curve}))
    return found


if __name__ == "__main__":
    study = store.open_study(HERE / "study.log", "minimize")
    store.claim(study, ASKED)
    done = search(PLAN, judge, study, records=Curves(HERE / "curves", mark_of(ASKED)))
    records = Curves(HERE / "curves")
    rows = [
        {
            "id": trial.id,
            "values": trial.values,
            "state": trial.outcome.state,
            "criterion": repr(trial.outcome.criterion),
            "curves": {name: curve.tolist() for name, curve in records.curves(trial.id).items()},
        }
        for trial in done.trials
    ]
    zooms = [repr(zoom) for zoom in done.zooms]
    content = json.dumps({"trials": rows, "zooms": zooms}, indent=1)
    (HERE / "expected.json").write_text(content, encoding="utf-8")
    for path in HERE.glob(".*"):
        path.unlink()
