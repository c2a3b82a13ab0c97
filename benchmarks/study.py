"""What a trial costs beside its training: study, proposals and curves, at 300, 3,000 and 10,000 trials.

    python benchmarks/study.py [--sizes 300 3000 10000] [--generation 64] [--folder DIR]

The judge costs nothing: it makes curves of 30 epochs from a formula. Everything else is what `caviar.tune` does with a
run folder: coarse to fine over seven settings of a network, the journal, one write per trial, the curves' files. Each
size runs in a process of its own. Afterwards a fresh process opens the study as a report does: all trials, and the
curve of the best.

Columns: milliseconds per trial (wall and processor), those of the last tenth, megabytes that the process has grown by,
megabytes and files of curves, megabytes of the journal, seconds to open and read all trials, milliseconds for one
curve.
"""

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

EPOCHS = 30
CURVES = ("train_loss", "train_error", "dev_loss", "dev_error", "objective")


def search_of(folder: Path, trials: int, size: int) -> dict[str, float]:
    """Run one search; what it cost."""
    import numpy as np

    from caviar.network.config import Config
    from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
    from caviar.tuning.proposals.together import together_in_programs
    from caviar.tuning.search import Entry, Plan, asked_of, mark_of, search
    from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
    from caviar.tuning.spaces.space import Space
    from caviar.tuning.study import store
    from caviar.tuning.study.records import Curves
    from caviar.tuning.trials import Outcome

    start = Config(learning_rate=1e-3, hidden_units=(64, 64), epochs=EPOCHS)
    space = Space(
        {
            "learning_rate": LogUniform(1e-4, 1e-1),
            "beta1": OneMinusLogUniform(0.8, 0.99),
            "layers": Integer(1, 3),
            "units": Integer(8, 128, log=True),
            "batch_size": Choice(32, 64, 128),
            "dropout": Uniform(0.0, 0.6),
            "batch_norm": Choice(False, True),
        }
    )
    steps = np.arange(1, EPOCHS + 1, dtype=np.float32)

    def judge(entries, generation, before):  # noqa: ARG001
        found = []
        for entry in entries:
            config = entry.config
            value = abs(np.log10(config.rate) + 2) + abs(config.dropouts[0] - 0.2) + config.layers / 50
            curves = {name: np.float32(value + i) / steps for i, name in enumerate(CURVES)}
            facts = {"caviar:status": "finished", "loss": float(value), "best_epoch": EPOCHS, "networks": 1}
            found.append(Outcome("complete", (float(value),), float(value), 0.01, {}, facts, curves))
        return found

    plan = Plan(
        space,
        CoarseToFine(),
        trials,
        lambda _: size,
        0,
        (Entry(space.values_of(start), start),),
        lambda point: space.config(point, start),
        lambda generation: together_in_programs(space, start, first=generation == 0),
        "error",
    )
    asked = asked_of(plan)
    study = store.open_study(folder / "study.log", "minimize")
    store.claim(study, asked)
    marks: list[tuple[int, float]] = [(0, time.perf_counter())]
    seen = 0

    def tell(fresh, zooms):  # noqa: ARG001
        nonlocal seen
        seen += len(fresh)
        marks.append((seen, time.perf_counter()))

    memory, cpu = _megabytes(), time.process_time()
    search(plan, judge, study, records=Curves(folder / "curves", mark_of(asked)), tell=tell)
    late = next(i for i, (n, _) in enumerate(marks) if n >= 0.9 * trials)
    late = min(late, len(marks) - 2)
    return {
        "wall": 1e3 * (marks[-1][1] - marks[0][1]) / trials,
        "cpu": 1e3 * (time.process_time() - cpu) / trials,
        "last": 1e3 * (marks[-1][1] - marks[late][1]) / (marks[-1][0] - marks[late][0]),
        "grown": _megabytes() - memory,
    }


def read_of(folder: Path) -> dict[str, float]:
    """Open a finished study as a report does."""
    from caviar.tuning.spaces.kept import space_of
    from caviar.tuning.study import store
    from caviar.tuning.study.records import Curves

    memory, began = _megabytes(), time.perf_counter()
    study = store.load_study(folder / "study.log")
    trials = store.held_by(study, space_of(study)).trials
    read = time.perf_counter() - began
    best = min(trials, key=lambda trial: trial.outcome.criterion)
    began = time.perf_counter()
    records = Curves(folder / "curves")
    opened = time.perf_counter() - began
    curve = records.curves(best.id)["dev_loss"]
    assert len(curve) == EPOCHS
    one = time.perf_counter() - began - opened
    return {"read": read, "curve": 1e3 * one, "records": opened, "read_grown": _megabytes() - memory, "n": len(trials)}


def _megabytes() -> float:
    """The most that this process has held so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _own_process(*arguments: object) -> dict[str, float]:
    command = [sys.executable, __file__, *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 3_000, 10_000])
    parser.add_argument("--generation", type=int, default=64)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--search", nargs=2)
    parser.add_argument("--read", type=Path)
    asked = parser.parse_args()
    if asked.search:
        print(json.dumps(search_of(Path(asked.search[0]), int(asked.search[1]), asked.generation)))
        return
    if asked.read:
        print(json.dumps(read_of(asked.read)))
        return
    print("trials   ms/trial  processor  last 10 %  grown MB  curves (files)  journal MB  read s  curve ms")
    for trials in asked.sizes:
        with tempfile.TemporaryDirectory(dir=asked.folder) as name:
            folder = Path(name)
            cost = _own_process("--search", folder, trials, "--generation", asked.generation)
            report = _own_process("--read", folder)
            files = list((folder / "curves").iterdir())
            curves = sum(path.stat().st_size for path in files) / 1e6
            journal = (folder / "study.log").stat().st_size / 1e6
            print(
                f"{trials:6d}  {cost['wall']:9.2f}  {cost['cpu']:9.2f}  {cost['last']:9.2f}  {cost['grown']:8.0f}  "
                f"{curves:5.1f} MB ({len(files):3d})  {journal:10.1f}  {report['read']:6.1f}  {report['curve']:8.1f}"
            )


if __name__ == "__main__":
    main()
