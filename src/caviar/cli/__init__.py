"""Commands: each reads files, calls one public function and prints its answer.

Exit codes: 0 done, 1 the input is at fault (one line says how, or what was checked is not correct), 2 the command line
is, 130 interrupted and resumable.
Progress goes to stderr; answers go to stdout.
"""

import json
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError

from caviar import __version__
from caviar.cli import looks, networks, panda, search
from caviar.cli.options import CommandError, Rows
from caviar.errors import CaviarError

__all__ = ["Rows", "app", "main"]

app = App(
    name="caviar",
    help="Finds out why a neural network is not good enough, tries the remedies as controlled experiments, "
    "and proves the gain.",
    version=__version__,
    help_format="plaintext",
)
for _command in (
    networks.improve,
    networks.train,
    networks.predict,
    looks.diagnose,
    looks.split,
    looks.check_gradients,
    search.tune,
    search.report,
    search.retune,
    search.status,
    panda.watch,
    panda.replay,
    panda.serve,
):
    app.command(_command)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: the words after `caviar`; None takes them from the command line. `--debug` shows tracebacks.

    Returns:
        The exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in given
    given = [word for word in given if word != "--debug"]
    warnings.showwarning = _one_line
    try:
        command, bound, _ = app.parse_args(given, exit_on_error=False)
        code = command(*bound.args, **bound.kwargs)
    except CycloptsError:
        return 2
    except CommandError as error:
        print(error, file=sys.stderr)
        return 2
    except BrokenPipeError:
        return 0
    except KeyboardInterrupt:
        return 130
    except Exception as error:
        if debug:
            raise
        message = _message(error)
        if "--json" in given:
            print(json.dumps({"error": message}))
        print(f"caviar: {message}", file=sys.stderr)
        return 1
    return code or 0


def _message(error: Exception) -> str:
    """What went wrong, on one line."""
    if isinstance(error, CaviarError):
        return str(error)
    if isinstance(error, OSError):
        return f"{error}. Check the path and the space on the disk."
    told = " ".join(f"{type(error).__name__}: {error}".split())
    return f"This is a fault of caviar, not of yours ({told}). Run it with --debug and report what is printed."


def _one_line(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code."""
    print(f"caviar: {message}", file=sys.stderr)
