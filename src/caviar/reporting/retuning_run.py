"""`caviar retune RUN NEWDATA`: do the settings of a run still lead on new data, and if not, which do?

    run.json, checkpoints/            as in `reporting.run_folder`
    study.log                         the new study, where a search paid
    model.json, model.safetensors     the settings that lead, trained on the new train rows
    report.html, summary.json         there when the run is finished

The new test rows stay sealed.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any

from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.errors import BadRun, BadSpace
from caviar.network.config import Config
from caviar.reporting import words
from caviar.reporting.data_shift import DataShift, data_shift
from caviar.reporting.division import Division
from caviar.reporting.retuning_report import write_retuning_report
from caviar.reporting.run_folder import RunFolder, named, next_folder, read_run, read_summary
from caviar.reporting.story import FORMAT, held_out_error, versions
from caviar.reporting.terminal import Listener, Silent
from caviar.training.metrics import MetricName, metric_for
from caviar.training.plan import written_out
from caviar.training.saved import Model, load, save
from caviar.training.score_files import ScoreFiles
from caviar.training.workbench import Workbench
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.propose import Tried
from caviar.tuning.selection import Selection, fresh_seeds, select
from caviar.tuning.spaces.defaults import default_space
from caviar.tuning.spaces.space import Space
from caviar.tuning.transfer import retune as comparing
from caviar.tuning.transfer.earlier import Kept, as_earlier, kept_study, top_settings
from caviar.tuning.transfer.prior import Prior, Warmed
from caviar.tuning.transfer.retune import Comparison, Contestant, compare_settings, for_rows, space_for_rows
from caviar.tuning.trials import Trial
from caviar.tuning.tune_networks import tune_networks

TRIALS = 48
"""Configs of the search, where one pays."""


@dataclasses.dataclass(frozen=True, eq=False)
class Retuning:
    """What a re-tuning leaves.

    Attributes:
        folder: the run folder.
        summary: the content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]

    @property
    def verdict(self) -> str:
        """Settings still lead | optimum has moved | cannot tell."""
        return self.summary["verdict"]

    @property
    def config(self) -> Config:
        """The settings to take on the new data."""
        return Config.from_mapping(self.summary["best"]["config"])

    @property
    def model(self) -> Model:
        """A network with them, trained on the new train rows."""
        return load(self.folder)

    @property
    def lines(self) -> list[str]:
        """What was found, in words."""
        return list(self.summary["sentences"])


@dataclasses.dataclass(frozen=True, eq=False)
class _Old:
    """The run that is looked at again."""

    folder: Path
    asked: dict[str, Any]
    summary: dict[str, Any]
    kept: Kept | None
    top: list[tuple[str, Config]]
    start: Config | None
    train_rows: int
    note: str
    """Why its study was not read, or empty."""


def retune(
    run: str | Path,
    data: Any,
    *,
    trials: int = TRIALS,
    search: bool | None = None,
    tolerance: float = comparing.TOLERANCE,
    out: str | Path | None = None,
    seed: int = 0,
    listener: Listener | None = None,
) -> Retuning:
    """Say whether the settings of a run still lead on new data, and search where it pays.

    Args:
        run: the folder of a finished run of `improve`, `tune`, `train` or `retune`.
        data: anything `read` takes, with the columns and the target of the run.
        trials: configs of the search, its start included; at least 1.
        search: whether to search: None where it pays, see `Comparison.pays`.
        tolerance: share of the old best's loss by which others must be better to be worth a search; above 0.
        out: run folder; None is caviar-runs/NAME-N. The same request in the same folder goes on where it was.
        seed: of everything that is random.
        listener: told how the work goes.

    Returns:
        The Retuning; its folder holds model, summary and report.

    Raises:
        BadRun: the run is not finished or damaged, or `out` holds another run.
        BadData: the new data cannot be used as they are.
        BadSpace: a budget or a tolerance that is not above 0.
    """
    began = monotonic()
    if trials < 1 or not tolerance > 0:
        raise BadSpace(
            f"caviar retune needs at least 1 trial and a tolerance above 0, got {trials} and {tolerance}. "
            "Leave them out."
        )
    tell = listener or Silent()
    old = _old_run(Path(run))
    target = _target_of(old)
    table = read(data, target, types=old.asked.get("types"))
    division = _division(old, table)
    rows = division.split(table, tell=tell, task=old.asked.get("task") or old.summary.get("task"), seed=seed)
    metric = metric_for(rows.task, old.asked.get("metric"))
    asked = {
        "command": "retune",
        "run": str(old.folder.absolute()),
        "data": named(data),
        "target": target,
        **division.asked,
        "task": rows.task,
        "metric": metric,
        "types": old.asked.get("types"),
        "trials": trials,
        "search": search,
        "tolerance": tolerance,
        "seed": seed,
        "rows": rows.fingerprint,
    }
    place = Path(out) if out is not None else next_folder(f"{old.folder.name}-retuned")
    with RunFolder(place, asked) as folder:
        if (finished := reopen(folder.path)) is not None:
            tell.say(f"This run is finished already: {folder.path}")
            return finished
        try:
            content = _Retune(old, table, rows, metric, folder, tell, seed).run(trials, search, tolerance)
        except KeyboardInterrupt:
            tell.say(f"Interrupted. To go on where it was, give the same again with --out {folder.path}")
            raise
        finally:
            seconds = folder.seconds_before + monotonic() - began
            folder.spent(seconds)
        content["seconds"] = round(seconds, 1)
        write_retuning_report(folder.path, content)
        folder.write_json("summary.json", content)
        folder.tidy()
        return Retuning(folder.path, content)


