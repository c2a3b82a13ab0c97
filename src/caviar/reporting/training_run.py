"""`caviar train`: some configs, each with several seeds, become a run folder with the best of their networks.

    run.json, checkpoints/            as in `reporting.run_folder`; checkpoints hold lanes, until the run is finished
    curves/networks.safetensors       arrays NUMBER.MEASURE, one value per epoch
    model.json, model.safetensors     the network with the lowest dev error
    summary.json                      there when the run is finished

The test rows stay sealed: they are for the end, when nothing more is chosen.
"""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic

from caviar.data.column_types import Asked, as_json
from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.task import Task
from caviar.errors import BadConfig
from caviar.network.config import Config
from caviar.reporting import words
from caviar.reporting.division import Division
from caviar.reporting.run_folder import RunFolder, named, next_folder, read_run, read_summary
from caviar.reporting.terminal import Listener, Silent
from caviar.reporting.trained import Trained, summary, write_curves
from caviar.training.explain import explain
from caviar.training.lanes import lanes
from caviar.training.population import Callback, Progress, train
from caviar.training.record import Run
from caviar.training.saved import Model, save
from caviar.training.spent import Spent

_SEEDS = 1 << 31
"""A Config's seed is below."""


def train_networks(
    data: str | Path,
    target: str | None = None,
    *,
    configs: Mapping[str, Config] | None = None,
    seeds: int = 1,
    dev: str | float | None = None,
    test: str | float | None = None,
    group: str | None = None,
    time: str | None = None,
    by: str | None = None,
    source: Sequence[str] | None = None,
    bridge: bool | None = None,
    scale: str | None = None,
    task: Task | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    types: Mapping[str, Asked] | None = None,
    explained: bool = False,
    listener: Listener | None = None,
) -> Trained:
    """Train configs with several seeds each, in one list, and keep the network with the lowest dev error.

    Args:
        data: a file, or the name of a sample.
        target: the column to predict.
        configs: the networks by their names; None is `Config()`.
        seeds: networks of every config: with the seeds `seed`, `seed` + 1, ....
        dev: rows to choose by: a share, a number of rows, or a file; None follows the course's rule.
        test: rows that stay sealed, likewise; 0 for none.
        group: rows with the same value in this column are in one set; this and the next are as in `split`.
        time: column of dates or numbers by which dev and test rows are later than train rows.
        by: column that says train, dev or test in every row.
        source: column and value: dev and test take only such rows.
        bridge: hold a part of train as a set of its own.
        scale: how numbers are normalised: standard (None), robust, quantile, log, or "none".
        task: "classification" or "regression"; None is inferred from the target.
        out: run folder; None is caviar-runs/NAME-N. The same request in the same folder goes on where it was.
        seed: of everything that is random, the division of the rows included.
        types: what columns are, where the cells tell it wrongly, as in `read`.
        explained: tell the plan before training, and after it what was spent.
        listener: told how the work goes.

    Raises:
        BadData: the data cannot be used as they are.
        BadConfig: a config does not fit the data, or there are no seeds.
        BadRun: `out` holds another run, or is in use.
    """
    began = monotonic()
    tell = listener or Silent()
    if seeds < 1:
        raise BadConfig(f"--seeds must be at least 1, got {seeds}. Leave it out for one network of every config.")
    table = read(data, target, types=types)
    column = table.target.name if table.target is not None else target
    division = Division(dev, test, group, time, by, source, bridge, scale)
    rows = division.split(table, tell=tell, task=task, seed=seed)
    by_name = configs or {"default": Config()}
    networks = _networks(by_name, [(seed + i) % _SEEDS for i in range(seeds)], rows)
    own = list(networks.values())
    plan = explain(rows, own)
    asked = {
        "command": "train",
        "data": named(data),
        "target": column,
        "configs": [{"name": name, "config": config.to_json()} for name, config in (configs or {}).items()],
        "seeds": seeds,
        **division.asked,
        "task": task,
        "seed": seed,
        "types": as_json(types),
        "rows": rows.fingerprint,
    }
    place = Path(out) if out is not None else next_folder(table.name)
    with RunFolder(place, asked) as folder:
        if (finished := reopen(folder.path)) is not None:
            tell.say(f"This run is finished already: {folder.path}")
            _say(finished.plan.lines() if explained else (), tell)
            return finished
        tell.stage("Data")
        _say((*table.describe().splitlines(), *rows.explanation), tell)
        if explained:
            tell.stage("Plan")
            _say(plan.lines(), tell)
        tell.stage("Training")
        runs, spent, seconds = _train(folder, rows, own, tell, began)
        content = summary(table, rows, by_name, [name for name, _ in networks], runs) | {
            "plan": plan.with_spent(spent).to_json(),
            "seconds": round(seconds, 1),
        }
        write_curves(runs, folder.path / "curves")
        if content["best"] is not None:
            save(Model.of(runs[content["networks"].index(content["best"])], rows), folder.path)
        folder.write_json("summary.json", content)
        folder.tidy()
        result = Trained(folder.path, content)
        if explained:
            tell.stage("What was spent")
            _say(result.plan.lines(), tell)
        tell.stage("Result")
        _say(result.result(), tell)
        return result


def reopen(folder: Path) -> Trained | None:
    """A finished run, as it was left; None where it is not finished.

    Raises:
        BadRun: its summary is damaged.
    """
    content = read_summary(folder)
    return None if content is None else Trained(folder, content)


def _networks(configs: Mapping[str, Config], seeds: Sequence[int], rows: Split) -> dict[tuple[str, int], Config]:
    """Every config with every seed, checked against the rows."""
    for name, config in configs.items():
        try:
            lanes([config], rows)
        except BadConfig as error:
            raise BadConfig(f"{name}: {error}" if len(configs) > 1 else str(error)) from None
    return {(name, seed): config.changed(seed=seed) for name, config in configs.items() for seed in seeds}


def _train(
    folder: RunFolder, rows: Split, configs: Sequence[Config], tell: Listener, began: float
) -> tuple[list[Run], dict[str, float], float]:
    """The runs, the seconds that each program has taken, and all seconds; those before an interruption included."""
    before = read_run(folder.path)
    spent = Spent(rows, configs, before=before.get("spent"))
    try:
        runs = train(rows, configs, callbacks=[spent, _teller(tell, rows)], checkpoints=folder.path / "checkpoints")
    except KeyboardInterrupt:
        tell.say(f"Interrupted. To go on where it was: caviar train --resume {folder.path}")
        raise
    finally:
        seconds = before["seconds"] + monotonic() - began
        folder.write_json("run.json", before | {"seconds": seconds, "spent": spent.seconds})
    return runs, spent.seconds, seconds


def _teller(tell: Listener, rows: Split) -> Callback:
    """A callback of `train` that says how far it is, and the lowest dev error of where the networks are."""
    errors: dict[int, float] = {}

    def told(progress: Progress) -> None:
        errors.update({epochs.number: float(epochs.history["dev_error"][-1]) for epochs in progress.epochs})
        lowest = min((error for error in errors.values() if math.isfinite(error)), default=math.nan)
        known = "" if math.isnan(lowest) else f", lowest dev error {words.error(lowest, rows.task)}"
        tell.progress(f"{progress.networks_done} of {progress.networks} networks{known}", progress.share)

    return told


def _say(lines: Sequence[str], tell: Listener) -> None:
    for line in lines:
        tell.say(line)
