"""What `caviar train` leaves: its networks in words, in a table and in files."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from caviar.data.split import Split
from caviar.data.table import Table
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.reporting import words
from caviar.reporting.story import versions
from caviar.training.explain import Plan
from caviar.training.metrics import metric_for
from caviar.training.record import Run

FORMAT = 1
_ERRORS = ("train_error", "dev_error")


@dataclasses.dataclass(frozen=True, eq=False)
class Trained:
    """What `caviar train` leaves.

    Attributes:
        folder: the run folder.
        summary: the content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def plan(self) -> Plan:
        """What was to be done, with the seconds that it took."""
        return Plan.from_json(self.summary["plan"])

    def table(self) -> list[str]:
        """One line per network; after those of one config their mean and spread over the seeds."""
        rows = [["config", "seed", "train error", "dev error", "epochs", "status"]]
        for config in self.summary["configs"]:
            own = [network for network in self.summary["networks"] if network["config"] == config["name"]]
            for network in own:
                errors = [self._error(network[name]) for name in _ERRORS]
                rows.append([config["name"], str(network["seed"]), *errors, str(network["epochs"]), network["status"]])
            if config["networks"] > 1:
                means = [self._mean(config[name]) for name in _ERRORS]
                rows.append([config["name"], f"mean of {config['networks']}", *means, "", ""])
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        return ["  ".join(cell.ljust(n) for cell, n in zip(row, widths, strict=True)).rstrip() for row in rows]

    def result(self) -> list[str]:
        """What it came to, in sentences."""
        best, sealed = self.summary["best"], self.summary["split"]["test"]
        if best is None:
            said = ["Every network diverged: there is no model. Lower learning_rate, or set clip_norm."]
        else:
            judged = best["dev_error"] is not None
            on, error = ("dev", best["dev_error"]) if judged else ("train", best["train_error"])
            said = [f"Kept: {best['config']} with seed {best['seed']}, the lowest {on} error ({self._error(error)})."]
            if not judged and len(self.summary["networks"]) > 1:
                said.append("No network was judged on rows that it had not seen: this says little. Give --dev.")
        if sealed:
            said.append(f"The {sealed:,} test rows stay sealed.")
        if best is not None:
            said.append(f"To use it: caviar predict {self.folder} NEW_ROWS")
        return [*said, f"Run folder: {self.folder}"]

    def _error(self, value: float | None) -> str:
        return "-" if value is None else words.error(value, self.summary["task"])

    def _mean(self, over_seeds: dict[str, float | None]) -> str:
        mean, spread = self._error(over_seeds["mean"]), self._error(over_seeds["spread"])
        return mean if spread == "-" else f"{mean} ± {spread}"


def summary(
    table: Table, split: Split, configs: Mapping[str, Config], names: Sequence[str], runs: Sequence[Run]
) -> dict[str, Any]:
    """The content of summary.json, but for what the run took.

    Args:
        table: as it was read.
        split: of its rows.
        configs: by their names.
        names: of the config of every run.
        runs: in the order of the list.
    """
    networks = [_network(name, run) for name, run in zip(names, runs, strict=True)]
    return {
        "format": FORMAT,
        "task": split.task,
        "metric": metric_for(split.task, None),
        "rows": table.rows,
        "split": split.sizes,
        "configs": [_over_seeds(name, config, networks) for name, config in configs.items()],
        "networks": networks,
        "best": _best(networks),
        "seed": split.seed,
        "versions": versions(),
    }


def _network(name: str, run: Run) -> dict[str, Any]:
    """A network as the summary has it; errors are those of the epoch whose weights were kept."""
    errors = {kind: _finite(run.at_best(kind)) for kind in _ERRORS}
    epochs = {"epochs": run.epochs, "best_epoch": run.best_epoch}
    return {"config": name, "seed": run.config.seed, "status": run.status} | epochs | errors


def _over_seeds(name: str, config: Config, networks: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A config, and the errors of its networks that did not diverge: mean, and standard deviation over the seeds."""
    own = [network for network in networks if network["config"] == name and network["status"] != "diverged"]
    told: dict[str, Any] = {"name": name, "config": config.to_json(), "networks": len(own)}
    for kind in _ERRORS:
        errors = [network[kind] for network in own if network[kind] is not None]
        spread = float(np.std(errors, ddof=1)) if len(errors) > 1 else None
        told[kind] = {"mean": float(np.mean(errors)) if errors else None, "spread": spread}
    return told


def _best(networks: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """The network with the lowest dev error, or train error where none has rows to be judged by."""
    sound = [network for network in networks if network["status"] != "diverged"]
    for kind in ("dev_error", "train_error"):
        judged = [network for network in sound if network[kind] is not None]
        if judged:
            return min(judged, key=lambda network: network[kind])
    return None


def write_curves(runs: Sequence[Run], folder: Path) -> None:
    """Write the history of every network: `networks.safetensors`, arrays NUMBER.MEASURE, one value per epoch."""
    folder.mkdir(exist_ok=True)
    curves = {
        f"{number}.{name}": np.asarray(values, np.float32)
        for number, run in enumerate(runs)
        for name, values in run.history.items()
    }
    with write_atomically(folder / "networks.safetensors") as path:
        save_file(curves, path)


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
