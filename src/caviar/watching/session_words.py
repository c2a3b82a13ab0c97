"""A session in words: its branches as a tree, its commands with what they changed, its findings with what to type."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from caviar.data.words import count
from caviar.reporting import tuning_words, words
from caviar.watching.branches import history
from caviar.watching.effects import Effect
from caviar.watching.session import Seen
from caviar.watching.session_story import Act, Reached, Retold, Story

_SENTENCES = 12
"""Commands that are told under what helped, or hurt, at most."""

_SMALL = 1e-3
"""Settings below are written as people type them."""

_KINDS = {"better": "accepted", "worse": "rejected", "too early": "cannot"}
"""How verdicts look; what is not known is grey."""


def branches_of(story: Story, told: Retold, found: Mapping[int, Reached], best: int | None) -> list[dict[str, Any]]:
    """The tree, every branch below its parent; also those that were deleted."""
    rows = []

    def add(number: int, depth: int) -> None:
        rows.append(_branch(story, told, found.get(number), number) | {"depth": depth, "chosen": number == best})
        for child in sorted(one for one, parent in told.parents.items() if parent == number):
            add(child, depth + 1)

    add(0, 0)
    return rows


def _branch(story: Story, told: Retold, one: Reached | None, number: int) -> dict[str, Any]:
    seen = story.branches.get(number)
    config = told.ended[number] if seen is None else seen.branch.config
    parts = []
    if number in told.parents:
        changed = _changes(told.acts[told.made[number]].changes)
        parts.append(
            f"made from branch {told.parents[number]} at epoch {told.born[number]:,}: {changed or 'an equal copy'}"
        )
    if since := _changes(config.differences(told.begun[number])):
        parts.append(f"{'since then' if parts else 'changed'}: {since}")
    row = {
        "number": number,
        "state": "deleted" if seen is None else _state(seen),
        "differs": "; ".join(parts) or "as it began",
        "epochs": "" if seen is None else f"{seen.branch.epochs:,} of {config.epochs or 0:,}",
        "best_epoch": "",
        "inherited": "",
        "loss": ("", ""),
        "error": ("", ""),
        "lower": ("", ""),
    }
    if seen is None or one is None:
        return row
    row |= {
        "best_epoch": f"{seen.branch.best_epoch:,}",
        "loss": _apart(words.interval(one.loss)),
        "error": _apart(words.error_interval(one.error, story.split.task)),
        "lower": _apart(words.interval(one.loss_lower)) if one.loss_lower else ("", ""),
    }
    if seen.branch.best_epoch <= told.born[number] and number in told.parents:
        row |= {"inherited": _own_best(story, seen, told.born[number]), "lower": ("", "")}
    return row


def _own_best(story: Story, seen: Seen, born: int) -> str:
    """That the best epoch was before the branch was made, and what it had after it."""
    own = history(seen.branch, story.split)["dev_loss"][born:]
    if not np.isfinite(own).any():
        return "before it was made"
    epoch = int(np.nanargmin(own))
    return f"before it was made; since then {words.number(float(own[epoch]))} at epoch {born + epoch + 1:,}"


def _apart(interval: str) -> tuple[str, str]:
    """A figure, and its interval."""
    value, _, ends = interval.partition(" (")
    return value, ends.rstrip(")")


def _state(seen: Seen) -> str:
    status = seen.branch.status
    if status == "training":
        return "stopped" if seen.ended else "can train on"
    return "stopped early" if status == "stopped" else status


def _changes(changes: Mapping[str, tuple[Any, Any]]) -> str:
    """Settings from what they were to what they are."""
    return ", ".join(
        f"{words.name_of(name)} {_value(name, before)} → {_value(name, after)}"
        for name, (after, before) in changes.items()
    )


def _value(name: str, given: Any) -> str:
    """A setting as people write it."""
    if given is None:
        return "none"
    if isinstance(given, (tuple, list)):
        plain = all(isinstance(one, (int, float)) for one in given)
        return ("-" if plain else ", ").join(_value(name, one) for one in given) or "none"
    if isinstance(given, float) and 0 < abs(given) < _SMALL:
        return f"{given:.3g}"
    return tuning_words.value(name, given)


def commands_of(told: Retold, effects: Sequence[Effect]) -> list[dict[str, Any]]:
    """The lines of the journal in words, but for those that change nothing."""
    of_line: dict[int, list[Effect]] = {}
    for effect in effects:
        of_line.setdefault(effect.line, []).append(effect)
    rows, before = list[dict[str, Any]](), moment(str(told.acts[0].line.get("time", "")))[0] if told.acts else ""
    for act in told.acts:
        line = act.line
        if changes_nothing(line):
            continue
        day, clock = moment(str(line.get("time", "")))
        step, epochs = line.get("step"), line.get("epochs")
        rows.append(
            {
                "number": act.number,
                "day": "" if day == before else day,
                "clock": clock,
                "who": line.get("who", ""),
                "epochs": "" if epochs is None else f"{epochs:,}",
                "step": "" if step is None else f"{step:,}",
                "what": _what(act),
                "note": line["verb"] == "note",
                "undone": "" if act.undone is None else f"undone by {told.acts[act.undone].number}",
                "effects": [
                    {"verdict": one.verdict, "kind": _KINDS.get(one.verdict, "undecided"), "words": one.words}
                    for one in of_line.get(act.number, ())
                ],
            }
        )
        before = day
    return rows


def _what(act: Act) -> str:
    """A command in words."""
    line, branch = act.line, act.line.get("branch")
    whose = "all" if branch is None else f"branch {branch}"
    match line["verb"]:
        case "note":
            return str(line["text"])
        case "nudge":
            return f"{whose}: {_changes(act.changes) or 'set to what it was'}"
        case "branch":
            changed = _changes(act.changes)
            return f"branch {line['new']} made from {whose}{f': {changed}' if changed else ', an equal copy'}"
        case "rewind":
            return f"{whose} back to epoch {line['epoch']:,}"
        case "keep":
            return f"network of the best epoch of {whose} kept"
        case verb:
            past = {"stop": "stopped", "delete": "deleted"}
            return f"{whose} {past.get(verb, verb)}"


def changes_nothing(line: Mapping[str, Any]) -> bool:
    """Whether a line says no more than when the session trained."""
    return line["verb"] in ("pause", "resume", "end") or (line["verb"] == "stop" and line.get("branch") is None)


def moment(time: str) -> tuple[str, str]:
    """Day and time of day of ISO 8601."""
    return time[:10], time[11:19]


def told_of(effects: Sequence[Effect], verdict: str) -> list[str]:
    """Commands with a verdict, each in a sentence, and how many more there are."""
    here = [one for one in effects if one.verdict == verdict]
    said = [f"Command {one.line}: {one.words}" for one in here[:_SENTENCES]]
    more = len(here) - len(said)
    return [*said, *([f"and {count(more, 'more command')}, see above"] if more else [])]


def unclear(effects: Sequence[Effect]) -> list[str]:
    """Commands of which nothing can be said, by their numbers."""
    alike = list(dict.fromkeys(one.line for one in effects if one.verdict not in ("better", "worse", "too early")))
    early = list(dict.fromkeys(one.line for one in effects if one.verdict == "too early"))
    said = []
    if alike:
        said.append(f"No difference beyond noise: {numbered('command', 'commands', alike)}.")
    if early:
        said.append(f"Too early to tell: {numbered('command', 'commands', early)}.")
    return said


def numbered(one: str, several: str, numbers: Sequence[int]) -> str:
    """`Branch 1`, or `Branches 1, 2 and 5`."""
    if len(numbers) == 1:
        return f"{one} {numbers[0]}"
    return f"{several} {', '.join(map(str, numbers[:-1]))} and {numbers[-1]}"


def card(one: Mapping[str, Any]) -> dict[str, Any]:
    """A finding with its remedies, as the reports show them."""
    where = [] if one.get("branch") is None else [f"branch {one['branch']}"]
    where += [] if one.get("since") is None else [f"since epoch {one['since']:,}"]
    return {
        "name": one["name"] + (f" ({', '.join(where)})" if where else ""),
        "severity": one["severity"],
        "meaning": one["meaning"],
        "source": one["source"],
        "advice": [_advice(remedy, one.get("branch")) for remedy in one.get("remedies", ())],
        "evidence": [tuple(pair) for pair in one["evidence"]],
    }


def _advice(remedy: Mapping[str, Any], branch: int | None) -> str:
    """A remedy in a sentence, with the command that is typed for it."""
    said = f"Try {remedy['name']}: {remedy['reason']}".rstrip(".") + "."
    if not remedy.get("possible", True):
        return f"{said} Not in this session: {remedy.get('why_not') or 'it needs another one'}".rstrip(".") + "."
    if not remedy.get("settings"):
        return said
    settings = " ".join(f"{name}={_typed(value)}" for name, value in remedy["settings"].items())
    return f"{said} Typed: branch {0 if branch is None else branch} {settings}"


def _typed(value: Any) -> str:
    """A value as it is typed in a session."""
    return "none" if value is None else value if isinstance(value, str) else json.dumps(value)
