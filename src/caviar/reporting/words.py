"""Figures and settings as people write them."""

import math
from typing import Any

from caviar.data.task import Task
from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.remedies.experiment import Outcome

_NAMES = {
    "hidden_units": "units",
    "batch_norm": "batch norm",
    "batch_size": "mini-batch",
    "learning_rate": "learning rate",
    "early_stopping": "early stopping",
    "label_smoothing": "label smoothing",
    "weight_decay": "weight decay",
    "l1": "L1",
    "l2": "L2",
}


def number(value: float) -> str:
    """Three significant digits, without needless zeros or exponents."""
    if math.isnan(value):
        return "unknown"
    if value == 0:
        return "0"
    if 1e-3 <= abs(value) < 1:
        return f"{value:.3g}"
    if 1 <= abs(value) < 1e6:
        whole = len(str(int(abs(value))))
        return f"{value:,.{max(0, 3 - whole)}f}"
    return f"{value:.2e}"


def error(value: float, task: Task) -> str:
    """An error rate in percent, or an RMSE in the target's unit."""
    if math.isnan(value):
        return "unknown"
    return f"{value:.2%}" if task == "classification" else number(value)


def error_interval(estimate: Estimate, task: Task) -> str:
    """An error with its 95 % interval."""
    if math.isnan(estimate.low):
        return error(estimate.value, task)
    return f"{error(estimate.value, task)} ({error(estimate.low, task)} to {error(estimate.high, task)})"


def interval(estimate: Estimate) -> str:
    """A figure with its 95 % interval."""
    return f"{number(estimate.value)} ({number(estimate.low)} to {number(estimate.high)})"


def outcome(found: Outcome) -> str:
    """A remedy that was tried: verdict, gain and the rate that was picked."""
    return (
        f"{found.verdict:<9} {found.remedy.name}: loss lower by {interval(found.gain)}, "
        f"learning rate x {found.rate_factor:g}"
    )


def name_of(setting: str) -> str:
    """A setting as people call it, such as "mini-batch" for batch_size."""
    return _NAMES.get(setting, setting.replace("_", " "))


def setting(name: str, value: Any) -> str:
    """One setting of a config, such as "dropout 0.2"."""
    shown = number(value) if isinstance(value, float) else value
    if isinstance(value, tuple):
        shown = "-".join(number(v) if isinstance(v, float) else str(v) for v in value) or "none (linear)"
    if isinstance(value, bool):
        return name_of(name) if value else f"no {name_of(name)}"
    return f"{name_of(name)} {shown}"


def changes(config: Config, start: Config) -> str:
    """What a config does otherwise than the one it started from, in words."""
    told = [
        setting(name, config.rate if name == "learning_rate" else mine)
        for name, (mine, _) in config.differences(start).items()
        if name not in ("seed", "rows") and not (name == "learning_rate" and config.rate == start.rate)
    ]
    return ", ".join(told) or "unchanged"


def duration(seconds: float) -> str:
    """Seconds as m:ss."""
    return f"{int(seconds // 60)}:{int(seconds % 60):02d}"
