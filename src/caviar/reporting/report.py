"""`report.html`: one self-contained file with words, tables and pictures."""

from pathlib import Path
from typing import Any

import numpy as np
from markupsafe import Markup
from safetensors.numpy import save_file

from caviar.diagnosis.bias_variance import BiasVariance
from caviar.files import write_atomically
from caviar.reporting import conclusion, drawing, plots, words
from caviar.reporting.findings import Advice
from caviar.reporting.pages import cards, gaps, picture, remedies_picture, remedy_rows, write_page
from caviar.reporting.story import Story, held_out_error, versions
from caviar.training.scores import Score
from caviar.tuning.spaces.dimensions import Choice, Dimension
from caviar.tuning.trials import LOSS_DECIDES

_SHOWN_TRIALS = 10
_LARGEST_CONFUSION = 60


def write_report(story: Story, path: Path) -> None:
    """Write the report of an improvement."""
    with drawing.style():
        content = _content(story)
    write_page("report.html.jinja", content, path)


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
        "errors_picture": picture(
            plots.errors(
                [(row["name"], row["test"], row["chosen"]) for row in _errors(story)],
                split.task,
                split.target.name,
            )
        ),
        "bias_variance": gaps(_gaps(story), split),
        "findings": cards(story.findings, [Advice.on(finding, story.start, split) for finding in story.findings]),
        "remedies": _remedies(story),
        "trials": _trials(story),
        "zooms": _zooms(story),
        "search_picture": picture(plots.search(story.study, _criterion_name(story))),
        "criterion": _criterion_name(story),
        "finalists": _finalists(story),
        "curves_picture": _curves(story),
        "details": _details(story),
        "versions": versions(),
        "duration": words.duration(story.seconds),
        "interval": lambda estimate: words.error_interval(estimate, split.task),
    }


def _gaps(story: Story) -> list[tuple[str, BiasVariance]]:
    """Bias and variance before and, where anything was improved, after."""
    parts = (("before", story.before), ("after", story.after if story.improved else None))
    return [(name, result) for name, result in parts if result is not None]


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
    return {
        "rows": remedy_rows(outcomes, story.split),
        "picture": remedies_picture(outcomes),
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
            "changes": words.changes(trial.network, story.start),
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
    return picture(plots.learning_curves([(title, s.history, s.best_epoch) for title, s in shown], name))


def _details(story: Story) -> dict[str, Any]:
    """Confusion matrix or residuals of the chosen network."""
    split, proof = story.split, story.proof
    answer = proof.tested["chosen"].outputs
    if split.classes is None:
        truth, predicted = split.target.decode(proof.y), split.target.decode(answer[:, 0])
        return {
            "title": "Residuals",
            "picture": picture(plots.residuals(truth, predicted, split.target.name)),
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
    drawn = picture(plots.confusion(counts, classes)) if len(classes) <= _LARGEST_CONFUSION else ""
    return {"title": "Confusion matrix", "picture": drawn, "note": note}


def _criterion_name(story: Story) -> str:
    return "held-out loss" if story.metric in LOSS_DECIDES else story.metric.replace("_", " ")


def _criterion(score: Score, story: Story) -> float:
    return float(score.loss.mean()) if story.metric in LOSS_DECIDES else score.value


def _error(score: Score, story: Story) -> float:
    return held_out_error((score,), story.split).value
