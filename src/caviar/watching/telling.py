"""What a session tells those who look at it, as plain values: all of it, and then only what is new.

A `Glance` is the session at one moment, made of values that are never changed in place. `whole` puts it into words for
somebody who has just come; `news` says what has happened between two glances, so that what is sent does not grow with
what has been trained. The page and the notebook show the same.

A long curve is thinned: point i of a curve is epoch (i + 1) * `every`, with `every` a power of two so that a curve has
at most `POINTS`. Where `every` grows, or the branch goes back, the curve begins anew and `revision` is another one.
"""

import dataclasses
import math
from collections.abc import Mapping
from typing import Any

import jax
import numpy as np

from caviar.data.split import Split
from caviar.network.config import Config
from caviar.training.calls import curves
from caviar.watching.branches import Branch
from caviar.watching.effects import Effect
from caviar.watching.knobs import knobs
from caviar.watching.session import Done, Seen, Session
from caviar.watching.terminal import in_words, of_done

POINTS = 4_096
"""Of a curve, at most."""

_SHOWN = ("train_loss", "dev_loss", "train_error", "dev_error", "gradient_norm", "update_ratio")


@dataclasses.dataclass(frozen=True)
class Glance:
    """A session at one moment.

    Attributes:
        branches: by number.
        lines: of the journal.
        alive: whether it takes commands.
        findings: of the adviser, as plain values; always a new tuple where they are others.
        effects: of the commands so far; alike.
        trouble: why epochs are not kept at present; None where they are.
    """

    branches: Mapping[int, Seen]
    lines: tuple[Mapping[str, Any], ...]
    alive: bool
    findings: tuple[Mapping[str, Any], ...] = ()
    effects: tuple[Effect, ...] = ()
    trouble: str | None = None


def glance(session: Session, findings: tuple[Mapping[str, Any], ...], effects: tuple[Effect, ...]) -> Glance:
    """A session as it is."""
    return Glance(session.branches, tuple(session.lines), session.alive, findings, effects, session.trouble)


def about(split: Split, config: Config, name: str, *, steered: bool = True) -> dict[str, Any]:
    """What stays: data, name, and where it is steered the knobs."""
    return {
        "name": name,
        "task": split.task,
        "target": split.target.name,
        "error": "share" if split.task == "classification" else split.target.name,
        "rows": {"train": split.n_train, "dev": split.n_dev, "test": split.n_test},
        "seed": config.seed,
        "settings": [knob.to_json() for knob in knobs(config, split)] if steered else [],
    }


def whole(now: Glance, split: Split) -> dict[str, Any]:
    """All of it."""
    return {
        "branches": {str(n): _branch(n, seen, now, split, 0) for n, seen in now.branches.items()},
        "deleted": [],
        "journal": [line_in_words(line) for line in now.lines],
        "findings": list(now.findings),
        "effects": [effect.to_json() for effect in now.effects],
        "alive": now.alive,
        "trouble": now.trouble,
    }


def news(before: Glance, now: Glance, split: Split) -> dict[str, Any]:
    """What is new since an earlier glance; empty where nothing is."""
    branches = {}
    for number, seen in now.branches.items():
        known = before.branches.get(number)
        if known is seen or (known is not None and known == seen):
            continue
        same = known is not None and revision(number, known, before) == revision(number, seen, now)
        start = known.branch.epochs // every(known.branch) if same and known is not None else 0
        branches[str(number)] = _branch(number, seen, now, split, start)
    found: dict[str, Any] = {"branches": branches} if branches else {}
    if gone := sorted(before.branches.keys() - now.branches.keys()):
        found["deleted"] = gone
    if len(now.lines) > len(before.lines):
        found["journal"] = [line_in_words(line) for line in now.lines[len(before.lines) :]]
    if now.findings is not before.findings:
        found["findings"] = list(now.findings)
    if now.effects is not before.effects:
        found["effects"] = [effect.to_json() for effect in now.effects]
    if now.alive != before.alive:
        found["alive"] = now.alive
    if now.trouble != before.trouble:
        found["trouble"] = now.trouble
    return found


def every(branch: Branch) -> int:
    """Epochs from one point of its curves to the next: a power of two."""
    return 1 << max(0, math.ceil(math.log2(max(1, branch.epochs) / POINTS)))


def revision(number: int, seen: Seen, at: Glance) -> str:
    """Two glances at a branch with equal ones have the same curves, as far as they go."""
    back = sum(line["verb"] == "rewind" and line.get("branch") == number for line in at.lines)
    return f"{back}.{every(seen.branch)}"


def state_of(seen: Seen) -> str:
    """How a branch stands, in a word."""
    if seen.waits:
        return "compiling"
    if seen.branch.status != "training":
        return seen.branch.status
    return "ended" if seen.ended else "paused" if seen.paused else "training"


def line_in_words(line: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the journal with what it says in words; without digests."""
    return {name: value for name, value in line.items() if name != "branches"} | {"words": in_words(line)}


def done_in_words(done: Done) -> dict[str, Any]:
    """What a command did, for who gave it."""
    return {"step": done.step, "compiles": done.compiles, "new": done.new, "words": of_done(done)}


def _branch(number: int, seen: Seen, now: Glance, split: Split, start: int) -> dict[str, Any]:
    """A branch, with its curves from a point on."""
    branch = seen.branch
    born = [line for line in now.lines if line["verb"] == "branch" and line.get("new") == number]
    return {
        "number": number,
        "parent": branch.parent,
        "born": born[0].get("epochs", 0) if born else 0,
        "state": state_of(seen),
        "epochs": branch.epochs,
        "planned": branch.config.epochs,
        "steps": branch.steps,
        "best_epoch": branch.best_epoch,
        "config": branch.config.to_json(),
        "kept": list(seen.kept),
        "revision": revision(number, seen, now),
        "every": every(branch),
        "from": start,
        "curves": _curves(branch, split, start),
    }


def _curves(branch: Branch, split: Split, start: int) -> dict[str, list[Any]]:
    """Points of its curves from one on, as plain numbers with the digits that a picture needs."""
    step = every(branch)
    places = np.arange((start + 1) * step - 1, branch.epochs, step)
    some = jax.tree.map(lambda values: np.asarray(values)[places][None], branch.measured)
    known = curves(some, 0, len(places), split) | {"learning_rate": branch.rates[places]}
    names = (*_SHOWN, "learning_rate") if split.n_dev else ("train_loss", "train_error", *_SHOWN[4:], "learning_rate")
    return {name: _plain(known[name]) for name in names if name in known}


def _plain(values: Any) -> list[Any]:
    if np.ndim(values) > 1:
        return [_plain(row) for row in values]
    return [float(f"{value:.5g}") if math.isfinite(value) else None for value in values.tolist()]
