"""Kept epochs: where a branch can go back to, in memory and, where there is a folder, on disk.

There are more of them near the end than near the start: when they become too many, the one goes without which the
largest step back grows least. The first, the last and the best are never dropped.
"""

import contextlib
import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from caviar.errors import BadRun
from caviar.files import write_atomically
from caviar.watching.branches import Branch

MOST = 40
"""Kept epochs of a branch."""

MOST_BYTES = 1 << 30
"""Of all kept epochs of a branch together, with their curves."""


class Kept:
    """The kept epochs of one branch."""

    def __init__(self, folder: Path | None = None) -> None:
        """None yet.

        Args:
            folder: made when the first is kept; None: they are in memory only. What a process left half written
                when it was killed is removed.
        """
        self._folder = folder
        for left in () if folder is None else folder.glob(".epoch-*"):
            _remove(left)
        self._branches: dict[int, Branch] = {}

    @property
    def epochs(self) -> list[int]:
        """Those to which the branch can go back, rising."""
        return sorted(self._branches)

    def keep(self, branch: Branch, about: Mapping[str, Any]) -> None:
        """Keep an epoch that has just ended, and drop what is too much.

        Args:
            branch: at the end of an epoch.
            about: what is to be known about it beside its arrays, as plain values.

        Raises:
            BadRun: there is no room, or the folder cannot be written.
        """
        if self._folder is not None:
            _save(self._folder, branch, about)
        self._branches[branch.epochs] = branch
        self.share_curves(branch)
        while len(self._branches) > (MOST if self._bytes <= MOST_BYTES else 4):
            self._drop(_least_missed(self.epochs, branch.best_epoch))

    @property
    def _bytes(self) -> int:
        """Of all together; on disk each has its own curves, in memory they share them."""
        own = self._branches.values() if self._folder is not None else [self._branches[self.epochs[-1]]]
        return _bytes([branch.state for branch in self._branches.values()]) + _bytes(
            [(branch.measured, branch.rates) for branch in own]
        )

    def share_curves(self, branch: Branch) -> None:
        """Let all earlier epochs have their curves in those of a later one, which begin alike."""
        for epoch, earlier in self._branches.items():
            if epoch < branch.epochs:
                measured = jax.tree.map(lambda values, n=epoch: values[:n], branch.measured)
                self._branches[epoch] = dataclasses.replace(
                    earlier, measured=measured, rates=branch.rates[:epoch], room=branch.room
                )

    def adopt(self, branch: Branch) -> None:
        """Count with an epoch that the folder holds."""
        self._branches[branch.epochs] = branch

    def at(self, epoch: int) -> Branch | None:
        """The branch at the end of an epoch; None where that is not kept."""
        return self._branches.get(epoch)

    def forget_after(self, epoch: int) -> None:
        """Drop what lies behind the epoch to which the branch has gone back."""
        for later in [each for each in self.epochs if each > epoch]:
            self._drop(later)

    def forget_all(self) -> None:
        """Drop all."""
        self.forget_after(-1)

    def _drop(self, epoch: int) -> None:
        del self._branches[epoch]
        if self._folder is not None:
            _remove(_file(self._folder, epoch))


def _remove(path: Path) -> None:
    """A file that cannot be removed is left: `not_left_behind` tells what counts."""
    with contextlib.suppress(OSError):
        path.unlink()


def _bytes(tree: Any) -> int:
    return sum(np.asarray(leaf).nbytes for leaf in jax.tree.leaves(tree))


def _least_missed(epochs: list[int], best: int) -> int:
    """The epoch without which the largest step back, as a share of the way back, grows least."""
    last = epochs[-1]
    inner = [n for n in range(1, len(epochs) - 1) if epochs[n] != best]
    return epochs[min(inner, key=lambda n: (epochs[n + 1] - epochs[n - 1]) / (last - epochs[n - 1]))]


def _file(folder: Path, epoch: int) -> Path:
    return folder / f"epoch-{epoch:06d}.safetensors"


def _save(folder: Path, branch: Branch, about: Mapping[str, Any]) -> None:
    leaves = jax.tree.leaves((branch.state, branch.measured, branch.rates))
    tensors = {f"{n:04d}": np.array(leaf, order="C") for n, leaf in enumerate(leaves)}
    path = _file(folder, branch.epochs)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with write_atomically(path) as beside:
            save_file(tensors, beside, metadata={"about": json.dumps({**about, "steps": branch.steps})})
    except (OSError, SafetensorError) as error:
        raise BadRun(
            f"A session keeps epochs in a folder that can be written, but {path} cannot be ({error}). Make room, and "
            "repeat the call: it goes on at the last one."
        ) from None


def about_kept(folder: Path) -> dict[int, dict[str, Any]]:
    """What is known about the epochs that a folder holds, by epoch; files that cannot be read are left out."""
    found = {}
    for path in sorted(folder.glob("epoch-*.safetensors")):
        try:
            with safe_open(path, framework="numpy") as file:
                found[int(path.stem.removeprefix("epoch-"))] = json.loads(file.metadata()["about"])
        except (SafetensorError, OSError, KeyError, ValueError, TypeError):
            continue
    return found


def not_left_behind(
    about: Mapping[int, Mapping[str, Any]], number: int, lines: Sequence[Mapping[str, Any]]
) -> dict[int, Mapping[str, Any]]:
    """The kept epochs of a branch without those that a rewind of the journal has left behind."""
    found = dict(about)
    for at, line in enumerate(lines):
        if line["verb"] == "rewind" and line["branch"] == number:
            found = {epoch: one for epoch, one in found.items() if epoch <= line["epoch"] or one["line"] > at}
    return found


def recalled(folder: Path, epoch: int, like: Branch) -> Branch:
    """A branch as it was kept.

    Args:
        folder: of the branch.
        epoch: that it holds.
        like: a branch of the same config, whose structure the arrays have.

    Raises:
        BadRun: the file cannot be read.
    """
    path = _file(folder, epoch)
    tree = (like.state, like.measured, like.rates)
    try:
        with safe_open(path, framework="numpy") as file:
            leaves = [file.get_tensor(f"{n:04d}") for n in range(jax.tree.structure(tree).num_leaves)]
            steps = int(json.loads(file.metadata()["about"])["steps"])
    except (SafetensorError, OSError, KeyError, ValueError, TypeError) as error:
        raise BadRun(
            f"A kept epoch must be a file that caviar wrote, but {path} cannot be read ({error}). Remove it: the "
            "session then begins at an earlier one."
        ) from None
    state, measured, rates = jax.tree.unflatten(jax.tree.structure(tree), leaves)
    return Branch(like.number, like.parent, like.config, steps, state, measured, rates)
