"""`report.html` of a re-tuning: do the old settings still lead, what shifted, and what every contestant reached."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from caviar.data.words import count
from caviar.diagnosis.intervals import Estimate
from caviar.network.config import Config
from caviar.reporting import drawing, words
from caviar.reporting.config_file import config_lines
from caviar.reporting.pages import picture, write_page
from caviar.reporting.tuning_result import estimate

_KINDS = {
    "old": "of the old run",
    "start": "the config that the old search began with",
    "near": "near the old best",
    "fresh": "from anywhere in the space",
}


def write_retuning_report(folder: Path, summary: Mapping[str, Any]) -> Path:
    """Write the report of a finished re-tuning.

    Args:
        folder: its run folder.
        summary: the content of summary.json.

    Returns:
        Its path.
    """
    first, again = _parted(summary["contestants"])
    with drawing.style():
        content = {
            "content": summary,
            "sizes": ", ".join(f"{rows:,} {name}" for name, rows in summary["split"].items() if rows),
            "rows_of": count(summary["rows"], "row"),
            "tolerance": f"{summary['tolerance']:.0%}",
            "shift": [_check(check) for check in summary["shift"]["checks"]],
            "picture": picture(_gains(again)) if len(again) > 1 else "",
            "again": [_row(one, summary) for one in again],
            "first": [_row(one, summary) for one in first],
            "toml": "\n".join(config_lines(Config.from_mapping(summary["best"]["config"]))),
            "error": _figure(summary["best"]["dev_error"], summary["task"]),
            "duration": words.duration(summary["seconds"]),
        }
    path = folder / "report.html"
    write_page("retuning.html.jinja", content, path)
    return path


def _parted(contestants: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Those with the first seeds only, and those that were trained again with fresh ones."""
    most = max(one["seeds"] for one in contestants)
    return [one for one in contestants if one["seeds"] < most], [one for one in contestants if one["seeds"] == most]


def _check(check: Mapping[str, Any]) -> dict[str, str]:
    return {"severity": check["severity"], "meaning": check["meaning"]}


def _row(one: Mapping[str, Any], summary: Mapping[str, Any]) -> dict[str, Any]:
    """A contestant, its figures as words."""
    leader = next((other for other in summary["contestants"] if other["kind"] == "old"), one)
    own, old = (Config.from_mapping(each["config"]).changed(seed=0) for each in (one, leader))
    return {
        "name": one["name"],
        "kind": _KINDS[one["kind"]],
        "loss": words.interval(estimate(one["loss"])),
        "gain": words.interval(estimate(one["gain"])) if one is not leader else "",
        "error": _figure(one["dev_error"], summary["task"]),
        "seeds": one["seeds"],
        "better": one["better"],
        "settings": "as the old best" if own == old else words.changes(own, old),
    }


def _figure(kept: Mapping[str, Any], task: Any) -> str:
    found = estimate(kept)
    return f"{words.error(found.value, task)} ({words.error(found.low, task)} to {words.error(found.high, task)})"


def _gains(contestants: Sequence[Mapping[str, Any]]) -> str:
    """What each gains on the old best, with intervals."""
    figure, (axes,) = drawing.panels(1, width=7.2, height=0.8 + 0.3 * len(contestants))
    for place, one in enumerate(reversed(contestants)):
        gain: Estimate = estimate(one["gain"])
        color = drawing.GOOD if one["better"] else drawing.GREY
        axes.plot(drawing.finite([gain.value]), [place], "o", color=color, markersize=5)
        drawing.whisker(axes, place, gain, 1)
        axes.text(
            -0.01,
            place,
            drawing.text(one["name"]),
            ha="right",
            va="center",
            transform=axes.get_yaxis_transform(),
        )
    axes.axvline(0, color=drawing.GREY, linewidth=0.8)
    axes.set_yticks([])
    axes.set_ylim(-0.6, len(contestants) - 0.4)
    axes.set_xlabel("held-out loss below that of the old best (right of 0: better), with 95 % interval")
    return drawing.svg(figure)
