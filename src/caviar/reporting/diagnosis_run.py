"""`caviar diagnose`: a network and its data become findings, remedies and a report, in a run folder.

    run.json, checkpoints/    as in `reporting.run_folder`; checkpoints go when the run is finished
    fixed.toml                the config that the remedies gave, where any was proven to help
    report.html               for people
    summary.json              there when the run is finished

The test rows stay sealed: what is diagnosed is chosen by dev rows.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from time import monotonic

from caviar.data.column_types import Asked, as_json
from caviar.data.read import read
from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.task import Task
from caviar.diagnosis.data import diagnose_data
from caviar.diagnosis.diagnose import findings_of, ordered
from caviar.diagnosis.examine import examine
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.optimal_error import given_error
from caviar.diagnosis.subject import Subject
from caviar.errors import BadConfig
from caviar.files import write_atomically
from caviar.network.config import Config
from caviar.remedies.experiment import Candidate
from caviar.remedies.fix import Fixed, fix
from caviar.remedies.race import LEAST
from caviar.reporting import words
from caviar.reporting.closer_look import CloserLook, closer_look
from caviar.reporting.config_file import config_lines
from caviar.reporting.diagnosed import Diagnosed, Examination, summary
from caviar.reporting.diagnosis_report import write_report
from caviar.reporting.division import Division
from caviar.reporting.findings import Advice
from caviar.reporting.run_folder import RunFolder, named, next_folder, read_summary
from caviar.reporting.terminal import Listener, Silent
from caviar.training.lanes import lanes
from caviar.training.metrics import metric_for
from caviar.training.plan import written_out
from caviar.training.score_files import ScoreFiles
from caviar.training.workbench import Workbench

TRAININGS = 20
"""Trainings that remedies may take, one config with one seed each, where nothing else is asked."""

_SEEDS = 1 << 31
"""A Config's seed is below."""

_COMPARING = 3
"""Seeds by which remedies are compared, beside the one that picks their rates."""


