"""A space from everywhere: a TOML file, a sweep of W&B, Optuna's distributions, dimensions by name.

| given | is read by |
|---|---|
| FILE.toml | `toml_file` |
| FILE.yaml, FILE.yml | `wandb_sweep` |
| {"parameters": ...}, as the YAML file of a sweep holds | `wandb_sweep` |
| Optuna's distributions by name | `optuna_distributions` |
| dimensions and plain values by name | `Space` |
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from optuna.distributions import BaseDistribution

from caviar.errors import BadSpace
from caviar.tuning.spaces.optuna_distributions import space_of_distributions
from caviar.tuning.spaces.space import Space
from caviar.tuning.spaces.sweep import Sweep
from caviar.tuning.spaces.toml_file import space_of_tables
from caviar.tuning.spaces.wandb_sweep import sweep_of


def read_space(what: Any) -> Space:
    """The space of a file, a dictionary or a Space; see `read_sweep` for what else a file may say."""
    return read_sweep(what).space


def read_sweep(what: Any) -> Sweep:
    """A search as a file, a dictionary or a Space asks for it.

    Args:
        what: a path to a TOML or YAML file, a dictionary of distributions or dimensions, or a Space.

    Raises:
        BadSpace: it is none of these, cannot be read, or cannot be searched.
    """
    if isinstance(what, Sweep):
        return what
    if isinstance(what, Space):
        return Sweep(what)
    if isinstance(what, Mapping):
        return _of_mapping(what)
    if not isinstance(what, str | Path):
        raise BadSpace(
            f"A space must be a Space, a dictionary or a file, got {type(what).__name__}. For example "
            "Space({'learning_rate': LogUniform(1e-4, 1e-1)})."
        )
    path = Path(what)
    try:
        return _of_file(path)
    except BadSpace as error:
        raise BadSpace(f"{path}: {error}") from None


def _of_mapping(what: Mapping[Any, Any]) -> Sweep:
    distributions = [isinstance(one, BaseDistribution) for one in what.values()]
    if distributions and all(distributions):
        return Sweep(space_of_distributions(what))
    if isinstance(what.get("parameters"), Mapping):
        return sweep_of(what)
    return Sweep(Space(dict(what)))


def _of_file(path: Path) -> Sweep:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise BadSpace(f"A space must be a file that can be read: {error}. Check the path.") from None
    match path.suffix.lower():
        case ".toml":
            try:
                return Sweep(space_of_tables(tomllib.loads(text)))
            except tomllib.TOMLDecodeError as error:
                raise BadSpace(
                    f"A space must be TOML: {error}. A line looks like learning_rate = {{log = [1e-4, 1e-1]}}."
                ) from None
        case ".yaml" | ".yml":
            return _of_yaml(text)
        case _:
            raise BadSpace(
                f"A space must be a .toml file, or the .yaml file of a W&B sweep, got {path.suffix or 'no ending'}. "
                "Name it by what it holds."
            )


def _of_yaml(text: str) -> Sweep:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        told = " ".join(str(error).split())
        raise BadSpace(f"A sweep must be YAML: {told}. Correct the line.") from None
    if not isinstance(content, Mapping):
        raise BadSpace(f"A sweep must have parameters, got {type(content).__name__}. See W&B's sweep configuration.")
    return sweep_of(content)
