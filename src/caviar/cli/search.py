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
