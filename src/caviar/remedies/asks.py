"""What no setting mends: remedies that ask a person for rows, labels, another division, or a look at their own code."""

from collections.abc import Mapping

from caviar.diagnosis.finding import FindingName
from caviar.remedies.case import Case, Rule
from caviar.remedies.remedy import Remedy

_SETS = "course section 1 (the sets)"


def ask(name: str, what: str, reason: str, source: str, *, cost: str = "a person's time") -> Rule:
    """A rule that asks for the same in every case."""

    def rule(_: Case) -> Remedy | None:
        return Remedy(name, "data", {}, reason, cost, source, asks=what)

    return rule


def more_rows(case: Case) -> Remedy | None:
    """Twice the train rows: the course's first remedy against variance."""
    n = case.split.n_train
    return Remedy(
        "more data",
        "variance",
        {},
        "What holds for more rows holds for others too; it is the surest remedy against variance.",
        "what rows cost",
        "course section 2 (the basic recipe)",
        asks=f"Bring more rows to train on: {2 * n:,} instead of {n:,} would tell whether still more are worth it.",
    )


more_held_out_rows = ask(
    "more dev rows",
    "Hold out more rows, or bring more: with four times as many, intervals are half as wide.",
    "A difference that the held-out rows cannot tell cannot be chosen by.",
    _SETS,
    cost="what rows cost",
)
rows_like_dev = ask(
    "train rows like dev",
    "Train on rows of the kind that is asked for: collect them, or make train rows more like them.",
    "A network learns the kind of rows it is shown.",
    "course sections 1 and 2 (mismatch)",
    cost="what rows cost",
)
more_rare_rows = ask(
    "more rows of rare classes",
    "Bring more rows of the classes that have few.",
    "Of a class with few rows neither what it is nor how often it is missed can be learned well.",
    "He & Garcia 2009",
    cost="what rows cost",
)
checked_labels = ask(
    "checked labels",
    "Look at the rows that the network gets wrong, those first that the finding lists, and correct their labels.",
    "A wrong label teaches what is wrong, and in dev and test it measures what is wrong.",
    "Northcutt et al. 2021",
)
checked_values = ask(
    "checked values",
    "Look at the values that the finding lists: correct slips, and mark what is missing as missing.",
    "A slip of a few digits outweighs hundreds of right rows.",
    "course section 1",
)
_dropped = ask(
    "columns left out",
    'Leave the columns out that the finding names: name = "drop" in --types.',
    "What tells nothing about new rows costs weights and invites learning by heart.",
    "course section 1",
)
_new_division = ask(
    "another division",
    "Divide the rows so that what belongs together lies in one set: --group, or without the copies.",
    "Rows that train has seen already flatter every figure measured on them.",
    _SETS,
)

BY_PERSON: Mapping[FindingName, list[Rule]] = {
    "overfit_dev": [more_held_out_rows],
    "too_few_rows": [more_rows, more_held_out_rows],
    "leakage": [_new_division],
    "group_overlap": [_new_division],
    "near_duplicates": [_new_division],
    "duplicate_rows": [
        ask(
            "copies left out",
            "Leave the copies out, unless the same row was truly seen so often.",
            "A copy counts its row twice and tells nothing new.",
            _SETS,
        )
    ],
    "target_leakage": [
        ask(
            "a column that gives the target away left out",
            "Ask whether the column is known when a prediction is due; if not, leave it out.",
            "What is written down after the outcome is not there for new rows.",
            "Kaufman et al. 2012",
        )
    ],
    "conflicting_labels": [checked_labels],
    "row_order": [
        ask(
            "a division by time",
            "If rows come in the order of time, divide by it (--time); if not, shuffle the file.",
            "Rows of the future are to be predicted by those of the past.",
            _SETS,
        )
    ],
    "distribution_shift": [rows_like_dev],
    "label_shift": [rows_like_dev],
    "missing_class": [more_rare_rows],
    "constant_feature": [_dropped],
    "nearly_empty_column": [_dropped],
    "identifier_column": [_dropped],
    "examples_interact": [
        ask(
            "a look at apply",
            "Let `apply` of your network treat every row alone at test: no means over the rows of a mini-batch.",
            "An answer must not depend on which rows happen to stand beside it.",
            "Karpathy 2019",
        )
    ],
    "learns_shuffled_labels": [
        ask(
            "a look for a leak",
            "Look for what carries labels past the shuffling: rows in both sets, or a metric computed on train rows.",
            "From labels without meaning nothing can be learned that holds for other rows.",
            "Zhang et al. 2017; Karpathy 2019",
        )
    ],
    "gradient_mismatch": [
        ask(
            "another backward pass",
            "Correct the backward pass of the parameters that the gradient check lists.",
            "A wrong gradient leads elsewhere, however long one follows it.",
            "course section 4 (gradient checking)",
        )
    ],
}
"""Findings that only a person can mend, and what is asked."""
