"""The loop: read, baselines, diagnosis, remedies, search, one look at the test set.

The only place where the flow turns back. Every step makes lists of configs and reads scores. What is random follows
from the seed; the budget counts trainings unless seconds are given. Scores are kept in the run folder as they come, so
that an interrupted run goes on where it was.
"""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any
from uuid import uuid4

import numpy as np

from caviar.data.column_types import Asked, as_json
from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.diagnosis import sanity
from caviar.diagnosis.bias_variance import BiasVariance, bias_variance, overfit
from caviar.diagnosis.data import diagnose_data
from caviar.diagnosis.diagnose import findings_of, ordered
from caviar.diagnosis.examine import examine
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import paired_gain
from caviar.errors import BadConfig, BadData
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate, Outcome, judge_all
from caviar.remedies.fix import Fixed, fix
from caviar.reporting import words
from caviar.reporting.asked_metric import check_defined, task_for
from caviar.reporting.conclusion import conclusion, seed_noise
from caviar.reporting.division import Division
from caviar.reporting.findings import Advice, finding_lines
from caviar.reporting.looks import looks
from caviar.reporting.report import write_curves, write_report
from caviar.reporting.run_folder import RunFolder, named, next_folder, read_summary
from caviar.reporting.story import Story, held_out_error, summary
from caviar.reporting.terminal import Listener, Silent
from caviar.training.metrics import LARGER_IS_BETTER, MetricName, metric_for
from caviar.training.plan import program_for, relative_cost, written_out
from caviar.training.record import Run
from caviar.training.saved import Model, load, save
from caviar.training.score_files import ScoreFiles
from caviar.training.scores import Score, error_in_unit, networks_for, row_plan
from caviar.training.workbench import Workbench
from caviar.tuning.baselines import Baseline, train_baselines
from caviar.tuning.budget import Budget
from caviar.tuning.choose import Finalist, best_of_search, choose
from caviar.tuning.networks import Scored
from caviar.tuning.proof import Proof, prove
from caviar.tuning.proposals.coarse_to_fine import CoarseToFine
from caviar.tuning.proposals.propose import Zoom
from caviar.tuning.proposals.together import together_in_programs
from caviar.tuning.search import Entry, Plan, Study, asked_of, search
from caviar.tuning.spaces.defaults import default_space
from caviar.tuning.study import store
from caviar.tuning.trials import Trial

REFIT_BELOW = 10_000
"""Rows in train and dev below which the chosen config is refitted on both."""

_BASELINE_SEEDS = 5
_COMPARING_SEEDS = 3
_FINAL_SEEDS = 3
_PROMISING = 3
"""Remedies with which a search begins."""

_SEEDS = 1 << 31
"""A Config's seed is below."""


@dataclasses.dataclass(frozen=True, eq=False)
class Improvement:
    """What `improve` leaves.

    Attributes:
        folder: the run folder.
        summary: the content of summary.json.
        model: the chosen network, ready to predict.
    """

    folder: Path
    summary: dict[str, Any]
    model: Model


