"""`report.html` of a search: what was reached, where it was looked for and why, and how to go on."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np

from caviar.data.words import count
from caviar.diagnosis.intervals import Estimate, share
from caviar.network.config import Config
from caviar.reporting import drawing, tuning_plots, tuning_words, words
from caviar.reporting.config_file import config_lines
from caviar.reporting.pages import picture, write_page
from caviar.reporting.run_folder import read_run
from caviar.reporting.tuning_kept import Kept
from caviar.reporting.tuning_result import direction, estimate, headline, of_space, ranked_by
from caviar.training.metrics import LARGER_IS_BETTER, MetricName
from caviar.tuning.networks import RUNGS
from caviar.tuning.trials import LOSS_DECIDES, Trial

_TOP = 10
_ZOOMS = 6
"""Zooms whose reasons stand in the open; all of them are one click away."""

_STEEP = 1.96


def write_report(kept: Kept) -> Path:
    """Write the report of a search, finished or not.

    Returns:
        Its path.
    """
    with drawing.style():
        content = _content(kept)
    path = kept.folder / "report.html"
    write_page("tuning.html.jinja", content, path)
    return path


def _content(kept: Kept) -> dict[str, Any]:
    """What the template shows; all numbers already words."""
    study, trials = kept.study, kept.study.trials
    content = kept.content if "remarks" in kept.content else kept.content | of_space(study)
    metric: MetricName = content["metric"]
    criteria = np.array([trial.outcome.criterion if _complete(trial) else math.nan for trial in trials])
    values = np.array([trial.outcome.values[0] if _complete(trial) else math.nan for trial in trials])
    by = ranked_by(metric)
    percent = metric == "error"
    axis = f"{tuning_words.name_of_metric(metric)}{', %' if percent else ''}"
    reached = tuning_plots.Reached(100 * values if percent else values, criteria, axis)
    best = _best(kept)
    curves = kept.curves("dev_loss")
    loss = "cross-entropy" if content["task"] == "classification" else "squared error (standardised)"
    return {
        "content": content,
        "finished": kept.finished,
        "headline": _headline(kept),
        "lines": _lines(kept),
        "metric": tuning_words.name_of_metric(metric),
        "direction": direction(metric),
        "by": by,
        "best_picture": picture(
            tuning_plots.best_so_far(reached, np.array([trial.generation for trial in trials]), by)
        ),
        "settings_picture": picture(
            tuning_plots.settings(study, criteria, by if metric in LOSS_DECIDES else f"{by}, negated", best)
            if metric in LARGER_IS_BETTER
            else tuning_plots.settings(study, criteria, by, best)
        ),
        "curves_picture": picture(tuning_plots.curves(curves, best, f"held-out {loss}") if curves else ""),
        "curves_shown": len(curves),
        "space": [tuning_words.dimension(name, one) for name, one in study.space.items()],
        "fixed": tuning_words.point(study.space.fixed),
        "conditions": _conditions(kept),
        "top": _top(kept, metric),
        "zooms": _zooms(kept),
        "zooms_open": _ZOOMS,
        "selection": _selection(content),
        "rungs": _rungs(kept),
        "importance": _importance(content),
        "remarks": tuning_words.remarks(content),
        "front": _front(kept),
        "toml": ""
        if not content.get("best")
        else "\n".join(config_lines(Config.from_mapping(content["best"]["config"]))),
        "again": _again(kept),
        "duration": words.duration(content["seconds"]),
        "versions": content.get("versions") or read_run(kept.folder)["versions"],
        "seed": kept.asked["seed"],
    }


def sentences(kept: Kept) -> list[str]:
    """What a search came to, or has come to by then, in sentences."""
    return [_headline(kept), *_lines(kept)]


def _complete(trial: Trial) -> bool:
    return trial.outcome.state == "complete" and math.isfinite(trial.outcome.criterion)


def _best(kept: Kept) -> int:
    """The number of the chosen trial, or of the one that leads."""
    chosen = kept.content.get("best") or kept.content.get("leading") or {}
    return chosen.get("trial", -1)


def _headline(kept: Kept) -> str:
    content = kept.content
    if content.get("best"):
        return headline(content)[0]
    leading, metric, task = content.get("leading"), content["metric"], content["task"]
    if leading is None:
        return f"No config of {count(content['trials'], 'trial')} was trained to its end."
    value = tuning_words.metric(leading["value"], metric, task)
    name = tuning_words.name_of_metric(metric)
    if kept.finished:
        return f"The best network diverged when it was trained again; in the search trial {leading['trial']} led."
    return (
        f"Not finished: after {count(content['trials'], 'trial')} trial {leading['trial']} leads with {name} {value}."
    )


def _lines(kept: Kept) -> list[str]:
    """What was done, in sentences."""
    content = kept.content
    came = [
        f"{content[name]:,} {word}"
        for name, word in (("pruned", "stopped at rungs"), ("diverged", "diverged"), ("failed", "failed"))
        if content[name]
    ]
    many = f"{count(content['trials'], 'trial')} in {count(content['generations'], 'generation')}"
    lost = f" ({', '.join(came)})" if came else ""
    said = [f"{many}{lost}, {words.duration(content['seconds'])} minutes."]
    if content.get("best"):
        said += headline(content)[1:]
    if content.get("strategy"):
        said.append(content["strategy"])
    if not kept.finished:
        said.append(f"To go on: caviar tune --resume {quote(str(kept.folder))}")
    return said


def _top(kept: Kept, metric: MetricName) -> list[dict[str, Any]]:
    """The best trials, and the one from which the search started."""
    shown = kept.study.ranked[:_TOP]
    first = kept.study.trials[0]
    if first not in shown:
        shown.append(first)
    best, task = _best(kept), kept.content["task"]
    return [
        {
            "number": trial.number,
            "chosen": trial.number == best,
            "criterion": _criterion(trial, metric),
            "value": _value(trial, kept.content),
            "train_error": tuning_words.metric(trial.outcome.facts.get("train_error"), _error_name(task), task),
            "status": trial.outcome.facts.get("caviar:status", trial.outcome.state),
            "epoch": trial.outcome.facts.get("best_epoch", ""),
            "settings": tuning_words.point(trial.values),
        }
        for trial in shown
    ]


def _error_name(task: str) -> str:
    return "error" if task == "classification" else "rmse"


def _criterion(trial: Trial, metric: MetricName) -> str:
    """What a trial is ranked by, with the 95 % interval of the rows."""
    outcome = trial.outcome
    if not math.isfinite(outcome.criterion):
        return "unknown"
    sign = -1 if metric in LARGER_IS_BETTER else 1
    value, half = sign * outcome.criterion, _STEEP * outcome.noise
    if not half:
        return words.number(value)
    return words.interval(Estimate(value, value - half, value + half, 0))


def _value(trial: Trial, content: Mapping[str, Any]) -> str:
    """The metric of a trial; an error rate with the 95 % interval of its rows."""
    if not trial.outcome.values:
        return "unknown"
    value, metric = trial.outcome.values[0], content["metric"]
    rows = content.get("judged_rows")
    if metric == "error" and rows:
        return words.error_interval(share([value], rows), content["task"])
    return tuning_words.metric(value, metric, content["task"])


def _zooms(kept: Kept) -> list[dict[str, Any]]:
    return [
        {
            "generation": zoom.generation + 1,
            "reason": zoom.reason,
            "region": tuning_words.region(zoom, kept.study.space),
        }
        for zoom in kept.study.zooms
    ]


def _conditions(kept: Kept) -> list[str]:
    """Which settings are searched only sometimes."""
    return [
        f"{words.name_of(name)} only where "
        + " and ".join(
            f"{words.name_of(of)} is {' or '.join(tuning_words.value(of, value) for value in values)}"
            for of, values in when.items()
        )
        for name, when in kept.study.space.conditions.items()
    ]


def _selection(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """The last comparison with fresh seeds; None where there was none."""
    selection = content.get("selection")
    if selection is None:
        return None
    return {
        "sentence": selection["sentence"],
        "rows": [
            {
                "trial": one["trial"],
                "standing": one["standing"],
                "shown": words.number(one["shown"]),
                "reached": words.interval(estimate(one["reached"])),
                "behind": "" if one["standing"] == "chosen" else words.interval(estimate(one["behind"])),
                "error": words.error_interval(estimate(one["error"]), content["task"]),
                "cost": f"{one['cost']:.2g} ×",
            }
            for one in selection["candidates"]
        ],
    }


def _rungs(kept: Kept) -> dict[str, Any] | None:
    """Who was stopped where; None without rungs."""
    trials = [
        dataclasses.replace(trial, outcome=dataclasses.replace(trial.outcome, rungs=reached))
        for trial in kept.study.trials
        if (reached := rungs_of(trial))
    ]
    if not trials:
        return None
    rows = []
    for epoch in sorted({epoch for trial in trials for epoch in trial.outcome.rungs}):
        there = [trial for trial in trials if epoch in trial.outcome.rungs]
        stopped = sum(t.outcome.state == "pruned" and epoch == max(t.outcome.rungs) for t in there)
        rows.append({"epoch": epoch, "reached": len(there), "stopped": stopped, "went": len(there) - stopped})
    epochs = [trial.outcome.facts.get("epochs") for trial in kept.study.trials]
    return {
        "rows": rows,
        "picture": picture(tuning_plots.rungs(trials)),
        "epochs": sum(epoch for epoch in epochs if epoch),
    }


def rungs_of(trial: Trial) -> dict[int, float]:
    """Values at rungs; with several objectives Optuna has no place for them, and they stand among the facts."""
    own = trial.outcome.rungs or trial.outcome.facts.get(RUNGS) or {}
    return {int(epoch): value for epoch, value in own.items()}


def _importance(content: Mapping[str, Any]) -> dict[str, Any] | None:
    """How much each setting moves the result, beside the course's order; None where it is not known."""
    ranked = tuning_words.importance(content)
    if not ranked:
        return None
    return {
        "picture": picture(tuning_plots.importance(ranked)),
        "rows": [
            {"name": words.name_of(name), "share": tuning_words.share(one), "course": course}
            for name, one, course in ranked
        ],
    }


