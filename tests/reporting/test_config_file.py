"""A config as a TOML file, and back."""

import pytest
from hypothesis import given, settings

from any_config import configs
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.reporting.config_file import config_lines, read_config


@settings(max_examples=60)
@given(configs() | configs(images=True))
def test_what_is_written_is_read_again(tmp_path_factory, config):
    path = tmp_path_factory.getbasetemp() / "written.toml"
    for heading in ([], ["[config]"]):
        path.write_text("\n".join([*heading, *config_lines(config)]), encoding="utf-8")
        assert read_config(path) == config.changed(seed=0, rows=1.0)


def test_only_what_differs_from_the_defaults_is_written():
    assert config_lines(Config(seed=7, rows=0.5)) == []
    lines = config_lines(Config(hidden_units=(8, 4), activation="tanh", batch_norm=True, learning_rate=1e-5))
    assert lines == ["hidden_units = [8, 4]", 'activation = "tanh"', "batch_norm = true", "learning_rate = 1e-05"]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "must name a TOML file, but there is no"),
        ("dropout 0.2", "must be a TOML file"),
        ("dropuot = 0.2", "Did you mean 'dropout'"),
        ("dropout = 1.5", r"must be in \[0, 1\)"),
    ],
)
def test_a_file_that_cannot_be_is_one_line(tmp_path, content, said):
    path = tmp_path / "c.toml"
    if content is not None:
        path.write_text(content)
    with pytest.raises(BadConfig, match=said):
        read_config(path)