def diagnose_network(
    data: str | Path,
    target: str | None = None,
    *,
    config: Config | None = None,
    seeds: int = 3,
    optimal_error: float | None = None,
    fixing: bool = False,
    thorough: bool = False,
    trainings: int = TRAININGS,
    dev: str | float | None = None,
    test: str | float | None = None,
    group: str | None = None,
    time: str | None = None,
    by: str | None = None,
    source: Sequence[str] | None = None,
    bridge: bool | None = None,
    scale: str | None = None,
    task: Task | None = None,
    new: str | Path | None = None,
    out: str | Path | None = None,
    seed: int = 0,
    types: Mapping[str, Asked] | None = None,
    again: str = "",
    listener: Listener | None = None,
) -> Diagnosed:
    """Say what limits a network and its data, and try what is prescribed where that is asked for.

    Args:
        data: a file, or the name of a sample.
        target: the column to predict.
        config: the network; None is `Config()`.
        seeds: networks that are trained, with the seeds `seed`, `seed` + 1, ....
        optimal_error: error of a perfect model, against which bias is read: share misclassified, or RMSE.
        fixing: try the remedies, and diagnose again what helped.
        thorough: look closer, see `closer_look`; takes several times as long.
        trainings: most that the remedies may take, one config with one seed each.
        dev: rows to choose by: a share, a number of rows, or a file; None follows the course's rule.
        test: rows that stay sealed, likewise; 0 for none.
        group: rows with the same value in this column are in one set; this and the next are as in `split`.
        time: column of dates or numbers by which dev and test rows are later than train rows.
        by: column that says train, dev or test in every row.
        source: column and value: dev and test take only such rows.
        bridge: hold a part of train as a set of its own.
        scale: how numbers are normalised: standard (None), robust, quantile, log, or "none".
        task: "classification" or "regression"; None is inferred from the target.
        new: file with rows to predict, to be compared with the train rows.
        out: run folder; None is caviar-runs/NAME-N. The same request in the same folder goes on where it was.
        seed: of everything that is random, the division of the rows included.
        types: what columns are, where the cells tell it wrongly, as in `read`.
        again: data and options as on the command line, to say how to go on.
        listener: told how the work goes.

    Raises:
        BadData: the data cannot be used as they are.
        BadConfig: the config does not fit the data, there are no seeds, or too few trainings.
        BadRun: `out` holds another run, or is in use.
    """
    began = monotonic()
    tell = listener or Silent()
    _check(seeds, trainings)
    table = read(data, target, types=types)
    division = Division(dev, test, group, time, by, source, bridge, scale)
    rows = division.split(table, tell=tell, task=task, seed=seed)
    start = written_out((config or Config()).changed(seed=seed, rows=1.0), rows)
    lanes([start], rows)
    if optimal_error is not None:
        given_error(optimal_error, rows)
    asked = {
        "command": "diagnose",
        "data": named(data),
        "target": table.target.name if table.target is not None else target,
        "config": None if config is None else config.to_json(),
        "seeds": seeds,
        "optimal_error": optimal_error,
        "fix": fixing,
        "thorough": thorough,
        "trainings": trainings if fixing else None,
        **division.asked,
        "task": task,
        "new": named(new),
        "seed": seed,
        "types": as_json(types),
        "rows": rows.fingerprint,
    }
    place = Path(out) if out is not None else next_folder(table.name)
    with RunFolder(place, asked) as folder:
        if (finished := reopen(folder.path)) is not None:
            tell.say(f"This run is finished already: {folder.path}")
            return finished
        look = _Look(
            table=table,
            split=rows,
            start=start,
            own=config is not None,
            seeds=[(seed + i) % _SEEDS for i in range(seeds)],
            optimal_error=optimal_error,
            most=trainings if fixing else 0,
            thorough=thorough,
            new=None if new is None else read(new, target=False, image_shape=table.image_shape),
            again=again,
            folder=folder,
            tell=tell,
            began=began - folder.seconds_before,
        )
        try:
            return look.run()
        except KeyboardInterrupt:
            tell.say(f"Interrupted. To go on where it was: the same command with --out {quote(str(folder.path))}")
            raise
        finally:
            folder.spent(look.seconds)


def reopen(folder: Path) -> Diagnosed | None:
    """A finished run, as it was left; None where it is not finished.

    Raises:
        BadRun: its summary is damaged.
    """
    content = read_summary(folder)
    return None if content is None else Diagnosed(folder, content)


def _check(seeds: int, trainings: int) -> None:
    """Refuse what cannot be done.

    Raises:
        BadConfig: no seeds, or too few trainings for a remedy.
    """
    if seeds < 1:
        raise BadConfig(f"--seeds must be at least 1, got {seeds}. Leave it out for three networks.")
    if trainings < LEAST:
        raise BadConfig(
            f"--trainings must be at least {LEAST}, got {trainings}: one remedy takes that many, since the network and "
            "it are trained at three learning rates each and compared with other seeds."
        )


