"""Commands: each reads files, calls one public function and prints its answer.

Exit codes: 0 done, 1 the input is at fault (one line says how, or what was checked is not correct), 2 the command line
is, 130 interrupted and resumable.
Progress goes to stderr; answers go to stdout.
"""

import contextlib
import dataclasses
import json
import math
import sys
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import App, CycloptsError, Parameter

from caviar import __version__
from caviar.errors import BadConfig, BadData, BadRun, CaviarError

if TYPE_CHECKING:
    from caviar.data.split import Split
    from caviar.data.table import Table
    from caviar.network.config import Config
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

app = App(
    name="caviar",
    help="Finds out why a neural network is not good enough, tries the remedies as controlled experiments, "
    "and proves the gain.",
    version=__version__,
    help_format="plaintext",
)


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


_NOTHING_SAID = Rows()


@app.command
def improve(
    data: Data = None,
    /,
    *,
    rows: Rows = _NOTHING_SAID,
    config: Annotated[
        Path | None, Parameter(help="TOML file with your network's settings: what is to be improved.")
    ] = None,
    metric: Annotated[Metric | None, Parameter(help="What is optimised; error or rmse when left out.")] = None,
    optimal_error: Annotated[
        float | None, Parameter(help="Error of a perfect model, such as a person's: a share, or an RMSE.")
    ] = None,
    seconds: Annotated[float | None, Parameter(help="Time for the whole.")] = None,
    trials: Annotated[
        int | None, Parameter(help="Configs of the search; 30 when left out, 24 where they cost much.")
    ] = None,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    refit: Annotated[
        bool, Parameter(help="Train the chosen network once more on train and dev, below 10,000 rows.")
    ] = True,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Improve a network on a data set: split, diagnose, try remedies, search, prove it on test rows opened once."""
    from caviar.improvement import improve as run  # noqa: PLC0415  (starts JAX's import)
    from caviar.improvement import reopen  # noqa: PLC0415
    from caviar.reporting.config_file import read_config  # noqa: PLC0415

    asked: dict[str, Any] = {
        "data": data,
        "config": config,
        "metric": metric,
        "optimal_error": optimal_error,
        "seconds": seconds,
        "trials": trials,
        "seed": seed,
        "refit": refit,
    }
    result = None
    if resume is not None:
        _refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = _asked_of("improve", resume)
        result, out = reopen(resume), resume
        asked = _from_files(before, resume) if result is None else {}
    elif data is None:
        raise CommandError("caviar improve needs DATA, or --resume RUN. For a first try: caviar improve digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
    if result is None:
        with _listener() as listener:
            result = run(**asked, out=out, listener=listener)
    if as_json:
        print(json.dumps(result.summary))
    else:
        print(f"Run folder: {result.folder}\nReport:     {result.folder / 'report.html'}")


@app.command
def train(
    data: Data = None,
    /,
    *,
    rows: Rows = _NOTHING_SAID,
    config: Annotated[
        list[Path] | None,
        Parameter(negative="", help="TOML file with a network's settings, once for each network; else the default."),
    ] = None,
    seeds: Annotated[int, Parameter(help="Networks of every config, with this many seeds from SEED on.")] = 1,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random; the one in a TOML file is not read.")] = 0,
    resume: Resume = None,
    explain: Annotated[
        bool,
        Parameter(negative="", help="Tell what will be compiled, what it takes, and afterwards what it took."),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Train networks as they are: each config with one or more seeds, all at once; the best on dev rows is kept."""
    from caviar.network.config import Config  # noqa: PLC0415  (starts JAX's import)
    from caviar.reporting.training_run import reopen, train_networks  # noqa: PLC0415

    asked: dict[str, Any] = {"data": data, "config": config, "seeds": seeds, "seed": seed}
    result = None
    if resume is not None:
        _refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = _asked_of("train", resume)
        result, out = reopen(resume), resume
        if result is not None and explain:
            print(*result.plan.lines(), sep="\n", file=sys.stderr)
        asked = before | {"configs": {one["name"]: Config.from_mapping(one["config"]) for one in before["configs"]}}
    elif data is None:
        raise CommandError("caviar train needs DATA, or --resume RUN. For a first try: caviar train digits")
    else:
        asked |= rows.asked | {"configs": _configs(asked.pop("config") or [])}
    if result is None:
        with _listener() as listener:
            result = train_networks(**asked, out=out, explained=explain, listener=listener)
    print(json.dumps(result.summary) if as_json else "\n".join(result.table()))


@app.command
def split(
    data: Data = None,
    /,
    *,
    rows: Rows = _NOTHING_SAID,
    resolution: Annotated[float, Parameter(help="Difference between two error rates that dev must tell.")] = 0.01,
    seed: Annotated[int, Parameter(help="Of the choice of rows.")] = 0,
    out: Annotated[Path | None, Parameter(help="Folder for the files; caviar-splits/NAME-N when left out.")] = None,
    kind: Annotated[Literal["parquet", "csv"], Parameter(name="--format", help="Of the files.")] = "parquet",
    as_json: AsJson = False,
) -> None:
    """Divide a table into train, dev and test files, and say how and why."""
    from caviar.data.column_types import as_json as types_as_json  # noqa: PLC0415
    from caviar.data.written import lost_in_words, types_lost, write_sets  # noqa: PLC0415
    from caviar.reporting.division import Division  # noqa: PLC0415
    from caviar.reporting.run_folder import named, next_folder  # noqa: PLC0415

    if data is None:
        raise CommandError("caviar split needs DATA. For a first try: caviar split digits")
    table, done = rows.opened(data, resolution=resolution, seed=seed)
    rest = {"task": rows.task, "resolution": resolution, "types": types_as_json(rows.known_types)}
    asked = {"data": named(data)} | Division(**rows.division).asked | rest
    folder = write_sets(done, out or next_folder(table.name, "caviar-splits"), kind, asked)
    if as_json:
        print((folder / "split.json").read_text(encoding="utf-8"))
        return
    files = [name for name in ("train", "dev", "test") if (folder / f"{name}.{kind}").exists()]
    more = "".join(f" --{name} {quote(str(folder / f'{name}.{kind}'))}" for name in files[1:])
    again = {"group": rows.group, "time": rows.time, "task": rows.task, "scale": rows.scale, "types": rows.types}
    more += "".join(f" --{name} {quote(str(value))}" for name, value in again.items() if value is not None)
    print(*done.explanation, *lost_in_words(types_lost(done, kind), kind), sep="\n")
    print(f"Files:   {folder}")
    if (bridge_file := folder / f"bridge.{kind}").exists():
        print(
            f"Bridge:  {bridge_file} holds rows like those of train, held out to tell mismatch from too much variance; "
            "no command takes it back yet."
        )
    print(f"Go on:   caviar improve {quote(str(folder / f'train.{kind}'))} --target {quote(done.target.name)}{more}")


@app.command
def diagnose(
    data: Data = None,
    /,
    *,
    rows: Rows = _NOTHING_SAID,
    config: Annotated[
        Path | None, Parameter(help="TOML file with your network's settings: what is to be diagnosed.")
    ] = None,
    seeds: Annotated[int, Parameter(help="Networks of it, with this many seeds from SEED on.")] = 3,
    optimal_error: Annotated[
        float | None, Parameter(help="Error of a perfect model, such as a person's: a share, or an RMSE.")
    ] = None,
    fix: Annotated[bool, Parameter(negative="", help="Try the remedies; writes fixed.toml where any helps.")] = False,
    thorough: Annotated[
        bool,
        Parameter(
            negative="",
            help="Look closer: checks that train, a sweep of learning rates, whether more rows help, the landscape.",
        ),
    ] = False,
    trainings: Annotated[
        int, Parameter(help="What --fix may take at most, counted as one config trained with one seed.")
    ] = 20,
    data_only: Annotated[bool, Parameter(negative="", help="Check the data; no network is trained.")] = False,
    new: Annotated[str | None, Parameter(help="File with rows to predict, to be compared with the train rows.")] = None,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    everything: Annotated[bool, Parameter(name="--all", negative="", help="Show every finding in full.")] = False,
    as_json: AsJson = False,
) -> None:
    """Say what limits a network, with evidence, and what is wrong with the data; what hurts most first."""
    if data is None:
        raise CommandError("caviar diagnose needs DATA. For a first try: caviar diagnose digits")
    asked: dict[str, Any] = {"config": config, "seeds": seeds, "optimal_error": optimal_error}
    if data_only:
        _refuse_beside_data_only(asked | {"fix": fix, "thorough": thorough, "trainings": trainings, "out": out})
        from caviar.data.read import read  # noqa: PLC0415
        from caviar.diagnosis.data import diagnose_data  # noqa: PLC0415
        from caviar.reporting.findings import data_lines  # noqa: PLC0415

        table, divided = rows.opened(data, seed=seed)
        shape = table.image_shape
        found = diagnose_data(table, divided, None if new is None else read(new, target=False, image_shape=shape))
        if as_json:
            print(json.dumps(found.to_json(), allow_nan=False))
        else:
            print(*table.describe().splitlines(), "", *data_lines(found, everything=everything), sep="\n")
        return
    from caviar.reporting.config_file import read_config  # noqa: PLC0415
    from caviar.reporting.diagnosis_run import diagnose_network  # noqa: PLC0415

    asked |= rows.asked | {"config": None if config is None else read_config(config), "new": new, "seed": seed}
    again = f"{quote(data)}{rows.in_words}{f' --seed {seed}' if seed else ''}"
    with _listener() as listener:
        result = diagnose_network(
            data, **asked, fixing=fix, thorough=thorough, trainings=trainings, out=out, again=again, listener=listener
        )
    print(json.dumps(result.summary) if as_json else "\n".join(result.lines(everything=everything)))


@app.command
def predict(
    run: Annotated[Path, Parameter(help="Run folder of a finished run.")],
    data: Annotated[str, Parameter(help="File with the columns that the network was trained on, in any order.")],
    /,
    *,
    out: Annotated[Path | None, Parameter(help="CSV file for the predictions; printed when left out.")] = None,
    proba: Annotated[bool, Parameter(negative="", help="Add the probability of every class.")] = False,
) -> None:
    """Predict new rows with the network of a run: one line per row, with a heading."""
    from caviar.files import write_atomically  # noqa: PLC0415
    from caviar.training.saved import predict as answer  # noqa: PLC0415

    frame = answer(run, data, proba=proba)
    if out is None:
        sys.stdout.write(frame.write_csv())
        return
    with write_atomically(out) as path:
        frame.write_csv(path)
    print(f"{frame.height:,} predictions: {out}", file=sys.stderr)


@app.command
def check_gradients(
    file: Annotated[str, Parameter(help="FILE.py:FUNCTION; FUNCTION() returns (loss, params[, gradients]).")],
    /,
    *,
    epsilon: Annotated[float, Parameter(help="Step of the measurement, in [1e-9, 1e-4].")] = 1e-7,
    steps: Annotated[int, Parameter(help="Check again after so many steps of gradient descent.")] = 0,
    rate: Annotated[float, Parameter(help="Learning rate of these steps.")] = 0.1,
    at_most: Annotated[int, Parameter(help="Parameters to measure one by one; of more, a random part.")] = 2_000,
    seed: Annotated[int, Parameter(help="Of the random part.")] = 0,
    as_json: AsJson = False,
) -> int:
    """Check gradients against measured slopes of the loss; exit code 0 only when they are correct.

    `loss(params)` is one number; params any tree of arrays of real numbers; gradients a tree alike, or a function of
    params that returns one; without gradients, those of JAX are checked.
    """
    from caviar.diagnosis.gradient_file import check_file  # noqa: PLC0415  (starts JAX's import)

    found = check_file(file, epsilon=epsilon, steps=steps, rate=rate, at_most=at_most, seed=seed)
    print(json.dumps(found.to_json(), allow_nan=False) if as_json else found.describe())
    return 0 if found.overall == "correct" else 1


class CommandError(Exception):
    """The command line asks for what does not go together."""


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


def _configs(paths: Sequence[Path]) -> "dict[str, Config]":
    """The Configs of several files, each under the file's name, or under its path where another has the same name."""
    from caviar.reporting.config_file import read_config  # noqa: PLC0415

    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), None)
    if twice is not None:
        raise BadConfig(f"--config must name a file once, got {twice} twice. For several networks of it use --seeds.")
    names = [path.name for path in paths]
    return {path.name if names.count(path.name) == 1 else str(path): read_config(path) for path in paths}


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


