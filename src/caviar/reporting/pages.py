"""What the reports share: the page, and the content of its findings, remedies and gaps, all numbers already words."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from caviar.data.split import Split
from caviar.diagnosis.bias_variance import BiasVariance
from caviar.diagnosis.finding import Finding
from caviar.diagnosis.intervals import Estimate
from caviar.files import write_atomically
from caviar.remedies.experiment import Outcome
from caviar.reporting import plots, words
from caviar.reporting.findings import Advice

_LISTED = 8
"""Parts of a list that are shown as evidence."""


def write_page(template: str, content: dict[str, Any], path: Path) -> None:
    """Write a page.

    Args:
        template: its file among the templates.
        content: what it shows; text from data is escaped.
        path: of the file.
    """
    environment = Environment(
        loader=PackageLoader("caviar.reporting"),
        autoescape=select_autoescape(default=True, default_for_string=True),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["number"] = words.number
    html = environment.get_template(template).render(**content)
    with write_atomically(path) as beside:
        beside.write_text(html, encoding="utf-8")


def picture(svg: str) -> Markup:
    """A picture that stands in a page as it is."""
    return Markup(svg)


def cards(findings: Sequence[Finding], advice: Sequence[Advice]) -> list[dict[str, Any]]:
    """Findings in full, each with the advice on it and its evidence."""
    return [
        {
            "name": finding.name,
            "severity": finding.severity,
            "meaning": finding.meaning,
            "source": finding.source,
            "advice": one.words(),
            "evidence": [(name.replace("_", " "), figure(value)) for name, value in finding.evidence.items()],
        }
        for finding, one in zip(findings, advice, strict=True)
    ]


def figure(value: Any) -> str:
    """A piece of evidence as people write it."""
    match value:
        case None | bool():
            return {None: "unknown", True: "yes", False: "no"}[value]
        case float():
            return words.number(value)
        case {"value": float(), "low": float(), "high": float(), "rows": rows}:
            return f"{words.interval(Estimate(**value))}, {rows:,} rows"
        case dict():
            return ", ".join(f"{str(name).replace('_', ' ')}: {figure(part)}" for name, part in value.items())
        case list() | tuple():
            more = f", and {len(value) - _LISTED:,} more" if len(value) > _LISTED else ""
            return ", ".join(figure(part) for part in value[:_LISTED]) + more
        case _:
            return str(value)


def remedy_rows(outcomes: Sequence[Outcome], split: Split) -> list[dict[str, str]]:
    """Remedies that were tried."""
    classification = split.task == "classification"
    return [
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


def remedies_picture(outcomes: Sequence[Outcome]) -> Markup:
    """Their gains; empty where none was tried."""
    return picture(plots.gains([(o.remedy.name, o.gain, o.verdict) for o in outcomes]) if outcomes else "")


def gaps(parts: Sequence[tuple[str, BiasVariance]], split: Split) -> dict[str, Any] | None:
    """Bias and variance of networks, by their names; None where there are none."""
    if not parts:
        return None
    unit = "of the rows" if split.task == "classification" else "of the target's variance"

    def gap(estimate: Estimate) -> str:
        return f"{estimate.value:.2%} ({estimate.low:.2%} to {estimate.high:.2%})"

    return {
        "unit": unit,
        "optimal": parts[0][1].optimal.how,
        "bridge": bool(split.n_bridge),
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
        "picture": picture(plots.bias_and_variance(parts)),
    }
