"""Steps that are too long or too short, and regularisation that is too strong: what companions show.

Each finding is an experiment: the same network with another learning rate, or without regularisation, was trained
beside it and is better on held-out rows, beyond the noise and by an amount that matters. Of several changes that help,
the one that helps most is told as what is wrong, the others as worth knowing (`guard.severity`).
"""

from caviar.diagnosis.finding import Finding, FindingName
from caviar.diagnosis.guard import Better, better, severity, stuck
from caviar.diagnosis.subject import Subject

_MOVED = 0.1
"""Of their length: weights that all updates together move by less are where they began."""

_RATE = "course section 6 (alpha comes first); Smith 2018; the companions are a controlled experiment"
_REGULARISED = "course section 3 (regularisation); the companion is a controlled experiment"


def find(subject: Subject) -> list[Finding]:
    """A learning rate that is too high or too low, and too much regularisation."""
    found = [_rate(subject, one) for one in better(subject, "lower rate", "higher rate")[:1]] or _motionless(subject)
    return found + [_regularised(subject, one) for one in better(subject, "plain")[:1]]


def _motionless(subject: Subject) -> list[Finding]:
    """Steps so short that all of them together hardly move the weights: companions that are as slow show nothing."""
    start = subject.start
    if start is None or not stuck(subject) or not start.gradient_norm.min(axis=0).all():
        return []
    updates = subject.updates_per_epoch * max(run.epochs for run in subject.runs)
    moved = float(start.update_ratio.max()) * updates
    if not moved < _MOVED:
        return []
    rate = subject.config.rate
    meaning = (
        f"The learning rate {rate:g} is too low: an update is {start.update_ratio.max():.1e} of the length of the "
        f"weights at most, so that all {updates:,} of them together move them by {moved:.1e} of it, were they "
        "all to go one way. The network is where it began."
    )
    evidence = {"learning_rate": rate, "update_ratio": start.update_ratio.tolist(), "updates": updates}
    return [Finding("learning_rate_too_low", "critical", evidence, meaning, _RATE)]


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
    evidence["best_rate"] = best.companion.config.rate
    if subject.end is not None:
        evidence["update_ratio"] = [float(f"{v:.3g}") for v in subject.end.update_ratio if v < float("inf")]
    return Finding(name, severity(subject, best), evidence, meaning, _RATE)


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
    return Finding("over_regularized", severity(subject, best), best.evidence() | changed, meaning, _REGULARISED)
