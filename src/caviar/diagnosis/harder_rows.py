"""Train rows that are harder than new ones: what was learned cannot be harder than what was not, of one kind of rows.

Where a network errs clearly less on held-out rows than on its own training rows, the sets differ. If their inputs do,
dev rows are of an easier kind; if only the errors do, the targets of train rows are wrong.
"""

from caviar.data.checks.distribution_shift import check_distribution_shift
from caviar.diagnosis.finding import Finding, FindingName
from caviar.diagnosis.guard import stuck
from caviar.diagnosis.subject import Subject

_SOURCE = "course sections 1 and 2 (dev rows of the same kind; bias and variance)"


def find(subject: Subject) -> list[Finding]:
    """`label_noise`, or `data_mismatch` where the inputs of train and dev rows differ too.

    Nothing is said of a network that learned next to nothing: its errors are the shares of the classes.
    """
    gaps, split = subject.gaps, subject.split
    if gaps is None or gaps.bridge is not None or not gaps.variance.high < -gaps.tolerance or stuck(subject):
        return []
    differ = any(check.severity != "info" for check in check_distribution_shift(split).checks)
    name: FindingName = "data_mismatch" if differ else "label_noise"
    unit = "of the rows" if split.task == "classification" else "of the target's variance"
    meaning = (
        f"The network misses {gaps.train.value:.1%} {unit} that it was trained on, but only {gaps.dev.value:.1%} on "
        f"rows it has not seen: {-gaps.variance.value:.1%} less (95 % interval {-gaps.variance.high:.1%} to "
        f"{-gaps.variance.low:.1%}). Rows that were learned cannot be harder than new ones of the same kind. "
    ) + (
        "The inputs of the sets differ too: dev rows are of an easier kind, and say little about rows like those of "
        "train. Draw both from where the network will be used."
        if differ
        else f"The inputs of both sets are alike, so that it is '{split.target.name}' that differs: many train rows "
        "bear a wrong one. Look at the train rows that it gets wrong, and correct them or leave them out."
    )
    evidence = {
        "train_error": gaps.train.to_json(),
        "dev_error": gaps.dev.to_json(),
        "gap": gaps.variance.to_json(),
        "tolerance": gaps.tolerance,
        "inputs_differ": differ,
    }
    return [Finding(name, "warning", evidence, meaning, _SOURCE)]
