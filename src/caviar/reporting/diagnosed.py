"""What `caviar diagnose` finds out about a network: one value, its summary, and its lines on the screen."""

import dataclasses
import functools
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from caviar.data.split import Split
from caviar.data.table import Table
from caviar.data.words import count
from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.data import DataDiagnosis
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate
from caviar.diagnosis.references import references
from caviar.diagnosis.subject import Subject
from caviar.network.config import Config
from caviar.remedies.experiment import Outcome
from caviar.remedies.fix import Fixed
from caviar.reporting import words
from caviar.reporting.closer_look import CloserLook
from caviar.reporting.findings import IN_A_LINE, Advice, finding_lines, limiting, wrapped
from caviar.reporting.story import as_error, error_of_rows, held_out_error, versions

FORMAT = 1


@dataclasses.dataclass(frozen=True, eq=False)
class Examination:
    """Everything that was found out.

    Attributes:
        table: as it was read.
        split: of its rows; the test rows are sealed.
        config: of the networks, with the rate and epochs that it has by rule written out.
        own: whether a person gave it.
        about_data: what the checks of the data found, passed and skipped.
        seen: the networks and their companions, measured.
        gaps: bias and variance; None where every network diverged.
        closer: the closer look; None where that was not asked for.
        findings: about data and network, what hurts most first.
        advice: on each of them.
        fixed: the remedies that were tried; None where that was not asked for.
        most: trainings that they could take.
        then: what was found after remedies had helped, in the last look at what was kept; None without one.
        go_on: the command that trains what was kept, but for the file's name; empty where nothing was.
        networks: networks that were trained.
        seconds: how long it took.
    """

    table: Table
    split: Split
    config: Config
    own: bool
    about_data: DataDiagnosis
    seen: Subject
    gaps: BiasVariance | None
    closer: CloserLook | None
    findings: Sequence[Finding]
    advice: Sequence[Advice]
    fixed: Fixed | None
    most: int
    then: Sequence[Finding] | None
    go_on: str
    networks: int
    seconds: float

    @property
    def kept(self) -> Outcome | None:
        """The last remedy that helped, on top of those before it; None where none did."""
        return self.fixed.kept[-1] if self.fixed is not None and self.fixed.kept else None

    @property
    def came_to(self) -> list[str]:
        """What the remedies gave; where no setting helped, what a person can do instead."""
        told = [] if self.fixed is None else self.fixed.words()
        if self.kept is None or self.fixed is None:
            return told
        return [f"Kept: {line}" for line in told[: len(self.fixed.kept)]]

    @functools.cached_property
    def errors(self) -> dict[str, Estimate]:
        """Errors with intervals: of the networks, and of what they are compared with; as people read them."""
        found: dict[str, Estimate] = {}
        if self.gaps is not None:
            found["training rows"] = as_error(self.gaps.train, self.split)
            found["held-out rows"] = held_out_error(self.seen.scores, self.split)
        if self.kept is not None:
            found["held-out rows, with what helped"] = held_out_error(self.kept.scores, self.split)
        found["constant model"] = held_out_error((self.seen.constant,), self.split)
        quick = references(self.split)
        return found | {
            f"quick model ({name})": error_of_rows(errors[None], self.split)
            for name, errors in zip(quick.names, quick.errors, strict=True)
        }


def headline(findings: Sequence[Finding], own: bool) -> str:
    """What limits the network most, in one sentence."""
    name = "your network" if own else "the default network"
    most = limiting(findings)
    if not most:
        return f"Nothing was found that limits {name}."
    first = most[0]
    rest = f", and {count(len(most) - 1, 'other thing')}" if len(most) > 1 else ""
    return f"What limits {name} most: {IN_A_LINE[first.name]} ({first.name.replace('_', ' ')}){rest}."


