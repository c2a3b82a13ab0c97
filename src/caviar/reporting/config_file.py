"""A `Config` as a TOML file, and back: what `--config` takes."""

import json
import tomllib
from pathlib import Path

from caviar.errors import BadConfig
from caviar.network.config import Config

_NOT_WRITTEN = ("seed", "rows", "network")
"""Settings of one network, or that are no plain values."""


def read_config(path: Path) -> Config:
    """A Config from a TOML file; the settings may stand at the top or under [config].

    Raises:
        BadConfig: there is no such file, it is no TOML, or holds a setting that cannot be.
    """
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BadConfig(
            f"--config must name a TOML file, but there is no {path}. Write one with lines such as hidden_units = "
            "[64, 64]."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(
            f"--config must be a TOML file, but {path} cannot be read: {error}. A line looks like dropout = 0.2."
        ) from None
    settings = content["config"] if set(content) == {"config"} else content
    try:
        return Config.from_mapping(settings)
    except BadConfig as error:
        raise BadConfig(f"{path}: {error}") from None


def config_lines(config: Config) -> list[str]:
    """Lines of a TOML file: the settings in which a config differs from the defaults, but for its seed and rows."""
    return [
        f"{name} = {json.dumps(mine)}"
        for name, (mine, _) in config.differences(Config()).items()
        if name not in _NOT_WRITTEN
    ]
