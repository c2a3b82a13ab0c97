"""Tables for `search.py`: 2,000 configs a data set, each trained once, so that searches can be replayed in seconds.

    python benchmarks/search_tables.py TABLES --data FOLDER [--sets letter wine] [--configs 2000]

Of every config of a scrambled Sobol sequence over one space the dev loss of all 27 epochs is kept in TABLES/NAME.npz,
and in NAME-seconds.npz what lists of configs take to train, on this machine and with all programs compiled before. All
networks have the same seed: they see the same rows in the same order. Interrupted, it goes on where it was. FOLDER
holds the files of the data sets, see `DATA`.
"""

import argparse
import functools
import time
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from scipy.stats import qmc
from sklearn import datasets

import caviar
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.network.config import Config
from caviar.training.population import Progress
from caviar.training.scores import constant_score, score_runs
from caviar.tuning.proposals.together import DECIDES_PROGRAM
from caviar.tuning.spaces.dimensions import Choice, Integer, LogUniform, OneMinusLogUniform, Uniform
from caviar.tuning.spaces.space import Space

EPOCHS = 27
"""Of every config: 1, 3, 9 and 27 are the rungs of Hyperband with eta 3."""

LISTS = (1, 8, 16, 32, 64)
"""Lengths of the lists whose time is measured."""

PROGRAMS = 2
"""Compiled programs that the configs of a list share, as in the generations of a search."""


class Rows(NamedTuple):
    """A data set."""

    x: Any
    """(rows, features), or a frame."""
    y: np.ndarray
    train: int
    """Rows to train on; the others are for dev."""
    task: Task = "classification"


def _digits(_: Path) -> Rows:
    bunch: Any = datasets.load_digits()
    return Rows(bunch.data, bunch.target, 1_000)


def _file(folder: Path, name: str, target: str, *, without: tuple[str, ...] = ()) -> tuple[Any, Any]:
    """The columns of a file and its target, equal rows only once: on two sides they would be a leak."""
    import polars

    frame = polars.read_csv(folder / name).drop(without)
    frame = frame.unique(subset=[column for column in frame.columns if column != target], maintain_order=True)
    return frame.drop(target), frame[target].to_numpy()


def _letter(folder: Path) -> Rows:
    x, y = _file(folder, "letter/letter.csv", "class")
    return Rows(x, y, 3_500)


def _bank(folder: Path) -> Rows:
    x, y = _file(folder, "bank_marketing/bank-marketing.csv", "Class", without=("V12",))  # a known leak
    return Rows(x, y, 3_500)


def _california(folder: Path) -> Rows:
    x, y = _file(folder, "california_housing/housing.csv", "median_house_value")
    return Rows(x, np.log(y), 3_500, "regression")


def _wine(folder: Path) -> Rows:
    x, y = _file(folder, "wine_quality/winequality-white.csv", "quality")
    return Rows(x, y.astype(float), 2_600, "regression")


def _fashion(folder: Path) -> Rows:
    table = caviar.read(folder / "fashion_mnist" / "train-images-idx3-ubyte.gz")
    images = table.features["image"].to_numpy()[:10_000].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    return Rows(images.reshape(len(images), -1).astype(float), np.asarray(table.target)[:10_000], 3_500)


DATA = {
    "letter": _letter,
    "wine": _wine,
    "digits": _digits,
    "california": _california,
    "bank": _bank,
    "fashion": _fashion,
}
DEV_ROWS = 1_500


def split_of(name: str, folder: Path) -> Split:
    """Train and dev rows of a data set, drawn once and for all."""
    rows = DATA[name](folder)
    order = np.random.default_rng(7).permutation(len(rows.y))
    parts = order[: rows.train], order[rows.train : rows.train + DEV_ROWS]
    train, dev = (caviar.read((rows.x[part], rows.y[part]), name=name) for part in parts)
    return caviar.split(train, dev=dev, test=0, task=rows.task)


def space_of(m: int, task: Task) -> Space:
    """What is searched: the settings of `default_space`, the rates of three powers of ten, and a conditional setting.

    Args:
        m: training rows.
        task: regression has no label smoothing.
    """
    smoothing = {"label_smoothing": Uniform(0.0, 0.15)} if task == "classification" else {}
    return Space(
        {
            "learning_rate": LogUniform(1e-4, 1e-1),
            "beta1": OneMinusLogUniform(0.8, 0.99),
            "units": Integer(10, 64, log=True),
            "layers": Integer(1, 3),
            "batch_size": Choice(32, 64, 128),
            "dropout": Uniform(0.0, 0.6),
            "l2": LogUniform(1e-6 * m, 1e-2 * m),
            **smoothing,
            "schedule": Choice("constant", "cosine", "one_cycle", "exponential"),
            "decay_rate": OneMinusLogUniform(0.7, 0.99),
            "batch_norm": Choice(False, True),
            "activation": Choice("tanh", "silu"),
        },
        {"decay_rate": {"schedule": ("exponential",)}},
    )


