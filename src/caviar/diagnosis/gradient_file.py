"""A Python file of a person's own is checked: FILE.py:FUNCTION, and every fault in it is told with its line.

FUNCTION takes nothing and returns (loss, params) or (loss, params, gradients), as `check_gradients` takes them. A file
is run as Python would, its own folder first on the path; what it prints goes to stderr, and nothing is written.
"""

import contextlib
import sys
import traceback
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from caviar.diagnosis.gradient_check import check_gradients
from caviar.diagnosis.gradient_verdict import GradientCheck
from caviar.errors import BadLoss, CaviarError, nearest

_MODULE = "__caviar_checks__"


def check_file(named: str, **settings: Any) -> GradientCheck:
    """Check what a function of a file returns.

    Args:
        named: FILE.py:FUNCTION.
        settings: of `check_gradients`.

    Raises:
        BadLoss: there is no such file or function, it fails, or what it returns cannot be checked.
    """
    file, colon, function = named.rpartition(":")
    if not (colon and file.endswith(".py") and function.isidentifier()):
        raise BadLoss(
            f"What is checked must be FILE.py:FUNCTION, such as network.py:check, got {named!r}. The function returns "
            "(loss, params) or (loss, params, gradients)."
        )
    path = Path(file)
    with _told_by_line(path), contextlib.redirect_stdout(sys.stderr), _module(path) as content:
        given = _function(content, function, path)()
        if not (isinstance(given, tuple) and len(given) in {2, 3}):
            came = f"a tuple of {len(given)}" if isinstance(given, tuple) else type(given).__name__
            raise BadLoss(f"{path}: {function} must return (loss, params) or (loss, params, gradients), got {came}.")
        return check_gradients(*given, **settings)


@contextlib.contextmanager
def _module(path: Path) -> Iterator[dict[str, Any]]:
    """The names that a file defines. No compiled copy is left beside it."""
    try:
        source = path.read_bytes()
    except OSError as error:
        there = [str(other) for other in path.parent.glob("*.py")]
        raise BadLoss(
            f"There must be a file {path}, but it cannot be read: {error.strerror}. {nearest(str(path), there)}"
        ) from None
    module = types.ModuleType(_MODULE)
    module.__file__ = str(path)
    folder = str(path.resolve().parent)
    sys.path.insert(0, folder)
    sys.modules[_MODULE] = module  # where dataclasses of the file look for it
    try:
        exec(compile(source, str(path), "exec"), vars(module))
        yield vars(module)
    finally:
        del sys.modules[_MODULE]
        sys.path.remove(folder)


def _function(content: dict[str, Any], name: str, path: Path) -> Callable[[], Any]:
    if not callable(content.get(name)):
        known = [one for one, value in content.items() if isinstance(value, types.FunctionType)]
        raise BadLoss(f"{path} must define a function {name}, but it does not. {nearest(name, known)}")
    return content[name]


@contextlib.contextmanager
def _told_by_line(path: Path) -> Iterator[None]:
    """What fails in the file is told in one line; what fails elsewhere passes through."""
    try:
        yield
    except CaviarError:
        raise
    except SyntaxError as error:
        if error.filename != str(path):
            raise
        raise BadLoss(f"{path} must be Python, but line {error.lineno} is not: {error.msg}. Correct it.") from error
    except (Exception, SystemExit) as error:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == str(path)]
        if not lines:
            raise
        told = " ".join(f"{type(error).__name__}: {error}".split())[:300].rstrip(".")
        raise BadLoss(
            f"{path} must run, but line {lines[-1]} raised {told}. Correct it, or see the whole way there with --debug."
        ) from error
