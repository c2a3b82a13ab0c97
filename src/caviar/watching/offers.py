"""What a session can do about a finding: remedies as commands, and why one is none.

A remedy that changes settings in the middle of training is tried with `nudge`, or beside the network with `branch`.
The others - other starting weights, another number of layers, another normalisation, what only a person can do - say in
a line what to do in their place.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

from caviar.data.split import Split
from caviar.diagnosis.finding import Finding
from caviar.errors import BadCommand, BadConfig
from caviar.network.config import Config
from caviar.remedies.remedy import Remedy
from caviar.remedies.rules import against
from caviar.training.plan import last_epoch
from caviar.watching.branches import Branch, history
from caviar.watching.changes import changed_config
from caviar.watching.commands import Command
from caviar.watching.session import Seen


@dataclasses.dataclass(frozen=True, eq=False)
class Offer:
    """A remedy for a branch of a session.

    Attributes:
        remedy: see there.
        settings: of the command that tries it.
        possible: whether it can be tried while the network trains.
        why_not: in a line, and what to do in its place; "" where it can.
    """

    remedy: Remedy
    settings: Mapping[str, Any]
    possible: bool
    why_not: str = ""

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {
            "name": self.remedy.name,
            "reason": self.remedy.reason,
            "cost": self.remedy.cost,
            "settings": {name: _plain(value) for name, value in self.settings.items()},
            "possible": self.possible,
            "why_not": self.why_not,
        }


def offers(finding: Finding, seen: Seen, split: Split) -> tuple[Offer, ...]:
    """What can be done about a finding on a branch, in the order of the table of remedies."""
    found = []
    for remedy in against(finding, seen.branch.config, split):
        why = _why_not(remedy, seen, split)
        found.append(Offer(remedy, remedy.settings, not why, why))
    return tuple(found)


def _why_not(remedy: Remedy, seen: Seen, split: Split) -> str:
    """Why a remedy cannot be tried while the network trains, and what to do; "" where it can."""
    if remedy.asks:
        return remedy.asks
    if remedy.scale != "keep":
        return f"Inputs are normalised before a session begins: begin another one with scale={remedy.scale!r}."
    return _of_branch(seen, split) or _of_settings(seen.branch, remedy.settings, split)


def _of_branch(seen: Seen, split: Split) -> str:
    """Why no setting of a branch can be changed so that it trains on otherwise."""
    number = seen.branch.number
    if seen.branch.status == "diverged":
        back = sound_epoch(seen, split)
        if back is None:
            return f"Branch {number} has diverged and kept no earlier epoch: begin another session."
        return f"Branch {number} has diverged: rewind it to epoch {back} first, then change it."
    return f"Branch {number} was stopped: make a branch of it, and change that." if seen.ended else ""


def _of_settings(branch: Branch, settings: Mapping[str, Any], split: Split) -> str:
    """Why a branch cannot train on with these settings."""
    try:
        Command("nudge", branch.number, settings)
        new = changed_config(branch.config, settings, split)
    except (BadCommand, BadConfig) as error:
        return str(error)
    if _trains_on(branch, new, settings, split):
        return ""
    return {
        "training": "It would end the network here, whose best epoch is kept already: stop it, or rewind it first.",
        "stopped": f"Branch {branch.number} has stopped early: nudge early_stopping first, and it trains on.",
    }.get(branch.status, f"Branch {branch.number} has trained all its epochs: nudge epochs first, and it trains on.")


def _trains_on(branch: Branch, new: Config, settings: Mapping[str, Any], split: Split) -> bool:
    """Whether a branch that has not diverged takes steps with a new config; see `changes`."""
    return branch.epochs < last_epoch(new, split) and (branch.status != "stopped" or "early_stopping" in settings)


def sound_epoch(seen: Seen, split: Split) -> int | None:
    """The kept epoch with the lowest held-out loss (train loss without dev rows); 0 is the start, None: there is none.

    The last epoch of a network that has diverged does not count.
    """
    branch = seen.branch
    losses = history(branch, split)["dev_loss" if split.n_dev else "train_loss"]
    kept = [epoch for epoch in seen.kept if epoch < branch.epochs or branch.status != "diverged"]
    trained = [epoch for epoch in kept if epoch and math.isfinite(losses[epoch - 1])]
    return min(trained, key=lambda epoch: losses[epoch - 1], default=min(kept, default=None))


def _plain(value: Any) -> Any:
    return [_plain(part) for part in value] if isinstance(value, tuple) else value
