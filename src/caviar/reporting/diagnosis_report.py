"""`report.html` of a diagnosis: what limits the network, how we know, and what helped."""

from pathlib import Path
from typing import Any

from caviar.data.words import count
from caviar.network.config import Config
from caviar.reporting import conclusion, diagnosis_plots, drawing, plots, words
from caviar.reporting.config_file import config_lines
from caviar.reporting.diagnosed import Examination, headline
from caviar.reporting.pages import cards, gaps, picture, remedies_picture, remedy_rows, write_page
from caviar.reporting.story import versions


def write_report(seen: Examination, path: Path) -> None:
    """Write the report of a diagnosis."""
    with drawing.style():
        content = _content(seen)
    write_page("diagnosis.html.jinja", content, path)


def _content(seen: Examination) -> dict[str, Any]:
    """What the template shows; all numbers already words."""
    split, found = seen.split, seen.seen
    loss = "cross-entropy" if split.task == "classification" else "squared error (standardised)"
    marked = [name for name in seen.errors if name.startswith("held-out")][-1:]
    errors = [(name, error, name in marked) for name, error in seen.errors.items()]
    beside = diagnosis_plots.companions(
        found.scores, found.config.rate, found.companions, float(found.constant.loss.mean())
    )
    return {
        "seen": seen,
        "headline": headline(seen.findings, seen.own),
        "lines": _lines(seen),
        "findings": cards(seen.findings, seen.advice),
        "errors": [(name, words.error_interval(error, split.task)) for name, error in seen.errors.items()],
        "errors_picture": picture(plots.errors(errors, split.task, split.target.name)),
        "bias_variance": gaps([] if seen.gaps is None else [("the network", seen.gaps)], split),
        "networks": count(len(found.runs), "network"),
        "epochs_picture": picture(diagnosis_plots.epochs_of_all(found.runs, loss)),
        "layers_picture": picture(diagnosis_plots.layers(found)),
        "companions_picture": picture(beside if found.companions else ""),
        "closer": _closer(seen),
        "remedies": _remedies(seen),
        "judged": conclusion.judged_words(split),
        "changes": words.changes(seen.config, Config()),
        "duration": words.duration(seen.seconds),
        "versions": versions(),
    }


def _lines(seen: Examination) -> list[str]:
    """The errors, and what the remedies came to."""
    task = seen.split.task
    own = {name: error for name, error in seen.errors.items() if name.endswith("rows") or name.endswith("helped")}
    told = "; ".join(f"{name} {words.error_interval(error, task)}" for name, error in own.items())
    return [f"Error, with 95 % intervals: {told}." if own else "Every network diverged.", *seen.came_to]


def _closer(seen: Examination) -> list[dict[str, Any]]:
    """What a closer look has shown: headings, sentences and pictures."""
    if seen.closer is None:
        return []
    pictures = {"Learning rates": plots.learning_rates(seen.closer.sweep)}
    if seen.closer.curve is not None:
        pictures["More rows"] = plots.errors_over_rows(seen.closer.curve)
    return [
        {"title": title, "sentences": sentences, "picture": picture(pictures.get(title, ""))}
        for title, sentences in seen.closer.words().items()
    ]


def _remedies(seen: Examination) -> dict[str, Any] | None:
    """What was tried; None where that was not asked for."""
    fixed = seen.fixed
    if fixed is None:
        return None
    outcomes = fixed.outcomes
    then = ""
    if seen.then is not None:
        then = f" Found after that: {', '.join(finding.name for finding in seen.then) or 'nothing more'}."
    return {
        "told": f"{count(len(outcomes), 'remedy')} in {fixed.trainings} of {seen.most} trainings.{then}",
        "rows": remedy_rows(outcomes, seen.split),
        "picture": remedies_picture(outcomes),
        "asked": fixed.asked,
        "toml": "" if seen.kept is None else "\n".join(config_lines(seen.kept.candidate.config)),
    }