def _refuse_beside_resume(given: dict[str, Any]) -> None:
    """What was asked stands in the run folder."""
    usual = dict.fromkeys(given) | {"seed": 0, "refit": True, "seeds": 1, "bridge": False}
    names = {"data": "DATA", "refit": "--no-refit"}
    beside = [names.get(name, f"--{name.replace('_', '-')}") for name in given if given[name] != usual[name]]
    if beside:
        raise CommandError(f"--resume takes data and options from the run folder; leave out {', '.join(beside)}.")


def _refuse_beside_data_only(given: dict[str, Any]) -> None:
    """Without a network there is nothing to be said of it."""
    usual = dict.fromkeys(given) | {"seeds": 3, "fix": False, "thorough": False, "trainings": 20}
    beside = [f"--{name.replace('_', '-')}" for name in given if given[name] != usual[name]]
    if beside:
        raise CommandError(f"--data-only trains no network; leave out {', '.join(beside)}, or --data-only.")


def _asked_of(command: str, folder: Path) -> dict[str, Any]:
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


def _from_files(asked: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What an interrupted improvement was asked for, to be asked again."""
    from caviar.network.config import Config  # noqa: PLC0415

    for part in ("data", "dev", "test"):
        if asked[part] == "given in Python":
            raise BadRun(
                f"The run in {folder} was begun in Python with data that are not in a file. Call caviar.improve "
                "again with the same arguments and out."
            )
    return asked | {"config": None if asked["config"] is None else Config.from_mapping(asked["config"])}


@contextlib.contextmanager
def _listener() -> "Iterator[Listener]":
    """A bar in a terminal, plain lines elsewhere."""
    from caviar.reporting.terminal import PlainLines, Terminal  # noqa: PLC0415

    if sys.stderr.isatty():
        with Terminal() as terminal:
            yield terminal
    else:
        yield PlainLines()


def _one_line(message: Warning | str, *_: object, **__: object) -> None:
    """A warning as one line, without the place in the code."""
    print(f"caviar: {message}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