def improve(
    data: Any,
    target: str | None = None,
    *,
    config: Config | None = None,
    dev: Any = None,
    test: Any = None,
    group: str | None = None,
    time: str | None = None,
    by: str | None = None,
    source: Sequence[str] | None = None,
    bridge: bool | None = None,
    scale: str | None = None,
    task: Task | None = None,
    metric: MetricName | None = None,
    optimal_error: float | None = None,
    seconds: float | None = None,
    trials: int | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    refit: bool = True,
    types: Mapping[str, Asked] | None = None,
    listener: Listener | None = None,
) -> Improvement:
    """Take a data set and a network, find out what limits it, and prove what makes it better.

    Args:
        data: anything `read` takes: a file, the name of a sample, a DataFrame, or (X, y).
        target: the column to predict.
        config: the network that is to be improved; None is `Config()`.
        dev: rows to choose by: a share, a number of rows, or anything `read` takes; None follows the course's rule.
        test: rows to judge by at the end, likewise; 0 for none.
        group: rows with the same value in this column are in one set; this and the next are as in `split`.
        time: column of dates or numbers by which dev and test rows are later than train rows.
        by: column that says train, dev or test in every row.
        source: column and value: dev and test take only such rows.
        bridge: hold a part of train as a set of its own.
        scale: how numbers are normalised at first: standard (None), robust, quantile, log, or "none".
        task: "classification" or "regression"; None is inferred from the target.
        metric: what is optimised; None is error or rmse.
        optimal_error: error of a perfect model, against which bias is read: share misclassified, or RMSE.
        seconds: what the whole should take: remedies are left out and the search ends to keep it. Baselines, one
            generation of the search and the proof are always done, whatever they take.
        trials: configs of the search; None is 30 (24 where they cost much), or as many as the seconds allow.
        out: run folder; None is caviar-runs/NAME-N. The same request in the same folder goes on where it was.
        seed: of everything that is random.
        refit: train the chosen config once more on train and dev, with fewer than 10,000 such rows.
        types: what columns are, where the cells tell it wrongly, as in `read`.
        listener: told how the work goes.

    Returns:
        The Improvement; its folder holds model, summary and report.

    Raises:
        BadData: the data cannot be used as they are.
        BadConfig: the config or the metric does not fit the data.
        BadSpace: a budget that is not above 0.
        BadRun: `out` holds another run, or is in use.
    """
    began = monotonic()
    Budget(seconds, trials)
    tell = listener or Silent()
    table = read(data, target, types=types)
    if metric is not None and task is None:
        task = task_for(metric, table)
    column = table.target.name if table.target is not None else target
    division = Division(dev, test, group, time, by, source, bridge, scale)
    rows = division.split(table, tell=tell, task=task, seed=seed)
    optimised = metric_for(rows.task, metric)
    check_defined(optimised, rows)
    _check_optimal(optimal_error, rows)
    start = (config or Config()).changed(seed=seed, rows=1.0)
    if start.network is not None:
        raise BadConfig(
            "caviar.improve needs caviar's own layers, which it widens, normalises and drops, got Config.network. "
            "Search the settings of your network with caviar.tune, or compare configs with caviar.train."
        )
    start = written_out(start, rows)
    program_for(start, rows)
    asked = {
        "data": named(data),
        "target": column,
        "config": None if config is None else config.to_json(),
        **division.asked,
        "task": task,
        "metric": metric,
        "optimal_error": optimal_error,
        "seconds": seconds,
        "trials": trials,
        "seed": seed,
        "refit": refit,
        "types": as_json(types),
        "rows": rows.fingerprint,
    }
    place = Path(out) if out is not None else next_folder(table.name)
    with RunFolder(place, asked) as folder:
        if (finished := reopen(folder.path)) is not None:
            tell.say(f"This run is finished already: {folder.path}")
            return finished
        loop = _Loop(
            table=table,
            split=rows,
            start=start,
            own=config is not None,
            metric=optimised,
            optimal_error=optimal_error,
            seed=seed,
            refit=refit,
            folder=folder,
            tell=tell,
            budget=Budget(seconds, trials, began=began, before=folder.seconds_before),
        )
        try:
            return loop.run()
        except KeyboardInterrupt:
            again = f"caviar improve --resume {folder.path}"
            if "given in Python" in (asked["data"], asked["dev"], asked["test"]):
                again = f"caviar.improve with the same arguments and out={str(folder.path)!r}"
            tell.say(f"Interrupted. To go on where it was: {again}")
            raise
        finally:
            folder.spent(loop.budget.spent)


def reopen(folder: Path) -> Improvement | None:
    """A finished run, as it was left; None where it is not finished.

    Raises:
        BadRun: its files are damaged.
    """
    content = read_summary(folder)
    return None if content is None else Improvement(folder, content, load(folder))


