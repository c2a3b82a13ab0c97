"""What several commands share: options, what stands in a run folder, and who is told how the work goes."""

import contextlib
import dataclasses
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from caviar.errors import BadData, BadRun

if TYPE_CHECKING:
    from caviar.data.split import Split
    from caviar.data.table import Table
    from caviar.reporting.terminal import Listener

Metric = Literal["error", "auc", "log_loss", "f1", "balanced_accuracy", "rmse", "mae", "r2"]

# Options that several commands have.
Data = Annotated[
    str | None,
    Parameter(
        help="File (csv, tsv, jsonl, parquet, arrow, npz, h5, idx.gz), folder of pictures, "
        "or sample: digits, breast_cancer, wine, iris, diabetes."
    ),
]
Out = Annotated[Path | None, Parameter(help="Run folder; caviar-runs/NAME-N when left out.")]
Resume = Annotated[Path | None, Parameter(help="Run folder of an interrupted run, instead of DATA and options.")]
AsJson = Annotated[bool, Parameter(name="--json", negative="", help="Print the summary as one JSON object.")]


@Parameter(name="*")
@dataclasses.dataclass(frozen=True, kw_only=True)
class Rows:
    """What is learned from, and how its rows are divided: options of every command that reads a table."""

    target: Annotated[str | None, Parameter(help="Column to predict; samples have one of their own.")] = None
    dev: Annotated[str | None, Parameter(help="Rows to choose by: a file, a share or a number of rows.")] = None
    test: Annotated[
        str | None, Parameter(help="Rows to judge by at the end, sealed till then: as --dev, or 0 for none.")
    ] = None
    group: Annotated[
        str | None, Parameter(help="Column: rows with one value, such as a patient's, are in one set only.")
    ] = None
    time: Annotated[
        str | None, Parameter(help="Column of dates or numbers: dev is later than train, test later than dev.")
    ] = None
    by: Annotated[str | None, Parameter(help="Column that says train, dev or test in every row.")] = None
    source: Annotated[
        str | None, Parameter(help="COLUMN=VALUE: dev and test take only such rows, the others train; holds a bridge.")
    ] = None
    bridge: Annotated[
        bool, Parameter(negative="", help="Hold a part of train apart: tells other data from too much variance.")
    ] = False
    task: Annotated[Literal["classification", "regression"] | None, Parameter(help="Otherwise told by the target.")] = (
        None
    )
    types: Annotated[
        Path | None,
        Parameter(help='TOML file that says what columns are: zip = "category", grade = ["low", "high"], id = "drop".'),
    ] = None

    scale: Annotated[
        Literal["standard", "robust", "quantile", "log", "none"] | None,
        Parameter(help="How columns of numbers are normalised; standard when left out."),
    ] = None

    @property
    def in_words(self) -> str:
        """As on the command line, but for --scale, which remedies may change."""
        given = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name != "scale"}
        words = [
            f" --{name}{'' if value is True else f' {quote(str(value))}'}" for name, value in given.items() if value
        ]
        return "".join(words)

    @property
    def division(self) -> dict[str, Any]:
        """How rows are divided, as `reporting.division.Division` takes it.

        Raises:
            BadData: an option is not of its form.
        """
        column, equals, value = (self.source or "").partition("=")
        if self.source is not None and not (column and equals and value):
            raise BadData(f"--source must be COLUMN=VALUE, such as camera=phone, got {self.source!r}.")
        return {
            "dev": _set("dev", self.dev),
            "test": _set("test", self.test),
            "group": self.group,
            "time": self.time,
            "by": self.by,
            "source": None if self.source is None else (column.strip(), value.strip()),
            "bridge": self.bridge or None,
            "scale": self.scale,
        }

    @property
    def asked(self) -> dict[str, Any]:
        """Arguments of `improve` and `train_networks`."""
        return {"target": self.target, **self.division, "task": self.task, "types": self.known_types}

    @property
    def known_types(self) -> dict[str, Any] | None:
        """What the TOML file says of columns."""
        from caviar.data.column_types import types_from_toml  # noqa: PLC0415

        return None if self.types is None else types_from_toml(self.types)

    def opened(self, data: str, **more: Any) -> "tuple[Table, Split]":
        """The table, and its rows divided; `more` for `caviar.split`."""
        from caviar.data.read import read  # noqa: PLC0415
        from caviar.reporting.division import Division  # noqa: PLC0415

        division = Division(**self.division)
        table = read(data, self.target, types=self.known_types)
        return table, division.split(table, task=self.task, **more)


NOTHING_SAID = Rows()


class CommandError(Exception):
    """The command line asks for what does not go together."""


def _set(name: str, given: str | None) -> str | float | None:
    """A file, or a share or number of rows.

    Raises:
        BadData: the option `name` is a number that is not finite.
    """
    try:
        number = float(given or "")
    except ValueError:
        return given
    if not math.isfinite(number):
        raise BadData(
            f"--{name} must be a file, a share in (0, 1) or a number of rows, got '{given}'. For a fifth of the rows "
            f"write --{name} 0.2; a file of this name is ./{given}."
        )
    return int(number) if number == int(number) and number != 1.0 else number


def refuse_beside_resume(given: dict[str, Any]) -> None:
    """What was asked stands in the run folder."""
    usual = dict.fromkeys(given) | {"seed": 0, "refit": True, "seeds": 1, "bridge": False}
    names = {"data": "DATA", "refit": "--no-refit"}
    beside = [names.get(name, f"--{name.replace('_', '-')}") for name in given if given[name] != usual[name]]
    if beside:
        raise CommandError(f"--resume takes data and options from the run folder; leave out {', '.join(beside)}.")


def refuse_beside_trial(given: dict[str, Any]) -> None:
    """A trial has data, settings and seed of its own.

    Raises:
        CommandError: others were given.
    """
    usual = dict.fromkeys(given) | {"seed": 0, "seeds": 1, "bridge": False, "explain": False, "data": given["data"]}
    beside = [f"--{name.replace('_', '-')}" for name in given if given[name] != usual[name]]
    if beside:
        raise CommandError(f"--trial takes data and settings from the run folder; leave out {', '.join(beside)}.")


def asked_of(command: str, folder: Path) -> dict[str, Any]:
    """What a run was asked for.

    Raises:
        BadRun: it is no run of this command.
    """
    from caviar.reporting.run_folder import read_run  # noqa: PLC0415

    asked = dict(read_run(folder)["asked"])
    asked.pop("rows")
    begun = asked.pop("command", "improve")
    if begun != command:
        again = f"caviar {begun} --resume {folder}" if begun != "diagnose" else f"the same command and --out {folder}"
        raise BadRun(
            f"--resume must name a run of caviar {command}, but {folder} was begun by caviar {begun}. Go on with "
            f"{again}."
        )
    return asked


@contextlib.contextmanager
def listening() -> "Iterator[Listener]":
    """A bar in a terminal, plain lines elsewhere."""
    from caviar.reporting.terminal import PlainLines, Terminal  # noqa: PLC0415

    if sys.stderr.isatty():
        with Terminal() as terminal:
            yield terminal
    else:
        yield PlainLines()