def reopen(folder: Path) -> Retuning | None:
    """A finished re-tuning, as it was left; None where it is not finished.

    Raises:
        BadRun: its summary is damaged.
    """
    content = read_summary(folder)
    return None if content is None else Retuning(folder, content)


@dataclasses.dataclass(eq=False)
class _Retune:
    """One re-tuning under way."""

    old: _Old
    table: Table
    rows: Split
    metric: MetricName
    folder: RunFolder
    tell: Listener
    seed: int

    def run(self, trials: int, search: bool | None, tolerance: float) -> dict[str, Any]:
        """From the shift to the summary."""
        tell = self.tell
        tell.stage("Data")
        for line in (*self.table.describe().splitlines(), *self.rows.explanation):
            tell.say(line)
        shift = self._shift()
        self._say([*((self.old.note,) if self.old.note else ()), *shift.sentences])

        tell.stage("Old settings on the new data")
        ratio = self.rows.n_train / self.old.train_rows if self.old.train_rows else 1.0
        old = [(name, self._here(config, ratio)) for name, config in self.old.top]
        start = None if self.old.start is None else self._here(self.old.start, ratio)
        space = default_space(old[0][1], self.rows)
        if self.old.kept is not None:
            space = space_for_rows(self.old.kept.space, ratio)
        bench = Workbench(self.metric, ScoreFiles(self.folder.path / "checkpoints"), tell.progress, lambda _: None)
        used = [config.seed for _, config in self.old.top] + [self.seed]
        seeds = fresh_seeds(used, comparing.FIRST_SEEDS + comparing.FINAL_SEEDS)
        compared = compare_settings(
            self.rows, old, start, space, bench.judge, seeds=seeds, seed=self.seed, tolerance=tolerance
        )
        self._say(compared.sentences)

        told = [*((self.old.note,) if self.old.note else ()), *shift.sentences, *compared.sentences]
        chosen, selection = compared.best.config, None
        if search if search is not None else compared.pays:
            tell.stage("Search")
            selection, more = self._search(compared, space, trials, bench)
            chosen = selection.chosen.config
            self._say(more)
            told += more
        else:
            why = "A search would not pay: no gain beyond the tolerance is to be expected."
            told.append(why if search is None else "No search was asked for.")
            self._say(told[-1:])

        tell.stage("Network")
        run = bench.train(self.rows, [chosen.changed(seed=seeds[-1])])[0]
        save(Model.of(run, self.rows), self.folder.path)
        changed = words.changes(chosen, old[0][1].changed(seed=chosen.seed))
        whose = f"settings of {compared.best.name}" if selection is None else "settings that the search chose"
        same = f"the {whose}".replace("the settings of the chosen settings", "the settings chosen then")
        if changed != "unchanged":
            same += f"; against the old best: {changed}"
        told.append(f"The model that was trained on the new train rows has {same}.")
        self._say(told[-1:])
        scores = compared.best.scores if selection is None else selection.chosen.scores
        return {
            **self._summary(shift, compared),
            "searched": selection is not None,
            "best": {"config": chosen.to_json(), "dev_error": held_out_error(scores, self.rows).to_json()},
            "selection": None if selection is None else _selected(selection),
            "sentences": told,
            "networks_trained": len(bench.trained),
        }

    def _say(self, lines: Sequence[str]) -> None:
        for line in lines:
            self.tell.say(line)

    def _shift(self) -> DataShift:
        """The old train rows, or what is known of them, against all new rows but those of the test set."""
        train, dev = (self.rows.raw()[name].whole() for name in ("train", "dev"))
        new = train.vstack(dev.select(train.columns)) if dev.height else train
        target = self.rows.target.name
        return data_shift(self.old.folder, self.old.asked, read(new, target, types=self.old.asked.get("types")))

    def _here(self, config: Config, ratio: float) -> Config:
        """Old settings for the new rows."""
        return written_out(for_rows(config.changed(rows=1.0), ratio), self.rows)

    def _search(self, compared: Comparison, space: Space, trials: int, bench: Workbench) -> tuple[Selection, list[str]]:
        """A new study, from the best so far and warmed by the old study, and the best of it with fresh seeds."""
        earlier = None
        if self.old.kept is not None:
            like = {"train_rows": self.rows.n_train, "task": self.rows.task}
            earlier = as_earlier(self.old.kept, space, like, alike=1.0)
        prior = Prior(space, () if earlier is None else (earlier,))
        study = tune_networks(
            self.rows,
            space,
            base=compared.best.config,
            metric=self.metric,
            trials=trials,
            prior=prior,
            strategy="caviar",
            storage=self.folder.path / "study.log",
            say=self.tell.say,
            seed=self.seed,
        )
        verdict = Warmed(CoarseToFine(), prior).verdict([_tried(trial) for trial in study.trials])
        found = select(study, self.rows, judge=bench.judge)
        sentence = verdict.sentence[0].upper() + verdict.sentence[1:] + "."
        return found, [sentence, found.sentence]

    def _summary(self, shift: DataShift, compared: Comparison) -> dict[str, Any]:
        """What does not depend on whether it was searched."""
        return {
            "format": FORMAT,
            "task": self.rows.task,
            "metric": self.metric,
            "rows": self.table.rows,
            "split": self.rows.sizes,
            "run": str(self.old.folder.absolute()),
            "verdict": compared.verdict,
            "shift": shift.to_json(),
            "tolerance": compared.tolerance,
            "contestants": [self._contestant(one) for one in compared.contestants],
            "seed": self.seed,
            "versions": versions(),
        }

    def _contestant(self, one: Contestant) -> dict[str, Any]:
        return {
            "name": one.name,
            "kind": one.kind,
            "config": one.config.to_json(),
            "loss": one.reached.to_json(),
            "gain": one.gain.to_json(),
            "dev_error": held_out_error(one.scores, self.rows).to_json(),
            "seeds": len(one.scores),
            "better": one.better,
        }


