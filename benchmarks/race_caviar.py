"""caviar's side of `race.py`: rows.npz, the error to reach, seconds at first and at most, a seed, a space.

Prints when it was there as JSON.

The space is "same" as the other side's, with the same most epochs, or "own": what `caviar.tune` searches by itself.
"""

import contextlib
import json
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

import caviar
from caviar.training.population import Progress
from race_space import ACTIVATIONS, BATCHES, BETA1, DROPOUT, EPOCHS, L2_PER_ROW, LAYERS, RATE, UNITS


class Reached(Exception):
    """The error to reach was reached."""


def budgets(tenth: float, most: float, began: float) -> Iterator[float]:
    """A tenth of the other side's time, and when that was not enough the rest."""
    yield tenth
    while (left := began + most - time.monotonic()) > 1:
        yield left


def main() -> None:
    """Search until the error is reached, or the time is up."""
    path, target, tenth, most, seed, which = sys.argv[1:]
    began = time.monotonic()
    rows = np.load(path)
    x, y = (np.concatenate([rows[f"{name}_train"], rows[f"{name}_dev"]]) for name in ("x", "y"))
    n = len(rows["x_train"])
    split = caviar.split(
        caviar.read((rows["x_train"], rows["y_train"])),
        dev=caviar.read((x[n:], y[n:])),
        test=0,
        scale=None,
        task="classification",
    )
    split = replace(split, dev_given=True)
    space = caviar.Space(
        {
            "learning_rate": caviar.LogUniform(*RATE),
            "units": caviar.Integer(*UNITS, log=True),
            "layers": caviar.Integer(*LAYERS),
            "batch_size": caviar.Choice(*BATCHES),
            "activation": caviar.Choice(*ACTIVATIONS),
            "dropout": caviar.Uniform(*DROPOUT),
            "l2": caviar.LogUniform(*(n * decay for decay in L2_PER_ROW)),
            "beta1": caviar.OneMinusLogUniform(*BETA1),
        }
    )
    own = which == "own"
    lowest, networks, at = 1.0, 0, None

    def watch(progress: Progress) -> None:
        nonlocal lowest, networks
        networks += len(progress.finished)
        for epochs in progress.epochs:
            lowest = min(lowest, float(np.nanmin(epochs.history["dev_error"])))
        if lowest <= float(target) + 1e-9 or time.monotonic() - began > float(most):
            raise Reached

    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(Reached):
        for budget in budgets(float(tenth), float(most), began):
            caviar.tune(  # the second call goes on with the study of the first
                split,
                None if own else space,
                base=None if own else caviar.Config(epochs=EPOCHS, hidden_units=(64, 64)),
                seconds=budget,
                rungs="hyperband",
                folder=folder,
                seed=int(seed),
                callbacks=[watch],
            )
    if lowest <= float(target) + 1e-9:
        at = time.time()
    print(json.dumps({"at": at, "lowest": lowest, "networks": networks}))


if __name__ == "__main__":
    main()
