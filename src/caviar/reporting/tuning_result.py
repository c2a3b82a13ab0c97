"""What `caviar tune` leaves: the search as plain values (`summary.json`) and in sentences."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.intervals import Estimate, share
from caviar.network.config import Config
from caviar.reporting import tuning_words
from caviar.reporting.story import held_out_error
from caviar.training.metrics import LARGER_IS_BETTER, MetricName
from caviar.training.record import Run
from caviar.training.scores import Score, row_plan
from caviar.tuning.proposals.front import Front
from caviar.tuning.search import Study
from caviar.tuning.selection import Selection
from caviar.tuning.trials import LOSS_DECIDES, Trial

FORMAT = 1

_TRAIN_ROWS = 10_000
"""Train rows on which a history's train error is measured, at most."""


@dataclasses.dataclass(frozen=True, eq=False)
class Tuned:
    """What `caviar tune` leaves.

    Attributes:
        folder: the run folder.
        summary: the content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """What --json prints."""
        best = self.summary["best"]
        known = (None, {}) if best is None else (best["value"], best["params"])
        return {"best_value": known[0], "best_params": known[1], "trials": self.summary["trials"]} | {
            "run": str(self.folder)
        }

    def lines(self) -> list[str]:
        """What it came to, and how to go on."""
        content, best = self.summary, self.summary["best"]
        if best is None:
            said = ["Every network diverged: there is no model. Lower the learning rates of the space."]
        else:
            said = headline(content)
            toml = quote(str(self.folder / "best.toml"))
            data = content.get("again", "")
            said += [
                f"Its settings: {tuning_words.point(best['params'])}",
                f"To prove it:  caviar improve {data} --config {toml}",
                f"To use it:    caviar predict {quote(str(self.folder))} NEW_ROWS",
                f"Its curve:    caviar train --trial {best['trial']} {quote(str(self.folder))}",
            ]
        return [*said, f"Report:       {self.folder / 'report.html'}"]


def headline(content: Mapping[str, Any]) -> list[str]:
    """The best config against the one that the search began with."""
    best, start, task, metric = content["best"], content["start"], content["task"], content["metric"]
    name = tuning_words.name_of_metric(metric)
    reached = f"{name} {tuning_words.metric_interval(estimate(best['dev_value']), metric, task)}"
    on = "out of fold" if content["judged"] == "out of fold" else "on dev rows"
    if best["trial"] == 0:
        said = f"Nothing was better than the config that the search began with: {reached} {on}."
    else:
        began = tuning_words.metric(start["value"], metric, task)
        again = {one["trial"]: one["standing"] for one in (content["selection"] or {"candidates": []})["candidates"]}
        against = {
            "worse": f"shown to be better than what the search began with ({began})",
            "alike": f"it cannot be told from what the search began with ({began})",
        }.get(again.get(0, ""), f"the search began with {began}")
        said = f"Best of {count(content['trials'], 'trial')}: trial {best['trial']}, {reached} {on}; {against}."
    sealed = content["split"]["test"]
    return [said, *([f"The {sealed:,} test rows stay sealed."] if sealed else [])]


def estimate(kept: Mapping[str, Any]) -> Estimate:
    """A figure with its interval from JSON, which has no NaN."""
    figures = {name: math.nan if kept[name] is None else kept[name] for name in ("value", "low", "high")}
    return Estimate(**figures, rows=kept["rows"])


@dataclasses.dataclass(frozen=True, eq=False)
class Chosen:
    """The config that a search ends with.

    Attributes:
        trial: its trial.
        config: as it was trained again, the seed of the kept network.
        scores: with fresh seeds.
        run: the kept network; None where it diverged.
        selection: how it was chosen; None where nothing was compared again.
    """

    trial: Trial
    config: Config
    scores: tuple[Score, ...]
    run: Run | None
    selection: Selection | None = None


def of_study(study: Study, metric: MetricName) -> dict[str, Any]:
    """What the trials alone say: also of a search that is not finished."""
    states = [trial.outcome.state for trial in study.trials]
    first = study.trials[0] if study.trials else None
    return {
        "metric": metric,
        "trials": len(study.trials),
        "pruned": states.count("pruned"),
        "diverged": sum(trial.outcome.facts.get("caviar:status") == "diverged" for trial in study.trials),
        "failed": states.count("failed"),
        "generations": len({trial.generation for trial in study.trials}),
        "start": None
        if first is None or not first.outcome.values
        else {"value": first.outcome.values[0], "params": dict(first.values)},
        "leading": None if not study.ranked else {"trial": study.best.number, "value": study.best_value},
        "zooms": [dataclasses.asdict(zoom) for zoom in study.zooms],
    }


def of_space(study: Study) -> dict[str, Any]:
    """What the trials say of the space, and how much each setting matters; no importance where they do not tell.

    It takes seconds.
    """
    critique, judged = study.critique(), sum(math.isfinite(trial.outcome.criterion) for trial in study.trials)
    importance = [
        {"name": one.name, "share": Estimate(one.share, one.low, one.high, judged).to_json(), "course": one.course}
        for one in critique.importance
    ]
    return {
        "importance": importance if critique.known else None,
        "remarks": [dataclasses.asdict(one) for one in critique.remarks],
    }


def of_data(rows: Split, table_rows: int) -> dict[str, Any]:
    """What the report says of the data, kept in run.json so that it can be written without them."""
    return {
        "name": rows.name,
        "task": rows.task,
        "target": rows.target.name,
        "unit": rows.target.std,
        "rows": table_rows,
        "split": rows.sizes,
        "judged": "out of fold" if len(row_plan(rows)) > 1 else "dev",
        "judged_rows": rows.rows if len(row_plan(rows)) > 1 else rows.n_dev,
        "explanation": list(rows.explanation),
    }


def of_chosen(chosen: Chosen, rows: Split, metric: MetricName) -> dict[str, Any]:
    """The best config, its errors with intervals, and where they come from."""
    values = [score.value for score in chosen.scores]
    error = held_out_error(chosen.scores, rows)
    value = error if metric in ("error", "rmse") else _over_seeds(values, error.rows)
    return {
        "trial": chosen.trial.number,
        "id": chosen.trial.id,
        "config": chosen.config.to_json(),
        "params": dict(chosen.trial.values),
        "value": chosen.trial.outcome.values[0],
        "dev_value": value.to_json(),
        "train_error": None if chosen.run is None else _train_error(chosen.run, rows).to_json(),
        "dev_error": error.to_json(),
        "seeds": len(chosen.scores),
        "best_epoch": None if chosen.run is None else chosen.run.best_epoch,
    }


def of_selection(selection: Selection, rows: Split) -> dict[str, Any]:
    """The last comparison, with fresh seeds."""
    return {
        "sentence": selection.sentence,
        "optimism": selection.optimism,
        "remaining": selection.remaining,
        "candidates": [
            {
                "trial": one.trial,
                "standing": one.standing,
                "shown": one.shown,
                "reached": one.reached.to_json(),
                "behind": one.behind.to_json(),
                "error": held_out_error(one.scores, rows).to_json(),
                "cost": one.cost,
            }
            for one in selection.candidates
        ],
    }


def of_front(found: Front, objectives: Sequence[str]) -> dict[str, Any]:
    """The trials that no other beats in all objectives."""
    return {
        "objectives": list(objectives),
        "smallest_as_good": found.smallest_as_good.number,
        "trials": [
            {
                "trial": member.trial.number,
                "values": list(member.trial.outcome.values),
                "params": dict(member.trial.values),
                "as_good_as_best": member.as_good_as_best,
                "no_better_than": list(member.no_better_than),
            }
            for member in found.members
        ],
    }


def _train_error(run: Run, rows: Split) -> Estimate:
    """The error on train rows as the history has it; of an RMSE single rows are not kept, and so no interval."""
    seen, reached = min(rows.n_train, _TRAIN_ROWS), run.at_best("train_error")
    return share([reached], seen) if rows.task == "classification" else Estimate(reached, math.nan, math.nan, seen)


def _over_seeds(values: Sequence[float], rows: int) -> Estimate:
    """Mean over seeds, with the range that they span: what is known of a metric that rows do not add up to."""
    mean = sum(values) / len(values)
    return (
        Estimate(mean, min(values), max(values), rows) if len(values) > 1 else Estimate(mean, math.nan, math.nan, rows)
    )


def plain(value: Any) -> Any:
    """Tuples as lists, NumPy's numbers as Python's, what is not finite as null: what JSON holds."""
    if isinstance(value, Mapping):
        return {str(name): plain(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(one) for one in value]
    if hasattr(value, "item"):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value


def direction(metric: MetricName) -> str:
    """Which way is better."""
    return "larger is better" if metric in LARGER_IS_BETTER else "smaller is better"


def ranked_by(metric: MetricName) -> str:
    """What trials are ranked by, in words."""
    return "held-out loss" if metric in LOSS_DECIDES else tuning_words.name_of_metric(metric)
