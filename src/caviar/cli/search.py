"""Commands about a search of settings: tune, report."""

import dataclasses
import json
import sys
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
    space: Annotated[
        Path | None,
        Parameter(
            help="TOML file with the ranges that are searched, or a sweep of W&B (YAML); else around the config."
        ),
    ] = None,
    metric: Annotated[Metric | None, Parameter(help="What is optimised; error or rmse when left out.")] = None,
    trials: Annotated[int | None, Parameter(help="Configs in all; 64 when left out.")] = None,
    seconds: Annotated[float | None, Parameter(help="Time for the search.")] = None,
    proposals: Annotated[
        str | None,
        Parameter(
            help="Who proposes points: coarse_to_fine (when left out), random, grid, low_discrepancy, tpe, gp, cma, "
            "nsga2, nsga3."
        ),
    ] = None,
    rungs: Annotated[
        Literal["none", "halving", "hyperband"] | None,
        Parameter(help="Stop at rungs what is plainly not among the best; none when left out."),
    ] = None,
    objectives: Annotated[
        list[str] | None,
        Parameter(
            negative="", consume_multiple=True, help="error, and what else is to be small: size or prediction_cost."
        ),
    ] = None,
    strategy: Annotated[
        Literal["panda", "caviar"] | None,
        Parameter(help="One network nudged again and again, or many at once; by the budget when left out."),
    ] = None,
    storage: Annotated[
        str | None, Parameter(help="URL of a database for the study; study.log in the run folder when left out.")
    ] = None,
    cluster: Annotated[
        str | None, Parameter(help="Ray cluster that trains: its head's HOST:PORT, auto, or local.")
    ] = None,
    warm_start: Annotated[
        list[str] | None,
        Parameter(
            negative="", consume_multiple=True, help="Run folders of searches on other data: where to look first."
        ),
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
    from caviar.tuning.spaces.kept import space_from  # noqa: PLC0415

    asked: dict[str, Any] = {
        "data": data,
        "config": config,
        "space": space,
        "metric": metric,
        "trials": trials,
        "seconds": seconds,
        "proposals": proposals,
        "rungs": rungs,
        "objectives": objectives,
        "strategy": strategy,
        "warm_start": warm_start,
        "seed": seed,
    }
    result = None
    if resume is not None:
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        before = asked_of("tune", resume)
        result, out = reopen(resume), resume
        asked = before | {
            "config": None if before["config"] is None else Config.from_mapping(before["config"]),
            "space": space_from(before),
            "storage": storage or before["storage"],
        }
    elif data is None:
        raise CommandError("caviar tune needs DATA, or --resume RUN. For a first try: caviar tune digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
        asked |= {"objectives": objectives or ("error",), "warm_start": warm_start or (), "storage": storage}
        asked |= _of_file(space, asked)
        asked["again"] = f"{quote(data)}{rows.in_words}{f' --seed {seed}' if seed else ''}"
    if result is None:
        with listening() as told:
            result = tune_networks(**asked, cluster=cluster, out=out, listener=told)
    print(json.dumps(result.to_json()) if as_json else "\n".join(result.lines()))


def _of_file(space: Path | None, asked: dict[str, Any]) -> dict[str, Any]:
    """What a file of ranges says; what stands on the command line as well counts more."""
    from caviar.tuning.spaces.files import read_sweep  # noqa: PLC0415

    if space is None:
        return {"space": None}
    sweep = read_sweep(space)
    for sentence in sweep.said:
        print(f"{space}: {sentence}", file=sys.stderr)
    said = {"proposals": sweep.proposals, "trials": sweep.trials, "rungs": sweep.rungs and sweep.rungs.kind}
    more = {name: value for name, value in said.items() if asked[name] is None and value is not None}
    return {"space": sweep.space, **more}


def report(
    run: Annotated[Path, Parameter(help="Run folder, finished or interrupted.")],
    /,
    *,
    storage: Annotated[str | None, Parameter(help="URL of the study, where it needs a password.")] = None,
) -> None:
    """Write report.html anew from its run folder: of a search or session, also an unfinished one, or a re-tuning."""
    from caviar.reporting.run_folder import read_run, read_summary  # noqa: PLC0415

    begun = read_run(run)["asked"].get("command", "improve")
    if begun == "retune" and (summary := read_summary(run)) is not None:
        from caviar.reporting.retuning_report import write_retuning_report  # noqa: PLC0415

        print(f"Report: {write_retuning_report(run, summary)}")
        return
    if begun == "watch":
        from caviar.watching.watching_run import report_again  # noqa: PLC0415  (starts JAX's import)

        print(f"Report: {report_again(run)}")
        return
    if begun != "tune":
        path = run / "report.html"
        made = f"its report is {path}" if path.exists() else "it has none" + _reports_of(begun)
        raise BadRun(
            f"caviar report writes the reports of searches, sessions and re-tunings, but {run} is of caviar {begun}: "
            f"{made}."
        )
    from caviar.reporting.tuning_kept import kept  # noqa: PLC0415
    from caviar.reporting.tuning_report import write_report  # noqa: PLC0415

    found = kept(run, storage=storage)
    print(f"Report: {write_report(found)}{'' if found.finished else ' (the search is not finished)'}")


def _reports_of(command: str) -> str:
    """Why a run without a report has none."""
    if command == "train":
        return ", since caviar train prints its table and writes summary.json and curves/"
    return ", since it is not finished: the same command with --out goes on and writes it"


def retune(
    run: Annotated[Path, Parameter(help="Run folder of a finished improve, tune, train or retune.")],
    data: Annotated[str, Parameter(help="New data with the columns and the target of the run.")],
    /,
    *,
    trials: Annotated[int | None, Parameter(help="Configs of the search, where one is made.")] = None,
    search: Annotated[bool | None, Parameter(help="Search whatever the comparison says, or never.")] = None,
    tolerance: Annotated[
        float | None, Parameter(help="Share of the loss by which others must be better to be worth a search.")
    ] = None,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    as_json: AsJson = False,
) -> None:
    """Say whether the settings of a run still lead on new data, and search again only where it pays."""
    from caviar.reporting.retuning_run import retune as run_again  # noqa: PLC0415  (starts JAX's import)

    given = {"trials": trials, "search": search, "tolerance": tolerance}
    with listening() as listener:
        result = run_again(
            run,
            data,
            **{name: value for name, value in given.items() if value is not None},
            out=out,
            seed=seed,
            listener=listener,
        )
    print(
        json.dumps(result.summary)
        if as_json
        else "\n".join([*result.lines, f"Run folder: {result.folder}", f"Report:     {result.folder / 'report.html'}"])
    )


def status(
    *runs: Annotated[Path, Parameter(help="Run folders.")],
    days: Annotated[float, Parameter(help="Age at which settings are due.")] = 90,
    new: Annotated[
        str | None, Parameter(help="File with rows that have come since: due where they have shifted.")
    ] = None,
    as_json: AsJson = False,
) -> int:
    """Say which runs are due to be tuned again; exit code 0 none, 3 one is due, 4 one is unfinished or damaged."""
    from caviar.reporting.status import status as status_of  # noqa: PLC0415

    found = status_of(runs, new=new, days=days)
    print(json.dumps(found.to_json()) if as_json else "\n".join(found.lines))
    return found.code
