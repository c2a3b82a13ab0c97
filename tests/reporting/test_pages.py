"""Evidence in words, and the advice that stands beside a finding."""

import pytest

from caviar.diagnosis.finding import Finding
from caviar.reporting.findings import Advice, finding_lines
from caviar.reporting.pages import cards

E = {"value": 0.25, "low": 0.2, "high": 0.3, "rows": 1200}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (None, "unknown"),
        (True, "yes"),
        (0.123456, "0.123"),
        (3, "3"),
        ("a <b>", "a <b>"),
        (E, "0.25 (0.2 to 0.3), 1,200 rows"),
        ({"value": None, "low": None, "high": None, "rows": 3}, "value: unknown, low: unknown, high: unknown, rows: 3"),
        ({"by_layer": [0.5, 2]}, "by layer: 0.5, 2"),
        (list(range(10)), "0, 1, 2, 3, 4, 5, 6, 7, and 2 more"),
    ],
)
def test_evidence_is_written_as_people_do(value, words):
    (card,) = cards([Finding("outliers", "info", {"some_name": value}, "m", "s")], [Advice((), ())])
    assert card["evidence"] == [("some name", words)]


def test_advice_stands_under_its_finding():
    findings = [Finding(name, "warning", {}, "Meaning.", "here") for name in ("high_bias", "outliers")]
    lines = finding_lines(findings, [Advice(("wider", "deeper"), ()), Advice(("robust",), ("Look at the rows.",))])
    assert lines == [
        "2 findings, the most severe first:",
        "",
        "WARNING: high_bias",
        "  Meaning.",
        "  Try: wider, or deeper.",
        "",
        "WARNING: outliers",
        "  Meaning.",
        "  Try: robust.",
        "  Only you can: look at the rows.",
    ]
    assert finding_lines([]) == ["Nothing was found."]
