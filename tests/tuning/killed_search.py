"""A search with curves in a folder; as a script it kills itself at a place that is given.

    python killed_search.py FOLDER PLACE NUMBER

PLACE is one of judge, keep, kept, append: the NUMBER-th time that it judges, is about to write a generation's records,
has written them, or is in the middle of a line of the journal, its process group is no more.
"""

import os
import signal
import sys
from pathlib import Path

import numpy as np
from optuna.storages.journal import JournalFileBackend
from optuna.storages.journal._file import get_lock_file

from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.together import apart
from caviar.tuning.search import Entry, Plan, Study, asked_of, mark_of, search
from caviar.tuning.spaces.dimensions import Choice, LogUniform, Uniform
from caviar.tuning.spaces.space import Space
from caviar.tuning.study import store
from caviar.tuning.study.records import Curves
from caviar.tuning.trials import Outcome

SPACE = Space({"rate": LogUniform(1e-4, 1e-1), "dropout": Uniform(0.0, 0.6), "kind": Choice("a", "b", None)})


def plan_of(trials: int = 30) -> Plan:
    given = (Entry({"rate": 1e-3, "dropout": 0.0, "kind": "a"}, None),)
    return Plan(SPACE, CoarseToFine(), trials, lambda _: 6, 5, given, None, lambda _: apart())


def outcome(entry: Entry) -> Outcome:
    """Follows from the point alone."""
    value = float(abs(np.log10(entry.values["rate"]) + 2) + entry.values["dropout"] / 3)
    curve = (value / np.arange(1, 12)).astype(np.float32)
    return Outcome("complete", (value,), value, 0.01, {3: value}, {"status": "finished"}, {"dev_loss": curve})


def judge(entries, generation, before) -> list[Outcome]:  # noqa: ARG001
    return [outcome(entry) for entry in entries]


def go(folder: Path, judged=judge, trials: int = 30) -> Study:
    """Search, or go on."""
    plan = plan_of(trials)
    study = store.open_study(folder / "study.log", "minimize")
    asked = asked_of(plan, rows="a fingerprint")
    store.claim(study, asked)
    records = Curves(folder / "curves", mark_of(asked), checkpoints=folder / "checkpoints")
    return search(plan, judged, study, records=records)


def everything(folder: Path) -> list[tuple]:
    """What makes two studies equal: all but dates."""
    study, records = store.load_study(folder / "study.log"), Curves(folder / "curves")
    found = []
    for t in study.get_trials(deepcopy=False):
        curves = records.curves(t.user_attrs["caviar:id"])
        kept = [(name, curve.tobytes()) for name, curve in curves.items()]
        found.append(
            (t.number, t.state, t.params, t.distributions, t.values, t.intermediate_values, t.user_attrs, kept)
        )
    return found


def die() -> None:
    os.killpg(os.getpgid(0), signal.SIGKILL)


def main(folder: Path, place: str, number: int) -> None:
    counted = [0]

    def here(name: str) -> bool:
        counted[0] += name == place
        return name == place and counted[0] == number

    keep, append = Curves.keep, JournalFileBackend.append_logs

    def dying_keep(self, *args):
        if here("keep"):
            die()
        bare = keep(self, *args)
        if here("kept"):
            die()
        return bare

    def dying_append(self, logs):
        if here("append"):
            with get_lock_file(self._lock), Path(self._file_path).open("ab") as file:
                file.write(b'{"op_code":4,"worker_id":"half of a')
                file.flush()
                die()
        append(self, logs)

    def dying_judge(entries, generation, before):
        if here("judge"):
            die()
        return judge(entries, generation, before)

    Curves.keep, JournalFileBackend.append_logs = dying_keep, dying_append
    go(folder, dying_judge)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