@dataclasses.dataclass(eq=False)
class _Look:
    """One diagnosis under way."""

    table: Table
    split: Split
    start: Config
    own: bool
    seeds: list[int]
    optimal_error: float | None
    most: int
    thorough: bool
    new: Table | None
    again: str
    folder: RunFolder
    tell: Listener
    began: float

    def __post_init__(self) -> None:
        kept = self.folder.path / "checkpoints"
        metric = metric_for(self.split.task, None)
        self.bench = Workbench(
            metric, ScoreFiles(kept / "scores"), self.tell.progress, lambda _: None, checkpoints=kept / "networks"
        )

    @property
    def seconds(self) -> float:
        """Seconds so far, those before an interruption included."""
        return monotonic() - self.began

    def run(self) -> Diagnosed:
        """From the data to the report."""
        self.tell.stage("Data")
        for line in (*self.table.describe().splitlines(), *self.split.explanation):
            self.tell.say(line)
        about_data = diagnose_data(self.table, self.split, self.new)
        for sentence in (*about_data.passed, *about_data.skipped):
            self.tell.say(sentence)
        self.tell.stage("Diagnosis")
        seen = self._examined(Candidate(self.start, self.split))
        closer = self._closer(seen)
        findings = self._findings(seen, [*about_data.findings, *(closer.findings if closer else ())])
        self.tell.say(f"found: {', '.join(finding.name for finding in findings) or 'nothing'}")
        fixed, then = (None, None) if not self.most else self._fixed(findings, about_data.findings)
        networks = len(self.bench.trained)
        found = Examination(
            table=self.table,
            split=self.split,
            config=self.start,
            own=self.own,
            about_data=about_data,
            seen=seen,
            gaps=seen.gaps,
            closer=closer,
            findings=findings,
            advice=[Advice.on(finding, self.start, self.split) for finding in findings],
            fixed=fixed,
            most=self.most,
            then=then,
            go_on=self._written(fixed),
            networks=networks,
            seconds=self.seconds,
        )
        self.tell.stage("Result")
        content = summary(found)
        write_report(found, self.folder.path / "report.html")
        self.folder.write_json("summary.json", content)
        self.folder.tidy()
        return Diagnosed(self.folder.path, content)

    def _examined(self, what: Candidate) -> Subject:
        """The networks of a config and their companions, measured; their scores are known to the remedies."""
        seen = examine(what.split, what.config, self.bench.train, self.seeds, optimal_error=self.optimal_error)
        self.bench.keep(what.split, seen.scores)
        return seen

    def _closer(self, seen: Subject) -> CloserLook | None:
        """The closer look, where it was asked for."""
        if not self.thorough:
            return None
        self.tell.stage("A closer look")
        optimal = 0.0 if seen.gaps is None else seen.gaps.optimal.low
        return closer_look(seen, self.bench.train, optimal=optimal, tell=self.tell.say)

    def _findings(self, seen: Subject, about_data: Sequence[Finding]) -> list[Finding]:
        return ordered([*about_data, *findings_of(seen)])

    def _fixed(
        self, findings: Sequence[Finding], about_data: Sequence[Finding]
    ) -> tuple[Fixed, Sequence[Finding] | None]:
        """What the remedies gave, and what was found when the last that helped was looked at."""
        self.tell.stage("Remedies")
        looks: list[tuple[Candidate, Sequence[Finding]]] = []

        def again(what: Candidate) -> Sequence[Finding]:
            looks.append((what, self._findings(self._examined(what), about_data)))
            self.tell.say(f"found in what helped: {', '.join(f.name for f in looks[-1][1]) or 'nothing'}")
            return looks[-1][1]

        first = self.seeds[0]
        fixed = fix(
            self.split,
            self.start,
            findings,
            self.bench,
            [(first + i) % _SEEDS for i in range(1 + _COMPARING)],
            trainings=self.most,
            diagnose=again,
            tell=lambda outcome: self.tell.say(words.outcome(outcome)),
        )
        kept = fixed.kept[-1].candidate if fixed.kept else None
        return fixed, next((found for what, found in looks if what is kept), None)

    def _written(self, fixed: Fixed | None) -> str:
        """Write fixed.toml, and say how to go on with it; empty where nothing was proven to help."""
        if fixed is None or not fixed.kept:
            return ""
        best = fixed.kept[-1].candidate
        path = self.folder.path / "fixed.toml"
        told = (
            f"# What helped, as caviar diagnose --fix has proven: {', then '.join(o.remedy.name for o in fixed.kept)}"
        )
        with write_atomically(path) as beside:
            beside.write_text("\n".join([told, *config_lines(best.config), ""]), encoding="utf-8")
        scale = "" if best.split.scale == "standard" else f" --scale {best.split.scale or 'none'}"
        return f"caviar train {self.again} --config {quote(str(path))}{scale}"
