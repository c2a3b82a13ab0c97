"""Commands about one network that is watched: watch, replay."""

import dataclasses
import json
import sys
from pathlib import Path
from shlex import quote
from typing import Annotated, Any

from cyclopts import Parameter

from caviar.cli.options import (
    NOTHING_SAID,
    AsJson,
    CommandError,
    Data,
    Out,
    Resume,
    Rows,
    asked_of,
    listening,
    refuse_beside_resume,
)


def watch(
    data: Data = None,
    /,
    *,
    rows: Rows = NOTHING_SAID,
    config: Annotated[Path | None, Parameter(help="TOML file with the network's settings; else the default.")] = None,
    out: Out = None,
    seed: Annotated[int, Parameter(help="Of everything that is random.")] = 0,
    resume: Resume = None,
    as_json: AsJson = False,
) -> int:
    """Train one network and steer it while it trains: commands are typed, one a line; help tells them."""
    from caviar.network.config import Config  # noqa: PLC0415  (starts JAX's import)
    from caviar.reporting.config_file import read_config  # noqa: PLC0415
    from caviar.watching.watching_run import watch_data  # noqa: PLC0415

    asked: dict[str, Any] = {"data": data, "config": config, "seed": seed}
    if resume is not None:
        refuse_beside_resume(asked | dataclasses.asdict(rows) | {"out": out})
        asked, out = asked_of("watch", resume), resume
        asked["config"] = Config.from_mapping(asked["config"])
    elif data is None:
        raise CommandError("caviar watch needs DATA, or --resume RUN. For a first try: caviar watch digits")
    else:
        asked |= rows.asked | {"config": None if config is None else read_config(config)}
    with listening() as listener:
        result = watch_data(**asked, out=out, typed=sys.stdin, listener=listener)
    if as_json:
        print(json.dumps({"run": str(result.folder), "ended": result.ended, "branches": result.branches}))
    else:
        print(f"Run folder: {result.folder}")
        print(f"Go on:      caviar watch --resume {quote(str(result.folder))}")
        print(f"Replay:     caviar replay {quote(str(result.folder))}")
    return 0


def replay(
    run: Annotated[Path, Parameter(help="Run folder of caviar watch.")],
    /,
    *,
    as_json: AsJson = False,
) -> int:
    """Train the session of a run again, with its commands at their steps; exit code 1 where the bits are others."""
    from caviar.watching.watching_run import replay_run  # noqa: PLC0415  (starts JAX's import)

    found = replay_run(run)
    branches = {str(n): {"steps": b.steps, "epochs": b.epochs, "status": b.status} for n, b in found.branches.items()}
    if as_json:
        print(json.dumps({"equal": found.equal, "branches": branches}))
    else:
        for number, branch in branches.items():
            print(f"branch {number}: {branch['epochs']} epochs, {branch['steps']:,} steps, {branch['status']}")
        print(
            {
                True: "The same bits as in the session.",
                False: "NOT the bits of the session: they are the same on the same kind of processor with the same "
                "versions only.",
                None: "The session was not closed: there is nothing to compare with.",
            }[found.equal]
        )
    return 1 if found.equal is False else 0
