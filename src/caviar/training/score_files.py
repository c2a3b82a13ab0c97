"""Scores on disk, so that an interrupted run need not train a network twice.

Since a network has the same bits whatever it is trained beside, a score is kept under its own config and data and
found again in any order. One file per call of `keep`, whole or not there.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from safetensors import safe_open
from safetensors.numpy import save_file

from caviar.data.split import Split
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.training.checkpoints import WRITTEN_BY
from caviar.training.scores import RowPlan, Score


class ScoreFiles:
    """A `Memory` of scores in a folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Score] = {}
        folder.mkdir(parents=True, exist_ok=True)
        for path in sorted(folder.glob("*.safetensors")):
            self._known.update(_read(path))

    def recall(self, split: Split, config: Config, on: RowPlan) -> Score | None:
        """The score of a config on a split by this plan, if it is known."""
        return self._known.get(_key(split, config, on))

    def keep(self, split: Split, scores: Sequence[Score]) -> None:
        """Store scores, in memory and in a file of their own."""
        fresh = {_key(split, score.config, score.on): score for score in scores}
        self._known.update(fresh)
        arrays: dict[str, np.ndarray] = {}
        facts = {}
        for key, score in fresh.items():
            arrays |= {f"{key}.loss": score.loss, f"{key}.error": score.error}
            arrays |= {f"{key}.history.{name}": curve for name, curve in score.history.items()}
            facts[key] = json.dumps(
                {
                    "config": score.config.to_json(),
                    "status": score.status,
                    "value": score.value,
                    "train_loss": score.train_loss,
                    "train_error": score.train_error,
                    "best_epoch": score.best_epoch,
                    "networks": score.networks,
                    "on": score.on,
                }
            )
        name = hashlib.sha256("".join(fresh).encode()).hexdigest()[:24]
        with write_atomically(self._folder / f"{name}.safetensors") as path:
            save_file(arrays, path, metadata=facts)


def _key(split: Split, config: Config, on: RowPlan) -> str:
    text = f"{split.fingerprint} {on} {WRITTEN_BY} " + json.dumps(config.to_json(), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _read(path: Path) -> dict[str, Score]:
    scores = {}
    with safe_open(path, framework="numpy") as file:
        names = file.keys()
        for key, text in (file.metadata() or {}).items():
            facts = json.loads(text)
            prefix = f"{key}.history."
            scores[key] = Score(
                config=Config.from_mapping(facts.pop("config")),
                on=tuple(tuple(rows) if isinstance(rows, list) else rows for rows in facts.pop("on")),
                loss=file.get_tensor(f"{key}.loss"),
                error=file.get_tensor(f"{key}.error"),
                history={n.removeprefix(prefix): file.get_tensor(n) for n in names if n.startswith(prefix)},
                **facts,
            )
    return scores
