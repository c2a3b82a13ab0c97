"""The public names: what is listed, loaded, documented and versioned is one and the same."""

import ast
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

import caviar
from caviar import errors

ROOT = Path(__file__).parent.parent
FUNCTIONS = {
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
}


def submodules():
    return [module.name for module in pkgutil.walk_packages(caviar.__path__, "caviar.")]


@pytest.mark.parametrize("name", caviar.__all__)
def test_every_name_is_what_it_says_also_the_second_time(name):
    first = getattr(caviar, name)
    second = getattr(caviar, name)
    assert first is second
    if name in FUNCTIONS:
        assert inspect.isfunction(first)
    else:
        assert inspect.isclass(first)
    assert first.__name__ == name
    assert first.__module__.startswith("caviar.")
    documented = inspect.getdoc(first)
    assert documented
    assert len(documented.split()) >= 4
    assert not documented.startswith(f"{name}("), "a dataclass without a docstring is given its signature"


def test_functions_and_classes_are_told_apart_by_their_case():
    assert {name for name in caviar.__all__ if name[0].islower()} == FUNCTIONS


def test_no_submodule_hides_a_name():
    for module in submodules():
        importlib.import_module(module)
        for name in caviar.__all__:
            assert not inspect.ismodule(getattr(caviar, name)), f"{module} hides {name}"


NAMES_AFTER = """
import importlib, inspect, sys, caviar
importlib.import_module(sys.argv[1])
for name in caviar.__all__:
    for _ in range(2):
        assert not inspect.ismodule(getattr(caviar, name)), name
"""


@pytest.mark.parametrize("module", ["caviar.training.population", "caviar.data.split", "caviar.cli"])
def test_no_submodule_hides_a_name_that_was_never_used(module):
    came = subprocess.run([sys.executable, "-c", NAMES_AFTER, module], capture_output=True, text=True, check=False)
    assert (came.returncode, came.stderr) == (0, "")


def test_no_package_has_the_name_of_a_public_function():
    folders = {path.name for path in Path(caviar.__path__[0]).iterdir() if path.is_dir()}
    files = {path.stem for path in Path(caviar.__path__[0]).glob("*.py")}
    assert not (folders | files) & set(caviar.__all__)


def test_the_list_is_sorted_and_type_checkers_see_the_same():
    assert list(caviar.__all__) == sorted(caviar.__all__)
    assert set(caviar._HOME) == set(caviar.__all__)
    assert sorted(dir(caviar)) == sorted([*caviar.__all__, "__version__"])
    tree = ast.parse(Path(caviar.__file__).read_text(encoding="utf-8"))
    seen = {
        alias.asname: node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) for alias in node.names
    }
    assert {name: home for name, home in seen.items() if name in caviar.__all__} == caviar._HOME


def test_an_unknown_name():
    with pytest.raises(AttributeError, match="module 'caviar' has no attribute 'improoove'"):
        _ = caviar.improoove
    assert not hasattr(caviar, "training_")


def test_the_readme_lists_exactly_the_public_names():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (table,) = re.findall(r"^\| names \| what they are \|\n\|[-|]+\|\n((?:\|.*\n)+)", text, re.MULTILINE)
    listed = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])]
    assert sorted(listed) == sorted(caviar.__all__)


def test_one_version():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert caviar.__version__ == project["version"] == version("caviar")


HEAVY = ("jax", "jaxlib", "optax", "optuna", "sklearn", "scipy", "polars", "matplotlib", "numpy")


@pytest.mark.parametrize("code", ["import caviar", "import caviar.cli", "import caviar; caviar.CaviarError"])
def test_importing_starts_nothing_heavy(code):
    said = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys; print(*sys.modules)"], check=True, capture_output=True, text=True
    )
    assert not set(HEAVY) & set(said.stdout.split())


def test_every_module_says_what_it_is():
    for name in submodules():
        assert (inspect.getdoc(importlib.import_module(name)) or "").strip(), name


def test_the_tree_of_errors_is_the_one_that_is_drawn():
    drawn = re.findall(r"── (\w+)", errors.__doc__ or "")
    raised = [cls for cls in vars(errors).values() if inspect.isclass(cls) and issubclass(cls, caviar.CaviarError)]
    assert {cls.__name__ for cls in raised} == {"CaviarError", *drawn}
    for cls in raised:
        if cls is not caviar.CaviarError:
            assert cls.__mro__[1:3] == (caviar.CaviarError, ValueError)
