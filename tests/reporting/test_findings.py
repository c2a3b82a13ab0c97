"""Findings about data on a screen."""

import pytest

from caviar.data.checks.check import Check, Checked
from caviar.diagnosis.data import of_checked
from caviar.reporting.findings import data_lines

LONG = "A sentence of some words that goes on and on until it no longer fits in one line of the screen, as they do."


def found(*severities):
    checks = tuple(Check("outliers", s, {}, f"{i}: {LONG}", "here") for i, s in enumerate(severities))
    return of_checked(Checked(checks, ("Not looked at.",), ("All is well.",)))


def test_a_handful_is_shown_and_the_rest_named():
    lines = data_lines(found(*["warning"] * 5, "info", "info"))
    text = "\n".join(lines)
    assert lines[0] == "7 findings, the most severe first:"
    assert text.count("WARNING: outliers") == 5
    assert "and 2 more: outliers (info), outliers (info). Show them with --all." in text
    assert text.endswith("In order:\n- All is well.\n\nLeft out:\n- Not looked at.")
    assert max(map(len, lines)) <= 100
    everything = "\n".join(data_lines(found(*["warning"] * 5, "info", "info"), everything=True))
    assert everything.count("INFO: outliers") == 2
    assert "more:" not in everything


@pytest.mark.parametrize(
    ("severities", "heading"),
    [
        ((), "Nothing was found that speaks against these data."),
        (("info",), "Nothing to worry about; 1 thing worth knowing:"),
        (("critical",), "1 finding, the most severe first:"),
    ],
)
def test_the_heading_sums_up(severities, heading):
    assert data_lines(found(*severities))[0] == heading
