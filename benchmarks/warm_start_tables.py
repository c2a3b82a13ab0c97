"""Tables of more, smaller data sets for `warm_start.py`, in the form of `search_tables.py`.

    python benchmarks/warm_start_tables.py TABLES --data FOLDER [--sets iris sick]

The same space as there and 512 configs that share 16 compiled programs.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import qmc
from sklearn import datasets

import caviar
import search_tables
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.training.scores import constant_score, score_runs
from caviar.tuning.proposals.together import DECIDES_PROGRAM

CONFIGS, PROGRAMS = 512, 16
"""Configs of a table, and the combinations of settings that decide a compiled program among them."""

DEV_SHARE = 0.35
MOST_TRAIN = 1_500


def _sample(name: str) -> tuple[Any, np.ndarray, Task]:
    """A set that comes with scikit-learn."""
    bunch: Any = getattr(datasets, f"load_{name}")()
    return bunch.data, bunch.target, "regression" if name == "diabetes" else "classification"


def _file(path: Path, target: str, task: Task, **options: Any) -> tuple[Any, np.ndarray, Task]:
    """A file's columns and its target, equal rows once."""
    import polars

    frame = polars.read_csv(path, infer_schema_length=None, null_values=["?"], **options).unique(maintain_order=True)
    return frame.drop(target), frame[target].to_numpy(), task


def rows_of(name: str, folder: Path) -> tuple[Any, np.ndarray, Task]:
    """Features, target and task of a set."""
    match name:
        case "sick":
            return _file(folder / "sick/sick.csv", "Class", "classification")
        case "red wine":
            return _file(folder / "wine_quality/winequality-red.csv", "quality", "regression")
        case _:
            return _sample({"cultivars": "wine"}.get(name, name))


SETS = ("iris", "cultivars", "breast_cancer", "diabetes", "sick", "red wine")


def split_of(name: str, folder: Path) -> Split:
    """Train and dev rows, drawn once and for all."""
    x, y, task = rows_of(name, folder)
    y = y.astype(float) if task == "regression" else y
    order = np.random.default_rng(7).permutation(len(y))
    dev = round(DEV_SHARE * len(y))
    parts = order[dev : dev + MOST_TRAIN], order[:dev]
    train, held = (caviar.read((x[part], y[part]), name=name) for part in parts)
    return caviar.split(train, dev=held, test=0, task=task)


def make(name: str, folder: Path, path: Path) -> None:
    """Train the configs of a set and keep what they reached."""
    split = split_of(name, folder)
    space = search_tables.space_of(split.n_train, split.task)
    places = qmc.Sobol(len(space), rng=11).random(CONFIGS)
    together = [at for at, setting in enumerate(space) if setting in DECIDES_PROGRAM]
    for i in range(PROGRAMS, CONFIGS):
        places[i, together] = places[i % PROGRAMS, together]
    configs = [space.config(space.point(dict(zip(space, u, strict=True))), search_tables.BASE) for u in places]
    began = time.perf_counter()
    runs = caviar.train(split, configs)
    seconds = time.perf_counter() - began
    metric = "error" if split.task == "classification" else "rmse"
    scores = score_runs(split, [[run] for run in runs], metric)
    np.savez_compressed(
        path,
        places=places,
        criterion=[float(score.loss.mean()) for score in scores],
        noise=[float(score.loss.std() / np.sqrt(len(score.loss))) for score in scores],
        error=[score.value for score in scores],
        constant=float(constant_score(split, metric).loss.mean()),
        seconds=seconds,
        train_rows=split.n_train,
        dev_rows=split.n_dev,
        task=split.task,
    )
    print(f"{name}: {split.n_train} + {split.n_dev} rows, {CONFIGS} configs in {seconds:.0f} s", flush=True)


def main() -> None:
    """Make the tables that are not there."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(SETS), choices=SETS)
    asked = parser.parse_args()
    asked.tables.mkdir(parents=True, exist_ok=True)
    for name in asked.sets:
        path = asked.tables / f"{name.replace(' ', '_')}.npz"
        if not path.exists():
            make(name, asked.data, path)


if __name__ == "__main__":
    main()
