"""Commands about a search of settings: tune, report."""

import dataclasses
import json
from pathlib import Path
from shlex import quote
from typing import Annotated, Any, Literal

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
)
from caviar.errors import BadRun


def tune(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
    config: Annotated[
        Path | None, Parameter(help="TOML file with your network's settings: where the search begins.")
    ] = None,
    metric: Annotated[Metric | None, Parameter(help="What is optimised; error or rmse when left out.")] = None,
    trials: Annotated[int | None, Parameter(help="Configs in all; 64 when left out.")] = None,
    seconds: Annotated[float | None, Parameter(help="Time for the search.")] = None,
    strategy: Annotated[
        Literal["panda", "caviar"] | None,
        Parameter(help="One network nudged again and again, or many at once; by the budget when left out."),
    ] = None,
    storage: Annotated[
        str | None, Parameter(help="URL of a database for the study; study.log in the run folder when left out.")
    ] = None,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    resume: Resume = None,
    as_json: AsJson = False,
) -> None:
    """Search the settings of a network, hundreds at a time, coarse to fine; keeps study, curves and best network."""
    from caviar.network.config import Config  # noqa: PLC0415  (starts JAX's import)
    from caviar.reporting.config_file import read_config  # noqa: PLC0415
    from caviar.reporting.tuning_run import reopen, tune_networks  # noqa: PLC0415

    asked: dict[str, Any] = {
        "data": data,
        "config": config,
        "metric": metric,
        "trials": trials,
        "seconds": seconds,
        "strategy": strategy,
        "storage": storage,
        "seed": seed,
    }
    result = None
    if resume is not None:
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = asked_of("tune", resume)
        result, out = reopen(resume), resume
        asked = before | {"config": None if before["config"] is None else Config.from_mapping(before["config"])}
    elif data is None:
        raise CommandError("caviar tune needs DATA, or --resume RUN. For a first try: caviar tune digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
        asked["again"] = f"{quote(data)}{rows.in_words}{f' --seed {seed}' if seed else ''}"
    if result is None:
        with listening() as told:
            result = tune_networks(**asked, out=out, listener=told)
    print(json.dumps(result.to_json()) if as_json else "\n".join(result.lines()))


def report(
    run: Annotated[Path, Parameter(help="Run folder, finished or interrupted.")],
    /,
    *,
    storage: Annotated[str | None, Parameter(help="URL of the study, where it needs a password.")] = None,
) -> None:
    """Write report.html of a search anew from its run folder: also while it is not finished."""
    from caviar.reporting.run_folder import read_run  # noqa: PLC0415

    begun = read_run(run)["asked"].get("command", "improve")
    if begun != "tune":
        path = run / "report.html"
        made = f"its report is {path}" if path.exists() else "it has none" + _reports_of(begun)
        raise BadRun(f"caviar report writes the reports of searches, but {run} is of caviar {begun}: {made}.")
    from caviar.reporting.tuning_kept import kept  # noqa: PLC0415
    from caviar.reporting.tuning_report import write_report  # noqa: PLC0415

    found = kept(run, storage=storage)
    print(f"Report: {write_report(found)}{'' if found.finished else ' (the search is not finished)'}")


def _reports_of(command: str) -> str:
    """Why a run without a report has none."""
    if command == "train":
        return ", since caviar train prints its table and writes summary.json and curves/"
    return ", since it is not finished: the same command with --out goes on and writes it"
