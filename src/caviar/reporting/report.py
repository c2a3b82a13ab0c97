"""`report.html`: one self-contained file with words, tables and pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup
from safetensors.numpy import save_file

from caviar.diagnosis.intervals import Estimate
from caviar.files import write_atomically
from caviar.reporting import conclusion, plots, words
from caviar.reporting.story import Story, held_out_error, versions
from caviar.training.scores import Score
from caviar.tuning.search import LOSS_DECIDES
from caviar.tuning.space import Choice, Dimension

_SHOWN_TRIALS = 10
_LARGEST_CONFUSION = 60


def write_report(story: Story, path: Path) -> None:
    """Write the report of an improvement."""
    environment = Environment(
        loader=PackageLoader("caviar.reporting"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = words.number
    with plots.style():
        html = environment.get_template("report.html.jinja").render(**_content(story))
    with write_atomically(path) as beside:
        beside.write_text(html, encoding="utf-8")


def write_curves(story: Story, folder: Path) -> None:
    """Write the learning curves of every trial: `trials.safetensors`, arrays NUMBER.MEASURE, one value per epoch."""
    folder.mkdir(exist_ok=True)
    curves = {
        f"{trial.number}.{name}": np.asarray(values, np.float32)
        for trial in story.study.trials
        for name, values in trial.score.history.items()
    }
    with write_atomically(folder / "trials.safetensors") as path:
        save_file(curves, path)


def _content(story: Story) -> dict[str, Any]:
    """What the template shows; all numbers already words."""
    split = story.split
    return {
        "story": story,
        "split": split,
        "headline": conclusion.headline(story),
        "lines": conclusion.conclusion(story)[1:],
        "judged": conclusion.judged_words(split),
        "toml": conclusion.toml(story),
        "scale_words": conclusion.scale_words(story).lstrip(", "),
        "errors": _errors(story),
        "seed_noise": conclusion.seed_noise(story.baselines[-1].scores, split),
        "errors_picture": _picture(
            plots.errors(
                [(row["name"], row["test"], row["chosen"]) for row in _errors(story)],
                split.task,
                split.target.name,
            )
        ),
        "bias_variance": _bias_variance(story),
        "remedies": _remedies(story),
        "trials": _trials(story),
        "zooms": _zooms(story),
        "search_picture": _picture(plots.search(story.study, story.metric, _criterion_name(story))),
        "criterion": _criterion_name(story),
        "finalists": _finalists(story),
        "curves_picture": _curves(story),
        "details": _details(story),
        "versions": versions(),
        "duration": words.duration(story.seconds),
        "interval": lambda estimate: words.error_interval(estimate, split.task),
    }


def _picture(svg: str) -> Markup:
    return Markup(svg)


def _errors(story: Story) -> list[dict[str, Any]]:
    """Baselines and the chosen network, the last one first."""
    split, tested = story.split, story.proof.tested
    rows = [
        {
            "name": "chosen network",
            "chosen": True,
            "dev": words.error_interval(held_out_error(story.chosen.scores, split), split.task),
            "test": tested["chosen"].error,
            "test_words": words.error_interval(tested["chosen"].error, split.task),
            "beaten": "",
            "scores": _scores(tested["chosen"].scores),
        }
    ]
    for baseline in reversed(story.baselines):
        result = tested[baseline.name]
        rows.append(
            {
                "name": baseline.name,
                "chosen": False,
                "dev": words.error_interval(held_out_error(baseline.scores, split), split.task),
                "test": result.error,
                "test_words": words.error_interval(result.error, split.task),
                "beaten": conclusion.beaten(story, baseline.name),
                "scores": _scores(result.scores),
            }
        )
    return rows


def _scores(scores: Any) -> dict[str, str]:
    return {name.replace("_", " "): words.interval(estimate) for name, estimate in scores.items()}


def _bias_variance(story: Story) -> dict[str, Any] | None:
    parts = [
        (name, result)
        for name, result in (("before", story.before), ("after", story.after if story.improved else None))
        if result is not None
    ]
    if not parts:
        return None
    unit = "of the rows" if story.split.task == "classification" else "of the target's variance"

    def gap(estimate: Estimate) -> str:
        return f"{estimate.value:.2%} ({estimate.low:.2%} to {estimate.high:.2%})"

    return {
        "unit": unit,
        "optimal": parts[0][1].optimal.how,
        "bridge": bool(story.split.n_bridge),
        "tolerance": f"{parts[0][1].tolerance:.0%}",
        "rows": [
            {
                "name": name,
                "train": gap(result.train),
                "dev": gap(result.dev),
                "bias": gap(result.bias),
                "bias_verdict": result.bias_verdict,
                "variance": gap(result.variance),
                "variance_verdict": result.variance_verdict,
                "bridge": "" if result.bridge is None else gap(result.bridge),
                "mismatch": "" if result.mismatch is None else gap(result.mismatch),
                "mismatch_verdict": result.mismatch_verdict or "",
            }
            for name, result in parts
        ],
        "picture": _picture(plots.bias_and_variance(parts)),
    }


def _remedies(story: Story) -> dict[str, Any]:
    first = story.fixed.experiments[0]
    outcomes = [
        outcome
        for each in story.fixed.rounds
        for outcome in (
            *sorted(each.experiment.outcomes, key=lambda outcome: -outcome.gain.value),
            *([each.combination] if each.combination else []),
        )
    ]
    classification = story.split.task == "classification"
    rows = [
        {
            "name": o.remedy.name,
            "verdict": o.verdict,
            "gain": words.interval(o.gain),
            "error_gain": (
                f"{100 * o.error_gain.value:.2f} ({100 * o.error_gain.low:.2f} to {100 * o.error_gain.high:.2f})"
                if classification
                else words.interval(o.error_gain)
            ),
            "rate": f"× {o.rate_factor:g}",
            "reason": o.remedy.reason,
            "cost": o.remedy.cost,
            "source": o.remedy.source,
        }
        for o in outcomes
    ]
    picture = _picture(plots.gains([(o.remedy.name, o.gain, o.verdict) for o in outcomes])) if outcomes else ""
    return {
        "rows": rows,
        "picture": picture,
        "seeds": len(first.baseline_scores),
        "not_tried": list(story.fixed.not_tried.items()),
        "asked": story.fixed.asked,
        "loss": words.number(float(np.mean([s.loss.mean() for s in first.baseline_scores]))),
    }


def _trials(story: Story) -> list[dict[str, Any]]:
    task = story.split.task
    shown = story.study.ranked[:_SHOWN_TRIALS]
    if story.study.trials[0] not in shown:
        shown.append(story.study.trials[0])
    return [
        {
            "number": trial.number,
            "generation": trial.generation + 1,
            "criterion": words.number(_criterion(trial.score, story)),
            "error": words.error(_error(trial.score, story), task),
            "train_error": words.error(trial.score.train_error, task),
            "status": trial.score.status,
            "changes": words.changes(trial.config, story.start),
        }
        for trial in shown
    ]


def _zooms(story: Story) -> list[dict[str, Any]]:
    return [
        {
            "generation": zoom.generation + 1,
            "reason": zoom.reason,
            "region": ", ".join(_region(name, ends, story.study.space[name]) for name, ends in zoom.region.items()),
        }
        for zoom in story.study.zooms
    ]


def _region(name: str, ends: tuple[Any, ...], dimension: Dimension) -> str:
    """Where most points of a generation were drawn: options, or both ends of a range."""
    shown = [words.number(end) if isinstance(end, float) else str(end) for end in dict.fromkeys(ends)]
    return f"{words.name_of(name)} {(' or ' if isinstance(dimension, Choice) else ' to ').join(shown)}"


def _finalists(story: Story) -> list[dict[str, Any]]:
    task = story.split.task
    return [
        {
            "name": f.name,
            "chosen": f is story.chosen,
            "error": words.error_interval(held_out_error(f.scores, story.split), task),
            "gain": words.interval(f.gain) if f is not story.finalists[0] else "",
            "verdict": f.verdict if f is not story.finalists[0] else "the one to beat",
            "changes": words.changes(f.candidate.config, story.start),
        }
        for f in story.finalists
    ]


def _curves(story: Story) -> Markup:
    first = story.finalists[0]
    shown = [("before" if story.improved else "the network", first.scores[0])]
    if story.improved:
        shown.append(("after", story.chosen.scores[0]))
    name = "cross-entropy" if story.split.task == "classification" else "squared error (standardised)"
    return _picture(plots.learning_curves([(title, s.history, s.best_epoch) for title, s in shown], name))


def _details(story: Story) -> dict[str, Any]:
    """Confusion matrix or residuals of the chosen network."""
    split, proof = story.split, story.proof
    answer = proof.tested["chosen"].outputs
    if split.classes is None:
        truth, predicted = split.target.decode(proof.y), split.target.decode(answer[:, 0])
        return {
            "title": "Residuals",
            "picture": _picture(plots.residuals(truth, predicted, split.target.name)),
            "note": "",
        }
    classes = [str(label) for label in split.classes]
    counts = np.zeros((len(classes), len(classes)), int)
    np.add.at(counts, (proof.y, answer.argmax(axis=1)), 1)
    wrong = counts.copy()
    np.fill_diagonal(wrong, 0)
    worst = [divmod(int(i), len(classes)) for i in np.argsort(-wrong, axis=None)[:3]]
    said = [f"{classes[i]} taken for {classes[j]} ({wrong[i, j]})" for i, j in worst if wrong[i, j]]
    note = f"Most frequent confusions: {', '.join(said)}." if said else "No row is misclassified."
    picture = _picture(plots.confusion(counts, classes)) if len(classes) <= _LARGEST_CONFUSION else ""
    return {"title": "Confusion matrix", "picture": picture, "note": note}


def _criterion_name(story: Story) -> str:
    return "held-out loss" if story.metric in LOSS_DECIDES else story.metric.replace("_", " ")


def _criterion(score: Score, story: Story) -> float:
    return float(score.loss.mean()) if story.metric in LOSS_DECIDES else score.value


def _error(score: Score, story: Story) -> float:
    return held_out_error((score,), story.split).value