def summary(seen: Examination) -> dict[str, Any]:
    """The content of `summary.json`; figures that are not finite are null."""
    content = {
        "format": FORMAT,
        "task": seen.split.task,
        "rows": seen.table.rows,
        "split": seen.split.sizes,
        "judged": "out of fold" if len(seen.seen.scores[0].on) > 1 else "dev",
        "config": seen.config.to_json(),
        "own": seen.own,
        "seeds": [score.config.seed for score in seen.seen.scores],
        "headline": headline(seen.findings, seen.own),
        "findings": [finding.to_json() for finding in seen.findings],
        "advice": [one.to_json() for one in seen.advice],
        "passed": list(seen.about_data.passed),
        "skipped": list(seen.about_data.skipped),
        "errors": {name: error.to_json() for name, error in seen.errors.items()},
        "closer_look": None if seen.closer is None else seen.closer.to_json(),
        "remedies": [] if seen.fixed is None else [_remedy(outcome) for outcome in seen.fixed.outcomes],
        "fixed": None if seen.fixed is None else _fixed(seen, seen.fixed),
        "networks_trained": seen.networks,
        "seconds": round(seen.seconds, 1),
        "seed": seen.split.seed,
        "versions": versions(),
    }
    return _plain(content)


def _remedy(outcome: Outcome) -> dict[str, Any]:
    return {
        "name": outcome.remedy.name,
        "gain": outcome.gain.to_json(),
        "error_gain": outcome.error_gain.to_json(),
        "verdict": outcome.verdict,
        "rate_factor": outcome.rate_factor,
        "in_words": words.outcome(outcome),
    }


def _fixed(seen: Examination, fixed: Fixed) -> dict[str, Any]:
    kept = seen.kept
    return {
        "trainings": fixed.trainings,
        "most": seen.most,
        "kept": [outcome.remedy.name for outcome in fixed.kept],
        "asked": [{"name": r.name, "asks": r.asks, "reason": r.reason, "source": r.source} for r in fixed.asked],
        "in_words": seen.came_to,
        "config": None if kept is None else kept.candidate.config.to_json(),
        "scale": None if kept is None else kept.candidate.split.scale,
        "then": None if seen.then is None else [finding.name for finding in seen.then],
        "go_on": seen.go_on,
    }


def _plain(value: Any) -> Any:
    """The same with null for figures that are not finite."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value


@dataclasses.dataclass(frozen=True, eq=False)
class Diagnosed:
    """What `caviar diagnose` leaves.

    Attributes:
        folder: the run folder.
        summary: the content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]

    def lines(self, *, everything: bool = False) -> list[str]:
        """The answer on a screen; `everything` shows all findings in full."""
        content = self.summary
        findings = [Finding(**one) for one in content["findings"]]
        advice = [Advice(tuple(one["tries"]), tuple(one["asks"])) for one in content["advice"]]
        rest = "They are in the report; --all shows them here."
        none = "Nothing was found that speaks against the network or its data."
        return [
            content["headline"],
            "",
            *finding_lines(findings, advice, everything=everything, none=none, rest=rest),
            "",
            *self._errors(),
            *self._closer(),
            *([] if content["fixed"] is None else self._remedies(content["fixed"])),
            "",
            f"Run folder: {self.folder}",
            f"Report:     {self.folder / 'report.html'}",
        ]

    def _errors(self) -> list[str]:
        content = self.summary
        lines = [f"Errors, with 95 % intervals ({count(len(content['seeds']), 'seed')} of the network):"]
        width = max(map(len, content["errors"]))
        for name, error in content["errors"].items():
            value, low, high = (math.nan if error[part] is None else error[part] for part in ("value", "low", "high"))
            told = words.error_interval(Estimate(value, low, high, error["rows"]), content["task"])
            lines.append(f"  {name:<{width}}  {told}")
        return lines

    def _closer(self) -> list[str]:
        """What a closer look has shown, under a heading each."""
        lines: list[str] = []
        for title, sentences in (self.summary["closer_look"] or {}).get("in_words", {}).items():
            lines += ["", f"{title}:", *(line for sentence in sentences for line in wrapped(sentence, "  "))]
        return lines

    def _remedies(self, fixed: dict[str, Any]) -> list[str]:
        tried = self.summary["remedies"]
        lines = ["", f"{count(len(tried), 'remedy')} tried in {fixed['trainings']} of {fixed['most']} trainings:"]
        lines += [f"  {one['in_words']}" for one in tried]
        lines += ["", *fixed["in_words"]]
        if fixed["then"] is not None:
            lines.append(f"Found after that: {', '.join(fixed['then']) or 'nothing more'}.")
        if fixed["go_on"]:
            lines.append(f"Go on:      {fixed['go_on']}")
        return lines
