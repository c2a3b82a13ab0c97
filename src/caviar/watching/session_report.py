"""`report.html` of a session: what it came to, what was done on the way, and what each command changed.

It is written from a `Story`: of a session that has just ended, or of its folder.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.intervals import Estimate
from caviar.reporting import drawing, words
from caviar.reporting.config_file import config_lines
from caviar.reporting.pages import picture, write_page
from caviar.watching import session_plots
from caviar.watching.branches import history
from caviar.watching.effects import Effect
from caviar.watching.effects import effects as effects_of
from caviar.watching.session_story import Reached, Retold, Story, leading, reached, retold, story_in
from caviar.watching.session_words import (
    branches_of,
    card,
    changes_nothing,
    commands_of,
    moment,
    numbered,
    told_of,
    unclear,
)

_OPEN = 60
"""Commands that stand in the open; all of them are one click away."""

_WITH_TRAIN = 3
"""Branches up to which the curves of train rows are drawn beside those of dev rows."""


def write_session_report(
    story: Story, effects: Sequence[Effect], findings: Sequence[Mapping[str, Any]], path: Path
) -> Path:
    """Write the report of a session.

    Args:
        story: what happened, see `session_story`.
        effects: what its commands changed, as far as can be told.
        findings: at its end, what hurts most first, as plain values: branch, name, severity, since, meaning, source,
            evidence (pairs of words), remedies (name, reason, cost, settings, possible, why_not).
        path: of the file.

    Returns:
        The path.
    """
    with drawing.style():
        content = _content(story, effects, findings)
    write_page("session.html.jinja", content, path)
    return path


def write_report_in(folder: Path, split: Split, findings: Sequence[Mapping[str, Any]] = ()) -> Path:
    """Write the report of a session anew from its folder; nothing is trained.

    Args:
        folder: of the session.
        split: its data.
        findings: see `write_session_report`.

    Returns:
        The path of report.html in the folder.

    Raises:
        BadRun: there is no session in it, or it is of other data.
    """
    story = story_in(folder, split)
    histories = {number: history(seen.branch, split) for number, seen in story.branches.items()}
    known = [line for line in story.lines if line["verb"] != "end"]
    return write_session_report(story, effects_of(known, histories, split), findings, folder / "report.html")


def _content(story: Story, effects: Sequence[Effect], findings: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What the template shows; all numbers already words."""
    split, told, found = story.split, retold(story.lines, story.config), reached(story)
    best = leading(found)
    commands, lines, marks = commands_of(told, effects), _lines(story, told), _marks(told)
    shown = best if best is not None else (0 if 0 in story.branches else min(story.branches))
    drawn = [line for line in lines if line.curves["train_loss"].size]
    return {
        "name": split.name,
        "task": split.task,
        "target": split.target.name,
        "headline": _headline(story, found, best),
        "lines": _sentences(story, found, best),
        "picture": picture(session_plots.learning(drawn, marks, _panels(story, len(drawn)), best)) if drawn else "",
        "marked": bool(marks),
        "curves_told": _curves_told(story, len(drawn)),
        "branches": branches_of(story, told, found, best),
        "branches_told": _branches_told(found),
        "reached_known": bool(found),
        "paired": any(one.loss_lower for one in found.values()),
        "loss_name": "dev loss",
        "error_name": "dev error" if split.task == "classification" else f"dev RMSE of {split.target.name}",
        "commands": commands[:_OPEN],
        "more_commands": commands[_OPEN:],
        "effects_told": _effects_told(story, effects),
        "effects_known": bool(effects),
        "helped": told_of(effects, "better"),
        "hurt": told_of(effects, "worse"),
        "unclear": unclear(effects),
        "findings": [card(one) for one in findings],
        "looked": not story.of_kept,
        "again": _again(story, shown),
        "toml": "\n".join(config_lines(story.branches[shown].branch.config.changed(record="losses"))),
        "toml_of": "it" if len(story.branches) == 1 else f"branch {shown}",
        "steered": story.config != story.branches[shown].branch.config,
        "explanation": split.explanation,
        "method": _method(story, found),
        "versions": story.versions,
    }


