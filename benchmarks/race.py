"""Time to the dev error that Optuna + PyTorch with Hyperband reaches in its budget: how much sooner is caviar there?

    python -m pip install torch==2.13.0        # a CPU build suffices; PyTorch is no dependency of caviar
    python benchmarks/race.py --data DATA [--only digits letter] [--seeds 5] [--seconds 300] [--json race.json]
                              [--targets] [--spaces same own] [--give-up 1.0]

With --json what is done is kept, and the same command goes on: all of it takes hours. With --targets only the other
side runs, and caviar's when the command is given again without it.

DATA is a folder with letter/letter.csv, bank_marketing/bank-marketing.csv and fashion_mnist/*-ubyte.gz; digits come
with scikit-learn. caviar prepares the rows once (imputed, encoded, standardised by the training rows), and both sides
get the same arrays, the same training and dev rows, the same space (`race_space.py`) and the same most epochs.

Optuna's side is what its users write: TPE, HyperbandPruner with a reduction factor of 3, a journal shared by one
process per core with one thread each, the dev error reported after every epoch; mini-batches are cut from tensors in
memory, which is faster than a DataLoader. It has `--seconds`, its start not counted: the clock begins with the first
trial.

caviar's clock begins when its process is started: Python, imports, compiling everything with an empty cache. It is
given a tenth of the time, and the rest where that was not enough. There are two races: over the same space, in which
the learning rate is constant and all networks have the same most epochs; and over what `caviar.tune` searches by itself
where nobody gives a space: schedules, epochs and averaged weights among it. What it is to reach is the lowest dev error
that the other side has reported. A side's error is the lowest after any epoch of any network. Per data set and seed:
seconds until then over `--seconds`; median over the seeds. Sides take turns on a machine that should do nothing else.
Where caviar has not got there in `--seconds` either, or in the part of them that --give-up says, the ratio is above
that.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from report import hand_over

HERE = Path(__file__).parent
SETS = ("digits", "letter", "bank_marketing", "fashion_mnist")
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def rows_of(name: str, folder: Path) -> dict[str, np.ndarray]:
    """Prepared rows: x_train, y_train, x_dev, y_dev."""
    import caviar

    if name == "digits":
        table = caviar.read("digits")
    elif name == "letter":
        table = caviar.read(folder / "letter" / "letter.csv", target="class")
    elif name == "bank_marketing":
        table = caviar.read(folder / "bank_marketing" / "bank-marketing.csv", target="Class")
    else:
        images = caviar.read(folder / "fashion_mnist" / "train-images-idx3-ubyte.gz")
        whole = caviar.split(images, dev=2_000, test=0, seed=0)
        x, y = whole.x_train.reshape(whole.n_train, -1), whole.y_train
        kept = np.random.default_rng(0).permutation(len(x))[:10_000]
        return {
            "x_train": x[kept[:8_000]],
            "y_train": y[kept[:8_000]],
            "x_dev": whole.x_dev.reshape(whole.n_dev, -1),
            "y_dev": whole.y_dev,
        }
    split = caviar.split(table, dev=0.2, test=0, seed=0)
    return {"x_train": split.x_train, "y_train": split.y_train, "x_dev": split.x_dev, "y_dev": split.y_dev}


def optuna_side(rows: Path, seconds: float, seed: int) -> tuple[float, int]:
    """The lowest dev error in so many seconds by a process per core, and how many trials were begun."""
    with tempfile.TemporaryDirectory() as folder:
        study = Path(folder) / "study.log"
        environment = os.environ | {"OMP_NUM_THREADS": "1"}
        command = [sys.executable, str(HERE / "race_torch.py"), str(rows), str(study), str(seconds)]
        processes = [
            subprocess.Popen([*command, str(seed * CORES + i)], env=environment, stdout=subprocess.PIPE, text=True)
            for i in range(CORES)
        ]
        told = [json.loads(process.communicate()[0].splitlines()[-1]) for process in processes]
    return min(one["lowest"] for one in told), sum(one["trials"] for one in told)


def caviar_side(
    rows: Path, target: float, tenth: float, most: float, *, seed: int, space: str
) -> tuple[float | None, float, int]:
    """Seconds from the start of its process to the target; None when not reached; its lowest error and networks."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"XDG_CACHE_HOME": cache, "LOCALAPPDATA": cache}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        began = time.time()
        asked = [str(rows), str(target), str(tenth), str(most), str(seed), space]
        command = [sys.executable, str(HERE / "race_caviar.py"), *asked]
        out = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout
    told = json.loads(out.splitlines()[-1])
    return (told["at"] - began if told["at"] else None), told["lowest"], told["networks"]


def main() -> None:
    """Both sides in turn, set by set and seed by seed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--only", nargs="*", default=SETS, choices=SETS)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--targets", action="store_true")
    parser.add_argument("--give-up", type=float, default=1.0)
    parser.add_argument("--spaces", nargs="*", default=("same", "own"), choices=("same", "own"))
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"--data must be a folder with the data sets, got {asked.data}")
    print(f"{CORES} cores, {platform.machine()}, {asked.seconds:g} s for Optuna + PyTorch + Hyperband\n")
    print(f"{'data':<16}{'seed':>5}{'target':>9}{'trials':>8}{'space':>7}{'caviar s':>10}{'networks':>10}{'share':>8}")
    report: dict[str, Any] = {"cores": CORES, "seconds": asked.seconds, "runs": []}
    if asked.json and asked.json.exists():
        report["runs"] = json.loads(asked.json.read_text(encoding="utf-8"))["runs"]

    def kept() -> None:
        if asked.json:
            hand_over(report, asked.json)

    done = {(run["data"], run["seed"]): run for run in report["runs"] if run["of"] == asked.seconds}
    with tempfile.TemporaryDirectory() as folder:
        for name in asked.only:
            rows = Path(folder) / f"{name}.npz"
            np.savez(rows, **rows_of(name, asked.data))
            shares: dict[str, list[float]] = {space: [] for space in asked.spaces}
            for seed in range(asked.seeds):
                run = done.get((name, seed))
                if run is None:
                    target, trials = optuna_side(rows, asked.seconds, seed)
                    run = {"data": name, "seed": seed, "of": asked.seconds, "target": target, "trials": trials}
                    report["runs"].append(run)
                    kept()
                told = f"{name:<16}{seed:>5}{run['target']:>9.2%}{run['trials']:>8}"
                if asked.targets:
                    print(told, flush=True)
                    continue
                for space in asked.spaces:
                    if space not in run:
                        most = asked.seconds * asked.give_up
                        reached, lowest, networks = caviar_side(
                            rows, run["target"], asked.seconds / 10, most, seed=seed, space=space
                        )
                        run[space] = {"seconds": reached, "most": most, "lowest": lowest, "networks": networks}
                        kept()
                    own = run[space]
                    shares[space].append((own["seconds"] or float("inf")) / asked.seconds)
                    shown = f"{own['seconds']:.1f}" if own["seconds"] else f"> {own.get('most', asked.seconds):g}"
                    print(f"{told}{space:>7}{shown:>10}{own['networks']:>10}{shares[space][-1]:>8.3f}", flush=True)
            for space, found in shares.items():
                if found:
                    median = statistics.median(found)
                    words = f"{median:.3f}" if median < float("inf") else "not reached"
                    print(f"{name:<16} {space} space: median share of the time {words}", flush=True)
            print(flush=True)


if __name__ == "__main__":
    main()
