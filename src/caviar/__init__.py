"""caviar: finds out why a neural network is not good enough, and proves what makes it better.

    import caviar

    table = caviar.read("house_prices.csv", target="price")
    split = caviar.split(table)
    runs = caviar.train(split, [caviar.Config(), caviar.Config(dropout=0.3)])

The names below are loaded when first used: `import caviar` starts neither JAX nor anything heavy.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from caviar.data.read import read as read
    from caviar.data.split import Split as Split
    from caviar.data.split import split as split
    from caviar.data.table import Table as Table
    from caviar.diagnosis.diagnose import diagnose as diagnose
    from caviar.diagnosis.finding import Finding as Finding
    from caviar.diagnosis.gradient_check import GradientCheck as GradientCheck
    from caviar.diagnosis.gradient_check import check_gradients as check_gradients
    from caviar.diagnosis.learning_rate import LearningRateSweep as LearningRateSweep
    from caviar.diagnosis.learning_rate import learning_rate_sweep as learning_rate_sweep
    from caviar.errors import CaviarError as CaviarError
    from caviar.improvement import Improvement as Improvement
    from caviar.improvement import improve as improve
    from caviar.network.config import Config as Config
    from caviar.remedies.remedy import Remedy as Remedy
    from caviar.remedies.rules import prescribe as prescribe
    from caviar.reporting.retuning_run import Retuning as Retuning
    from caviar.reporting.retuning_run import retune as retune
    from caviar.training.averages import ewa as ewa
    from caviar.training.population import Rung as Rung
    from caviar.training.population import train as train
    from caviar.training.record import Run as Run
    from caviar.training.saved import Model as Model
    from caviar.training.saved import load as load
    from caviar.training.saved import predict as predict
    from caviar.training.saved import save as save
    from caviar.tuning.search import Study as Study
    from caviar.tuning.spaces.dimensions import Choice as Choice
    from caviar.tuning.spaces.dimensions import Integer as Integer
    from caviar.tuning.spaces.dimensions import LogUniform as LogUniform
    from caviar.tuning.spaces.dimensions import OneMinusLogUniform as OneMinusLogUniform
    from caviar.tuning.spaces.dimensions import Uniform as Uniform
    from caviar.tuning.spaces.space import Space as Space
    from caviar.tuning.tune import tune as tune
    from caviar.watching.watch import watch as watch

__all__ = [
    "CaviarError",
    "Choice",
    "Config",
    "Finding",
    "GradientCheck",
    "Improvement",
    "Integer",
    "LearningRateSweep",
    "LogUniform",
    "Model",
    "OneMinusLogUniform",
    "Remedy",
    "Retuning",
    "Run",
    "Rung",
    "Space",
    "Split",
    "Study",
    "Table",
    "Uniform",
    "check_gradients",
    "diagnose",
    "ewa",
    "improve",
    "learning_rate_sweep",
    "load",
    "predict",
    "prescribe",
    "read",
    "retune",
    "save",
    "split",
    "train",
    "tune",
    "watch",
]
__version__ = "0.1.0"

_HOME = {
    "CaviarError": "caviar.errors",
    "Choice": "caviar.tuning.spaces.dimensions",
    "Config": "caviar.network.config",
    "Finding": "caviar.diagnosis.finding",
    "GradientCheck": "caviar.diagnosis.gradient_check",
    "Improvement": "caviar.improvement",
    "Integer": "caviar.tuning.spaces.dimensions",
    "LearningRateSweep": "caviar.diagnosis.learning_rate",
    "LogUniform": "caviar.tuning.spaces.dimensions",
    "Model": "caviar.training.saved",
    "OneMinusLogUniform": "caviar.tuning.spaces.dimensions",
    "Remedy": "caviar.remedies.remedy",
    "Retuning": "caviar.reporting.retuning_run",
    "Run": "caviar.training.record",
    "Rung": "caviar.training.population",
    "Space": "caviar.tuning.spaces.space",
    "Split": "caviar.data.split",
    "Study": "caviar.tuning.search",
    "Table": "caviar.data.table",
    "Uniform": "caviar.tuning.spaces.dimensions",
    "check_gradients": "caviar.diagnosis.gradient_check",
    "diagnose": "caviar.diagnosis.diagnose",
    "ewa": "caviar.training.averages",
    "improve": "caviar.improvement",
    "learning_rate_sweep": "caviar.diagnosis.learning_rate",
    "load": "caviar.training.saved",
    "predict": "caviar.training.saved",
    "prescribe": "caviar.remedies.rules",
    "read": "caviar.data.read",
    "retune": "caviar.reporting.retuning_run",
    "save": "caviar.training.saved",
    "split": "caviar.data.split",
    "train": "caviar.training.population",
    "tune": "caviar.tuning.tune",
    "watch": "caviar.watching.watch",
}


def __getattr__(name: str) -> Any:
    """Load a public name at its first use."""
    try:
        home = _HOME[name]
    except KeyError:
        raise AttributeError(f"module 'caviar' has no attribute {name!r}") from None
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return [*__all__, "__version__"]
