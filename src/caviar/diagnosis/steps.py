"""Steps that are too long or too short, and regularisation that is too strong: what companions show.

Each finding is an experiment: the same network with another learning rate, or without regularisation, was trained
beside it and is better on held-out rows, beyond the noise and by an amount that matters. Only what helps most is told
as a warning; where a lower and a higher rate both help, something else is wrong.
"""

from caviar.diagnosis.finding import Finding, FindingName, Severity
from caviar.diagnosis.guard import Better, better, share_diverged, stuck
from caviar.diagnosis.subject import Subject

_LEADS = 0.5
"""Share of the largest gain from which another change is told as well."""

_RATE = "course section 6 (alpha comes first); Smith 2018; the companions are a controlled experiment"
_REGULARISED = "course section 3 (regularisation); the companion is a controlled experiment"


def find(subject: Subject) -> list[Finding]:
    """A learning rate that is too high or too low, and too much regularisation."""
    rates = better(subject, "lower rate", "higher rate")[:1]
    plain = better(subject, "plain")[:1]
    others = better(subject, "lower rate", "higher rate", "plain", "other start")
    most = others[0].gain.value if others else 0.0
    found = [_rate(subject, one) for one in rates if one.gain.value >= _LEADS * most]
    found += [_regularised(subject, one) for one in plain if one.gain.value >= _LEADS * most]
    return found


def _rate(subject: Subject, best: Better) -> Finding:
    low = best.companion.kind == "higher rate"
    name: FindingName = "learning_rate_too_low" if low else "learning_rate_too_high"
    what = (
        "every step is so short that the epochs end before the network has learned what it can"
        if low
        else "the steps jump over what they should settle in, or throw the network where it learns nothing"
    )
    meaning = f"The learning rate {subject.config.rate:g} is too {'low' if low else 'high'}: {what}. {best.sentence()}"
    evidence = best.evidence() | {"learning_rate": subject.config.rate, "optimizer": subject.config.optimizer}
    if subject.end is not None:
        evidence["update_ratio"] = [float(f"{v:.3g}") for v in subject.end.update_ratio if v < float("inf")]
    return Finding(name, _severity(subject), evidence, meaning, _RATE)


def _regularised(subject: Subject, best: Better) -> Finding:
    changed = {
        name: value
        for name in ("l1", "l2", "weight_decay", "dropout", "label_smoothing", "input_noise", "mixup", "max_norm")
        if (value := getattr(subject.config, name)) not in (0.0, None)
    }
    said = ", ".join(f"{name} = {value}" for name, value in changed.items())
    meaning = (
        f"The network is held back by its regularisation ({said}): it cannot fit what it is shown. {best.sentence()} "
        "Less of it, found by halving, gives the balance."
    )
    return Finding("over_regularized", _severity(subject), best.evidence() | changed, meaning, _REGULARISED)


def _severity(subject: Subject) -> Severity:
    return "critical" if stuck(subject) or share_diverged(subject) == 1 else "warning"