def _headline(story: Story, found: Mapping[int, Reached], best: int | None) -> str:
    """The best branch, in a sentence."""
    if best is None:
        if story.split.n_dev:
            return "No network has ended an epoch with a finite loss."
        return "Without dev rows nothing tells how good these networks are: their curves are those of train rows."
    one, epoch = found[best], story.branches[best].branch.best_epoch
    error = words.error_interval(one.error, story.split.task)
    name = "error" if story.split.task == "classification" else "RMSE"
    what = f"dev {name} {error}, dev loss {words.interval(one.loss)}, at epoch {epoch:,}."
    if len(story.branches) == 1:
        return what[:1].upper() + what[1:]
    return f"Branch {best} came furthest of {len(story.branches)}: {what}"


def _sentences(story: Story, found: Mapping[int, Reached], best: int | None) -> list[str]:
    """What was done, and what the best branch is against the first."""
    said = []
    if best is not None and len(found) > 1:
        said.append(_against_first(story, found, best))
    done = [line for line in story.lines if line["verb"] != "note" and not changes_nothing(line)]
    notes = sum(line["verb"] == "note" for line in story.lines)
    made = sum(line["verb"] == "branch" for line in story.lines)
    parts = [f"{made:,} {'branch' if made == 1 else 'branches'} made"] if made else []
    parts += [f"{count(notes, 'note')} taken"] if notes else []
    day, clock = moment(story.begun)
    begun = f"Begun {day} {clock[:5]} UTC. " if story.begun else ""
    said.append(f"{begun}{count(len(done), 'command')}{''.join(f', {part}' for part in parts)}.")
    left = [n for n, seen in story.branches.items() if seen.branch.status == "training" and not seen.ended]
    if not left:
        said.append("All networks have come to their end.")
    else:
        which = "The network" if len(story.branches) == 1 else numbered("Branch", "Branches", left)
        said.append(f"{which} can train on.")
    if story.of_kept:
        said.append("Told from its folder: every branch stands at the last epoch that was kept.")
    return said


def _against_first(story: Story, found: Mapping[int, Reached], best: int) -> str:
    """The best branch against branch 0, row by row."""
    if best == 0:
        return "No branch came further than the one that the session began with."
    one = found[best]
    if one.loss_lower is None or one.error_lower is None:
        return "The branch that the session began with is gone, or has diverged: there is nothing to compare with."
    lower = f"its dev loss is lower by {words.interval(one.loss_lower)}"
    if story.split.task == "classification":
        lower += f", its dev error by {_points(one.error_lower)} points"
    if one.loss_lower.low > 0:
        return f"Better than branch 0 at its best, beyond the noise of the rows: {lower}."
    return f"It cannot be told from branch 0 at its best: {lower}."


def _points(estimate: Estimate) -> str:
    """A difference of error rates, in percentage points."""
    value, low, high = (f"{100 * one:.2f}" for one in (estimate.value, estimate.low, estimate.high))
    return f"{value} ({low} to {high})"


def _lines(story: Story, told: Retold) -> list[session_plots.Line]:
    """The branches as they are drawn."""
    return [
        session_plots.Line(number, told.born.get(number, 0), seen.branch.best_epoch, history(seen.branch, story.split))
        for number, seen in story.branches.items()
    ]


def _marks(told: Retold) -> list[session_plots.Mark]:
    """The commands that stand in the picture, but for what was undone."""
    found = []
    for act in told.acts:
        line = act.line
        if line["verb"] not in session_plots.MARKED or line.get("branch") is None or act.undone is not None:
            continue
        epoch = line["epoch"] if line["verb"] == "rewind" else line.get("epochs")
        if epoch is not None:
            found.append(session_plots.Mark(act.number, line["verb"], line["branch"], int(epoch)))
    return found