@dataclasses.dataclass(eq=False)
class _Loop:
    """One improvement under way."""

    table: Table
    split: Split
    start: Config
    own: bool
    metric: MetricName
    optimal_error: float | None
    seed: int
    refit: bool
    folder: RunFolder
    tell: Listener
    budget: Budget

    def __post_init__(self) -> None:
        scores = ScoreFiles(self.folder.path / "checkpoints")
        self.bench = Workbench(self.metric, scores, self.tell.progress, self._watch)
        self.best_error, self.best_name = float("inf"), ""

    def run(self) -> Improvement:
        """From the split to the report."""
        self._stage("Data")
        for line in (*self.table.describe().splitlines(), *self.split.explanation):
            self.tell.say(line)
        about_data = self._check_data()
        self._stage("Baselines")
        seeds = self._seeds(_BASELINE_SEEDS)
        limits = self._examine(seeds)
        baselines = train_baselines(self.split, self.start, self.bench, own=self.own, seeds=seeds, metric=self.metric)
        self._tell_baselines(baselines)

        self._stage("Diagnosis")
        before = self._bias_variance(baselines[-1].scores, self.split)
        findings = ordered([*about_data, *self._diagnose(limits, baselines)])

        self._stage("Remedies")
        seeds = self._seeds(1 + _COMPARING_SEEDS)
        fixed = fix(
            self.split,
            self.start,
            findings,
            self.bench,
            seeds,
            rounds=1,
            leave_out=lambda start, remedies: self.folder.plan(
                "not_tried", lambda: self.budget.too_long(start, remedies, self.bench, seeds)
            ),
            tell=self._tell_remedy,
        )
        if fixed.not_tried:
            self.tell.say(f"not tried for want of time: {', '.join(fixed.not_tried)}")
        for remedy in fixed.asked:
            self.tell.say(f"{remedy.name}, which only you can do: {remedy.asks}")

        self._stage("Search")
        study = self._search(fixed, findings)

        self._stage("Last comparison, with fresh seeds")
        chosen, finalists = self._choose(study, fixed.candidate, by_remedies=bool(fixed.kept))
        after = self._bias_variance(chosen.scores, chosen.candidate.split)

        self._stage("Proof")
        best_epoch = round(float(np.median([score.best_epoch for score in chosen.scores])))
        refit = self.refit and self.split.rows < REFIT_BELOW
        proof = prove(
            chosen.candidate,
            baselines,
            self.bench,
            best_epoch=best_epoch,
            split=self.split,
            refit=refit,
            seeds=self._final_seeds,
            by=f"caviar improve, run {self.folder.path.absolute()}",
            run=self.folder.plan("run", lambda: uuid4().hex),
        )
        findings += self._overfit(proof)
        story = Story(
            table=self.table,
            split=self.split,
            metric=self.metric,
            start=self.start,
            own=self.own,
            baselines=tuple(baselines),
            before=before,
            after=after,
            findings=tuple(findings),
            fixed=fixed,
            study=study,
            finalists=tuple(finalists),
            chosen=chosen,
            proof=proof,
            looks=looks(study.trials, len(fixed.outcomes), self.metric, self.split),
            networks=len(self.bench.trained),
            seconds=self.budget.spent,
            seconds_given=self.budget.seconds,
            seed=self.seed,
        )
        return self._finish(story)

    def _check_data(self) -> tuple[Finding, ...]:
        """What speaks against the data, told before time is spent on networks."""
        found = diagnose_data(self.table, self.split)
        if found.findings:
            self._tell_findings(found.findings)
        for sentence in (*found.passed, *found.skipped):
            self.tell.say(sentence)
        return found.findings

    def _stage(self, title: str) -> None:
        """Begin a part of the work; what was spent so far is noted, should the process be killed."""
        self.folder.spent(self.budget.spent)
        self.tell.stage(title)

    def _watch(self, scores: Sequence[Score]) -> None:
        """Say so when a network beats everything before it on rows it was not trained on."""
        for score in scores:
            error = error_in_unit(score.error, self.split)
            if not self.best_name or score.on != row_plan(self.split):
                continue
            if score.status != "diverged" and error < self.best_error:
                told = words.changes(score.config, self.start)
                self.tell.say(
                    f"better on {self._rows}: {told}: error {words.error(error, self.split.task)} "
                    f"(best before: {self.best_name}, {words.error(self.best_error, self.split.task)})"
                )
                self.best_error, self.best_name = error, told

    @property
    def _rows(self) -> str:
        """What dev rows are called: with little data every row takes its turn."""
        return "dev (out of fold)" if len(row_plan(self.split)) > 1 else "dev"

    def _tell_baselines(self, baselines: Sequence[Baseline]) -> None:
        for baseline in baselines:
            error = held_out_error(baseline.scores, self.split)
            noise = f"; {seed_noise(baseline.scores, self.split)}" if len(baseline.scores) > 1 else ""
            self.tell.say(
                f"{baseline.name}: error on {self._rows} {words.error_interval(error, self.split.task)}{noise}"
            )
            if error.value < self.best_error:
                self.best_error, self.best_name = error.value, baseline.name

    def _examine(self, seeds: Sequence[int]) -> list[Finding]:
        """What limits the start, by its networks and what is trained beside them; an interrupted run knows it."""

        def look() -> dict[str, list[dict[str, Any]]]:
            trained: list[Config] = []

            def train(split: Split, configs: Sequence[Config]) -> list[Run]:
                trained.extend(configs)
                return self.bench.train(split, configs)

            seen = examine(self.split, self.start, train, seeds, self.metric, optimal_error=self.optimal_error)
            self.bench.keep(self.split, seen.scores)
            found = findings_of(seen)
            return {"findings": [one.to_json() for one in found], "trained": [one.to_json() for one in trained]}

        looked = self.folder.plan("findings", look)
        for one in looked["trained"]:
            config = Config.from_mapping(one | {"network": None}).changed(network=self.start.network)
            self.bench.trained.add((self.split.fingerprint, config))
        return [Finding(**one) for one in looked["findings"]]

    def _diagnose(self, limits: Sequence[Finding], baselines: Sequence[Baseline]) -> list[Finding]:
        """What limits the start, and whether it loses to a simpler model."""
        found = list(limits)
        mine = np.stack([score.loss for score in baselines[-1].scores])
        linear = baselines[1]  # the constant model is among the limits
        simpler = np.broadcast_to(linear.scores[0].loss, mine.shape)
        found += sanity.worse_than_baseline(linear.name, paired_gain(simpler, mine))
        found = ordered(found)
        self._tell_findings(found)
        return found

    def _tell_findings(self, found: Sequence[Finding]) -> None:
        advice = [Advice.on(finding, self.start, self.split) for finding in found]
        none = "Bias and variance are both low, and nothing else was found."
        for line in filter(None, finding_lines(found, advice, none=none, rest="They are in the report.")):
            self.tell.say(line)

    def _tell_remedy(self, outcome: Outcome) -> None:
        self.tell.say(words.outcome(outcome))

    def _search(self, fixed: Fixed, findings: Sequence[Finding]) -> Study:
        """Coarse to fine around what was accepted; trial 0 is the start, judged with its own normalisation."""
        around = fixed.candidate
        centre = around.config.changed(seed=self.seed)
        names = {finding.name for finding in findings}
        regularise = "high_variance" in names or "high_bias" not in names
        space = default_space(centre, around.split, regularise=regularise)

        def judged(configs: Sequence[Config]) -> list[Score]:
            splits = [self.split if config == self.start else around.split for config in configs]
            return judge_all([Candidate(c, s) for c, s in zip(configs, splits, strict=True)], self.bench.judge)

        start = Candidate(self.start, self.split)
        most = self.budget.costliest(start, around)
        ended = [self.budget.spent]

        def told(trials: Sequence[Trial], zooms: Sequence[Zoom]) -> None:
            ended.append(self.budget.spent)
            best = min(trials, key=lambda trial: trial.outcome.criterion)
            where = f"zoomed: {'; '.join(zoom.reason for zoom in zooms)}" if zooms else "coarse: the whole space"
            self.tell.say(
                f"generation {trials[0].generation + 1}, {len(trials)} configs ({where}); its best: "
                f"{words.changes(best.network, self.start)}, error "
                f"{words.error(error_in_unit(best.score.error, self.split), self.split.task)}"
            )

        last = fixed.experiments[-1].promising
        promising = [outcome.candidate for outcome in last if outcome.candidate.split is around.split][:_PROMISING]
        first = dict.fromkeys([centre, *(candidate.config.changed(seed=self.seed) for candidate in promising)])
        given = [self.start, *(config for config in first if config != self.start)]
        most_trials = self.budget.trials(start, around)
        size = self.folder.plan("generation_size", lambda: self.budget.generation_size(start, around, self.bench))
        plan = Plan(
            space=space,
            propose=CoarseToFine(),
            trials=most_trials,
            generation_size=lambda _: size,
            seed=self.seed,
            given=tuple(Entry(space.values_of(config), config) for config in given[:most_trials]),
            config=lambda point: space.config(point, centre),
            together=lambda generation: together_in_programs(
                space,
                centre,
                first=generation == 0,
                allowed=lambda config: relative_cost(config, around.split) <= most,
            ),
            metric=self.metric,
        )
        study = store.open_study(
            self.folder.path / "study.log", "maximize" if self.metric in LARGER_IS_BETTER else "minimize"
        )
        store.claim(study, asked_of(plan, around=centre.to_json()))
        return search(
            plan,
            Scored(judged, self.metric),
            study,
            again=True,
            enough=lambda: self.budget.search_ends(ended[-1] - ended[-2]),
            tell=told,
        )

    def _seeds(self, n: int, after: int = 0) -> list[int]:
        """The n seeds that come `after` so many of the first; they begin again at 0 behind the largest."""
        return [(self.seed + after + i) % _SEEDS for i in range(n)]

    @property
    def _final_seeds(self) -> list[int]:
        """Seeds that neither remedies nor search have used."""
        return self._seeds(_FINAL_SEEDS, after=101)

    def _choose(self, study: Study, around: Candidate, *, by_remedies: bool) -> tuple[Finalist, list[Finalist]]:
        """The start, what the remedies gave, and the best of the search, with seeds that none of them has seen."""
        start = Candidate(self.start, self.split)
        finalists = [("yours" if self.own else "default", start)]
        if by_remedies or around.config.rate != self.start.rate:
            finalists.append(("remedies" if by_remedies else "another rate", around))
        finalists += best_of_search(
            study,
            around.split,
            known=[candidate.config for _, candidate in finalists],
            time_for=lambda config: self.budget.allows_finalist(
                around.split, [config.changed(seed=seed) for seed in self._final_seeds], self.bench
            ),
        )
        with self.bench.keeping():
            chosen, judged = choose(finalists, self.bench.judge, self._final_seeds, self.metric)
        for finalist in judged:
            error = held_out_error(finalist.scores, self.split)
            against = "the one to beat"
            if finalist is not judged[0]:
                against = f"loss lower by {words.interval(finalist.gain)} ({finalist.verdict})"
            self.tell.say(
                f"{'chosen: ' if finalist is chosen else ''}{finalist.name}: error on {self._rows} "
                f"{words.error_interval(error, self.split.task)}, {against}"
            )
        return chosen, judged

    def _bias_variance(self, scores: Sequence[Score], rows: Split) -> BiasVariance | None:
        """Bias and variance, None where every network diverged."""
        if all(score.status == "diverged" for score in scores):
            return None
        networks = [network for score in scores for network in networks_for(score.config, score.on)]
        # Only with a bridge is more asked than scores tell; networks that were kept are not trained again.
        runs = self.bench.train(rows, networks) if rows.n_bridge else []
        return bias_variance(scores, rows, self.optimal_error, runs=runs)

    def _overfit(self, proof: Proof) -> list[Finding]:
        """A finding when the test error is above the dev error by more than the tolerance, beyond the interval."""
        return [] if proof.overfit is None else overfit(proof.overfit, self.split)

    def _finish(self, story: Story) -> Improvement:
        """Write model, summary and report; then what only an unfinished run needs goes."""
        model = Model.of(story.proof.run, story.chosen.candidate.split)
        content = summary(story)
        save(model, self.folder.path)
        write_curves(story, self.folder.path / "curves")
        write_report(story, self.folder.path / "report.html")
        self.folder.write_json("summary.json", content)
        self.folder.tidy()
        for line in conclusion(story):
            self.tell.say(line)
        return Improvement(self.folder.path, content, model)


def _check_optimal(error: float | None, rows: Split) -> None:
    if error is None or 0 <= error < (1 if rows.task == "classification" else math.inf):
        return
    what = (
        "in [0, 1): the share of rows that even a perfect model misses, such as 0.02"
        if rows.task == "classification"
        else f"at least 0 and finite: an RMSE in the unit of '{rows.target.name}'"
    )
    raise BadData(f"--optimal-error must be {what}; got {error}. Leave it out if it is not known.")
