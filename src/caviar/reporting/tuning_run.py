"""`caviar tune`: a search of settings in a run folder, with the best network that it found.

    run.json, checkpoints/            as in `reporting.run_folder`; checkpoints go when the run is finished
    study.log                         the study, unless it is kept elsewhere; curves/: learning curves of its trials
    best.toml                         the best config, for --config
    model.json, model.safetensors     its network
    report.html, summary.json         there when the run is finished

The test rows stay sealed: a search chooses by dev rows, and `caviar improve` proves on test rows what it chose.
"""

import contextlib
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from time import monotonic
from typing import Any

from caviar.data.column_types import Asked, as_json
from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.errors import BadSpace
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.reporting import tuning_words
from caviar.reporting.asked_metric import check_defined, task_for
from caviar.reporting.config_file import config_lines
from caviar.reporting.division import Division
from caviar.reporting.run_folder import RunFolder, named, next_folder, read_summary
from caviar.reporting.story import versions
from caviar.reporting.terminal import Listener, Silent
from caviar.reporting.tuning_kept import kept
from caviar.reporting.tuning_progress import SearchTeller
from caviar.reporting.tuning_report import write_report
from caviar.reporting.tuning_result import (
    FORMAT,
    Chosen,
    Tuned,
    headline,
    of_chosen,
    of_data,
    of_front,
    of_selection,
    of_space,
    of_study,
    plain,
)
from caviar.training.lanes import lanes
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import written_out
from caviar.training.saved import Model, save
from caviar.training.score_files import ScoreFiles
from caviar.training.workbench import Workbench
from caviar.tuning.cluster import cluster as workers_of
from caviar.tuning.objectives import objectives_of
from caviar.tuning.proposals.front import Direction, front
from caviar.tuning.proposals.proposers import proposer_for
from caviar.tuning.search import Study
from caviar.tuning.selection import select
from caviar.tuning.spaces.defaults import default_space, starts
from caviar.tuning.spaces.kept import plain_space
from caviar.tuning.spaces.space import Space
from caviar.tuning.strategy import StrategyName
from caviar.tuning.study.storage import is_url, shown
from caviar.tuning.transfer.earlier import LIKE, prior_from
from caviar.tuning.transfer.likeness import figures_of
from caviar.tuning.tune import tune
from caviar.tuning.tune_networks import TRIALS