def _panels(story: Story, branches: int) -> list[session_plots.Panel]:
    """Loss, error and rate; of train rows only beside few branches."""
    sets = ["dev", "train"] if story.split.n_dev else ["train"]
    shown = sets[: None if branches <= _WITH_TRAIN else 1]
    classification = story.split.task == "classification"
    error = "error, %" if classification else f"RMSE of {drawing.text(story.split.target.name)}"
    return [
        session_plots.Panel(tuple(f"{name}_loss" for name in shown), "loss"),
        session_plots.Panel(tuple(f"{name}_error" for name in shown), error, 100 if classification else 1),
        session_plots.Panel(("learning_rate",), "learning rate"),
    ]


def _curves_told(story: Story, branches: int) -> str:
    if not story.split.n_dev:
        rows = "of train rows"
    elif branches <= _WITH_TRAIN:
        rows = "of dev rows, and thin and dotted of train rows"
    else:
        rows = "of dev rows"
    several = " A branch begins where it was made; the strong one came furthest." if branches > 1 else ""
    return f"Loss, error and learning rate against the epoch, {rows}.{several}"


def _branches_told(found: Mapping[int, Reached]) -> str:
    if not found:
        return "Each with what it was made with, and what was changed since."
    paired = any(one.loss_lower for one in found.values())
    told = " The last column compares row by row: above 0 the branch is better." if paired else ""
    return (
        "Each with what it was made with, and what was changed since. Brackets hold 95 % intervals for other rows, at "
        f"the epoch with the lowest dev loss.{told}"
    )


def _effects_told(story: Story, effects: Sequence[Effect]) -> str:
    """How the table of commands is to be read."""
    said = []
    if effects:
        said.append("What is smaller than the ups and downs from epoch to epoch counts as no difference.")
    pauses = sum(line["verb"] in ("pause", "resume") for line in story.lines)
    if pauses:
        said.append(f"Pausing and resuming ({count(pauses, 'command')}) changes no bit and is left out.")
    return " ".join(said)


def _again(story: Story, best: int) -> list[tuple[str, str]]:
    """What may be done next: a sentence and a command."""
    folder = story.folder
    if folder is None:
        return [("This session was kept in memory only. With a folder it can be gone on with, and replayed.", "")]
    place = quote(str(folder))
    said = [
        ("To go on where it was left, paused:", f"caviar watch --resume {place}"),
        ("To train it again, command by command, and see that the bits are the same:", f"caviar replay {place}"),
    ]
    kept = [line["branch"] for line in story.lines if line["verb"] == "keep"]
    if not (folder / "model.json").is_file():
        kept = []
    if kept:
        said.append((f"To use the network that was kept, of branch {kept[-1]}:", f"caviar predict {place} NEW_ROWS"))
    if kept[-1:] != [best] and story.branches[best].branch.best_epoch:
        before = f"That of branch {best}, which came further, was not kept" if kept else "No network was kept for use"
        said.append((f"{before}. Go on with the session, and type keep {best}.", ""))
    return said


def _method(story: Story, found: Mapping[int, Reached]) -> list[str]:
    """How figures came about, in sentences."""
    split = story.split
    said = [f"Rows: {split.n_train:,} train, {split.n_dev:,} dev, {split.n_test:,} test. The test rows stay sealed."]
    if found:
        loss = "cross-entropy" if split.task == "classification" else "squared error of the standardised target"
        wider = "" if len(found) <= 2 else f", their intervals widened for the {len(found) - 1} that are compared"
        said.append(
            f"Losses are the {loss} on dev rows, with the weights of the epoch at which it was lowest. Branches are "
            f"compared on the same rows, row by row{wider}. Another seed would move figures besides, and the best of "
            "many epochs and branches flatters itself: the proof is on test rows, with caviar improve."
        )
    said.append(
        "Branches share the order of the rows and all random numbers: only what was changed tells them apart. Up to "
        f"the first command the network has the bits of caviar train. Seed {story.config.seed}."
    )
    return said