def _front(kept: Kept) -> dict[str, Any] | None:
    """Two objectives and the trials that nothing beats in both; None where one was searched."""
    front = kept.content.get("front")
    if not front:
        return None
    metric, task = kept.content["metric"], kept.content["task"]
    unit, percent = (100, ", %") if metric == "error" else (1, "")
    points = {
        trial.number: (unit * trial.outcome.values[0], trial.outcome.values[1])
        for trial in kept.study.trials
        if _complete(trial) and len(trial.outcome.values) > 1
    }
    other = front["objectives"][1].replace("_", " ")
    on = [row["trial"] for row in front["trials"]]
    return {
        "other": other,
        "picture": picture(
            tuning_plots.front(points, on, (f"{tuning_words.name_of_metric(metric)}{percent}", other), _best(kept))
        ),
        "rows": [
            {
                "trial": row["trial"],
                "value": tuning_words.metric(row["values"][0], metric, task),
                "other": _whole(row["values"][1]),
                "standing": _standing(row),
                "settings": tuning_words.point(row["params"]),
            }
            for row in front["trials"]
        ],
    }


def _whole(value: float) -> str:
    """A count as one; other figures with three digits."""
    return f"{int(value):,}" if value == int(value) else words.number(value)


def _standing(row: Mapping[str, Any]) -> str:
    """What noise lets be said of a trial on the front."""
    told = ["as good as the best, as far as these rows can tell"] if row["as_good_as_best"] else []
    if row["no_better_than"]:
        told.append(f"not shown to be better than trial {row['no_better_than'][0]}, which costs less")
    return "; ".join(told)


def _again(kept: Kept) -> list[tuple[str, str]]:
    """What may be done next: a sentence and a command."""
    folder, again = quote(str(kept.folder)), kept.content.get("again") or "DATA"
    if not kept.finished:
        return [("To go on where it was interrupted", f"caviar tune --resume {folder}")]
    if not kept.content.get("best"):
        return []
    return [
        (
            "To prove the gain on the test rows, which this search has not opened",
            f"caviar improve {again} --config {quote(str(kept.folder / 'best.toml'))}",
        ),
        ("To use the network", f"caviar predict {folder} NEW_ROWS"),
        ("To see one trial again, alone, to the same bits", f"caviar train --trial {_best(kept)} {folder}"),
        ("To ask in some months, on new data, whether these settings still lead", f"caviar retune {folder} NEWDATA"),
        ("To look at the study with Optuna's dashboard", f"optuna-dashboard {_dashboard(kept)}"),
    ]


def _dashboard(kept: Kept) -> str:
    return quote(kept.asked["storage"] or str(kept.folder / "study.log"))
