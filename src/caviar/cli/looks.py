"""Commands that look at data, networks and gradients: split, diagnose, check-gradients."""

import json
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

from cyclopts import Parameter

from caviar.cli.options import NOTHING_SAID, AsJson, CommandError, Data, Out, Rows, listening


def split(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
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


def diagnose(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
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
    with listening() as listener:
        result = diagnose_network(
            data, **asked, fixing=fix, thorough=thorough, trainings=trainings, out=out, again=again, listener=listener
        )
    print(json.dumps(result.summary) if as_json else "\n".join(result.lines(everything=everything)))


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


def _refuse_beside_data_only(given: dict[str, Any]) -> None:
    """Without a network there is nothing to be said of it."""
    usual = dict.fromkeys(given) | {"seeds": 3, "fix": False, "thorough": False, "trainings": 20}
    beside = [f"--{name.replace('_', '-')}" for name in given if given[name] != usual[name]]
    if beside:
        raise CommandError(f"--data-only trains no network; leave out {', '.join(beside)}, or --data-only.")
