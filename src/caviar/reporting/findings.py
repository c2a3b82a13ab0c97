"""Findings as people read them: in a line each, and in full on a screen."""

import textwrap
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from caviar.data.split import Split
from caviar.data.words import count
from caviar.diagnosis.data import DataDiagnosis
from caviar.diagnosis.finding import Finding, FindingName
from caviar.network.config import Config
from caviar.remedies.rules import against

_IN_FULL = 5
_WIDTH = 100
_TRIED_FIRST = 2
"""Remedies that are named under a finding."""

IN_A_LINE: Mapping[FindingName, str] = {
    "high_bias": "it cannot yet fit the rows that it is trained on",
    "high_variance": "it learns what does not carry over to rows it has not seen",
    "data_mismatch": "dev rows are of another kind than train rows",
    "overfit_dev": "so much was chosen by the dev rows that they flatter it",
    "vanishing_gradients": "the first layers receive next to no gradient",
    "exploding_gradients": "gradients grow from layer to layer until steps are wild",
    "dead_units": "many units answer every row alike, and no longer learn",
    "saturated_units": "many tanh or sigmoid units stand at a bound, where their slope is next to 0",
    "symmetric_units": "units of a layer are copies of each other",
    "poor_initialization": "it starts from weights that do not suit its layers",
    "learning_rate_too_high": "its steps are too long",
    "learning_rate_too_low": "its steps are too short to arrive within its epochs",
    "oscillating_loss": "its loss goes up and down instead of down",
    "diverged": "its loss became infinite or undefined",
    "plateau": "it stands where the loss is flat",
    "saddle": "it stands where the loss falls in some directions only",
    "undertrained": "its training ended while the loss still fell",
    "overtrained": "it was trained beyond the epoch that was best on held-out rows",
    "over_regularized": "what is to keep it from learning by heart keeps it from learning",
    "batch_too_small": "its mini-batches are so small that noise rules its steps",
    "batch_too_large": "its mini-batches are so large that it takes too few steps",
    "wrong_output_activation": "its last layer cannot give the answers that are asked for",
    "wrong_loss": "its loss does not measure what is asked for",
    "worse_than_baseline": "a far simpler model does better",
    "cannot_overfit_batch": "it cannot even learn a few rows by heart",
    "initial_loss_off": "it starts from answers that are far from what knows nothing",
    "examples_interact": "its answer for a row depends on the rows beside it",
    "learns_shuffled_labels": "it predicts held-out labels that were shuffled: something leaks",
    "no_gradient": "some weights never receive a gradient",
    "gradient_mismatch": "its gradients are not those of its loss",
    "duplicate_rows": "rows stand in the data several times",
    "near_duplicates": "rows of different sets are nearly the same",
    "leakage": "the same rows stand in several sets",
    "target_leakage": "a column gives the target away",
    "group_overlap": "rows that belong together stand in different sets",
    "row_order": "the place in the file tells the target",
    "conflicting_labels": "equal rows have different targets",
    "label_noise": "some labels look wrong",
    "distribution_shift": "the columns of dev, test or new rows are distributed otherwise than those of train rows",
    "label_shift": "dev or test have other shares of the classes than train",
    "class_imbalance": "some classes are rare",
    "missing_class": "a class lacks in one of the sets",
    "too_few_rows": "there are too few rows to tell",
    "constant_feature": "a column has one value only",
    "nearly_empty_column": "a column has hardly any values",
    "identifier_column": "a column names rows instead of describing them",
    "unnormalized_inputs": "the inputs are of very different sizes",
    "outliers": "some values lie far from all others",
}
"""Every finding in a line about the network, or its data."""


class Advice(NamedTuple):
    """What is prescribed against one finding.

    Attributes:
        tries: names of the remedies that are tried first.
        asks: what only a person can do.
    """

    tries: tuple[str, ...]
    asks: tuple[str, ...]

    @classmethod
    def on(cls, finding: Finding, config: Config, split: Split) -> Self:
        """The advice on a finding about this network and these data."""
        found = against(finding, config, split)
        tries = tuple(remedy.name for remedy in found if not remedy.asks)[:_TRIED_FIRST]
        return cls(tries, tuple(remedy.asks for remedy in found if remedy.asks))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"tries": list(self.tries), "asks": list(self.asks)}

    def words(self) -> list[str]:
        """Sentences."""
        tries = [f"Try: {', or '.join(self.tries)}."] if self.tries else []
        return [*tries, *(f"Only you can: {asked[:1].lower()}{asked[1:]}" for asked in self.asks)]


def finding_lines(
    findings: Sequence[Finding],
    advice: Sequence[Advice] = (),
    *,
    everything: bool = False,
    none: str = "Nothing was found.",
    rest: str = "Show them with --all.",
) -> list[str]:
    """Findings in full, the first of them at most a handful, the others by name.

    Args:
        findings: what hurts most first.
        advice: on each of them, or none at all.
        everything: all in full.
        none: said where there are none.
        rest: where the others can be read.

    Returns:
        Lines of at most 100 characters, but for words that are longer.
    """
    shown = findings if everything else findings[:_IN_FULL]
    left = findings[len(shown) :]
    lines = [_heading(findings, none)]
    for number, finding in enumerate(shown):
        lines += ["", f"{finding.severity.upper()}: {finding.name}", *wrapped(finding.meaning, "  ")]
        for sentence in advice[number].words() if advice else ():
            lines += wrapped(sentence, "  ", "    ")
    if left:
        names = ", ".join(f"{finding.name} ({finding.severity})" for finding in left)
        lines += ["", *wrapped(f"and {len(left)} more: {names}. {rest}", "")]
    return lines


def data_lines(found: DataDiagnosis, *, everything: bool = False) -> list[str]:
    """What `diagnose_data` found, then what is in order and what was skipped; `everything` as in `finding_lines`."""
    lines = finding_lines(
        found.findings, everything=everything, none="Nothing was found that speaks against these data."
    )
    for title, sentences in (("In order", found.passed), ("Left out", found.skipped)):
        if sentences:
            lines += ["", f"{title}:"]
            lines += [line for sentence in sentences for line in wrapped(f"- {sentence}", "", "  ")]
    return lines


def limiting(findings: Sequence[Finding]) -> list[Finding]:
    """Those by which accuracy is lost: all that are more than worth knowing."""
    return [finding for finding in findings if finding.severity != "info"]


def _heading(findings: Sequence[Finding], none: str) -> str:
    if not findings:
        return none
    if not limiting(findings):
        return f"Nothing to worry about; {count(len(findings), 'thing')} worth knowing:"
    return f"{count(len(findings), 'finding')}, the most severe first:"


def wrapped(text: str, indent: str, later: str | None = None) -> list[str]:
    """A sentence as lines of at most 100 characters, indented; those after the first by `later`."""
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent=indent,
        subsequent_indent=indent if later is None else later,
        break_long_words=False,
        break_on_hyphens=False,
    )
