"""Runs before anything of caviar is imported: shapes are checked, JAX is strict, compiled programs are kept in tmp."""

import getpass
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import jax
import pytest
from jaxtyping import install_import_hook

# Openings of test sets are remembered in a folder of the tests, a new one for each run of them and, below, each test.
os.environ["CAVIAR_LEDGER"] = tempfile.mkdtemp(prefix="caviar-tests-ledger-")

hypothesis.settings.register_profile("caviar", deadline=None)
hypothesis.settings.load_profile("caviar")

# A program is compiled once for all runs of the tests, in this process and in those that tests start. The user's own
# cache is never touched.
_compiled = Path(tempfile.gettempdir()) / f"caviar-tests-{getpass.getuser()}" / "programs"
_compiled.mkdir(parents=True, exist_ok=True)
_settings = {
    "jax_compilation_cache_dir": str(_compiled),
    "jax_compilation_cache_max_size": 1 << 30,  # with a limit JAX locks the folder, so that several runs may share it
    "jax_persistent_cache_min_compile_time_secs": 0.0,
    "jax_persistent_cache_min_entry_size_bytes": -1,
}
for _name, _value in _settings.items():
    os.environ[_name.upper()] = str(_value)
    jax.config.update(_name, _value)
jax.config.update("jax_numpy_rank_promotion", "raise")

# The files with shapes in their signatures. What a person hands in is checked at the door, in words.
_shaped = {
    "network": ("activations", "convolution", "draws", "layers", "losses", "model"),
    "training": ("augment", "averages", "optimizers", "penalties", "plan", "program", "step"),
}
_checker = "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True))"  # 1 is a float
install_import_hook([f"caviar.{folder}.{name}" for folder in _shaped for name in _shaped[folder]], _checker)


def pytest_configure() -> None:
    """Start JAX as `train` does, before a test does it."""
    from caviar.training.devices import places

    places()


@pytest.fixture(autouse=True, scope="module")
def _not_too_many_programs() -> Iterator[None]:
    """Tests compile more programs than a process can hold."""
    yield
    from caviar.training.devices import make_room_for_programs

    make_room_for_programs()


@pytest.fixture(autouse=True)
def _ledger(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every test has a ledger of its own: the user's is never touched, and no test sees what another has opened."""
    monkeypatch.setenv("CAVIAR_LEDGER", str(tmp_path_factory.mktemp("ledger")))
