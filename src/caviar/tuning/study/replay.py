"""Solo replay: one trial of a study, trained alone, gives its curve again, to the bit."""

import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import optuna

from caviar.arrays import Numbers
from caviar.data.split import Split
from caviar.errors import BadRun
from caviar.network.config import Config
from caviar.training.population import Callback, train
from caviar.training.record import Run
from caviar.training.scores import networks_for, row_plan
from caviar.tuning.spaces.kept import ASKED
from caviar.tuning.study.records import Curves


@dataclasses.dataclass(frozen=True, eq=False)
class Replay:
    """A trial that was trained once more.

    Attributes:
        number: of the trial.
        config: what was trained.
        runs: its networks, one per fold, with their weights.
        curves: of its first network, by name, one value per epoch.
        recorded: the same as the search had them; empty where it kept none.
    """

    number: int
    config: Config
    runs: tuple[Run, ...]
    curves: dict[str, Numbers]
    recorded: dict[str, Numbers]

    @property
    def differs(self) -> str | None:
        """The first curve that is another than the search's, of those that it kept; None where all are the same."""
        for name, before in self.recorded.items():
            now = np.asarray(self.curves.get(name, ())).astype(before.dtype)  # as it was kept
            if not np.array_equal(before, now, equal_nan=before.dtype.kind == "f"):
                return name
        return None


def replay_trial(
    study: optuna.Study,
    split: Split,
    number: int,
    *,
    folder: Path | None = None,
    callbacks: Sequence[Callback] = (),
) -> Replay:
    """Train one trial of a search of networks again, alone.

    A trial that was pruned is trained until where it was.

    Args:
        study: see `store.load_study`.
        split: the rows that were searched on.
        number: of the trial, as the study counts it.
        folder: where its curves were kept; None compares nothing.
        callbacks: see `train`.

    Raises:
        BadRun: the study has no such trial, it is of no network, or the rows are others.
    """
    trials = study.get_trials(deepcopy=False)
    if not 0 <= number < len(trials):
        raise BadRun(f"A trial to replay must be one of 0 to {len(trials) - 1}, got {number}. Give one of these.")
    attrs = trials[number].user_attrs
    if "caviar:config" not in attrs:
        raise BadRun(
            f"A trial to replay must be of a network that caviar trained, but trial {number} has no config. Name one."
        )
    rows = study.user_attrs.get(ASKED, {}).get("data")
    if rows is not None and rows != split.fingerprint:
        raise BadRun(
            "A trial must be replayed on the rows that it was trained on, but the data hold others. Give those."
        )
    config = Config.from_mapping(json.loads(attrs["caviar:config"]))
    recorded = Curves(folder).curves(attrs["caviar:id"]) if folder is not None else {}
    epochs = max((len(curve) for curve in recorded.values()), default=0)
    pruned = trials[number].state == optuna.trial.TrialState.PRUNED
    until = config.changed(stop_after=epochs) if pruned and epochs else config
    runs = train(split, networks_for(until, row_plan(split)), callbacks=callbacks)
    curves = {name: np.asarray(curve, np.float32) for name, curve in runs[0].history.items()}  # as they are kept
    return Replay(number, config, tuple(runs), curves, recorded)