def _tried(trial: Trial) -> Tried:
    return Tried(trial.values, trial.outcome.criterion, trial.outcome.noise, trial.outcome.state == "complete")


def _selected(found: Selection) -> dict[str, Any]:
    """A selection as plain values."""
    return {
        "optimism": found.optimism,
        "remaining": found.remaining,
        "sentence": found.sentence,
        "candidates": [
            {
                "trial": one.trial,
                "shown": one.shown,
                "loss": one.reached.to_json(),
                "behind": one.behind.to_json(),
                "standing": one.standing,
                "cost": one.cost,
            }
            for one in found.candidates
        ],
    }


def _old_run(folder: Path) -> _Old:
    """What a finished run found.

    Raises:
        BadRun: it is not finished, cannot be read, or holds no settings.
    """
    content = read_run(folder)
    summary = read_summary(folder)
    if summary is None:
        raise BadRun(f"caviar retune needs a finished run, but {folder} is not. Let it finish: --resume {folder}")
    asked = content["asked"]
    kept, note = None, ""
    if (folder / "study.log").exists():
        kept = kept_study(folder)
    elif isinstance(asked.get("storage"), str):  # a database may be gone, or want a password that is not kept
        try:
            kept = kept_study(folder)
        except BadRun as error:
            note = f"Of the old run only the chosen settings are taken, since its study cannot be opened: {error}"
    top = [] if kept is None else top_settings(kept, comparing.TOP)
    start = None
    if kept is not None:
        zero = next((trial for trial in kept.trials if trial.number == 0 and trial.config is not None), None)
        start = None if zero is None else zero.network
    best = _best_config(summary)
    if best is not None:
        same = best.changed(seed=0)
        top = [("the chosen settings", same), *((name, config) for name, config in top if config != same)]
    if not top:
        raise BadRun(f"A run to retune must hold the settings of a network, but {folder} holds none. Give another run.")
    rows = int((summary.get("split") or {}).get("train") or 0)
    return _Old(folder, asked, summary, kept, top[: comparing.TOP + 1], start, rows, note)


def _best_config(summary: Mapping[str, Any]) -> Config | None:
    """The chosen settings, as the summaries of `improve`, `tune`, `retune` and `train` have them."""
    best = summary.get("best")
    if not isinstance(best, Mapping):
        return None
    config = best.get("config")
    if isinstance(config, str):  # of `train`: the name of one of its configs
        config = next((one["config"] for one in summary.get("configs", []) if one["name"] == config), None)
    return Config.from_mapping(config) if isinstance(config, Mapping) else None


def _target_of(old: _Old) -> str:
    target = old.asked.get("target")
    if target is None:
        target = load(old.folder).target.name
    return target


def _division(old: _Old, table: Table) -> Division:
    """The division that was asked for, as far as it can be asked of new data: files of other rows are left out.

    Numbers are scaled as the chosen settings had them.
    """
    kept = {name: old.asked.get(name) for name in Division._fields}
    best = old.summary.get("best")
    if isinstance(best, Mapping) and "scale" in best:
        kept["scale"] = best["scale"] or "none"
    for name in ("dev", "test"):
        if isinstance(kept[name], str):
            kept[name] = None
    columns = table.features.columns
    for name in ("group", "time", "by"):
        if kept[name] is not None and kept[name] not in columns:
            kept[name] = None
    source = kept["source"]
    if source is not None and source[0] not in columns:
        kept["source"] = None
    return Division(**kept)
