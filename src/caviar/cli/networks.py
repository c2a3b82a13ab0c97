"""Commands that make networks and use them: improve, train, predict."""

import dataclasses
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

from caviar.cli.options import (
    NOTHING_SAID,
    AsJson,
    CommandError,
    Data,
    Metric,
    Out,
    Resume,
    Rows,
    asked_of,
    listening,
    refuse_beside_resume,
    refuse_beside_trial,
)
from caviar.errors import BadConfig, BadRun

if TYPE_CHECKING:
    from caviar.network.config import Config


def improve(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
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
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = asked_of("improve", resume)
        result, out = reopen(resume), resume
        asked = _from_files(before, resume) if result is None else {}
    elif data is None:
        raise CommandError("caviar improve needs DATA, or --resume RUN. For a first try: caviar improve digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
    if result is None:
        with listening() as listener:
            result = run(**asked, out=out, listener=listener)
    if as_json:
        print(json.dumps(result.summary))
    else:
        print(f"Run folder: {result.folder}\nReport:     {result.folder / 'report.html'}")


def train(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
    config: Annotated[
        list[Path] | None,
        Parameter(negative="", help="TOML file with a network's settings, once for each network; else the default."),
    ] = None,
    seeds: Annotated[int, Parameter(help="Networks of every config, with this many seeds from SEED on.")] = 1,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random; the one in a TOML file is not read.")] = 0,
    resume: Resume = None,
    trial: Annotated[
        int | None,
        Parameter(help="Train this trial of a search again, alone: DATA is then the run folder of caviar tune."),
    ] = None,
    storage: Annotated[str | None, Parameter(help="With --trial: URL of its study, where it needs a password.")] = None,
    explain: Annotated[
        bool,
        Parameter(negative="", help="Tell what will be compiled, what it takes, and afterwards what it took."),
    ] = False,
    as_json: AsJson = False,
) -> int:
    """Train networks as they are: each config with one or more seeds, all at once; the best on dev rows is kept."""
    from caviar.network.config import Config  # noqa: PLC0415  (starts JAX's import)
    from caviar.reporting.training_run import reopen, train_networks  # noqa: PLC0415

    asked: dict[str, Any] = {"data": data, "config": config, "seeds": seeds, "seed": seed}
    if trial is not None:
        refuse_beside_trial(asked | dataclasses.asdict(rows) | {"out": out, "resume": resume, "explain": explain})
        return _replay(data, trial, storage, as_json=as_json)
    if storage is not None:
        raise CommandError("--storage says where the study of a --trial is; leave it out, or give --trial N.")
    result = None
    if resume is not None:
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = asked_of("train", resume)
        result, out = reopen(resume), resume
        if result is not None and explain:
            print(*result.plan.lines(), sep="\n", file=sys.stderr)
        asked = before | {"configs": {one["name"]: Config.from_mapping(one["config"]) for one in before["configs"]}}
    elif data is None:
        raise CommandError("caviar train needs DATA, or --resume RUN. For a first try: caviar train digits")
    else:
        asked |= rows.asked | {"configs": _configs(asked.pop("config") or [])}
    if result is None:
        with listening() as listener:
            result = train_networks(**asked, out=out, explained=explain, listener=listener)
    print(json.dumps(result.summary) if as_json else "\n".join(result.table()))
    return 0


def _replay(run: str | None, trial: int, storage: str | None, *, as_json: bool) -> int:
    """Train one trial again; exit code 1 where its curves are others than those of the study."""
    from caviar.reporting.tuning_replay import replay  # noqa: PLC0415  (starts JAX's import)

    if run is None:
        raise CommandError("--trial needs the run folder of a search: caviar train --trial 137 caviar-runs/digits-1")
    with listening() as listener:
        result = replay(Path(run), trial, storage=storage, listener=listener)
    print(json.dumps(result.to_json()) if as_json else "\n".join(result.lines()))
    return 1 if result.same is False else 0


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


def _configs(paths: Sequence[Path]) -> "dict[str, Config]":
    """The Configs of several files, each under the file's name, or under its path where another has the same name."""
    from caviar.reporting.config_file import read_config  # noqa: PLC0415

    twice = next((path for number, path in enumerate(paths) if path in paths[:number]), None)
    if twice is not None:
        raise BadConfig(f"--config must name a file once, got {twice} twice. For several networks of it use --seeds.")
    names = [path.name for path in paths]
    return {path.name if names.count(path.name) == 1 else str(path): read_config(path) for path in paths}


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
