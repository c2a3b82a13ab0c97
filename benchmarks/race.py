"""Time to the dev error that Optuna + PyTorch with Hyperband reaches in its budget: how much sooner is caviar there?

    python -m pip install torch==2.13.0        # a CPU build suffices; PyTorch is no dependency of caviar
    python benchmarks/race.py --data DATA [--only digits letter] [--seeds 5] [--seconds 300] [--json race.json]
                              [--targets]

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
given a tenth of the time, and the rest where that was not enough. What it is to reach is the lowest dev error that the
other side has reported. A side's error is the lowest after any epoch of
any network. Per data set and seed: seconds until then over `--seconds`; median over the seeds. Sides take turns on a
machine that should do nothing else. Where caviar has not got there in `--seconds` either, the ratio is above 1.
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


def caviar_side(rows: Path, target: float, seconds: float, seed: int) -> tuple[float | None, float, int]:
    """Seconds from the start of its process to the target; None when not reached; its lowest error and networks."""
    with tempfile.TemporaryDirectory() as cache:
        environment = os.environ | {"XDG_CACHE_HOME": cache, "LOCALAPPDATA": cache}
        environment.pop("JAX_COMPILATION_CACHE_DIR", None)
        began = time.time()
        command = [sys.executable, str(HERE / "race_caviar.py"), str(rows), str(target), str(seconds), str(seed)]
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
    asked = parser.parse_args()
    if not asked.data.is_dir():
        parser.error(f"--data must be a folder with the data sets, got {asked.data}")
    print(f"{CORES} cores, {platform.machine()}, {asked.seconds:g} s for Optuna + PyTorch + Hyperband\n")
    print(f"{'data':<16}{'seed':>5}{'target':>9}{'trials':>8}{'caviar s':>10}{'networks':>10}{'share':>8}", flush=True)
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
            shares = []
            for seed in range(asked.seeds):
                run = done.get((name, seed))
                if run is None:
                    target, trials = optuna_side(rows, asked.seconds, seed)
                    run = {"data": name, "seed": seed, "of": asked.seconds, "target": target, "trials": trials}
                    report["runs"].append(run)
                    kept()
                if asked.targets:
                    print(f"{name:<16}{seed:>5}{run['target']:>9.2%}{run['trials']:>8}", flush=True)
                    continue
                if "networks" not in run:
                    reached, lowest, networks = caviar_side(rows, run["target"], asked.seconds, seed)
                    run |= {"seconds": reached, "lowest": lowest, "networks": networks}
                    kept()
                shares.append((run["seconds"] or float("inf")) / asked.seconds)
                shown = f"{run['seconds']:.1f}" if run["seconds"] else f"> {asked.seconds:g}"
                print(
                    f"{name:<16}{seed:>5}{run['target']:>9.2%}{run['trials']:>8}{shown:>10}{run['networks']:>10}"
                    f"{shares[-1]:>8.3f}",
                    flush=True,
                )
            if shares:
                print(f"{name:<16} median share of the time {statistics.median(shares):.3f}\n", flush=True)


if __name__ == "__main__":
    main()
