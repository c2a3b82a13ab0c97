"""What the checks of data found, as lines for a screen."""

import textwrap
from collections.abc import Sequence

from caviar.data.words import count
from caviar.diagnosis.data import DataDiagnosis
from caviar.diagnosis.finding import Finding

_IN_FULL = 5
_WIDTH = 100


def data_lines(found: DataDiagnosis, *, everything: bool = False) -> list[str]:
    """Findings in full, the most severe first, then what is in order and what was skipped.

    Args:
        found: of `diagnose_data`.
        everything: show all findings in full, not only the first five.

    Returns:
        Lines of at most 100 characters, but for words that are longer.
    """
    shown = found.findings if everything else found.findings[:_IN_FULL]
    rest = found.findings[len(shown) :]
    lines = [_heading(found.findings)]
    for finding in shown:
        lines += ["", f"{finding.severity.upper()}: {finding.name}", *_wrapped(finding.meaning, "  ")]
    if rest:
        names = ", ".join(f"{finding.name} ({finding.severity})" for finding in rest)
        lines += ["", *_wrapped(f"and {len(rest)} more: {names}. Show them with --all.", "")]
    for title, sentences in (("In order", found.passed), ("Left out", found.skipped)):
        if sentences:
            lines += ["", f"{title}:"]
            lines += [line for sentence in sentences for line in _wrapped(f"- {sentence}", "", "  ")]
    return lines


def _heading(findings: Sequence[Finding]) -> str:
    if not findings:
        return "Nothing was found that speaks against these data."
    if all(finding.severity == "info" for finding in findings):
        return f"Nothing to worry about; {count(len(findings), 'thing')} worth knowing:"
    return f"{count(len(findings), 'finding')}, the most severe first:"


def _wrapped(text: str, indent: str, later: str | None = None) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )
