"""The eight data sets of `diagnosis.py`, each with dev rows of its own, so that every judging is one network per seed.

letter and Fashion-MNIST are files in the folder given by --data; where it lacks them they are left out, in words. The
others come with scikit-learn. What is drawn has a fixed seed: the rows are the same in every run.
"""

import dataclasses
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sklearn import datasets

import caviar
from caviar.data.scaling import Scale
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task


@dataclasses.dataclass(frozen=True, eq=False)
class Data:
    """Rows to train on and rows to judge by.

    Attributes:
        name: of the data set.
        task: classification or regression.
        x: (rows, features) of train.
        y: (rows,) of train: class numbers, or a quantity.
        x_dev: (rows, features) of dev.
        y_dev: (rows,) of dev.
        batch_sizes: of healthy configs.
        epochs: fewest and most of healthy configs.
    """

    name: str
    task: Task
    x: np.ndarray
    y: np.ndarray
    x_dev: np.ndarray
    y_dev: np.ndarray
    batch_sizes: tuple[int, ...]
    epochs: tuple[int, int]

    @property
    def classes(self) -> int:
        """Number of classes; 0 for a quantity."""
        return len(np.unique(self.y)) if self.task == "classification" else 0

    def changed(self, **parts: Any) -> "Data":
        """The same with some parts replaced."""
        return dataclasses.replace(self, **parts)


def _drawn(name: str, x: np.ndarray, y: np.ndarray, train: int, task: Task = "classification", **how: Any) -> Data:
    """The first `train` rows of a fixed random order to train on, all others for dev."""
    order = np.random.default_rng(7).permutation(len(x))
    first, rest = order[:train], order[train:]
    return Data(name, task, x[first], y[first], x[rest], y[rest], **how)


def _sample(name: str, train: int, task: Task = "classification", **how: Any) -> Data:
    bunch: Any = getattr(datasets, f"load_{name}")()
    return _drawn(name, np.asarray(bunch.data, float), np.asarray(bunch.target), train, task, **how)


def _two_moons(_: Path | None) -> Data:
    x, y = datasets.make_moons(1_400, noise=0.25, random_state=0)
    return _drawn("two_moons", x, y, 400, batch_sizes=(16, 32), epochs=(30, 100))


def _circles(_: Path | None) -> Data:
    x, y = datasets.make_circles(1_400, noise=0.12, factor=0.6, random_state=0)
    return _drawn("circles", x, y, 400, batch_sizes=(16, 32), epochs=(30, 100))


def _letter(folder: Path | None) -> Data | None:
    path = None if folder is None else folder / "letter" / "letter.csv"
    if path is None or not path.exists():
        return None
    table = caviar.read(path, target="class")
    x, labels = table.features[:].to_numpy().astype(float), np.asarray(table.target)
    _, y = np.unique(labels, return_inverse=True)
    different = np.sort(np.unique(x, axis=0, return_index=True)[1])  # equal rows on two sides would be a leak
    kept = np.random.default_rng(7).permutation(different)[:5_000]
    return _drawn("letter", x[kept], y[kept], 3_500, batch_sizes=(32, 64), epochs=(50, 120))


def _fashion(folder: Path | None) -> Data | None:
    path = None if folder is None else folder / "fashion_mnist" / "train-images-idx3-ubyte.gz"
    if path is None or not path.exists():
        return None
    table = caviar.read(path)
    kept = np.random.default_rng(7).permutation(len(table.features))[:5_000]
    images = table.features["image"].to_numpy()[kept].reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4))
    x, y = images.reshape(len(kept), -1), np.asarray(table.target)[kept]
    return _drawn("fashion", x.astype(float), y, 3_000, batch_sizes=(32, 64), epochs=(10, 30))


SETS: dict[str, Callable[[Path | None], Data | None]] = {
    "digits": lambda _: _sample("digits", 1_200, batch_sizes=(32, 64), epochs=(20, 60)),
    "breast_cancer": lambda _: _sample("breast_cancer", 380, batch_sizes=(16, 32), epochs=(20, 100)),
    "wine": lambda _: _sample("wine", 60, batch_sizes=(8, 16), epochs=(40, 150)),
    "two_moons": _two_moons,
    "circles": _circles,
    "diabetes": lambda _: _sample("diabetes", 300, "regression", batch_sizes=(16, 32), epochs=(20, 100)),
    "letter": _letter,
    "fashion": _fashion,
}


@functools.cache
def data_of(name: str, folder: Path | None) -> Data | None:
    """A data set by its name; None, and a line, where its file is not there."""
    data = SETS[name](folder)
    if data is None:
        print(f"{name}: left out, since --data names no folder with its file.")
    return data


def tables_of(data: Data) -> tuple[Table, Table]:
    """Train and dev rows as tables."""
    return caviar.read((data.x, data.y), name=data.name), caviar.read((data.x_dev, data.y_dev), name=f"{data.name}-dev")


def split_of(data: Data, scale: Scale = "standard") -> Split:
    """Train and dev rows as a split without test rows."""
    table, dev = tables_of(data)
    return caviar.split(table, dev=dev, test=0, scale=scale, task=data.task)