BASE = Config(epochs=EPOCHS)


def timed(split: Split, places: np.ndarray, *, repeats: int = 3) -> np.ndarray:
    """Seconds that lists of each length take, (lengths, repeats): configs of `PROGRAMS` programs, compiled before."""
    space = space_of(split.n_train, split.task)
    points = [space.point(dict(zip(space, row, strict=True))) for row in places[: PROGRAMS * repeats + max(LISTS)]]
    seconds = np.zeros((len(LISTS), repeats))
    for repeat in range(repeats):
        leaders = points[repeat * PROGRAMS :][:PROGRAMS]
        configs = []
        for i, own in enumerate(points[PROGRAMS * repeats :]):
            decides = {name: leaders[i % PROGRAMS][name] for name in DECIDES_PROGRAM if name in own}
            configs.append(space.config(own | decides, BASE))
        for row, n in enumerate(LISTS):
            # One at a time: a config of each program, so that the mean is that of the same programs.
            lists = [[config] for config in configs[:PROGRAMS]] if n == 1 else [configs[:n]]
            for again in (False, True):  # the first time compiles
                began = time.perf_counter()
                for one in lists:
                    caviar.train(split, one)
                if again:
                    seconds[row, repeat] = (time.perf_counter() - began) / len(lists)
    return seconds


def make(name: str, folder: Path, n: int, path: Path) -> None:
    """Train the configs of a data set and keep their curves."""
    split = split_of(name, folder)
    space = space_of(split.n_train, split.task)
    places = qmc.Sobol(len(space), seed=11).random(1 << (n - 1).bit_length())[:n]
    points = [space.point(dict(zip(space, u, strict=True))) for u in places]
    configs = [space.config(point, BASE) for point in points]
    began, told = time.perf_counter(), [0.0]

    def tell(progress: Progress) -> None:
        if progress.share > told[0] + 0.1:
            told[0] = progress.share
            print(f"{name}: {progress.share:.0%} after {time.perf_counter() - began:.0f} s", flush=True)

    runs = caviar.train(split, configs, callbacks=(tell,), checkpoints=path.with_suffix(".under-way"))
    seconds = time.perf_counter() - began
    scores = score_runs(split, [[run] for run in runs], "error" if split.task == "classification" else "rmse")
    constant = float(constant_score(split, "error" if split.task == "classification" else "rmse").loss.mean())
    curves = np.full((n, EPOCHS), constant)
    for row, run in zip(curves, runs, strict=True):
        if run.status != "diverged":
            row[:] = run.history["dev_loss"]
    np.savez_compressed(
        path,
        places=places,
        curves=curves,
        criterion=[float(score.loss.mean()) for score in scores],
        noise=[float(score.loss.std() / np.sqrt(len(score.loss))) for score in scores],
        error=[score.value for score in scores],
        diverged=[run.status == "diverged" for run in runs],
        constant=constant,
        train_rows=split.n_train,
        dev_rows=split.n_dev,
        task=split.task,
    )
    last = curves[:, -1]
    print(
        f"{name}: {split.n_train} + {split.n_dev} rows, {n} configs in {seconds:.0f} s, dev loss {last.min():.4f} at "
        f"best, {np.median(last):.4f} in the middle, {sum(run.status == 'diverged' for run in runs)} diverged",
        flush=True,
    )


@functools.cache
def table_of(path: Path) -> dict[str, Any]:
    """What a table holds, by name."""
    with np.load(path) as kept:
        return {name: kept[name] for name in kept.files}


def main() -> None:
    """Make the tables that are not there."""
    parser = argparse.ArgumentParser(description=str(__doc__).split("\n", maxsplit=1)[0])
    parser.add_argument("tables", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--sets", nargs="+", default=list(DATA), choices=list(DATA))
    parser.add_argument("--configs", type=int, default=2_000)
    asked = parser.parse_args()
    asked.tables.mkdir(parents=True, exist_ok=True)
    for name in asked.sets:
        path, seconds = asked.tables / f"{name}.npz", asked.tables / f"{name}-seconds.npz"
        if not path.exists():
            make(name, asked.data, asked.configs, path)
        if not seconds.exists():
            took = timed(split_of(name, asked.data), table_of(path)["places"])
            np.savez(seconds, lists=LISTS, seconds=took)
            least = ", ".join(f"{n}: {t:.2f}" for n, t in zip(LISTS, np.median(took, axis=1), strict=True))
            print(f"{name}: seconds of lists of so many configs, the middle of {took.shape[1]}: {least}", flush=True)


if __name__ == "__main__":
    main()