def tune_networks(
    data: str | Path,
    target: str | None = None,
    *,
    space: Space | None = None,
    config: Config | None = None,
    metric: MetricName | None = None,
    trials: int | None = None,
    seconds: float | None = None,
    proposals: str | None = None,
    rungs: str | None = None,
    objectives: Sequence[str] = ("error",),
    strategy: StrategyName | None = None,
    storage: str | None = None,
    cluster: str | None = None,
    warm_start: Sequence[str | Path] = (),
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
    again: str = "",
    listener: Listener | None = None,
) -> Tuned:
    """Search the settings of a network, and keep the best network in a run folder.

    Args:
        data: a file, or the name of a sample.
        target: the column to predict.
        space: what is searched; None is a space around `config` for its most important settings.
        config: trial 0, and the settings that are not searched; None is, with a space, the default config, and without
            one what `spaces.defaults.starts` says.
        metric: what is optimised; None is error or rmse.
        trials: configs in all; None is 64, or as many as the seconds allow.
        seconds: no generation is begun that would end much later.
        proposals: a word for who proposes points; None is coarse to fine.
        rungs: "none", "halving" or "hyperband"; None is "none".
        objectives: "error" - the metric - and what else is to be small: "size", "prediction_cost".
        strategy: "panda" or "caviar"; None: by how many networks the budget allows.
        storage: URL of a database for the study; None is study.log in the run folder.
        cluster: address of a Ray cluster that trains, or "local"; None: this process. It changes no result, so that a
            search may go on elsewhere.
        warm_start: run folders, journals or URLs of searches on other data, which tell where to look first.
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
        again: data and options as on the command line, to say how to go on.
        listener: told how the work goes.

    Raises:
        BadData: the data cannot be used as they are, or do not give the metric.
        BadConfig: the config or the metric does not fit the data.
        BadSpace: a space or a budget that cannot be searched.
        BadRun: `out` holds another run or is in use, or the storage does not answer or holds another search.
    """
    began = monotonic()
    tell = listener or Silent()
    _check(space, trials, seconds, proposals, objectives)
    table = read(data, target, types=types)
    if metric is not None and task is None:
        task = task_for(metric, table)
    division = Division(dev, test, group, time, by, source, bridge, scale)
    rows = division.split(table, tell=tell, task=task, seed=seed)
    optimised = metric_for(rows.task, metric)
    check_defined(optimised, rows)
    start = written_out(starts(rows, config, space)[0].changed(seed=seed, rows=1.0), rows)
    lanes([start], rows)
    earlier = [str(where) if is_url(where) else str(Path(where).absolute()) for where in warm_start]
    asked = {
        "command": "tune",
        "data": named(data),
        "target": table.target.name if table.target is not None else target,
        "space": None if space is None else plain(plain_space(space)),
        "config": None if config is None else config.to_json(),
        "metric": metric,
        "trials": trials,
        "seconds": seconds,
        "proposals": proposals,
        "rungs": rungs,
        "objectives": list(objectives),
        "strategy": strategy,
        "storage": None if storage is None else shown(storage),
        "warm_start": [shown(where) for where in earlier],
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
            return finished
        run = _Search(
            table=table,
            split=rows,
            metric=optimised,
            folder=folder,
            tell=tell,
            again=again,
            began=began - folder.seconds_before,
            start=start,
            cluster=cluster,
            earlier=earlier,
            settings={
                "space": space,
                "base": config,
                "metric": optimised,
                "trials": trials,
                "seconds": seconds,
                "proposals": proposals,
                "rungs": None if rungs == "none" else rungs,
                "objectives": objectives,
                "strategy": strategy,
                "storage": storage,
                "seed": seed,
            },
        )
        try:
            return run.run()
        except KeyboardInterrupt:
            tell.say(f"Interrupted. To go on where it was: caviar tune --resume {quote(str(folder.path))}")
            raise
        finally:
            folder.spent(run.seconds)


def reopen(folder: Path) -> Tuned | None:
    """A finished run, as it was left; None where it is not finished.

    Raises:
        BadRun: its summary is damaged.
    """
    content = read_summary(folder)
    return None if content is None else Tuned(folder, content)


def _check(
    space: Space | None, trials: int | None, seconds: float | None, proposals: str | None, objectives: Sequence[str]
) -> None:
    """Refuse what cannot be searched before a folder is made.

    Raises:
        BadSpace: a budget that is not above 0, unknown words, or a space that names what is no setting.
    """
    if (trials is not None and trials < 1) or (seconds is not None and not 0 < seconds < math.inf):
        given = f"--trials {trials}" if trials is not None and trials < 1 else f"--seconds {seconds:g}"
        raise BadSpace(
            f"A search needs at least 1 trial and more than 0 seconds, got {given}. Leave it out for {TRIALS} trials."
        )
    if space is not None:
        space.check_settings()
    if proposals is not None:
        proposer_for(proposals)
    objectives_of(objectives)


@dataclasses.dataclass(eq=False)
class _Search:
    """One search under way."""

    table: Table
    split: Split
    metric: MetricName
    folder: RunFolder
    tell: Listener
    again: str
    began: float
    start: Config
    cluster: str | None
    earlier: Sequence[str]
    settings: dict[str, Any]

    def __post_init__(self) -> None:
        kept = self.folder.path / "checkpoints"
        self.bench = Workbench(
            self.metric, ScoreFiles(kept / "scores"), self.tell.progress, lambda _: None, checkpoints=kept / "chosen"
        )

    @property
    def seconds(self) -> float:
        """Seconds so far, those before an interruption included."""
        return monotonic() - self.began

    def run(self) -> Tuned:
        """From the data to the report."""
        path = self.folder.path
        data = self.folder.plan("data", lambda: plain(self._data()))
        self.tell.stage("Data")
        for line in (*self.table.describe().splitlines(), *self.split.explanation):
            self.tell.say(line)
        self.tell.stage("Search")
        teller = SearchTeller(self.tell, self.metric, self.split.task)
        study = self._searched(teller)
        self.folder.spent(self.seconds)
        self.tell.stage("Last comparison, with fresh seeds")
        chosen = self._chosen(study)
        content = plain(
            {"format": FORMAT, **data, **of_study(study, self.metric), **of_space(study)}
            | {
                "best": of_chosen(chosen, self.split, self.metric) if chosen.run is not None else None,
                "selection": None if chosen.selection is None else of_selection(chosen.selection, self.split),
                "front": self._front(study),
                "strategy": teller.strategy,
                "networks_trained": self._networks(study),
                "seconds": round(self.seconds, 1),
                "seed": self.split.seed,
                "versions": versions(),
            }
        )
        if chosen.run is not None:
            save(Model.of(chosen.run, self.split), path)
            self._write_toml(chosen)
        write_report(dataclasses.replace(kept(path, storage=self.settings["storage"]), content=content, finished=True))
        self.folder.write_json("summary.json", content)
        self.folder.tidy()
        self.tell.stage("Result")
        for line in (*(headline(content) if content["best"] else ()), *tuning_words.of_space(content)):
            self.tell.say(line)
        return Tuned(path, content)

    def _searched(self, teller: SearchTeller) -> Study:
        """The study; trained by this process, or by a cluster."""
        prior = None
        if self.earlier:
            if self.settings["space"] is None:  # the same one for the search and for what earlier ones tell it
                trials = self.settings["trials"] or (TRIALS if self.settings["seconds"] is None else None)
                self.settings["space"] = default_space(self.start, self.split, trials=trials)
                self.settings["base"] = self.start  # around which it was made
            prior = prior_from(self.earlier, self.settings["space"], self.split)
            known = ", ".join(f"{one.name} ({one.likeness:.0%} alike)" for one in prior.earlier)
            self.tell.say(f"earlier searches: {known or 'none has settings that are searched here'}")
        with contextlib.nullcontext() if self.cluster is None else workers_of(self.cluster) as crew:
            study = tune(
                self.split,
                **self.settings,
                prior=prior,
                crew=crew,
                folder=self.folder.path,
                callbacks=[teller.training],
                say=teller.decided,
                tell=teller.generation,
            )
        study.optuna.set_user_attr(LIKE, figures_of(self.split))
        return study

    def _front(self, study: Study) -> dict[str, Any] | None:
        """The trials that no other beats in all objectives; None where there is one objective."""
        objectives = self.settings["objectives"]
        if len(objectives) < 2:
            return None
        first: Direction = "maximize" if self.metric in LARGER_IS_BETTER else "minimize"
        others: list[Direction] = ["minimize"] * (len(objectives) - 1)
        found = front(study.trials, [first, *others])
        return of_front(found, objectives)

    def _data(self) -> dict[str, Any]:
        """What the report says of the data and of the request."""
        return of_data(self.split, self.table.rows) | {"again": self.again, "metric": self.metric}

    def _chosen(self, study: Study) -> Chosen:
        """The best trials again with fresh seeds; of the one that is chosen, the first network that did not diverge."""
        found = select(study, self.split, judge=self.bench.judge)
        self.tell.say(found.sentence)
        config, trial = found.chosen.config, study.trials[found.chosen.trial]
        sound = [score.config.seed for score in found.chosen.scores if score.status != "diverged"]
        runs = self.bench.train(self.split, [config.changed(seed=seed) for seed in sound[:1]])
        run = runs[0] if runs and runs[0].status != "diverged" else None
        return Chosen(trial, config if run is None else run.config, found.chosen.scores, run, found)

    def _write_toml(self, chosen: Chosen) -> None:
        told = f"# The best of caviar tune, trial {chosen.trial.number}: what differs from caviar's defaults"
        with write_atomically(self.folder.path / "best.toml") as beside:
            beside.write_text("\n".join([told, *config_lines(chosen.config), ""]), encoding="utf-8")

    def _networks(self, study: Study) -> int:
        """Networks that were trained: of the trials, and after them."""
        return sum(trial.outcome.facts.get("networks", 1) for trial in study.trials) + len(self.bench.trained)
